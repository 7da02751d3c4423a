//! Events that are given up go to a topic of their own, with everything needed to understand and to
//! retry them. An offset counts as finished only when its dead letter is confirmed by the brokers.

mod headers;
pub mod letter;
pub mod topic;

use std::time::Duration;

use rdkafka::{
    error::KafkaError,
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
    types::RDKafkaErrorCode,
};
use schemas::{
    Topic,
    config::{Kafka, client_properties},
};
use tracing::{error, warn};

pub use self::letter::Letter;
use crate::{
    error_text,
    plan::Burial,
    sink::Fatal,
    source::{
        Error,
        client::{ClientLog, with_defaults},
    },
};

/// First and longest wait between two attempts to write a dead letter.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// What the headers of a dead letter may add to the record that it holds.
const HEADROOM: usize = 64 * 1024;
/// librdkafka's default of `message.max.bytes`.
const MESSAGE_MAX_BYTES: usize = 1_000_000;
/// librdkafka's upper bound for it.
const MESSAGE_MAX_LIMIT: usize = 1_000_000_000;

/// Writes dead letters.
pub struct DeadLetters {
    producer: FutureProducer<ClientLog>,
    topic: String,
    names: schemas::TopicNames,
    /// Partitions of the topic, when known.
    partitions: Option<i32>,
}

/// How much of a record a dead letter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    /// Everything.
    All,
    /// Not the value, which is too large with our headers on top; it is where the headers say.
    NoValue,
    /// Neither the value nor the record's own headers.
    KeyOnly,
}

impl DeadLetters {
    /// A writer; needs tokio. `partitions` are those of the topic, if known.
    ///
    /// # Errors
    /// When librdkafka refuses the properties.
    pub fn new(kafka: &Kafka, partitions: Option<i32>) -> Result<Self, Error> {
        let properties = client_properties(kafka, &[]);
        let configured = properties.get("message.max.bytes").and_then(|text| text.parse().ok());
        let max = configured.unwrap_or(MESSAGE_MAX_BYTES).saturating_add(HEADROOM);
        let max = max.min(MESSAGE_MAX_LIMIT).to_string();
        let ours =
            [("acks", "all"), ("enable.idempotence", "true"), ("message.max.bytes", max.as_str())];
        let mut config = with_defaults(kafka, &ours);
        // Attempts are repeated here without end; each should tell soon when it fails.
        if !properties.contains_key("message.timeout.ms")
            && !properties.contains_key("delivery.timeout.ms")
        {
            config.set("message.timeout.ms", "60000");
        }
        Ok(Self {
            producer: config.create_with_context(ClientLog::new(kafka)).map_err(Error::client)?,
            topic: kafka.topics.name(Topic::DeadLetters),
            names: kafka.topics.clone(),
            partitions: partitions.filter(|count| *count > 0),
        })
    }

    /// Writes a dead letter and waits until it is confirmed, as long as it takes.
    ///
    /// # Errors
    /// [`Fatal`] when it cannot be written at all; the event's offset must not be committed then.
    pub async fn bury(&self, burial: &Burial) -> Result<(), Fatal> {
        let time = jiff::Timestamp::now();
        let mut holds = Holds::All;
        let mut wait = RETRY.0;
        loop {
            let error = match self.send(burial, holds, time).await {
                Ok(()) => {
                    warn!(
                        topic = %burial.record.at.topic,
                        partition = burial.record.at.partition,
                        offset = burial.record.offset,
                        stage = burial.stage,
                        reason = burial.reason,
                        "an event went to the dead letters"
                    );
                    return Ok(());
                }
                Err(error) => error,
            };
            if self.producer.client().fatal_error().is_some() {
                return Err(self.fatal(&error, "start the loader again"));
            }
            match (error.rdkafka_error_code(), holds) {
                (Some(RDKafkaErrorCode::MessageSizeTooLarge), Holds::All) => holds = Holds::NoValue,
                (Some(RDKafkaErrorCode::MessageSizeTooLarge), Holds::NoValue) => {
                    holds = Holds::KeyOnly;
                }
                (Some(RDKafkaErrorCode::MessageSizeTooLarge), Holds::KeyOnly) => {
                    return Err(self.fatal(&error, "raise `max.message.bytes` of the topic"));
                }
                (
                    Some(
                        RDKafkaErrorCode::TopicAuthorizationFailed
                        | RDKafkaErrorCode::ClusterAuthorizationFailed,
                    ),
                    _,
                ) => return Err(self.fatal(&error, "allow this user to write to it")),
                _ => {
                    error!(
                        error = error_text(&error),
                        topic = self.topic,
                        retry_in_seconds = wait.as_secs(),
                        "failed to write a dead letter; nothing after it is committed until it is written"
                    );
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                }
            }
        }
    }

    async fn send(
        &self,
        burial: &Burial,
        holds: Holds,
        time: jiff::Timestamp,
    ) -> Result<(), KafkaError> {
        let record = &burial.record;
        let headers = headers::of_letter(
            burial,
            &self.names.name(record.at.topic),
            &time.to_string(),
            holds == Holds::KeyOnly,
            holds != Holds::All,
        );
        let mut owned = OwnedHeaders::new_with_capacity(headers.len());
        for (name, value) in &headers {
            owned = owned.insert(Header { key: name, value: value.as_deref() });
        }
        let mut letter: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(&self.topic).headers(owned);
        letter.key = record.key.as_deref();
        letter.payload = record.value.as_deref().filter(|_| holds == Holds::All);
        // The same partition number as the record's, so that letters of an app stay in order.
        letter.partition = self.partitions.map(|count| record.at.partition % count);
        let delivery = self.producer.send(letter, rdkafka::util::Timeout::Never).await;
        delivery.map(drop).map_err(|(error, _)| error)
    }

    fn fatal(&self, error: &KafkaError, advice: &str) -> Fatal {
        Fatal {
            message: format!(
                "failed to write a dead letter to the topic `{}`: {}; {advice}",
                self.topic,
                error_text(error)
            ),
            exit_code: 3,
        }
    }
}
