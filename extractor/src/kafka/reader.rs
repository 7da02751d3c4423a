//! Reads the state topics back: what is published is what a new run compares with.

use std::collections::{BTreeSet, HashMap};

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
    client::{self, LastWords},
    record_size,
};

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
    /// Header `origin`.
    pub origin: Option<&'a str>,
    /// Bytes of key, value and headers on the broker, generously.
    pub bytes: u64,
}

/// Reads the four state topics from the beginning to the ends they have now, in no order between
/// topics, and hands every record to `visit`.
///
/// # Errors
/// When a topic cannot be read to its end.
pub fn read_state(
    kafka: &Kafka,
    partitions: &Partitions,
    mut visit: impl FnMut(Stored<'_>),
) -> Result<(), Error> {
    let consumer = consumer(kafka)?;
    for topic in Topic::STATE {
        let count = partitions.get(&topic).copied().unwrap_or_default();
        read_topic(kafka, &consumer, topic, count, &mut visit)?;
    }
    Ok(())
}

/// Reads one topic to its end. An end is reported again whenever a partition has grown, and without
/// its topic, so topics are read one after the other and ends are kept by partition.
fn read_topic(
    kafka: &Kafka,
    consumer: &BaseConsumer<LastWords>,
    topic: Topic,
    count: u32,
    visit: &mut impl FnMut(Stored<'_>),
) -> Result<(), Error> {
    let name = kafka.topics.name(topic);
    let mut places = TopicPartitionList::new();
    let mut open = BTreeSet::new();
    for partition in (0..count).filter_map(|partition| i32::try_from(partition).ok()) {
        places.add_partition_offset(&name, partition, Offset::Beginning).map_err(Error::client)?;
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

/// Reads single records again, by their offsets; compaction may have removed some meanwhile.
///
/// # Errors
/// When the topic cannot be read.
pub fn read_at(
    kafka: &Kafka,
    topic: Topic,
    partition: i32,
    offsets: &[i64],
) -> Result<HashMap<i64, Vec<u8>>, Error> {
    let name = kafka.topics.name(topic);
    let consumer = consumer(kafka)?;
    let mut values = HashMap::new();
    for offset in offsets {
        let mut place = TopicPartitionList::new();
        place
            .add_partition_offset(&name, partition, Offset::Offset(*offset))
            .map_err(Error::client)?;
        consumer.assign(&place).map_err(Error::client)?;
        let mut silent = 0;
        loop {
            match consumer.poll(POLL) {
                Some(Ok(message)) => {
                    if message.offset() == *offset
                        && let Some(value) = message.payload()
                    {
                        values.insert(*offset, value.to_vec());
                    }
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) if is_passing(&error) && silent < MAX_SILENT_POLLS => silent += 1,
                Some(Err(source)) => return Err(Error::Read { topic: name, source }),
                None if silent < MAX_SILENT_POLLS => silent += 1,
                None => break,
            }
        }
    }
    Ok(values)
}

fn consumer(kafka: &Kafka) -> Result<BaseConsumer<LastWords>, Error> {
    let ours = [
        // Never committed to: partitions are assigned by hand.
        ("group.id", "qlik-metadata-extractor-state"),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "earliest"),
        ("queued.max.messages.kbytes", "16384"),
    ];
    let consumer = client::consumer(kafka, &ours)?;
    // Fails early and with a clear cause when no broker answers.
    let name = kafka.topics.name(Topic::Dashboards);
    client::metadata(kafka, &consumer, Some(&name), REQUEST_TIMEOUT)?;
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
