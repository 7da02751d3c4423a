//! Filters of the repository: `published eq true and stream.name eq 'Finance'`.
//!
//! Operators are `eq ne gt ge lt le`, `so` (contains), `sw` (starts with), `ew` (ends with), joined
//! with `and` and `or`, grouped with parentheses. Strings are in single quotes, which are doubled
//! inside; `@Name` is a custom property. A path through a list matches when one of its items does.

use std::cmp::Ordering;
use std::collections::HashMap;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde_json::{Number, Value};

use crate::http;

/// Deepest nesting of parentheses.
const MAX_DEPTH: usize = 32;

/// A parsed filter; none matches everything.
#[derive(Debug, PartialEq)]
pub(super) struct Filter(Option<Expression>);

/// The text is no filter.
#[derive(Debug)]
pub(super) struct InvalidFilter;

impl InvalidFilter {
    pub(super) fn reply(&self) -> Response<Body> {
        http::html(StatusCode::BAD_REQUEST, "<h1>Bad Request</h1>Invalid filter")
    }
}

#[derive(Debug, PartialEq)]
enum Expression {
    And(Vec<Self>),
    Or(Vec<Self>),
    Compare(String, Operator, Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
    Contains,
    StartsWith,
    EndsWith,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Text(String),
}

impl Filter {
    /// The filter of a query.
    pub(super) fn of_query(query: &HashMap<String, String>) -> Result<Self, InvalidFilter> {
        match query.get("filter").map(|text| text.trim()).filter(|text| !text.is_empty()) {
            None => Ok(Self(None)),
            Some(text) => Self::parse(text).ok_or(InvalidFilter),
        }
    }

