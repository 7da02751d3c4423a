//! `unresolved`: which edges cannot be loaded as things are, above all those whose table is not in the
//! catalogue.
//!
//! Nothing keeps a list of them; the lineage topic and the catalogue are what there is. So every edge
//! is looked up again with a sink that only looks, and those that do not come out are listed.

use std::{collections::BTreeMap, sync::Arc};

use schemas::Topic;
use tokio_util::sync::CancellationToken;

use super::{ask, replay::pass, stopped, unless_stopped};
use crate::{
    config::Settings,
    filter::Filter,
    report::{Report, Tally},
    sink::{Fatal, Figures, Item, MetadataSink, Outcome, Stage},
    source::{
        Error, TopicPartition, find_topics,
        seek::{From, start_offsets},
    },
};

/// Looks every edge up; [`Report::unresolved`] lists those that cannot be loaded now, whatever the
/// reason. `sink` must be one that only looks.
///
/// # Errors
/// When Kafka cannot be reached, before anything was read. Later trouble is in the report.
pub async fn unresolved<S: MetadataSink>(
    settings: &Settings,
    sink: Arc<S>,
    tally: &Arc<Tally>,
    shutdown: &CancellationToken,
) -> Result<Report, Fatal> {
    let start = unless_stopped(shutdown, start(settings)).await?;
    let Some(start) = start else { return Ok(stopped(tally)) };
    pass(settings, Arc::new(Listing(sink)), start, Filter::All, tally, shutdown).await
}

/// Where each partition of the edges begins.
async fn start(settings: &Settings) -> Result<BTreeMap<TopicPartition, i64>, Error> {
    let kafka = &settings.kafka;
    let found = find_topics(kafka, ask(settings)).await?;
    let Some(count) = found.partitions.get(&Topic::Lineage) else {
        return Err(Error::NoTopics(format!("`{}`", kafka.topics.name(Topic::Lineage))));
    };
    let lineage = BTreeMap::from([(Topic::Lineage, *count)]);
    start_offsets(kafka, &lineage, From::Beginning, ask(settings)).await
}

/// Nobody waits here: what would is listed with the rest.
struct Listing<S>(Arc<S>);

impl<S: MetadataSink> MetadataSink for Listing<S> {
    async fn apply(&self, stage: Stage, items: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        let outcomes = self.0.apply(stage, items).await?;
        let listed = outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Waiting { reason } => Outcome::Unresolved { reason },
            other => other,
        });
        Ok(listed.collect())
    }

    fn observe(&self, item: &Item) {
        self.0.observe(item);
    }

    fn figures(&self) -> Figures {
        self.0.figures()
    }

    fn refresh(&self) {
        self.0.refresh();
    }
}
