//! A JSON value that keeps the order of its keys.
//!
//! The real server names the first unknown property of a body and echoes free objects, so order matters here;
//! `serde_json` keeps it only with a feature that would change every other crate of the workspace.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Number;

/// A JSON value. Depth is bounded by `serde_json`'s recursion limit (128).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    List(Vec<Self>),
    Object(Vec<(Box<str>, Self)>),
}

impl Json {
    /// The member `key`; a null counts as absent. The last of several equal keys wins, as in Jackson.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .rev()
                .find(|(name, _)| &**name == key)
                .map(|(_, value)| value)
                .filter(|value| !value.is_null()),
            _ => None,
        }
    }

    /// A string, or a number or boolean as its text, as Jackson coerces them.
    pub(crate) fn text(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self {
            Self::Text(text) => Some((&**text).into()),
            Self::Number(number) => Some(number.to_string().into()),
            Self::Bool(flag) => Some(flag.to_string().into()),
            _ => None,
        }
    }

    /// [`Self::text`] of the member `key`.
    pub(crate) fn text_of(&self, key: &str) -> Option<Box<str>> {
        self.get(key).and_then(Self::text).map(|text| text.into_owned().into_boxed_str())
    }

    /// The items of a list, none of anything else.
    pub(crate) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The items of the list `key`, none when it is absent.
    pub(crate) fn items_of(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::items)
    }

    /// The members of an object, none of anything else.
    pub(crate) fn members(&self) -> &[(Box<str>, Self)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    pub(crate) fn integer_of(&self, key: &str) -> Option<i64> {
        match self.get(key) {
            Some(Self::Number(number)) => number.as_i64(),
            _ => None,
        }
    }

    pub(crate) fn flag_of(&self, key: &str) -> bool {
        matches!(self.get(key), Some(Self::Bool(true)))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Sets the member `key` of an object (anything else becomes an object).
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        if !matches!(self, Self::Object(_)) {
            *self = Self::Object(Vec::new());
        }
        if let Self::Object(members) = self {
            match members.iter_mut().find(|(name, _)| &**name == key) {
                Some(member) => member.1 = value,
                None => members.push((key.into(), value)),
            }
        }
    }

    /// Equality that ignores the order of keys.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Object(mine), Self::Object(theirs)) => {
                mine.len() == theirs.len()
                    && mine.iter().all(|(key, value)| {
                        theirs.iter().any(|(other, found)| other == key && value.same(found))
                    })
            }
            (Self::List(mine), Self::List(theirs)) => {
                mine.len() == theirs.len() && mine.iter().zip(theirs).all(|(a, b)| a.same(b))
            }
            _ => self == other,
        }
    }

    /// The JSON text.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        // Writing into memory cannot fail, and every key is a string.
        serde_json::to_writer(out, self).unwrap_or_default();
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (key, value) in members {
                    map.serialize_entry(&**key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values)
    }
}

struct Values;

impl<'de> Visitor<'de> for Values {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text.into_boxed_str()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Json>()? {
            members.push((key.into_boxed_str(), value));
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Json {
        serde_json::from_str(text).expect(text)
    }

    #[test]
    fn order_of_keys_survives() {
        let text = r#"{"b":1,"a":[null,true,-2,1.5,"x\"y"],"c":{"z":{},"y":[]}}"#;
        let mut out = Vec::new();
        parse(text).write(&mut out);
        assert_eq!(String::from_utf8(out).expect("UTF-8"), text);
    }

    #[test]
    fn last_key_wins_and_null_is_absent() {
        assert_eq!(parse(r#"{"a":1,"a":2}"#).integer_of("a"), Some(2));
        assert_eq!(parse(r#"{"a":null}"#).get("a"), None);
    }

    #[test]
    fn sameness_ignores_order() {
        fn check(a: &str, b: &str, same: bool) {
            assert_eq!(parse(a).same(&parse(b)), same, "{a} {b}");
        }
        check(r#"{"a":1,"b":[{"c":1,"d":2}]}"#, r#"{"b":[{"d":2,"c":1}],"a":1}"#, true);
        check(r#"{"a":1}"#, r#"{"a":1,"b":2}"#, false);
        check("[1,2]", "[2,1]", false);
    }
}
