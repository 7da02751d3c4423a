//! JSON-RPC as the engine speaks it: requests, replies and what an error code means. Pure.

use std::borrow::Cow;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::class::Class;

/// Handle of the Global object, the only one that is known beforehand.
pub(super) const GLOBAL: i64 = -1;

/// Text of a request. `delta` is left out: with it, results come as patches.
pub(super) fn request(id: u64, handle: i64, method: &str, params: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "handle": handle, "method": method, "params": params})
        .to_string()
}

/// Text of the request that gives up request `id`; its own reply does not matter.
pub(super) fn cancel(own_id: u64, id: u64) -> String {
    request(own_id, GLOBAL, "CancelRequest", &json!([id]))
}

/// One message of the engine.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// Reply to a request.
    Reply {
        /// Id of the request.
        id: u64,
        /// `result`, or `error`.
        outcome: Result<Reply, EngineError>,
    },
    /// Something said unasked.
    Notification {
        /// Method.
        method: String,
        /// Parameters.
        params: Value,
    },
    /// Nothing for us: handles that changed, or an id that is not ours.
    Ignored,
}

/// `result` of a reply as text. A list of all apps is large: as values it would take ten times as much.
pub(super) struct Reply(Box<RawValue>);

impl Reply {
    /// JSON text.
    pub(super) fn text(&self) -> &str {
        self.0.get()
    }

    /// Values.
    ///
    /// # Errors
    /// It is nested too deeply.
    pub(super) fn value(&self) -> Result<Value, serde_json::Error> {
        value(self.text())
    }
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        self.value().ok() == other.value().ok()
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.text())
    }
}

/// The members of a message that matter.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Envelope {
    id: Option<Value>,
    result: Option<Box<RawValue>>,
    error: Option<Value>,
    method: Option<Value>,
    params: Option<Value>,
}

impl Incoming {
    /// Reads a message. Duplicate keys are tolerated (the last counts), and so are halves of surrogate
    /// pairs, which the engine sends when a text was cut in the middle of a character.
    ///
    /// # Errors
    /// The text is not JSON.
    pub(super) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let message = match serde_json::from_str::<Envelope>(text) {
            Ok(message) => message,
            // No object, a key twice on the outermost level, or half a character.
            Err(_) => Envelope::of_value(value(text)?)?,
        };
        if let Some(id) = message.id.as_ref().and_then(Value::as_u64) {
            let outcome = match message.error {
                Some(error) => Err(EngineError::from_value(&error)),
                None => Ok(Reply(message.result.unwrap_or_else(|| RawValue::NULL.to_owned()))),
            };
            return Ok(Self::Reply { id, outcome });
        }
        match message.method {
            Some(Value::String(method)) => {
                Ok(Self::Notification { method, params: message.params.unwrap_or(Value::Null) })
            }
            _ => Ok(Self::Ignored),
        }
    }
}

impl Envelope {
    fn of_value(value: Value) -> Result<Self, serde_json::Error> {
        let Value::Object(mut message) = value else { return Ok(Self::default()) };
        let mut member = |key: &str| message.remove(key).filter(|value| !value.is_null());
        Ok(Self {
            result: member("result").map(|result| to_raw_value(&result)).transpose()?,
            id: member("id"),
            error: member("error"),
            method: member("method"),
            params: member("params"),
        })
    }
}

/// Reads JSON, with halves of surrogate pairs replaced.
pub(super) fn value(text: &str) -> Result<Value, serde_json::Error> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(error) => match replace_lone_surrogates(text) {
            Cow::Owned(repaired) => serde_json::from_str(&repaired),
            Cow::Borrowed(_) => Err(error),
        },
    }
}

/// Error that the engine answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("error {code}: {}", self.text())]
pub struct EngineError {
    /// `LOCERR_…` number.
    pub code: i64,
    /// What it is about; often empty.
    pub parameter: String,
    /// The engine's own words.
    pub message: String,
}

