//! `replay`: load events again, from some point to the end of the topics.

use std::{collections::BTreeMap, sync::Arc};

use schemas::Topic;
use tokio_util::sync::CancellationToken;

use super::{ask, run::parts, stopped, unless_stopped};
use crate::{
    config::Settings,
    filter::{Filter, KeyPattern},
    pipeline::{self, Parts},
    report::{Report, Tally},
    sink::{Fatal, MetadataSink},
    source::{
        Config, Error, Source, Span, Start, TopicPartition, find_topics,
        seek::{From, start_offsets},
    },
};

/// What to load again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Where to start.
    pub from: From,
    /// Topics; all when empty.
    pub topics: Vec<Topic>,
    /// Keys; all when empty.
    pub keys: Vec<KeyPattern>,
}

/// Loads events again. Always to the end of the topics, so that the newest version of a key is the one
/// that stays. When nothing matched, the exit code in the report is 1.
///
/// # Errors
/// When Kafka cannot be reached, before anything was read. Later trouble is in the report.
pub async fn replay<S: MetadataSink>(
    settings: &Settings,
    sink: Arc<S>,
    what: Replay,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let topics = if what.topics.is_empty() { Topic::STATE.to_vec() } else { what.topics };
    let start = start(settings, &topics, what.from);
    let Some(start) = unless_stopped(shutdown, start).await? else { return Ok(stopped(tally)) };
    let filter = if what.keys.is_empty() { Filter::All } else { Filter::Keys(what.keys) };
    let mut report = pass(settings, sink, start, filter, tally, shutdown).await?;
    let total = report.total();
    if report.exit_code == 0 && report.ended == "complete" && total.read == total.skipped {
        report.error =
            Some(format!("nothing matched: {} records were read, none was asked for", total.read));
        report.exit_code = 1;
    }
    Ok(report)
}

/// Where each existing partition of `topics` is to be read from.
async fn start(
    settings: &Settings,
    topics: &[Topic],
    from: From,
) -> Result<BTreeMap<TopicPartition, i64>, Fatal> {
    let kafka = &settings.kafka;
    let found = find_topics(kafka, ask(settings)).await?;
    let wanted: BTreeMap<Topic, i32> =
        found.partitions.into_iter().filter(|(topic, _)| topics.contains(topic)).collect();
    if wanted.is_empty() {
        let names: Vec<_> =
            topics.iter().map(|topic| format!("`{}`", kafka.topics.name(*topic))).collect();
        return Err(Error::NoTopics(names.join(", ")).into());
    }
    Ok(start_offsets(kafka, &wanted, from, ask(settings)).await?)
}

/// One pass over partitions, to their ends, without dead letters and commits.
pub(super) async fn pass<S: MetadataSink>(
    settings: &Settings,
    sink: Arc<S>,
    start: BTreeMap<TopicPartition, i64>,
    filter: Filter,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let source = source(settings, start)?;
    let parts = Parts { filter, ..parts(settings, source, sink, Arc::clone(tally))? };
    Ok(pipeline::run(parts, shutdown).await)
}

/// A consumer of these partitions, to their ends. It never joins its group.
pub(super) fn source(
    settings: &Settings,
    start: BTreeMap<TopicPartition, i64>,
) -> Result<Source, Error> {
    let to_the_end = |(at, from)| (at, Span { from, until: i64::MAX });
    Source::start(&Config {
        kafka: settings.kafka.clone(),
        group_id: format!("{}.replay", settings.flow.group_id),
        group_instance_id: None,
        start: Start::At(start.into_iter().map(to_the_end).collect()),
        stop_at_end: true,
        read_ahead: settings.flow.read_ahead,
    })
}
