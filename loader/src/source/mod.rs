//! Events out of Kafka: one closed [`Event`] enum over a bounded channel.
//!
//! librdkafka calls back while it is polled, and a rebalance callback must not return before the
//! partitions are really given up. So the consumer has a thread of its own (`reader`), and the
//! async side answers [`Event::Revoked`] when it has drained and committed.
//!
//! Back-pressure is the [`Budget`]: a record holds its share until it is finished or parked. When the
//! budget is spent the thread goes on polling, which keeps the membership of the group however long
//! the sink takes, but takes no records out of the partitions' own queues, and librdkafka stops
//! fetching when those are full. (This does what pausing partitions would, without throwing away what
//! was fetched.)
//!
//! Which partition is read next is decided in [`order`]: what is referred to before what refers to it.
//!
//! The assignor is `range`, which is eager: a rebalance takes all partitions away and assigns anew.

pub mod backlog;
mod budget;
pub(crate) mod client;
mod context;
pub mod order;
mod reader;
mod recall;
pub mod seek;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::Duration,
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    error::KafkaError,
};
use schemas::{Topic, TopicNames, config::Kafka};
use tokio::sync::{mpsc, oneshot};

pub use self::{
    budget::{Budget, Held},
    client::{Error, Found, find_topics, overridden_properties},
    order::Closed,
    recall::{Recall, Recalled, note},
};
use self::{client::blocking, context::Context, reader::Reader};
use crate::config::Amount;

/// Events between the reader's thread and the pipeline, which takes them at once: memory is bounded by
/// the budget, this only has to be long enough to keep both busy.
const CHANNEL: usize = 1024;

/// A partition of one of our topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    /// Topic.
    pub topic: Topic,
    /// Partition number.
    pub partition: i32,
}

/// An offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Partition.
    pub at: TopicPartition,
    /// The record to read next after a restart.
    pub offset: i64,
    /// A text that is committed with it, for the next owner of the partition.
    pub note: Option<String>,
}

/// Offsets from one up to another, which is not included. What is beyond the end of a partition is not
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First.
    pub from: i64,
    /// One past the last.
    pub until: i64,
}

/// A record as it is in Kafka.
#[derive(Debug)]
pub struct Record {
    /// Partition it was read from.
    pub at: TopicPartition,
    /// Its offset there.
    pub offset: i64,
    /// When it was written, milliseconds since the epoch.
    pub timestamp: Option<i64>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; `None` in a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its share of the budget.
    pub held: Option<Held>,
}

impl Record {
    /// Bytes of key, value and headers.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let length = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
        let headers = self.headers.iter().map(|(name, value)| name.len() + length(value));
        length(&self.key) + length(&self.value) + headers.sum::<usize>()
    }

    /// Value of the last header of a name, as text; `None` also when it is no UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().rev().find(|(known, _)| known == name)?;
        std::str::from_utf8(found.1.as_deref()?).ok()
    }
}

/// What happens on the way in.
#[derive(Debug)]
pub enum Event {
    /// Partitions were assigned; those of an earlier assignment were revoked before.
    Assigned(Vec<TopicPartition>),
    /// All partitions go away when `ack` is answered or dropped. No records come in between.
    Revoked {
        /// Whether they are gone already (the session expired); commits would be refused.
        lost: bool,
        /// To be answered when work in progress is finished or given up, and offsets are committed.
        ack: oneshot::Sender<()>,
    },
    /// A record.
    Record(Record),
    /// A partition was read to where its end was when it was assigned.
    End(TopicPartition),
    /// Going on is pointless; no more events follow.
    Failed(Failure),
}

/// Why the consumer cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What was attempted and what to change.
    pub message: String,
    /// Cause.
    #[source]
    pub source: KafkaError,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Config {
    /// Kafka.
    pub kafka: Kafka,
    /// Consumer group.
    pub group_id: String,
    /// Name for static membership.
    pub group_instance_id: Option<String>,
    /// Where to start.
    pub start: Start,
    /// Whether a partition is read only to where its end was when it was assigned.
    pub stop_at_end: bool,
    /// How much is read ahead.
    pub read_ahead: Amount,
}

/// Where to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// All state topics, as a member of the group, from its committed offsets.
    Group,
    /// These parts of partitions, without joining the group.
    At(BTreeMap<TopicPartition, Span>),
}

/// What the two sides tell each other besides events.
#[derive(Debug)]
struct Control {
    budget: Arc<Budget>,
    stopping: AtomicBool,
    closing: AtomicBool,
    closed: AtomicU8,
    commit_failed: AtomicBool,
    lag: Mutex<BTreeMap<Topic, u64>>,
}

impl Control {
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    fn closed(&self) -> Closed {
        Closed::from_bits(self.closed.load(Ordering::Relaxed))
    }

    fn set_lag(&self, lag: BTreeMap<Topic, u64>) {
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = lag;
    }

    fn commit_failed(&self) {
        self.commit_failed.store(true, Ordering::Relaxed);
    }
}

/// A running consumer.
pub struct Source {
    config: Config,
    events: mpsc::Receiver<Event>,
    consumer: Arc<BaseConsumer<Context>>,
    names: TopicNames,
    control: Arc<Control>,
    ended: Option<oneshot::Receiver<()>>,
}

