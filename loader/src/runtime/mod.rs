//! What surrounds a command: logs, signals, the admin server.

pub mod admin;
pub mod progress;
pub mod shutdown;
pub mod telemetry;
