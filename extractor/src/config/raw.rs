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
    /// `qliksense` (client-managed), or `qlikcloud`. Default qliksense.
    pub r#type: Option<String>,
    /// Name of the site: first part of every key, name of the dashboard service in OpenMetadata. Without
    /// `/`, `::` and `"`. Required.
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
    /// `QlikSense`, or `QlikCloud`. Default: as `source.type`.
    pub r#type: Option<String>,
    /// Base of links, as browsers see the site, with the virtual proxy's path. Default: none, and events
    /// have no links; Qlik Cloud: the tenant.
    pub display_url: Option<String>,
    /// Engine: `wss://host:4747`, or `wss://host/<virtual proxy>`; Qlik Cloud: `https://<tenant>.<region>.qlikcloud.com`. Required.
    pub host_port: Option<String>,
    /// Client certificate, its key and the site's root certificate, by path or by value.
    pub certificates: Certificates,
    /// Whether the server's certificate must name the host of `hostPort`. Qlik's certificates name one
    /// machine only; the chain is verified in any case. Default false.
    pub validate_host_name: Option<bool>,
    /// User directory of the user whose rights decide what is seen. Default: empty.
    pub user_directory: Option<String>,
    /// User whose rights decide what is seen. Default: empty.
    pub user_id: Option<String>,
    /// API key of a Qlik Cloud tenant, for which it is required; for a virtual proxy with JWT
    /// authentication, the JWT. Default: none.
    pub token: Option<SecretString>,
    /// Qlik Cloud: kinds of spaces whose apps are read: `Managed`, `Shared`, `Personal`, `Data`. Default:
    /// all.
    pub space_types: Option<Vec<String>>,
    /// For `sourceConfig.config.dashboardFilterPattern`, when that is absent. Default: everything.
    pub dashboard_filter_pattern: Option<FilterPattern>,
    /// For `sourceConfig.config.chartFilterPattern`, when that is absent. Default: everything.
    pub chart_filter_pattern: Option<FilterPattern>,
    /// For `sourceConfig.config.dataModelFilterPattern`, when that is absent. Default: everything.
    pub data_model_filter_pattern: Option<FilterPattern>,
    /// For `sourceConfig.config.projectFilterPattern`, when that is absent. Default: everything.
    pub project_filter_pattern: Option<FilterPattern>,
    /// Means nothing here.
    pub supports_metadata_extraction: Option<Value>,
}

/// The `certificates:` block. Values are PEM text (a literal `\n` means a line break) or paths.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Certificates {
    /// Client certificate that Qlik's console exports (`client.pem`): a path, or PEM text, in which a
    /// literal `\n` is a line break. Required for `wss://` without a token.
    pub client_certificate: Option<String>,
    /// Its key (`client_key.pem`), likewise. Required for `wss://` without a token.
    pub client_key_certificate: Option<SecretString>,
    /// Root certificate of the site (`root.pem`), likewise; behind a virtual proxy that of the proxy's own
    /// authority. Required for `wss://` without a token.
    pub root_certificate: Option<String>,
    /// The three by value.
    pub ssl_config: Option<SslConfig>,
    /// The client certificate by value, before OpenMetadata 1.5.
    pub client_certificate_data: Option<String>,
    /// Its key by value, before OpenMetadata 1.5.
    pub client_key_certificate_data: Option<SecretString>,
    /// The root certificate by value, before OpenMetadata 1.5.
    pub root_certificate_data: Option<String>,
    /// Means nothing here: certificates given by value are never written to disk.
    pub staging_dir: Option<Value>,
    /// Password of an encrypted key (PKCS#8, or OpenSSL's traditional form with AES or DES). Default: none.
    pub key_password: Option<SecretString>,
}

