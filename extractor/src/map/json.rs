//! Tolerant access to what Qlik sends: members may be missing (the engine strips empty ones), and
//! numbers may be strings.

use jiff::{Timestamp, civil, tz::TimeZone};
use schemas::event::Millis;
use serde_json::{Map, Value};

/// Qlik's "no date" (QRS), in milliseconds: 1753-01-01.
const NULL_DATE: Millis = -6_847_804_800_000;

/// Member `key`, not null.
pub(super) fn member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|member| !member.is_null())
}

/// The member that a path of keys leads to, not null.
pub(super) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| member(value, key))
}

/// Text of member `key`, when it is a string that is not blank.
pub(super) fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    member(value, key).and_then(not_blank)
}

/// Text at the end of a path, when it is a string that is not blank.
pub(super) fn text_at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    at(value, path).and_then(not_blank)
}

fn not_blank(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.trim().is_empty())
}

/// Items of member `key`; none when it is no list.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    list(value.get(key))
}

/// Items at the end of a path; none when there is no list.
pub(super) fn items_at<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    list(at(value, path))
}

fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The strings among the items of member `key`, sorted, without repetition and blanks.
pub(super) fn sorted_texts(value: &Value, key: &str) -> Vec<String> {
    let mut texts: Vec<String> =
        items(value, key).iter().filter_map(not_blank).map(str::to_owned).collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// A truth value, also as text.
pub(super) fn flag(value: &Value, key: &str) -> Option<bool> {
    match member(value, key)? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.trim().to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// A number, also as text.
pub(super) fn number(value: &Value, key: &str) -> Option<f64> {
    let number = match member(value, key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// A count: a whole number that is not negative (Qlik writes -1 for unknown).
pub(super) fn count(value: &Value) -> Option<i64> {
    let number = value.as_i64().or_else(|| {
        let float = value.as_f64().filter(|float| float.fract() == 0.0)?;
        // Beyond 2^53 a float is no count.
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
        (float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
    });
    number.filter(|number| *number >= 0)
}

/// A time in ISO 8601, without an offset in UTC; Qlik's null date is none.
pub(super) fn time(value: &Value, key: &str) -> Option<Millis> {
    let text = text(value, key)?.trim();
    let millis = match text.parse::<Timestamp>() {
        Ok(timestamp) => timestamp.as_millisecond(),
        Err(_) => {
            let civil = text.parse::<civil::DateTime>().ok()?;
            TimeZone::UTC.to_timestamp(civil).ok()?.as_millisecond()
        }
    };
    (millis > NULL_DATE).then_some(millis)
}

/// The expression in `{"qStringExpression": {"qExpr": ..}}`, where older versions have a string
/// instead of the inner object.
pub(super) fn string_expression(value: &Value) -> Option<&str> {
    let inner = member(value, "qStringExpression")?;
    not_blank(inner).or_else(|| text(inner, "qExpr"))
}

/// A text that an author may also give as an expression.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caption {
    /// The text.
    pub(super) text: Option<String>,
    /// The expression, as written.
    pub(super) expression: Option<String>,
}

impl Caption {
    /// Member `key`: a string, a string that begins with `=`, or a string expression.
    pub(super) fn of(value: &Value, key: &str) -> Self {
        let Some(caption) = member(value, key) else { return Self::default() };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        match not_blank(caption) {
            Some(text) if is_expression(text) => Self { text: None, expression: owned(Some(text)) },
            Some(text) => Self { text: owned(Some(text)), expression: None },
            None => Self { text: None, expression: owned(string_expression(caption)) },
        }
    }
}

/// Whether a string that may be either is an expression.
pub(super) fn is_expression(text: &str) -> bool {
    text.trim_start().strip_prefix('=').is_some_and(|expression| !expression.trim().is_empty())
}

/// The entries of an object sorted by key, so that nothing depends on the order of a reply.
pub(super) fn sorted(members: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(key, _)| *key);
    members
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times() {
        let check =
            |text: &str, expected| assert_eq!(time(&json!({"t": text}), "t"), expected, "{text}");
        check("2020-05-17T22:11:29.815Z", Some(1_589_753_489_815));
        check("2020-05-17T22:11:29.815+0000", Some(1_589_753_489_815));
        check("2020-05-18T00:11:29.815+02:00", Some(1_589_753_489_815));
        check("2020-05-17T22:11:29", Some(1_589_753_489_000));
        check("1753-01-01T00:00:00.000Z", None);
        check("", None);
        check("yesterday", None);
        assert_eq!(time(&json!({"t": true}), "t"), None);
    }

    #[test]
    fn captions() {
        let check = |value: Value, text: Option<&str>, expression: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            let expected = Caption { text: owned(text), expression: owned(expression) };
            assert_eq!(Caption::of(&json!({"title": value}), "title"), expected, "{value}");
        };
        check(json!("Sales"), Some("Sales"), None);
        check(json!(" "), None, None);
        check(json!("="), Some("="), None);
        check(json!("='a' & Sum(X)"), None, Some("='a' & Sum(X)"));
        check(json!({"qStringExpression": {"qExpr": "Sum(X)"}}), None, Some("Sum(X)"));
        check(json!({"qStringExpression": "=Sum(X)"}), None, Some("=Sum(X)"));
        check(json!({"qStringExpression": {"qExpr": ""}}), None, None);
        check(json!(null), None, None);
        check(json!(7), None, None);
    }

    #[test]
    fn counts() {
        assert_eq!(count(&json!(3)), Some(3));
        assert_eq!(count(&json!(3.0)), Some(3));
        assert_eq!(count(&json!(3.5)), None);
        assert_eq!(count(&json!(-1)), None);
        assert_eq!(count(&json!("NaN")), None);
    }
}
