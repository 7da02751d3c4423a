//! librdkafka's clients: properties, and what topics there are.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig,
    client::{ClientContext, OAuthToken},
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
    metadata::Metadata,
    types::RDKafkaErrorCode,
};
use schemas::{
    LastWords, Topic,
    config::{Kafka, client_properties},
    oidc::Tokens,
};
use secrecy::ExposeSecret as _;
use tracing::{debug, error, info, warn};

/// What correctness depends on; applied after the user's properties.
const REQUIRED: [(&str, &str); 8] = [
    // Offsets are committed by the pipeline, when the events before them are finished.
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    // A new group loads everything there is.
    ("auto.offset.reset", "earliest"),
    // The same partition number of all topics goes to the same member: it sees an app whole.
    ("partition.assignment.strategy", "range"),
    ("group.protocol", "classic"),
    // How the end of a partition is recognised: offsets have gaps.
    ("enable.partition.eof", "true"),
    ("isolation.level", "read_committed"),
    ("allow.auto.create.topics", "false"),
];

/// How much a consumer fetches ahead, when the user says nothing. Every partition has a queue of its own,
/// and librdkafka's defaults hold for each of them: 64 MiB, and 1 MiB a fetch, which is ten times as much
/// when it is unpacked. What is fetched is a batch at least, of 128 KiB where the extractor wrote it. A
/// partition whose queue is full is looked at again soon, as it is small.
const FETCHING: [(&str, &str); 3] = [
    ("queued.max.messages.kbytes", "64"),
    ("max.partition.fetch.bytes", "16384"),
    ("fetch.queue.backoff.ms", "20"),
];
/// Used for every client when the user says nothing.
const DEFAULTS: [(&str, &str); 3] = [
    ("client.id", "qlik-metadata-loader"),
    // Brokers close idle connections; that is no trouble worth a line.
    ("log.connection.close", "false"),
    // How far behind we are.
    ("statistics.interval.ms", "5000"),
];

/// Configuration of a consumer.
pub(crate) fn consumer(
    kafka: &Kafka,
    group_id: &str,
    group_instance_id: Option<&str>,
) -> ClientConfig {
    let mut ours = REQUIRED.to_vec();
    ours.push(("group.id", group_id));
    ours.extend(group_instance_id.map(|id| ("group.instance.id", id)));
    let mut config = with_defaults(kafka, &ours);
    let theirs = client_properties(kafka, &[]);
    for (name, value) in FETCHING {
        // The same by its other name.
        let is_theirs = theirs.contains_key(name)
            || name == "max.partition.fetch.bytes"
                && theirs.contains_key("fetch.message.max.bytes");
        if !is_theirs {
            config.set(name, value);
        }
    }
    config
}

/// Configuration of any client: defaults, the user's properties, then `ours`.
pub(crate) fn with_defaults(kafka: &Kafka, ours: &[(&str, &str)]) -> ClientConfig {
    let mut config: ClientConfig =
        DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    config.extend(client_properties(kafka, ours));
    config
}

/// Properties of the user that the loader overrides, with the value that holds.
#[must_use]
pub fn overridden_properties(kafka: &Kafka) -> Vec<(&'static str, &'static str)> {
    let theirs = client_properties(kafka, &[]);
    let differs = |(name, ours): &(&str, &str)| theirs.get(*name).is_some_and(|own| own != ours);
    REQUIRED.into_iter().filter(differs).collect()
}

/// Why Kafka cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka refuses the properties.
    #[error("failed to set up the Kafka client: {0}; check `kafka.properties`")]
    Client(String),
    /// The brokers do not answer.
    #[error(
        "failed to reach the Kafka brokers `{brokers}`{reason}; are they running, and are `kafka.bootstrapServers` and the security settings in `kafka.properties` right?"
    )]
    Unreachable {
        /// `kafka.bootstrapServers`.
        brokers: String,
        /// librdkafka's last words, with a colon in front; empty when there were none.
        reason: String,
        /// Cause.
        #[source]
        source: Box<KafkaError>,
    },
    /// Another request failed.
    #[error("failed to {action}")]
    Request {
        /// What was attempted.
        action: String,
        /// Cause.
        #[source]
        source: Box<KafkaError>,
    },
    /// None of the topics is there.
    #[error(
        "none of the topics {0} exists; has the extractor run, and is `kafka.topicPrefix` the same as the extractor's?"
    )]
    NoTopics(String),
}

impl Error {
    /// Wraps what librdkafka says of its properties, without their values: they may be secrets.
    pub(crate) fn client(error: KafkaError) -> Self {
        Self::Client(match error {
            KafkaError::ClientConfig(_, description, key, _) => {
                // Other texts may quote the value.
                let known = match description.split_once("not supported in this build") {
                    Some((_, reason)) => format!("not supported in this build{reason}"),
                    None => description.split('"').next().unwrap_or_default().to_owned(),
                };
                format!("`{key}`: {}", known.trim_end_matches([':', ' ']))
            }
            other => other.to_string(),
        })
    }

    pub(crate) fn request(action: &str, source: KafkaError) -> Self {
        Self::Request { action: action.to_owned(), source: Box::new(source) }
    }
}

/// The brokers, and our topics on them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Number of brokers.
    pub brokers: usize,
    /// Number of partitions of each topic that exists.
    pub partitions: BTreeMap<Topic, i32>,
}

impl Found {
    /// State topics that do not exist.
    pub fn missing(&self) -> impl Iterator<Item = Topic> + '_ {
        Topic::STATE.into_iter().filter(|topic| !self.partitions.contains_key(topic))
    }
}

