//! What was done, for reports.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counters of one sink since it was connected.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) created: AtomicU64,
    pub(super) updated: AtomicU64,
    pub(super) unchanged: AtomicU64,
    pub(super) kept: AtomicU64,
    pub(super) deleted: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) unresolved: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) columns_dropped: AtomicU64,
    pub(super) owners_unmatched: AtomicU64,
}

/// State of the counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Entities and edges that are new.
    pub created: u64,
    /// Entities and edges that were changed.
    pub updated: u64,
    /// Entities and edges that were as they should be.
    pub unchanged: u64,
    /// Values that a person edited (or another writer's edges) and that were therefore left alone
    /// though Qlik says something else.
    pub kept: u64,
    /// Entities and edges that were removed, or were gone already.
    pub deleted: u64,
    /// Changes put off because something that they refer to is missing.
    pub waiting: u64,
    /// Edges whose table was not found, or not unambiguously.
    pub unresolved: u64,
    /// Changes that the server refuses for good.
    pub rejected: u64,
    /// Requests answered.
    pub requests: u64,
    /// Of these, requests that write: PUT, PATCH, POST, DELETE.
    pub writes: u64,
    /// Tries after a first one.
    pub retries: u64,
    /// Columns of edges left out because one of the ends does not have them.
    pub columns_dropped: u64,
    /// Owners that no user of OpenMetadata matches, once each.
    pub owners_unmatched: u64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            created: get(&self.created),
            updated: get(&self.updated),
            unchanged: get(&self.unchanged),
            kept: get(&self.kept),
            deleted: get(&self.deleted),
            waiting: get(&self.waiting),
            unresolved: get(&self.unresolved),
            rejected: get(&self.rejected),
            requests: get(&self.requests),
            writes: get(&self.writes),
            retries: get(&self.retries),
            columns_dropped: get(&self.columns_dropped),
            owners_unmatched: get(&self.owners_unmatched),
        }
    }
}
