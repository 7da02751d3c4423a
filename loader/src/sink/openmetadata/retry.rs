//! What an answer means for the request: done, again, refused, stop. Pure.
//!
//! All our requests are idempotent, so any of them may be sent again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::client::{Wanted, read_json};

/// What came back.
#[derive(Debug)]
pub(super) enum Reply<'a> {
    /// An answer: status, content type, body, and what of it is read.
    Answer { status: u16, content_type: &'a str, body: &'a [u8], wanted: Option<Wanted> },
    /// None within the time limit.
    Timeout,
    /// No connection, or one that broke.
    NoConnection,
}

/// Why to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// No connection, or a broken one.
    Unreachable,
    /// No answer in time.
    Slow,
    /// 429.
    Throttled,
    /// 502, 503, 504, or a page instead of JSON: a proxy speaks, or the server starts.
    Unavailable,
    /// 500, whose cause may be the server or the body.
    ServerError,
    /// 401.
    TokenRefused,
}

impl Trouble {
    /// In words.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "cannot be reached",
            Self::Slow => "does not answer in time",
            Self::Throttled => "asks for fewer requests",
            Self::Unavailable => "is not available",
            Self::ServerError => "fails",
            Self::TokenRefused => "refuses the token, as it does for two minutes with a fresh one",
        }
    }

    /// Whether fewer requests at a time would help.
    pub(super) fn is_overload(self) -> bool {
        matches!(self, Self::Slow | Self::Throttled | Self::Unavailable)
    }
}

/// What to do.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// Done; the JSON of the answer, null when it is empty.
    Done(Value),
    /// Again, after a pause, for as long as needed.
    Again(Trouble),
    /// Again, a few times: the body may be the cause.
    AgainFewTimes(String),
    /// Again as it is: somebody else created the same entity at the same moment.
    Conflict(String),
    /// The token is refused, which a fresh one is for two minutes.
    TokenRefused(String),
    /// The token is refused and waiting does not help.
    TokenUseless(String),
    /// A policy denies the operation.
    Forbidden(String),
    /// There is no such thing: what the path names, or what the body refers to.
    Missing(String),
    /// The entity changed since it was read (If-Match).
    Outdated,
    /// Never: this body or path is wrong for this server.
    Refused(String),
    /// This is not the API but the UI, or another server.
    NotTheApi(String),
}

/// Classifies a reply to a request. Seen on real servers: 200, 201, 202, 400, 401, 403, 404, 405, 409,
/// 412, 414, 415 and 500. Not seen: redirects, 204, 408, 413, 422, 425, 429, 431 and 502 to 504, which
/// sources, Jetty and proxies name.
pub(super) fn classify(reply: &Reply<'_>) -> Verdict {
    let (status, content_type, body, wanted) = match *reply {
        Reply::Answer { status, content_type, body, wanted } => {
            (status, content_type, body, wanted)
        }
        Reply::Timeout => return Verdict::Again(Trouble::Slow),
        Reply::NoConnection => return Verdict::Again(Trouble::Unreachable),
    };
    let is_page = content_type.contains("html");
    let message = || message(status, body);
    match status {
        // PUT /lineage answers 200 with nothing (seen); some servers say 204.
        200..=299 if body.is_empty() => Verdict::Done(Value::Null),
        200..=299 => match read_json(body, wanted) {
            Ok(value) => Verdict::Done(value),
            // 1.12.6 answers any path outside /api with 200 and the UI's page (seen).
            Err(_) if is_page => Verdict::NotTheApi("answered with a web page".to_owned()),
            // `GET /system/health` says `OK`; nothing that this sink asks does.
            Err(error) => {
                Verdict::NotTheApi(format!("answered with something else than JSON: {error}"))
            }
        },
        300..=399 => Verdict::NotTheApi(format!("redirects ({status})")),
        // 1.2 answers a path outside /api with 404 and the UI's page (seen).
        404 if is_page => Verdict::NotTheApi("answered 404 with a web page".to_owned()),
        // Both answer a PUT outside /api with 405 and nothing (seen).
        405 if body.is_empty() => Verdict::NotTheApi("answered 405 without a body".to_owned()),
        401 if cannot_become_valid(&message()) => Verdict::TokenUseless(message()),
        401 => Verdict::TokenRefused(message()),
        403 => Verdict::Forbidden(message()),
        404 => Verdict::Missing(message()),
        408 | 425 => Verdict::Again(Trouble::Unavailable),
        409 => Verdict::Conflict(message()),
        412 => Verdict::Outdated,
        429 => Verdict::Again(Trouble::Throttled),
        // 1.2 wraps every 404, 405 and 415 of its router in a 500 (seen).
        500 if is_router_error(&message()) => Verdict::Refused(message()),
        500 => Verdict::AgainFewTimes(message()),
        502..=504 => Verdict::Again(Trouble::Unavailable),
        _ => Verdict::Refused(message()),
    }
}

