//! What a sink tells about its own work, for metrics and reports.

use std::collections::BTreeMap;

use serde::Serialize;

/// Upper bounds of the buckets of [`Latency`], in seconds; the last bucket has none.
pub const BUCKETS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0, 60.0];

/// Counted since the sink was connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Figures {
    /// Values that stayed because a person edited them, and edges of others, by topic.
    #[serde(skip)]
    pub kept: BTreeMap<&'static str, u64>,
    /// Requests answered.
    pub requests: u64,
    /// Of these, requests that write.
    pub writes: u64,
    /// Tries after a first one.
    pub retries: u64,
    /// Columns of edges left out because one of the ends does not have them.
    pub columns_dropped: u64,
    /// Owners that no user of the catalogue matches, once each.
    pub owners_unmatched: u64,
    /// Requests that may be in flight at the moment.
    pub concurrency: u64,
    /// How long requests took, by what they are: `read`, `write`, `bulk`.
    #[serde(skip)]
    pub latency: Vec<Latency>,
    /// What the catalogue suffers from at the moment, and for how long; nothing is lost meanwhile.
    #[serde(skip)]
    pub trouble: Option<Trouble>,
}

/// Why the catalogue does not do what it is asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trouble {
    /// In words, after "OpenMetadata".
    pub what: &'static str,
    /// Since when, in seconds.
    pub seconds: u64,
}

/// How long requests of a kind took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// Kind of request.
    pub kind: &'static str,
    /// Requests of each of [`BUCKETS`], not added up, and those slower than all.
    pub counts: [u64; BUCKETS.len() + 1],
    /// Seconds of all together.
    pub seconds: f64,
}
