//! The transport: HTTP/1.1 connections, faults, latency, compression.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::Api;
use crate::control;
use crate::faults::{self, Effect, Faults};
use crate::http::{Answer, Request};
use crate::log::Log;

/// The largest body that is read. The real server has no limit; this keeps a mistake from filling the memory.
const LARGEST_BODY: usize = 256 * 1024 * 1024;

/// The largest head (request line and headers) that is answered: Jetty's header limit in the server's
/// configuration.
const LARGEST_HEAD: usize = 8 * 1024;

/// Answers shorter than this are not compressed, as in the real server.
const SMALLEST_COMPRESSED: usize = 256;

/// How long a request that is under way may take when the simulator stops; one that a fault holds back for an hour
/// must not keep a test from ending.
const GRACE: Duration = Duration::from_secs(2);

/// What a connection needs.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) api: Arc<Api>,
    pub(crate) faults: Faults,
    pub(crate) log: Arc<Log>,
}

/// Which port a connection came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    Api,
    Admin,
}

/// The connection is closed without an answer.
#[derive(Debug)]
struct Dropped;

impl std::fmt::Display for Dropped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is dropped on purpose")
    }
}

impl std::error::Error for Dropped {}

/// Accepts connections until `stop`.
pub(crate) async fn accept(
    listener: TcpListener,
    port: Port,
    served: Served,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let accepted = tokio::select! {
            // Stopping comes first so that no connection is taken that nobody will serve.
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "no-delay not set");
                }
                let (served, stop) = (served.clone(), stop.clone());
                tasks.spawn(connection(TokioIo::new(stream), port, served, stop));
            }
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to be closed.
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
}

async fn connection(
    io: TokioIo<tokio::net::TcpStream>,
    port: Port,
    served: Served,
    stop: CancellationToken,
) {
    let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
        let served = served.clone();
        async move {
            match port {
                Port::Api => served.answer(request).await,
                Port::Admin => Ok(response(control::admin(request.uri().path()), false)),
            }
        }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .title_case_headers(true)
        .serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(GRACE, connection).await {
                Ok(ended) => ended,
                Err(_) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

impl Served {
    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<Response<Body>, Dropped> {
        let (head, body) = request.into_parts();
        let compress = accepts_gzip(&head.headers);
        if head_size(&head) > LARGEST_HEAD {
            // Recorded: the newer server closes the connection, the older one says why.
            if self.api.rules.plain_errors {
                return Err(Dropped);
            }
            let page = "<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>";
            return Ok(response(Answer::html(414, page), false));
        }
        let body =
            axum::body::to_bytes(Body::new(body), LARGEST_BODY).await.map_err(|_| Dropped)?;
        let (method, path) = (head.method.as_str(), head.uri.path());
        if path == "/simulator" || path.starts_with("/simulator/") {
            return Ok(response(control::answer(self, method, path, &body), compress));
        }
        let latency = self.faults.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        let effect = self.faults.meet(method, path, &body);
        let request = Request {
            method,
            path,
            query: head.uri.query().unwrap_or_default(),
            token: bearer(&head.headers),
            content_type: text(&head.headers, &header::CONTENT_TYPE),
            if_match: text(&head.headers, &header::IF_MATCH),
            host: text(&head.headers, &header::HOST).unwrap_or("localhost:8585"),
            body: &body,
        };
        let (answer, delay) = self.met(&request, effect.as_ref());
        let (answer, route) = answer.unzip();
        let target = head.uri.path_and_query().map_or(path, |target| target.as_str());
        let status = answer.as_ref().map(|answer: &Answer| answer.status);
        self.log.note(method, target, &body, status, route.flatten().as_ref());
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        let compress = compress && effect != Some(Effect::Cut);
        answer.map(|answer| response(answer, compress)).ok_or(Dropped)
    }

    /// Carries out the request, or what the fault makes of it: the answer (none when the connection is dropped)
    /// and how long it is held back.
    fn met(
        &self,
        request: &Request<'_>,
        effect: Option<&Effect>,
    ) -> (Option<(Answer, Option<crate::api::Route>)>, Duration) {
        let plain = self.api.rules.plain_errors;
        let instead = |answer: Answer| Some((answer, self.api.route_of(request)));
        let outcome = match effect {
            None => Some(self.api.answer(request)),
            Some(Effect::Status { status, retry_after }) => {
                instead(faults::answer(*status, *retry_after, plain))
            }
            Some(Effect::StatusUntil { status, seconds }) => {
                let answer = faults::answer(*status, None, plain);
                instead(match faults::date_in(*seconds) {
                    Some(date) => answer.with_header("retry-after", date),
                    None => answer,
                })
            }
            Some(Effect::StatusAfter { status }) => {
                let (_, route) = self.api.answer(request);
                Some((faults::answer(*status, None, plain), route))
            }
            Some(Effect::Html) => instead(faults::page()),
            Some(Effect::Drop) => None,
            Some(Effect::DropAfter) => {
                self.api.answer(request);
                None
            }
            Some(Effect::Cut) => {
                let (answer, route) = self.api.answer(request);
                Some((answer.cut(), route))
            }
            Some(Effect::Slow { millis }) => {
                return (Some(self.api.answer(request)), Duration::from_millis(*millis));
            }
        };
        (outcome, Duration::ZERO)
    }
}

fn head_size(head: &axum::http::request::Parts) -> usize {
    let target = head.uri.path_and_query().map_or(0, |target| target.as_str().len());
    let headers: usize =
        head.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    head.method.as_str().len() + target + " HTTP/1.1\r\n".len() + 1 + headers
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    text(headers, &header::AUTHORIZATION)?.strip_prefix("Bearer ").map(str::trim)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    text(headers, &header::ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip"))
}

fn response(answer: Answer, compress: bool) -> Response<Body> {
    let compressed = if compress && answer.body.len() >= SMALLEST_COMPRESSED {
        gzip(&answer.body)
    } else {
        None
    };
    let encoded = compressed.is_some();
    let mut response = Response::new(Body::from(Bytes::from(compressed.unwrap_or(answer.body))));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(content_type) = answer.content_type {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if encoded {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

fn gzip(body: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}
