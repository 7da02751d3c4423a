//! The contract between the stages, and with every other consumer of the topics.
//!
//! * [`event`]: what is said about a Qlik site, one Rust type per Avro schema in `avro/`.
//! * [`Topic`]: the topics, which text of an event decides its partition, and the record headers.
//! * [`key`]: record keys, the identities of events.
//! * [`codec`]: Avro with either framing, Confluent's wire format or single-object encoding.
//! * [`registry`]: a client for Confluent-compatible schema registries.
//! * [`oidc`]: tokens for brokers that want SASL OAUTHBEARER.
//! * [`config`]: the one YAML file that serves both stages.
//!
//! Everything of one app lies in the same partition number of every topic, and an app's dashboard
//! event is written after everything else of that app is confirmed: it is the commit marker.
//! The stages share this crate and nothing else.

pub mod codec;
pub mod config;
pub mod event;
pub mod hash;
pub mod headers;
pub mod json;
pub mod key;
mod last_words;
pub mod oidc;
pub mod registry;
mod topic;

pub use event::Event;
pub use last_words::LastWords;
pub use topic::{Topic, TopicNames, partition_for};
