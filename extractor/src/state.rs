//! What the topics hold of this site: the state that a run compares with. There is no other.

use std::collections::{BTreeMap, HashMap};

use schemas::{
    Event, Topic,
    codec::{self, Frame},
    event::{Dashboard, Millis},
    key,
};

use crate::kafka::Stored;

/// Everything that is published of one site.
#[derive(Debug, Default)]
pub struct State {
    /// By app id.
    pub apps: HashMap<Box<str>, AppState>,
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

/// An app's commit marker: everything of the app as of these times is in the topics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marker {
    /// Header `content-hash`.
    pub hash: u128,
    /// Header `extract-fingerprint`.
    pub fingerprint: Box<str>,
    /// When the app was changed.
    pub modified_at: Option<Millis>,
    /// When the app was reloaded.
    pub last_reload_at: Option<Millis>,
    /// [`listed_hash`] of the event.
    pub listed: u128,
}

impl State {
    /// Takes in a record of the state topics; those of other services are left alone.
    pub fn take(&mut self, service: &str, stored: &Stored<'_>) {
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
            app.dashboard = marker(stored, hash);
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

/// Hash of those members of a dashboard event that the site's lists alone decide. When it has moved
/// the app has a new owner, stream, tag or name, although its content has not changed.
#[must_use]
pub fn listed_hash(dashboard: &Dashboard) -> u128 {
    let listed = Dashboard {
        title: dashboard.title.clone(),
        description: dashboard.description.clone(),
        project: dashboard.project.clone(),
        owner: dashboard.owner.clone(),
        tags: dashboard.tags.clone(),
        custom_properties: dashboard.custom_properties.clone(),
        published: dashboard.published,
        created_at: dashboard.created_at,
        published_at: dashboard.published_at,
        size_bytes: dashboard.size_bytes,
        ..Dashboard::default()
    };
    parse_hash(&Event::Dashboard(Box::new(listed)).content_hash())
}

/// `None` when the event cannot be read (written by a newer extractor, say): the app is read again.
fn marker(stored: &Stored<'_>, hash: u128) -> Option<Marker> {
    let frame = Frame::parse(stored.value?).ok()?;
    let Event::Dashboard(dashboard) = codec::decode(stored.topic, &frame, None).ok()? else {
        return None;
    };
    Some(Marker {
        hash,
        fingerprint: stored.extract_fingerprint.unwrap_or_default().into(),
        modified_at: dashboard.modified_at,
        last_reload_at: dashboard.last_reload_at,
        listed: listed_hash(&dashboard),
    })
}
