//! Which offsets may be committed. Pure: the heart of "nothing is lost".
//!
//! A partition's offset may be committed when every record before it is finished: applied, unchanged,
//! skipped, or confirmed in the dead letters. Records finish in any order. Offsets have gaps
//! (compaction, markers of transactions), so only offsets that were seen count.

use std::collections::{BTreeSet, HashMap};

use crate::source::TopicPartition;

/// Offsets of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OffsetTracker {
    unfinished: BTreeSet<i64>,
    /// One past the record that was begun last.
    next: Option<i64>,
}

impl OffsetTracker {
    /// A record was received.
    pub fn begin(&mut self, offset: i64) {
        self.unfinished.insert(offset);
        // Not the maximum: offsets start again at 0 in a topic that was deleted and created anew.
        self.next = Some(offset.saturating_add(1));
    }

    /// A record is finished. Finishing it again, or one that was never begun, changes nothing.
    pub fn done(&mut self, offset: i64) {
        self.unfinished.remove(&offset);
    }

    /// The offset to read next after a restart: of the first unfinished record, else one past the last.
    /// `None` when nothing was received.
    #[must_use]
    pub fn committable(&self) -> Option<i64> {
        self.unfinished.first().copied().or(self.next)
    }

    /// Number of records begun and not finished.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.unfinished.len()
    }
}

/// A received record's claim on its offset. Belongs to one assignment of the partition: when the
/// partition went away in between, finishing it does nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Partition.
    pub at: TopicPartition,
    /// Offset.
    pub offset: i64,
    generation: u64,
}

/// Trackers of all assigned partitions.
#[derive(Debug, Default)]
pub struct Offsets {
    generation: u64,
    partitions: HashMap<TopicPartition, Tracked>,
}

#[derive(Debug)]
struct Tracked {
    generation: u64,
    tracker: OffsetTracker,
    first: Option<i64>,
    committed: Option<i64>,
}

/// How far a partition was read and finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Partition.
    pub at: TopicPartition,
    /// First offset received; `None` when nothing was.
    pub first: Option<i64>,
    /// [`OffsetTracker::committable`].
    pub next: Option<i64>,
    /// Records received and not finished.
    pub unfinished: usize,
}

impl Offsets {
    /// Partitions were assigned.
    pub fn assign(&mut self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.generation += 1;
        let generation = self.generation;
        self.partitions.extend(partitions.into_iter().map(|at| {
            let tracker = OffsetTracker::default();
            (at, Tracked { generation, tracker, first: None, committed: None })
        }));
    }

    /// All partitions went away; what is still in progress no longer counts.
    pub fn revoke(&mut self) {
        self.partitions.clear();
    }

    /// A record was received; `None` when its partition is not assigned (any more).
    pub fn begin(&mut self, at: TopicPartition, offset: i64) -> Option<Ticket> {
        let tracked = self.partitions.get_mut(&at)?;
        tracked.tracker.begin(offset);
        tracked.first.get_or_insert(offset);
        Some(Ticket { at, offset, generation: tracked.generation })
    }

    /// A record is finished.
    pub fn done(&mut self, ticket: Ticket) {
        if let Some(tracked) = self.partitions.get_mut(&ticket.at)
            && tracked.generation == ticket.generation
        {
            tracked.tracker.done(ticket.offset);
        }
    }

    /// Offsets that moved since the last call.
    pub fn take_committable(&mut self) -> Vec<(TopicPartition, i64)> {
        let moved = self.partitions.iter_mut().filter_map(|(at, tracked)| {
            let offset = tracked.tracker.committable()?;
            // A partition of which nothing is finished stays where it was committed.
            let moved = match tracked.committed {
                Some(committed) => committed != offset,
                None => tracked.first != Some(offset),
            };
            moved.then(|| {
                tracked.committed = Some(offset);
                (*at, offset)
            })
        });
        moved.collect()
    }

    /// Says that a commit failed: the offsets are to be taken again.
    pub fn not_committed(&mut self) {
        for tracked in self.partitions.values_mut() {
            tracked.committed = None;
        }
    }

