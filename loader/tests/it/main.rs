//! The loader against an in-process Kafka (librdkafka's mock cluster) and an in-memory catalogue.
//! Every test has a cluster of its own.

mod groups;
mod kafka;
mod letters;
mod loading;
mod memory;
mod registry;
mod replaying;
mod trouble;
