//! Changes that wait for what they refer to: bounded in time, number and bytes.
//!
//! A waiting change is tried again after a while, each time later than before. It holds back the
//! offsets of its partition, nothing else. A newer version of its key takes its place.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use schemas::Topic;
use tokio::time::Instant;

use super::{Parked, Waited, Work};
use crate::{
    config::{Amount, Wait},
    source::{Closed, order::rank},
};

/// Longest time between two attempts.
const MAX_RETRY: Duration = Duration::from_secs(60);

type Key = (Topic, String);

/// The waiting changes.
#[derive(Debug)]
pub struct WaitingRoom {
    limits: Wait,
    works: HashMap<Key, (Instant, Parked)>,
    /// When which is to be tried again.
    due: BTreeSet<(Instant, Key)>,
    spent: Amount,
    /// Of those, changes that nothing else could be waiting for to be read: assets.
    assets: usize,
    /// Until when anything waits.
    latest: Option<Instant>,
}

impl WaitingRoom {
    /// An empty room.
    #[must_use]
    pub fn new(limits: Wait) -> Self {
        Self {
            limits,
            works: HashMap::new(),
            due: BTreeSet::new(),
            spent: Amount { events: 0, bytes: 0 },
            assets: 0,
            latest: None,
        }
    }

    /// Nothing waits beyond `latest` any more, because hardly anything can come that is waited for.
    pub fn hurry(&mut self, latest: Instant) {
        self.latest = Some(latest);
        let works = self.works.iter_mut();
        self.due = works
            .map(|(key, (due, _))| {
                *due = latest.min(*due);
                (*due, key.clone())
            })
            .collect();
    }

    /// Whether there is an end to waiting.
    #[must_use]
    pub fn is_hurried(&self) -> bool {
        self.latest.is_some()
    }

    /// Lets a change wait because of `reason`. Gives it back when it has waited long enough.
    pub fn park(&mut self, mut work: Work, reason: String, now: Instant) -> Option<Work> {
        let (since, attempts) =
            work.waited.as_ref().map_or((now, 0), |waited| (waited.since, waited.attempts));
        let deadline = since + self.limits.timeout;
        let deadline = self.latest.map_or(deadline, |latest| latest.min(deadline));
        work.waited = Some(Waited { since, attempts: attempts.saturating_add(1), reason });
        if now >= deadline {
            return Some(work);
        }
        let doubled = 2_u32.saturating_pow(attempts.min(16));
        let pause = self.limits.retry_interval.saturating_mul(doubled).min(MAX_RETRY);
        // The last attempt is at the deadline itself.
        let due = (now + pause).min(deadline);
        let key = (work.item.topic, work.item.key.clone());
        if let Some(mut older) = self.take(key.0, &key.1) {
            work.tickets.append(&mut older.tickets);
        }
        // It no longer counts as read ahead: what it waits for may be still to be read.
        let parked = Parked::new(work);
        self.spent.events += 1;
        self.spent.bytes += parked.bytes();
        self.assets += usize::from(rank(key.0) == 0);
        self.due.insert((due, key.clone()));
        self.works.insert(key, (due, parked));
        None
    }

    /// Takes the waiting change of a key out, as a newer version has come.
    pub fn take(&mut self, topic: Topic, key: &str) -> Option<Parked> {
        let key = (topic, key.to_owned());
        let (due, parked) = self.works.remove(&key)?;
        self.due.remove(&(due, key));
        self.spent.events -= 1;
        self.spent.bytes -= parked.bytes();
        self.assets -= usize::from(rank(topic) == 0);
        Some(parked)
    }

    /// Takes out what is to be tried again, the longest due first, at most `limit`.
    pub fn take_due(&mut self, now: Instant, limit: usize) -> Vec<Parked> {
        let due: Vec<Key> = self
            .due
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(limit)
            .map(|(_, key)| key.clone())
            .collect();
        due.into_iter().filter_map(|(topic, key)| self.take(topic, &key)).collect()
    }

    /// When the next one is to be tried.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Topics that are not to be read until there is room again. What others may be waiting for is read
    /// as long as it does not fill the room by itself.
    #[must_use]
    pub fn closed(&self) -> Closed {
        let Amount { events, bytes } = self.limits.max;
        let mut closed = Closed::default();
        if self.spent.events >= events || self.spent.bytes >= bytes {
            closed = closed.and(Topic::Dashboards).and(Topic::Lineage);
        }
        if self.assets >= events || self.spent.bytes >= bytes.saturating_mul(2) {
            closed = closed.and(Topic::Charts).and(Topic::DataModels);
        }
        closed
    }

