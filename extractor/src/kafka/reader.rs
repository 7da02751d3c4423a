//! Reads the state topics back: what is published is what a new run compares with.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
    types::RDKafkaErrorCode,
};
use schemas::{Topic, config::Kafka, headers};

use super::{
    Error, Partitions, REQUEST_TIMEOUT,
    client::{self, ClientLog},
    drop_aside, record_size,
};
use crate::state::Place;

/// How long one poll waits. The end of a partition is an event of its own, so this bounds nothing
/// but the reaction to a broker that went away.
const POLL: std::time::Duration = std::time::Duration::from_millis(500);
/// Polls without anything after which the brokers count as gone: one minute.
const MAX_SILENT_POLLS: u32 = 120;

/// A record as stored.
#[derive(Clone, Debug)]
pub struct Stored<'a> {
    /// Topic.
    pub topic: Topic,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: &'a str,
    /// Value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// Header `content-hash`.
    pub content_hash: Option<&'a str>,
    /// Header `extract-fingerprint`.
    pub extract_fingerprint: Option<&'a str>,
    /// Header `listed-hash`.
    pub listed_hash: Option<&'a str>,
    /// Header `described-hash`.
    pub described_hash: Option<&'a str>,
    /// Header `origin`.
    pub origin: Option<&'a str>,
    /// Bytes of key, value and headers on the broker, generously.
    pub bytes: u64,
}

