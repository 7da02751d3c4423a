//! The configuration as written: OpenMetadata's own `source:` block, and `extractor:`.
//!
//! Names are OpenMetadata's, old ones included. What means nothing here is accepted and gets a notice
//! (`validate.rs`), so that a workflow file written for OpenMetadata works as it is.

use std::{collections::BTreeMap, path::PathBuf};

use schemas::config::Span;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

/// The `source:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Source {
    /// `qliksense` (the default), or `qlikcloud`.
    pub r#type: Option<String>,
    /// Name of the site: first part of every key, and of the dashboard service in OpenMetadata. Required.
    pub service_name: Option<String>,
    /// How to reach the site.
    pub service_connection: ServiceConnection,
    /// What to read.
    pub source_config: SourceConfig,
}

/// The `source.serviceConnection:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct ServiceConnection {
    /// The connection.
    pub config: Connection,
}

/// The `source.serviceConnection.config:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// `QlikSense`, or `QlikCloud`.
    pub r#type: Option<String>,
    /// Base URL that browsers use, with the virtual proxy's path; links are made from it. Default: none, and events have no links.
    pub display_url: Option<String>,
    /// Engine: `wss://host:4747`, or `wss://host/<virtual proxy>`; Qlik Cloud: `https://<tenant>.<region>.qlikcloud.com`. Required.
    pub host_port: Option<String>,
    /// Client certificate, its key and the site's root certificate, by path or by value.
    pub certificates: Certificates,
    /// Whether the server's certificate must name the host of `hostPort`. Default false, as in OpenMetadata.
    pub validate_host_name: Option<bool>,
    /// User directory of the user whose rights decide what is seen.
    pub user_directory: Option<String>,
    /// User whose rights decide what is seen.
    pub user_id: Option<String>,
    /// Bearer token (Qlik Cloud API key, or a JWT for a virtual proxy).
    pub token: Option<SecretString>,
    /// Kinds of Qlik Cloud spaces to read: `Managed`, `Shared`, `Personal`, `Data`. Default: all.
    pub space_types: Option<Vec<String>>,
    /// Which apps, by name; default for `sourceConfig.config.dashboardFilterPattern`.
    pub dashboard_filter_pattern: Option<FilterPattern>,
    /// Which charts, by title; default for `sourceConfig.config.chartFilterPattern`.
    pub chart_filter_pattern: Option<FilterPattern>,
    /// Which tables, by name; default for `sourceConfig.config.dataModelFilterPattern`.
    pub data_model_filter_pattern: Option<FilterPattern>,
    /// Which streams or spaces, by name; default for `sourceConfig.config.projectFilterPattern`.
    pub project_filter_pattern: Option<FilterPattern>,
    /// Means nothing here.
    pub supports_metadata_extraction: Option<Value>,
}

/// The `certificates:` block. Values are PEM text (a literal `\n` means a line break) or paths.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Certificates {
    /// Client certificate (`client.pem`).
    pub client_certificate: Option<String>,
    /// Key of the client certificate (`client_key.pem`).
    pub client_key_certificate: Option<SecretString>,
    /// Root certificate of the site (`root.pem`).
    pub root_certificate: Option<String>,
    /// The three by value.
    pub ssl_config: Option<SslConfig>,
    /// Client certificate by value, before OpenMetadata 1.5.
    pub client_certificate_data: Option<String>,
    /// Key of the client certificate by value, before OpenMetadata 1.5.
    pub client_key_certificate_data: Option<SecretString>,
    /// Root certificate of the site by value, before OpenMetadata 1.5.
    pub root_certificate_data: Option<String>,
    /// Means nothing here: certificates given by value are never written to disk.
    pub staging_dir: Option<Value>,
    /// Password of the key, when it is encrypted.
    pub key_password: Option<SecretString>,
}

/// The `certificates.sslConfig:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SslConfig {
    /// Root certificate of the site.
    pub ca_certificate: Option<String>,
    /// Client certificate.
    pub ssl_certificate: Option<String>,
    /// Key of the client certificate.
    pub ssl_key: Option<SecretString>,
}

/// Regular expressions: a name passes when an include matches (or there is none) and no exclude does.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct FilterPattern {
    /// At least one must match.
    pub includes: Option<Vec<String>>,
    /// None may match.
    pub excludes: Option<Vec<String>>,
}

/// The `source.sourceConfig:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct SourceConfig {
    /// What to read.
    pub config: Pipeline,
}

