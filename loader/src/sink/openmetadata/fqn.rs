//! Fully qualified names: parts joined by dots, a part with a dot in double quotes. Pure.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// One part of a qualified name. There is no escape for `"` inside a part; [`names`](super::names)
/// sees to it that none of ours has one.
#[must_use]
pub(crate) fn quoted(part: &str) -> String {
    if part.contains('.') && !(part.starts_with('"') && part.ends_with('"')) {
        format!("\"{part}\"")
    } else {
        part.to_owned()
    }
}

/// Joins parts, each quoted when it has to be.
#[must_use]
pub(crate) fn join(parts: &[&str]) -> String {
    parts.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".")
}

/// A child of something whose qualified name is known.
#[must_use]
pub(super) fn child(parent: &str, part: &str) -> String {
    format!("{parent}.{}", quoted(part))
}

/// The parts of a qualified name, without quotes.
#[must_use]
pub(super) fn split(fqn: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut in_quotes = false;
    for c in fqn.chars() {
        match c {
            '"' => in_quotes = !in_quotes,
            '.' if !in_quotes => parts.push(String::new()),
            c => {
                if let Some(part) = parts.last_mut() {
                    part.push(c);
                }
            }
        }
    }
    parts
}

/// Everything outside RFC 3986's unreserved characters is encoded, `/` and `"` included.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path of the API from its segments, each percent-encoded.
#[must_use]
pub(crate) fn path(segments: &[&str]) -> String {
    segments.iter().fold(String::new(), |mut path, segment| {
        // Writing to a string cannot fail.
        write!(path, "/{}", utf8_percent_encode(segment, SEGMENT)).ok();
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_dots_are_quoted() {
        assert_eq!(join(&["svc", "model", "Sales.Orders"]), "svc.model.\"Sales.Orders\"");
        assert_eq!(join(&["svc", "Sales / Orders"]), "svc.Sales / Orders");
        assert_eq!(child("svc.model.m", "a.b"), "svc.model.m.\"a.b\"");
    }

    #[test]
    fn names_come_apart_again() {
        let check = |fqn: &str, expected: &[&str]| assert_eq!(split(fqn), expected);
        check("a.b.c", &["a", "b", "c"]);
        check("a.\"b.c\".d", &["a", "b.c", "d"]);
        check("a", &["a"]);
        check("", &[""]);
        check("a.\"b", &["a", "b"]);
    }

    #[test]
    fn paths_are_encoded_whole() {
        assert_eq!(
            path(&["dashboards", "name", "q.model.\"Sales/Orders\" ü"]),
            "/dashboards/name/q.model.%22Sales%2FOrders%22%20%C3%BC"
        );
    }
}
