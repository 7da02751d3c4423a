//! Writes what a run has to write: an app's changes with its commit marker last, tombstones of apps
//! that are gone, the run itself.

use schemas::{
    Event, Topic,
    event::{Dashboard, DataModel, Run},
    key,
};

use tracing::{instrument, warn};

use crate::{
    changes::{Changes, Settled, Vanished},
    error_chain,
    kafka::{self, Decoder, Publisher, Record, Rereader},
    records,
    state::{AppState, Place, key_hash},
};

/// Writes the records of one run.
pub(crate) struct Writer<'a> {
    pub(crate) service: &'a str,
    pub(crate) run_id: String,
    pub(crate) publisher: Publisher,
    pub(crate) rereader: Rereader,
    pub(crate) decoder: &'a Decoder,
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
    #[instrument(
        level = "info",
        skip_all,
        fields(upserts = changes.upserts.len(), tombstones = changes.deletes.len())
    )]
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
    #[instrument(level = "info", skip_all)]
    pub(crate) async fn delete(&self, vanished: Vanished) -> Result<Vec<Topic>, kafka::Error> {
        let tombstones = self.tombstones(vanished.records).await?;
        let marker: Vec<_> = vanished
            .dashboard
            .iter()
            .map(|key| self.tombstone(Topic::Dashboards, key, None))
            .collect();
        let topics = marker.iter().chain(&tombstones).map(|record| record.topic).collect();
        self.publisher.publish(marker).await?;
        self.publisher.publish(tombstones).await?;
        Ok(topics)
    }

    /// Writes records of data files, and tombstones of those that are gone.
    #[instrument(level = "info", skip_all, fields(upserts = upserts.len(), tombstones = deletes.len()))]
    pub(crate) async fn publish_files(
        &self,
        upserts: Vec<(Event, String)>,
        deletes: &[String],
    ) -> Result<(), kafka::Error> {
        let upserts = upserts.into_iter().map(|(event, hash)| self.upsert(event, &hash, None));
        let deletes = deletes.iter().map(|key| self.tombstone(Topic::DataModels, key, None));
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
        let place = known.dashboard.as_ref()?.place;
        let read = self.rereader.read(vec![place]).await.ok()?;
        match self.decode(Topic::Dashboards, &read.get(&place)?.value).await? {
            Event::Dashboard(dashboard) => Some(*dashboard),
            _ => None,
        }
    }

    /// The data models with these keys as published; `None` when one of them cannot be read again.
    pub(crate) async fn published_models(
        &self,
        known: &AppState,
        keys: &[String],
    ) -> Option<Vec<DataModel>> {
        let place = |key: &String| {
            let parts = key::parse(self.service, key)?;
            Some(known.record(key_hash(Topic::DataModels, parts.rest))?.place)
        };
        let places: Vec<_> = keys.iter().map(place).collect::<Option<_>>()?;
        let read = self.rereader.read(places.clone()).await.ok()?;
        let mut models = Vec::with_capacity(places.len());
        for place in places {
            match self.decode(Topic::DataModels, &read.get(&place)?.value).await? {
                Event::DataModel(model) => models.push(*model),
                _ => return None,
            }
        }
        Some(models)
    }

    /// Tombstones of published records, whose keys are read again from where they lie. Those of edges
    /// carry their ends, since a key that is a hash cannot be read backwards; an edge that is not
    /// understood gets a tombstone without.
    async fn tombstones(&self, places: Vec<Place>) -> Result<Vec<Record>, kafka::Error> {
        let read = self.rereader.read(places.clone()).await?;
        let mut tombstones = Vec::with_capacity(places.len());
        for place in places {
            let topic = place.topic();
            let record =
                read.get(&place).ok_or_else(|| kafka::Error::Moved(format!("{place:?}")))?;
            let edge = match topic {
                Topic::Lineage => self.decode(topic, &record.value).await,
                _ => None,
            };
            let edge = edge.and_then(|event| match event {
                Event::Lineage(edge) => Some(edge.edge_json()),
                _ => None,
            });
            tombstones.push(self.tombstone(topic, &record.key, edge.as_deref()));
        }
        Ok(tombstones)
    }

    /// A published value; one that cannot be read is logged.
    async fn decode(&self, topic: Topic, value: &[u8]) -> Option<Event> {
        let read = self.decoder.decode(topic, value).await;
        read.inspect_err(
            |error| warn!(error = error_chain(error), %topic, "could not read what is published"),
        )
        .ok()
    }

    fn tombstone(&self, topic: Topic, key: &str, edge: Option<&str>) -> Record {
        records::tombstone(self.service, &self.run_id, topic, key, edge)
    }

    fn upsert(&self, event: Event, content_hash: &str, settled: Option<&Settled>) -> Record {
        records::upsert(self.service, &self.run_id, event, content_hash, settled)
    }
}
