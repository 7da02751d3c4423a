//! The consumer's thread: polls for the group's sake, hands records over as far as the budget goes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, Timestamp, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _, base_consumer::PartitionQueue},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _, Message as _},
    types::RDKafkaErrorCode,
};
use schemas::TopicNames;
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use super::{
    Control, Event, Failure, Record, Span, Start, TopicPartition,
    context::{Change, Context, Queue},
    order::{self, Candidate},
};

/// How long one poll waits when there is nothing to do. Records come through queues of their own, so
/// this is the latency of an idle loader.
const IDLE: Duration = Duration::from_millis(50);
/// Records handed over between two polls.
const BURST: usize = 256;
/// A partition that is behind and gives nothing for so long (its broker is away) holds up no others.
const STALL: Duration = Duration::from_secs(30);
/// Time limit for asking where the partitions end, all together. What is not known by then is
/// recognised by the end of the partition itself.
const ENDS: Duration = Duration::from_secs(30);
/// The same error is logged once in this time.
const REPEAT: Duration = Duration::from_secs(30);

pub(super) struct Reader {
    consumer: Arc<BaseConsumer<Context>>,
    names: TopicNames,
    control: Arc<Control>,
    events: mpsc::Sender<Event>,
    stop_at_end: bool,
    /// Where partitions are to be read to, if not to their ends.
    until: HashMap<TopicPartition, i64>,
    partitions: Vec<Partition>,
    /// When an error was logged last.
    logged: HashMap<i32, Instant>,
}

struct Partition {
    at: TopicPartition,
    queue: PartitionQueue<Context>,
    /// The record to hand over next.
    head: Option<Record>,
    /// Where it is to be read to: where the partition ended when it was assigned, if that could be asked, or
    /// less.
    end: Option<i64>,
    behind: bool,
    empty_since: Instant,
}

/// The pipeline is gone.
struct Gone;

impl Reader {
    pub(super) fn new(
        consumer: Arc<BaseConsumer<Context>>,
        names: TopicNames,
        control: Arc<Control>,
        events: mpsc::Sender<Event>,
        stop_at_end: bool,
    ) -> Self {
        Self {
            consumer,
            names,
            control,
            events,
            stop_at_end,
            until: HashMap::new(),
            partitions: Vec::new(),
            logged: HashMap::new(),
        }
    }

    /// Runs until the pipeline is gone.
    pub(super) fn run(mut self, start: Start) {
        let mut alive = match start {
            Start::Group => Ok(()),
            Start::At(spans) => {
                self.until = spans.iter().map(|(at, span)| (*at, span.until)).collect();
                self.assign(&spans)
            }
        };
        while alive.is_ok() && !self.control.is_closing() {
            alive = self.turn();
        }
    }

    fn turn(&mut self) -> Result<(), Gone> {
        let handed_over = self.hand_over()?;
        let wait = if handed_over == 0 { IDLE } else { Duration::ZERO };
        match self.consumer.poll(wait) {
            None | Some(Err(KafkaError::PartitionEOF(_))) => {}
            Some(Err(error)) => self.on_error(error)?,
            // Cannot be: every partition has a queue of its own. Going on would lose the record.
            Some(Ok(message)) => {
                let message = format!(
                    "a record of `{}` came past its queue (offset {}); this is a defect of the loader",
                    message.topic(),
                    message.offset()
                );
                self.fail(message, KafkaError::Canceled)?;
            }
        }
        for change in self.consumer.context().take_changes() {
            match change {
                Change::Revoked => self.partitions.clear(),
                Change::Assigned(queues) => self.on_assigned(queues)?,
            }
        }
        Ok(())
    }

    /// Assigns partitions without a group.
    fn assign(&mut self, spans: &BTreeMap<TopicPartition, Span>) -> Result<(), Gone> {
        let mut list = TopicPartitionList::with_capacity(spans.len());
        let added: Result<Vec<()>, KafkaError> = spans
            .iter()
            .map(|(at, span)| {
                let name = self.names.name(at.topic);
                list.add_partition_offset(&name, at.partition, Offset::Offset(span.from))
            })
            .collect();
        let queues = self.consumer.context().split(&list);
        match added.and_then(|_| self.consumer.assign(&list)) {
            Ok(()) => self.on_assigned(queues),
            Err(error) => self.fail("failed to read the partitions".to_owned(), error),
        }
    }

    fn on_assigned(&mut self, queues: Vec<Queue>) -> Result<(), Gone> {
        let places: Vec<TopicPartition> = queues.iter().map(|(at, _)| *at).collect();
        let ends = self.ends(&places).unwrap_or_else(|error| {
            debug!(%error, "could not ask for the ends");
            HashMap::new()
        });
        self.partitions = queues
            .into_iter()
            .map(|(at, queue)| Partition {
                at,
                queue,
                head: None,
                end: ends.get(&at).into_iter().chain(self.until.get(&at)).copied().min(),
                behind: true,
                empty_since: Instant::now(),
            })
            .collect();
        info!(partitions = self.partitions.len(), "partitions assigned");
        self.send(Event::Assigned(self.partitions.iter().map(|partition| partition.at).collect()))
    }

