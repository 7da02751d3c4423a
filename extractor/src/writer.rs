//! Writes what a run has to write: an app's changes with its commit marker last, tombstones of apps
//! that are gone, the run itself.

use std::collections::BTreeMap;

use schemas::{
    Event, Topic,
    config::Kafka,
    event::{Dashboard, Run},
};
use tracing::warn;

use crate::{
    changes::{Changes, Deleted, Settled},
    error_chain,
    kafka::{self, Decoder, Publisher, Record},
    records,
    state::AppState,
};

/// Writes the records of one run.
pub(crate) struct Writer<'a> {
    pub(crate) service: &'a str,
    pub(crate) run_id: String,
    pub(crate) kafka: &'a Kafka,
    pub(crate) publisher: Publisher,
    pub(crate) decoder: Decoder,
}

/// Events that were written or not, by topic.
#[derive(Default)]
pub(crate) struct Published {
    pub(crate) upserts: Vec<Topic>,
    pub(crate) deletes: Vec<Topic>,
    pub(crate) unchanged: Vec<Topic>,
}

impl Writer<'_> {
    /// Writes everything of an app, then its dashboard event: the commit marker.
    pub(crate) async fn publish(
        &self,
        changes: Changes,
        settled: &Settled,
    ) -> Result<Published, kafka::Error> {
        let mut published = Published { unchanged: changes.unchanged, ..Published::default() };
        published.upserts.extend(changes.upserts.iter().map(|(event, _)| event.topic()));
        published.deletes.extend(changes.deletes.iter().map(|deleted| deleted.topic));
        let edges = self.edges(&changes.deletes).await;
        if let Some((dashboard, hash)) = changes.unsettle {
            // The published marker would call the app complete while it is being written.
            let unsettled = settled.clone().unsettled();
            self.publisher.publish(vec![self.upsert(dashboard, &hash, Some(&unsettled))]).await?;
        }
        let upserts =
            changes.upserts.into_iter().map(|(event, hash)| self.upsert(event, &hash, None));
        let deletes = changes.deletes.iter().map(|deleted| self.tombstone(deleted, &edges));
        self.publisher.publish(upserts.chain(deletes).collect()).await?;
        if let Some((dashboard, hash)) = changes.dashboard {
            published.upserts.push(Topic::Dashboards);
            self.publisher.publish(vec![self.upsert(dashboard, &hash, Some(settled))]).await?;
        }
        Ok(published)
    }

    /// Writes the tombstones of an app that is gone, its dashboard's first: without the commit marker
    /// the app is read again when it comes back before the rest is deleted.
    pub(crate) async fn delete(&self, deletes: &[Deleted]) -> Result<(), kafka::Error> {
        let edges = self.edges(deletes).await;
        let (marker, others): (Vec<_>, Vec<_>) =
            deletes.iter().partition(|deleted| deleted.topic == Topic::Dashboards);
        for part in [marker, others] {
            let records = part.iter().map(|deleted| self.tombstone(deleted, &edges)).collect();
            self.publisher.publish(records).await?;
        }
        Ok(())
    }

    /// Writes records of data files, and tombstones of those that are gone.
    pub(crate) async fn publish_files(
        &self,
        upserts: Vec<(Event, String)>,
        deletes: &[Deleted],
    ) -> Result<(), kafka::Error> {
        let none = BTreeMap::new();
        let upserts = upserts.into_iter().map(|(event, hash)| self.upsert(event, &hash, None));
        let deletes = deletes.iter().map(|deleted| self.tombstone(deleted, &none));
        self.publisher.publish(upserts.chain(deletes).collect()).await
    }

    /// Writes the start or the end of the run.
    pub(crate) async fn announce(&self, run: Run) -> Result<(), kafka::Error> {
        let event = Event::Run(Box::new(run));
        let content_hash = event.content_hash();
        self.publisher.publish(vec![self.upsert(event, &content_hash, None)]).await
    }

    /// The app's dashboard event as published, read again from where it lies.
    pub(crate) async fn published_dashboard(&self, known: &AppState) -> Option<Dashboard> {
        let (partition, offset) = known.dashboard.as_ref()?.place;
        let kafka = self.kafka.clone();
        let read = tokio::task::spawn_blocking(move || {
            kafka::read_at(&kafka, Topic::Dashboards, partition, &[offset])
        });
        let values = read.await.ok()?.ok()?;
        match self.decode(Topic::Dashboards, values.get(&offset)?).await? {
            Event::Dashboard(dashboard) => Some(*dashboard),
            _ => None,
        }
    }

    /// Ends of edges that are to be deleted, read again from where they lie: their keys are hashes.
    /// An edge that cannot be read gets a tombstone without its ends.
    async fn edges(&self, deletes: &[Deleted]) -> BTreeMap<String, String> {
        let mut places: BTreeMap<i32, Vec<(i64, String)>> = BTreeMap::new();
        for deleted in deletes.iter().filter(|deleted| deleted.topic == Topic::Lineage) {
            if let Some(known) = deleted.known {
                places
                    .entry(known.partition)
                    .or_default()
                    .push((known.offset, deleted.key.clone()));
            }
        }
        let mut edges = BTreeMap::new();
        for (partition, mut places) in places {
            places.sort();
            let offsets: Vec<i64> = places.iter().map(|(offset, _)| *offset).collect();
            let kafka = self.kafka.clone();
            let read = tokio::task::spawn_blocking(move || {
                kafka::read_at(&kafka, Topic::Lineage, partition, &offsets)
            });
            let values = match read.await {
                Ok(Ok(values)) => values,
                Ok(Err(error)) => {
                    warn!(
                        error = error_chain(&error),
                        "could not read edges that are to be deleted"
                    );
                    continue;
                }
                Err(_) => continue,
            };
            for (offset, key) in places {
                let Some(value) = values.get(&offset) else { continue };
                if let Some(Event::Lineage(edge)) = self.decode(Topic::Lineage, value).await {
                    edges.insert(key, edge.edge_json());
                }
            }
        }
        edges
    }

    /// A published value; one that cannot be read is logged.
    async fn decode(&self, topic: Topic, value: &[u8]) -> Option<Event> {
        let read = self.decoder.decode(topic, value).await;
        read.inspect_err(
            |error| warn!(error = error_chain(error), %topic, "could not read what is published"),
        )
        .ok()
    }

    fn upsert(&self, event: Event, content_hash: &str, settled: Option<&Settled>) -> Record {
        records::upsert(self.service, &self.run_id, event, content_hash, settled)
    }

    fn tombstone(&self, deleted: &Deleted, edges: &BTreeMap<String, String>) -> Record {
        let edge = edges.get(&deleted.key).map(String::as_str);
        records::tombstone(self.service, &self.run_id, deleted, edge)
    }
}
