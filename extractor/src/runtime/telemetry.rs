//! Logs go to standard error; standard output is for data.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Libraries that log what passes through them, secrets of load scripts and sockets among it: whatever
/// the level, they keep that to themselves.
const QUIET: &str = "sqlparser=warn,tungstenite=info,tokio_tungstenite=info";

/// Starts logging. `level` is a level or a filter such as `info,rdkafka=warn`.
///
/// # Errors
/// When `level` is no filter.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(format!("librdkafka=warn,rdkafka=warn,{level},{QUIET}"))
        .map_err(|error| format!("`--log-level {level}` is no log filter: {error}"))?;
    let registry = tracing_subscriber::registry().with(filter);
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let started = match format {
        LogFormat::Text => {
            registry.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init()
        }
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
    started.map_err(|error| format!("failed to start logging: {error}"))
}
