//! The `kafka:` block, the same for both stages.

use std::{collections::BTreeMap, fmt};

use secrecy::SecretString;
use serde::Deserialize;
use url::Url;

use super::{Problems, Span, pem};
use crate::{TopicNames, registry};

/// The block as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawKafka {
    /// Brokers, `host:port` separated by commas. Required.
    pub bootstrap_servers: Option<String>,
    /// Put in front of every topic name. Default `qlik.metadata.`.
    pub topic_prefix: Option<String>,
    /// Partitions of topics that are created. Default 6; the four state topics need the same number.
    pub partitions: Option<u32>,
    /// Copies of each partition of topics that are created. Default: the broker's.
    pub replication_factor: Option<i32>,
    /// Whether the extractor creates missing topics. Default true.
    pub create_topics: Option<bool>,
    /// Any librdkafka property; those that correctness depends on are applied last.
    pub properties: Properties,
    /// Schema registry; without one, values are in Avro single-object encoding.
    pub schema_registry: Option<RawRegistry>,
}

/// The `kafka.schemaRegistry:` block as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RawRegistry {
    /// Base URL with its path. Required.
    pub url: Option<String>,
    /// User for HTTP basic authentication.
    pub username: Option<String>,
    /// Password for HTTP basic authentication.
    pub password: Option<SecretString>,
    /// Bearer token.
    pub bearer_token: Option<SecretString>,
    /// Certificate authorities: PEM text or a path.
    pub ca_certificate: Option<String>,
    /// Client certificate for mutual TLS: PEM text or a path.
    pub client_certificate: Option<String>,
    /// Key of the client certificate: PEM text or a path.
    pub client_key: Option<SecretString>,
    /// Names of the subjects: `topic` (`<topic>-value`), `record` or `topicRecord`. Default `topic`.
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

impl Properties {
    /// Whether the broker will want tokens that nobody gives: librdkafka waits for them in silence.
    fn lacks_tokens(&self) -> bool {
        let text = |name: &str| match self.0.get(name) {
            Some(Scalar::Text(text)) => text.to_ascii_lowercase(),
            Some(Scalar::Flag(flag)) => flag.to_string(),
            _ => String::new(),
        };
        let is_wanted =
            ["sasl.mechanism", "sasl.mechanisms"].map(text).contains(&"oauthbearer".to_owned());
        let unsecured = text("enable.sasl.oauthbearer.unsecure.jwt") == "true";
        is_wanted && !unsecured && text("sasl.oauthbearer.method") != "oidc"
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
    pub fn validate(self, problems: &mut Problems) -> Kafka {
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
        if self.properties.lacks_tokens() {
            problems.add(
                "kafka.properties",
                "`sasl.mechanism: OAUTHBEARER` has nowhere to take tokens from: with `enable.sasl.oauthbearer.unsecure.jwt: true` and `sasl.oauthbearer.config` unsecured ones are made, which brokers for tests accept",
            );
        }
        Kafka {
            bootstrap_servers,
            topics,
            partitions,
            replication_factor,
            create_topics: self.create_topics.unwrap_or(true),
            properties: self.properties,
            registry: self.schema_registry.and_then(|raw| raw.validate(problems)),
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
    let text = |scalar: &Scalar| match scalar {
        Scalar::Flag(flag) => flag.to_string(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Number(number) => number.to_string(),
        Scalar::Text(text) => text.clone(),
    };
    let mut properties: BTreeMap<_, _> =
        kafka.properties.0.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    properties.insert("bootstrap.servers".to_owned(), kafka.bootstrap_servers.clone());
    properties.extend(ours.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    properties
}