/// Reads the four state topics to the ends they have now, from `ends` (the beginning for a partition
/// that is not there), in no order between topics, and hands every record to `visit`.
///
/// # Errors
/// When a topic cannot be read to its end.
pub fn read_state(
    kafka: &Kafka,
    partitions: &Partitions,
    ends: &HashMap<(Topic, i32), i64>,
    mut visit: impl FnMut(Stored<'_>),
) -> Result<(), Error> {
    // Keys and headers are kept, values are not: little is to lie ready at a time. What is fetched at
    // once lies there unpacked, which is up to ten times as much.
    let bounds = [
        ("queued.max.messages.kbytes", "2048"),
        ("fetch.message.max.bytes", "65536"),
        ("fetch.max.bytes", "1048576"),
    ];
    let consumer = consumer(kafka, &bounds)?;
    for topic in Topic::STATE {
        let count = partitions.get(&topic).copied().unwrap_or_default();
        read_topic(kafka, &consumer, topic, count, ends, &mut visit)?;
    }
    drop_aside(consumer);
    Ok(())
}

/// Reads one topic to its end. An end is reported again whenever a partition has grown, and without
/// its topic, so topics are read one after the other and ends are kept by partition.
fn read_topic(
    kafka: &Kafka,
    consumer: &BaseConsumer<ClientLog>,
    topic: Topic,
    count: u32,
    ends: &HashMap<(Topic, i32), i64>,
    visit: &mut impl FnMut(Stored<'_>),
) -> Result<(), Error> {
    let name = kafka.topics.name(topic);
    know(kafka, consumer, &name)?;
    let mut places = TopicPartitionList::new();
    let mut open = BTreeSet::new();
    for partition in (0..count).filter_map(|partition| i32::try_from(partition).ok()) {
        let start = match ends.get(&(topic, partition)) {
            Some(end) => Offset::Offset(*end),
            None => Offset::Beginning,
        };
        places.add_partition_offset(&name, partition, start).map_err(Error::client)?;
        open.insert(partition);
    }
    consumer.assign(&places).map_err(Error::client)?;
    let mut silent = 0;
    while !open.is_empty() {
        match consumer.poll(POLL) {
            Some(Ok(message)) => {
                silent = 0;
                if let Some(stored) = stored(kafka, &message) {
                    visit(stored);
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(error)) if is_passing(&error) && silent < MAX_SILENT_POLLS => silent += 1,
            Some(Err(source)) => return Err(Error::Read { topic: name, source }),
            None if silent < MAX_SILENT_POLLS => silent += 1,
            None => {
                let source = KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                return Err(Error::Read { topic: name, source });
            }
        }
    }
    Ok(())
}

/// A record read again: key and value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reread {
    /// Key.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
}

/// Reads single records again. Keeps its connection for the next time.
#[derive(Clone)]
pub struct Rereader {
    kafka: Arc<Kafka>,
    consumer: Arc<Mutex<Option<BaseConsumer<ClientLog>>>>,
}

/// Offsets between two records up to which reading on is cheaper than asking for the next place.
const NEAR: i64 = 500;

impl Rereader {
    /// Nothing is contacted before the first use.
    #[must_use]
    pub fn new(kafka: &Kafka) -> Self {
        Self { kafka: Arc::new(kafka.clone()), consumer: Arc::default() }
    }

    /// Reads the records at these places; compaction may have removed some meanwhile.
    ///
    /// # Errors
    /// When a topic cannot be read.
    pub async fn read(&self, mut places: Vec<Place>) -> Result<HashMap<Place, Reread>, Error> {
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        places.sort_unstable();
        places.dedup();
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || {
            let mut kept = this.consumer.lock().unwrap_or_else(PoisonError::into_inner);
            let consumer = match kept.take() {
                Some(consumer) => consumer,
                None => single_reader(&this.kafka)?,
            };
            let read = read_places(&this.kafka, &consumer, &places)?;
            *kept = Some(consumer);
            Ok(read)
        });
        read.await.map_err(|_| Error::Interrupted)?
    }
}

fn read_places(
    kafka: &Kafka,
    consumer: &BaseConsumer<ClientLog>,
    places: &[Place],
) -> Result<HashMap<Place, Reread>, Error> {
    let mut read = HashMap::new();
    let mut known = HashSet::new();
    // The place after the last record that came.
    let mut position: Option<Place> = None;
    for place in places {
        let (topic, partition) = (place.topic(), place.partition());
        let name = kafka.topics.name(topic);
        let is_near = position.is_some_and(|next| {
            (next.topic(), next.partition()) == (topic, partition)
                && (0..=NEAR).contains(&(place.offset() - next.offset()))
        });
        if !is_near {
            if known.insert(topic) {
                know(kafka, consumer, &name)?;
            }
            let mut assigned = TopicPartitionList::new();
            assigned
                .add_partition_offset(&name, partition, Offset::Offset(place.offset()))
                .map_err(Error::client)?;
            consumer.assign(&assigned).map_err(Error::client)?;
        }
        position = None;
        let mut silent = 0;
        loop {
            match consumer.poll(POLL) {
                Some(Ok(message)) if message.offset() < place.offset() => {}
                Some(Ok(message)) => {
                    position = Some(Place::new(topic, partition, message.offset() + 1));
                    if message.offset() == place.offset()
                        && let (Some(value), Some(key)) = (message.payload(), message.key())
                    {
                        let key = String::from_utf8_lossy(key).into_owned();
                        read.insert(*place, Reread { key, value: value.to_vec() });
                    }
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if is_passing(&error) && silent < MAX_SILENT_POLLS => silent += 1,
                Some(Err(source)) => return Err(Error::Read { topic: name, source }),
                None if silent < MAX_SILENT_POLLS => silent += 1,
                None => {
                    let source =
                        KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut);
                    return Err(Error::Read { topic: name, source });
                }
            }
        }
    }
    // Nothing is fetched while nothing is asked for.
    consumer.unassign().map_err(Error::client)?;
    Ok(read)
}

/// Makes the client know a topic. It would learn of it by itself, a second after it is assigned.
fn know(kafka: &Kafka, consumer: &BaseConsumer<ClientLog>, name: &str) -> Result<(), Error> {
    client::metadata(kafka, consumer, Some(name), REQUEST_TIMEOUT).map(drop)
}

/// A consumer that does not read far ahead.
fn single_reader(kafka: &Kafka) -> Result<BaseConsumer<ClientLog>, Error> {
    consumer(kafka, &[("queued.max.messages.kbytes", "1024"), ("fetch.message.max.bytes", "65536")])
}

fn consumer(kafka: &Kafka, more: &[(&str, &str)]) -> Result<BaseConsumer<ClientLog>, Error> {
    let mut ours = vec![
        // Never committed to: partitions are assigned by hand.
        ("group.id", "qlik-metadata-extractor-state"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "earliest"),
        // An empty answer at the end of a topic is not worth half a second's wait.
        ("fetch.wait.max.ms", "20"),
    ];
    ours.extend(more);
    let consumer = client::consumer(kafka, &ours)?;
    // Fails early and with a clear cause when no broker answers.
    know(kafka, &consumer, &kafka.topics.name(Topic::Dashboards))?;
    Ok(consumer)
}

fn stored<'a>(kafka: &Kafka, message: &'a BorrowedMessage<'_>) -> Option<Stored<'a>> {
    let header = |name: &str| {
        let headers = message.headers()?;
        let found = headers.iter().find(|header| header.key == name)?;
        std::str::from_utf8(found.value?).ok()
    };
    let headers: usize = message.headers().map_or(0, |headers| {
        headers.iter().map(|header| header.key.len() + header.value.map_or(0, <[u8]>::len)).sum()
    });
    let bytes = record_size(message.key_len(), message.payload_len(), headers);
    Some(Stored {
        bytes,
        topic: kafka.topics.topic(message.topic())?,
        partition: message.partition(),
        offset: message.offset(),
        key: std::str::from_utf8(message.key()?).ok()?,
        value: message.payload(),
        content_hash: header(headers::CONTENT_HASH),
        extract_fingerprint: header(headers::EXTRACT_FINGERPRINT),
        listed_hash: header(headers::LISTED_HASH),
        described_hash: header(headers::DESCRIBED_HASH),
        origin: header(headers::ORIGIN),
    })
}

/// librdkafka goes on by itself after these.
fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::NotLeaderForPartition
                | RDKafkaErrorCode::LeaderNotAvailable
        )
    )
}
