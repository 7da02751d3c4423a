//! librdkafka's callbacks, which run on the reader's thread while it polls.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use rdkafka::{
    Statistics, TopicPartitionList,
    client::{ClientContext, OAuthToken},
    config::RDKafkaLogLevel,
    consumer::{
        BaseConsumer, Consumer as _, ConsumerContext, Rebalance, base_consumer::PartitionQueue,
    },
    error::{KafkaError, KafkaResult},
};
use schemas::{TopicNames, config::Kafka, oidc::Tokens};
use tokio::sync::{mpsc, oneshot};
use tracing::{debug, warn};

use super::{
    Control, Event, TopicPartition,
    client::{log_line, token},
};

/// A partition and the queue of its own that its records come through.
pub(super) type Queue = (TopicPartition, PartitionQueue<Context>);

/// What a callback left for the reader, in order.
pub(super) enum Change {
    /// Partitions were assigned.
    Assigned(Vec<Queue>),
    /// All of them went away.
    Revoked,
}

/// Context of the consumer.
pub(super) struct Context {
    names: TopicNames,
    tokens: Option<Tokens>,
    control: Arc<Control>,
    events: mpsc::Sender<Event>,
    changes: Mutex<Vec<Change>>,
    /// The consumer itself. Weak, because it owns this context.
    consumer: OnceLock<Weak<BaseConsumer<Self>>>,
}

impl Context {
    pub(super) fn new(kafka: &Kafka, control: Arc<Control>, events: mpsc::Sender<Event>) -> Self {
        Self {
            names: kafka.topics.clone(),
            tokens: kafka.tokens.clone(),
            control,
            events,
            changes: Mutex::default(),
            consumer: OnceLock::new(),
        }
    }

    /// To be called once, before the first poll.
    pub(super) fn set_consumer(&self, consumer: &Arc<BaseConsumer<Self>>) {
        self.consumer.get_or_init(|| Arc::downgrade(consumer));
    }

    /// Changes since the last call.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gives every partition a queue of its own. Must happen before librdkafka assigns them: from then
    /// on records flow, and what reached the consumer's common queue stays there.
    pub(super) fn split(&self, list: &TopicPartitionList) -> Vec<Queue> {
        let Some(consumer) = self.consumer.get().and_then(Weak::upgrade) else {
            return Vec::new();
        };
        let elements = list.elements();
        let queues = elements.iter().filter_map(|element| {
            let at = TopicPartition {
                topic: self.names.topic(element.topic())?,
                partition: element.partition(),
            };
            Some((at, consumer.split_partition_queue(element.topic(), element.partition())?))
        });
        queues.collect()
    }

    fn push(&self, change: Change) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push(change);
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(
        &self,
        _: Option<&str>,
    ) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        token(self.tokens.as_ref())
    }

    fn stats(&self, statistics: Statistics) {
        let lag = statistics.topics.iter().filter_map(|(name, topic)| {
            let known = topic.partitions.values().map(|partition| partition.consumer_lag);
            // Unknown is negative; so is the partition that stands for none.
            let lag = known.filter_map(|lag| u64::try_from(lag).ok()).sum();
            Some((self.names.topic(name)?, lag))
        });
        self.control.set_lag(lag.collect());
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // librdkafka goes on trying by itself, and says the same in its log; the reader sees it too.
        debug!(%error, reason, "the Kafka client reports an error");
    }
}

impl ConsumerContext for Context {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(list) => self.push(Change::Assigned(self.split(list))),
            Rebalance::Revoke(_) => {
                self.push(Change::Revoked);
                if self.control.is_closing() {
                    return;
                }
                // The partitions go to somebody else when this returns: wait until what is in progress
                // is finished, or given up, and committed. Bounded by `loader.shutdownDeadline`.
                let (ack, acked) = oneshot::channel();
                let lost = consumer.assignment_lost();
                if self.events.blocking_send(Event::Revoked { lost, ack }).is_ok() {
                    // An error means that the pipeline is gone: nothing is in progress.
                    acked.blocking_recv().ok();
                }
            }
            Rebalance::Error(error) => warn!(%error, "the consumer group failed to rebalance"),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        match result {
            Ok(()) => debug!(partitions = offsets.count(), "committed offsets"),
            Err(error) => {
                // Nothing is lost: events after the last committed offset are only read again.
                warn!(%error, "failed to commit offsets; will try again");
                self.control.commit_failed();
            }
        }
    }
}
