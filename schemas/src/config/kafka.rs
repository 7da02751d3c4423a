//! The `kafka:` block, the same for both stages.

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{Problems, Span, pem};
use crate::{
    TopicNames,
    oidc::{self, Tokens},
    registry,
};

/// The block as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawKafka {
    /// Brokers, `host:port` separated by commas. Required.
    pub bootstrap_servers: Option<String>,
    /// Put in front of every topic name. Default `qlik.metadata.`.
    pub topic_prefix: Option<String>,
    /// Of topics that are created; the four state topics need the same number. Default 6.
    pub partitions: Option<u32>,
    /// Of topics that are created. Default: the broker's.
    pub replication_factor: Option<i32>,
    /// Whether the extractor creates missing topics, compacted or kept 30 days, and looks at the settings
    /// of those that exist. Default true.
    pub create_topics: Option<bool>,
    /// Any librdkafka property; those that correctness depends on (`acks`, `enable.idempotence`, offsets …)
    /// are applied last. Default: none.
    pub properties: Properties,
    /// Schema registry; without one, values are in Avro single-object encoding.
    pub schema_registry: Option<RawRegistry>,
}

/// The `kafka.schemaRegistry:` block as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawRegistry {
    /// Base URL of the schema registry with its path. Default: none, and values are in Avro single-object
    /// encoding.
    pub url: Option<String>,
    /// User for HTTP basic authentication. Default: none.
    pub username: Option<String>,
    /// Password for HTTP basic authentication. Default: none.
    pub password: Option<SecretString>,
    /// Bearer token. Default: none.
    pub bearer_token: Option<SecretString>,
    /// Certificate authorities: PEM text or a path. Default: the machine's.
    pub ca_certificate: Option<String>,
    /// Client certificate for mutual TLS: PEM text or a path. Default: none.
    pub client_certificate: Option<String>,
    /// Its key: PEM text or a path. Default: none.
    pub client_key: Option<SecretString>,
    /// Names of the subjects: `topic` (`<topic>-value`), `record` (`qlik.metadata.Dashboard`) or
    /// `topicRecord` (both). Default topic.
    pub subject_naming: registry::SubjectNaming,
    /// Time limit of one request. Default 30s.
    pub timeout: Option<Span>,
}

