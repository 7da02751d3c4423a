//! What the HTTP sides (REST, repository, proxy) have in common.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Query;
use axum::http::{HeaderMap, Response, StatusCode, Uri, header};
use futures::stream;
use serde_json::Value;

use crate::faults::Effect;
use crate::site::Site;

/// Largest body that is read from a client.
pub(crate) const MAX_BODY: usize = 4 << 20;

/// A JSON reply.
pub(crate) fn json(status: StatusCode, value: &Value) -> Response<Body> {
    with_type(status, "application/json", value.to_string())
}

/// An HTML reply.
pub(crate) fn html(status: StatusCode, text: &str) -> Response<Body> {
    with_type(status, "text/html; charset=utf-8", text.to_owned())
}

/// A reply of a media type.
pub(crate) fn with_type(status: StatusCode, media: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static(media);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// An empty reply.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// What an engine without the route answers.
pub(crate) fn cannot_get(path: &str) -> Response<Body> {
    let text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <title>Error</title>\n</head>\n<body>\n<pre>Cannot GET {path}</pre>\n</body>\n</html>\n"
    );
    html(StatusCode::NOT_FOUND, &text)
}

/// The query's parameters; of repeated ones the last.
pub(crate) fn query(uri: &Uri) -> HashMap<String, String> {
    Query::<HashMap<String, String>>::try_from_uri(uri).map(|Query(map)| map).unwrap_or_default()
}

/// A header's text.
pub(crate) fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Counts a request, takes its time and lets a fault strike. `Some` is the reply of the fault.
pub(crate) async fn begin(
    site: &Arc<Site>,
    app: Option<&str>,
    route: &str,
) -> Option<Response<Body>> {
    site.count(|stats| *stats.http_requests.entry(route.to_owned()).or_default() += 1);
    let mut time = site.behaviour().latencies.http_ms;
    let effect = site.strike(app, route);
    if let Some(Effect::Delay { ms }) = effect {
        time += ms;
    }
    if time > 0 {
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
    match effect {
        None | Some(Effect::Delay { .. }) => None,
        Some(Effect::Error { code }) => {
            let status = u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok());
            let mut response = empty(status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
            if response.status() == StatusCode::TOO_MANY_REQUESTS {
                // A tenant says how many seconds to wait.
                let wait = header::HeaderValue::from_static("1");
                response.headers_mut().insert(header::RETRY_AFTER, wait);
            }
            Some(response)
        }
        Some(Effect::NoAnswer) => {
            site.count(|stats| stats.unanswered += 1);
            std::future::pending().await
        }
        Some(Effect::Malformed) => {
            Some(with_type(StatusCode::OK, "application/json", r#"[{"id":"#.to_owned()))
        }
        // A body that fails makes the server cut the connection.
        Some(Effect::DropSocket | Effect::CloseSocket { .. }) => {
            site.count(|stats| stats.sockets_dropped += 1);
            let broken = stream::once(async { Err::<String, _>(std::io::Error::other("cut")) });
            Some(Response::new(Body::from_stream(broken)))
        }
    }
}
