//! Logs go to standard error; standard output is for data.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::{
    EnvFilter,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt,
    prelude::*,
};

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Keeps telemetry going; what is not sent yet is sent when it is dropped, which may take some seconds.
#[must_use]
#[derive(Debug, Default)]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

#[cfg(feature = "otel")]
impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.provider.take().map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "not all traces were sent");
        }
    }
}

/// Starts logging, and with the feature `otel` traces. `level` is a level or a filter such as `info,loader::source=debug`.
///
/// # Errors
/// When `level` is no filter, or the environment asks for traces that cannot be had.
pub fn start(format: LogFormat, level: &str) -> Result<Telemetry, String> {
    let filter = EnvFilter::builder()
        .parse(format!("librdkafka=warn,rdkafka=warn,{level}"))
        .map_err(|error| format!("`--log-level {level}` is no log filter: {error}"))?;
    // Spans are for traces only: log lines have fields of their own. Without the hint every
    // library's `trace!` would be looked at before it is dropped.
    let no_spans = filter_fn(|metadata| !metadata.is_span());
    let filter = filter.and(no_spans.with_max_level_hint(LevelFilter::TRACE));
    let telemetry = Telemetry {
        #[cfg(feature = "otel")]
        provider: super::traces::provider()?,
    };
    let registry = tracing_subscriber::registry();
    #[cfg(feature = "otel")]
    let registry = registry.with(telemetry.provider.as_ref().map(super::traces::layer));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let started = match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(std::io::stderr().is_terminal());
            registry.with(lines.with_filter(filter)).try_init()
        }
        LogFormat::Json => {
            registry.with(lines.json().flatten_event(true).with_filter(filter)).try_init()
        }
    };
    started.map_err(|error| format!("failed to start logging: {error}"))?;
    Ok(telemetry)
}
