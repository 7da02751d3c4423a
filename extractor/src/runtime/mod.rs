//! What surrounds a run: logs, shutdown, health.

pub mod admin;
mod history;
mod html;
pub mod metrics;
mod page;
mod shown;
pub mod shutdown;
pub mod telemetry;
#[cfg(feature = "otel")]
mod traces;
