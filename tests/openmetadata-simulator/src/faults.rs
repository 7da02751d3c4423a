//! Faults: answers that a healthy server would not give, for requests that match.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::api::{Api, PAGE};
use crate::http::Answer;
use crate::problem::reason;

/// A fault: which requests it meets, how often, and what happens to them.
///
/// As JSON: `{"method": "PUT", "path": "^/api/v1/charts", "times": 3, "effect": {"status": {"status": 429,
/// "retryAfter": 1}}}`.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Fault {
    /// The method; every one when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// A regular expression searched in the path as sent (with `/api/v1`, percent-encoded, without the query);
    /// every path when absent.
    #[serde(default)]
    pub path: Option<String>,
    /// Text that the body must contain; any body when absent.
    #[serde(default)]
    pub body: Option<String>,
    /// How many matching requests pass unharmed before the first one is met.
    #[serde(default)]
    pub after: u32,
    /// How many requests are met; without end when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// How long after it was set the fault ends, in milliseconds; never when absent.
    #[serde(default)]
    pub millis: Option<u64>,
    /// What happens.
    pub effect: Effect,
}

/// What happens to a request that meets a fault.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Effect {
    /// The request is not carried out; the answer is this status with the error body the server gives with it.
    Status {
        /// The status.
        status: u16,
        /// `Retry-After` in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
    },
    /// As `Status`, with `Retry-After` as the date that is so many seconds away.
    StatusUntil {
        /// The status.
        status: u16,
        /// Seconds until then.
        seconds: u32,
    },
    /// The request is carried out, but the answer is this status: 500 for lineage that is stored all the same,
    /// 409 for a create that another writer did first, 504 for a proxy that lost patience.
    StatusAfter {
        /// The status.
        status: u16,
    },
    /// The request is not carried out; the answer is a web page with status 200.
    Html,
    /// The connection is closed before the request is carried out.
    Drop,
    /// The request is carried out and the connection closed without an answer.
    DropAfter,
    /// The request is carried out and the connection closed in the middle of the answer's body.
    Cut,
    /// The request is carried out, and the answer comes so much later.
    Slow {
        /// The delay.
        millis: u64,
    },
}

impl Fault {
    /// A fault for every request, once.
    pub fn once(effect: Effect) -> Self {
        Self {
            method: None,
            path: None,
            body: None,
            after: 0,
            times: Some(1),
            millis: None,
            effect,
        }
    }

    /// Restricts the fault to a method and to paths that the regular expression `path` is found in.
    pub fn on(mut self, method: &str, path: &str) -> Self {
        self.method = Some(method.to_owned());
        self.path = Some(path.to_owned());
        self
    }

    /// Meets `times` requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets `after` matching requests pass first.
    pub fn after(mut self, after: u32) -> Self {
        self.after = after;
        self
    }

    /// Restricts the fault to requests whose body contains `text`.
    pub fn containing(mut self, text: &str) -> Self {
        self.body = Some(text.to_owned());
        self
    }
}

/// A fault with a path that is no regular expression.
#[derive(Debug)]
pub struct BadFault(String);

impl std::fmt::Display for BadFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the path of a fault is no regular expression: {}", self.0)
    }
}

impl std::error::Error for BadFault {}

#[derive(Debug)]
struct Active {
    fault: Fault,
    path: Option<Regex>,
    ends: Option<Instant>,
}

impl Active {
    fn new(fault: Fault) -> Result<Self, BadFault> {
        let path = fault.path.as_deref().map(Regex::new).transpose();
        let path = path.map_err(|error| BadFault(error.to_string()))?;
        let ends = fault.millis.map(|millis| Instant::now() + Duration::from_millis(millis));
        Ok(Self { fault, path, ends })
    }

    fn is_over(&self, now: Instant) -> bool {
        self.fault.times == Some(0) || self.ends.is_some_and(|ends| now >= ends)
    }

