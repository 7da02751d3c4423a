//! How often a site was asked, and how many sessions are open: for the report and the metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

/// Counts of one site so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Requests {
    /// Requests to the engine, attempts that were repeated included.
    pub engine: u64,
    /// Requests to the repository (QRS).
    pub repository: u64,
    /// Other REST requests: data models, sign-in, Qlik Cloud.
    pub rest: u64,
    /// Engine sessions opened.
    pub sessions: u64,
}

impl Requests {
    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            engine: self.engine.saturating_sub(earlier.engine),
            repository: self.repository.saturating_sub(earlier.repository),
            rest: self.rest.saturating_sub(earlier.rest),
            sessions: self.sessions.saturating_sub(earlier.sessions),
        }
    }
}

/// Shared by everything that speaks to one site.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    engine: AtomicU64,
    repository: AtomicU64,
    rest: AtomicU64,
    sessions: AtomicU64,
    open_sessions: AtomicU64,
}

/// An open session; no longer counted as open when dropped.
pub(super) struct OpenCount(Arc<Inner>);

impl Counters {
    pub(super) fn engine_request(&self) {
        self.0.engine.fetch_add(1, Ordering::Relaxed);
    }

    /// `what` is the path that is asked for.
    pub(super) fn rest_request(&self, what: &str) {
        let count = if what.contains("/qrs/") { &self.0.repository } else { &self.0.rest };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn session(&self) -> OpenCount {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        self.0.open_sessions.fetch_add(1, Ordering::Relaxed);
        OpenCount(self.0.clone())
    }

    pub(super) fn requests(&self) -> Requests {
        Requests {
            engine: self.0.engine.load(Ordering::Relaxed),
            repository: self.0.repository.load(Ordering::Relaxed),
            rest: self.0.rest.load(Ordering::Relaxed),
            sessions: self.0.sessions.load(Ordering::Relaxed),
        }
    }

    pub(super) fn open_sessions(&self) -> u64 {
        self.0.open_sessions.load(Ordering::Relaxed)
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        self.0.open_sessions.fetch_sub(1, Ordering::Relaxed);
    }
}
