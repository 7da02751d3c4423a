//! Writes what a run has to write: an app's changes with its commit marker last, tombstones of apps
//! that are gone, the run itself.

use schemas::{
    Event, Topic,
    codec::{self, Frame},
    event::{Dashboard, Run},
};

use crate::{
    changes::{Changes, Settled, Vanished},
    kafka::{self, Publisher, Record, Rereader},
    records,
    state::{AppState, Place},
};

/// Writes the records of one run.
pub(crate) struct Writer<'a> {
    pub(crate) service: &'a str,
    pub(crate) run_id: String,
    pub(crate) publisher: Publisher,
    pub(crate) rereader: Rereader,
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
        published.deletes.extend(changes.deletes.iter().map(|place| place.topic()));
        let tombstones = self.tombstones(changes.deletes).await?;
        if let Some((dashboard, hash)) = changes.unsettle {
            // The published marker would call the app complete while it is being written.
            let unsettled = settled.clone().unsettled();
            self.publisher.publish(vec![self.upsert(dashboard, &hash, Some(&unsettled))]).await?;
        }
        let upserts =
            changes.upserts.into_iter().map(|(event, hash)| self.upsert(event, &hash, None));
        self.publisher.publish(upserts.chain(tombstones).collect()).await?;
        if let Some((dashboard, hash)) = changes.dashboard {
            published.upserts.push(Topic::Dashboards);
            self.publisher.publish(vec![self.upsert(dashboard, &hash, Some(settled))]).await?;
        }
        Ok(published)
    }

    /// Writes the tombstones of an app that is gone, its dashboard's first: without the commit marker
    /// the app is read again when it comes back before the rest is deleted. Returns how many of each
    /// topic there are.
    pub(crate) async fn delete(&self, vanished: Vanished) -> Result<Vec<Topic>, kafka::Error> {
        let tombstones = self.tombstones(vanished.records).await?;
        let marker: Vec<_> = vanished
            .dashboard
            .iter()
            .map(|key| records::tombstone(self.service, &self.run_id, Topic::Dashboards, key, None))
            .collect();
        let topics = marker.iter().chain(&tombstones).map(|record| record.topic).collect();
        self.publisher.publish(marker).await?;
        self.publisher.publish(tombstones).await?;
        Ok(topics)
    }

    /// Writes the start or the end of the run.
    pub(crate) async fn announce(&self, run: Run) -> Result<(), kafka::Error> {
        let event = Event::Run(Box::new(run));
        let content_hash = event.content_hash();
        self.publisher.publish(vec![self.upsert(event, &content_hash, None)]).await
    }

    /// The app's dashboard event as published, read again from where it lies.
    pub(crate) async fn published_dashboard(&self, known: &AppState) -> Option<Dashboard> {
        let place = known.dashboard.as_ref()?.place;
        let read = self.rereader.read(vec![place]).await.ok()?;
        let frame = Frame::parse(&read.get(&place)?.value).ok()?;
        match codec::decode(Topic::Dashboards, &frame, None).ok()? {
            Event::Dashboard(dashboard) => Some(*dashboard),
            _ => None,
        }
    }

    /// Tombstones of published records, whose keys are read again from where they lie. Those of edges
    /// carry their ends, since a key that is a hash cannot be read backwards; an edge that is not
    /// understood gets a tombstone without.
    async fn tombstones(&self, places: Vec<Place>) -> Result<Vec<Record>, kafka::Error> {
        let read = self.rereader.read(places.clone()).await?;
        let tombstone = |place: &Place| {
            let record =
                read.get(place).ok_or_else(|| kafka::Error::Moved(format!("{place:?}")))?;
            let edge = (place.topic() == Topic::Lineage).then(|| edge_of(&record.value)).flatten();
            Ok(records::tombstone(
                self.service,
                &self.run_id,
                place.topic(),
                &record.key,
                edge.as_deref(),
            ))
        };
        places.iter().map(tombstone).collect()
    }

    fn upsert(&self, event: Event, content_hash: &str, settled: Option<&Settled>) -> Record {
        records::upsert(self.service, &self.run_id, event, content_hash, settled)
    }
}

fn edge_of(value: &[u8]) -> Option<String> {
    let frame = Frame::parse(value).ok()?;
    match codec::decode(Topic::Lineage, &frame, None).ok()? {
        Event::Lineage(edge) => Some(edge.edge_json()),
        _ => None,
    }
}
