//! The configuration as written: the loader's own block, and OpenMetadata's `workflowConfig:`.

use std::{collections::BTreeMap, path::PathBuf};

use schemas::config::Span;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A setting that is accepted and does nothing here; only its presence is kept.
#[derive(Clone, Copy, Debug)]
pub struct Present;

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `IgnoredAny`: a key whose value is ignored counts as unknown.
        Value::deserialize(deserializer).map(|_| Self)
    }
}

/// The `loader:` block. Lengths of time are `30s`, `5m`, `1h 30m`, or a number of seconds.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Loader {
    /// Consumer group; replicas share it, loaders of different services must not, because each skips the
    /// other's events. Default: `qlik-metadata-loader-<serviceName>`.
    pub group_id: Option<String>,
    /// Name of this member within the group, different for every replica (static membership): a restart
    /// within `session.timeout.ms` moves no partitions. Default: none.
    pub group_instance_id: Option<String>,
    /// When a batch is closed and handed to OpenMetadata.
    pub batch: Batch,
    /// How much is read ahead of OpenMetadata; reading goes on when there is room again.
    pub read_ahead: ReadAhead,
    /// Events whose reference is not there yet.
    pub wait: Wait,
    /// Requests to OpenMetadata at a time, fewer while it is slow. Default 8.
    pub concurrency: Option<u32>,
    /// Rows of one bulk request, where the server has them: some seconds of the server's time. Default 100.
    pub bulk_rows: Option<u32>,
    /// Of one request to OpenMetadata with its answer; servers were seen to take 40 s for 1000 rows.
    /// Default 5m.
    pub request_timeout: Option<Span>,
    /// How long a refused token is tried again before the loader stops: a server knows a fresh token of a
    /// bot only after up to two minutes. Default 150s.
    pub token_grace: Option<Span>,
    /// Time between two commits of offsets. Default 5s.
    pub commit_interval: Option<Span>,
    /// Time until edges whose database table was not in OpenMetadata are tried again; as many are kept for
    /// it as `wait.maxEvents` and `wait.maxMib` say. Default 15m.
    pub revisit_interval: Option<Span>,
    /// How long the brokers and OpenMetadata are waited for at start. Default 60s.
    pub connect_timeout: Option<Span>,
    /// For all of a shutdown after SIGTERM, the last commit included, and before partitions go to another
    /// replica; below Docker's and Kubernetes' kill. Default 25s.
    pub shutdown_deadline: Option<Span>,
    /// `soft` (entities can be restored) or `hard`. Default soft.
    pub delete_mode: Option<String>,
    /// Where the tables of Qlik data connections are: name of the connection →
    /// `service[.database[.schema]]`; a part that holds dots stands in double quotes, `*` in the name of
    /// the connection stands for any text. Default: none, and tables are found by host and database, then
    /// by search.
    pub tables: BTreeMap<String, String>,
    /// Largest share of the service's entities that `reconcile` deletes, 0 to 1; beyond it nothing is
    /// deleted (exit code 4) until `reconcile --allow-deletions`. Default 0.3.
    pub max_deleted_share: Option<f64>,
    /// Classification of Qlik's tags and custom properties. Default Qlik.
    pub classification: Option<String>,
    /// OpenMetadata users that a loader of this site wrote as before the token was changed: edges that
    /// they made are treated as its own. Default: none.
    pub former_users: Vec<String>,
    /// Where commands write their report (JSON); `--report` wins. Default: nowhere.
    pub report: Option<PathBuf>,
    /// Address of a page for people, `/metrics`, `/healthz` and `/readyz`, such as `0.0.0.0:9102`. Default:
    /// none.
    pub admin_address: Option<String>,
}

/// The `loader.batch:` block: whichever is reached first closes a batch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Batch {
    /// Events that close a batch: enough for bulk requests, few enough to finish within `shutdownDeadline`
    /// on a server that answers in 40 ms. Default 500.
    pub max_events: Option<u32>,
    /// MiB of records that close a batch. Default 8.
    pub max_mib: Option<u32>,
    /// Age of its first event that closes a batch. Default 1s.
    pub max_delay: Option<Span>,
}