    fn matches(&self, method: &str, path: &str, body: &[u8]) -> bool {
        self.fault.method.as_deref().is_none_or(|wanted| wanted == method)
            && self.path.as_ref().is_none_or(|regex| regex.is_match(path))
            && self.fault.body.as_deref().is_none_or(|text| contains(body, text.as_bytes()))
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    text.is_empty() || body.windows(text.len()).any(|window| window == text)
}

#[derive(Debug, Default)]
struct Inner {
    active: Vec<Active>,
    latency: Duration,
}

/// The faults of a running simulator. Clones share them.
#[derive(Clone, Debug)]
pub struct Faults {
    inner: Arc<Mutex<Inner>>,
    api: Arc<Api>,
}

impl Faults {
    pub(crate) fn new(api: Arc<Api>, latency: Duration) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { active: Vec::new(), latency })), api }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a fault. A request meets the first one that matches, in the order they were added.
    ///
    /// # Errors
    /// When the path is no regular expression.
    pub fn add(&self, fault: Fault) -> Result<(), BadFault> {
        let active = Active::new(fault)?;
        self.inner().active.push(active);
        Ok(())
    }

    /// Puts `faults` in the place of those that are there.
    ///
    /// # Errors
    /// When the path of one is no regular expression; the former faults stay.
    pub fn replace(&self, faults: Vec<Fault>) -> Result<(), BadFault> {
        let active = faults.into_iter().map(Active::new).collect::<Result<_, _>>()?;
        self.inner().active = active;
        Ok(())
    }

    /// The faults that are not over, with the number of times left.
    pub fn active(&self) -> Vec<Fault> {
        let now = Instant::now();
        let mut inner = self.inner();
        inner.active.retain(|active| !active.is_over(now));
        inner.active.iter().map(|active| active.fault.clone()).collect()
    }

    /// Removes every fault.
    pub fn clear(&self) {
        self.inner().active.clear();
    }

    /// Every request waits so long before it is handled.
    pub fn set_latency(&self, latency: Duration) {
        self.inner().latency = latency;
    }

    pub(crate) fn latency(&self) -> Duration {
        self.inner().latency
    }

    /// Stops or starts the search engine. While it is down searches answer 500, lineage is stored but answered
    /// with 500, and new entities do not get into the index, not even when it comes back: see [`Self::reindex`].
    pub fn set_search_engine(&self, up: bool) {
        self.api.state().store.search_is_down = !up;
    }

    /// Puts into the search index what was written while the engine was down.
    pub fn reindex(&self) {
        self.api.state().store.unindexed.clear();
    }

    /// The effect that a request meets; counts it.
    pub(crate) fn meet(&self, method: &str, path: &str, body: &[u8]) -> Option<Effect> {
        let now = Instant::now();
        let mut inner = self.inner();
        if inner.active.is_empty() {
            return None;
        }
        inner.active.retain(|active| !active.is_over(now));
        for active in &mut inner.active {
            if !active.matches(method, path, body) {
                continue;
            }
            if active.fault.after > 0 {
                active.fault.after -= 1;
                continue;
            }
            active.fault.times = active.fault.times.map(|times| times.saturating_sub(1));
            return Some(active.fault.effect.clone());
        }
        None
    }
}

/// The date that is so many seconds away, as HTTP has it.
pub(crate) fn date_in(seconds: u32) -> Option<String> {
    let date = jiff::Timestamp::now() + Duration::from_secs(seconds.into());
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date).ok()
}

/// The answer of a fault with `status`.
pub(crate) fn answer(status: u16, retry_after: Option<u64>, plain_errors: bool) -> Answer {
    let answer = match status {
        // From a proxy, not from the server.
        502..=504 => Answer::html(
            status,
            &format!(
                "<html><head><title>{status} {r}</title></head><body><h1>{status} {r}</h1></body></html>",
                r = reason(status)
            ),
        ),
        _ => {
            let message = match status {
                401 => "Not Authorized! The given token does not match the current bot's token!",
                403 => {
                    "Principal: CatalogPrincipal{name='ingestion-bot'} operations [EditAll] not allowed"
                }
                409 => "Entity already exists",
                500 => "An exception with message [fault] was thrown while processing request.",
                _ => reason(status),
            };
            if status == 500 && !plain_errors {
                Answer::json(500, &serde_json::json!({"responseMessage": message}))
            } else {
                Answer::json(status, &serde_json::json!({"code": status, "message": message}))
            }
        }
    };
    match retry_after {
        Some(seconds) => answer.with_header("retry-after", seconds.to_string()),
        None => answer,
    }
}

/// The web page of a wrong base URL.
pub(crate) fn page() -> Answer {
    Answer::html(200, PAGE)
}
