//! `unresolved`: which edges have no table in the catalogue.
//!
//! Nothing keeps a list of them; the lineage topic and the catalogue are what there is. So every edge
//! is applied again, which resolves those whose table has appeared since, and the others are listed.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use schemas::Topic;
use tokio_util::sync::CancellationToken;

use super::{ask, replay::pass};
use crate::{
    config::Settings,
    filter::Filter,
    report::{Report, Tally},
    sink::{Fatal, MetadataSink},
    source::{
        Error, find_topics,
        seek::{From, start_offsets},
    },
};

/// Applies every edge; [`Report::unresolved`] lists the rest.
///
/// # Errors
/// When Kafka cannot be reached, before anything was read. Later trouble is in the report.
pub async fn unresolved<S: MetadataSink>(
    settings: &Settings,
    sink: Arc<S>,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let kafka = &settings.kafka;
    let found = find_topics(kafka, ask(settings)).await?;
    let Some(count) = found.partitions.get(&Topic::Lineage) else {
        return Err(Error::NoTopics(format!("`{}`", kafka.topics.name(Topic::Lineage))).into());
    };
    let lineage = BTreeMap::from([(Topic::Lineage, *count)]);
    let start = start_offsets(kafka, &lineage, From::Beginning, ask(settings)).await?;
    let mut settings = settings.clone();
    // An edge whose ends are not loaded is not what this is about; nobody is going to wait for it.
    settings.flow.wait.timeout = Duration::ZERO;
    pass(&settings, sink, start, Filter::All, tally, shutdown).await
}
