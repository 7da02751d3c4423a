//! librdkafka's clients: properties, and what topics there are.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    client::ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer as _, ConsumerContext},
    error::KafkaError,
};
use schemas::{
    Topic,
    config::{Kafka, client_properties},
};
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

/// A consumer's fetch queue, when the user says nothing: each partition has one of its own, and
/// librdkafka's default of 64 MiB would hold for each of them.
const QUEUED_KBYTES: &str = "4096";
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
    if config.get("queued.max.messages.kbytes").is_none() {
        config.set("queued.max.messages.kbytes", QUEUED_KBYTES);
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
    #[error("failed to set up the Kafka client; check `kafka.properties`")]
    Client(#[source] Box<KafkaError>),
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
    pub(crate) fn client(source: KafkaError) -> Self {
        Self::Client(Box::new(source))
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
    let context = ClientLog::default();
    let consumer: BaseConsumer<ClientLog> =
        with_defaults(kafka, &[]).create_with_context(context).map_err(Error::client)?;
    let asked = blocking(move || {
        let answer = consumer.fetch_metadata(None, limit);
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

/// Logs of librdkafka, as ours.
#[derive(Debug, Default)]
pub(crate) struct ClientLog {
    last: Mutex<Option<String>>,
}

impl ClientLog {
    /// The last error, in librdkafka's words: the cause that its error codes lack.
    pub(crate) fn last_words(&self) -> Option<String> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for ClientLog {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(%error, reason, "the Kafka client reports an error");
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason.to_owned());
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
