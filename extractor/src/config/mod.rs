//! Configuration: `raw` is what was written, [`Settings`] what was checked. Nothing is contacted here.

mod connection;
mod filter;
mod notices;
pub mod raw;
mod validate;

use std::{path::Path, time::Duration};

use schemas::{
    TopicNames,
    config::{Document, Kafka, Problems},
};
use secrecy::SecretString;

pub use self::filter::Filter;
use crate::includes::Includes;
pub use crate::qlik::settings::SpaceKind;

/// Everything the extractor needs to know, checked.
#[derive(Debug)]
pub struct Settings {
    /// Name of the site.
    pub service: String,
    /// How to reach it.
    pub site: Site,
    /// Base of links, without a final slash.
    pub base_url: Option<String>,
    /// What is read.
    pub scope: Scope,
    /// Names of the topics.
    pub topics: TopicNames,
    /// Kafka; `None` for commands that do not need it.
    pub kafka: Option<Kafka>,
    /// How a run goes.
    pub run: Run,
    /// Files that load scripts include.
    pub includes: Includes,
    /// Settings that mean nothing here or are not needed, for the log.
    pub notices: Vec<String>,
}

/// How to reach a site.
#[derive(Debug)]
pub struct Site {
    /// What kind of site it is.
    pub kind: Kind,
    /// Whether owners are wanted.
    pub owners: bool,
    /// `hostPort`.
    pub engine_url: String,
    /// `extractor.repositoryUrl`.
    pub repository_url: Option<String>,
    /// Whether the repository is asked.
    pub repository: bool,
    /// Certificates as PEM text.
    pub certificates: Certificates,
    /// Bearer token.
    pub token: Option<SecretString>,
    /// Session cookie of a virtual proxy.
    pub session_cookie: Option<SecretString>,
    /// Header that a virtual proxy takes the user from.
    pub user_header: Option<String>,
    /// User directory.
    pub user_directory: String,
    /// User id.
    pub user_id: String,
    /// What is verified of the server's certificate.
    pub verification: Verification,
    /// Limits and deadlines.
    pub limits: Limits,
}

/// Kind of site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Qlik Sense Enterprise on Windows (or Desktop): engine and repository.
    ClientManaged,
    /// A tenant of Qlik Cloud: REST and engine, with a bearer token.
    Cloud {
        /// Kinds of spaces to read.
        spaces: Vec<SpaceKind>,
    },
}

/// PEM texts.
#[derive(Debug, Default)]
pub struct Certificates {
    /// Root certificate of the site.
    pub root: Option<String>,
    /// Client certificate.
    pub client: Option<String>,
    /// Key of the client certificate.
    pub key: Option<SecretString>,
    /// Password of the key.
    pub key_password: Option<SecretString>,
}

/// What is verified of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Chain and host name.
    Full,
    /// Chain only (`validateHostName: false`): Qlik's certificates name one machine only.
    Chain,
    /// Nothing (`extractor.verifyCertificates: false`).
    Off,
}

/// Bounds of the client.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Engine sessions at a time.
    pub sessions: usize,
    /// Apps opened with data at a time.
    pub sessions_with_data: usize,
    /// Requests in flight on one session.
    pub requests_in_flight: usize,
    /// Largest websocket message, bytes.
    pub max_message_bytes: usize,
    /// For connecting.
    pub connect_timeout: Duration,
    /// For one request.
    pub request_timeout: Duration,
    /// For opening an app with data.
    pub open_with_data_timeout: Duration,
    /// Wait after a refused session.
    pub session_limit_backoff: Duration,
    /// How long the engine keeps a session after its socket is gone, seconds.
    pub session_ttl: u32,
}

/// What is read.
#[derive(Debug, Default)]
pub struct Scope {
    /// Apps, by name.
    pub dashboards: Filter,
    /// Charts, by title.
    pub charts: Filter,
    /// Tables, by name.
    pub data_models: Filter,
    /// Streams or spaces, by name.
    pub projects: Filter,
    /// Streams, by name.
    pub streams: Filter,
    /// Whether events name the owner.
    pub include_owners: bool,
    /// Whether events carry tags and custom properties.
    pub include_tags: bool,
    /// Whether tables and lineage are read.
    pub include_data_models: bool,
    /// Whether unpublished apps are read.
    pub include_drafts: bool,
    /// Whether filter panes and the like become charts.
    pub non_chart_objects: bool,
}

/// How a run goes.
#[derive(Debug)]
pub struct Run {
    /// For one app.
    pub app_deadline: Duration,
    /// How long app after app may fail until a run is given up.
    pub outage_timeout: Duration,
    /// Whether the engine is asked too which fields expressions read.
    pub check_expressions: bool,
    /// Whether vanished apps become tombstones.
    pub delete_dashboards: bool,
    /// Whether vanished tables become tombstones.
    pub delete_data_models: bool,
    /// Whether vanished charts become tombstones.
    pub delete_charts: bool,
    /// Largest share of known apps that may vanish, 0 to 1.
    pub max_deleted_share: f64,
    /// For a record to be confirmed.
    pub delivery_timeout: Duration,
    /// Most bytes that a partition may hold.
    pub max_partition_bytes: Option<u64>,
    /// For finishing after SIGTERM.
    pub shutdown_deadline: Duration,
    /// When runs start.
    pub schedule: Schedule,
    /// Between two looks at the change feed.
    pub feed_interval: Duration,
    /// Between two lists of the whole site while the change feed is followed.
    pub scan_interval: Duration,
    /// Address of the admin server.
    pub admin_address: Option<std::net::SocketAddr>,
}

/// When runs start.
#[derive(Clone, Debug)]
pub enum Schedule {
    /// Once, now.
    Once,
    /// Now, and again that long after the start of the last one; at once when it took longer.
    Every(Duration),
    /// At the times of a cron expression.
    Cron(Box<cronexpr::Crontab>),
    /// Now, and then as the site's change feed tells.
    Follow,
}

impl std::str::FromStr for Schedule {
    type Err = String;

    /// `once`, `follow`, a length of time, or a cron expression of five fields (UTC unless a time zone follows).
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "once" {
            return Ok(Self::Once);
        }
        if text == "follow" {
            return Ok(Self::Follow);
        }
        if let Ok(span) = text.parse::<schemas::config::Span>() {
            if span.0.is_zero() {
                return Err("the time between runs must be more than nothing".to_owned());
            }
            return Ok(Self::Every(span.0));
        }
        let fields = text.split_whitespace().count();
        let with_zone = if fields == 5 { format!("{text} UTC") } else { text.to_owned() };
        cronexpr::parse_crontab(&with_zone).map(|cron| Self::Cron(Box::new(cron))).map_err(|error| {
            format!("`{text}` is neither `once`, `follow`, a length of time such as `15m`, nor a cron expression such as `0 3 * * *`: {error}")
        })
    }
}

/// Which parts of the configuration a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Site and Kafka.
    SiteAndKafka,
    /// The site only (`plan`).
    Site,
}

/// Reads and checks a configuration file.
///
/// # Errors
/// Every mistake in it.
pub fn load(path: &Path, overrides: &[String], needs: Needs) -> Result<Settings, Problems> {
    validate::settings(&Document::load(path, overrides)?, needs)
}

/// As [`load`], from text.
///
/// # Errors
/// Every mistake in it.
pub fn parse(text: &str, overrides: &[String], needs: Needs) -> Result<Settings, Problems> {
    validate::settings(&Document::parse(text, overrides)?, needs)
}

#[cfg(test)]
mod tests;
