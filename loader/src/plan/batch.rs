//! A batch: closed on events, bytes or time; one version per key, the newest.

use std::collections::HashMap;

use schemas::Topic;
use tokio::time::Instant;

use super::Work;
use crate::config;

/// A batch that is being collected.
#[derive(Debug)]
pub struct Batch {
    limits: config::Batch,
    works: Vec<Work>,
    by_key: HashMap<(Topic, String), usize>,
    events: usize,
    bytes: usize,
    opened: Option<Instant>,
}

impl Batch {
    /// An empty batch.
    #[must_use]
    pub fn new(limits: config::Batch) -> Self {
        Self {
            limits,
            works: Vec::new(),
            by_key: HashMap::new(),
            events: 0,
            bytes: 0,
            opened: None,
        }
    }

    /// Adds a change. When the batch has an older version of its key, it takes that one's place and
    /// its offsets over; `true` then.
    pub fn add(&mut self, mut work: Work, now: Instant) -> bool {
        self.opened.get_or_insert(now);
        self.events += 1;
        self.bytes += work.record.bytes();
        let key = (work.item.topic, work.item.key.clone());
        let known = self.by_key.get(&key).and_then(|index| self.works.get_mut(*index));
        match known {
            Some(older) => {
                work.tickets.append(&mut older.tickets);
                *older = work;
                true
            }
            None => {
                self.by_key.insert(key, self.works.len());
                self.works.push(work);
                false
            }
        }
    }

    /// Gives the offsets of an older version that came back to the newer one in this batch; gives it
    /// back when there is none.
    pub fn supersede(&mut self, mut older: Work) -> Option<Work> {
        let key = (older.item.topic, older.item.key.clone());
        match self.by_key.get(&key).and_then(|index| self.works.get_mut(*index)) {
            Some(newer) => {
                newer.tickets.append(&mut older.tickets);
                None
            }
            None => Some(older),
        }
    }

    /// Whether a finished change is still the newest version of its key.
    #[must_use]
    pub fn is_newest(&self, work: &Work) -> bool {
        !self.by_key.contains_key(&(work.item.topic, work.item.key.clone()))
    }

    /// Whether nothing more is taken.
    #[must_use]
    pub fn is_full(&self) -> bool {
        // Events, not keys: a key that changes all the time must not keep its batch open, nor its offsets.
        self.events >= self.limits.max.events || self.bytes >= self.limits.max.bytes
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// When it is to be applied even if it is not full; `None` while it is empty.
    #[must_use]
    pub fn due_at(&self) -> Option<Instant> {
        self.opened.map(|opened| opened + self.limits.max_delay)
    }

    /// Whether it is to be applied.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.is_full() || self.due_at().is_some_and(|due| due <= now)
    }

    /// Takes everything out.
    pub fn take(&mut self) -> Vec<Work> {
        self.by_key.clear();
        self.events = 0;
        self.bytes = 0;
        self.opened = None;
        std::mem::take(&mut self.works)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{config::Amount, plan::testing::work, sink::Change};

    fn batch(events: usize, bytes: usize) -> Batch {
        let max = Amount { events, bytes };
        Batch::new(config::Batch { max, max_delay: Duration::from_secs(1) })
    }

    fn offsets(work: &Work) -> Vec<i64> {
        let mut offsets: Vec<_> = work.tickets.iter().map(|ticket| ticket.offset).collect();
        offsets.sort_unstable();
        offsets
    }

    #[test]
    fn closes_on_events_bytes_or_time() {
        let now = Instant::now();
        let mut by_events = batch(2, 1000);
        by_events.add(work("a", 1, true, 1), now);
        assert!(!by_events.is_due(now));
        by_events.add(work("a", 2, true, 1), now);
        assert!(by_events.is_due(now), "versions of one key count");

        let mut by_bytes = batch(10, 1000);
        by_bytes.add(work("a", 1, true, 1000), now);
        assert!(by_bytes.is_due(now));

        let mut by_time = batch(10, 1000);
        assert_eq!(by_time.due_at(), None);
        by_time.add(work("a", 1, true, 1), now);
        by_time.add(work("b", 2, true, 1), now + Duration::from_millis(900));
        assert!(!by_time.is_due(now + Duration::from_millis(999)));
        assert!(by_time.is_due(now + Duration::from_secs(1)), "since the first event");
        assert_eq!(by_time.take().len(), 2);
        assert!(!by_time.is_due(now + Duration::from_secs(9)));
    }

    #[test]
    fn the_last_version_of_a_key_wins_and_carries_all_offsets() {
        let now = Instant::now();
        let mut batch = batch(10, 1000);
        assert!(!batch.add(work("a", 1, true, 1), now));
        assert!(!batch.add(work("b", 2, true, 1), now));
        assert!(batch.add(work("a", 3, false, 1), now), "deleted …");
        assert!(batch.add(work("a", 4, true, 1), now), "… and there again");
        assert!(batch.add(work("b", 5, false, 1), now));
        let works = batch.take();
        let summary: Vec<_> = works
            .iter()
            .map(|work| {
                let upsert = matches!(work.item.change, Change::Upsert(_));
                (work.item.key.as_str(), upsert, work.record.offset, offsets(work))
            })
            .collect();
        assert_eq!(summary, [("a", true, 4, vec![1, 3, 4]), ("b", false, 5, vec![2, 5])]);
    }

    #[test]
    fn an_older_version_that_comes_back_joins_the_newer_one() {
        let now = Instant::now();
        let mut batch = batch(10, 1000);
        batch.add(work("a", 9, false, 1), now);
        assert!(batch.supersede(work("a", 1, true, 1)).is_none());
        assert!(batch.supersede(work("b", 2, true, 1)).is_some());
        let works = batch.take();
        assert!(matches!(works[0].item.change, Change::Delete { .. }));
        assert_eq!(offsets(&works[0]), [1, 9]);
    }
}
