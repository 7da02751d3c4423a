//! `reconcile`: make the service in the catalogue exactly what the topics say.
//!
//! What is missing is loaded by a pass over all topics; what no topic knows is removed. An entity may
//! be written by a running loader while this reads, so it is removed only when it was there before the
//! topics were read to their end for the last time, and is in none of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use schemas::Topic;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{ask, output::Quiet, replay::source, run::parts, stopped, unless_stopped};
use crate::{
    config::Settings,
    pipeline::{self, Observer, Parts},
    report::{Reconciled, Report, Tally},
    sink::{Fatal, Inventory, MetadataSink},
    source::{
        TopicPartition, find_topics,
        seek::{From, start_offsets},
    },
};

/// How far it may go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reconcile {
    /// Say what would be removed, and touch nothing.
    pub dry_run: bool,
    /// Remove more than `loader.maxDeletedShare` allows.
    pub allow_deletions: bool,
}

/// Reconciles. The exit code in the report is 4 when the guard refused.
///
/// # Errors
/// When Kafka cannot be reached, or a topic is missing: everything of it would be removed. Later
/// trouble is in the report.
pub async fn reconcile<S: Inventory>(
    settings: &Settings,
    sink: Arc<S>,
    how: Reconcile,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let Some(start) = unless_stopped(shutdown, all_partitions(settings)).await? else {
        return Ok(stopped(tally));
    };
    let alive = Arc::new(Mutex::new(S::Alive::default()));
    let mut report = if how.dry_run {
        read(settings, Arc::new(Quiet), &sink, &alive, start.clone(), tally, shutdown).await?
    } else {
        read(settings, Arc::clone(&sink), &sink, &alive, start.clone(), tally, shutdown).await?
    };
    if how.dry_run {
        // Nobody has compared them.
        report.events.values_mut().for_each(|counts| counts.unchanged = 0);
    }
    if report.ended != "complete" {
        return Ok(report);
    }
    let mut reconciled =
        remove(settings, &sink, how, &alive, ends(start, &report), shutdown).await?;
    reconciled.dry_run = how.dry_run;
    // A dry run says what the real one would.
    if reconciled.refused.is_some() {
        report.exit_code = 4;
    }
    if shutdown.is_cancelled() {
        report.ended = "stopped";
    }
    report.reconciled = Some(reconciled);
    Ok(report)
}

/// Finds the strays and removes them, as far as the guard lets it.
async fn remove<S: Inventory>(
    settings: &Settings,
    sink: &Arc<S>,
    how: Reconcile,
    alive: &Arc<Mutex<S::Alive>>,
    ends: BTreeMap<TopicPartition, i64>,
    shutdown: &CancellationToken,
) -> Result<Reconciled, Fatal> {
    let known = || std::mem::take(&mut *alive.lock().unwrap_or_else(PoisonError::into_inner));
    let keep = |known| *alive.lock().unwrap_or_else(PoisonError::into_inner) = known;
    let before = known();
    let Some((_, first)) = unless_stopped(shutdown, sink.strays(&before)).await? else {
        return Ok(Reconciled::default());
    };
    let Some((edges, stray_edges)) = unless_stopped(shutdown, sink.stray_edges(&before)).await?
    else {
        return Ok(Reconciled::default());
    };
    keep(before);
    // What was written since the topics were read.
    let unseen = Arc::new(Tally::new("reconcile", &settings.service));
    let later = read(settings, Arc::new(Quiet), sink, alive, ends, &unseen, shutdown).await?;
    if let Some(message) = later.error {
        return Err(Fatal { message, exit_code: later.exit_code });
    }
    if later.ended != "complete" {
        return Ok(Reconciled::default());
    }
    let now = known();
    let Some((entities, second)) = unless_stopped(shutdown, sink.strays(&now)).await? else {
        return Ok(Reconciled::default());
    };
    let stray_edges = stray_edges.into_iter().filter(|edge| sink.is_stray(&now, edge));
    let stray_edges: Vec<S::Stray> = stray_edges.collect();
    let stray_entities: Vec<S::Stray> =
        second.into_iter().filter(|stray| first.contains(stray)).collect();
    let max = settings.max_deleted_share;
    let refused = refusal("entities", stray_entities.len(), entities, max)
        .or_else(|| refusal("edges", stray_edges.len(), edges, max));
    // Edges go first: nothing may lead to what is not there any more.
    let strays: Vec<S::Stray> = stray_edges.into_iter().chain(stray_entities).collect();
    let mut reconciled = Reconciled {
        entities,
        edges,
        strays: strays.iter().map(|stray| serde_json::json!(stray)).collect(),
        refused: refused.filter(|_| !how.allow_deletions),
        ..Reconciled::default()
    };
    if let Some(refused) = &reconciled.refused {
        warn!("{refused}");
    }
    if how.dry_run || reconciled.refused.is_some() {
        return Ok(reconciled);
    }
    for stray in &strays {
        let Some(was_there) = unless_stopped(shutdown, sink.remove(stray)).await? else { break };
        if was_there {
            reconciled.removed += 1;
            info!(stray = %serde_json::json!(stray), "removed");
        }
    }
    Ok(reconciled)
}