/// The `source.sourceConfig.config:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pipeline {
    /// `DashboardMetadata`.
    pub r#type: Option<String>,
    /// Which apps, by name.
    pub dashboard_filter_pattern: Option<FilterPattern>,
    /// Which charts, by title.
    pub chart_filter_pattern: Option<FilterPattern>,
    /// Which tables, by name.
    pub data_model_filter_pattern: Option<FilterPattern>,
    /// Which streams or spaces, by name.
    pub project_filter_pattern: Option<FilterPattern>,
    /// Whether events name the owner. Default false, as in OpenMetadata.
    pub include_owners: Option<bool>,
    /// Whether events carry tags and custom properties. Default true.
    pub include_tags: Option<bool>,
    /// Whether tables, files, master items and their lineage are read. Default true.
    pub include_data_models: Option<bool>,
    /// Whether unpublished apps are read. Default true.
    pub include_draft_dashboard: Option<bool>,
    /// Whether apps that are gone become tombstones. Default true.
    pub mark_deleted_dashboards: Option<bool>,
    /// Whether tables that are gone become tombstones. Default true.
    pub mark_deleted_data_models: Option<bool>,
    /// Whether charts that are gone become tombstones. Default true.
    pub mark_deleted_charts: Option<bool>,
    /// Read by the loader.
    pub override_metadata: Option<Value>,
    /// Read by the loader.
    pub override_lineage: Option<Value>,
    /// Read by the loader.
    pub lineage_information: Option<Value>,
    /// Old name of `lineageInformation.dbServicePrefixes`; read by the loader.
    pub db_service_names: Option<Value>,
    /// Old place of `lineageInformation.dbServicePrefixes`; read by the loader.
    pub db_service_prefixes: Option<Value>,
    /// Means nothing here: of OpenMetadata before 1.4.
    pub override_owner: Option<Value>,
    /// Means nothing here.
    pub include_usage: Option<Value>,
    /// Means nothing here: scripts and SQL are parsed by the extractor itself.
    pub query_parser_config: Option<Value>,
}

/// The `extractor:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extractor {
    /// Repository service (QRS). Default: https, the host of `hostPort`, port 4242; behind a virtual proxy its `/qrs`.
    pub repository_url: Option<String>,
    /// Whether the repository is asked at all. Default true.
    pub repository: Option<bool>,
    /// Whether server certificates are verified. Default true; false is for a first try only.
    pub verify_certificates: Option<bool>,
    /// Header that a virtual proxy takes the user from, with header authentication.
    pub user_header: Option<String>,
    /// Session cookie of a virtual proxy that somebody else obtained, `X-Qlik-Session=…`.
    pub session_cookie: Option<SecretString>,
    /// Apps read at a time, one engine session each. Default 4; the engine allows a user 5.
    pub concurrency: Option<u32>,
    /// Apps opened with data at a time, when the data model cannot be had otherwise. Default 2.
    pub data_concurrency: Option<u32>,
    /// Requests in flight on one session. Default 32.
    pub requests_in_flight: Option<u32>,
    /// Largest websocket message in MiB. Default 256.
    pub max_message_mib: Option<u32>,
    /// Time limit for connecting. Default 60s.
    pub connect_timeout: Option<Span>,
    /// Time limit of one engine or REST request. Default 60s.
    pub request_timeout: Option<Span>,
    /// Time limit for one app. Default 10m.
    pub app_deadline: Option<Span>,
    /// How long app after app may fail because the site does not work until a run is given up. Default 2m.
    pub outage_timeout: Option<Span>,
    /// Time limit for opening an app with data. Default 5m.
    pub open_with_data_timeout: Option<Span>,
    /// Wait after the site refused a session because there are too many. Default 1m.
    pub session_limit_backoff: Option<Span>,
    /// Seconds that the engine keeps a session after its socket is gone. Default 5.
    pub session_ttl: Option<u32>,
    /// Copies of folders with files that load scripts include: start of the path, such as `lib://Scripts/`, → local folder. Default: none; what is included is then not followed.
    pub includes: Option<BTreeMap<String, PathBuf>>,
    /// Which streams, by name, besides `projectFilterPattern`.
    pub stream_filter_pattern: Option<FilterPattern>,
    /// Whether filter panes, buttons and the like become chart events of type OTHER. Default false.
    pub non_chart_objects: Option<bool>,
    /// Whether the engine is asked too which fields expressions read, as a cross-check in the report. Every app that is read is opened with its data for it. Default false.
    pub check_expressions: Option<bool>,
    /// Largest share of known apps that may vanish in one run, 0 to 1; one app may always, unless it was the last. Apps that the filters no longer let through count as gone. Default 0.3.
    pub max_deleted_share: Option<f64>,
    /// Time limit for a record to be confirmed by the brokers. Default 5m.
    pub delivery_timeout: Option<Span>,
    /// Most bytes that a partition may hold before the extractor refuses to write more (exit code 4); for brokers that silently keep less than everything. Default: none.
    pub max_partition_bytes: Option<u64>,
    /// Time limit for finishing after SIGTERM. Default 25s: containers need a longer grace period (`docker-compose.yml` has 45 s).
    pub shutdown_deadline: Option<Span>,
    /// Runs of `extractor run` without `--once`, `--every`, `--cron` or `--follow`: `15m`, a cron expression, or `follow`. Default: one run.
    pub schedule: Option<String>,
    /// With `follow`: time between two looks at the site's change feed. Default 2s.
    pub feed_interval: Option<Span>,
    /// With `follow`: time between two lists of the whole site, which find what the change feed does not tell, and everything where there is none. Default 15m.
    pub scan_interval: Option<Span>,
    /// Address of a page for people, `/metrics`, `/healthz` and `/readyz`, such as `0.0.0.0:9101`. Default: none.
    pub admin_address: Option<String>,
}
