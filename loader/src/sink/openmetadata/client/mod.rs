//! Requests to the server: authenticated, limited, tried again for as long as that makes sense.

mod address;
mod call;
mod headers;
mod json;
mod trouble;

use std::{
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{
    Method,
    header::{CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderValue, IF_MATCH, RETRY_AFTER},
};
use tokio_util::sync::CancellationToken;
use tracing::instrument;

pub(super) use self::{
    address::causes,
    call::{Answer, Call, Failure},
    json::{Wanted, read as read_json},
};
use super::{
    counters::Counters,
    limiter::{Class, Limiter, Sample},
    retry::{self, Reply, Trouble, Verdict},
    settings::ServerSettings,
    tls,
};
use crate::sink::Fatal;

/// The server.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    /// `http://host:8585/api/v1`
    base: String,
    headers: HeaderMap,
    settings: ServerSettings,
    limiter: Limiter,
    stop: CancellationToken,
    pub(super) counters: Counters,
    made: Instant,
    /// What the server suffers from, and since when.
    trouble: Mutex<Option<(Trouble, Instant)>>,
    /// A path that a healthy server answers with 200: tells a body that the server cannot digest
    /// from a server that cannot do anything. Set when the sink is connected.
    probe: OnceLock<String>,
    /// Only questions may be sent.
    read_only: bool,
    /// Bodies given up since a write succeeded.
    refused_in_a_row: AtomicU32,
}

/// Largest answer that is read: a page of a list, or the history of a wide data model.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// Most further tries of a body that the server answers with 500: with the default pauses they take
/// about five minutes.
const MAX_FURTHER_TRIES: u32 = 8;

/// Tries of a body that meets a concurrent creation of the same entity.
const CONFLICT_TRIES: u32 = 8;

/// Status, tag of the version, pause asked for, content type, body.
type Exchange = (u16, Option<String>, Option<Duration>, String, Vec<u8>);

/// What one try came to.
struct Try {
    verdict: Verdict,
    status: u16,
    etag: Option<String>,
    asked: Option<Duration>,
    cause: Option<String>,
}

impl Client {
    /// A client for the configured server; nothing is sent yet.
    ///
    /// # Errors
    /// A URL, token or certificate that cannot be used, exit code 2.
    pub(super) async fn new(
        settings: &ServerSettings,
        stop: CancellationToken,
    ) -> Result<Self, Fatal> {
        let base = address::base_url(&settings.host_port)
            .map_err(|message| Fatal { message, exit_code: 2 })?;
        Ok(Self {
            http: tls::client(settings).await?,
            base,
            headers: headers::of(settings)?,
            settings: settings.clone(),
            limiter: Limiter::new(settings.max_concurrency),
            stop,
            counters: Counters::default(),
            made: Instant::now(),
            trouble: Mutex::new(None),
            probe: OnceLock::new(),
            read_only: false,
            refused_in_a_row: AtomicU32::new(0),
        })
    }

    /// From now on only questions may be sent.
    pub(super) fn forbid_writes(&mut self) {
        self.read_only = true;
    }

    /// Whether only questions may be sent.
    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// The server's address, without credentials.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Requests that may be in flight at the moment.
    pub(super) fn concurrency(&self) -> u64 {
        self.limiter.current()
    }

    /// Most requests in flight.
    pub(super) fn max_concurrency(&self) -> usize {
        self.settings.max_concurrency.max(1)
    }

    /// Sets the path that a healthy server answers with 200.
    pub(super) fn set_probe(&self, path: String) {
        self.probe.get_or_init(|| path);
    }

    /// The end of the line when a policy denies what the loader is there for.
    pub(super) fn forbidden(&self, what: &str, message: &str) -> Fatal {
        address::forbidden(&self.base, what, message)
    }

