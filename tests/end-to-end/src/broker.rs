//! Kafka for a test: librdkafka's in-process mock cluster, or the broker named by `KAFKA_BOOTSTRAP`.
//!
//! The mock has no admin API, so topics are made through its own; a real broker's are made by the
//! extractor. Every test has a topic prefix of its own.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{Header, Headers as _, OwnedHeaders},
    mocking::MockCluster,
    producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _},
};
use schemas::{
    Event, Topic, TopicNames,
    codec::{self, Frame},
    partition_for,
};

/// Partitions of every topic.
pub const PARTITIONS: u32 = 3;

/// A broker with topics of its own.
pub struct Broker {
    mock: Option<MockCluster<'static, DefaultProducerContext>>,
    bootstrap: String,
    /// Names of this test's topics.
    pub topics: TopicNames,
    /// Prefix of this test's topics.
    pub prefix: String,
}

/// A record as a consumer sees it.
#[derive(Clone, Debug)]
pub struct Record {
    /// Key.
    pub key: String,
    /// Value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers.
    pub headers: BTreeMap<String, String>,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
}

impl Broker {
    /// The broker of `KAFKA_BOOTSTRAP`, else a mock.
    ///
    /// # Panics
    /// When the mock cannot be started.
    #[must_use]
    pub fn start() -> Self {
        if let Ok(bootstrap) = std::env::var("KAFKA_BOOTSTRAP") {
            return Self::real(&bootstrap);
        }
        let (prefix, topics) = names();
        let mock = MockCluster::new(1).expect("the mock cluster starts");
        for topic in Topic::ALL {
            let partitions = i32::try_from(PARTITIONS).expect("few");
            mock.create_topic(&topics.name(topic), partitions, 1).expect("the mock makes topics");
        }
        let bootstrap = mock.bootstrap_servers();
        Self { mock: Some(mock), bootstrap, topics, prefix }
    }

    /// The real brokers at these addresses.
    #[must_use]
    pub fn real(bootstrap: &str) -> Self {
        let (prefix, topics) = names();
        Self { mock: None, bootstrap: bootstrap.to_owned(), topics, prefix }
    }

    /// `host:port`.
    #[must_use]
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Whether this is the in-process mock.
    #[must_use]
    pub fn is_mock(&self) -> bool {
        self.mock.is_some()
    }

    /// The `kafka:` block of a configuration, in JSON, which is YAML.
    #[must_use]
    pub fn config(&self) -> serde_json::Value {
        let mut config = serde_json::json!({
            "bootstrapServers": self.bootstrap,
            "topicPrefix": self.prefix,
            "partitions": PARTITIONS,
            "createTopics": !self.is_mock(),
            // A killed loader's partitions are free soon.
            "properties": {"session.timeout.ms": 6000, "heartbeat.interval.ms": 1000},
        });
        if let (false, Ok(url)) = (self.is_mock(), std::env::var("SCHEMA_REGISTRY_URL")) {
            config["schemaRegistry"] = serde_json::json!({"url": url});
        }
        config
    }

    /// Every record of a topic, from the beginning to the end it has now.
    ///
    /// # Panics
    /// When the topic cannot be read.
    #[must_use]
    pub fn records(&self, topic: Topic) -> Vec<Record> {
        let name = self.topics.name(topic);
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "test-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .create()
            .expect("a consumer");
        let metadata =
            consumer.fetch_metadata(Some(&name), Duration::from_secs(30)).expect("metadata");
        let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
        let mut places = TopicPartitionList::new();
        for partition in 0..i32::try_from(count).expect("few") {
            places.add_partition_offset(&name, partition, Offset::Beginning).expect("a place");
        }
        consumer.assign(&places).expect("assigned");
        let mut open: BTreeSet<i32> = (0..i32::try_from(count).expect("few")).collect();
        let mut records = Vec::new();
        while !open.is_empty() {
            match consumer.poll(Duration::from_secs(30)) {
                Some(Ok(message)) => records.push(Record {
                    key: String::from_utf8_lossy(message.key().unwrap_or_default()).into_owned(),
                    value: message.payload().map(<[u8]>::to_vec),
                    headers: message.headers().map(headers).unwrap_or_default(),
                    partition: message.partition(),
                    offset: message.offset(),
                }),
                Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
                Some(Err(error)) => panic!("reading {name}: {error}"),
                None => panic!("reading {name}: no answer"),
            }
        }
        records
    }

