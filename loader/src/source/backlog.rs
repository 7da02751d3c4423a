//! Which records of a backlog are old news, because a newer version of their key follows in it.
//!
//! A topic that has not been compacted yet holds many versions of a key. Applying them one after the
//! other would end right, but on the way entities would go back to what they were months ago, be
//! deleted and restored, and the catalogue's history would tell of changes that nobody made. So the
//! keys of a backlog are read before it is applied.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use schemas::{Topic, TopicNames, config::Kafka};
use tracing::{debug, info, warn};

use super::{
    Span, Start, TopicPartition,
    client::{self, ClientLog, blocking},
    recall::unresolved_from,
    seek::{Watermarks, committed_with_notes, watermarks},
};
use crate::error_text;

/// Time limit of each question to the brokers.
const ASK: Duration = Duration::from_secs(30);
/// When the brokers give nothing for so long, what is known by then has to do.
const STALL: Duration = Duration::from_secs(60);
/// Partitions read at a time; each has a queue of records of its own.
const AT_A_TIME: usize = 4;
/// Keys remembered of one partition: up to 35 MB, as the map holds twice as many places of 33 bytes and
/// grows by doubling. Beyond that old versions of further keys are applied in order.
const MAX_KEYS: usize = 400_000;
/// Records that are old news remembered of all partitions, 8 bytes each. Beyond that old versions are
/// applied in order.
const MAX_OLD: usize = 2_000_000;
/// A consumer's fetch queue, for each partition: only keys are kept.
const QUEUED_KBYTES: &str = "1024";
/// Bytes of a fetch, packed, for each partition.
const FETCHED_BYTES: &str = "262144";
/// Time the broker may wait for more: nothing is waited for here.
const FETCH_WAIT_MS: &str = "20";

/// Records that need not be applied.
#[derive(Debug, Default)]
pub struct Superseded {
    /// Offsets in ascending order.
    partitions: HashMap<TopicPartition, Vec<i64>>,
}

impl Superseded {
    /// What is superseded of a partition, in ascending order; the first of them when there are too many.
    fn add(&mut self, at: TopicPartition, mut offsets: Vec<i64>) {
        let known: usize = self.partitions.values().map(Vec::len).sum();
        offsets.truncate(MAX_OLD.saturating_sub(known));
        offsets.shrink_to_fit();
        if !offsets.is_empty() {
            self.partitions.insert(at, offsets);
        }
    }

    /// Forgets a partition that was read beyond what is known of it.
    pub fn forget_read(&mut self, at: TopicPartition, offset: i64) {
        let is_last = |offsets: &Vec<i64>| offsets.last().is_none_or(|last| *last <= offset);
        if self.partitions.get(&at).is_some_and(is_last) {
            self.partitions.remove(&at);
        }
    }

    /// Whether a newer version of that record's key follows in the backlog.
    #[must_use]
    pub fn contains(&self, at: TopicPartition, offset: i64) -> bool {
        self.partitions.get(&at).is_some_and(|offsets| offsets.binary_search(&offset).is_ok())
    }
}

/// What is known of a backlog before it is applied.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Records that need not be applied, also among those before the backlog that are to be recalled.
    pub superseded: Superseded,
    /// For each partition of edges, what lies before its backlog and is not over: nothing, or a part.
    /// `None` when that could not be found out.
    pub unresolved: Option<BTreeMap<TopicPartition, Span>>,
}

/// Reading a backlog's keys; dropping it stops that.
pub type Survey = Pin<Box<dyn Future<Output = Backlog> + Send>>;

