//! What the sink has to be told. Plain values; where they come from is not its business.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

/// Everything.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub server: ServerSettings,
    /// The dashboard service that stands for the Qlik site.
    pub service: ServiceSettings,
    /// Where database tables are looked for.
    pub tables: TableSettings,
    /// What is written.
    pub load: LoadSettings,
}

/// The server and how to talk to it.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// `workflowConfig.openMetadataServerConfig.hostPort`: `http://host:8585/api`; a trailing `/` or
    /// `/v1` and a missing `/api` are understood.
    pub host_port: String,
    /// JWT of a bot. A bot's, because the server keeps people's texts from a bot's writes only. `None`
    /// for a server without authentication.
    pub token: Option<SecretString>,
    /// Headers for every request, as a proxy may want them.
    pub extra_headers: Vec<(String, SecretString)>,
    /// Refuse a server that is newer than those known here, instead of treating it like the newest.
    pub refuse_unknown_version: bool,
    /// Names of users that this loader wrote as before: edges they made are its own.
    pub former_users: Vec<String>,
    /// TLS.
    pub tls: TlsSettings,
    /// Time to connect. Default 10 s.
    pub connect_timeout: Duration,
    /// Time for one request with its answer. Default 300 s: 1000 rows took 40 s (seen).
    pub request_timeout: Duration,
    /// Requests in flight at most. Default 8; the server queues above 64.
    pub max_concurrency: usize,
    /// First and longest pause between tries. Default 500 ms and 60 s.
    pub backoff: (Duration, Duration),
    /// How long a refused token is tried again: a server caches a bot's token for two minutes and
    /// refuses a fresh one meanwhile (seen). Default 150 s.
    pub token_grace: Duration,
    /// How long [`connect`](super::OpenMetadataSink::connect) waits for a server that does not answer.
    /// Default `None`: without end.
    pub patience: Option<Duration>,
    /// Tries of one body that the server answers with 500 while it answers others. Default 4.
    pub server_error_tries: u32,
}

/// How the server's certificate is checked, `verifySSL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifySsl {
    /// `no-ssl`, `validate`: certificates of https URLs are checked against the system's
    /// authorities and, when given, the configured ones.
    #[default]
    Validate,
    /// `ignore`: not checked.
    Ignore,
}

/// PEM text or the file that holds it.
#[derive(Clone, Debug)]
pub enum Pem {
    /// A file.
    File(PathBuf),
    /// The text itself.
    Text(SecretString),
}

/// TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// Check of the server's certificate.
    pub verify: VerifySsl,
    /// Further certificate authorities.
    pub ca: Option<Pem>,
    /// Our certificate (chain) and its key, in one text or several, for mutual TLS.
    pub identity: Vec<Pem>,
}

/// Kind of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServiceKind {
    /// Client-managed Qlik Sense.
    #[default]
    QlikSense,
    /// Qlik Cloud.
    QlikCloud,
}

/// The dashboard service, created when it is missing and never changed.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// `source.serviceName`; first part of every key and every qualified name.
    pub name: String,
    /// Kind.
    pub kind: ServiceKind,
    /// `hostPort` of the Qlik connection; without it the service gets no connection.
    pub host_port: Option<String>,
    /// `displayUrl` of the Qlik connection.
    pub display_url: Option<String>,
}

/// Where database tables are looked for.
#[derive(Clone, Debug, Default)]
pub struct TableSettings {
    /// Configured mappings; the first that fits is used.
    pub mappings: Vec<TableMapping>,
    /// `dbServicePrefixes`: `Service[.Database[.Schema[.Table]]]`; when not empty, tables elsewhere
    /// are not considered. Compared without regard to case.
    pub prefixes: Vec<String>,
}

/// A Qlik data connection and where its tables are in OpenMetadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableMapping {
    /// Name of the connection; `*` stands for any text. Compared without regard to case.
    pub connection: String,
    /// Database service.
    pub service: String,
    /// Database; `None` or `*`: the one that the script or the connection names.
    pub database: Option<String>,
    /// Schema, when the script names none; `None` or `*`: any.
    pub schema: Option<String>,
}

/// What is written.
#[derive(Clone, Debug)]
pub struct LoadSettings {
    /// Write owners. Default true.
    pub owners: bool,
    /// Write tags and custom properties as tags. Default true.
    pub tags: bool,
    /// Classification of these tags. Default `Qlik`.
    pub classification: String,
    /// `overrideMetadata`: what people edited is replaced by what Qlik says. Default false.
    pub override_metadata: bool,
    /// `overrideLineage`: edges that others wrote with the same source (`DashboardLineage`) are
    /// replaced; edges that people drew are not. Default false.
    pub override_lineage: bool,
    /// Deletes are final instead of soft. Default false.
    pub hard_delete: bool,
    /// Rows of one bulk request. Default 100: some seconds of the server's time.
    pub bulk_rows: usize,
    /// An edge one of whose columns is not known yet is answered once with
    /// [`Outcome::Waiting`](crate::sink::Outcome::Waiting), because the record of its data model may
    /// come through another topic a moment later. Default true.
    pub wait_for_columns: bool,
}

impl ServerSettings {
    /// Settings with defaults.
    #[must_use]
    pub fn new(host_port: impl Into<String>, token: Option<SecretString>) -> Self {
        Self {
            host_port: host_port.into(),
            token,
            extra_headers: Vec::new(),
            refuse_unknown_version: false,
            former_users: Vec::new(),
            tls: TlsSettings::default(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(300),
            max_concurrency: 8,
            backoff: (Duration::from_millis(500), Duration::from_secs(60)),
            token_grace: Duration::from_secs(150),
            patience: None,
            server_error_tries: 4,
        }
    }
}

impl Default for LoadSettings {
    fn default() -> Self {
        Self {
            owners: true,
            tags: true,
            classification: "Qlik".to_owned(),
            override_metadata: false,
            override_lineage: false,
            hard_delete: false,
            bulk_rows: 100,
            wait_for_columns: true,
        }
    }
}
