//! Writes records and waits until the brokers have them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer as _},
    util::Timeout,
};
use schemas::{
    Event, Topic, TopicNames,
    codec::{self, WriterId},
    config::Kafka,
    partition_for,
    registry::{Registered, Registry, RegistryError},
};
use tracing::{info, warn};

use super::{
    Error, Partitions,
    client::{ClientLog, client_config},
};
use crate::error_chain;

/// Records of one call that are waited for at a time. librdkafka batches them; more would only
/// hold more values in memory.
const IN_FLIGHT: usize = 1000;

/// Waits between attempts to reach the schema registry.
const REGISTRY_WAITS: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// One record to write.
#[derive(Clone, Debug)]
pub struct Record {
    /// Topic.
    pub topic: Topic,
    /// Key.
    pub key: String,
    /// Text that decides the partition.
    pub partition_text: String,
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// Value; `None` is a tombstone.
    pub event: Option<Event>,
}

/// Writes records, idempotently and with the confirmation of all replicas. Cheap to clone.
#[derive(Clone)]
pub struct Publisher {
    producer: FutureProducer<ClientLog>,
    topics: TopicNames,
    partitions: Arc<Partitions>,
    writers: Arc<HashMap<Topic, WriterId>>,
    guard: Option<Arc<Guard>>,
}

/// Counts what partitions hold, so that a broker which keeps little is never given too much.
struct Guard {
    /// Largest number of bytes of a partition.
    limit: u64,
    /// Bytes by topic and partition.
    written: Mutex<HashMap<(Topic, u32), u64>>,
}

/// What a record costs besides its key, value and headers: Kafka's framing, generously.
const RECORD_OVERHEAD: u64 = 70;

impl Publisher {
    /// A publisher to topics with `partitions`; registers the schemas when there is a registry.
    ///
    /// # Errors
    /// When librdkafka refuses its properties or the registry refuses the schemas.
    pub async fn new(
        kafka: &Kafka,
        partitions: Partitions,
        delivery_timeout: Duration,
    ) -> Result<Self, Error> {
        let timeout = delivery_timeout.as_millis().to_string();
        let ours = [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("delivery.timeout.ms", timeout.as_str()),
        ];
        let mut config = client_config(kafka, &ours);
        let defaults = [
            ("linger.ms", "20"),
            // A consumer unpacks whole batches, one of each partition.
            ("batch.size", "131072"),
            ("compression.type", "zstd"),
            ("queue.buffering.max.kbytes", "32768"),
        ];
        for (name, value) in defaults {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let context = ClientLog::new(kafka);
        let producer = config.create_with_context(context).map_err(Error::client)?;
        let writers = Arc::new(writers(kafka).await?);
        let partitions = Arc::new(partitions);
        Ok(Self { producer, topics: kafka.topics.clone(), partitions, writers, guard: None })
    }

    /// Refuses records beyond `limit` bytes of a partition; `stored` is what partitions hold already.
    #[must_use]
    pub fn guarded(mut self, limit: u64, stored: HashMap<(Topic, u32), u64>) -> Self {
        self.guard = Some(Arc::new(Guard { limit, written: Mutex::new(stored) }));
        self
    }

    /// Writes records and returns when all are confirmed.
    ///
    /// # Errors
    /// The first record that could not be encoded or was not confirmed; others may have been written.
    pub async fn publish(&self, records: Vec<Record>) -> Result<(), Error> {
        stream::iter(records)
            .map(|record| self.write(record))
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await
    }

    /// Waits until everything that was handed over is sent.
    ///
    /// # Errors
    /// When the brokers do not take it in time.
    pub async fn flush(&self, timeout: Duration) -> Result<(), rdkafka::error::KafkaError> {
        let producer = self.producer.clone();
        tokio::task::spawn_blocking(move || producer.flush(timeout)).await.unwrap_or(Ok(()))
    }

    async fn write(&self, record: Record) -> Result<(), Error> {
        let topic = record.topic;
        let partitions = self.partitions.get(&topic).copied().unwrap_or(1);
        let partition = partition_for(&record.partition_text, partitions);
        let value = match (&record.event, self.writers.get(&topic)) {
            (Some(event), Some(writer)) => Some(codec::encode(event, *writer)?),
            _ => None,
        };
        self.count(&record, partition, value.as_deref())?;
        let headers = record.headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(value) })
        });
        let name = self.topics.name(topic);
        let mut message = FutureRecord::to(&name)
            .key(&record.key)
            .partition(i32::try_from(partition).unwrap_or_default())
            .headers(headers);
        if let Some(value) = &value {
            message = message.payload(value);
        }
        // The queue's bounds and `delivery.timeout.ms` limit the wait.
        match self.producer.send(message, Timeout::Never).await {
            Ok(_) => Ok(()),
            Err((source, _)) => Err(Error::Delivery { topic, key: record.key, source }),
        }
    }
}

impl Publisher {
    fn count(&self, record: &Record, partition: u32, value: Option<&[u8]>) -> Result<(), Error> {
        let Some(guard) = &self.guard else { return Ok(()) };
        let headers: usize =
            record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let size = record_size(record.key.len(), value.map_or(0, <[u8]>::len), headers);
        let mut written = guard.written.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = written.entry((record.topic, partition)).or_default();
        if *bytes + size > guard.limit {
            let topic = self.topics.name(record.topic);
            return Err(Error::PartitionFull { topic, partition, limit: guard.limit });
        }
        *bytes += size;
        Ok(())
    }
}

/// Bytes that a record takes on a broker, generously.
#[must_use]
pub fn record_size(key: usize, value: usize, headers: usize) -> u64 {
    u64::try_from(key + value + headers).unwrap_or(u64::MAX).saturating_add(RECORD_OVERHEAD)
}

/// Framing of each topic's values: ids of registered schemas, or fingerprints.
async fn writers(kafka: &Kafka) -> Result<HashMap<Topic, WriterId>, Error> {
    let events = Topic::ALL.into_iter().filter(|topic| *topic != Topic::DeadLetters);
    let Some(connection) = &kafka.registry else {
        return Ok(events.map(|topic| (topic, codec::single_object_writer(topic))).collect());
    };
    let registry = Registry::new(connection.clone())?;
    let mut writers = HashMap::new();
    for topic in events {
        let Some(schema) = codec::current_text(topic) else { continue };
        let Some(subject) = registry.subject(topic, &kafka.topics.name(topic)) else { continue };
        let registered = patiently(&registry, &subject, schema).await?;
        let id = registered.id;
        if registered.is_new {
            info!(subject, id, "registered a schema");
        }
        if let Some(reason) = registered.level_refused {
            warn!(
                subject,
                reason, "the registry does not let us set the compatibility BACKWARD_TRANSITIVE"
            );
        }
        writers.insert(topic, WriterId::Registry(id));
    }
    Ok(writers)
}

/// Asks again while the registry is away, for some seconds: it may be starting. Longer is for the
/// schedule, whose next run begins at the same place.
async fn patiently(
    registry: &Registry,
    subject: &str,
    schema: &str,
) -> Result<Registered, RegistryError> {
    for wait in REGISTRY_WAITS {
        match registry.ensure(subject, schema).await {
            Err(error) if error.is_transient() => {
                warn!(error = error_chain(&error), "waiting for the schema registry");
                tokio::time::sleep(wait).await;
            }
            ended => return ended,
        }
    }
    registry.ensure(subject, schema).await
}
