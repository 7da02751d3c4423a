//! The loader against an in-process Kafka (librdkafka's mock cluster) and an in-memory catalogue, and
//! its sink against a stand-in for OpenMetadata. Every test has a cluster of its own.
//!
//! With `KAFKA_BOOTSTRAP=host:port` they run against that broker instead, each with topics and groups
//! of its own; tests of what only the mock can do say that they skip.

#![expect(clippy::print_stdout, reason = "tests say what they skip")]

mod checking;
mod documentation;
mod groups;
mod kafka;
mod letters;
mod loading;
mod memory;
mod openmetadata;
mod program;
mod real;
mod recalling;
mod reconciling;
mod registry;
mod replaying;
mod trouble;