/// Whether an error of the request's router is behind a 500.
fn is_router_error(message: &str) -> bool {
    ["HTTP 404 Not Found", "HTTP 405 Method Not Allowed", "HTTP 415 Unsupported"]
        .iter()
        .any(|text| message.contains(text))
}

/// Whether a token that is refused with this message stays refused.
fn cannot_become_valid(message: &str) -> bool {
    let message = message.to_lowercase();
    message.contains("not present") || message.contains("expired")
}

/// The server's words, at most [`MAX_MESSAGE`] characters of them.
fn message(status: u16, body: &[u8]) -> String {
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let text = json
        .as_ref()
        .and_then(|value| value.get("message").or_else(|| value.get("responseMessage")))
        .and_then(Value::as_str)
        .map_or_else(|| String::from_utf8_lossy(body).into_owned(), ToOwned::to_owned);
    let text = text.trim();
    let short: String = text.chars().take(MAX_MESSAGE).collect();
    if short.is_empty() { format!("{status}") } else { format!("{status}: {short}") }
}

/// Longest message that is passed on; some name every known property of a schema.
const MAX_MESSAGE: usize = 600;

/// Longest pause that a server may ask for with `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Pause before try `attempt` (from 1): doubled each time, at most `longest`, between half of it and
/// all of it as `random` in 0…1 says. What the server asked for is kept, and not exceeded more than
/// fourfold: it knows better when it has room.
pub(super) fn pause(
    attempt: u32,
    (first, longest): (Duration, Duration),
    random: f64,
    retry_after: Option<Duration>,
) -> Duration {
    let doubled = first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(20)));
    let jittered = doubled.min(longest).mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
    retry_after.map_or(jittered, |asked| {
        let asked = asked.min(MAX_RETRY_AFTER);
        jittered.min(asked.max(first).saturating_mul(4)).max(asked)
    })
}