/// The `certificates.sslConfig:` block.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SslConfig {
    /// The root certificate by value, since OpenMetadata 1.5.
    pub ca_certificate: Option<String>,
    /// The client certificate by value, since OpenMetadata 1.5.
    pub ssl_certificate: Option<String>,
    /// Its key by value, since OpenMetadata 1.5.
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
    /// Which apps, by name. Default: everything.
    pub dashboard_filter_pattern: Option<FilterPattern>,
    /// Which charts, by title. Default: everything.
    pub chart_filter_pattern: Option<FilterPattern>,
    /// Which tables, by name. Default: everything.
    pub data_model_filter_pattern: Option<FilterPattern>,
    /// Which streams or spaces, by name. Default: everything.
    pub project_filter_pattern: Option<FilterPattern>,
    /// Whether events name the owner; OpenMetadata has the same default. Default false.
    pub include_owners: Option<bool>,
    /// Whether events carry tags and custom properties. Default true.
    pub include_tags: Option<bool>,
    /// Whether tables, files, master items and lineage are published. Default true.
    pub include_data_models: Option<bool>,
    /// Whether unpublished apps are read; an app of Qlik Cloud is published when it has a publish time,
    /// whatever its `published` says. Default true.
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
    /// The repository service (QRS). Default: https, the host of `hostPort`, port 4242; behind a virtual
    /// proxy its `/qrs`.
    pub repository_url: Option<String>,
    /// Whether the repository is asked; without it there are no owners, tags and custom properties. Default
    /// true.
    pub repository: Option<bool>,
    /// Whether server certificates are verified; `false` is for a first try only, and logged loudly.
    /// Default true.
    pub verify_certificates: Option<bool>,
    /// Header that a virtual proxy takes the user from; its value is `<userDirectory>\<userId>`, or
    /// `<userId>` alone without a directory. Default: none.
    pub user_header: Option<String>,
    /// Session cookie of a virtual proxy that was obtained elsewhere, `X-Qlik-Session=…`. Default: none.
    pub session_cookie: Option<SecretString>,
    /// Apps read at a time, one engine session each; Qlik allows a user five. Default 4.
    pub concurrency: Option<u32>,
    /// Apps opened with data at a time, where the site does not serve data models by REST: apps that were
    /// reloaded since they were read (apps that changed at all with `--full`, without `includeDataModels`,
    /// and with a `dataModelFilterPattern`, which leaves tables out of the topics). Default 2.
    pub data_concurrency: Option<u32>,
    /// Requests in flight on one session. Default 32.
    pub requests_in_flight: Option<u32>,
    /// Largest websocket message in MiB. Default 256.
    pub max_message_mib: Option<u32>,
    /// Of connecting; the first connection after idle takes up to 20 s through a proxy. Default 60s.
    pub connect_timeout: Option<Span>,
    /// Of one engine or REST request. Default 60s.
    pub request_timeout: Option<Span>,
    /// For one app; what is published of an app that takes longer stays. Default 10m.
    pub app_deadline: Option<Span>,
    /// How long app after app may fail because the site does not work (refused, lost or hanging
    /// connections, no sessions) until the engine is asked its version, and the run given up with exit code
    /// 3 when that fails too; `--follow` tries again, and the next run goes on where this one ended.
    /// Default 2m.
    pub outage_timeout: Option<Span>,
    /// Of opening an app with data. Default 5m.
    pub open_with_data_timeout: Option<Span>,
    /// Wait after the site refused a session because there are too many. Default 1m.
    pub session_limit_backoff: Option<Span>,
    /// Seconds that the engine keeps a session after its socket is gone. Default 5.
    pub session_ttl: Option<u32>,
    /// Where files lie that load scripts include: start of the path as scripts write it, such as
    /// `lib://Scripts/` → local folder with a copy; what is not found is reported with its line. A changed
    /// file is looked at when its app changes, or with `--full`. Default: none.
    pub includes: Option<BTreeMap<String, PathBuf>>,
    /// Streams or spaces, by name, besides `projectFilterPattern`. Default: everything.
    pub stream_filter_pattern: Option<FilterPattern>,
    /// Whether filter panes, buttons and the like become charts of type OTHER. Default false.
    pub non_chart_objects: Option<bool>,
    /// Whether the engine is asked too (`GetFieldsFromExpression`) which fields the expressions of an app
    /// read; differences are `notices` of the app and counted as `expressions` in the report, events stay
    /// the same. Every app that is read is opened with its data for it, once more where the site does not
    /// serve data models by REST. Default false.
    pub check_expressions: Option<bool>,
    /// Largest share of published apps that may vanish in one run, 0 to 1 (one may always, unless it was
    /// the last; apps that the filters no longer let through count as gone); beyond it nothing is deleted
    /// (exit code 4) until `run --allow-deletions`. Default 0.3.
    pub max_deleted_share: Option<f64>,
    /// Time limit for a record to be confirmed by the brokers. Default 5m.
    pub delivery_timeout: Option<Span>,
    /// Most bytes that a partition may hold before the extractor refuses to write (exit code 4), for
    /// brokers that silently keep less than everything. Default: none.
    pub max_partition_bytes: Option<u64>,
    /// Time limit for finishing after SIGTERM; containers need a longer grace period (`docker-compose.yml`
    /// has 45 s). Default 25s.
    pub shutdown_deadline: Option<Span>,
    /// Runs of `extractor run` without `--once`, `--every`, `--cron` or `--follow`: `15m`, a cron
    /// expression such as `0 3 * * *`, or `follow`. Default: one run.
    pub schedule: Option<String>,
    /// With `follow`: time between two looks at the site's change feed, one request each. Default 2s.
    pub feed_interval: Option<Span>,
    /// With `follow`: time between two lists of the whole site, which find what the change feed does not
    /// tell (access lost or given, tags renamed), and everything where there is no feed. Default 15m.
    pub scan_interval: Option<Span>,
    /// Address of a page for people, `/metrics`, `/healthz` and `/readyz`, such as `0.0.0.0:9101`. Default: none.
    pub admin_address: Option<String>,
}
