//! JSON-RPC as the engine speaks it: requests with positional or named parameters, replies with
//! `change`, errors with code, parameter and message.

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::{Map, Value, json};

/// A request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: Value,
    pub(crate) handle: i64,
    pub(crate) method: String,
    params: Params,
    /// The client wants results as JSON patches.
    delta: bool,
    /// The client wants empty members of properties as well.
    pub(crate) return_empty: bool,
}

#[derive(Clone, Debug)]
enum Params {
    Positional(Vec<Value>),
    Named(Map<String, Value>),
}

/// What a method answers.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) result: Map<String, Value>,
    /// Handles whose state changed.
    pub(crate) change: Vec<i64>,
    /// Whether `title` of a `qMeasure` is written twice, as the engine does in layouts.
    pub(crate) duplicate_titles: bool,
}

/// An error of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RpcError {
    pub(crate) code: i64,
    pub(crate) parameter: String,
}

pub(crate) const NOT_FOUND: i64 = 2;
pub(crate) const ACCESS_DENIED: i64 = 5;
pub(crate) const ABORTED: i64 = 15;
pub(crate) const APP_ALREADY_OPEN: i64 = 1002;
pub(crate) const APP_NOT_FOUND: i64 = 1003;
pub(crate) const APP_INVALID: i64 = 1007;
pub(crate) const APP_ALREADY_OPEN_IN_DIFFERENT_MODE: i64 = 1009;
pub(crate) const NO_LICENSE: i64 = 5009;
pub(crate) const INVALID_REQUEST: i64 = -32600;
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
pub(crate) const INVALID_PARAMS: i64 = -32602;
pub(crate) const PARSE_ERROR: i64 = -32700;

impl Request {
    /// Reads a frame. The error comes with the id to answer to, null when none could be read.
    pub(crate) fn parse(text: &str) -> Result<Self, (Value, RpcError)> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| (Value::Null, RpcError::new(PARSE_ERROR, error.to_string())))?;
        let id = value.get("id").cloned().unwrap_or(Value::Null);
        let invalid = |what: &str| (id.clone(), RpcError::new(INVALID_REQUEST, what));
        let Value::Object(mut request) = value else { return Err(invalid("no object")) };
        if !id.is_number() && !id.is_string() {
            return Err(invalid("id"));
        }
        let Some(Value::String(method)) = request.remove("method") else {
            return Err(invalid("method"));
        };
        let params = match request.remove("params") {
            None | Some(Value::Null) => Params::Positional(Vec::new()),
            Some(Value::Array(list)) => Params::Positional(list),
            Some(Value::Object(map)) => Params::Named(map),
            Some(_) => return Err(invalid("params")),
        };
        let flag = |key: &str| request.get(key).and_then(Value::as_bool).unwrap_or(false);
        Ok(Self {
            handle: request.get("handle").and_then(Value::as_i64).unwrap_or(-1),
            delta: flag("delta"),
            return_empty: flag("return_empty"),
            id,
            method,
            params,
        })
    }

    /// The parameter at a position or of a name.
    pub(crate) fn param(&self, index: usize, name: &str) -> Option<&Value> {
        match &self.params {
            Params::Positional(list) => list.get(index),
            Params::Named(map) => map.get(name),
        }
    }

    /// A parameter that must be a string.
    pub(crate) fn text(&self, index: usize, name: &str) -> Result<&str, RpcError> {
        self.param(index, name)
            .and_then(Value::as_str)
            .ok_or_else(|| RpcError::new(INVALID_PARAMS, name))
    }

    /// An optional boolean parameter; absent is false.
    pub(crate) fn flag(&self, index: usize, name: &str) -> bool {
        self.param(index, name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The reply frame.
    pub(crate) fn reply(&self, outcome: Result<Outcome, RpcError>) -> String {
        match outcome {
            Ok(outcome) => self.success(outcome),
            Err(error) => error.reply(&self.id),
        }
    }

    fn success(&self, outcome: Outcome) -> String {
        let mut result = Value::Object(outcome.result);
        if let (true, Value::Object(members)) = (self.delta, &mut result) {
            for member in members.values_mut() {
                let value = member.take();
                *member = json!([{"op": "add", "path": "/", "value": value}]);
            }
        }
        let frame = Frame {
            id: &self.id,
            delta: self.delta,
            result: Body { value: &result, twice: outcome.duplicate_titles && !self.delta },
            change: &outcome.change,
        };
        // Maps with string keys and JSON values always serialize.
        serde_json::to_string(&frame).unwrap_or_default()
    }
}

impl Outcome {
    /// A result with one member.
    pub(crate) fn one(name: &str, value: impl Into<Value>) -> Self {
        let mut result = Map::new();
        result.insert(name.to_owned(), value.into());
        Self { result, ..Self::default() }
    }

    /// `qReturn` with a handle, which the engine also lists as changed when it is new.
    pub(crate) fn object(kind: &str, handle: i64, generic_type: &str, id: &str, new: bool) -> Self {
        let mut value = Map::new();
        value.insert("qType".into(), kind.into());
        value.insert("qHandle".into(), handle.into());
        if !generic_type.is_empty() {
            value.insert("qGenericType".into(), generic_type.into());
        }
        value.insert("qGenericId".into(), id.into());
        let change = if new { vec![handle] } else { Vec::new() };
        Self { change, ..Self::one("qReturn", Value::Object(value)) }
    }

    /// The answer for an object that does not exist: no error.
    pub(crate) fn no_object() -> Self {
        Self::one("qReturn", json!({"qType": null, "qHandle": null}))
    }
}

impl RpcError {
    pub(crate) fn new(code: i64, parameter: impl Into<String>) -> Self {
        Self { code, parameter: parameter.into() }
    }

    pub(crate) fn reply(&self, id: &Value) -> String {
        let error = json!({
            "code": self.code, "parameter": self.parameter, "message": message(self.code),
        });
        json!({"jsonrpc": "2.0", "id": id, "error": error}).to_string()
    }
}

fn message(code: i64) -> &'static str {
    match code {
        NOT_FOUND => "Not found",
        ACCESS_DENIED => "Access denied",
        6 => "Out of memory",
        ABORTED => "Request aborted",
        APP_ALREADY_OPEN => "App already open",
        APP_NOT_FOUND => "App not found",
        APP_INVALID => "App invalid",
        1008 => "Connection failed",
        APP_ALREADY_OPEN_IN_DIFFERENT_MODE => "App already open in different mode",
        1015 => "App size exceeded",
        4000 => "User access denied",
        5006 => "Server busy",
        NO_LICENSE => "No token",
        9003 => "File not found",
        11000 => "Reload in progress",
        INVALID_REQUEST => "Invalid request",
        METHOD_NOT_FOUND => "Method not found",
        INVALID_PARAMS => "Invalid params",
        -32604 => "Response too large",
        PARSE_ERROR => "Parse error",
        _ => "Internal engine error",
    }
}

