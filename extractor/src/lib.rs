//! Reads a Qlik Sense site and publishes what it finds as events.
//!
//! * [`pipeline`]: one run, top to bottom. [`commands`]: what the command line does.
//! * [`qlik`]: the protocols, bottom up; knows nothing of events.
//! * [`map`]: what was read of an app → events; [`expression`]: chart expressions → the fields that
//!   they read; [`script`]: load scripts → lineage; [`changes`]: events compared with what is
//!   published; [`page`]: lineage → one HTML file. All pure.
//! * `scripts`: an app's script through the script engine; `files`: what all apps together say of
//!   data files.
//! * [`kafka`] and [`state`]: what is published, written and read back. There is no other state.

mod app;
pub mod changes;
pub mod check;
pub mod cli;
pub mod commands;
pub mod config;
mod cross_check;
pub mod expression;
mod files;
mod follow;
pub mod includes;
pub mod kafka;
pub mod lineage;
mod listed;
pub mod map;
pub mod page;
pub mod pipeline;
mod progress;
pub mod qlik;
mod records;
pub mod report;
pub mod runtime;
pub mod script;
mod scripts;
pub mod state;
mod topics;
mod wire;
mod writer;

/// An error and its causes on one line.
pub(crate) fn error_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.ends_with(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}
