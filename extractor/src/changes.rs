//! What has to be written: an app's events compared with what is published. Pure.

use std::collections::{BTreeSet, HashSet};

use schemas::{Event, Topic, event::Dashboard, key};

use crate::state::{AppState, Known, Marker, Place, key_hash, parse_hash, short_hash};

/// Changes of one app. Everything else is confirmed before the dashboard event is written.
#[derive(Debug, Default)]
pub struct Changes {
    /// New and changed events other than the dashboard, with their content hashes.
    pub upserts: Vec<(Event, String)>,
    /// Published records that are gone; their keys are read again from where they lie.
    pub deletes: Vec<Place>,
    /// The dashboard event with its content hash, when it has to be written.
    pub dashboard: Option<(Event, String)>,
    /// The same, to be written as not settled before anything else: the published marker already has
    /// what the new one will have, and must not stand while the rest changes.
    pub unsettle: Option<(Event, String)>,
    /// Events that are as published, by topic.
    pub unchanged: Vec<Topic>,
}

impl Changes {
    /// Takes back the deletions of records that `kept` names. When nothing else has to be written, the
    /// published marker stands as it is.
    pub fn keep(&mut self, kept: &HashSet<Place>) {
        self.deletes.retain(|place| !kept.contains(place));
        let is_complete = self.upserts.is_empty() && self.deletes.is_empty();
        if is_complete && self.unsettle.take().is_some() {
            self.dashboard = None;
            self.unchanged.push(Topic::Dashboards);
        }
    }
}

/// What of an app that is gone becomes tombstones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vanished {
    /// Key of its dashboard event.
    pub dashboard: Option<String>,
    /// Its other records; their keys are read again from where they lie.
    pub records: Vec<Place>,
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

    /// Places of those records that may be deleted, in the topics' order.
    fn places(self, records: impl Iterator<Item = Known>) -> Vec<Place> {
        let places = records.map(|known| known.place).filter(|place| self.allows(place.topic()));
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        places
    }
}

/// Headers of an app's dashboard event that say when the app need not be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Extractor version and options.
    pub fingerprint: String,
    /// What the site's lists say that the app must be opened for.
    pub listed_hash: String,
    /// What the site tells of the app without opening it; `None` when it did not.
    pub described_hash: Option<String>,
}

impl Settled {
    /// The same for an app that is not to be called complete: it is opened by the next run, whatever
    /// the times say.
    #[must_use]
    pub fn unsettled(mut self) -> Self {
        self.fingerprint.push_str(" (unsettled)");
        self
    }

    /// Whether the marker was written for an app with these times, by the same extractor with the same
    /// options: then the app need not be opened.
    #[must_use]
    pub fn is_opened(&self, marker: &Marker) -> bool {
        marker.fingerprint != 0
            && marker.fingerprint == parse_hash(&self.fingerprint)
            && marker.listed == parse_hash(&self.listed_hash)
    }

