//! The extractor's command line program.

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    extractor::commands::main(extractor::cli::Cli::parse()).await
}
