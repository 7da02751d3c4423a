//! Requests to the server: authenticated, limited, tried again for as long as that makes sense.

use std::{
    error::Error as _,
    hash::{BuildHasher as _, Hasher as _},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::{
    Method, Url,
    header::{
        AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH,
        RETRY_AFTER,
    },
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    counters::Counters,
    limiter::{Class, Limiter, Sample},
    retry::{self, Reply, Trouble, Verdict},
    settings::ServerSettings,
    tls,
};
use crate::sink::Fatal;

/// Why a request did not do what it should.
#[derive(Debug)]
pub(super) enum Failure {
    /// The sink is being stopped.
    Stopped,
    /// Credentials or server are such that nothing will work.
    Fatal(Fatal),
    /// A policy denies this operation.
    Forbidden(String),
    /// What the path names or the body refers to does not exist.
    Missing(String),
    /// The entity changed since it was read.
    Outdated,
    /// The server will never accept this.
    Refused(String),
}

/// An answer with a 2xx status.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) etag: Option<String>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) body: Option<&'a Value>,
    pub(super) etag: Option<&'a str>,
    pub(super) class: Class,
    /// Tries when the server fails, instead of the configured ones.
    pub(super) server_error_tries: Option<u32>,
    /// Tries when there is no answer in time; without end when `None`.
    pub(super) slow_tries: Option<u32>,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: String, query: Vec<(&'static str, String)>) -> Self {
        Self::new(Method::GET, path, query, None, Class::Read)
    }

    pub(super) fn put(path: String, body: &'a Value) -> Self {
        Self::new(Method::PUT, path, Vec::new(), Some(body), Class::Write)
    }

    pub(super) fn patch(path: String, body: &'a Value, etag: Option<&'a str>) -> Self {
        Self { etag, ..Self::new(Method::PATCH, path, Vec::new(), Some(body), Class::Write) }
    }

    pub(super) fn delete(path: String, query: Vec<(&'static str, String)>) -> Self {
        Self::new(Method::DELETE, path, query, None, Class::Write)
    }

    /// PUT of an array of rows.
    pub(super) fn bulk(path: String, query: Vec<(&'static str, String)>, rows: &'a Value) -> Self {
        // Half as many rows may be answered in time.
        Self { slow_tries: Some(2), ..Self::new(Method::PUT, path, query, Some(rows), Class::Bulk) }
    }

    fn new(
        method: Method,
        path: String,
        query: Vec<(&'static str, String)>,
        body: Option<&'a Value>,
        class: Class,
    ) -> Self {
        Self {
            method,
            path,
            query,
            body,
            etag: None,
            class,
            server_error_tries: None,
            slow_tries: None,
        }
    }
}

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
    /// Since when the server is in trouble, and how many requests wait.
    trouble: Mutex<Option<(Trouble, Instant)>>,
    /// A path that a healthy server answers with 200: tells a body that the server cannot digest
    /// from a server that cannot do anything.
    probe: OnceLock<String>,
    /// Bodies given up since a write succeeded.
    refused_in_a_row: AtomicU32,
}

const HOST_PORT: &str = "workflowConfig.openMetadataServerConfig.hostPort";
const EXTRA_HEADERS: &str = "workflowConfig.openMetadataServerConfig.extraHeaders";
const JWT: &str = "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken";

/// Largest answer that is read: a page of a list, or the history of a wide data model.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// Longest request line with the token that is sent: servers limit the head of a request to 8 KiB,
/// and one drops the connection without an answer (seen at 9000 bytes; 7000 pass).
const MAX_HEAD: usize = 7500;

/// Most further tries of a body that the server answers with 500: with the default pauses they take
/// about five minutes.
const MAX_FURTHER_TRIES: u32 = 8;

/// Tries of a body that meets a concurrent creation of the same entity.
const CONFLICT_TRIES: u32 = 8;

impl Client {
    /// A client for the configured server; nothing is sent yet.
    ///
    /// # Errors
    /// A URL, token or certificate that cannot be used, exit code 2.
    pub(super) async fn new(
        settings: &ServerSettings,
        stop: CancellationToken,
    ) -> Result<Self, Fatal> {
        let mistake = |message| Fatal { message, exit_code: 2 };
        let base = base_url(&settings.host_port).map_err(mistake)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &settings.extra_headers {
            let bad = |_| mistake(format!("`{EXTRA_HEADERS}.{name}` cannot be sent as a header"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| bad(()))?;
            value.set_sensitive(true);
            headers.insert(key, value);
        }
        if let Some(token) = &settings.token {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
                    .map_err(|_| mistake(format!("`{JWT}` has characters that no token has")))?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self {
            http: tls::client(settings).await?,
            base,
            headers,
            settings: settings.clone(),
            limiter: Limiter::new(settings.max_concurrency),
            stop,
            counters: Counters::default(),
            trouble: Mutex::new(None),
            probe: OnceLock::new(),
            refused_in_a_row: AtomicU32::new(0),
        })
    }

    /// The server's address, without credentials.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Most requests in flight.
    pub(super) fn max_concurrency(&self) -> usize {
        self.settings.max_concurrency.max(1)
    }

    /// Sets the path that a healthy server answers with 200.
    pub(super) fn set_probe(&self, path: String) {
        self.probe.get_or_init(|| path);
    }

    /// GET; `None` for a 404.
    pub(super) async fn get(
        &self,
        path: String,
        query: Vec<(&'static str, String)>,
    ) -> Result<Option<Answer>, Failure> {
        match self.send(&Call::get(path, query)).await {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure::Missing(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Sends a request until there is an answer that settles it.
    pub(super) async fn send(&self, call: &Call<'_>) -> Result<Answer, Failure> {
        let url = self.url(call)?;
        let started = Instant::now();
        let mut server_errors = 0;
        let mut is_blamed = false;
        for attempt in 1_u32.. {
            let (verdict, answer, asked) = self.once(call, &url).await?;
            match verdict {
                Verdict::Done(body) => {
                    self.recovered();
                    if call.method != Method::GET {
                        self.refused_in_a_row.store(0, Ordering::Relaxed);
                    }
                    let (status, etag) = answer;
                    return Ok(Answer { status, body, etag });
                }
                Verdict::Again(Trouble::Slow) if call.slow_tries.is_some_and(|t| attempt >= t) => {
                    return Err(Failure::Refused("no answer in time".to_owned()));
                }
                Verdict::Again(trouble) => self.troubled(trouble),
                // A page in the place of JSON, after the API was there: a proxy's maintenance page.
                Verdict::NotTheApi(_) if self.probe.get().is_some() => {
                    self.troubled(Trouble::Unavailable);
                }
                Verdict::NotTheApi(what) => return Err(Failure::Fatal(self.not_the_api(&what))),
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
                    self.troubled(Trouble::ServerError);
                }
                Verdict::Conflict(message) if attempt >= CONFLICT_TRIES => {
                    return Err(Failure::Refused(message));
                }
                Verdict::Conflict(_) => {}
                Verdict::TokenRefused(message) => {
                    if started.elapsed() >= self.settings.token_grace {
                        return Err(Failure::Fatal(self.token_refused(&message)));
                    }
                    self.troubled(Trouble::TokenRefused);
                }
                Verdict::TokenUseless(message) => {
                    return Err(Failure::Fatal(self.token_refused(&message)));
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
    async fn once(
        &self,
        call: &Call<'_>,
        url: &str,
    ) -> Result<(Verdict, (u16, Option<String>), Option<Duration>), Failure> {
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
        if call.method != Method::GET {
            Counters::add(&self.counters.writes, 1);
        }
        let (status, etag, asked, content_type, body) = match exchange {
            Ok(exchange) => exchange,
            Err(error) => {
                let reply = if error.is_timeout() && !error.is_connect() {
                    Reply::Timeout
                } else {
                    Reply::NoConnection
                };
                tracing::debug!(method = %call.method, path = call.path, error = causes(&error));
                let verdict = retry::classify(&reply);
                self.learn(call.class, &verdict, sent.elapsed());
                return Ok((verdict, (0, None), None));
            }
        };
        let verdict =
            retry::classify(&Reply::Answer { status, content_type: &content_type, body: &body });
        tracing::trace!(method = %call.method, path = call.path, status, "answered");
        self.learn(call.class, &verdict, sent.elapsed());
        Ok((verdict, (status, etag), asked))
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
        let asked = header(RETRY_AFTER).as_deref().and_then(retry::retry_after);
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
        Ok(matches!(self.once(&call, &url).await?.0, Verdict::Done(_)))
    }

    fn url(&self, call: &Call<'_>) -> Result<String, Failure> {
        let text = format!("{}{}", self.base, call.path);
        let mut url = Url::parse(&text)
            .map_err(|error| Failure::Refused(format!("`{text}` is not a URL: {error}")))?;
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        // Spaces as `%20`: not every server reads `+` as one.
        let url = url.as_str().replace('+', "%20");
        let headers: usize = self.headers.values().map(HeaderValue::len).sum();
        if url.len() + headers > MAX_HEAD {
            return Err(Failure::Refused(format!(
                "the request to `{}…` would be longer than servers accept",
                text.chars().take(200).collect::<String>()
            )));
        }
        Ok(url)
    }

    fn troubled(&self, trouble: Trouble) {
        let mut state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let since = state.map_or_else(Instant::now, |(_, since)| since);
        if state.is_none_or(|(known, _)| known != trouble) {
            tracing::warn!(
                server = self.base,
                "OpenMetadata {}; waiting until it answers again",
                trouble.as_str()
            );
        }
        *state = Some((trouble, since));
    }

    fn recovered(&self) {
        let mut state = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, since)) = state.take() {
            tracing::info!(
                waited_seconds = since.elapsed().as_secs(),
                "OpenMetadata answers again"
            );
        }
    }

    fn not_the_api(&self, what: &str) -> Fatal {
        Fatal {
            message: format!(
                "`{}` {what}: it is not the API of an OpenMetadata server; set `{HOST_PORT}` to the \
                 URL that ends in `/api`, such as `http://host:8585/api`",
                self.base
            ),
            exit_code: 3,
        }
    }

    fn token_refused(&self, message: &str) -> Fatal {
        Fatal {
            message: format!(
                "OpenMetadata at `{}` refuses the token ({message}); set `{JWT}` to the current \
                 token of a bot, such as `ingestion-bot`",
                self.base
            ),
            exit_code: 3,
        }
    }

    /// The end of the line when a policy denies what the loader is there for.
    pub(super) fn forbidden(&self, what: &str, message: &str) -> Fatal {
        Fatal {
            message: format!(
                "OpenMetadata at `{}` does not allow the token's user to {what} ({message}); give \
                 `{JWT}` the token of a bot with the ingestion bot's role",
                self.base
            ),
            exit_code: 3,
        }
    }
}

type Exchange = (u16, Option<String>, Option<Duration>, String, Vec<u8>);

/// `http://host:8585/api/v1` of what is configured as `hostPort`.
fn base_url(host_port: &str) -> Result<String, String> {
    let mut url = Url::parse(host_port.trim())
        .map_err(|error| format!("`{HOST_PORT}`: `{host_port}` is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("`{HOST_PORT}`: expected `http://…/api` or `https://…/api`"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("`{HOST_PORT}`: a URL without user and password is expected"));
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/v1").unwrap_or(path);
    let path = path.strip_suffix("/api").unwrap_or(path);
    let path = format!("{path}/api/v1");
    url.set_path(&path);
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

/// An error with its causes, which name what went wrong with a connection; without the URL, whose
/// query may be long.
pub(super) fn causes(error: &reqwest::Error) -> String {
    let mut text = match error.url() {
        Some(url) => error.to_string().replace(url.as_str(), url.path()),
        None => error.to_string(),
    };
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
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
    fn base_urls() {
        let check = |text, expected: Option<&str>| {
            assert_eq!(base_url(text).ok().as_deref(), expected, "{text}");
        };
        let expected = Some("http://om:8585/api/v1");
        check("http://om:8585/api", expected);
        check("http://om:8585/api/", expected);
        check("http://om:8585/api/v1", expected);
        check("http://om:8585/api/v1/", expected);
        check("http://om:8585", expected);
        check("http://om:8585/", expected);
        check(" http://om:8585/api ", expected);
        check("https://gateway/catalog/api", Some("https://gateway/catalog/api/v1"));
        check("om:8585", None);
        check("ftp://om/api", None);
        check("http://user:secret@om/api", None);
    }

    #[test]
    fn mistakes_do_not_repeat_secrets() {
        let error = base_url("http://user:secret@om/api").expect_err("refused");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn random_stays_within_bounds() {
        assert!((0..100).map(|_| random()).all(|r| (0.0..=1.0).contains(&r)));
    }
}