impl EngineError {
    /// "No such thing".
    pub const NOT_FOUND: i64 = 2;
    /// The request was aborted because something else changed; Qlik's clients just ask again.
    pub const ABORTED: i64 = 15;
    /// A document is already open in this session.
    pub const APP_ALREADY_OPEN: i64 = 1002;
    /// The app is open in this session with, or without, data.
    pub const APP_OPEN_IN_OTHER_MODE: i64 = 1009;

    fn from_value(value: &Value) -> Self {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        Self {
            code: value.get("code").and_then(Value::as_i64).unwrap_or(-1),
            parameter: text("parameter"),
            message: text("message"),
        }
    }

    fn text(&self) -> String {
        match (self.message.as_str(), self.parameter.as_str()) {
            ("", "") => "no message".to_owned(),
            (message, "") => message.to_owned(),
            ("", parameter) => parameter.to_owned(),
            (message, parameter) => format!("{message} ({parameter})"),
        }
    }

    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self.code {
            2 => Class::NotFound,
            5 => Class::Denied,
            15 => Class::Repeat,
            7 | 16 | 18 | 21 | 1002 | 1009 => Class::Reconnect,
            17 | 20 | -32601 => Class::Missing,
            401 | 403 => Class::Denied,
            404 | 410 => Class::NotFound,
            408 | 429 | 500 | 502..=504 => Class::Later,
            1003 => Class::NotFound,
            1008 | 1018 => Class::Later,
            4000 | 12004 => Class::Denied,
            5005 | 5006 => Class::Later,
            5000..=5009 => Class::Setup,
            9011 | 9012 | 11000 => Class::Later,
            -1 | -128 => Class::Later,
            _ => Class::Failed,
        }
    }

    /// How long to wait before the same request is sent again after `attempt` attempts (1 for the
    /// first); `None` when it is not to be sent again.
    pub(super) fn retry_after(&self, attempt: u32) -> Option<Duration> {
        match self.code {
            // At once, three times, as all of Qlik's clients do.
            Self::ABORTED => (attempt <= 3).then_some(Duration::ZERO),
            // Once, for what is usually over by then.
            -1 | -128 | 1008 | 1018 => (attempt <= 1).then_some(Duration::from_millis(250)),
            // A busy server or a locked object: 1, 2, 4 s.
            _ if self.class() == Class::Later => {
                (attempt <= 3).then(|| Duration::from_secs(1 << (attempt.max(1) - 1)))
            }
            _ => None,
        }
    }
}

/// Replaces `\uD8xx` escapes without their other half by U+FFFD, which JSON parsers insist on.
fn replace_lone_surrogates(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut repaired: Option<Vec<u8>> = None;
    let mut position = 0;
    while position < bytes.len() {
        if bytes.get(position) != Some(&b'\\') {
            position += 1;
            continue;
        }
        let Some(unit) = escaped_unit(bytes, position) else {
            // Another escape: the character after the backslash is not the start of one.
            position += 2;
            continue;
        };
        let paired = (0xD800..0xDC00).contains(&unit)
            && escaped_unit(bytes, position + 6).is_some_and(|low| (0xDC00..0xE000).contains(&low));
        if paired {
            position += 12;
            continue;
        }
        if (0xD800..0xE000).contains(&unit) {
            let target = repaired.get_or_insert_with(|| bytes.to_vec());
            if let Some(escape) = target.get_mut(position..position + 6) {
                escape.copy_from_slice(b"\\uFFFD");
            }
        }
        position += 6;
    }
    match repaired.map(String::from_utf8) {
        Some(Ok(repaired)) => Cow::Owned(repaired),
        _ => Cow::Borrowed(text),
    }
}

