//! What has to be written: an app's events compared with what is published. Pure.

use std::collections::BTreeSet;

use schemas::{
    Event, Topic,
    event::Dashboard,
    key::{self, Parts},
};

use crate::state::{AppState, Known, parse_hash};

/// Changes of one app. Everything else is confirmed before the dashboard event is written.
#[derive(Debug, Default)]
pub struct Changes {
    /// New and changed events other than the dashboard, with their content hashes.
    pub upserts: Vec<(Event, String)>,
    /// Published records that are gone.
    pub deletes: Vec<Deleted>,
    /// The dashboard event with its content hash, when it has to be written.
    pub dashboard: Option<(Event, String)>,
    /// The same, to be written as not settled before anything else: the published marker already has
    /// what the new one will have, and must not stand while the rest changes.
    pub unsettle: Option<(Event, String)>,
    /// Events that are as published, by topic.
    pub unchanged: Vec<Topic>,
}

impl Changes {
    /// Takes back the deletions that `kept` is true for. When nothing else has to be written, the
    /// published marker stands as it is.
    pub fn keep(&mut self, kept: impl Fn(&Deleted) -> bool) {
        self.deletes.retain(|deleted| !kept(deleted));
        let is_complete = self.upserts.is_empty() && self.deletes.is_empty();
        if is_complete && self.unsettle.take().is_some() {
            self.dashboard = None;
            self.unchanged.push(Topic::Dashboards);
        }
    }
}

/// A published record that is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Topic.
    pub topic: Topic,
    /// Key.
    pub key: String,
    /// Where the record lies; `None` for the dashboard.
    pub known: Option<Known>,
}

/// Which kinds of vanished records become tombstones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletable {
    /// Apps.
    pub dashboards: bool,
    /// Visualizations.
    pub charts: bool,
    /// Tables and master items; false also when the data model of an app could not be read.
    pub data_models: bool,
    /// Edges; false when the data model could not be read, since its edges are unknown then.
    pub lineage: bool,
}

impl Deletable {
    fn allows(self, topic: Topic) -> bool {
        match topic {
            Topic::Dashboards => self.dashboards,
            Topic::Charts => self.charts,
            Topic::DataModels => self.data_models,
            Topic::Lineage => self.lineage,
            Topic::Runs | Topic::DeadLetters => false,
        }
    }
}

/// Headers of an app's dashboard event that say when the app need not be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Extractor version and options.
    pub fingerprint: String,
    /// What the site's lists say of the app.
    pub listed_hash: String,
}

impl Settled {
    /// The same for an app that is not to be called complete: it is opened by the next run, whatever
    /// the times say.
    #[must_use]
    pub fn unsettled(mut self) -> Self {
        self.fingerprint.push_str(" (unsettled)");
        self
    }
}

/// What of an app could not be read although the rest could: what was published of it stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Its data model.
    pub data_model: bool,
    /// Ids of objects.
    pub objects: BTreeSet<String>,
    /// What only the repository tells: owner, tags, custom properties.
    pub listed: bool,
    /// Its script: what is published of it stays.
    pub script: bool,
    /// Whether it may be readable at another time.
    pub passing: bool,
}

impl Gaps {
    /// Whether there are any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.data_model || self.listed || !self.objects.is_empty()
    }
}

/// Takes over from the published dashboard event what could not be read this time.
pub fn carry_over(dashboard: &mut Dashboard, published: Dashboard, gaps: &Gaps) {
    if gaps.data_model {
        dashboard.data_model_keys = published.data_model_keys;
    }
    if gaps.listed {
        dashboard.owner = published.owner;
        dashboard.tags = published.tags;
        dashboard.custom_properties = published.custom_properties;
    }
    let present: BTreeSet<_> = dashboard.sheets.iter().map(|sheet| sheet.id.clone()).collect();
    let missing = published
        .sheets
        .into_iter()
        .filter(|sheet| gaps.objects.contains(&sheet.id) && !present.contains(&sheet.id));
    dashboard.sheets.extend(missing);
}

