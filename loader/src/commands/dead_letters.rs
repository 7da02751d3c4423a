//! `dead-letters`: list, show, retry.
//!
//! The topic of dead letters is read like a queue: what has been retried is behind the committed
//! offsets of a group of its own, `<loader.groupId>.dead-letters`.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use schemas::{Topic, json};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{
    ask,
    replay::source,
    run::{decoder, parts},
};
use crate::{
    cli::LetterId,
    config::Settings,
    dead_letters::{DeadLetters, Letter},
    decode::{Decoded, schemas::fetch},
    filter::Filter,
    pipeline::{self, Parts},
    report::{Report, Tally},
    sink::{Change, Fatal, MetadataSink},
    source::{
        Event, TopicPartition, find_topics,
        seek::{Watermarks, commit, committed, watermarks},
    },
};

/// Dead letters, oldest first within a partition; without `all`, those that have not been retried.
///
/// # Errors
/// When Kafka cannot be reached, or the topic does not exist.
pub async fn list(
    settings: &Settings,
    all: bool,
    shutdown: &CancellationToken,
) -> Result<Vec<Letter>, Fatal> {
    let queue = queue(settings, all).await?;
    read(settings, queue.start, Read::Overview, shutdown).await
}

/// A dead letter as JSON: its fields, its headers, and its value when it can be decoded.
///
/// # Errors
/// When there is none with this id, or Kafka cannot be reached.
pub async fn show(
    settings: &Settings,
    id: LetterId,
    shutdown: &CancellationToken,
) -> Result<String, Fatal> {
    let at = TopicPartition { topic: Topic::DeadLetters, partition: id.partition };
    let none = || Fatal {
        message: format!("there is no dead letter `{}:{}`", id.partition, id.offset),
        exit_code: 1,
    };
    let queue = queue(settings, true).await?;
    let marks = queue.marks.get(&at).ok_or_else(none)?;
    if id.offset < marks.low || id.offset >= marks.high {
        return Err(none());
    }
    let start = BTreeMap::from([(at, id.offset)]);
    let letters = read(settings, start, Read::First, shutdown).await?;
    let letter = letters.into_iter().find(|letter| letter.record.offset == id.offset);
    describe(settings, letter.ok_or_else(none)?).await
}

/// Applies the newest versions of the keys of all dead letters that have not been retried. Nothing old
/// is brought back: what is applied is read from the topics, not from the letters. What fails again
/// becomes a new dead letter, and the old ones no longer show in the list.
///
/// # Errors
/// When Kafka cannot be reached. Later trouble is in the report.
pub async fn retry<S: MetadataSink>(
    settings: &Settings,
    sink: Arc<S>,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let queue = queue(settings, false).await?;
    let letters = read(settings, queue.start, Read::Overview, shutdown).await?;
    if letters.is_empty() || shutdown.is_cancelled() {
        let ended = if shutdown.is_cancelled() { "stopped" } else { "complete" };
        return Ok(tally.finish(ended, None, Vec::new()));
    }
    let (start, filter) = newest_versions(settings, &letters);
    let start = within(settings, start).await?;
    let partitions = i32::try_from(queue.marks.len()).ok();
    let dead_letters = DeadLetters::new(&settings.kafka, partitions)?;
    let source = source(settings, start)?;
    let parts = Parts {
        filter,
        letters: Some(Arc::new(dead_letters)),
        ..parts(settings, source, sink, Arc::clone(tally))?
    };
    let report = pipeline::run(parts, shutdown).await;
    if report.ended == "complete" {
        // Up to where the topic ended before: letters written by the retry itself stay in the list.
        let done = queue.marks.iter().map(|(at, marks)| (*at, marks.high)).collect();
        commit(&settings.kafka, &group(settings), done).await?;
    }
    Ok(report)
}

/// The topic of dead letters.
struct Queue {
    marks: BTreeMap<TopicPartition, Watermarks>,
    /// Where to start reading, partitions with nothing to read left out.
    start: BTreeMap<TopicPartition, i64>,
}

fn group(settings: &Settings) -> String {
    format!("{}.dead-letters", settings.flow.group_id)
}

async fn queue(settings: &Settings, all: bool) -> Result<Queue, Fatal> {
    let kafka = &settings.kafka;
    let found = find_topics(kafka, ask(settings)).await?;
    let Some(count) = found.partitions.get(&Topic::DeadLetters) else {
        return Err(Fatal {
            message: format!(
                "the topic `{}` does not exist; the loader creates it when it first runs, unless `kafka.createTopics` is false",
                kafka.topics.name(Topic::DeadLetters)
            ),
            exit_code: 3,
        });
    };
    let marks =
        watermarks(kafka, &BTreeMap::from([(Topic::DeadLetters, *count)]), ask(settings)).await?;
    let retried = match all {
        true => BTreeMap::new(),
        false => {
            committed(kafka, &group(settings), marks.keys().copied().collect(), ask(settings))
                .await?
        }
    };
    let start = marks
        .iter()
        .map(|(at, marks)| {
            let retried = retried.get(at).copied().unwrap_or(marks.low);
            (*at, retried.clamp(marks.low, marks.high), marks.high)
        })
        .filter(|(_, start, end)| start < end)
        .map(|(at, start, _)| (at, start))
        .collect();
    Ok(Queue { marks, start })
}

