//! Where edges are whose table is not in the catalogue: said with every commit, so that the next owner of
//! their partition finds them (see [`recall`](crate::source)). Pure.

use std::collections::{BTreeMap, HashMap};

use schemas::Topic;

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
}

impl OpenEdges {
    /// What is to be recalled of the partitions of edges.
    pub(super) fn recalling(&mut self, spans: &BTreeMap<TopicPartition, Span>) {
        for (at, span) in spans {
            self.beyond.insert(*at, (span.from < span.until).then_some(span.from));
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

    /// Offsets to commit, those of edges with their notes.
    pub(super) fn places(&self, offsets: Vec<(TopicPartition, i64)>) -> Vec<Place> {
        let any = offsets.iter().any(|(at, _)| at.topic == Topic::Lineage);
        let firsts = if any { self.firsts() } else { BTreeMap::new() };
        let place = |(at, offset): (TopicPartition, i64)| {
            let is_known = at.topic == Topic::Lineage && self.beyond.contains_key(&at);
            let note = is_known.then(|| note(firsts.get(&at).copied()));
            Place { at, offset, note }
        };
        offsets.into_iter().map(place).collect()
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
    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::Lineage, partition: 2 };

    fn note_of(open: &OpenEdges) -> Option<String> {
        open.places(vec![(AT, 90)]).pop().and_then(|place| place.note)
    }

    #[test]
    fn the_first_unresolved_edge_is_noted() {
        let mut open = OpenEdges::default();
        assert_eq!(note_of(&open), None, "nothing is known, and nothing is claimed");
        open.recalling(&BTreeMap::from([(AT, Span { from: 5, until: 80 })]));
        open.add("a", AT, 7);
        assert_eq!(note_of(&open), Some(note(Some(5))), "not yet read again");
        open.all_recalled();
        open.add("b", AT, 9);
        assert_eq!(note_of(&open), Some(note(Some(7))));
        open.add("a", AT, 85);
        assert_eq!(note_of(&open), Some(note(Some(9))));
        open.remove("b");
        open.remove("a");
        assert_eq!(note_of(&open), Some(note(None)));
        let charts = TopicPartition { topic: Topic::Charts, partition: 2 };
        assert_eq!(open.places(vec![(charts, 3)])[0].note, None);
    }
}
