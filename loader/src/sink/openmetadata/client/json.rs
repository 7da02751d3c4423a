//! Reading answers: only what is wanted of them, since most of what a list says is nobody's business
//! here, and making it into values is what reading costs. Pure.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Names of members to keep wherever they are; what is below the others is not looked at.
pub(in super::super) type Wanted = &'static [&'static str];

/// Reads JSON; with `wanted`, of objects only these members.
pub(in super::super) fn read(body: &[u8], wanted: Option<Wanted>) -> serde_json::Result<Value> {
    let Some(wanted) = wanted else { return serde_json::from_slice(body) };
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Keep(wanted).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Keep(Wanted);

impl<'de> DeserializeSeed<'de> for Keep {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Keep {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            kept.push(item);
        }
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = members.next_key_seed(Name(self.0))? {
            match name {
                Some(name) => {
                    kept.insert(name.to_owned(), members.next_value_seed(self)?);
                }
                None => {
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Value::Object(kept))
    }
}

/// The name of a member, if it is wanted.
struct Name(Wanted);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a member")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.iter().copied().find(|wanted| *wanted == name))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn wanted_members_are_kept_at_any_depth_and_nothing_else() {
        let text = json!({
            "data": [{"id": "a", "name": "n", "deleted": false, "columns": [{"name": "c"}]}, null],
            "paging": {"total": 3, "after": "x"},
            "owner": {"id": "o"},
        })
        .to_string();
        let check = |wanted, expected: Value| {
            assert_eq!(read(text.as_bytes(), wanted).expect("JSON"), expected);
        };
        check(
            Some(&["data", "id", "deleted", "paging", "after"]),
            json!({"data": [{"id": "a", "deleted": false}, null], "paging": {"after": "x"}}),
        );
        check(Some(&[]), json!({}));
        check(None, serde_json::from_str(&text).expect("JSON"));
    }

    #[test]
    fn what_is_no_json_is_none() {
        for text in ["", "{", "{\"a\": 1", "{\"a\": 1} x", "<html>", "{\"b\": [1,}"] {
            assert!(read(text.as_bytes(), Some(&["a"])).is_err(), "{text}");
            assert!(read(text.as_bytes(), None).is_err(), "{text}");
        }
        let deep = "[".repeat(100_000);
        assert!(read(deep.as_bytes(), Some(&[])).is_err());
    }
}
