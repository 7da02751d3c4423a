//! Settings as the admin page shows them. What may be shown is decided by type: a [`SecretString`] is a
//! row of dots whatever it holds, an address loses its credentials and its query.

use std::time::Duration;

use schemas::{
    Topic,
    config::{Kafka, Span, client_properties},
};
use secrecy::SecretString;
use url::Url;

use crate::config::{Kind, Schedule, Settings, Verification};

/// A setting: its key in the file, and what is shown of it.
pub(crate) type Row = [String; 2];

/// What is shown instead of a secret.
const MASK: &str = "••••••";

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

/// The text of an address.
struct Address<'a>(&'a str);

impl Shown for Address<'_> {
    fn shown(&self) -> String {
        Url::parse(self.0).map_or_else(|_| "(not a URL)".to_owned(), |url| url.shown())
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

shown_as_it_is!(str, String, bool, i32, u32, u64, usize, f64, std::net::SocketAddr);

/// Every setting that says how this process works.
pub(crate) fn settings(settings: &Settings) -> Vec<Row> {
    const CONNECTION: &str = "source.serviceConnection.config";
    let mut rows = Vec::new();
    let mut row = |key: &str, value: &dyn Shown| rows.push([key.to_owned(), value.shown()]);
    let connection = |key: &str| format!("{CONNECTION}.{key}");
    let Settings { site, scope, run, .. } = settings;
    row("source.serviceName", &settings.service);
    row(
        "source.type",
        &match site.kind {
            Kind::ClientManaged => "qliksense",
            Kind::Cloud { .. } => "qlikcloud",
        },
    );
    row(&connection("hostPort"), &Address(&site.engine_url));
    row(&connection("displayUrl"), &settings.base_url.as_deref().map(Address));
    row(&connection("userDirectory"), &site.user_directory);
    row(&connection("userId"), &site.user_id);
    row(&connection("token"), &site.token);
    row(&connection("certificates: root"), &site.certificates.root.as_ref().map(|_| Given));
    row(&connection("certificates: client"), &site.certificates.client.as_ref().map(|_| Given));
    row(&connection("certificates: key"), &site.certificates.key);
    row(&connection("certificates.keyPassword"), &site.certificates.key_password);
    row(
        "certificates are verified",
        &match site.verification {
            Verification::Full => "chain and host name",
            Verification::Chain => "chain",
            Verification::Off => "NOT AT ALL",
        },
    );
    row("source.sourceConfig.config.includeOwners", &scope.include_owners);
    row("source.sourceConfig.config.includeTags", &scope.include_tags);
    row("source.sourceConfig.config.includeDataModels", &scope.include_data_models);
    row("source.sourceConfig.config.includeDraftDashboard", &scope.include_drafts);
    row("source.sourceConfig.config.markDeletedDashboards", &run.delete_dashboards);
    row("source.sourceConfig.config.markDeletedDataModels", &run.delete_data_models);
    row("source.sourceConfig.config.markDeletedCharts", &run.delete_charts);
    row("extractor.repository", &site.repository);
    row("extractor.repositoryUrl", &site.repository_url.as_deref().map(Address));
    row("extractor.userHeader", &site.user_header);
    row("extractor.sessionCookie", &site.session_cookie);
    row("extractor.concurrency", &site.limits.sessions);
    row("extractor.dataConcurrency", &site.limits.sessions_with_data);
    row("extractor.requestsInFlight", &site.limits.requests_in_flight);
    row("extractor.connectTimeout", &site.limits.connect_timeout);
    row("extractor.requestTimeout", &site.limits.request_timeout);
    row("extractor.openWithDataTimeout", &site.limits.open_with_data_timeout);
    row("extractor.sessionLimitBackoff", &site.limits.session_limit_backoff);
    row("extractor.sessionTtl", &site.limits.session_ttl);
    row("extractor.nonChartObjects", &scope.non_chart_objects);
    row("extractor.checkExpressions", &run.check_expressions);
    row("extractor.appDeadline", &run.app_deadline);
    row("extractor.outageTimeout", &run.outage_timeout);
    row("extractor.maxDeletedShare", &run.max_deleted_share);
    row("extractor.deliveryTimeout", &run.delivery_timeout);
    let includes = settings.includes.describe().join(", ");
    row("extractor.includes", &Some(includes).filter(|text| !text.is_empty()));
    row("extractor.maxPartitionBytes", &run.max_partition_bytes);
    row("extractor.shutdownDeadline", &run.shutdown_deadline);
    row(
        "extractor.schedule",
        &match &run.schedule {
            Schedule::Once => "once".to_owned(),
            Schedule::Follow => "follow".to_owned(),
            Schedule::Cron(_) => "cron".to_owned(),
            Schedule::Every(period) => period.shown(),
        },
    );
    row("extractor.feedInterval", &run.feed_interval);
    row("extractor.scanInterval", &run.scan_interval);
    row("extractor.adminAddress", &run.admin_address);
    if let Some(kafka) = &settings.kafka {
        rows.extend(of_kafka(kafka));
    }
    rows
}

fn of_kafka(kafka: &Kafka) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: &dyn Shown| rows.push([key.to_owned(), value.shown()]);
    row("kafka.bootstrapServers", &kafka.bootstrap_servers);
    let topic = kafka.topics.name(Topic::Dashboards);
    row("kafka.topicPrefix", &topic.strip_suffix(Topic::Dashboards.suffix()));
    row("kafka.partitions", &kafka.partitions);
    row("kafka.replicationFactor", &kafka.replication_factor);
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
    use crate::config::{Needs, parse};

    const MINIMAL: &str = r#"
source: {serviceName: qlik_prod, serviceConnection: {config: {hostPort: "ws://qlik.example.com:4747"}}}
kafka: {bootstrapServers: "localhost:9092"}
"#;

    /// The reference is made from comments, the settings from code.
    #[test]
    fn defaults_are_what_the_reference_says() {
        let page = include_str!("../../../docs/configuration.md");
        let page = page.split("## `extractor:`").nth(1).expect("the block");
        let page = page.split("\n## ").next().expect("its text");
        let settings = parse(MINIMAL, &[], Needs::SiteAndKafka).expect("valid");
        let mut compared = 0;
        for [key, value] in super::settings(&settings) {
            let Some(key) = key.strip_prefix("extractor.") else { continue };
            let line = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
            let line = line.unwrap_or_else(|| panic!("`{key}` is not in docs/configuration.md"));
            let said = line.split('|').nth(2).expect("a default").trim();
            // In words: nothing to compare.
            let Some(said) = said.strip_prefix('`').and_then(|said| said.strip_suffix('`')) else {
                continue;
            };
            let span = |text: &str| text.parse::<Span>().ok().map(|span| span.0);
            let is_same =
                said == value || span(said).is_some_and(|said| Some(said) == span(&value));
            assert!(is_same, "{key}: {value}, docs/configuration.md says {said}");
            compared += 1;
        }
        assert!(compared >= 15, "only {compared} defaults");
    }
}