/// Reads the keys of what lies between the start and the end of partitions. Trouble is logged, and
/// costs only that old versions are applied before new ones.
pub(super) fn survey(
    kafka: Kafka,
    group_id: String,
    start: Start,
    partitions: Vec<TopicPartition>,
) -> Survey {
    Box::pin(async move {
        let (spans, unresolved) = match spans(&kafka, &group_id, start, partitions).await {
            Ok((spans, unresolved)) => (spans, Some(unresolved)),
            Err(error) => {
                warn!(
                    error = error_text(&error),
                    "cannot tell how much is to be loaded; old versions of events are loaded before new ones, and edges that were unresolved when they were loaded are not tried again before the next start"
                );
                return Backlog::default();
            }
        };
        if spans.is_empty() {
            return Backlog { superseded: Superseded::default(), unresolved };
        }
        let stop = Stop(Arc::new(AtomicBool::new(false)));
        let stopped = Arc::clone(&stop.0);
        let records: i64 = spans.values().map(|span| span.high - span.low).sum();
        info!(partitions = spans.len(), records, "reading the keys of what is to be loaded");
        let superseded = match blocking(move || read(&kafka, &group_id, spans, &stopped)).await {
            Ok(superseded) => {
                let old: usize = superseded.partitions.values().map(Vec::len).sum();
                info!(records, old, "read the keys of what is to be loaded");
                superseded
            }
            Err(error) => {
                warn!(
                    %error,
                    "failed to read the keys of what is to be loaded; old versions of events are loaded before new ones"
                );
                Superseded::default()
            }
        };
        Backlog { superseded, unresolved }
    })
}

/// Tells the thread that nobody waits any more.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Where each partition's backlog starts and ends, those that cannot hold two versions left out; and what
/// lies before it of edges that were unresolved when they were committed.
async fn spans(
    kafka: &Kafka,
    group_id: &str,
    start: Start,
    partitions: Vec<TopicPartition>,
) -> Result<(BTreeMap<TopicPartition, Watermarks>, BTreeMap<TopicPartition, Span>), super::Error> {
    let counts = partitions.iter().fold(BTreeMap::new(), |mut counts, at| {
        let count = counts.entry(at.topic).or_insert(0);
        *count = (*count).max(at.partition + 1);
        counts
    });
    let mut spans = watermarks(kafka, &counts, ASK).await?;
    spans.retain(|at, _| partitions.contains(at));
    let mut unresolved = BTreeMap::new();
    match start {
        Start::At(start) => {
            for (at, span) in &mut spans {
                let Some(part) = start.get(at) else { continue };
                span.low = part.from.clamp(span.low, span.high);
                span.high = part.until.clamp(span.low, span.high);
            }
        }
        Start::Group => {
            let committed = committed_with_notes(kafka, group_id, partitions, ASK).await?;
            for (at, span) in &mut spans {
                let place = committed.get(at);
                let until = place.map_or(span.low, |(o, _)| *o).clamp(span.low, span.high);
                let mut from = until;
                if at.topic == Topic::Lineage {
                    let note = place.map_or("", |(_, note)| note);
                    from = unresolved_from(note, until).clamp(span.low, until);
                    unresolved.insert(*at, Span { from, until });
                }
                // What comes again must not be older than what is loaded already.
                span.low = from;
            }
        }
    }
    spans.retain(|_, span| span.high - span.low > 1);
    Ok((spans, unresolved))
}

fn read(
    kafka: &Kafka,
    group_id: &str,
    spans: BTreeMap<TopicPartition, Watermarks>,
    stopped: &AtomicBool,
) -> Result<Superseded, KafkaError> {
    let mut config = client::consumer(kafka, &format!("{group_id}.survey"), None);
    config
        .set("queued.max.messages.kbytes", QUEUED_KBYTES)
        .set("max.partition.fetch.bytes", FETCHED_BYTES)
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("fetch.queue.backoff.ms", FETCH_WAIT_MS);
    let consumer = Arc::new(client::plain_consumer(kafka, &config)?);
    // A client that does not know a topic looks for it a second after it was given its partitions.
    let topics: BTreeSet<Topic> = spans.keys().map(|at| at.topic).collect();
    for topic in topics {
        consumer.fetch_metadata(Some(&kafka.topics.name(topic)), ASK)?;
    }
    let spans: Vec<_> = spans.into_iter().collect();
    let mut superseded = Superseded::default();
    for group in spans.chunks(AT_A_TIME) {
        read_group(&consumer, &kafka.topics, group, stopped, &mut superseded)?;
    }
    Ok(superseded)
}

