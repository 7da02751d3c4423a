//! Logs go to standard error, above the progress bar when there is one; standard output is for data.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::progress;

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Starts logging. `level` is a level or a filter such as `info,rdkafka=warn`.
///
/// # Errors
/// When `level` is no filter.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(format!("librdkafka=warn,rdkafka=warn,{level}"))
        .map_err(|error| format!("`--log-level {level}` is no log filter: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    if format == LogFormat::Json {
        progress::never_draw();
    }
    let lines = fmt::layer().with_writer(|| progress::AboveBar).with_target(false);
    let started = match format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| format!("failed to start logging: {error}"))
}
