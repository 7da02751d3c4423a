//! A stand-in for an OpenMetadata server, for tests, benchmarks and demonstrations.
//!
//! It answers as real servers do: releases 1.2.0-SNAPSHOT and 1.12.6 as their recorded answers say, the others from
//! 1.1 to 2.0 by the rules in `version.rs`. Entities are kept in memory. What it is for:
//!
//! * [`OpenMetadata::start`] on a free port, [`Running::url`] and [`Running::token`] for the client under test;
//! * [`Running::catalogue`], [`Running::entity`], [`Running::versions`], [`Running::request_counts`] to see what the
//!   client did;
//! * [`Running::faults`] to see how it bears what servers do at night;
//! * [`Running::as_admin`] for what people do meanwhile.
//!
//! ```no_run
//! # async fn test() -> Result<(), Box<dyn std::error::Error>> {
//! use openmetadata_simulator::{Effect, Fault, Kind, OpenMetadata, Seed, Settings};
//!
//! let server = OpenMetadata::start(Settings::of_release("1.8.12".parse()?)).await?;
//! server.seed(&Seed::default().table("dwh_pg.dwh.sales.orders", &["id", "amount"]))?;
//! server.faults().add(Fault::once(Effect::DropAfter).on("PUT", "/dashboards$"))?;
//! // … let the loader load into `server.url()` with `server.token()` …
//! assert_eq!(server.entities(Kind::Dashboard).len(), 1);
//! server.clear_requests();
//! // … load the same again …
//! assert_eq!(server.writes(), 0);
//! # Ok(())
//! # }
//! ```
//!
//! From a request to its answer: `server` (HTTP, faults, latency) → `api` (route, token, handler) → `schema` (strict
//! bodies) → `write` (drafts, comparison, versions), `lineage`, `search` or `bulk` → `store` → `render`.

mod access;
mod api;
mod bulk;
mod catalogue;
mod control;
mod entity;
mod faults;
mod fqn;
mod http;
mod json;
mod kind;
mod lineage;
mod locate;
mod log;
mod patch;
mod problem;
mod render;
mod running;
mod schema;
mod search;
mod seed;
mod server;
mod settings;
mod store;
mod version;
mod write;

pub use self::access::DEFAULT_TOKEN;
pub use self::faults::{BadFault, Effect, Fault, Faults};
pub use self::kind::Kind;
pub use self::log::LoggedRequest;
pub use self::running::{Error, OpenMetadata, Running};
pub use self::seed::Seed;
pub use self::settings::Settings;
pub use self::version::{Release, UnknownRelease};
