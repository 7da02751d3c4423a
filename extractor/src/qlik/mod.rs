//! A Qlik Sense site: Engine JSON API, Repository Service (QRS) and engine REST.
//!
//! [`Site`] is what the rest of the extractor uses: which apps there are, and what one app holds.
//! Everything else lies below it, each file on those before it:
//!
//! * [`settings`]: how to reach a site, checked as a whole before anything is contacted.
//! * `address`, `pem`, `legacy_key`, [`certificate`], `verifier`, [`tls`]: URLs and TLS.
//! * `transport` (one websocket), `rpc` (messages), `notification`,
//!   `call_error`, `session` (one engine session).
//! * `http`, `login` (who we are), `engine` (one method per engine method).
//! * `crawl` and `progress` (one app's objects), `data_model`, `qrs`, `cloud`, `inventory` (the
//!   site's apps).
//! * `limiter` (how many sessions at a time), `read` (one app, with retries), `site`,
//!   `probe` (what only `check` asks).
//!
//! Nothing in here knows of events or of Kafka.

mod address;
mod call_error;
pub mod certificate;
mod class;
mod cloud;
mod counters;
mod crawl;
mod data_model;
mod elements;
mod engine;
mod feed;
mod http;
mod inventory;
mod legacy_key;
mod limiter;
mod list;
mod login;
pub mod model;
mod notification;
mod pem;
mod probe;
mod progress;
mod qrs;
mod read;
mod rpc;
mod session;
pub mod settings;
mod site;
pub mod tls;
mod transport;
mod verifier;

pub use call_error::{CallError, SessionError};
pub use class::Class;
pub use counters::Requests;
pub use crawl::CrawlError;
pub use feed::{Change, Feed};
pub use http::RestError;
pub use login::LoginError;
pub use notification::Refusal;
pub use pem::PemError;
pub use probe::{DataModels, Peer};
pub use read::{AppError, AppFailure, ReadLimits};
pub use rpc::EngineError;
pub use settings::Settings;
pub use site::{Error, Site};
pub use transport::ConnectError;

/// Reads a message of the engine: its result when it is a reply with one. What a session does with
/// each, for tests that feed it anything.
#[must_use]
pub fn reply_of(text: &str) -> Option<serde_json::Value> {
    match rpc::Incoming::parse(text) {
        Ok(rpc::Incoming::Reply { outcome, .. }) => outcome.ok()?.value().ok(),
        _ => None,
    }
}