impl Source {
    /// Starts reading; brokers are not contacted yet.
    ///
    /// # Errors
    /// When librdkafka refuses the properties.
    pub fn start(config: &Config) -> Result<Self, Error> {
        let names = config.kafka.topics.clone();
        let control = Arc::new(Control {
            budget: Budget::new(config.read_ahead),
            stopping: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            closed: AtomicU8::new(0),
            commit_failed: AtomicBool::new(false),
            lag: Mutex::default(),
        });
        let (sender, events) = mpsc::channel(CHANNEL);
        let context = Context::new(&config.kafka, Arc::clone(&control), sender.clone());
        let consumer =
            client::consumer(&config.kafka, &config.group_id, config.group_instance_id.as_deref());
        let consumer: BaseConsumer<Context> =
            consumer.create_with_context(context).map_err(Error::client)?;
        let consumer = Arc::new(consumer);
        consumer.context().set_consumer(&consumer);
        if config.start == Start::Group {
            let topics = Topic::STATE.map(|topic| names.name(topic));
            let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
            consumer
                .subscribe(&topics)
                .map_err(|source| Error::request("subscribe to the topics", source))?;
        }
        let reader = Reader::new(
            Arc::clone(&consumer),
            names.clone(),
            Arc::clone(&control),
            sender,
            config.stop_at_end,
        );
        let start = config.start.clone();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new()
            .name("kafka-reader".to_owned())
            .spawn(move || {
                reader.run(start);
                // Dropping it says that the consumer is closed, if this was its last owner.
                drop(end);
            })
            .map_err(|error| {
                let source = KafkaError::ClientCreation(error.to_string());
                Error::request("start the thread that reads from Kafka", source)
            })?;
        Ok(Self { config: config.clone(), events, consumer, names, control, ended: Some(ended) })
    }

    /// The next event; `None` when the reader is gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// Which records of what lies between the start of these partitions and their end now are old news,
    /// and what was committed though it is not over.
    pub fn survey(&self, partitions: &[TopicPartition]) -> backlog::Survey {
        let Config { kafka, group_id, start, .. } = self.config.clone();
        backlog::survey(kafka, group_id, start, partitions.to_vec())
    }

    /// What is read and not finished.
    #[must_use]
    pub fn spent(&self) -> Amount {
        self.control.budget.spent()
    }

    /// No more records; the membership of the group is kept.
    pub fn stop_reading(&self) {
        self.control.stopping.store(true, Ordering::Relaxed);
    }

    /// Topics that are not read until further notice.
    pub fn set_closed(&self, closed: Closed) {
        self.control.closed.store(closed.bits(), Ordering::Relaxed);
    }

    /// Whether a commit failed since the last call.
    #[must_use]
    pub fn take_commit_failed(&self) -> bool {
        self.control.commit_failed.swap(false, Ordering::Relaxed)
    }

    /// Starts to read once more what was committed though it is not over. It is overdue when the brokers
    /// give nothing for `patience`.
    ///
    /// # Errors
    /// When librdkafka refuses the properties.
    pub fn recall(
        &self,
        spans: BTreeMap<TopicPartition, Span>,
        patience: Duration,
    ) -> Result<Recall, Error> {
        Recall::start(&self.config, spans, patience)
    }

    /// Commits without waiting; see [`Self::take_commit_failed`].
    ///
    /// # Errors
    /// When there is nobody to commit to.
    pub fn commit_later(&self, places: &[Place]) -> Result<(), KafkaError> {
        self.consumer.commit(&self.list(places)?, CommitMode::Async)
    }

    /// Commits and waits for the broker's answer.
    ///
    /// # Errors
    /// When the broker refuses, or does not answer within `limit`.
    pub async fn commit_now(&self, places: &[Place], limit: Duration) -> Result<(), KafkaError> {
        let list = self.list(places)?;
        let consumer = Arc::clone(&self.consumer);
        let commit = blocking(move || consumer.commit(&list, CommitMode::Sync));
        let timed_out =
            |_| KafkaError::ConsumerCommit(rdkafka::types::RDKafkaErrorCode::OperationTimedOut);
        tokio::time::timeout(limit, commit).await.map_err(timed_out)?
    }

    /// Records of each topic that are not read yet, as of the client's last statistics; nothing before
    /// the first ones.
    #[must_use]
    pub fn lag(&self) -> BTreeMap<Topic, u64> {
        self.control.lag.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Leaves the group and closes the connections; gives up waiting for it after `limit`.
    pub async fn close(mut self, limit: Duration) {
        let ended = self.ended.take();
        // Stops the thread and gives up this side's hold on the consumer.
        drop(self);
        if let Some(ended) = ended
            && tokio::time::timeout(limit, ended).await.is_err()
        {
            tracing::warn!("the Kafka consumer did not close in time; the group notices by itself");
        }
    }

    fn list(&self, places: &[Place]) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for Place { at, offset, note } in places {
            let name = self.names.name(at.topic);
            list.add_partition_offset(&name, at.partition, Offset::Offset(*offset))?;
            if let (Some(note), Some(mut element)) =
                (note, list.find_partition(&name, at.partition))
            {
                element.set_metadata(note);
            }
        }
        Ok(list)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // From now on callbacks wait for nobody; the thread ends at its next poll.
        self.control.closing.store(true, Ordering::SeqCst);
        self.control.stopping.store(true, Ordering::Relaxed);
        self.events.close();
    }
}
