//! Where the change feed is read, and what was seen of it. Pure.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::Change;

/// How far before the last answer is asked again, in milliseconds: a change is dated before it can be
/// read, and the server tells its time in whole seconds.
const OVERLAP: i64 = 10_000;

/// Place in the feed.
#[derive(Debug)]
pub(super) struct Cursor {
    /// By the server's clock, milliseconds since the epoch.
    position: i64,
    /// Changes after `since` that were seen.
    seen: HashSet<Change>,
}

/// Apps of one answer, each once: the last change counts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) changed: BTreeSet<String>,
    pub(super) deleted: BTreeSet<String>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.deleted.is_empty()
    }
}

impl Cursor {
    /// From this time of the server on.
    pub(super) fn new(server_time: i64) -> Self {
        Self { position: server_time, seen: HashSet::new() }
    }

    /// Everything before this has been seen.
    pub(super) fn position(&self) -> i64 {
        self.position
    }

    /// What to ask for.
    pub(super) fn since(&self) -> i64 {
        self.position.saturating_sub(OVERLAP)
    }

    /// Takes in an answer and moves on to the server's time.
    pub(super) fn take(&mut self, mut changes: Vec<Change>, server_time: i64) -> Batch {
        // Stable, so that changes of one moment stay in the order in which they were told.
        changes.sort_by_key(|change| change.at);
        let mut last: BTreeMap<String, bool> = BTreeMap::new();
        for change in changes {
            // Without a time it cannot be told from an earlier one.
            let is_new = change.at.is_none() || self.seen.insert(change.clone());
            if is_new {
                last.insert(change.app_id, change.deleted);
            }
        }
        self.position = self.position.max(server_time);
        let since = self.since();
        self.seen.retain(|change| change.at.is_some_and(|at| at >= since));
        let mut batch = Batch::default();
        for (id, deleted) in last {
            if deleted {
                batch.deleted.insert(id)
            } else {
                batch.changed.insert(id)
            };
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(id: &str, deleted: bool, at: i64) -> Change {
        Change { app_id: id.to_owned(), deleted, at: Some(at) }
    }

    fn ids(batch: &Batch) -> (Vec<&str>, Vec<&str>) {
        (
            batch.changed.iter().map(String::as_str).collect(),
            batch.deleted.iter().map(String::as_str).collect(),
        )
    }

    #[test]
    fn a_change_that_is_told_again_counts_once() {
        let mut cursor = Cursor::new(100_000);
        assert_eq!(cursor.since(), 90_000);
        let first = cursor.take(vec![change("a", false, 95_000)], 102_000);
        assert_eq!(ids(&first), (vec!["a"], vec![]));
        let again = cursor.take(vec![change("a", false, 95_000)], 104_000);
        assert!(again.is_empty());
        let later = cursor.take(vec![change("a", false, 95_001)], 105_000);
        assert_eq!(ids(&later), (vec!["a"], vec![]));
    }

    #[test]
    fn the_last_change_of_an_app_counts() {
        let mut cursor = Cursor::new(0);
        let batch = cursor.take(
            vec![
                change("a", true, 2),
                change("a", false, 1),
                change("b", true, 1),
                change("b", false, 2),
            ],
            10,
        );
        assert_eq!(ids(&batch), (vec!["b"], vec!["a"]));
    }

    #[test]
    fn the_place_never_goes_back_and_old_changes_are_forgotten() {
        let mut cursor = Cursor::new(100_000);
        cursor.take((0..50).map(|at| change("a", false, 95_000 + at)).collect(), 101_000);
        assert_eq!(cursor.seen.len(), 50);
        cursor.take(vec![], 50_000);
        assert_eq!(cursor.position(), 101_000);
        cursor.take(vec![], 200_000);
        assert_eq!((cursor.position(), cursor.seen.len()), (200_000, 0));
    }

    #[test]
    fn changes_without_a_time_are_always_new() {
        let mut cursor = Cursor::new(0);
        let change = Change { app_id: "a".to_owned(), deleted: false, at: None };
        for _ in 0..2 {
            assert_eq!(ids(&cursor.take(vec![change.clone()], 10)), (vec!["a"], vec![]));
        }
        assert!(cursor.seen.is_empty());
    }
}
