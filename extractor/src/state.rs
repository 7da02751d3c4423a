//! What the topics hold of this site: the state that a run compares with. There is no other.
//!
//! A site of 25,000 apps has a million records and more, so a record costs 24 bytes: a hash of its key,
//! the hash of its content, and where it lies. The key itself is read again from there when a record has
//! to be deleted.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use schemas::{Topic, key};

use crate::kafka::Stored;

/// Everything that is published of one site.
#[derive(Debug, Default)]
pub struct State {
    /// By app id.
    pub apps: HashMap<Box<str>, AppState>,
    /// Bytes of each partition.
    pub bytes: HashMap<(Topic, u32), u64>,
    /// Offset after the last record that was taken in, by partition: where reading goes on.
    pub ends: HashMap<(Topic, i32), i64>,
}

/// What is published of one app.
#[derive(Debug, Default)]
pub struct AppState {
    /// Records other than the dashboard event, sorted by key hash.
    records: Vec<Known>,
    /// The dashboard event.
    pub dashboard: Option<Marker>,
}

/// One published record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// Half of header `content-hash` ([`short_hash`]); 0 when it is missing, which equals no hash.
    pub hash: u64,
    /// [`key_hash`] of topic and key.
    pub key: u64,
    /// Where the record lies.
    pub place: Place,
}

/// Where a record lies: topic, partition and offset in eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

/// An app's commit marker: the headers of its dashboard event. Everything of the app as it was listed
/// then is in the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// Header `content-hash`.
    pub hash: u128,
    /// Header `extract-fingerprint`; 0 when the app is not settled, which equals no fingerprint.
    pub fingerprint: u128,
    /// Header `listed-hash`; 0 when it is missing, which equals no hash.
    pub listed: u128,
    /// Header `described-hash`; 0 when it is missing.
    pub described: u128,
    /// Where the record lies, to read it again.
    pub place: Place,
}

/// Bits of an offset: 70 trillion records of a partition.
const OFFSET_BITS: u32 = 46;
/// Bits of a partition's number.
const PARTITION_BITS: u32 = 16;

impl Place {
    /// Of a record of a state topic.
    #[must_use]
    pub fn new(topic: Topic, partition: i32, offset: i64) -> Self {
        let topic = Topic::STATE.iter().position(|it| *it == topic).unwrap_or_default();
        let topic = u64::try_from(topic).unwrap_or_default();
        let partition = u64::try_from(partition).unwrap_or_default() & ((1 << PARTITION_BITS) - 1);
        let offset = u64::try_from(offset).unwrap_or_default() & ((1 << OFFSET_BITS) - 1);
        Self(topic << (PARTITION_BITS + OFFSET_BITS) | partition << OFFSET_BITS | offset)
    }

    /// Topic.
    #[must_use]
    pub fn topic(self) -> Topic {
        let index = usize::try_from(self.0 >> (PARTITION_BITS + OFFSET_BITS)).unwrap_or_default();
        Topic::STATE.get(index).copied().unwrap_or(Topic::Dashboards)
    }

    /// Partition.
    #[must_use]
    pub fn partition(self) -> i32 {
        i32::try_from((self.0 >> OFFSET_BITS) & ((1 << PARTITION_BITS) - 1)).unwrap_or_default()
    }

    /// Offset.
    #[must_use]
    pub fn offset(self) -> i64 {
        i64::try_from(self.0 & ((1 << OFFSET_BITS) - 1)).unwrap_or_default()
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}@{}", self.topic(), self.partition(), self.offset())
    }
}

impl State {
    /// Takes in a record of the state topics; those of other services are left alone.
    pub fn take(&mut self, service: &str, stored: &Stored<'_>) {
        let partition = u32::try_from(stored.partition).unwrap_or_default();
        *self.bytes.entry((stored.topic, partition)).or_default() += stored.bytes;
        let end = self.ends.entry((stored.topic, stored.partition)).or_default();
        *end = (*end).max(stored.offset + 1);
        let Some(parts) = key::parse(service, stored.key) else { return };
        if parts.app_id == key::FILE {
            return;
        }
        if stored.value.is_none() {
            self.forget(stored.topic, &parts);
            return;
        }
        let hash = stored.content_hash.map_or(0, parse_hash);
        let place = Place::new(stored.topic, stored.partition, stored.offset);
        if !self.apps.contains_key(parts.app_id) {
            self.apps.insert(parts.app_id.into(), AppState::default());
        }
        let Some(app) = self.apps.get_mut(parts.app_id) else { return };
        if stored.topic == Topic::Dashboards {
            app.dashboard = Some(Marker {
                hash,
                fingerprint: stored.extract_fingerprint.map_or(0, parse_hash),
                listed: stored.listed_hash.map_or(0, parse_hash),
                described: stored.described_hash.map_or(0, parse_hash),
                place,
            });
        } else {
            let key = key_hash(stored.topic, parts.rest);
            app.insert(Known { hash: short_hash(hash), key, place });
        }
    }

