//! Loads events into OpenMetadata.
//!
//! Data flows one way: [`source`] (Kafka) → [`decode`] → [`plan`] (batches, stages) → [`sink`] →
//! [`offsets`]; [`pipeline`] is where that is written down. What cannot be loaded goes to
//! [`dead_letters`]. [`commands`] are the program's commands, [`config`] its settings, [`wire`] the one
//! place where the commands meet the OpenMetadata sink.

pub mod cli;
pub mod commands;
pub mod config;
pub mod dead_letters;
pub mod decode;
pub mod filter;
pub mod offsets;
pub mod pipeline;
pub mod plan;
mod recent;
pub mod report;
pub mod runtime;
pub mod sink;
pub mod source;
pub mod wire;

/// An error and its causes in one line.
#[must_use]
pub fn error_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some libraries repeat their cause in their own text.
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
