//! What surrounds a command: logs, signals, the admin server with its page and its metrics.

pub mod admin;
mod html;
mod metrics;
mod page;
pub mod progress;
mod shown;
pub mod shutdown;
pub mod telemetry;
#[cfg(feature = "otel")]
mod traces;
