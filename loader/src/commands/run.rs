//! `run`: load what comes, as a member of the group.

use std::sync::Arc;

use schemas::{Topic, registry::Registry};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
    config::Settings,
    dead_letters::{DeadLetters, topic},
    decode::{Decoder, schemas::Schemas},
    error_text,
    filter::Filter,
    pipeline::{self, Parts},
    report::{Report, Tally},
    sink::{Fatal, MetadataSink},
    source::{Config, Error, Found, Source, Start, find_topics},
};

/// Loads until a signal, or until the end of what is in the topics now.
///
/// # Errors
/// When Kafka cannot be reached, before anything was read. Later trouble is in the report.
pub async fn run<S: MetadataSink>(
    settings: &Settings,
    sink: Arc<S>,
    until_end: bool,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let found = tokio::select! {
        biased;
        () = shutdown.cancelled() => return Ok(tally.finish("stopped", None, Vec::new())),
        found = find_topics(&settings.kafka, settings.flow.connect_timeout) => found?,
    };
    check_topics(settings, &found, until_end)?;
    if !found.partitions.contains_key(&Topic::DeadLetters) && settings.kafka.create_topics {
        topic::create(&settings.kafka).await?;
    }
    let letters =
        DeadLetters::new(&settings.kafka, found.partitions.get(&Topic::DeadLetters).copied())?;
    let source = Source::start(&Config {
        kafka: settings.kafka.clone(),
        group_id: settings.flow.group_id.clone(),
        group_instance_id: settings.flow.group_instance_id.clone(),
        start: Start::Group,
        stop_at_end: until_end,
        read_ahead: settings.flow.read_ahead,
    })?;
    let parts = Parts {
        until_end,
        shared: Some(shared(&found)),
        commit: true,
        letters: Some(Arc::new(letters)),
        ..parts(settings, source, sink, Arc::clone(tally))?
    };
    Ok(pipeline::run(parts, shutdown).await)
}

/// Partitions of the topics that loaders read.
fn shared(found: &Found) -> usize {
    let counts = Topic::STATE.iter().filter_map(|topic| found.partitions.get(topic));
    counts.filter_map(|count| usize::try_from(*count).ok()).sum()
}

/// A pipeline that reads to the end, commits nothing and writes no dead letters.
pub(super) fn parts<S>(
    settings: &Settings,
    source: Source,
    sink: Arc<S>,
    tally: Arc<Tally>,
) -> Result<Parts<S>, Fatal> {
    let (decoder, registry) = decoder(settings)?;
    Ok(Parts {
        flow: settings.flow.clone(),
        until_end: true,
        shared: None,
        commit: false,
        filter: Filter::All,
        observer: None,
        source,
        decoder,
        registry,
        sink,
        letters: None,
        tally,
    })
}

/// A decoder, and the registry that it needs if there is one.
pub(super) fn decoder(settings: &Settings) -> Result<(Decoder, Option<Registry>), Fatal> {
    let registry = settings.kafka.registry.clone().map(Registry::new).transpose();
    let registry = registry.map_err(|error| Fatal { message: error_text(&error), exit_code: 2 })?;
    let schemas = registry.as_ref().map(|_| Schemas::default());
    Ok((Decoder::new(&settings.service, schemas), registry))
}

/// Missing topics are fine as long as somebody may still create them.
fn check_topics(settings: &Settings, found: &Found, until_end: bool) -> Result<(), Error> {
    let names = &settings.kafka.topics;
    let missing: Vec<_> = found.missing().map(|topic| format!("`{}`", names.name(topic))).collect();
    if missing.len() == Topic::STATE.len() && until_end {
        return Err(Error::NoTopics(missing.join(", ")));
    }
    if !missing.is_empty() {
        warn!(
            topics = missing.join(", "),
            "topics do not exist yet; they are read as soon as the extractor has created them"
        );
    }
    if let Some(counts) = found.differing_partitions() {
        warn!(
            partitions = counts,
            "the topics have different numbers of partitions: one replica does not see an app whole, and more events wait"
        );
    }
    Ok(())
}
