//! What happened last, for people: the report counts from the start of the process. Bounded. Pure.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use crate::{report::Entry, sink::Outcome};

/// Rounds of applying, dead letters, and unresolved edges that are kept, of each.
const MAX: usize = 20;

/// The last rounds and dead letters, the newest first, and edges that are unresolved now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recent {
    /// The round that goes on, as far as its stages are over.
    current: Option<Round>,
    pub(crate) rounds: VecDeque<Round>,
    /// When, and which.
    pub(crate) dead: VecDeque<(String, Entry)>,
    /// Edges without their table that are tried again from time to time.
    pub(crate) revisits: usize,
    /// Some of the edges that are unresolved, by their keys.
    pub(crate) unresolved: BTreeMap<String, Entry>,
}

/// A round of applying: what was collected went to the catalogue, stage by stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Round {
    /// RFC 3339.
    pub(crate) ended_at: String,
    /// In the catalogue.
    pub(crate) time: Duration,
    pub(crate) changes: u64,
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) deleted: u64,
    pub(crate) waiting: u64,
    pub(crate) unresolved: u64,
    pub(crate) rejected: u64,
}

impl Recent {
    pub(crate) fn applied<'a>(
        &mut self,
        time: Duration,
        outcomes: impl Iterator<Item = &'a Outcome>,
    ) {
        let round = self.current.get_or_insert_default();
        round.time += time;
        for outcome in outcomes {
            round.changes += 1;
            *match outcome {
                Outcome::Created => &mut round.created,
                Outcome::Updated => &mut round.updated,
                Outcome::Unchanged => &mut round.unchanged,
                Outcome::Deleted => &mut round.deleted,
                Outcome::Waiting { .. } => &mut round.waiting,
                Outcome::Unresolved { .. } => &mut round.unresolved,
                Outcome::Rejected { .. } => &mut round.rejected,
            } += 1;
        }
    }

    pub(crate) fn round_over(&mut self, ended_at: String) {
        let Some(round) = self.current.take() else { return };
        self.rounds.push_front(Round { ended_at, ..round });
        self.rounds.truncate(MAX);
    }

    pub(crate) fn is_unresolved(&mut self, entry: Entry) {
        if self.unresolved.len() < MAX || self.unresolved.contains_key(&entry.key) {
            self.unresolved.insert(entry.key.clone(), entry);
        }
    }

    pub(crate) fn buried(&mut self, time: String, entry: Entry) {
        self.dead.push_front((time, entry));
        self.dead.truncate(MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unresolved_is_told_once_and_bounded() {
        let entry = |key: String, reason: &str| Entry {
            topic: "lineage",
            partition: 0,
            offset: 0,
            key,
            stage: None,
            reason: reason.to_owned(),
        };
        let mut recent = Recent::default();
        for number in 0..50 {
            recent.is_unresolved(entry(format!("{number:02}"), "no table"));
        }
        assert_eq!(recent.unresolved.len(), MAX);
        recent.is_unresolved(entry("07".to_owned(), "two tables"));
        assert_eq!(recent.unresolved.len(), MAX);
        assert_eq!(recent.unresolved["07"].reason, "two tables");
    }

    #[test]
    fn rounds_are_counted_and_bounded() {
        let mut recent = Recent::default();
        recent.round_over("no stage".into());
        assert!(recent.rounds.is_empty(), "dead letters only");
        for round in 0..50 {
            let waiting = Outcome::Waiting { reason: "r".into() };
            recent.applied(Duration::from_secs(1), [Outcome::Created, waiting].iter());
            recent.applied(Duration::from_secs(2), [Outcome::Deleted].iter());
            recent.round_over(round.to_string());
        }
        assert_eq!(recent.rounds.len(), MAX);
        let expected = Round {
            ended_at: "49".into(),
            time: Duration::from_secs(3),
            changes: 3,
            created: 1,
            waiting: 1,
            deleted: 1,
            ..Round::default()
        };
        assert_eq!(recent.rounds[0], expected);
    }
}
