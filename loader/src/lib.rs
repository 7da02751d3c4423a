//! Loads events into OpenMetadata.
//!
//! * [`sink`]: what happens to a batch of changes; [`sink::openmetadata`] does it over REST.

pub mod config;
pub mod sink;
