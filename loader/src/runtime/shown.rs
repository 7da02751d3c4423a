//! Settings as the admin page shows them. What may be shown is decided by type: a [`SecretString`] is a
//! row of dots whatever it holds, an address loses its credentials and its query.

use std::time::Duration;

use schemas::{
    Topic,
    config::{Kafka, Span, client_properties},
};
use secrecy::SecretString;
use url::Url;

use crate::config::{DeleteMode, Flow, OpenMetadata, ServiceType, Settings};

/// A setting: its key in the file, and what is shown of it.
pub(crate) type Row = [String; 2];

/// What is shown instead of a secret.
const MASK: &str = "••••••";
/// Table mappings shown.
const MAX_TABLES: usize = 50;

/// Something that may be shown.
trait Shown {
    fn shown(&self) -> String;
}

impl Shown for SecretString {
    fn shown(&self) -> String {
        MASK.to_owned()
    }
}

impl Shown for Url {
    fn shown(&self) -> String {
        let mut url = self.clone();
        // Both fail only for URLs that cannot have credentials.
        url.set_username("").ok();
        url.set_password(None).ok();
        url.set_query(None);
        url.set_fragment(None);
        url.to_string()
    }
}

/// Something large that is only there or not, such as a certificate.
struct Given;

impl Shown for Given {
    fn shown(&self) -> String {
        "(given)".to_owned()
    }
}

impl Shown for Duration {
    fn shown(&self) -> String {
        serde_json::to_value(Span(*self))
            .ok()
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> String {
        self.as_ref().map_or_else(|| "(none)".to_owned(), Shown::shown)
    }
}

impl<T: Shown + ?Sized> Shown for &T {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

macro_rules! shown_as_it_is {
    ($($kind:ty),*) => {
        $(impl Shown for $kind {
            fn shown(&self) -> String {
                self.to_string()
            }
        })*
    };
}

shown_as_it_is!(str, String, bool, i32, u32, usize, f64, std::net::SocketAddr);

/// Every setting that says how this process works.
pub(crate) fn settings(settings: &Settings) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: &dyn Shown| rows.push([key.to_owned(), value.shown()]);
    row("source.serviceName", &settings.service);
    row("loader.maxDeletedShare", &settings.max_deleted_share);
    row("loader.adminAddress", &settings.admin_address);
    rows.extend(of_flow(&settings.flow));
    rows.extend(of_catalogue(&settings.open_metadata));
    rows.extend(of_kafka(&settings.kafka));
    rows
}

fn of_flow(flow: &Flow) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: &dyn Shown| rows.push([key.to_owned(), value.shown()]);
    row("loader.groupId", &flow.group_id);
    row("loader.groupInstanceId", &flow.group_instance_id);
    row("loader.batch.maxEvents", &flow.batch.max.events);
    row("loader.batch.maxMib", &(flow.batch.max.bytes >> 20));
    row("loader.batch.maxDelay", &flow.batch.max_delay);
    row("loader.readAhead.maxEvents", &flow.read_ahead.events);
    row("loader.readAhead.maxMib", &(flow.read_ahead.bytes >> 20));
    row("loader.wait.timeout", &flow.wait.timeout);
    row("loader.wait.maxEvents", &flow.wait.max.events);
    row("loader.wait.maxMib", &(flow.wait.max.bytes >> 20));
    row("loader.wait.retryInterval", &flow.wait.retry_interval);
    row("loader.revisitInterval", &flow.revisit_interval);
    row("loader.commitInterval", &flow.commit_interval);
    row("loader.connectTimeout", &flow.connect_timeout);
    row("loader.shutdownDeadline", &flow.shutdown_deadline);
    rows
}