    /// Where partitions end, in one question to each broker: answers wait until what is being fetched over
    /// the same connection has come, which takes half a second when there is nothing new.
    fn ends(&self, places: &[TopicPartition]) -> Result<HashMap<TopicPartition, i64>, KafkaError> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for at in places {
            // In place of a time: the end, that is.
            list.add_partition_offset(&self.names.name(at.topic), at.partition, Offset::End)?;
        }
        if places.is_empty() {
            return Ok(HashMap::new());
        }
        let found = self.consumer.offsets_for_times(list, ENDS)?;
        let elements = found.elements();
        let ends = elements.iter().filter_map(|element| {
            let topic = self.names.topic(element.topic())?;
            let at = TopicPartition { topic, partition: element.partition() };
            match (element.error(), element.offset()) {
                (Ok(()), Offset::Offset(end)) => Some((at, end)),
                _ => None,
            }
        });
        Ok(ends.collect())
    }

    /// Hands over what the budget allows; returns how much.
    fn hand_over(&mut self) -> Result<usize, Gone> {
        if self.control.is_stopping() {
            return Ok(0);
        }
        for index in 0..self.partitions.len() {
            self.refill(index)?;
        }
        for handed_over in 0..BURST {
            if !self.control.budget.has_room() {
                return Ok(handed_over);
            }
            let candidates: Vec<_> = self.partitions.iter().map(Partition::candidate).collect();
            let Some(index) = order::next(&candidates, self.control.closed()) else {
                return Ok(handed_over);
            };
            let Some(partition) = self.partitions.get_mut(index) else { return Ok(handed_over) };
            let Some(mut record) = partition.head.take() else { return Ok(handed_over) };
            let reached = partition.end.is_some_and(|end| record.offset + 1 >= end);
            record.held = Some(self.control.budget.take(record.bytes()));
            match self.events.try_send(Event::Record(record)) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(Gone),
                // The pipeline is busy; polling must go on meanwhile.
                Err(mpsc::error::TrySendError::Full(Event::Record(mut record))) => {
                    record.held = None;
                    partition.head = Some(record);
                    return Ok(handed_over);
                }
                Err(mpsc::error::TrySendError::Full(_)) => return Ok(handed_over),
            }
            if reached {
                self.on_end(index)?;
            }
            self.refill(index)?;
        }
        Ok(BURST)
    }

    /// Takes a partition's next record out of its queue.
    fn refill(&mut self, index: usize) -> Result<(), Gone> {
        let Some(partition) = self.partitions.get_mut(index) else { return Ok(()) };
        if partition.head.is_some() || (self.stop_at_end && !partition.behind) {
            return Ok(());
        }
        let at = partition.at;
        match partition.queue.poll(Duration::ZERO) {
            None => Ok(()),
            Some(Ok(message)) => {
                let record = record(at, &message);
                let past_end = partition.end.is_some_and(|end| record.offset >= end);
                partition.empty_since = Instant::now();
                partition.head = (!self.stop_at_end || !past_end).then_some(record);
                if past_end { self.on_end(index) } else { Ok(()) }
            }
            Some(Err(KafkaError::PartitionEOF(_))) => self.on_end(index),
            Some(Err(error)) => self.on_error(error),
        }
    }

    fn on_end(&mut self, index: usize) -> Result<(), Gone> {
        match self.partitions.get_mut(index) {
            Some(partition) if partition.behind => {
                partition.behind = false;
                let at = partition.at;
                self.send(Event::End(at))
            }
            _ => Ok(()),
        }
    }

    fn on_error(&mut self, error: KafkaError) -> Result<(), Gone> {
        let Some(code) = error.rdkafka_error_code() else {
            warn!(%error, "trouble while reading from Kafka");
            return Ok(());
        };
        let hopeless = match (&error, code) {
            (KafkaError::MessageConsumptionFatal(_), RDKafkaErrorCode::FencedInstanceId) => Some(
                "another member of the group has the same `loader.groupInstanceId`; every replica needs its own",
            ),
            (KafkaError::MessageConsumptionFatal(_), _) => Some("the Kafka consumer cannot go on"),
            (_, RDKafkaErrorCode::TopicAuthorizationFailed) => Some(
                "the brokers do not let this user read the topics; allow Read and Describe on those of `kafka.topicPrefix`",
            ),
            (_, RDKafkaErrorCode::GroupAuthorizationFailed) => Some(
                "the brokers do not let this user into the consumer group; allow Read on the group `loader.groupId`",
            ),
            _ => None,
        };
        if let Some(message) = hopeless {
            return self.fail(message.to_owned(), error);
        }
        let now = Instant::now();
        let repeated = self
            .logged
            .get(&(code as i32))
            .is_some_and(|logged| now.duration_since(*logged) < REPEAT);
        if !repeated {
            self.logged.insert(code as i32, now);
            match code {
                RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => {
                    warn!(
                        "a topic does not exist yet; it is read as soon as the extractor has created it"
                    );
                }
                _ => warn!(%error, "trouble while reading from Kafka; going on"),
            }
        }
        Ok(())
    }

    fn fail(&mut self, message: String, source: KafkaError) -> Result<(), Gone> {
        self.control.stopping.store(true, std::sync::atomic::Ordering::Relaxed);
        self.send(Event::Failed(Failure { message, source }))
    }

    fn send(&self, event: Event) -> Result<(), Gone> {
        self.events.blocking_send(event).map_err(|_| Gone)
    }
}

impl Partition {
    fn candidate(&self) -> Candidate {
        Candidate {
            at: self.at,
            behind: self.behind,
            stalled: self.head.is_none() && self.empty_since.elapsed() > STALL,
            head: self.head.as_ref().map(|head| head.timestamp.unwrap_or(0)),
        }
    }
}

fn record(at: TopicPartition, message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        let owned = |value: &[u8]| value.to_vec();
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(owned))).collect()
    });
    Record {
        at,
        offset: message.offset(),
        timestamp: match message.timestamp() {
            Timestamp::NotAvailable => None,
            Timestamp::CreateTime(millis) | Timestamp::LogAppendTime(millis) => Some(millis),
        },
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        held: None,
    }
}