struct Frame<'a> {
    id: &'a Value,
    delta: bool,
    result: Body<'a>,
    change: &'a [i64],
}

impl Serialize for Frame<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("jsonrpc", "2.0")?;
        map.serialize_entry("id", self.id)?;
        if self.delta {
            map.serialize_entry("delta", &true)?;
        }
        map.serialize_entry("result", &self.result)?;
        if !self.change.is_empty() {
            map.serialize_entry("change", self.change)?;
        }
        map.end()
    }
}

/// A value that, with `twice`, writes the key `title` of every `qMeasure` twice.
struct Body<'a> {
    value: &'a Value,
    twice: bool,
}

impl Serialize for Body<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Value::Object(map) = self.value else { return self.value.serialize(serializer) };
        if !self.twice {
            return self.value.serialize(serializer);
        }
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in map {
            match value {
                Value::Object(measure) if key == "qMeasure" => {
                    out.serialize_entry(key, &DuplicateTitle(measure))?;
                }
                value => out.serialize_entry(key, &Body { value, twice: true })?,
            }
        }
        out.end()
    }
}

/// An object that writes its key `title` twice.
struct DuplicateTitle<'a>(&'a Map<String, Value>);

impl Serialize for DuplicateTitle<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in self.0 {
            out.serialize_entry(key, value)?;
            if key == "title" {
                out.serialize_entry(key, value)?;
            }
        }
        out.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(request: &str, outcome: Result<Outcome, RpcError>) -> String {
        Request::parse(request).expect("a request").reply(outcome)
    }

    #[test]
    fn parameters_by_position_and_name() {
        for params in [r#"["a", true]"#, r#"{"qId": "a", "qFlag": true}"#] {
            let text = format!(r#"{{"id": 1, "handle": 3, "method": "M", "params": {params}}}"#);
            let request = Request::parse(&text).expect("a request");
            assert_eq!(request.text(0, "qId"), Ok("a"));
            assert!(request.flag(1, "qFlag"));
            assert_eq!(
                request.text(2, "qOther"),
                Err(RpcError { code: INVALID_PARAMS, parameter: "qOther".into() })
            );
        }
    }

    #[test]
    fn what_is_no_request_is_answered() {
        let check = |text: &str, code: i64| {
            let (_, error) = Request::parse(text).expect_err("an error");
            assert_eq!(error.code, code, "{text}");
        };
        check("{", PARSE_ERROR);
        check("[]", INVALID_REQUEST);
        check(r#"{"method": "M"}"#, INVALID_REQUEST);
        check(r#"{"id": 1}"#, INVALID_REQUEST);
        check(r#"{"id": 1, "method": "M", "params": 7}"#, INVALID_REQUEST);
    }

    #[test]
    fn replies() {
        assert_eq!(
            reply(
                r#"{"id": 2, "method": "OpenDoc"}"#,
                Ok(Outcome::object("Doc", 1, "", "x", true))
            ),
            r#"{"jsonrpc":"2.0","id":2,"result":{"qReturn":{"qGenericId":"x","qHandle":1,"qType":"Doc"}},"change":[1]}"#,
        );
        assert_eq!(
            reply(
                r#"{"id": 2, "method": "M", "delta": true}"#,
                Ok(Outcome::one("qLayout", json!({"a": 1})))
            ),
            r#"{"jsonrpc":"2.0","id":2,"delta":true,"result":{"qLayout":[{"op":"add","path":"/","value":{"a":1}}]}}"#,
        );
        let mut outcome = Outcome::one("qLayout", json!({"qMeasure": {"title": "t"}}));
        outcome.duplicate_titles = true;
        assert_eq!(
            reply(r#"{"id": 2, "method": "GetLayout"}"#, Ok(outcome)),
            r#"{"jsonrpc":"2.0","id":2,"result":{"qLayout":{"qMeasure":{"title":"t","title":"t"}}}}"#,
        );
        assert_eq!(
            reply(
                r#"{"id": 3, "method": "GetActiveDoc"}"#,
                Err(RpcError::new(APP_INVALID, "No active document"))
            ),
            r#"{"error":{"code":1007,"message":"App invalid","parameter":"No active document"},"id":3,"jsonrpc":"2.0"}"#,
        );
    }
}