    /// Whether the marker's event says what the site tells now, or the site tells nothing.
    #[must_use]
    pub fn is_described(&self, marker: &Marker) -> bool {
        self.described_hash.as_ref().is_none_or(|hash| marker.described == parse_hash(hash))
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
    pub described: bool,
    /// Its script: what is published of it stays.
    pub script: bool,
    /// Whether it may be readable at another time.
    pub passing: bool,
}

impl Gaps {
    /// Whether there are any.
    #[must_use]
    pub fn any(&self) -> bool {
        self.data_model || self.described || !self.objects.is_empty()
    }
}

/// Takes over from the published dashboard event what could not be read this time.
pub fn carry_over(dashboard: &mut Dashboard, published: Dashboard, gaps: &Gaps) {
    if gaps.data_model {
        dashboard.data_model_keys = published.data_model_keys;
    }
    if gaps.described {
        if dashboard.project.is_none() && dashboard.published != Some(false) {
            dashboard.project = published.project;
        }
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
        let id = key_hash(topic, key::parse(service, &key).map_or("", |parts| parts.rest));
        // Two events of one key would overwrite each other on the topic; the first is kept.
        if !seen.insert(id) {
            continue;
        }
        let hash = event.content_hash();
        if known.record(id).is_some_and(|known| known.hash == short_hash(parse_hash(&hash))) {
            changes.unchanged.push(topic);
        } else {
            changes.upserts.push((event, hash));
        }
    }
    let gone = known.records().filter(|known| !seen.contains(&known.key));
    changes.deletes = deletable.places(gone);
    let hash = dashboard.content_hash();
    let is_published = known.dashboard.as_ref().is_some_and(|marker| {
        marker.hash == parse_hash(&hash)
            && settled.is_opened(marker)
            && settled.is_described(marker)
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

/// The dashboard event of an app that was not opened, written again with what lists tell now; its
/// content is `dashboard`. The rest of the app stays as it is published, so the marker stays valid.
#[must_use]
pub fn of_described_app(known: &AppState, dashboard: Event, settled: &Settled) -> Changes {
    let hash = dashboard.content_hash();
    let is_published = known
        .dashboard
        .as_ref()
        .is_some_and(|marker| marker.hash == parse_hash(&hash) && settled.is_described(marker));
    let mut changes = Changes::default();
    if is_published {
        changes.unchanged.push(Topic::Dashboards);
    } else {
        changes.dashboard = Some((dashboard, hash));
    }
    changes
}

/// What becomes tombstones of an app that is gone; `None` when the configuration keeps it all.
#[must_use]
pub fn of_vanished_app(
    service: &str,
    app_id: &str,
    known: &AppState,
    deletable: Deletable,
) -> Option<Vanished> {
    let records = deletable.places(known.records());
    let dashboard = (deletable.dashboards && known.dashboard.is_some())
        .then(|| key::dashboard(service, app_id));
    let vanished = Vanished { dashboard, records };
    (vanished != Vanished::default()).then_some(vanished)
}

#[cfg(test)]
mod tests {
    use schemas::event::{Chart, Dashboard, DataModel};

    use super::*;
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
        Settled {
            fingerprint: fingerprint.into(),
            listed_hash: "0a".into(),
            described_hash: Some("0b".into()),
        }
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
        let mut app = AppState::default();
        for (offset, event) in (0..).zip(others) {
            let key = event.key();
            let rest = key::parse("s", &key).expect("key").rest;
            app.insert(Known {
                hash: short_hash(parse_hash(&event.content_hash())),
                key: key_hash(event.topic(), rest),
                place: Place::new(event.topic(), 0, offset),
            });
        }
        app.dashboard = Some(Marker {
            hash: parse_hash(&dashboard.content_hash()),
            fingerprint: parse_hash(fingerprint),
            listed: 0x0a,
            described: 0x0b,
            place: Place::new(Topic::Dashboards, 0, 0),
        });
        app
    }

    #[test]
    fn nothing_new_writes_nothing() {
        let others = vec![chart("c", "1"), table("t")];
        let known = published(&dashboard("x"), &others, "0f");
        let changes = of_app("s", &known, dashboard("x"), others, &settled("0f"), ALL);
        assert!(
            changes.upserts.is_empty() && changes.deletes.is_empty() && changes.dashboard.is_none()
        );
        assert_eq!(changes.unchanged.len(), 3);
    }

    #[test]
    fn changed_new_and_gone_records_are_found() {
        let known =
            published(&dashboard("x"), &[chart("c", "1"), chart("gone", "1"), table("t/u")], "0f");
        let changes = of_app(
            "s",
            &known,
            dashboard("y"),
            vec![chart("c", "2"), chart("new", "1"), table("t/u")],
            &settled("0f"),
            ALL,
        );
        let keys: Vec<_> = changes.upserts.iter().map(|(event, _)| event.key()).collect();
        assert_eq!(keys, ["s/a/c", "s/a/new"]);
        assert_eq!(changes.deletes, [Place::new(Topic::Charts, 0, 1)]);
        assert!(changes.dashboard.is_some());
    }

    #[test]
    fn a_valid_marker_is_taken_back_before_anything_changes() {
        let known = published(&dashboard("x"), &[chart("gone", "1")], "0f");
        let changes = of_app("s", &known, dashboard("x"), vec![], &settled("0f"), ALL);
        assert!(changes.unsettle.is_some() && changes.dashboard.is_some());
        let changes = of_app("s", &known, dashboard("y"), vec![], &settled("0f"), ALL);
        assert!(changes.unsettle.is_none() && changes.dashboard.is_some());
    }

    #[test]
    fn deletions_that_are_taken_back_leave_the_marker_alone() {
        let known = published(&dashboard("x"), &[chart("gone", "1"), table("t")], "0f");
        let mut changes = of_app("s", &known, dashboard("x"), vec![], &settled("0f"), ALL);
        let all: HashSet<Place> = changes.deletes.iter().copied().collect();
        let charts = all.iter().copied().filter(|place| place.topic() == Topic::Charts).collect();
        changes.keep(&charts);
        assert_eq!(changes.deletes.len(), 1);
        assert!(changes.unsettle.is_some() && changes.dashboard.is_some());
        changes.keep(&all);
        assert!(changes.deletes.is_empty());
        assert!(changes.unsettle.is_none() && changes.dashboard.is_none());
    }

    #[test]
    fn what_could_not_be_read_is_not_deleted() {
        let known = published(&dashboard("x"), &[table("t"), chart("c", "1")], "0f");
        let deletable = Deletable { data_models: false, ..ALL };
        let changes = of_app("s", &known, dashboard("x"), vec![], &settled("0f"), deletable);
        assert_eq!(changes.deletes, [Place::new(Topic::Charts, 0, 1)]);
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
        check(Gaps { described: true, ..Gaps::default() }, 1, 0, &["1"]);
        check(Gaps { objects: ["2".to_owned()].into(), ..Gaps::default() }, 0, 0, &["1", "2"]);
    }

    #[test]
    fn a_new_fingerprint_moves_the_marker() {
        let known = published(&dashboard("x"), &[], "01d");
        assert!(
            of_app("s", &known, dashboard("x"), vec![], &settled("0e"), ALL).dashboard.is_some()
        );
    }

    #[test]
    fn a_vanished_app_goes_whole_unless_it_is_kept() {
        let known = published(&dashboard("x"), &[chart("c", "1"), table("t")], "0f");
        let vanished = of_vanished_app("s", "a", &known, ALL).expect("something");
        let topics: Vec<_> = vanished.records.iter().map(|place| place.topic()).collect();
        assert_eq!(topics, [Topic::Charts, Topic::DataModels]);
        assert_eq!(vanished.dashboard.as_deref(), Some("s/a"));
        let nothing =
            Deletable { dashboards: false, charts: false, data_models: false, lineage: false };
        assert_eq!(of_vanished_app("s", "a", &known, nothing), None);
    }

    #[test]
    fn a_described_app_is_written_when_something_is_told_anew() {
        let known = published(&dashboard("x"), &[], "0f");
        let check = |title: &str, described: Option<&str>, written: bool| {
            let settled = Settled { described_hash: described.map(str::to_owned), ..settled("0f") };
            let changes = of_described_app(&known, dashboard(title), &settled);
            assert_eq!(changes.dashboard.is_some(), written, "{title} {described:?}");
            assert!(changes.deletes.is_empty() && changes.unsettle.is_none());
        };
        check("x", Some("0b"), false);
        check("x", None, false);
        check("y", Some("0b"), true);
        // The header has to move although the event does not.
        check("x", Some("0c"), true);
    }
}
