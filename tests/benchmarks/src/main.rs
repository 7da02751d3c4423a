//! Measures the extractor against a simulated site, over an in-process or a real broker.
//!
//! 1. A full run over copies of the sample apps, then an unchanged one, with the times of a real site.
//! 2. Changes while it follows the site: how long until the event is on the topic.
//! 3. A site with very many apps, nothing changed: time and memory.
//!
//! The simulator runs in this process and takes a share of the machine; its work is part of what is
//! measured, so figures are an upper bound.

mod bench;
mod broker;
mod extractor;
mod latency;
mod site;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::Parser;

/// Measures the extractor: full and unchanged runs, many listed apps, change to event.
///
/// Prints each figure with its goal. Build the extractor in the same profile first:
/// `cargo build --release -p extractor && cargo run --release -p benchmarks`.
#[derive(Debug, Parser)]
#[command(version)]
pub(crate) struct Arguments {
    /// Apps that are read in full.
    #[arg(long, value_name = "N", default_value_t = 500)]
    apps: usize,
    /// Apps of the large site, none of which changed; 0 leaves that part out. Beyond 5,000 use
    /// `--bootstrap-servers`: the in-process broker keeps 5 MiB a partition.
    #[arg(long, value_name = "N", default_value_t = 25_000)]
    listed: usize,
    /// Changes whose way to the topic is measured; 0 leaves that part out.
    #[arg(long, value_name = "N", default_value_t = 60)]
    changes: usize,
    /// Engine sessions at a time.
    #[arg(long, value_name = "N", default_value_t = 4)]
    sessions: u32,
    /// Milliseconds of every engine, repository and REST request.
    #[arg(long, value_name = "MS", default_value_t = 5)]
    request_ms: u64,
    /// Milliseconds of opening an app without data, in addition.
    #[arg(long, value_name = "MS", default_value_t = 20)]
    open_ms: u64,
    /// Milliseconds of opening an app with data, in addition.
    #[arg(long, value_name = "MS", default_value_t = 200)]
    open_with_data_ms: u64,
    /// A Kafka broker; default: one in this process.
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
    /// Partitions of every topic.
    #[arg(long, value_name = "N", default_value_t = 48)]
    partitions: u16,
    /// Bundles that are copied.
    #[arg(long, value_name = "FOLDER", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../sample-apps"))]
    bundles: PathBuf,
    /// The extractor's program; default: beside this one.
    #[arg(long, value_name = "FILE")]
    extractor: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match bench::run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            say("a goal was missed");
            ExitCode::from(1)
        }
        Err(error) => {
            writeln!(std::io::stderr(), "error: {error:#}").ok();
            ExitCode::from(2)
        }
    }
}

/// Prints a line.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
