//! Configuration: [`raw`] is what was written, [`Settings`] what was checked. Nothing is contacted here.

mod load;
mod open_metadata;
pub mod raw;
mod validate;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use schemas::config::Kafka;
use secrecy::SecretString;
use url::Url;

pub use self::load::{load, parse};

/// Everything the loader needs to know, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the site: `source.serviceName`. Events of other services in the same topics are skipped.
    pub service: String,
    /// Kafka and the schema registry.
    pub kafka: Kafka,
    /// How events go through.
    pub flow: Flow,
    /// The catalogue.
    pub open_metadata: OpenMetadata,
    /// Largest share of the service's entities that `reconcile` may delete, 0 to 1.
    pub max_deleted_share: f64,
    /// Level of log lines that the file asks for (`workflowConfig.loggerLevel`).
    pub log_level: Option<&'static str>,
    /// Where the report goes when `--report` is not given.
    pub report: Option<PathBuf>,
    /// Address of the admin server.
    pub admin_address: Option<SocketAddr>,
    /// Settings that mean nothing here or are not needed, for the log.
    pub notices: Vec<String>,
}

/// How events go from the topics to the sink.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Consumer group.
    pub group_id: String,
    /// Name of this member, for static membership.
    pub group_instance_id: Option<String>,
    /// When a batch is closed.
    pub batch: Batch,
    /// How much is read ahead of the sink.
    pub read_ahead: Amount,
    /// How long and how many events wait for what they refer to.
    pub wait: Wait,
    /// Time until edges whose table was not in the catalogue are tried again.
    pub revisit_interval: Duration,
    /// How long the brokers may give nothing of the edges that were unresolved when they were committed,
    /// until loading goes on without them. No setting.
    pub recall_patience: Duration,
    /// Time between two commits of offsets.
    pub commit_interval: Duration,
    /// How long brokers are waited for at start.
    pub connect_timeout: Duration,
    /// How long work in progress may take after a signal, or when partitions are taken away.
    pub shutdown_deadline: Duration,
}

/// A number of events and of bytes, whichever is reached first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    /// Events.
    pub events: usize,
    /// Bytes of keys, values and headers as they are in Kafka. Decoded they take about three times as much.
    pub bytes: usize,
}

/// When a batch is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// It holds that much, or
    pub max: Amount,
    /// its first event is that old.
    pub max_delay: Duration,
}

/// Events that wait for what they refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Time until an event goes to the dead letters.
    pub timeout: Duration,
    /// When that much waits, nothing is read that could wait as well.
    pub max: Amount,
    /// Time before the first new attempt; doubled for each further one, up to a minute.
    pub retry_interval: Duration,
}

/// What the OpenMetadata sink needs to know.
#[derive(Clone, Debug)]
pub struct OpenMetadata {
    /// Base URL with the path of the API, without a final slash: `http://localhost:8585/api`.
    pub url: Url,
    /// A bot's token; `None` with `authProvider: no-auth`.
    pub token: Option<SecretString>,
    /// TLS.
    pub tls: Tls,
    /// Headers for every request.
    pub extra_headers: Vec<(String, SecretString)>,
    /// Kind of the dashboard service.
    pub service_type: ServiceType,
    /// `hostPort` and `displayUrl` of the Qlik connection, for the dashboard service when it is created.
    pub qlik_urls: QlikUrls,
    /// Whether connection details may be stored in the dashboard service when it is created.
    pub store_service_connection: bool,
    /// Whether a server of an unknown version is refused.
    pub validate_version: bool,
    /// Whether people's changes are overwritten.
    pub override_metadata: bool,
    /// Whether edges of a target are deleted before its new ones are written.
    pub override_lineage: bool,
    /// Whether owners are loaded where events name them.
    pub include_owners: bool,
    /// Whether tags and custom properties are loaded where events have them.
    pub include_tags: bool,
    /// Classification of these tags.
    pub classification: String,
    /// Where database tables are looked for: `service`, `service.database`, …; empty: everywhere.
    pub db_service_prefixes: Vec<String>,
    /// Qlik connections whose place in the catalogue is known.
    pub tables: Vec<TableMapping>,
    /// How entities are deleted.
    pub delete_mode: DeleteMode,
    /// Users that a loader of this site wrote as before: what they made is its own.
    pub former_users: Vec<String>,
    /// Requests at a time.
    pub concurrency: usize,
    /// Rows of one bulk request.
    pub bulk_rows: usize,
    /// Time limit of one request.
    pub request_timeout: Duration,
    /// How long a refused token is tried again.
    pub token_grace: Duration,
}

/// How a server's certificate is verified.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Whether it is verified at all (`verifySSL: ignore`).
    pub verify: bool,
    /// Authorities (PEM) to trust besides the machine's.
    pub ca_pem: Option<String>,
    /// Certificate and key (PEM) for mutual TLS.
    pub client_pem: Option<SecretString>,
}

/// Kind of a dashboard service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceType {
    /// Qlik Sense, client-managed.
    QlikSense,
    /// Qlik Cloud.
    QlikCloud,
}

/// URLs of the Qlik site, as far as the file tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QlikUrls {
    /// Engine: `wss://qlik.example.com:4747`.
    pub host_port: Option<String>,
    /// Base URL that browsers use.
    pub display_url: Option<String>,
}

/// Where the tables of a Qlik connection are in the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMapping {
    /// Name of the Qlik data connection, as scripts have it (without `lib://`); `*` stands for any text.
    pub connection: String,
    /// Database service.
    pub service: String,
    /// Database; `None`: the script's.
    pub database: Option<String>,
    /// Schema; `None`: the script's.
    pub schema: Option<String>,
}

/// How entities are deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteMode {
    /// They can be restored, and what people wrote to them stays.
    Soft,
    /// For good.
    Hard,
}

#[cfg(test)]
mod tests;
