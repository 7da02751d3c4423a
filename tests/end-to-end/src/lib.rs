//! What the end-to-end tests stand on: a broker (in-process, or a real one), the stages as processes,
//! and what an app must lead to, computed by an independent walk over its bundle.

pub mod admin;
pub mod broker;
pub mod difference;
pub mod expected;
pub mod stage;
pub mod world;
