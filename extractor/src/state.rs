//! What the topics hold of this site: the state that a run compares with. There is no other.

use std::collections::{BTreeMap, HashMap};

use schemas::{Topic, key};

use crate::kafka::Stored;

/// Everything that is published of one site.
#[derive(Debug, Default)]
pub struct State {
    /// By app id.
    pub apps: HashMap<Box<str>, AppState>,
    /// Bytes of each partition.
    pub bytes: HashMap<(Topic, u32), u64>,
}

/// What is published of one app.
#[derive(Debug, Default)]
pub struct AppState {
    /// Records other than the dashboard event, by topic and the key's part after the app id.
    pub records: BTreeMap<(Topic, Box<str>), Known>,
    /// The dashboard event.
    pub dashboard: Option<Marker>,
}

/// One published record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Header `content-hash`; 0 when it is missing, which equals no hash.
    pub hash: u128,
    /// Where the record lies, to read it again.
    pub partition: i32,
    /// Where the record lies.
    pub offset: i64,
}

/// An app's commit marker: the headers of its dashboard event. Everything of the app as it was listed
/// then is in the topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// Header `content-hash`.
    pub hash: u128,
    /// Header `extract-fingerprint`.
    pub fingerprint: Box<str>,
    /// Header `listed-hash`; 0 when it is missing, which equals no hash.
    pub listed: u128,
    /// Where the record lies, to read it again: partition and offset.
    pub place: (i32, i64),
}

impl State {
    /// Takes in a record of the state topics; those of other services are left alone.
    pub fn take(&mut self, service: &str, stored: &Stored<'_>) {
        let partition = u32::try_from(stored.partition).unwrap_or_default();
        *self.bytes.entry((stored.topic, partition)).or_default() += stored.bytes;
        let Some(parts) = key::parse(service, stored.key) else { return };
        if parts.app_id == key::FILE {
            return;
        }
        if stored.value.is_none() {
            self.forget(stored.topic, &parts);
            return;
        }
        let hash = stored.content_hash.map_or(0, parse_hash);
        let app = self.apps.entry(parts.app_id.into()).or_default();
        if stored.topic == Topic::Dashboards {
            app.dashboard = Some(Marker {
                hash,
                fingerprint: stored.extract_fingerprint.unwrap_or_default().into(),
                listed: stored.listed_hash.map_or(0, parse_hash),
                place: (stored.partition, stored.offset),
            });
        } else {
            let known = Known { hash, partition: stored.partition, offset: stored.offset };
            app.records.insert((stored.topic, parts.rest.into()), known);
        }
    }

    fn forget(&mut self, topic: Topic, parts: &key::Parts<'_>) {
        let Some(app) = self.apps.get_mut(parts.app_id) else { return };
        if topic == Topic::Dashboards {
            app.dashboard = None;
        } else {
            app.records.remove(&(topic, parts.rest.into()));
        }
        if app.dashboard.is_none() && app.records.is_empty() {
            self.apps.remove(parts.app_id);
        }
    }
}

/// 32 hex digits as a number; 0 when they are none.
#[must_use]
pub fn parse_hash(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or(0)
}