    /// GET; `None` for a 404.
    pub(super) async fn get(
        &self,
        path: String,
        query: Vec<(&'static str, String)>,
    ) -> Result<Option<Answer>, Failure> {
        self.found(&Call::get(path, query)).await
    }

    /// GET of these members; `None` for a 404.
    pub(super) async fn get_only(
        &self,
        path: String,
        query: Vec<(&'static str, String)>,
        wanted: Wanted,
    ) -> Result<Option<Answer>, Failure> {
        self.found(&Call { wanted: Some(wanted), ..Call::get(path, query) }).await
    }

    /// Sends a question; `None` for a 404.
    pub(super) async fn found(&self, call: &Call<'_>) -> Result<Option<Answer>, Failure> {
        match self.send(call).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::Missing(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a request until there is an answer that settles it.
    #[instrument(
        name = "request",
        level = "info",
        skip_all,
        fields(otel.kind = "client", http.request.method = %call.method, url.path = %call.path)
    )]
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        if self.read_only && call.writes() {
            // What only looks plans its writes elsewhere; this is the last line of defence.
            return Err(Failure::Fatal {
                message: format!(
                    "tried to send {} `{}` where nothing may be written; this is a defect of the loader",
                    call.method, call.path
                ),
                exit_code: 1,
            });
        }
        let url = self.url(call)?;
        let started = Instant::now();
        let mut server_errors = 0;
        let mut is_blamed = false;
        for attempt in 1_u32.. {
            let Try { verdict, status, etag, asked, cause } = self.once(call, &url).await?;
            match verdict {
                Verdict::Done(body) => {
                    self.recovered();
                    if call.writes() {
                        self.refused_in_a_row.store(0, Ordering::Relaxed);
                    }
                    return Ok(Answer { status, body, etag });
                }
                Verdict::Again(Trouble::Slow) if call.slow_tries.is_some_and(|t| attempt >= t) => {
                    return Err(Failure::Refused("no answer in time".to_owned()));
                }
                Verdict::Again(trouble) => self.troubled(trouble, cause)?,
                // After the API was there: a proxy's maintenance page.
                Verdict::NotTheApi(what) if self.is_connected() => {
                    self.troubled(Trouble::Unavailable, Some(what))?;
                }
                Verdict::NotTheApi(what) => {
                    return Err(address::not_the_api(&self.base, &what).into());
                }
                Verdict::AgainFewTimes(message) => {
                    server_errors += 1;
                    if server_errors >= self.server_error_tries(call) {
                        if !self.is_healthy().await? {
                            // The server is at fault, so the body has all its tries left.
                            (server_errors, is_blamed) = (0, false);
                        } else if is_blamed {
                            self.refused_in_a_row.fetch_add(1, Ordering::Relaxed);
                            return Err(Failure::Refused(format!(
                                "{message} ({server_errors} times, while other requests succeed)"
                            )));
                        } else {
                            // It may have recovered since the last try: once more.
                            is_blamed = true;
                        }
                    }
                    self.troubled(Trouble::ServerError, Some(message))?;
                }
                Verdict::Conflict(message) if attempt >= CONFLICT_TRIES => {
                    return Err(Failure::Refused(message));
                }
                Verdict::Conflict(_) => {}
                Verdict::TokenRefused(message) => {
                    if started.elapsed() >= self.settings.token_grace {
                        return Err(address::token_refused(&self.base, &message).into());
                    }
                    self.troubled(Trouble::TokenRefused, Some(message))?;
                }
                Verdict::TokenUseless(message) => {
                    return Err(address::token_refused(&self.base, &message).into());
                }
                Verdict::Forbidden(message) => return Err(Failure::Forbidden(message)),
                Verdict::Missing(message) => return Err(Failure::Missing(message)),
                Verdict::Outdated => return Err(Failure::Outdated),
                Verdict::Refused(message) => return Err(Failure::Refused(message)),
            }
            Counters::add(&self.counters.retries, 1);
            let pause = retry::pause(attempt, self.settings.backoff, random(), asked);
            tokio::select! {
                // Stopping comes first: a pause may be a minute long.
                biased;
                () = self.stop.cancelled() => return Err(Failure::Stopped),
                () = tokio::time::sleep(pause) => {}
            }
        }
        Err(Failure::Stopped)
    }

    /// One try.
    async fn once(&self, call: &Call<'_>, url: &str) -> Result<Try, Failure> {
        let permit = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Failure::Stopped),
            permit = self.limiter.acquire() => permit,
        };
        let sent = Instant::now();
        let exchange = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(Failure::Stopped),
            exchange = self.exchange(call, url) => exchange,
        };
        drop(permit);
        Counters::add(&self.counters.requests, 1);
        if call.writes() {
            Counters::add(&self.counters.writes, 1);
        }
        let result = match exchange {
            Ok((status, etag, asked, content_type, body)) => {
                let content_type = content_type.as_str();
                let reply =
                    Reply::Answer { status, content_type, body: &body, wanted: call.wanted };
                tracing::trace!(method = %call.method, path = call.path, status, "answered");
                Try { verdict: retry::classify(&reply), status, etag, asked, cause: None }
            }
            Err(error) => {
                let cause = causes(&error);
                tracing::debug!(method = %call.method, path = call.path, cause, "no answer");
                if !self.is_connected() && cause.contains("invalid peer certificate") {
                    return Err(address::not_trusted(&self.base, &cause).into());
                }
                let in_time = !error.is_timeout() || error.is_connect();
                let reply = if in_time { Reply::NoConnection } else { Reply::Timeout };
                let verdict = retry::classify(&reply);
                Try { verdict, status: 0, etag: None, asked: None, cause: Some(cause) }
            }
        };
        let took = sent.elapsed();
        self.counters.took(call.class, took);
        self.learn(call.class, &result.verdict, took);
        Ok(result)
    }

    /// Sends the request and reads the answer.
    async fn exchange(&self, call: &Call<'_>, url: &str) -> Result<Exchange, reqwest::Error> {
        let mut request = self.http.request(call.method.clone(), url).headers(self.headers.clone());
        if let Some(body) = call.body {
            let kind = if call.method == Method::PATCH {
                "application/json-patch+json"
            } else {
                "application/json"
            };
            request = request.header(CONTENT_TYPE, kind).body(body.to_string());
        }
        if let Some(etag) = call.etag {
            request = request.header(IF_MATCH, etag);
        }
        let mut response = request.send().await?;
        let header = |name| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let etag = header(ETAG);
        let asked = header(RETRY_AFTER).and_then(|text| {
            retry::retry_after(&text, header(DATE).as_deref(), jiff::Timestamp::now())
        });
        let content_type = header(CONTENT_TYPE).unwrap_or_default();
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_BODY {
                // What is cut off is no JSON any more, and is reported as such.
                break;
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, etag, asked, content_type, body))
    }

    /// Tries of a request that the server answers with 500. More of them when bodies were given up
    /// without any write succeeding since: then the fault may be a database that takes no writes, and
    /// sending everything to the dead letters would be hasty.
    fn server_error_tries(&self, call: &Call<'_>) -> u32 {
        let tries = call.server_error_tries.unwrap_or(self.settings.server_error_tries).max(1);
        let refused = self.refused_in_a_row.load(Ordering::Relaxed);
        tries + refused.saturating_mul(2).min(MAX_FURTHER_TRIES)
    }

    fn learn(&self, class: Class, verdict: &Verdict, duration: Duration) {
        let sample = match verdict {
            Verdict::Again(trouble) if trouble.is_overload() => Sample::Overloaded,
            Verdict::Again(_) | Verdict::AgainFewTimes(_) | Verdict::NotTheApi(_) => Sample::Other,
            _ => Sample::Answered(duration),
        };
        self.limiter.report(class, sample);
    }

    /// Whether the server answers a simple question, though it keeps failing at one body.
    async fn is_healthy(&self) -> Result<bool, Failure> {
        let Some(path) = self.probe.get() else { return Ok(false) };
        let call = Call::get(path.clone(), Vec::new());
        let url = self.url(&call)?;
        Ok(matches!(self.once(&call, &url).await?.verdict, Verdict::Done(_)))
    }

    fn is_connected(&self) -> bool {
        self.probe.get().is_some()
    }

    fn url(&self, call: &Call<'_>) -> Result<String, Failure> {
        let headers = self.headers.values().map(HeaderValue::len).sum();
        address::of_call(&self.base, call, headers)
    }
}

/// A number in 0…1 for jitter, from the seed of the standard library's hash maps.
fn random() -> f64 {
    let bits = std::collections::hash_map::RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_stays_within_bounds() {
        assert!((0..100).map(|_| random()).all(|r| (0.0..=1.0).contains(&r)));
    }
}
