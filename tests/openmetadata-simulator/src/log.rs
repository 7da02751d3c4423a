//! What was asked: the newest requests, and how many of each kind.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde::Serialize;

use crate::api::Route;
use crate::kind::Kind;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoggedRequest {
    /// The method.
    pub method: String,
    /// The path as sent, with the query.
    pub path: String,
    /// The start of the body, see `Settings::log_body_limit`.
    pub body: String,
    /// The status of the answer; `None` when the connection was dropped instead.
    pub status: Option<u16>,
    /// When it was answered, milliseconds since the simulator started.
    pub at_millis: u64,
}

/// Method, kind and pattern of a route.
type Key = (String, Option<Kind>, &'static str);

#[derive(Debug, Default)]
struct Inner {
    requests: VecDeque<LoggedRequest>,
    counts: HashMap<Key, u64>,
}

/// The log of a simulator.
#[derive(Debug)]
pub(crate) struct Log {
    inner: Mutex<Inner>,
    limit: usize,
    body_limit: usize,
    began: Instant,
}

impl Log {
    pub(crate) fn new(limit: usize, body_limit: usize) -> Self {
        Self { inner: Mutex::default(), limit, body_limit, began: Instant::now() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note(
        &self,
        method: &str,
        target: &str,
        body: &[u8],
        status: Option<u16>,
        route: Option<&Route>,
    ) {
        let request = (self.limit > 0).then(|| LoggedRequest {
            method: method.to_owned(),
            path: target.to_owned(),
            body: String::from_utf8_lossy(body.get(..self.body_limit).unwrap_or(body)).into_owned(),
            status,
            at_millis: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        let (kind, pattern) = route.map_or((None, "?"), |route| (route.kind, route.pattern));
        let mut inner = self.inner();
        *inner.counts.entry((method.to_owned(), kind, pattern)).or_default() += 1;
        if let Some(request) = request {
            if inner.requests.len() >= self.limit {
                inner.requests.pop_front();
            }
            inner.requests.push_back(request);
        }
    }

    pub(crate) fn requests(&self) -> Vec<LoggedRequest> {
        self.inner().requests.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let inner = self.inner();
        let mut counts = BTreeMap::new();
        for ((method, kind, pattern), count) in &inner.counts {
            let path = match (kind, *pattern) {
                (Some(kind), "") => format!("/{}", kind.collection()),
                (Some(kind), pattern) => format!("/{}/{pattern}", kind.collection()),
                (None, pattern) => format!("/{pattern}"),
            };
            counts.insert(format!("{method} {path}"), *count);
        }
        counts
    }

    pub(crate) fn clear(&self) {
        *self.inner() = Inner::default();
    }
}