    /// Writes a value that no extractor wrote.
    ///
    /// # Panics
    /// When the topic cannot be written to.
    pub fn poison(&self, topic: Topic, key: &str, partition_text: &str, value: &[u8]) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("message.max.bytes", "1000000")
            .create()
            .expect("a producer");
        let name = self.topics.name(topic);
        let partition = i32::try_from(partition_for(partition_text, PARTITIONS)).expect("few");
        producer
            .send(BaseRecord::to(&name).key(key).payload(value).partition(partition))
            .map_err(|(error, _)| error)
            .expect("queued");
        producer.flush(Duration::from_secs(30)).expect("written");
    }

    /// Writes a tombstone, as another hand would.
    ///
    /// # Panics
    /// When the topic cannot be written to.
    pub fn delete(&self, topic: Topic, key: &str, partition_text: &str) {
        self.write(topic, key, partition_text, None);
    }

    /// Writes any bytes.
    ///
    /// # Panics
    /// When the topic cannot be written to.
    pub fn write(&self, topic: Topic, key: &str, partition_text: &str, value: Option<&[u8]>) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .create()
            .expect("a producer");
        let partition = i32::try_from(partition_for(partition_text, PARTITIONS)).expect("few");
        let name = self.topics.name(topic);
        let record: BaseRecord<'_, str, [u8]> = BaseRecord::to(&name).key(key).partition(partition);
        let record = BaseRecord { payload: value, ..record };
        producer.send(record).map_err(|(error, _)| error).expect("queued");
        producer.flush(Duration::from_secs(30)).expect("written");
    }

    /// Writes records of another broker, in this order, each into the partition that it had.
    ///
    /// # Panics
    /// When a topic cannot be written to.
    pub fn copy(&self, records: &[(Topic, Record)]) {
        let producer: BaseProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .create()
            .expect("a producer");
        for (topic, record) in records {
            let name = self.topics.name(*topic);
            let mut headers = OwnedHeaders::new();
            for (key, value) in &record.headers {
                headers = headers.insert(Header { key, value: Some(value) });
            }
            let copied: BaseRecord<'_, str, [u8]> = BaseRecord::to(&name)
                .key(record.key.as_str())
                .partition(record.partition)
                .headers(headers);
            let copied = BaseRecord { payload: record.value.as_deref(), ..copied };
            producer.send(copied).map_err(|(error, _)| error).expect("queued");
        }
        producer.flush(Duration::from_secs(30)).expect("written");
    }

    /// Counts records of the state topics as they are written.
    ///
    /// # Panics
    /// When the broker cannot be asked.
    #[must_use]
    pub fn counter(&self) -> Counter {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", &self.bootstrap)
            .set("group.id", "test-counter")
            .create()
            .expect("a consumer");
        Counter { consumer, topics: Topic::STATE.map(|topic| self.topics.name(topic)) }
    }

    /// The newest event of every key of a topic, tombstones taken off.
    ///
    /// # Panics
    /// When a value is no event.
    #[must_use]
    pub fn events(&self, topic: Topic) -> BTreeMap<String, Event> {
        let mut events = BTreeMap::new();
        for record in self.records(topic) {
            match &record.value {
                Some(value) => {
                    let frame = Frame::parse(value).expect("framed");
                    let event = codec::decode(topic, &frame, None).expect("an event");
                    assert_eq!(event.key(), record.key, "the key is the event's");
                    events.insert(record.key, event);
                }
                None => {
                    events.remove(&record.key);
                }
            }
        }
        events
    }
}

/// Knows how many records there are.
pub struct Counter {
    consumer: BaseConsumer,
    topics: [String; 4],
}

impl Counter {
    /// Records written so far; a topic that is not there has none.
    #[must_use]
    pub fn written(&self) -> usize {
        let partitions = i32::try_from(PARTITIONS).expect("few");
        let places = self.topics.iter().flat_map(|topic| (0..partitions).map(move |p| (topic, p)));
        let ends = places.map(|(topic, partition)| {
            self.consumer.fetch_watermarks(topic, partition, Duration::from_secs(30))
        });
        ends.flatten().map(|(_, end)| usize::try_from(end).unwrap_or_default()).sum()
    }
}

/// A prefix that nobody else has, and the topics with it.
fn names() -> (String, TopicNames) {
    let prefix = format!("t{}.", uuid::Uuid::new_v4().simple());
    let topics = TopicNames::new(&prefix).expect("a valid prefix");
    (prefix, topics)
}

fn headers(headers: &rdkafka::message::BorrowedHeaders) -> BTreeMap<String, String> {
    let text =
        |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
}
