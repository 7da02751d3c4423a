//! REST requests to a site: the same TLS as the websockets, no redirects, bounded answers.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Client;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::redirect::Policy;
use rustls::ClientConfig;

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
}

/// Client for REST requests to one site.
#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    limit: usize,
    counters: Counters,
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
        Ok(Self { client, limit, counters })
    }

    /// Sends a `GET` and reads the whole answer within `limit`. `what` names the request in errors. Spaces of the query become `%20`, as Qlik's
    /// own clients send them.
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
        answer.body = body;
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
        self.counters.rest_request(what);
        let request = self.client.get(url).headers(headers).timeout(limit);
        let failed = |error| rest_error(what, error);
        let mut response = request.send().await.map_err(failed)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut length = 0_usize;
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            length = length.saturating_add(chunk.len());
            if length > self.limit {
                return Err(RestError::TooLarge { what: what.to_owned(), limit: self.limit });
            }
            each(status, &chunk);
        }
        Ok(Answer { status, headers, body: Vec::new() })
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
