//! Edges that are finished, because nothing waits for them, but whose table was not in the catalogue:
//! tried again from time to time for as long as this process has them.
//!
//! Bounded, and gone with the process or the partition: the next owner of the partition reads them again
//! (`pipeline::recall`).

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::Work;
use crate::config::Amount;

/// Edges to try again.
#[derive(Debug)]
pub struct Revisits {
    interval: Duration,
    max: Amount,
    works: HashMap<String, Work>,
    bytes: usize,
    /// When all of them are tried again.
    due: Option<Instant>,
}

impl Revisits {
    /// None yet.
    #[must_use]
    pub fn new(interval: Duration, max: Amount) -> Self {
        Self { interval, max, works: HashMap::new(), bytes: 0, due: None }
    }

    /// Keeps an edge, unless there are too many already.
    pub fn keep(&mut self, mut work: Work, now: Instant) {
        work.record.held = None;
        work.tickets.clear();
        self.forget(&work.item.key);
        let bytes = work.record.bytes();
        if self.works.len() >= self.max.events || self.bytes + bytes > self.max.bytes {
            return;
        }
        self.bytes += bytes;
        self.works.insert(work.item.key.clone(), work);
        self.due.get_or_insert(now + self.interval);
    }

    /// Drops an edge, as a newer version has come.
    pub fn forget(&mut self, key: &str) {
        if let Some(older) = self.works.remove(key) {
            self.bytes -= older.record.bytes();
        }
        if self.works.is_empty() {
            self.due = None;
        }
    }

    /// Takes all out when it is time.
    pub fn take_due(&mut self, now: Instant) -> Vec<Work> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let works = std::mem::take(&mut self.works);
        self.clear();
        works.into_values().collect()
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

    /// When they are tried again.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.due
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

    #[test]
    fn all_are_tried_again_after_a_while_and_newer_versions_replace_them() {
        let now = Instant::now();
        let mut revisits = Revisits::new(HOUR, Amount { events: 2, bytes: 1000 });
        assert_eq!(revisits.due_at(), None);
        revisits.keep(work("a", 1, true, 1), now);
        revisits.keep(work("a", 2, true, 1), now);
        revisits.keep(work("b", 3, true, 1), now + HOUR / 2);
        revisits.keep(work("c", 4, true, 1), now);
        revisits.forget("b");
        assert!(revisits.take_due(now).is_empty());
        let due = revisits.take_due(now + HOUR);
        let offsets: Vec<_> = due.iter().map(|work| work.record.offset).collect();
        assert_eq!(offsets, [2], "two at most, the newest of a key, without what was forgotten");
        assert!(due[0].tickets.is_empty(), "its offset is finished");
        assert_eq!(revisits.due_at(), None);
    }

    #[test]
    fn bytes_are_bounded() {
        let mut revisits = Revisits::new(HOUR, Amount { events: 9, bytes: 150 });
        revisits.keep(work("a", 1, true, 100), Instant::now());
        revisits.keep(work("b", 2, true, 100), Instant::now());
        assert_eq!(revisits.take_due(Instant::now() + HOUR).len(), 1);
    }
}
