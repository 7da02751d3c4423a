//! Which partition is read next. Pure.
//!
//! Catching up goes topic by topic: data models and charts to their end, then dashboards, then
//! lineage, so that what an event refers to has been read before it. (After compaction the times of
//! records say nothing: an edge may be a year older than the latest version of its table.) Once at the
//! end of the topics, records are read in the order they were written, which is the extractor's: app
//! by app, so that apps become visible one after the other however far the loader is behind.

use schemas::Topic;

use super::TopicPartition;

/// A partition that could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Partition.
    pub at: TopicPartition,
    /// Whether it has not been read to where its end was when it was assigned.
    pub behind: bool,
    /// Whether it has given nothing for so long that others no longer wait for it.
    pub stalled: bool,
    /// Time of its next record (milliseconds since the epoch; 0 when unknown); `None` when it has none at hand.
    pub head: Option<i64>,
}

/// Topics that are not read at the moment, because too many of their events wait for others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Closed(u8);

impl Closed {
    /// Also this topic.
    #[must_use]
    pub fn and(self, topic: Topic) -> Self {
        Self(self.0 | Self::bit(topic))
    }

    /// Whether a topic is closed.
    #[must_use]
    pub fn contains(self, topic: Topic) -> bool {
        self.0 & Self::bit(topic) != 0
    }

    /// Whether all topics are read.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As one byte.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// From [`Self::bits`].
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits)
    }

    fn bit(topic: Topic) -> u8 {
        match topic {
            Topic::Dashboards => 1,
            Topic::Charts => 2,
            Topic::DataModels => 4,
            Topic::Lineage => 8,
            Topic::Runs => 16,
            Topic::DeadLetters => 32,
        }
    }
}

/// What refers to what: a topic's events refer to events of lower ranks only.
#[must_use]
pub fn rank(topic: Topic) -> u8 {
    match topic {
        Topic::DataModels | Topic::Charts => 0,
        Topic::Dashboards => 1,
        Topic::Lineage => 2,
        Topic::Runs | Topic::DeadLetters => 3,
    }
}

/// Index of the partition to read next; `None` when there is nothing to read now.
#[must_use]
pub fn next(candidates: &[Candidate], closed: Closed) -> Option<usize> {
    let open = |candidate: &Candidate| !closed.contains(candidate.at.topic);
    // The lowest rank that is still behind; higher ranks, and what is new, wait for it.
    let catching_up = candidates
        .iter()
        .filter(|candidate| candidate.behind && !candidate.stalled && open(candidate))
        .map(|candidate| rank(candidate.at.topic))
        .min();
    let eligible = |candidate: &Candidate| match catching_up {
        Some(lowest) => candidate.behind && rank(candidate.at.topic) <= lowest,
        None => true,
    };
    candidates
        .iter()
        .enumerate()
        .filter(|(_, candidate)| open(candidate) && eligible(candidate))
        .filter_map(|(index, candidate)| {
            let rank = if candidate.behind { rank(candidate.at.topic) } else { 0 };
            Some(((!candidate.behind, rank, candidate.head?), index))
        })
        .min()
        .map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(topic: Topic, behind: bool, head: Option<i64>) -> Candidate {
        Candidate { at: TopicPartition { topic, partition: 0 }, behind, stalled: false, head }
    }

    fn check(candidates: &[Candidate], closed: Closed, expected: Option<usize>) {
        assert_eq!(next(candidates, closed), expected, "{candidates:?}");
    }

    #[test]
    fn catching_up_goes_from_what_is_referred_to_to_what_refers() {
        use Topic::{Charts, Dashboards, DataModels, Lineage};
        let all = Closed::default();
        let lineage = partition(Lineage, true, Some(1));
        let dashboards = partition(Dashboards, true, Some(2));
        let charts = partition(Charts, true, Some(9));
        let models = partition(DataModels, true, Some(8));
        check(&[lineage, dashboards, charts, models], all, Some(3));
        // Nothing at hand of a partition that is behind: the others wait for it …
        let empty = partition(Charts, true, None);
        check(&[lineage, dashboards, empty], all, None);
        // … unless it is stuck.
        check(&[lineage, dashboards, Candidate { stalled: true, ..empty }], all, Some(1));
        // At the end of charts, dashboards are next; new charts wait until lineage is read too.
        let new_chart = partition(Charts, false, Some(0));
        check(&[lineage, dashboards, new_chart], all, Some(1));
        check(&[lineage, new_chart], all, Some(0));
    }

    #[test]
    fn at_the_end_records_are_read_as_they_were_written() {
        let candidates = [
            partition(Topic::Lineage, false, Some(4)),
            partition(Topic::Charts, false, Some(3)),
            partition(Topic::Dashboards, false, None),
            partition(Topic::DataModels, false, Some(7)),
        ];
        check(&candidates, Closed::default(), Some(1));
        check(&candidates, Closed::default().and(Topic::Charts), Some(0));
        check(&[partition(Topic::Dashboards, false, None)], Closed::default(), None);
    }

    #[test]
    fn closed_topics_hold_nothing_up() {
        let lineage = partition(Topic::Lineage, true, Some(1));
        let charts = partition(Topic::Charts, false, Some(2));
        let closed = Closed::default().and(Topic::Lineage).and(Topic::Dashboards);
        check(&[lineage, charts], closed, Some(1));
        assert_eq!(Closed::from_bits(closed.bits()), closed);
    }
}
