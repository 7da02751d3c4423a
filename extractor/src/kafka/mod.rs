//! Kafka: topics, publishing, and reading back what was published.

mod client;
mod decoder;
mod publisher;
mod reader;
mod topics;

use std::time::Duration;

use schemas::{Topic, config::Kafka, registry::RegistryError};

pub use self::{
    decoder::Decoder,
    publisher::{Publisher, Record, record_size},
    reader::{Reread, Rereader, Stored, read_state},
    topics::{Partitions, ensure, look, warnings},
};

/// Time limit for one question to the brokers. An admin request that takes longer has failed.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Why something with Kafka failed.
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
        source: Box<rdkafka::error::KafkaError>,
    },
    /// A topic is missing and may not or cannot be created.
    #[error("the topic `{topic}` does not exist; {advice}")]
    MissingTopic {
        /// Full name.
        topic: String,
        /// What to do.
        advice: String,
    },
    /// A topic could not be created.
    #[error(
        "failed to create the topic `{topic}`: {reason}; create it by hand (compacted, as documented in the README) and set `kafka.createTopics: false`, or allow it"
    )]
    CreateTopic {
        /// Full name.
        topic: String,
        /// The brokers' words.
        reason: String,
    },
    /// The schema registry refuses.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A value could not be encoded.
    #[error(transparent)]
    Encode(#[from] schemas::codec::EncodeError),
    /// A record was not confirmed.
    #[error(
        "failed to write to the topic `{topic}`: the brokers did not confirm the record `{key}`"
    )]
    Delivery {
        /// Topic.
        topic: Topic,
        /// Key of the record.
        key: String,
        /// Cause.
        #[source]
        source: rdkafka::error::KafkaError,
    },
    /// A partition would hold more than `extractor.maxPartitionBytes`.
    #[error(
        "partition {partition} of the topic `{topic}` would hold more than {limit} bytes (`extractor.maxPartitionBytes`); nothing beyond that was written"
    )]
    PartitionFull {
        /// Full name.
        topic: String,
        /// Partition.
        partition: u32,
        /// The limit.
        limit: u64,
    },
    /// A record that is to be deleted is not where it was read.
    #[error(
        "a published record is not where it was ({0}); does another extractor write for the same `source.serviceName`?"
    )]
    Moved(String),
    /// Reading the topics was broken off.
    #[error("reading what is published was broken off")]
    Interrupted,
    /// A topic could not be read to its end.
    #[error("failed to read the topic `{topic}`")]
    Read {
        /// Full name.
        topic: String,
        /// Cause.
        #[source]
        source: rdkafka::error::KafkaError,
    },
}

impl Error {
    /// Wraps what librdkafka says of its properties, without their values: they may be secrets.
    fn client(error: rdkafka::error::KafkaError) -> Self {
        Self::Client(match error {
            rdkafka::error::KafkaError::ClientConfig(_, description, key, _) => {
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

    /// Whether a setting is wrong, and not a service away.
    #[must_use]
    pub fn is_misconfiguration(&self) -> bool {
        matches!(self, Self::Client(_) | Self::Registry(RegistryError::Setup { .. }))
    }

    /// Wraps what librdkafka says when the brokers are asked something.
    fn unreachable(kafka: &Kafka, reason: &str) -> impl FnOnce(rdkafka::error::KafkaError) -> Self {
        let (brokers, reason) = (kafka.bootstrap_servers.clone(), reason.to_owned());
        |source| Self::Unreachable { brokers, reason, source: Box::new(source) }
    }
}

/// Drops a client that nobody waits for any more: closing one takes a tenth of a second.
fn drop_aside(client: impl Send + 'static) {
    std::thread::spawn(move || drop(client));
}
