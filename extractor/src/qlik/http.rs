//! REST requests to a site: the same TLS as the websockets, no redirects, bounded answers.

use std::error::Error as StdError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use tokio::time::Instant;

use super::address::encode_component;
use super::class::Class;
use super::counters::Counters;
use super::settings::{Timeouts, name};
use super::tls::{self, HandshakeProblem};
use super::transport::{class_of_status, explain_status};

/// Why a REST request has no usable answer. `what` is what was asked, without query and secrets.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// TLS failed.
    #[error("no secure connection for `{what}`: {problem}")]
    Tls {
        /// What was asked.
        what: String,
        /// Why.
        problem: HandshakeProblem,
    },
    /// There is no connection, or it broke.
    #[error("no answer to `{what}`: {reason}")]
    Connection {
        /// What was asked.
        what: String,
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("no answer to `{what}` in time; raise `{}`", name::REQUEST_TIMEOUT)]
    Timeout {
        /// What was asked.
        what: String,
    },
    /// An HTTP status that says no.
    #[error("`{what}` was answered with HTTP {status}: {}", explain_status(*.status))]
    Status {
        /// What was asked.
        what: String,
        /// HTTP status.
        status: u16,
    },
    /// An answer that is not what was asked for.
    #[error("`{what}` was answered with {found}")]
    Content {
        /// What was asked.
        what: String,
        /// What came.
        found: String,
    },
    /// An answer larger than allowed.
    #[error(
        "the answer to `{what}` is larger than the {limit} bytes allowed; raise `{}`",
        name::MAX_MESSAGE
    )]
    TooLarge {
        /// What was asked.
        what: String,
        /// Bytes allowed.
        limit: usize,
    },
}

impl RestError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Tls { .. } => Class::Setup,
            Self::Connection { .. } | Self::Timeout { .. } => Class::Later,
            Self::Status { status, .. } => class_of_status(*status),
            Self::Content { .. } | Self::TooLarge { .. } => Class::Failed,
        }
    }
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// Headers.
    pub(super) headers: HeaderMap,
    /// Body, whole.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Whether it says that it is HTML, or looks like it.
    pub(super) fn is_html(&self) -> bool {
        let says = self
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.contains("html"));
        says || self.body.trim_ascii_start().first() == Some(&b'<')
    }

    /// The wait that a server asks for which has had enough.
    pub(super) fn asked_wait(&self) -> Option<Duration> {
        if !matches!(self.status, 429 | 503) {
            return None;
        }
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?;
        let seconds: u64 = text.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    }
}

/// Tries of a request that the server puts off with `retry-after`.
const TRIES: u32 = 6;
/// Longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Client for REST requests to one site.
#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    limit: usize,
    counters: Counters,
    /// When the server wants the next request: a limit on requests is everybody's, so all of them wait
    /// when one is told to.
    not_before: Arc<Mutex<Option<Instant>>>,
}

impl Http {
    /// Builds the client. Proxies of the environment are not used, as for the websockets.
    pub(super) fn new(
        tls: &Arc<ClientConfig>,
        timeouts: &Timeouts,
        limit: usize,
        counters: Counters,
    ) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(tls))
            .no_proxy()
            .redirect(Policy::none())
            .connect_timeout(timeouts.connect)
            .build()?;
        Ok(Self { client, limit, counters, not_before: Arc::default() })
    }

    /// Sends a `GET` and reads the whole answer within `limit`. `what` names the request in errors.
    /// Spaces of the query become `%20`, as Qlik's own clients send them. A server that has had enough
    /// (429, or 503, with `retry-after`) is asked again when it wants to be, a few times; the waits do
    /// not count towards `limit`.
    pub(super) async fn get(
        &self,
        what: &str,
        url: &str,
        query: &[(&str, &str)],
        headers: HeaderMap,
        limit: Duration,
    ) -> Result<Answer, RestError> {
        let mut body = Vec::new();
        let mut answer = self
            .get_in_pieces(what, url, query, headers, limit, &mut |_, piece| {
                body.extend_from_slice(piece);
            })
            .await?;
        if answer.body.is_empty() {
            answer.body = body;
        }
        Ok(answer)
    }

    /// The same, but the body goes to `each` piece by piece, with the status, and is not kept.
    pub(super) async fn get_in_pieces(
        &self,
        what: &str,
        url: &str,
        query: &[(&str, &str)],
        headers: HeaderMap,
        limit: Duration,
        each: &mut (dyn FnMut(u16, &[u8]) + Send),
    ) -> Result<Answer, RestError> {
        let query: Vec<String> = query
            .iter()
            .map(|(key, value)| format!("{}={}", encode_component(key), encode_component(value)))
            .collect();
        let url =
            if query.is_empty() { url.to_owned() } else { format!("{url}?{}", query.join("&")) };
        let mut tries = 1;
        loop {
            self.wait_for_turn().await;
            let answer = self.get_once(what, &url, headers.clone(), limit, each).await?;
            let Some(wait) = answer.asked_wait().filter(|_| tries < TRIES) else {
                return Ok(answer);
            };
            tracing::debug!(
                what,
                status = answer.status,
                ?wait,
                "the site wants to be asked later"
            );
            self.put_off(wait);
            tries += 1;
        }
    }

    /// One try. The body of an answer that puts the request off is kept, not handed over: another answer
    /// may follow.
    async fn get_once(
        &self,
        what: &str,
        url: &str,
        headers: HeaderMap,
        limit: Duration,
        each: &mut (dyn FnMut(u16, &[u8]) + Send),
    ) -> Result<Answer, RestError> {
        self.counters.rest_request(what);
        let request = self.client.get(url).headers(headers).timeout(limit);
        let failed = |error| rest_error(what, error);
        let mut response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let (mut length, mut body) = (0_usize, Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            length = length.saturating_add(chunk.len());
            if length > self.limit {
                return Err(RestError::TooLarge { what: what.to_owned(), limit: self.limit });
            }
            match status {
                429 | 503 => body.extend_from_slice(&chunk),
                _ => each(status, &chunk),
            }
        }
        Ok(Answer { status, headers, body })
    }

    async fn wait_for_turn(&self) {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before).await;
        }
    }

    fn put_off(&self, wait: Duration) {
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = (*not_before).max(Some(Instant::now() + wait));
    }
}

fn rest_error(what: &str, error: reqwest::Error) -> RestError {
    let what = what.to_owned();
    if let Some(problem) = tls::explain(&error) {
        return RestError::Tls { what, problem };
    }
    if error.is_timeout() {
        return RestError::Timeout { what };
    }
    // The library's error names the URL with its query; the innermost cause says what happened.
    let error = error.without_url();
    let mut cause: &dyn StdError = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    RestError::Connection { what, reason: cause.to_string() }
}