/// Compares the events of an app that was read whole with what is published of it.
#[must_use]
pub fn of_app(
    service: &str,
    known: &AppState,
    dashboard: Event,
    others: Vec<Event>,
    settled: &Settled,
    deletable: Deletable,
) -> Changes {
    let mut changes = Changes::default();
    let mut seen = BTreeSet::new();
    for event in others {
        let (topic, key) = (event.topic(), event.key());
        let rest = key::parse(service, &key).map_or("", |parts| parts.rest);
        let id = (topic, Box::from(rest));
        // Two events of one key would overwrite each other on the topic; the first is kept.
        if !seen.insert(id.clone()) {
            continue;
        }
        let hash = event.content_hash();
        if known.records.get(&id).is_some_and(|known| known.hash == parse_hash(&hash)) {
            changes.unchanged.push(topic);
        } else {
            changes.upserts.push((event, hash));
        }
    }
    let app_id = key_parts(service, &dashboard.key()).to_owned();
    let gone = known.records.iter().filter(|(id, _)| !seen.contains(*id) && deletable.allows(id.0));
    changes.deletes = gone.map(|(id, known)| deleted(service, &app_id, id, *known)).collect();
    let hash = dashboard.content_hash();
    let is_published = known.dashboard.as_ref().is_some_and(|marker| {
        marker.hash == parse_hash(&hash)
            && *marker.fingerprint == *settled.fingerprint
            && marker.listed == parse_hash(&settled.listed_hash)
    });
    let is_complete = changes.upserts.is_empty() && changes.deletes.is_empty();
    match (is_published, is_complete) {
        (true, true) => changes.unchanged.push(Topic::Dashboards),
        (true, false) => {
            changes.unsettle = Some((dashboard.clone(), hash.clone()));
            changes.dashboard = Some((dashboard, hash));
        }
        (false, _) => changes.dashboard = Some((dashboard, hash)),
    }
    changes
}

/// Tombstones of an app that is gone: the dashboard's is the last, as its event is.
#[must_use]
pub fn of_vanished_app(
    service: &str,
    app_id: &str,
    known: &AppState,
    deletable: Deletable,
) -> Vec<Deleted> {
    let records = known.records.iter().filter(|(id, _)| deletable.allows(id.0));
    let mut deletes: Vec<_> =
        records.map(|(id, known)| deleted(service, app_id, id, *known)).collect();
    if deletable.dashboards && known.dashboard.is_some() {
        let key = key::dashboard(service, app_id);
        deletes.push(Deleted { topic: Topic::Dashboards, key, known: None });
    }
    deletes
}

fn deleted(service: &str, app_id: &str, id: &(Topic, Box<str>), known: Known) -> Deleted {
    let key = format!("{service}/{app_id}/{}", id.1);
    Deleted { topic: id.0, key, known: Some(known) }
}

fn key_parts<'a>(service: &str, key: &'a str) -> &'a str {
    key::parse(service, key).map_or("", |Parts { app_id, .. }| app_id)
}

#[cfg(test)]
mod tests {
    use schemas::event::{Chart, Dashboard, DataModel};

    use super::*;
    use crate::state::Marker;

    const ALL: Deletable =
        Deletable { dashboards: true, charts: true, data_models: true, lineage: true };

    fn dashboard(title: &str) -> Event {
        Event::Dashboard(Box::new(Dashboard {
            service: "s".into(),
            app_id: "a".into(),
            title: title.into(),
            ..Dashboard::default()
        }))
    }

    fn chart(id: &str, title: &str) -> Event {
        Event::Chart(Box::new(Chart {
            service: "s".into(),
            app_id: "a".into(),
            object_id: id.into(),
            title: Some(title.into()),
            ..Chart::default()
        }))
    }

    fn settled(fingerprint: &str) -> Settled {
        Settled { fingerprint: fingerprint.into(), listed_hash: "0a".into() }
    }

    fn table(name: &str) -> Event {
        Event::DataModel(Box::new(DataModel {
            service: "s".into(),
            app_id: Some("a".into()),
            table: Some(name.into()),
            ..DataModel::default()
        }))
    }

    fn published(dashboard: &Event, others: &[Event], fingerprint: &str) -> AppState {
        let known = |event: &Event| Known {
            hash: parse_hash(&event.content_hash()),
            partition: 0,
            offset: 0,
        };
        let record = |event: &Event| {
            let key = event.key();
            let rest = key::parse("s", &key).expect("key").rest;
            ((event.topic(), Box::from(rest)), known(event))
        };
        AppState {
            records: others.iter().map(record).collect(),
            dashboard: Some(Marker {
                hash: parse_hash(&dashboard.content_hash()),
                fingerprint: fingerprint.into(),
                listed: 0x0a,
                ..Marker::default()
            }),
        }
    }

    #[test]
    fn nothing_new_writes_nothing() {
        let others = vec![chart("c", "1"), table("t")];
        let known = published(&dashboard("x"), &others, "f");
        let changes = of_app("s", &known, dashboard("x"), others, &settled("f"), ALL);
        assert!(
            changes.upserts.is_empty() && changes.deletes.is_empty() && changes.dashboard.is_none()
        );
        assert_eq!(changes.unchanged.len(), 3);
    }