    /// Matches everything.
    pub(super) fn all() -> Self {
        Self(None)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn matches(&self, record: &Value) -> bool {
        self.0.as_ref().is_none_or(|expression| expression.matches(record))
    }

    /// The text that a path must equal in whatever matches, when there is one.
    pub(super) fn required(&self, path: &str) -> Option<&str> {
        self.0.as_ref()?.required(path)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut tokens = tokens(text)?;
        tokens.reverse();
        let expression = any(&mut tokens, 0)?;
        tokens.is_empty().then_some(Self(Some(expression)))
    }
}

/// Tokens are taken from the end of the list.
fn any(tokens: &mut Vec<Token>, depth: usize) -> Option<Expression> {
    let mut parts = vec![all(tokens, depth)?];
    while is_word(tokens.last(), "or") {
        tokens.pop();
        parts.push(all(tokens, depth)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(Expression::Or(parts)) }
}

fn all(tokens: &mut Vec<Token>, depth: usize) -> Option<Expression> {
    let mut parts = vec![one(tokens, depth)?];
    while is_word(tokens.last(), "and") {
        tokens.pop();
        parts.push(one(tokens, depth)?);
    }
    if parts.len() == 1 { parts.pop() } else { Some(Expression::And(parts)) }
}

fn one(tokens: &mut Vec<Token>, depth: usize) -> Option<Expression> {
    if depth > MAX_DEPTH {
        return None;
    }
    match tokens.pop()? {
        Token::Open => {
            let inner = any(tokens, depth + 1)?;
            (tokens.pop()? == Token::Close).then_some(inner)
        }
        Token::Word(path) => {
            let Token::Word(operator) = tokens.pop()? else { return None };
            let operator = match operator.to_ascii_lowercase().as_str() {
                "eq" => Operator::Eq,
                "ne" => Operator::Ne,
                "gt" => Operator::Gt,
                "ge" => Operator::Ge,
                "lt" => Operator::Lt,
                "le" => Operator::Le,
                "so" => Operator::Contains,
                "sw" => Operator::StartsWith,
                "ew" => Operator::EndsWith,
                _ => return None,
            };
            let value = match tokens.pop()? {
                Token::Text(text) => Value::String(text),
                Token::Word(word) => literal(word),
                Token::Open | Token::Close => return None,
            };
            Some(Expression::Compare(path, operator, value))
        }
        Token::Close | Token::Text(_) => None,
    }
}

fn is_word(token: Option<&Token>, expected: &str) -> bool {
    matches!(token, Some(Token::Word(word)) if word.eq_ignore_ascii_case(expected))
}

/// A bare word: boolean, number, or a GUID or time without quotes.
fn literal(word: String) -> Value {
    match word.to_ascii_lowercase().as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        lower => match lower.parse::<Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => Value::String(word),
        },
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(&c) = chars.peek() {
        match c {
            c if c.is_whitespace() => {
                chars.next();
            }
            '(' => {
                chars.next();
                tokens.push(Token::Open);
            }
            ')' => {
                chars.next();
                tokens.push(Token::Close);
            }
            '\'' => {
                chars.next();
                let mut value = String::new();
                loop {
                    match chars.next()? {
                        '\'' if chars.next_if_eq(&'\'').is_some() => value.push('\''),
                        '\'' => break,
                        other => value.push(other),
                    }
                }
                tokens.push(Token::Text(value));
            }
            _ => {
                let mut word = String::new();
                while let Some(c) =
                    chars.next_if(|&c| !c.is_whitespace() && !matches!(c, '(' | ')' | '\''))
                {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Some(tokens)
}

impl Expression {
    fn required(&self, path: &str) -> Option<&str> {
        match self {
            Self::And(all) => all.iter().find_map(|one| one.required(path)),
            Self::Or(_) => None,
            Self::Compare(compared, operator, value) => {
                (compared == path && *operator == Operator::Eq).then(|| value.as_str())?
            }
        }
    }

    fn matches(&self, record: &Value) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.matches(record)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(record)),
            Self::Compare(path, operator, wanted) => {
                let found = values(record, path);
                if *operator == Operator::Ne {
                    return found.iter().all(|value| order(value, wanted) != Some(Ordering::Equal));
                }
                found.iter().any(|value| compare(value, *operator, wanted))
            }
        }
    }
}

fn compare(value: &Value, operator: Operator, wanted: &Value) -> bool {
    let order = order(value, wanted);
    let (text, part) = (value.as_str().unwrap_or_default(), wanted.as_str().unwrap_or_default());
    match operator {
        Operator::Eq => order == Some(Ordering::Equal),
        Operator::Ne => order != Some(Ordering::Equal),
        Operator::Gt => order == Some(Ordering::Greater),
        Operator::Ge => order.is_some_and(Ordering::is_ge),
        Operator::Lt => order == Some(Ordering::Less),
        Operator::Le => order.is_some_and(Ordering::is_le),
        Operator::Contains => text.contains(part),
        Operator::StartsWith => text.starts_with(part),
        Operator::EndsWith => text.ends_with(part),
    }
}

/// Order of two values of the same kind; times in ISO order like their texts.
pub(super) fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        // `published eq 'true'`
        (Value::Bool(left), Value::String(right)) => {
            Some(left.cmp(&right.eq_ignore_ascii_case("true")))
        }
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        _ => None,
    }
}

/// The values at a path, through lists.
pub(super) fn values<'a>(record: &'a Value, path: &str) -> Vec<&'a Value> {
    if let Some(property) = path.strip_prefix('@') {
        let properties = record.get("customProperties").and_then(Value::as_array);
        return properties
            .into_iter()
            .flatten()
            .filter(|own| own.pointer("/definition/name").and_then(Value::as_str) == Some(property))
            .filter_map(|own| own.get("value"))
            .collect();
    }
    let mut found = vec![record];
    for name in path.split('.') {
        let mut next = Vec::new();
        for value in found {
            match value {
                Value::Array(list) => next.extend(list.iter().filter_map(|item| item.get(name))),
                other => next.extend(other.get(name)),
            }
        }
        found = next;
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(filter: &str, expected: bool) {
        let record = json!({
            "id": "b4f9", "name": "Bob's app", "published": true, "fileSize": 10,
            "modifiedDate": "2026-01-02T00:00:00.000Z", "stream": {"name": "Finance"},
            "tags": [{"name": "a"}, {"name": "b"}],
            "customProperties": [{"value": "Prod", "definition": {"name": "Env"}}],
        });
        let parsed = Filter::parse(filter).unwrap_or_else(|| panic!("{filter} is a filter"));
        assert_eq!(parsed.matches(&record), expected, "{filter}");
    }

    #[test]
    fn matches() {
        check("published eq true", true);
        check("published eq false", false);
        check("name eq 'Bob''s app'", true);
        check("stream.name eq 'Finance' and published eq true", true);
        check("stream.name eq 'Finance' and published eq false", false);
        check("published eq false or fileSize gt 9", true);
        check("(published eq false or fileSize gt 9) and name sw 'Bob'", true);
        check("name so 'zzz'", false);
        check("name ew 'app'", true);
        check("modifiedDate ge '2026-01-02T00:00:00.000Z'", true);
        check("modifiedDate gt '2026-01-02T00:00:00.000Z'", false);
        check("id eq b4f9", true);
        check("tags.name eq 'b'", true);
        check("tags.name ne 'b'", false);
        check("@Env eq 'Prod'", true);
        check("nothing eq 'x'", false);
    }

    #[test]
    fn what_is_no_filter() {
        for text in ["published", "published eq", "name eq 'x", "(a eq 1", "a eq 1)", "a is 1"] {
            assert_eq!(Filter::parse(text), None, "{text}");
        }
        let deep = format!("{}a eq 1{}", "(".repeat(500), ")".repeat(500));
        assert_eq!(Filter::parse(&deep), None);
    }

    #[test]
    fn an_equality_that_must_hold_is_found() {
        let check = |text: &str, expected: Option<&str>| {
            let filter = Filter::parse(text).expect("a filter");
            assert_eq!(filter.required("app.id"), expected, "{text}");
        };
        check("app.id eq 'b4f9'", Some("b4f9"));
        check("enabled eq true and app.id eq 'b4f9'", Some("b4f9"));
        check("enabled eq true or app.id eq 'b4f9'", None);
        check("app.id ne 'b4f9'", None);
        check("app.name eq 'b4f9'", None);
    }
}