/// Why so many may not be removed.
fn refusal(what: &str, strays: usize, all: usize, max_share: f64) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    let share = strays as f64 / all.max(1) as f64;
    (share > max_share).then(|| {
        format!(
            "{strays} of {all} {what} are in no topic, more than `loader.maxDeletedShare` ({max_share}); look at `reconcile --dry-run`, and if it is right say `--allow-deletions`"
        )
    })
}

/// Reads partitions to their ends into `sink`, and notes which keys they hold.
async fn read<T: MetadataSink, S: Inventory>(
    settings: &Settings,
    into: Arc<T>,
    sink: &Arc<S>,
    alive: &Arc<Mutex<S::Alive>>,
    start: BTreeMap<TopicPartition, i64>,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let source = source(settings, start)?;
    let (sink, alive) = (Arc::clone(sink), Arc::clone(alive));
    // A key whose tombstone follows counts as well: its entity is removed by the pass itself. So does
    // one whose value cannot be read.
    let observer: Observer = Arc::new(move |record| {
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        if let (Some(key), true) = (key, record.value.is_some()) {
            let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
            sink.add_alive(&mut alive, record.at.topic, key);
        }
    });
    let parts =
        Parts { observer: Some(observer), ..parts(settings, source, into, Arc::clone(tally))? };
    Ok(pipeline::run(parts, shutdown).await)
}

/// The first offsets of all state topics.
async fn all_partitions(settings: &Settings) -> Result<BTreeMap<TopicPartition, i64>, Fatal> {
    let kafka = &settings.kafka;
    let mut found = find_topics(kafka, ask(settings)).await?;
    let missing: Vec<_> =
        found.missing().map(|topic| format!("`{}`", kafka.topics.name(topic))).collect();
    if !missing.is_empty() {
        return Err(Fatal {
            message: format!(
                "will not reconcile without {}: everything that belongs there would be deleted; has the extractor run, and is `kafka.topicPrefix` the same as the extractor's?",
                missing.join(", ")
            ),
            exit_code: 3,
        });
    }
    found.partitions.retain(|topic, _| Topic::STATE.contains(topic));
    Ok(start_offsets(kafka, &found.partitions, From::Beginning, ask(settings)).await?)
}

/// How far a pass got.
fn ends(start: BTreeMap<TopicPartition, i64>, report: &Report) -> BTreeMap<TopicPartition, i64> {
    let read = |at: TopicPartition| {
        let mut partitions = report.partitions.iter();
        let found = partitions.find(|partition| {
            (partition.topic, partition.partition) == (at.topic.suffix(), at.partition)
        });
        found.and_then(|partition| partition.next)
    };
    start.into_iter().map(|(at, first)| (at, read(at).unwrap_or(first))).collect()
}
