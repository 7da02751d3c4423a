//! How much may be in memory between Kafka and the sink.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::config::Amount;

/// A bound on records and bytes; each record holds its share as [`Held`].
#[derive(Debug)]
pub struct Budget {
    max: Amount,
    records: AtomicUsize,
    bytes: AtomicUsize,
}

impl Budget {
    /// A budget of which nothing is spent.
    #[must_use]
    pub fn new(max: Amount) -> Arc<Self> {
        Arc::new(Self { max, records: AtomicUsize::new(0), bytes: AtomicUsize::new(0) })
    }

    /// Whether another record may be read. It may exceed the bytes by its own size, so that a record
    /// larger than the whole budget passes too.
    #[must_use]
    pub fn has_room(&self) -> bool {
        let Amount { events, bytes } = self.spent();
        events < self.max.events && bytes < self.max.bytes
    }

    /// What is spent.
    #[must_use]
    pub fn spent(&self) -> Amount {
        Amount {
            events: self.records.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Spends the share of one record of `bytes`.
    #[must_use]
    pub fn take(self: &Arc<Self>, bytes: usize) -> Held {
        self.records.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Held { budget: Arc::clone(self), bytes }
    }
}

/// A record's share of a [`Budget`], given back when dropped.
#[derive(Debug)]
pub struct Held {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.records.fetch_sub(1, Ordering::Relaxed);
        self.budget.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_come_back() {
        let budget = Budget::new(Amount { events: 2, bytes: 100 });
        assert!(budget.has_room());
        let large = budget.take(1000);
        assert!(!budget.has_room(), "bytes are spent");
        drop(large);
        let held = [budget.take(1), budget.take(1)];
        assert!(!budget.has_room(), "records are spent");
        drop(held);
        assert!(budget.has_room());
        assert_eq!(budget.spent(), Amount { events: 0, bytes: 0 });
    }
}