/// Value of an escape at `position`: `\u` and four hexadecimal digits.
fn escaped_unit(bytes: &[u8], position: usize) -> Option<u32> {
    let digits = bytes.get(position..position + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(digits).ok()?;
    if digits.starts_with('+') {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(id: u64, result: Value) -> Incoming {
        Incoming::Reply { id, outcome: Ok(Reply(to_raw_value(&result).unwrap())) }
    }

    #[test]
    fn messages() {
        let check = |text: &str, expected: Incoming| {
            assert_eq!(Incoming::parse(text).unwrap(), expected, "{text}");
        };
        check(
            r#"{"jsonrpc":"2.0","id":7,"result":{"a":1},"change":[1]}"#,
            reply(7, json!({"a": 1})),
        );
        check(r#"{"id":7,"result":{"t":1,"t":2}}"#, reply(7, json!({"t": 2})));
        check(r#"{"id":7}"#, reply(7, Value::Null));
        check(r#"{"id":6,"result":1,"id":7,"result":2}"#, reply(7, json!(2)));
        check(r#"{"id":7,"error":null,"result":1}"#, reply(7, json!(1)));
        check(
            r#"{"id":7,"error":{"code":2,"parameter":"qId","message":"Not found"}}"#,
            Incoming::Reply {
                id: 7,
                outcome: Err(EngineError {
                    code: 2,
                    parameter: "qId".to_owned(),
                    message: "Not found".to_owned(),
                }),
            },
        );
        check(
            r#"{"jsonrpc":"2.0","method":"OnConnected","params":{"x":1}}"#,
            Incoming::Notification { method: "OnConnected".to_owned(), params: json!({"x": 1}) },
        );
        for ignored in [r#"{"change":[1,2]}"#, r#"{"close":[3]}"#, "[]", "1", r#"{"id":-7}"#] {
            check(ignored, Incoming::Ignored);
        }
        assert!(Incoming::parse("<html>").is_err());
    }

    #[test]
    fn halves_of_characters_do_not_spoil_a_message() {
        let check = |text: &str, expected: &str| match Incoming::parse(text) {
            Ok(Incoming::Reply { outcome: Ok(reply), .. }) => {
                assert_eq!(reply.value().unwrap(), expected);
            }
            other => panic!("{text}: {other:?}"),
        };
        check(r#"{"id":1,"result":"a\ud83db"}"#, "a\u{FFFD}b");
        check(r#"{"id":1,"result":"\udc00 \ud83d\ude00"}"#, "\u{FFFD} \u{1F600}");
        check(r#"{"id":1,"result":"\ud83d\ud83d\ude00"}"#, "\u{FFFD}\u{1F600}");
        check(r#"{"id":1,"result":"\\ud83d \ud83d"}"#, "\\ud83d \u{FFFD}");
        check(r#"{"id":1,"result":"é\ud83d"}"#, "é\u{FFFD}");
        assert!(Incoming::parse(r#"{"id":1,"result":"\ud8"#).is_err());
    }

    #[test]
    fn what_a_code_means() {
        let error = |code| EngineError { code, parameter: String::new(), message: String::new() };
        for (code, class) in [
            (2, Class::NotFound),
            (5, Class::Denied),
            (6, Class::Failed),
            (15, Class::Repeat),
            (16, Class::Reconnect),
            (17, Class::Missing),
            (429, Class::Later),
            (1002, Class::Reconnect),
            (1003, Class::NotFound),
            (1015, Class::Failed),
            (4000, Class::Denied),
            (5005, Class::Later),
            (5007, Class::Setup),
            (9011, Class::Later),
            (11000, Class::Later),
            (-32601, Class::Missing),
            (-128, Class::Later),
            (987_654, Class::Failed),
        ] {
            assert_eq!(error(code).class(), class, "{code}");
        }
        let waits = |code| (1..=5).map_while(|n| error(code).retry_after(n)).collect::<Vec<_>>();
        assert_eq!(waits(15), [Duration::ZERO; 3]);
        assert_eq!(waits(-128).len(), 1);
        assert_eq!(waits(11000), [1, 2, 4].map(Duration::from_secs));
        assert_eq!(waits(2).len(), 0);
    }

    #[test]
    fn requests() {
        let parsed: Value =
            serde_json::from_str(&request(3, 1, "GetObject", &json!(["a"]))).unwrap();
        assert_eq!(
            parsed,
            json!({"jsonrpc": "2.0", "id": 3, "handle": 1, "method": "GetObject", "params": ["a"]})
        );
        let parsed: Value = serde_json::from_str(&cancel(4, 3)).unwrap();
        assert_eq!(
            parsed,
            json!({"jsonrpc": "2.0", "id": 4, "handle": -1, "method": "CancelRequest", "params": [3]})
        );
    }
}
