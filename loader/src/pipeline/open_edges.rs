//! Where edges are whose table is not in the catalogue: said with every commit, so that the next owner of
//! their partition finds them (see [`recall`](crate::source)). Pure.

use std::collections::{BTreeMap, HashMap};

use crate::source::{Place, Span, TopicPartition, note};

/// Most edges remembered, some 70 bytes each. Of further ones only the first offset is.
const MAX: usize = 500_000;

/// Unresolved edges of the assigned partitions.
#[derive(Debug, Default)]
pub(super) struct OpenEdges {
    /// Place of the newest unresolved version, by the hash of the key.
    edges: HashMap<u128, (TopicPartition, i64)>,
    /// Offset from which on edges may be unresolved that are not remembered. Without an entry nothing
    /// is known of a partition.
    beyond: BTreeMap<TopicPartition, Option<i64>>,
    /// First offset of those that there was no room for.
    left_out: BTreeMap<TopicPartition, i64>,
    /// What was committed last of each partition, and the first unresolved edge that it told.
    told: BTreeMap<TopicPartition, Told>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Told {
    offset: i64,
    /// `None` when it is not known whether that was committed.
    first: Option<Option<i64>>,
    /// It was there when the partition came.
    is_found: bool,
}

impl OpenEdges {
    /// What is to be recalled of the partitions of edges.
    pub(super) fn recalling(&mut self, spans: &BTreeMap<TopicPartition, Span>) {
        for (at, span) in spans {
            let first = (span.from < span.until).then_some(span.from);
            self.beyond.insert(*at, first);
            self.told.insert(*at, Told { offset: span.until, first: Some(first), is_found: true });
        }
    }

    /// Everything was recalled.
    pub(super) fn all_recalled(&mut self) {
        self.beyond.values_mut().for_each(|beyond| *beyond = None);
    }

    /// The edge of this record is, or may be, unresolved.
    pub(super) fn add(&mut self, key: &str, at: TopicPartition, offset: i64) {
        if !self.beyond.contains_key(&at) {
            // Of a pass that commits nothing.
            return;
        }
        let key = schemas::hash::of_bytes(key.as_bytes());
        if self.edges.len() < MAX || self.edges.contains_key(&key) {
            self.edges.insert(key, (at, offset));
        } else {
            let first = self.left_out.entry(at).or_insert(offset);
            *first = (*first).min(offset);
        }
    }

    /// The newest version of an edge came to another end.
    pub(super) fn remove(&mut self, key: &str) {
        if !self.edges.is_empty() {
            self.edges.remove(&schemas::hash::of_bytes(key.as_bytes()));
        }
    }

    /// All partitions went away.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What to commit: offsets that moved, those of edges with their notes; and where nothing moved but the
    /// note is not true any more, it with the offset that was committed.
    pub(super) fn places(&mut self, moved: Vec<(TopicPartition, i64)>) -> Vec<Place> {
        let firsts = if self.beyond.is_empty() { BTreeMap::new() } else { self.firsts() };
        let first = |at: &TopicPartition| firsts.get(at).copied();
        let mut places = Vec::with_capacity(moved.len());
        for (at, offset) in moved {
            if self.beyond.contains_key(&at) {
                self.told.insert(at, Told { offset, first: None, is_found: false });
            } else {
                places.push(Place { at, offset, note: None });
            }
        }
        for (at, told) in &mut self.told {
            if told.first != Some(first(at)) {
                told.first = Some(first(at));
                told.is_found = false;
                places.push(Place { at: *at, offset: told.offset, note: Some(note(first(at))) });
            }
        }
        places
    }

    /// A commit failed: what it told is to be told again.
    pub(super) fn not_committed(&mut self) {
        for told in self.told.values_mut().filter(|told| !told.is_found) {
            told.first = None;
        }
    }

    /// The first offset of each partition from which on edges may be unresolved.
    fn firsts(&self) -> BTreeMap<TopicPartition, i64> {
        let mut firsts = self.left_out.clone();
        let beyond = self.beyond.iter().filter_map(|(at, offset)| Some((*at, (*offset)?)));
        for (at, offset) in self.edges.values().copied().chain(beyond) {
            let first = firsts.entry(at).or_insert(offset);
            *first = (*first).min(offset);
        }
        firsts
    }
}

#[cfg(test)]
mod tests {
    use schemas::Topic;

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::Lineage, partition: 2 };

    fn note_of(open: &mut OpenEdges) -> Option<String> {
        open.places(vec![(AT, 90)]).pop().and_then(|place| place.note)
    }

    #[test]
    fn the_first_unresolved_edge_is_noted() {
        let mut open = OpenEdges::default();
        assert_eq!(note_of(&mut open), None, "nothing is known, and nothing is claimed");
        open.recalling(&BTreeMap::from([(AT, Span { from: 5, until: 80 })]));
        open.add("a", AT, 7);
        assert_eq!(note_of(&mut open), Some(note(Some(5))), "not yet read again");
        open.all_recalled();
        open.add("b", AT, 9);
        assert_eq!(note_of(&mut open), Some(note(Some(7))));
        open.add("a", AT, 85);
        assert_eq!(note_of(&mut open), Some(note(Some(9))));
        open.remove("b");
        open.remove("a");
        assert_eq!(note_of(&mut open), Some(note(None)));
        let charts = TopicPartition { topic: Topic::Charts, partition: 2 };
        assert_eq!(open.places(vec![(charts, 3)])[0].note, None);
    }
    #[test]
    fn a_note_that_is_not_true_any_more_is_committed_though_nothing_moved() {
        let mut open = OpenEdges::default();
        let place = |first| Place { at: AT, offset: 80, note: Some(note(first)) };
        open.recalling(&BTreeMap::from([(AT, Span { from: 5, until: 80 })]));
        open.not_committed();
        assert_eq!(open.places(Vec::new()), [], "it is what was found");
        open.add("a", AT, 7);
        open.all_recalled();
        assert_eq!(open.places(Vec::new()), [place(Some(7))]);
        assert_eq!(open.places(Vec::new()), [], "told");
        open.remove("a");
        assert_eq!(open.places(Vec::new()), [place(None)]);
        open.not_committed();
        assert_eq!(open.places(Vec::new()), [place(None)], "it did not arrive");
    }
}