/// The `loader.readAhead:` block: whichever is reached first stops reading.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadAhead {
    /// Events read ahead of OpenMetadata; reading goes on when there is room again. Default 2000.
    pub max_events: Option<u32>,
    /// MiB of records, likewise; decoded they take about three times as much. Default 32.
    pub max_mib: Option<u32>,
}

/// The `loader.wait:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wait {
    /// Until an event whose reference does not appear goes to the dead letters; offsets of its partition
    /// are not committed past it. A pass that ends (`--until-end`, `replay`) and shares nothing with other
    /// loaders waits half a minute after everything else is loaded. Default 10m.
    pub timeout: Option<Span>,
    /// Waiting events; when there are more, dashboards and lineage are not read until there is room again.
    /// Default 10000.
    pub max_events: Option<u32>,
    /// MiB of waiting records, likewise. Default 32.
    pub max_mib: Option<u32>,
    /// Time before the first new attempt; doubled for each further one, up to a minute. Default 2s.
    pub retry_interval: Option<Span>,
}

/// The `workflowConfig:` block, OpenMetadata's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkflowConfig {
    /// `DEBUG`, `INFO`, `WARN` or `ERROR`; `--log-level` wins. Default INFO.
    pub logger_level: Option<String>,
    /// The server. Required.
    pub open_metadata_server_config: ServerConfig,
    /// Means nothing here.
    pub raise_on_error: Option<Present>,
    /// Means nothing here.
    pub success_threshold: Option<Present>,
    /// Means nothing here.
    pub config: Option<Present>,
}

/// The `workflowConfig.openMetadataServerConfig:` block: every key that OpenMetadata 1.0 to 2.0 has.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServerConfig {
    /// URL with the path of the API: `http://localhost:8585/api`. Required.
    pub host_port: Option<String>,
    /// How the server logs people in; bots have tokens with every provider, `no-auth` needs none. Default
    /// openmetadata.
    pub auth_provider: Option<String>,
    /// The token.
    pub security_config: SecurityConfig,
    /// `no-ssl` (the machine's authorities), `validate` (`sslConfig.caCertificate` too) or `ignore`
    /// (nothing is verified). Default no-ssl.
    #[serde(rename = "verifySSL")]
    pub verify_ssl: Option<String>,
    /// Certificates.
    pub ssl_config: SslConfig,
    /// Headers for every request, as a proxy may want them. Default: none.
    pub extra_headers: BTreeMap<String, SecretString>,
    /// Whether the site's URLs are stored in the dashboard service when it is created. Default true.
    pub store_service_connection: Option<bool>,
    /// Whether a server of an unknown version is refused. Default true.
    pub enable_version_validation: Option<bool>,
    /// `OpenMetadata`.
    pub r#type: Option<String>,
    /// `v1`.
    pub api_version: Option<String>,
    /// Means nothing here.
    pub cluster_name: Option<Present>,
    /// Means nothing here: secrets come from the environment or from files.
    pub secrets_manager_provider: Option<Present>,
    /// Means nothing here: secrets come from the environment or from files.
    pub secrets_manager_loader: Option<Present>,
    /// Means nothing here.
    pub include_topics: Option<Present>,
    /// Means nothing here.
    pub include_tables: Option<Present>,
    /// Means nothing here.
    pub include_dashboards: Option<Present>,
    /// Means nothing here.
    pub include_pipelines: Option<Present>,
    /// Means nothing here.
    pub include_ml_models: Option<Present>,
    /// Means nothing here.
    pub include_users: Option<Present>,
    /// Means nothing here.
    pub include_teams: Option<Present>,
    /// Means nothing here.
    pub include_glossary_terms: Option<Present>,
    /// Means nothing here.
    pub include_tags: Option<Present>,
    /// Means nothing here.
    pub include_policy: Option<Present>,
    /// Means nothing here.
    pub include_messaging_services: Option<Present>,
    /// Means nothing here.
    pub include_database_services: Option<Present>,
    /// Means nothing here.
    pub include_pipeline_services: Option<Present>,
    /// Means nothing here.
    pub limit_records: Option<Present>,
    /// Means nothing here.
    pub force_entity_overwriting: Option<Present>,
    /// Means nothing here.
    pub elastics_search: Option<Present>,
    /// Means nothing here.
    pub schema_filter_pattern: Option<Present>,
    /// Means nothing here.
    pub table_filter_pattern: Option<Present>,
    /// Means nothing here.
    pub database_filter_pattern: Option<Present>,
    /// Means nothing here.
    pub supports_data_insight_extraction: Option<Present>,
    /// Means nothing here.
    pub supports_elastic_search_reindexing_extraction: Option<Present>,
}