impl Found {
    /// Numbers of partitions of the state topics, when they differ.
    #[must_use]
    pub fn differing_partitions(&self) -> Option<String> {
        let state = || Topic::STATE.iter().filter_map(|topic| self.partitions.get_key_value(topic));
        let mut counts: Vec<_> = state().map(|(_, count)| count).collect();
        counts.dedup();
        (counts.len() > 1).then(|| {
            let named: Vec<_> = state().map(|(topic, count)| format!("{topic} {count}")).collect();
            named.join(", ")
        })
    }
}

/// Asks the brokers which of our topics exist. All topics of the cluster are listed: asking for one by
/// name may create it where brokers create topics automatically.
///
/// # Errors
/// When the client cannot be made, or no broker answers within `limit`.
pub async fn find_topics(kafka: &Kafka, limit: Duration) -> Result<Found, Error> {
    let names = kafka.topics.clone();
    let consumer = plain_consumer(kafka, &with_defaults(kafka, &[])).map_err(Error::client)?;
    let asked = blocking(move || {
        let answer = metadata(&consumer, limit);
        let reason = consumer.context().last_words();
        answer.map_err(|source| (source, reason)).map(|metadata| {
            let topics = metadata.topics().iter().filter(|topic| !topic.partitions().is_empty());
            let partitions = topics.filter_map(|topic| {
                let count = i32::try_from(topic.partitions().len()).ok()?;
                Some((names.topic(topic.name())?, count))
            });
            Found { brokers: metadata.brokers().len(), partitions: partitions.collect() }
        })
    });
    asked.await.map_err(|(source, reason)| Error::Unreachable {
        brokers: kafka.bootstrap_servers.clone(),
        reason: reason.map(|reason| format!(": {reason}")).unwrap_or_default(),
        source: Box::new(source),
    })
}

/// First time limit of one attempt to ask for metadata; doubled each time, because what a client
/// reports of its connections is seen between attempts only.
const ATTEMPT: Duration = Duration::from_secs(1);
/// How long brokers may refuse before that is an answer: one that is starting refuses, too.
const REFUSED: Duration = Duration::from_secs(5);

/// Asks for the metadata of all topics. Blocks for `limit` at most, and less when the brokers refuse the
/// sign-in or the encryption.
fn metadata(consumer: &BaseConsumer<ClientLog>, limit: Duration) -> Result<Metadata, KafkaError> {
    let started = Instant::now();
    let mut attempt = ATTEMPT;
    loop {
        let left = limit.saturating_sub(started.elapsed());
        let error = match consumer.fetch_metadata(None, attempt.min(left)) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        // Nothing is assigned: this delivers what the client reports, and waits where errors come at once.
        while consumer.poll(ATTEMPT / 10).is_some() {}
        let refused = consumer.context().words.is_refusal() && started.elapsed() >= REFUSED;
        if refused || started.elapsed() >= limit {
            return Err(error);
        }
        attempt *= 2;
    }
}

/// Runs a call that blocks on a thread of its own. Unlike tokio's blocking threads it does not keep
/// the process from ending when a broker never answers.
pub(crate) async fn blocking<T: Send + 'static>(call: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || sender.send(call()).ok());
    match receiver.await {
        Ok(result) => result,
        // Only when the call panicked; then so do we.
        Err(_) => panic!("a call to librdkafka panicked"),
    }
}

/// A consumer outside of the group.
pub(crate) fn plain_consumer(
    kafka: &Kafka,
    config: &ClientConfig,
) -> Result<BaseConsumer<ClientLog>, KafkaError> {
    let consumer: BaseConsumer<ClientLog> = config.create_with_context(ClientLog::new(kafka))?;
    if kafka.tokens.is_some() {
        // Delivers the request for the first token: no question to the brokers does that.
        drop(consumer.poll(Duration::ZERO));
    }
    Ok(consumer)
}

/// A token for the brokers. librdkafka asks again soon when there is none, and for a new one in time.
pub(crate) fn token(tokens: Option<&Tokens>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
    let tokens = tokens.ok_or("no token endpoint is configured")?;
    let token = tokens.token()?;
    Ok(OAuthToken {
        token: token.value.expose_secret().to_owned(),
        principal_name: tokens.client_id().to_owned(),
        lifetime_ms: token.expires_at,
    })
}

/// Logs of librdkafka, as ours, and tokens for it.
#[derive(Debug)]
pub(crate) struct ClientLog {
    words: LastWords,
    tokens: Option<Tokens>,
}

impl ClientLog {
    pub(crate) fn new(kafka: &Kafka) -> Self {
        Self { words: LastWords::default(), tokens: kafka.tokens.clone() }
    }

    /// The last error, in librdkafka's words: the cause that its error codes lack.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.words.get()
    }
}

impl ClientContext for ClientLog {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        token(self.tokens.as_ref())
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if facility == "FAIL" {
            debug!(target: "librdkafka", facility, "{message}");
            self.words.remember_line(message);
        } else {
            log_line(level, facility, message);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "the Kafka client reports an error");
        // That all brokers are down is what follows from the cause.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            self.words.remember(reason);
        }
    }
}

impl ConsumerContext for ClientLog {}

/// A log line of librdkafka.
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    use RDKafkaLogLevel::{Alert, Critical, Debug, Emerg, Error, Info, Notice, Warning};
    match level {
        // Properties for producers given to a consumer, and the other way round: there is one block for both.
        Warning if facility == "CONFWARN" => debug!(target: "librdkafka", facility, "{message}"),
        Emerg | Alert | Critical => error!(target: "librdkafka", facility, "{message}"),
        Error | Warning => warn!(target: "librdkafka", facility, "{message}"),
        Notice | Info => info!(target: "librdkafka", facility, "{message}"),
        Debug => debug!(target: "librdkafka", facility, "{message}"),
    }
}