    /// Assigned partitions, in order, with how far they got.
    #[must_use]
    pub fn progress(&self) -> Vec<Progress> {
        let mut progress: Vec<_> = self
            .partitions
            .iter()
            .map(|(at, tracked)| Progress {
                at: *at,
                first: tracked.first,
                next: tracked.tracker.committable(),
                unfinished: tracked.tracker.unfinished(),
            })
            .collect();
        progress.sort_by_key(|progress| progress.at);
        progress
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use schemas::Topic;

    use super::*;

    const AT: TopicPartition = TopicPartition { topic: Topic::Charts, partition: 3 };

    fn tracker(begun: &[i64], done: &[i64]) -> Option<i64> {
        let mut tracker = OffsetTracker::default();
        begun.iter().for_each(|offset| tracker.begin(*offset));
        done.iter().for_each(|offset| tracker.done(*offset));
        tracker.committable()
    }

    #[test]
    fn the_finished_prefix_is_committable() {
        assert_eq!(tracker(&[], &[]), None);
        assert_eq!(tracker(&[5], &[]), Some(5));
        assert_eq!(tracker(&[5], &[5]), Some(6));
        assert_eq!(tracker(&[5, 6, 7], &[6, 7]), Some(5));
        assert_eq!(tracker(&[5, 6, 7], &[5, 7]), Some(6));
        // Gaps of compaction.
        assert_eq!(tracker(&[5, 9, 70], &[5]), Some(9));
        assert_eq!(tracker(&[5, 9, 70], &[70, 9, 5]), Some(71));
        // A topic that was created anew.
        assert_eq!(tracker(&[900, 0, 1], &[900, 0, 1]), Some(2));
    }

    proptest! {
        #[test]
        fn never_past_an_unfinished_offset_and_to_the_end_in_any_order(
            offsets in proptest::collection::btree_set(0_i64..1000, 1..60),
            seed in proptest::collection::vec(any::<prop::sample::Index>(), 60),
        ) {
            let mut tracker = OffsetTracker::default();
            offsets.iter().for_each(|offset| tracker.begin(*offset));
            let last = *offsets.last().expect("not empty");
            let mut open: Vec<i64> = offsets.into_iter().collect();
            let mut before = tracker.committable();
            for index in seed {
                if open.is_empty() { break; }
                tracker.done(open.remove(index.index(open.len())));
                let now = tracker.committable();
                prop_assert!(now >= before);
                for unfinished in &open {
                    prop_assert!(now <= Some(*unfinished));
                }
                before = now;
            }
            for offset in open { tracker.done(offset); }
            prop_assert_eq!(tracker.committable(), Some(last + 1));
            prop_assert_eq!(tracker.unfinished(), 0);
        }
    }

    #[test]
    fn only_moved_offsets_are_committed() {
        let mut offsets = Offsets::default();
        offsets.assign([AT]);
        assert_eq!(offsets.take_committable(), []);
        let first = offsets.begin(AT, 10).expect("assigned");
        let second = offsets.begin(AT, 12).expect("assigned");
        assert_eq!(offsets.take_committable(), [], "nothing is finished");
        offsets.done(second);
        assert_eq!(offsets.take_committable(), []);
        offsets.done(first);
        assert_eq!(offsets.take_committable(), [(AT, 13)]);
        assert_eq!(offsets.take_committable(), []);
        offsets.not_committed();
        assert_eq!(offsets.take_committable(), [(AT, 13)]);
    }

    #[test]
    fn tickets_of_an_earlier_assignment_do_not_count() {
        let mut offsets = Offsets::default();
        offsets.assign([AT]);
        let old = offsets.begin(AT, 10).expect("assigned");
        offsets.revoke();
        assert_eq!(offsets.begin(AT, 10), None);
        offsets.assign([AT]);
        let new = offsets.begin(AT, 10).expect("assigned");
        offsets.done(old);
        assert_eq!(offsets.progress()[0].next, Some(10));
        offsets.done(new);
        assert_eq!(offsets.progress()[0].next, Some(11));
    }
}
