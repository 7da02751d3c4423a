//! Edges that are finished, because nothing waits for them, but whose table was not in the catalogue:
//! tried again from time to time for as long as this process has them.
//!
//! Bounded, and gone with the process or the partition: the next owner of the partition reads them again
//! (`pipeline::recall`).

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::{Parked, Work};
use crate::config::Amount;

/// Edges to try again.
#[derive(Debug)]
pub struct Revisits {
    interval: Duration,
    max: Amount,
    works: HashMap<String, (Instant, Parked)>,
    /// When which is to be tried again.
    due: BTreeSet<(Instant, String)>,
    bytes: usize,
}

impl Revisits {
    /// None yet.
    #[must_use]
    pub fn new(interval: Duration, max: Amount) -> Self {
        Self { interval, max, works: HashMap::new(), due: BTreeSet::new(), bytes: 0 }
    }

    /// Keeps an edge, unless there are too many already.
    pub fn keep(&mut self, work: Work, now: Instant) {
        let key = work.item.key.clone();
        self.forget(&key);
        let parked = Parked { tickets: Vec::new(), ..Parked::new(work) };
        let bytes = parked.bytes();
        if self.works.len() >= self.max.events || self.bytes + bytes > self.max.bytes {
            return;
        }
        self.bytes += bytes;
        let due = now + self.interval;
        self.due.insert((due, key.clone()));
        self.works.insert(key, (due, parked));
    }

    /// Drops an edge, as a newer version has come.
    pub fn forget(&mut self, key: &str) {
        drop(self.take(key));
    }

    fn take(&mut self, key: &str) -> Option<Parked> {
        let (key, (due, parked)) = self.works.remove_entry(key)?;
        self.due.remove(&(due, key));
        self.bytes -= parked.bytes();
        Some(parked)
    }

    /// Takes out what is to be tried again, the longest due first, at most `limit`.
    pub fn take_due(&mut self, now: Instant, limit: usize) -> Vec<Parked> {
        let due = self.due.iter().take_while(|(due, _)| *due <= now).take(limit);
        let due: Vec<String> = due.map(|(_, key)| key.clone()).collect();
        due.into_iter().filter_map(|key| self.take(&key)).collect()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.works.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// When the next one is tried again.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Drops all.
    pub fn clear(&mut self) {
        *self = Self::new(self.interval, self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::work;

    const HOUR: Duration = Duration::from_secs(3600);

    fn offsets(due: &[Parked]) -> Vec<i64> {
        due.iter().map(|parked| parked.record.offset).collect()
    }

    #[test]
    fn all_are_tried_again_after_a_while_and_newer_versions_replace_them() {
        let now = Instant::now();
        let mut revisits = Revisits::new(HOUR, Amount { events: 2, bytes: 10_000 });
        assert_eq!(revisits.due_at(), None);
        revisits.keep(work("a", 1, true, 1), now);
        revisits.keep(work("a", 2, true, 1), now);
        revisits.keep(work("b", 3, true, 1), now + HOUR / 2);
        revisits.keep(work("c", 4, true, 1), now);
        revisits.forget("b");
        assert!(revisits.take_due(now, 9).is_empty());
        let due = revisits.take_due(now + HOUR, 9);
        assert_eq!(
            offsets(&due),
            [2],
            "two at most, the newest of a key, without what was forgotten"
        );
        assert!(due[0].tickets.is_empty(), "its offset is finished");
        assert_eq!(revisits.due_at(), None);
    }

    #[test]
    fn not_all_are_tried_at_once() {
        let now = Instant::now();
        let mut revisits = Revisits::new(HOUR, Amount { events: 9, bytes: 10_000 });
        for (offset, key) in (1..).zip(["a", "b", "c"]) {
            revisits.keep(work(key, offset, true, 1), now);
        }
        assert_eq!(offsets(&revisits.take_due(now + HOUR, 2)), [1, 2]);
        assert_eq!(revisits.due_at(), Some(now + HOUR), "the rest is still due");
        assert_eq!(offsets(&revisits.take_due(now + HOUR, 2)), [3]);
    }

    #[test]
    fn bytes_are_bounded() {
        let mut revisits = Revisits::new(HOUR, Amount { events: 9, bytes: 1500 });
        revisits.keep(work("a", 1, true, 500), Instant::now());
        revisits.keep(work("b", 2, true, 500), Instant::now());
        assert_eq!(revisits.take_due(Instant::now() + HOUR, 9).len(), 1);
    }
}
