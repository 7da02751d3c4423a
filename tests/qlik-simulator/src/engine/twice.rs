//! Replies in which every key comes twice, as the engine writes some.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

/// What stands behind a key the first time.
const OVERWRITTEN: &str = "overwritten";

/// The same frame with every key of `result`, however deep, written twice. What counts is the last.
pub(super) fn written(frame: &str) -> String {
    let Ok(value) = serde_json::from_str::<Value>(frame) else { return frame.to_owned() };
    // Maps with string keys always serialize.
    serde_json::to_string(&Frame(&value)).unwrap_or_default()
}

struct Frame<'a>(&'a Value);

impl Serialize for Frame<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.0.as_object().into_iter().flatten();
        let mut out = serializer.serialize_map(None)?;
        for (key, value) in members {
            match key.as_str() {
                "result" => out.serialize_entry(key, &Twice(value))?,
                _ => out.serialize_entry(key, value)?,
            }
        }
        out.end()
    }
}

struct Twice<'a>(&'a Value);

impl Serialize for Twice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Twice)),
            Value::Object(members) => {
                let mut out = serializer.serialize_map(None)?;
                for (key, value) in members {
                    out.serialize_entry(key, OVERWRITTEN)?;
                    out.serialize_entry(key, &Twice(value))?;
                }
                out.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_key_of_a_result_comes_twice() {
        let frame = r#"{"id":1,"result":{"a":[{"b":1}]}}"#;
        let expected = r#"{"id":1,"result":{"a":"overwritten","a":[{"b":"overwritten","b":1}]}}"#;
        assert_eq!(super::written(frame), expected);
    }
}