/// librdkafka properties. `Debug` shows names only, values may be secrets.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Properties(BTreeMap<String, Scalar>);

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Scalar {
    Flag(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// What is taken out of the properties where `sasl.oauthbearer.method: oidc` asks for tokens of a provider:
/// librdkafka as built here refuses these.
const OIDC: [&str; 10] = [
    "sasl.oauthbearer.method",
    "sasl.oauthbearer.grant.type",
    "sasl.oauthbearer.token.endpoint.url",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.scope",
    "https.ca.location",
    "https.ca.pem",
];

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl Properties {
    /// The first of these that is there and not empty.
    fn text(&self, names: &[&str]) -> Option<String> {
        let found = names.iter().find_map(|name| self.0.get(*name)).map(Scalar::text);
        found.filter(|text| !text.is_empty())
    }

    /// Where tokens come from when brokers want some, with the properties that say so taken out.
    fn tokens(&mut self, problems: &mut Problems) -> Option<Tokens> {
        const KEY: &str = "kafka.properties";
        let is = |text: Option<String>, wanted: &str| {
            text.is_some_and(|text| text.eq_ignore_ascii_case(wanted))
        };
        if !is(self.text(&["sasl.mechanism", "sasl.mechanisms"]), "oauthbearer") {
            return None;
        }
        if !is(self.text(&["sasl.oauthbearer.method"]), "oidc") {
            // librdkafka would wait in silence for tokens that nobody gives.
            if !is(self.text(&["enable.sasl.oauthbearer.unsecure.jwt"]), "true") {
                problems.add(
                    KEY,
                    "`sasl.mechanism: OAUTHBEARER` has nowhere to take tokens from: `sasl.oauthbearer.method: oidc` with `sasl.oauthbearer.token.endpoint.url`, `.client.id` and `.client.secret` gets them from a provider",
                );
            }
            return None;
        }
        let before = problems.list().len();
        let mut required = |names: &[&str]| {
            self.text(names).unwrap_or_else(|| {
                let name = names.first().copied().unwrap_or_default();
                problems.add(KEY, format!("`sasl.oauthbearer.method: oidc` needs `{name}`"));
                String::new()
            })
        };
        let url = required(&["sasl.oauthbearer.token.endpoint.url"]);
        let client_id = required(&[
            "sasl.oauthbearer.client.id",
            "sasl.oauthbearer.client.credentials.client.id",
        ]);
        let client_secret = required(&[
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
        ]);
        let url = Url::parse(&url).ok().filter(|url| {
            matches!(url.scheme(), "http" | "https")
                && url.username().is_empty()
                && url.password().is_none()
        });
        if url.is_none() && problems.list().len() == before {
            problems.add(
                KEY,
                "`sasl.oauthbearer.token.endpoint.url` must be an http or https URL without credentials",
            );
        }
        if self.0.contains_key("enable.sasl.oauthbearer.unsecure.jwt") {
            problems.add(
                KEY,
                "`enable.sasl.oauthbearer.unsecure.jwt` and `sasl.oauthbearer.method: oidc` exclude each other",
            );
        }
        let grant = self.text(&["sasl.oauthbearer.grant.type"]);
        if grant.is_some_and(|grant| !grant.eq_ignore_ascii_case("client_credentials")) {
            problems
                .add(KEY, "`sasl.oauthbearer.grant.type`: only `client_credentials` is supported");
        }
        if self.0.contains_key("sasl.oauthbearer.extensions") {
            problems.add(KEY, "`sasl.oauthbearer.extensions` is not supported");
        }
        let authority = self
            .text(&["https.ca.pem", "https.ca.location"])
            .filter(|text| !text.eq_ignore_ascii_case("probe"));
        let ca_pem = authority.map(|text| pem(&text, "kafka.properties.https.ca", problems));
        let connection = oidc::Connection {
            url: url?,
            client_id,
            client_secret: client_secret.into(),
            scope: self.text(&["sasl.oauthbearer.scope"]),
            ca_pem,
        };
        self.0.retain(|name, _| !OIDC.contains(&name.as_str()));
        (problems.list().len() == before).then(|| Tokens::new(connection))
    }
}

/// The block, checked.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// Brokers.
    pub bootstrap_servers: String,
    /// Topic names.
    pub topics: TopicNames,
    /// Partitions of topics that are created.
    pub partitions: u32,
    /// Copies of each partition of topics that are created; -1 is the broker's default.
    pub replication_factor: i32,
    /// Whether the extractor creates missing topics.
    pub create_topics: bool,
    /// The user's librdkafka properties.
    pub properties: Properties,
    /// Schema registry, when there is one.
    pub registry: Option<registry::Connection>,
    /// Where tokens for the brokers come from, when they want some of a provider.
    pub tokens: Option<Tokens>,
}

/// Default of `kafka.partitions`.
const PARTITIONS: u32 = 6;

impl RawKafka {
    /// Names of the topics, which need no broker.
    pub fn topics(&self, problems: &mut Problems) -> TopicNames {
        let prefix = self.topic_prefix.as_deref().unwrap_or(TopicNames::DEFAULT_PREFIX);
        TopicNames::new(prefix).unwrap_or_else(|message| {
            problems.add("kafka.topicPrefix", message);
            TopicNames::default()
        })
    }

    /// Checks the block; mistakes go to `problems`, and the result is usable only without any.
    pub fn validate(mut self, problems: &mut Problems) -> Kafka {
        let topics = self.topics(problems);
        let bootstrap_servers = self.bootstrap_servers.unwrap_or_default();
        if bootstrap_servers.trim().is_empty() {
            problems
                .add("kafka.bootstrapServers", "is required: `host:port` of one or more brokers");
        }
        let partitions = self.partitions.unwrap_or(PARTITIONS);
        if partitions == 0 {
            problems.add("kafka.partitions", "must be at least 1");
        }
        let replication_factor = self.replication_factor.unwrap_or(-1);
        if replication_factor != -1 && !(1..=i32::from(i16::MAX)).contains(&replication_factor) {
            problems.add(
                "kafka.replicationFactor",
                "must be at least 1, or -1 for the broker's default",
            );
        }
        let tokens = self.properties.tokens(problems);
        Kafka {
            bootstrap_servers,
            topics,
            partitions,
            replication_factor,
            create_topics: self.create_topics.unwrap_or(true),
            properties: self.properties,
            registry: self.schema_registry.and_then(|raw| raw.validate(problems)),
            tokens,
        }
    }
}

impl RawRegistry {
    fn validate(self, problems: &mut Problems) -> Option<registry::Connection> {
        const KEY: &str = "kafka.schemaRegistry";
        let before = problems.list().len();
        let url = self.url.unwrap_or_default();
        let url = match Url::parse(&url) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                problems.add(
                    format!("{KEY}.url"),
                    "must not hold credentials, which would show in logs; use `username` and `password`",
                );
                None
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") => Some(url),
            _ => {
                problems.add(
                    format!("{KEY}.url"),
                    "is required: a URL such as `http://localhost:8081`",
                );
                None
            }
        };
        let basic = match (self.username, self.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            _ => {
                problems.add(KEY, "`username` and `password` belong together");
                None
            }
        };
        let client_pem = match (self.client_certificate, self.client_key) {
            (Some(certificate), Some(key)) => {
                use secrecy::ExposeSecret as _;
                let certificate = pem(&certificate, &format!("{KEY}.clientCertificate"), problems);
                let key = pem(key.expose_secret(), &format!("{KEY}.clientKey"), problems);
                Some(SecretString::from(format!("{certificate}\n{key}")))
            }
            (None, None) => None,
            _ => {
                problems.add(KEY, "`clientCertificate` and `clientKey` belong together");
                None
            }
        };
        let ca_pem =
            self.ca_certificate.map(|ca| pem(&ca, &format!("{KEY}.caCertificate"), problems));
        let timeout = self.timeout.unwrap_or(Span::seconds(30)).0;
        let connection = registry::Connection {
            naming: self.subject_naming,
            url: url?,
            basic,
            bearer: self.bearer_token,
            ca_pem,
            client_pem,
            timeout,
        };
        (problems.list().len() == before).then_some(connection)
    }
}

/// Properties of a librdkafka client: the user's first, then `ours`, which correctness depends on.
#[must_use]
pub fn client_properties(kafka: &Kafka, ours: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut properties: BTreeMap<_, _> =
        kafka.properties.0.iter().map(|(name, value)| (name.clone(), value.text())).collect();
    properties.insert("bootstrap.servers".to_owned(), kafka.bootstrap_servers.clone());
    properties.extend(ours.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    properties
}