fn of_catalogue(catalogue: &OpenMetadata) -> Vec<Row> {
    const SERVER: &str = "workflowConfig.openMetadataServerConfig";
    let mut rows = Vec::new();
    let mut row = |key: &str, value: &dyn Shown| rows.push([key.to_owned(), value.shown()]);
    row(&format!("{SERVER}.hostPort"), &catalogue.url);
    row(&format!("{SERVER}.securityConfig.jwtToken"), &catalogue.token);
    row("certificates are verified", &catalogue.tls.verify);
    row(
        &format!("{SERVER}.sslConfig.caCertificate"),
        &catalogue.tls.ca_pem.as_ref().map(|_| Given),
    );
    row(&format!("{SERVER}.sslConfig.sslKey"), &catalogue.tls.client_pem);
    for (name, value) in &catalogue.extra_headers {
        row(&format!("{SERVER}.extraHeaders.{name}"), value);
    }
    row(&format!("{SERVER}.storeServiceConnection"), &catalogue.store_service_connection);
    row(&format!("{SERVER}.enableVersionValidation"), &catalogue.validate_version);
    row(
        "source.type",
        &match catalogue.service_type {
            ServiceType::QlikSense => "qliksense",
            ServiceType::QlikCloud => "qlikcloud",
        },
    );
    row("source.sourceConfig.config.overrideMetadata", &catalogue.override_metadata);
    row("source.sourceConfig.config.overrideLineage", &catalogue.override_lineage);
    row("source.sourceConfig.config.includeOwners", &catalogue.include_owners);
    row("source.sourceConfig.config.includeTags", &catalogue.include_tags);
    row("loader.classification", &catalogue.classification);
    row(
        "source.sourceConfig.config.lineageInformation.dbServicePrefixes",
        &catalogue.db_service_prefixes.join(", "),
    );
    for mapping in catalogue.tables.iter().take(MAX_TABLES) {
        let parts = [Some(&mapping.service), mapping.database.as_ref(), mapping.schema.as_ref()];
        let parts: Vec<_> = parts.into_iter().flatten().map(String::as_str).collect();
        row(&format!("loader.tables.{}", mapping.connection), &parts.join("."));
    }
    if let Some(more) = catalogue.tables.len().checked_sub(MAX_TABLES).filter(|more| *more > 0) {
        row("loader.tables", &format!("{more} more"));
    }
    row(
        "loader.deleteMode",
        &match catalogue.delete_mode {
            DeleteMode::Soft => "soft",
            DeleteMode::Hard => "hard",
        },
    );
    row("loader.formerUsers", &catalogue.former_users.join(", "));
    row("loader.concurrency", &catalogue.concurrency);
    row("loader.bulkRows", &catalogue.bulk_rows);
    row("loader.requestTimeout", &catalogue.request_timeout);
    row("loader.tokenGrace", &catalogue.token_grace);
    rows
}

fn of_kafka(kafka: &Kafka) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: &dyn Shown| rows.push([key.to_owned(), value.shown()]);
    row("kafka.bootstrapServers", &kafka.bootstrap_servers);
    let topic = kafka.topics.name(Topic::Dashboards);
    row("kafka.topicPrefix", &topic.strip_suffix(Topic::Dashboards.suffix()));
    row("kafka.createTopics", &kafka.create_topics);
    // Any of them may be a secret, and librdkafka knows more of them every year.
    for name in client_properties(kafka, &[]).keys().filter(|name| *name != "bootstrap.servers") {
        row(&format!("kafka.properties.{name}"), &MASK);
    }
    if let Some(registry) = &kafka.registry {
        row("kafka.schemaRegistry.url", &registry.url);
        row("kafka.schemaRegistry.username", &registry.basic.as_ref().map(|(user, _)| user));
        row("kafka.schemaRegistry.password", &registry.basic.as_ref().map(|(_, secret)| secret));
        row("kafka.schemaRegistry.bearerToken", &registry.bearer);
        row("kafka.schemaRegistry.caCertificate", &registry.ca_pem.as_ref().map(|_| Given));
        row("kafka.schemaRegistry.clientKey", &registry.client_pem);
        row("kafka.schemaRegistry.timeout", &registry.timeout);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    const MINIMAL: &str = r#"
source: {serviceName: qlik_prod}
workflowConfig: {openMetadataServerConfig: {hostPort: "https://om.example.com/api", securityConfig: {jwtToken: t}}}
kafka: {bootstrapServers: "localhost:9092"}
"#;

    /// The reference is made from comments, the settings from code.
    #[test]
    fn defaults_are_what_the_reference_says() {
        let page = include_str!("../../../docs/configuration.md");
        let page = page.split("## `loader:`").nth(1).expect("the block");
        let page = page.split("\n## ").next().expect("its text");
        let settings = parse(MINIMAL, &[]).expect("valid");
        let mut compared = 0;
        for [key, value] in super::settings(&settings) {
            let Some(key) = key.strip_prefix("loader.") else { continue };
            let line = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            let line = line.unwrap_or_else(|| panic!("`{key}` is not in docs/configuration.md"));
            let said = line.split('|').nth(2).expect("a default").trim();
            // In words: nothing to compare.
            let Some(said) = said.strip_prefix('`').and_then(|said| said.strip_suffix('`')) else {
                continue;
            };
            let said = &*said.replace("<serviceName>", "qlik_prod");
            let span = |text: &str| text.parse::<Span>().ok().map(|span| span.0);
            let is_same =
                said == value || span(said).is_some_and(|said| Some(said) == span(&value));
            assert!(is_same, "{key}: {value}, docs/configuration.md says {said}");
            compared += 1;
        }
        assert!(compared >= 15, "only {compared} defaults");
    }
}