    fn forget(&mut self, topic: Topic, parts: &key::Parts<'_>) {
        let Some(app) = self.apps.get_mut(parts.app_id) else { return };
        if topic == Topic::Dashboards {
            app.dashboard = None;
        } else {
            app.remove(key_hash(topic, parts.rest));
        }
        if app.dashboard.is_none() && app.records.is_empty() {
            self.apps.remove(parts.app_id);
        }
    }
}

impl AppState {
    /// Records other than the dashboard event.
    pub fn records(&self) -> impl Iterator<Item = Known> {
        self.records.iter().copied()
    }

    /// The record with this [`key_hash`].
    #[must_use]
    pub fn record(&self, key: u64) -> Option<Known> {
        let index = self.records.binary_search_by_key(&key, |known| known.key).ok()?;
        self.records.get(index).copied()
    }

    /// Adds a record, or replaces the one with the same key.
    pub fn insert(&mut self, known: Known) {
        match self.records.binary_search_by_key(&known.key, |known| known.key) {
            Ok(index) => self.records[index] = known,
            Err(index) => {
                if self.records.len() == self.records.capacity() {
                    // By a quarter: doubling would leave half of a million records' room empty.
                    self.records.reserve_exact((self.records.len() / 4).max(4));
                }
                self.records.insert(index, known);
            }
        }
    }

    fn remove(&mut self, key: u64) {
        if let Ok(index) = self.records.binary_search_by_key(&key, |known| known.key) {
            self.records.remove(index);
        }
    }
}

/// Hash of a record's topic and of its key's part after the app id. Within one app two keys of 64 bits
/// are as good as never equal; if they were, one of the records would be written again by every run.
#[must_use]
pub fn key_hash(topic: Topic, rest: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    topic.suffix().hash(&mut hasher);
    rest.hash(&mut hasher);
    hasher.finish()
}

/// [`key_hash`] of the edge of lineage with this hash.
#[must_use]
pub fn edge_key_hash(edge: u128) -> u64 {
    key_hash(Topic::Lineage, &format!("{edge:032x}"))
}

/// 32 hex digits as a number; 0 when they are none.
#[must_use]
pub fn parse_hash(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or(0)
}

/// The half of a content hash that is kept of a record. Two contents of one record with equal halves are
/// as good as impossible.
#[must_use]
pub fn short_hash(hash: u128) -> u64 {
    u64::try_from(hash & u128::from(u64::MAX)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_apart_again() {
        for topic in Topic::STATE {
            for (partition, offset) in [(0, 0), (1, 7), (65_535, (1 << OFFSET_BITS) - 1)] {
                let place = Place::new(topic, partition, offset);
                assert_eq!(
                    (place.topic(), place.partition(), place.offset()),
                    (topic, partition, offset)
                );
            }
        }
    }

    #[test]
    fn a_record_stays_small() {
        assert_eq!(size_of::<Known>(), 24);
    }

    fn stored(
        topic: Topic,
        offset: i64,
        key: &'static str,
        value: Option<&'static [u8]>,
    ) -> Stored<'static> {
        Stored {
            topic,
            partition: 0,
            offset,
            key,
            value,
            content_hash: Some("0a"),
            extract_fingerprint: Some("0b (unsettled)"),
            listed_hash: None,
            described_hash: None,
            origin: None,
            bytes: 10,
        }
    }

    #[test]
    fn newer_records_replace_and_tombstones_remove() {
        let mut state = State::default();
        state.take("s", &stored(Topic::Charts, 0, "s/a/c", Some(b"")));
        state.take("s", &stored(Topic::Charts, 1, "s/a/d", Some(b"")));
        state.take("s", &stored(Topic::Charts, 2, "s/a/c", Some(b"")));
        state.take("s", &stored(Topic::Dashboards, 0, "s/a", Some(b"")));
        state.take("s", &stored(Topic::Charts, 3, "other/a/c", Some(b"")));
        let app = &state.apps["a"];
        assert_eq!(app.records().count(), 2);
        let known = app.record(key_hash(Topic::Charts, "c")).expect("known");
        assert_eq!((known.hash, known.place.offset()), (0x0a, 2));
        assert_eq!(app.dashboard.as_ref().map(|marker| marker.fingerprint), Some(0));
        assert_eq!(state.ends[&(Topic::Charts, 0)], 4);
        state.take("s", &stored(Topic::Charts, 4, "s/a/c", None));
        state.take("s", &stored(Topic::Charts, 5, "s/a/d", None));
        assert_eq!(state.apps["a"].records().count(), 0);
        state.take("s", &stored(Topic::Dashboards, 1, "s/a", None));
        assert!(state.apps.is_empty());
    }

    #[test]
    fn many_records_of_an_app_are_all_found() {
        let mut app = AppState::default();
        for number in 0..2000 {
            let key = key_hash(Topic::Charts, &number.to_string());
            app.insert(Known { hash: number, key, place: Place::new(Topic::Charts, 0, 0) });
        }
        for number in 0..2000 {
            let found = app.record(key_hash(Topic::Charts, &number.to_string()));
            assert_eq!(found.map(|known| known.hash), Some(number));
        }
    }
}