fn read_group(
    consumer: &Arc<BaseConsumer<ClientLog>>,
    names: &TopicNames,
    group: &[(TopicPartition, Watermarks)],
    stopped: &AtomicBool,
    superseded: &mut Superseded,
) -> Result<(), KafkaError> {
    let mut list = TopicPartitionList::with_capacity(group.len());
    let mut queues = Vec::with_capacity(group.len());
    for (at, span) in group {
        let name = names.name(at.topic);
        list.add_partition_offset(&name, at.partition, Offset::Offset(span.low))?;
        queues.push((at, span, consumer.split_partition_queue(&name, at.partition)));
    }
    consumer.assign(&list)?;
    for (at, span, queue) in queues {
        let Some(queue) = queue else { continue };
        let mut versions = Versions::default();
        let mut progress = Instant::now();
        while !stopped.load(Ordering::Relaxed) {
            // Errors of the brokers' connections come here; the client gets over them by itself.
            if let Some(Err(error)) = consumer.poll(Duration::ZERO) {
                debug!(%error, "while reading keys");
            }
            match queue.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    progress = Instant::now();
                    if let Some(key) = message.key() {
                        versions.add(key, message.offset());
                    }
                    if message.offset() + 1 >= span.high {
                        break;
                    }
                }
                // The last offsets may have no record: markers of transactions.
                Some(Err(KafkaError::PartitionEOF(_))) => break,
                Some(Err(error)) => debug!(%error, "while reading keys"),
                None => {}
            }
            if progress.elapsed() > STALL {
                warn!(topic = %names.name(at.topic), partition = at.partition, "the brokers do not give the keys of what is to be loaded; old versions of events may be loaded before new ones");
                break;
            }
        }
        superseded.add(*at, versions.finish());
    }
    Ok(())
}

/// Versions of the keys of one partition.
#[derive(Default)]
struct Versions {
    /// Newest offset by the hash of the key.
    newest: HashMap<u128, i64>,
    old: Vec<i64>,
}

impl Versions {
    /// A record, in the order of the partition.
    fn add(&mut self, key: &[u8], offset: i64) {
        let hash = schemas::hash::of_bytes(key);
        let is_full = self.newest.len() >= MAX_KEYS;
        match self.newest.get_mut(&hash) {
            // In order, so that versions are still applied in their order.
            Some(newest) if self.old.len() >= MAX_OLD => *newest = offset,
            Some(newest) => self.old.push(std::mem::replace(newest, offset)),
            None if is_full => {}
            None => {
                self.newest.insert(hash, offset);
            }
        }
    }

    fn finish(mut self) -> Vec<i64> {
        self.old.sort_unstable();
        self.old
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_versions_but_the_newest_are_superseded() {
        let check = |keys: &[&str], expected: &[i64]| {
            let mut versions = Versions::default();
            for (offset, key) in (10..).zip(keys) {
                versions.add(key.as_bytes(), offset);
            }
            assert_eq!(versions.finish(), expected, "{keys:?}");
        };
        check(&[], &[]);
        check(&["a", "b", "c"], &[]);
        check(&["a", "b", "a", "a", "c", "b"], &[10, 11, 12]);
    }

    #[test]
    fn what_is_superseded_is_bounded_and_goes_as_it_is_read() {
        let at = |partition| TopicPartition { topic: Topic::Charts, partition };
        let mut superseded = Superseded::default();
        superseded.add(at(0), (0..1_500_000).collect());
        superseded.add(at(1), (0..1_500_000).collect());
        superseded.add(at(2), vec![7]);
        assert!(superseded.contains(at(1), 499_999) && !superseded.contains(at(1), 500_000));
        assert!(!superseded.contains(at(2), 7), "there is no room");
        superseded.forget_read(at(1), 499_998);
        assert!(superseded.contains(at(1), 499_999), "still to be read");
        superseded.forget_read(at(1), 499_999);
        assert!(!superseded.contains(at(1), 499_999));
    }
}
