//! End-to-end tests: both stages as processes between simulators, over the mock cluster, or over the
//! broker and registry named by `KAFKA_BOOTSTRAP` and `SCHEMA_REGISTRY_URL`.
//!
//! A new test goes where its question is: what arrives (`chain`), what must not change (`idempotence`),
//! what survives a crash (`crash`, `histories`), what the operator is told (`errors`),
//! who gets in (`security`, `registry`), who else can read (`consumers`),
//! what an extractor that follows the site notices (`follow`), what the admin ports show (`admin`,
//! `monitoring`), what is read without opening apps (`unopened`).

#![expect(
    clippy::print_stdout,
    reason = "what is skipped, and which case runs, is for who reads the test's output"
)]

mod admin;
mod architecture;
mod chain;
mod check;
mod cloud;
mod configuration;
mod connection;
mod consumers;
mod crash;
mod errors;
mod fidelity;
mod follow;
mod histories;
mod idempotence;
mod lineage;
mod monitoring;
mod options;
mod plan;
mod registry;
mod secrets;
mod security;
mod site;
mod tls;
#[cfg(feature = "otel")]
mod traces;
mod unopened;

use end_to_end::world;
