//! Reads a Qlik Sense site and publishes what it finds as events.
//!
//! * [`qlik`]: the protocols, bottom up; knows nothing of events.
//! * [`map`]: what was read of an app → events; pure.
//! * [`expression`]: chart expressions → the fields they read; pure.

pub mod changes;
pub mod config;
pub mod expression;
pub mod kafka;
pub mod map;
pub mod qlik;
pub mod state;
