//! What was done, for reports.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use schemas::Topic;
use serde::Serialize;

use super::limiter::Class;
use crate::sink::{BUCKETS, Figures, Latency};

/// Counters of one sink since it was connected.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) created: AtomicU64,
    pub(super) updated: AtomicU64,
    pub(super) unchanged: AtomicU64,
    /// By kind: dashboards, charts, data models, edges.
    pub(super) kept: [AtomicU64; 4],
    pub(super) deleted: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) unresolved: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) requests: AtomicU64,
    pub(super) writes: AtomicU64,
    pub(super) retries: AtomicU64,
    pub(super) columns_dropped: AtomicU64,
    pub(super) owners_unmatched: AtomicU64,
    /// By class.
    latency: [Histogram; 3],
}

/// Durations of requests.
#[derive(Debug, Default)]
struct Histogram {
    counts: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
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

    /// Notes how long a request took.
    pub(super) fn took(&self, class: Class, duration: Duration) {
        let Some(histogram) = self.latency.get(class as usize) else { return };
        let seconds = duration.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        if let Some(count) = histogram.counts.get(bucket) {
            Self::add(count, 1);
        }
        Self::add(&histogram.micros, u64::try_from(duration.as_micros()).unwrap_or_default());
    }

    /// For metrics and reports, but for the limit of requests in flight.
    pub(super) fn figures(&self) -> Figures {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let topics = [Topic::Dashboards, Topic::Charts, Topic::DataModels, Topic::Lineage];
        let kinds = ["read", "write", "bulk"];
        let latency = kinds.into_iter().zip(&self.latency).map(|(kind, histogram)| Latency {
            kind,
            counts: std::array::from_fn(|i| histogram.counts.get(i).map_or(0, get)),
            seconds: Duration::from_micros(get(&histogram.micros)).as_secs_f64(),
        });
        Figures {
            kept: topics.into_iter().zip(&self.kept).map(|(t, n)| (t.suffix(), get(n))).collect(),
            requests: get(&self.requests),
            writes: get(&self.writes),
            retries: get(&self.retries),
            columns_dropped: get(&self.columns_dropped),
            owners_unmatched: get(&self.owners_unmatched),
            concurrency: 0,
            latency: latency.collect(),
            trouble: None,
        }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            created: get(&self.created),
            updated: get(&self.updated),
            unchanged: get(&self.unchanged),
            kept: self.kept.iter().map(get).sum(),
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