/// Value of `Retry-After`: seconds, or a date, which is compared with the answer's own `date` where it
/// has one, since the server's clock may not be ours.
pub(super) fn retry_after(header: &str, date: Option<&str>, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = header.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = http_date(header)?;
    let now = date.and_then(http_date).unwrap_or(now);
    Some(Duration::try_from(until.duration_since(now)).unwrap_or_default())
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(status: u16, content_type: &str, body: &str, expected: &Verdict) {
        let reply = Reply::Answer { status, content_type, body: body.as_bytes(), wanted: None };
        assert_eq!(&classify(&reply), expected, "{status} {body}");
    }

    const JSON: &str = "application/json";
    const HTML: &str = "text/html;charset=utf-8";

    #[test]
    fn one_row_per_status() {
        let om = |code: u16, text: &str| json!({"code": code, "message": text}).to_string();
        check(200, JSON, "{\"a\":1}", &Verdict::Done(json!({"a": 1})));
        check(201, JSON, "{}", &Verdict::Done(json!({})));
        check(200, "", "", &Verdict::Done(Value::Null));
        check(204, "", "", &Verdict::Done(Value::Null));
        check(
            400,
            JSON,
            &om(400, "[query param name must not be null]"),
            &Verdict::Refused("400: [query param name must not be null]".into()),
        );
        check(
            400,
            "text/plain",
            "Unexpected character",
            &Verdict::Refused("400: Unexpected character".into()),
        );
        let text = "Not Authorized! The given token does not match the current bot's token!";
        check(401, JSON, &om(401, text), &Verdict::TokenRefused(format!("401: {text}")));
        check(
            401,
            JSON,
            &om(401, "Invalid token"),
            &Verdict::TokenRefused("401: Invalid token".into()),
        );
        let text = "Not Authorized! Token not present";
        check(401, JSON, &om(401, text), &Verdict::TokenUseless(format!("401: {text}")));
        check(
            401,
            JSON,
            &om(401, "Expired token!"),
            &Verdict::TokenUseless("401: Expired token!".into()),
        );
        check(403, JSON, &om(403, "not allowed"), &Verdict::Forbidden("403: not allowed".into()));
        let text = "chart instance for s.c not found";
        check(404, JSON, &om(404, text), &Verdict::Missing(format!("404: {text}")));
        check(405, JSON, &om(405, "HTTP 405"), &Verdict::Refused("405: HTTP 405".into()));
        check(408, "", "", &Verdict::Again(Trouble::Unavailable));
        check(409, JSON, &om(409, "exists"), &Verdict::Conflict("409: exists".into()));
        check(412, JSON, &om(412, "modified"), &Verdict::Outdated);
        check(413, HTML, "", &Verdict::Refused("413".into()));
        check(414, HTML, "URI Too Long", &Verdict::Refused("414: URI Too Long".into()));
        check(422, JSON, "{\"errors\":[]}", &Verdict::Refused("422: {\"errors\":[]}".into()));
        check(425, "", "", &Verdict::Again(Trouble::Unavailable));
        check(429, "", "", &Verdict::Again(Trouble::Throttled));
        check(431, "", "", &Verdict::Refused("431".into()));
        check(500, JSON, &om(500, "null"), &Verdict::AgainFewTimes("500: null".into()));
        check(502, HTML, "<html>", &Verdict::Again(Trouble::Unavailable));
        check(503, "", "", &Verdict::Again(Trouble::Unavailable));
        check(504, "", "", &Verdict::Again(Trouble::Unavailable));
        assert_eq!(classify(&Reply::Timeout), Verdict::Again(Trouble::Slow));
        assert_eq!(classify(&Reply::NoConnection), Verdict::Again(Trouble::Unreachable));
    }

    #[test]
    fn a_500_of_the_router_is_not_tried_again() {
        let body = json!({"responseMessage":
            "An exception with message [HTTP 405 Method Not Allowed] was thrown while processing request."});
        assert!(matches!(
            classify(&Reply::Answer {
                status: 500,
                content_type: JSON,
                wanted: None,
                body: body.to_string().as_bytes()
            }),
            Verdict::Refused(_)
        ));
    }

    #[test]
    fn a_wrong_base_url_is_recognised() {
        let not_the_api = |status, content_type, body: &str| {
            let reply = Reply::Answer { status, content_type, body: body.as_bytes(), wanted: None };
            assert!(matches!(classify(&reply), Verdict::NotTheApi(_)), "{status} {body}");
        };
        not_the_api(200, HTML, "<!doctype html><html></html>");
        not_the_api(404, HTML, "<!doctype html><html></html>");
        not_the_api(405, "", "");
        not_the_api(302, "", "");
        not_the_api(200, "text/plain", "hello");
    }

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let pause = |attempt, random, asked| {
            pause(attempt, (Duration::from_secs(1), Duration::from_secs(10)), random, asked)
                .as_millis()
        };
        assert_eq!(pause(1, 1.0, None), 1000);
        assert_eq!(pause(1, 0.0, None), 500);
        assert_eq!(pause(3, 1.0, None), 4000);
        assert_eq!(pause(60, 1.0, None), 10_000);
        assert_eq!(pause(1, 1.0, Some(Duration::from_secs(7))), 7000);
        assert_eq!(pause(1, 1.0, Some(Duration::from_secs(9999))), 300_000);
        assert_eq!(pause(60, 1.0, Some(Duration::from_secs(2))), 8000);
        assert_eq!(pause(60, 1.0, Some(Duration::ZERO)), 4000);
        let now = "2026-10-21T07:27:30Z".parse().expect("a time");
        let check = |header, date, expected: Option<u64>| {
            let found = retry_after(header, date, now);
            assert_eq!(found, expected.map(Duration::from_secs), "{header} {date:?}");
        };
        check(" 12 ", None, Some(12));
        check("Wed, 21 Oct 2026 07:28:00 GMT", None, Some(30));
        check("Wed, 21 Oct 2026 07:27:00 GMT", None, Some(0));
        // The server's clock is an hour behind.
        let date = Some("Wed, 21 Oct 2026 06:27:30 GMT");
        check("Wed, 21 Oct 2026 06:27:50 GMT", date, Some(20));
        check("Wed, 21 Oct 2026 07:28:00 GMT", Some("yesterday"), Some(30));
        check("soon", None, None);
        check("-1", None, None);
    }
}