    /// The waiting changes, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Parked> {
        self.works.values().map(|(_, parked)| parked)
    }

    /// Number of waiting changes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.works.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.works.is_empty()
    }

    /// Forgets everything: the events will be read again.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::{again, work};

    const LIMITS: Wait = Wait {
        timeout: Duration::from_secs(100),
        max: Amount { events: 2, bytes: 1000 },
        retry_interval: Duration::from_secs(2),
    };

    fn lineage(key: &str, bytes: usize) -> Work {
        let mut work = work(key, 1, true, bytes);
        work.item.topic = Topic::Lineage;
        work.record.at.topic = Topic::Lineage;
        work
    }

    #[test]
    fn attempts_come_later_and_later_and_end_at_the_deadline() {
        let start = Instant::now();
        let mut room = WaitingRoom::new(LIMITS);
        let mut waiting = Some(work("a", 1, true, 1));
        let mut now = start;
        let mut attempts = Vec::new();
        let expired = loop {
            let Some(work) = waiting.take() else { panic!("lost") };
            if let Some(expired) = room.park(work, "no chart".to_owned(), now) {
                break expired;
            }
            now = room.next_due().expect("due");
            assert!(room.take_due(now - Duration::from_millis(1), 9).is_empty());
            attempts.push((now - start).as_secs());
            waiting = room.take_due(now, 9).pop().map(again);
        };
        assert_eq!(attempts, [2, 6, 14, 30, 62, 100]);
        let waited = expired.waited.expect("waited");
        assert_eq!((waited.since, waited.attempts), (start, 7));
        assert!(room.is_empty());
    }

    #[test]
    fn nothing_waits_longer_than_it_may_any_more() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut room = WaitingRoom::new(LIMITS);
        room.park(work("a", 1, true, 1), "no chart".to_owned(), start);
        let due = room.take_due(after(2), 9).pop().expect("due");
        room.park(again(due), "no chart".to_owned(), after(2));
        assert_eq!(room.next_due(), Some(after(6)));
        room.hurry(after(5));
        assert_eq!(room.next_due(), Some(after(5)));
        let due = room.take_due(after(5), 9).pop().expect("due");
        let expired = room.park(again(due), "no chart".to_owned(), after(5)).expect("expired");
        assert_eq!(expired.waited.map(|waited| waited.attempts), Some(3));
        // What comes later is tried once more, and no longer.
        let late = work("b", 2, true, 1);
        assert!(room.park(late, "no chart".to_owned(), after(5)).is_some());
    }

    #[test]
    fn a_newer_version_takes_the_place() {
        let now = Instant::now();
        let mut room = WaitingRoom::new(LIMITS);
        room.park(work("a", 1, true, 1), "r".to_owned(), now);
        let older = room.take(Topic::Charts, "a").expect("waiting");
        assert_eq!(older.tickets.len(), 1);
        assert!(room.take(Topic::Charts, "a").is_none());
        assert_eq!(room.next_due(), None);
        assert_eq!(room.spent, Amount { events: 0, bytes: 0 });
    }

    #[test]
    fn a_full_room_closes_the_topics_whose_events_could_wait() {
        let now = Instant::now();
        let referring = Closed::default().and(Topic::Dashboards).and(Topic::Lineage);
        let all = referring.and(Topic::Charts).and(Topic::DataModels);
        let mut room = WaitingRoom::new(LIMITS);
        assert_eq!(room.closed(), Closed::default());
        room.park(lineage("a", 1), "r".to_owned(), now);
        room.park(lineage("b", 1), "r".to_owned(), now);
        assert_eq!(room.closed(), referring);
        room.take(Topic::Lineage, "a");
        assert_eq!(room.closed(), Closed::default());
        room.park(work("c", 1, true, 1), "r".to_owned(), now);
        room.park(work("d", 1, true, 1), "r".to_owned(), now);
        assert_eq!(room.closed(), all, "assets fill it alone");
        room.clear();
        room.park(lineage("a", 1000), "r".to_owned(), now);
        assert_eq!(room.closed(), referring, "bytes");
    }

    #[test]
    fn the_longest_due_are_tried_first() {
        let now = Instant::now();
        let mut room = WaitingRoom::new(LIMITS);
        room.park(work("late", 1, true, 1), "r".to_owned(), now + Duration::from_secs(1));
        room.park(work("early", 2, true, 1), "r".to_owned(), now);
        let due = room.take_due(now + Duration::from_secs(60), 1);
        assert_eq!(due[0].record.key.as_deref(), Some(b"early".as_slice()));
        assert_eq!(room.len(), 1);
    }
}