    #[test]
    fn changed_new_and_gone_records_are_found() {
        let known =
            published(&dashboard("x"), &[chart("c", "1"), chart("gone", "1"), table("t/u")], "f");
        let changes = of_app(
            "s",
            &known,
            dashboard("y"),
            vec![chart("c", "2"), chart("new", "1"), table("t/u")],
            &settled("f"),
            ALL,
        );
        let keys: Vec<_> = changes.upserts.iter().map(|(event, _)| event.key()).collect();
        assert_eq!(keys, ["s/a/c", "s/a/new"]);
        let gone: Vec<_> = changes.deletes.iter().map(|deleted| deleted.key.as_str()).collect();
        assert_eq!(gone, ["s/a/gone"]);
        assert!(changes.dashboard.is_some());
    }

    #[test]
    fn a_valid_marker_is_taken_back_before_anything_changes() {
        let known = published(&dashboard("x"), &[chart("gone", "1")], "f");
        let changes = of_app("s", &known, dashboard("x"), vec![], &settled("f"), ALL);
        assert!(changes.unsettle.is_some() && changes.dashboard.is_some());
        let changes = of_app("s", &known, dashboard("y"), vec![], &settled("f"), ALL);
        assert!(changes.unsettle.is_none() && changes.dashboard.is_some());
    }

    #[test]
    fn deletions_that_are_taken_back_leave_the_marker_alone() {
        let known = published(&dashboard("x"), &[chart("gone", "1"), table("t")], "f");
        let mut changes = of_app("s", &known, dashboard("x"), vec![], &settled("f"), ALL);
        changes.keep(|deleted| deleted.topic == Topic::Charts);
        assert_eq!(changes.deletes.len(), 1);
        assert!(changes.unsettle.is_some() && changes.dashboard.is_some());
        changes.keep(|_| true);
        assert!(changes.deletes.is_empty());
        assert!(changes.unsettle.is_none() && changes.dashboard.is_none());
    }

    #[test]
    fn what_could_not_be_read_is_not_deleted() {
        let known = published(&dashboard("x"), &[table("t"), chart("c", "1")], "f");
        let deletable = Deletable { data_models: false, ..ALL };
        let changes = of_app("s", &known, dashboard("x"), vec![], &settled("f"), deletable);
        let gone: Vec<_> = changes.deletes.iter().map(|deleted| deleted.topic).collect();
        assert_eq!(gone, [Topic::Charts]);
    }

    #[test]
    fn what_could_not_be_read_is_taken_over() {
        let sheet = |id: &str| schemas::event::Sheet { id: id.into(), ..Default::default() };
        let published = Dashboard {
            tags: vec!["t".into()],
            data_model_keys: vec!["k".into()],
            sheets: vec![sheet("1"), sheet("2"), sheet("3")],
            ..Dashboard::default()
        };
        let read = Dashboard { sheets: vec![sheet("1")], ..Dashboard::default() };
        let check = |gaps: Gaps, tags: usize, keys: usize, sheets: &[&str]| {
            let mut dashboard = read.clone();
            carry_over(&mut dashboard, published.clone(), &gaps);
            let ids: Vec<_> = dashboard.sheets.iter().map(|sheet| sheet.id.as_str()).collect();
            assert_eq!(
                (dashboard.tags.len(), dashboard.data_model_keys.len(), ids.as_slice()),
                (tags, keys, sheets)
            );
        };
        check(Gaps::default(), 0, 0, &["1"]);
        check(Gaps { data_model: true, ..Gaps::default() }, 0, 1, &["1"]);
        check(Gaps { listed: true, ..Gaps::default() }, 1, 0, &["1"]);
        check(Gaps { objects: ["2".to_owned()].into(), ..Gaps::default() }, 0, 0, &["1", "2"]);
    }

    #[test]
    fn a_new_fingerprint_moves_the_marker() {
        let known = published(&dashboard("x"), &[], "old");
        assert!(
            of_app("s", &known, dashboard("x"), vec![], &settled("new"), ALL).dashboard.is_some()
        );
    }

    #[test]
    fn a_vanished_app_ends_with_its_dashboard() {
        let known = published(&dashboard("x"), &[chart("c", "1"), table("t")], "f");
        let deletes = of_vanished_app("s", "a", &known, ALL);
        let topics: Vec<_> = deletes.iter().map(|deleted| deleted.topic).collect();
        assert_eq!(topics, [Topic::Charts, Topic::DataModels, Topic::Dashboards]);
    }
}