impl ServerConfig {
    /// Keys that are there and mean nothing here.
    #[must_use]
    pub fn ignored(&self) -> Vec<&'static str> {
        let known = [
            (self.cluster_name, "clusterName"),
            (self.secrets_manager_provider, "secretsManagerProvider"),
            (self.secrets_manager_loader, "secretsManagerLoader"),
            (self.include_topics, "includeTopics"),
            (self.include_tables, "includeTables"),
            (self.include_dashboards, "includeDashboards"),
            (self.include_pipelines, "includePipelines"),
            (self.include_ml_models, "includeMlModels"),
            (self.include_users, "includeUsers"),
            (self.include_teams, "includeTeams"),
            (self.include_glossary_terms, "includeGlossaryTerms"),
            (self.include_tags, "includeTags"),
            (self.include_policy, "includePolicy"),
            (self.include_messaging_services, "includeMessagingServices"),
            (self.include_database_services, "includeDatabaseServices"),
            (self.include_pipeline_services, "includePipelineServices"),
            (self.limit_records, "limitRecords"),
            (self.force_entity_overwriting, "forceEntityOverwriting"),
            (self.elastics_search, "elasticsSearch"),
            (self.schema_filter_pattern, "schemaFilterPattern"),
            (self.table_filter_pattern, "tableFilterPattern"),
            (self.database_filter_pattern, "databaseFilterPattern"),
            (self.supports_data_insight_extraction, "supportsDataInsightExtraction"),
            (
                self.supports_elastic_search_reindexing_extraction,
                "supportsElasticSearchReindexingExtraction",
            ),
        ];
        known.into_iter().filter_map(|(present, key)| present.map(|_| key)).collect()
    }
}

/// The `securityConfig:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityConfig {
    /// Token of a **bot** (Settings → Bots): a server keeps what people wrote from a bot's writes only.
    /// Required.
    pub jwt_token: Option<SecretString>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub secret_key: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub audience: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub authority: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub client_id: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub client_secret: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub domain: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub email: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    #[serde(rename = "orgURL")]
    pub org_url: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub private_key: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub scopes: Option<Present>,
    /// Means nothing here: of a single sign-on client, see [`Self::single_sign_on`].
    pub token_endpoint: Option<Present>,
}

impl SecurityConfig {
    /// Keys of the single sign-on clients that OpenMetadata gave up in 1.2. A bot's token takes their
    /// place with every provider.
    #[must_use]
    pub fn single_sign_on(&self) -> Vec<&'static str> {
        let known = [
            (self.secret_key, "secretKey"),
            (self.audience, "audience"),
            (self.authority, "authority"),
            (self.client_id, "clientId"),
            (self.client_secret, "clientSecret"),
            (self.domain, "domain"),
            (self.email, "email"),
            (self.org_url, "orgURL"),
            (self.private_key, "privateKey"),
            (self.scopes, "scopes"),
            (self.token_endpoint, "tokenEndpoint"),
        ];
        known.into_iter().filter_map(|(present, key)| present.map(|_| key)).collect()
    }
}

/// The `sslConfig:` block. Values are PEM text (a literal `\n` means a line break) or paths.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SslConfig {
    /// Certificate authorities: PEM text or a path. Default: none.
    pub ca_certificate: Option<String>,
    /// Client certificate for mutual TLS: PEM text or a path. Default: none.
    pub ssl_certificate: Option<String>,
    /// Its key: PEM text or a path. Default: none.
    pub ssl_key: Option<SecretString>,
}
