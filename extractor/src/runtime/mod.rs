//! What surrounds a run: logs, shutdown, health.

pub mod admin;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;