/// How much of the letters is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Read {
    /// All of them, without their values: a list may be long, and stays in memory.
    Overview,
    /// The first one, whole.
    First,
}

async fn read(
    settings: &Settings,
    start: BTreeMap<TopicPartition, i64>,
    what: Read,
    shutdown: &CancellationToken,
) -> Result<Vec<Letter>, Fatal> {
    let mut letters = Vec::new();
    let mut open: HashSet<TopicPartition> = start.keys().copied().collect();
    if open.is_empty() {
        return Ok(letters);
    }
    let mut source = source(settings, start)?;
    while !open.is_empty() {
        let event = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            event = source.next() => event,
        };
        match event {
            Some(Event::Record(mut record)) => {
                record.held = None;
                let mut letter = Letter::parse(record);
                if what == Read::First {
                    letters.push(letter);
                    break;
                }
                letter.record.value = None;
                letters.push(letter);
            }
            Some(Event::End(at)) => {
                open.remove(&at);
            }
            Some(Event::Failed(failure)) => {
                let message = crate::error_text(&failure);
                return Err(Fatal { message, exit_code: 3 });
            }
            Some(Event::Assigned(_) | Event::Revoked { .. }) => {}
            None => break,
        }
    }
    source.close(ask(settings)).await;
    letters.sort_by(|a, b| a.time.cmp(&b.time).then(a.record.offset.cmp(&b.record.offset)));
    Ok(letters)
}

/// Where to start in the state topics so as to see the letters' records and everything newer of their
/// keys, and which records these are.
fn newest_versions(
    settings: &Settings,
    letters: &[Letter],
) -> (BTreeMap<TopicPartition, i64>, Filter) {
    let mut start: BTreeMap<TopicPartition, i64> = BTreeMap::new();
    let (mut keys, mut places) = (HashSet::new(), HashSet::new());
    for letter in letters {
        let Some((at, offset)) = letter.origin(&settings.kafka.topics) else {
            warn!(id = letter.id, "a dead letter does not tell where it comes from; left out");
            continue;
        };
        start.entry(at).and_modify(|first| *first = (*first).min(offset)).or_insert(offset);
        places.insert((at, offset));
        keys.extend(letter.record.key.clone().map(|key| (at.topic, key)));
    }
    (start, Filter::Exactly { keys, places })
}

/// Offsets within what there still is.
async fn within(
    settings: &Settings,
    start: BTreeMap<TopicPartition, i64>,
) -> Result<BTreeMap<TopicPartition, i64>, Fatal> {
    let found = find_topics(&settings.kafka, ask(settings)).await?;
    let topics: HashSet<Topic> = start.keys().map(|at| at.topic).collect();
    let partitions =
        found.partitions.into_iter().filter(|(topic, _)| topics.contains(topic)).collect();
    let marks = watermarks(&settings.kafka, &partitions, ask(settings)).await?;
    let start = start.into_iter().filter_map(|(at, offset)| {
        let marks = marks.get(&at)?;
        Some((at, offset.clamp(marks.low, marks.high)))
    });
    Ok(start.collect())
}

async fn describe(settings: &Settings, mut letter: Letter) -> Result<String, Fatal> {
    let headers: serde_json::Map<String, serde_json::Value> = letter
        .record
        .headers
        .iter()
        .map(|(name, value)| {
            let text = value.as_deref().map(|value| String::from_utf8_lossy(value).into_owned());
            (name.clone(), text.into())
        })
        .collect();
    if let Some((at, _)) = letter.origin(&settings.kafka.topics) {
        letter.record.at = at;
    }
    let value = decoded(settings, &letter).await?;
    let mut shown = serde_json::to_value(&letter).unwrap_or_default();
    if let serde_json::Value::Object(members) = &mut shown {
        members.insert("headers".to_owned(), headers.into());
        members.insert("value".to_owned(), value);
    }
    Ok(serde_json::to_string_pretty(&shown).unwrap_or_default() + "\n")
}

/// The value as the event that it is; else its bytes in hexadecimal, the first kilobyte.
async fn decoded(settings: &Settings, letter: &Letter) -> Result<serde_json::Value, Fatal> {
    const SHOWN: usize = 1024;
    let (mut decoder, registry) = decoder(settings)?;
    loop {
        match decoder.decode(&letter.record) {
            Decoded::Item(item) => {
                return Ok(match &item.change {
                    Change::Upsert(event) => json::readable(event),
                    Change::Delete { .. } => serde_json::Value::Null,
                });
            }
            Decoded::NeedsSchema(id) => match (&registry, &mut decoder.schemas) {
                (Some(registry), Some(schemas)) => {
                    let known = fetch(registry, id, true).await?;
                    schemas.learn(id, known);
                }
                _ => return Ok(serde_json::Value::Null),
            },
            Decoded::Foreign | Decoded::Broken(_) => {
                let bytes = letter.record.value.as_deref().unwrap_or_default();
                let hex: String =
                    bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
                return Ok(serde_json::json!({"hex": hex}));
            }
        }
    }
}
