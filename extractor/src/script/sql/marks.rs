//! What in a statement tells the dialect it is written in. Only marks of what another dialect would
//! read as something else, and wrongly: an array, a comment, a column.

use super::functions::{is_higher_order, is_type};
use super::words::{Word, WordKind, close};

/// Dialects that the marks of a statement speak for, the likeliest first.
pub(super) fn dialects(text: &str, words: &[Word<'_>]) -> Vec<&'static str> {
    let quoted = |quote: u8| {
        words.iter().any(|word| {
            word.kind == WordKind::Quoted && text.as_bytes().get(word.start) == Some(&quote)
        })
    };
    let mut found = Vec::new();
    if quoted(b'[') {
        found.push("mssql");
    }
    if quoted(b'`') {
        found.extend(["mysql", "bigquery", "databricks"]);
    }
    if has_lambda(words) {
        found.extend(["databricks", "duckdb", "clickhouse"]);
    }
    if has_path(words) {
        found.extend(["snowflake", "databricks"]);
    }
    found
}

/// Whether a `#` starts no comment: that of a name, as in DB2, Oracle and SQL Server, or that of an
/// operator, as PostgreSQL's `#>>`. Where `#` starts a comment in none of the likely dialects, any
/// other is no comment either.
pub(super) fn has_hashes(words: &[Word<'_>], may_comment: bool) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let operator = || {
            words.get(at + 1).is_some_and(|next| {
                next.start == word.end && [">", "-", "="].iter().any(|sign| next.is(sign))
            })
        };
        word.kind == WordKind::Bare
            && word.text.contains('#')
            && (word.text.len() > 1 || !may_comment || operator())
    })
}

/// `CONVERT(type, value` at an index, as SQL Server and Sybase have it: index of the comma. MySQL's
/// `CONVERT(value, type)` is none, even of a column that has the name of a type.
pub(super) fn type_first(words: &[Word<'_>], at: usize) -> Option<usize> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    if !(is(at, "convert") || is(at, "try_convert")) || !is(at + 1, "(") {
        return None;
    }
    let typed = |index: usize| words.get(index).is_some_and(is_type);
    let after = |index: usize| match is(index, "(") {
        true => close(words, index).map(|close| close + 1),
        false => Some(index),
    };
    if !typed(at + 2) {
        return None;
    }
    let comma = after(at + 3)?;
    let is_last = typed(comma + 1) && is(after(comma + 2)?, ")");
    (is(comma, ",") && !is_last).then_some(comma)
}

/// `transform(list, element -> …)`.
pub(super) fn has_lambda(words: &[Word<'_>]) -> bool {
    let arrow = words.windows(2).any(|pair| match pair {
        [minus, greater] => minus.is("-") && greater.is(">") && minus.end == greater.start,
        _ => false,
    });
    arrow
        && words.windows(2).any(|pair| match pair {
            [name, open] => open.is("(") && is_higher_order(name.text),
            _ => false,
        })
}

/// `column:field`, `column[0]:field`: a path into a value.
fn has_path(words: &[Word<'_>]) -> bool {
    let mut brackets = 0_usize;
    words.windows(3).any(|three| {
        let [value, colon, field] = three else { return false };
        if value.is("[") {
            brackets += 1;
        } else if value.is("]") {
            brackets = brackets.saturating_sub(1);
        }
        colon.is(":")
            && (value.is_name() || value.is("]"))
            && field.is_name()
            && brackets == 0
            && value.end == colon.start
            && colon.end == field.start
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::words;

    #[test]
    fn marks_speak_for_dialects() {
        let of = |text: &str| dialects(text, &words::read(text)).first().copied().unwrap_or("");
        assert_eq!(of("SELECT [a b], [2023] FROM t"), "mssql");
        assert_eq!(of("SELECT a[1], ARRAY[1, 2], [1, 2] FROM t"), "");
        assert_eq!(of("SELECT '[x]' FROM t"), "");
        assert_eq!(of("SELECT `a` FROM t"), "mysql");
        assert_eq!(of("SELECT filter(a, x -> x > 1) FROM t"), "databricks");
        assert_eq!(of("SELECT f(a -> 'k') FROM t"), "");
        assert_eq!(of("SELECT v[0]:k FROM t"), "snowflake");
        assert_eq!(of("SELECT v::int, a[i:j] FROM t WHERE b = :p"), "");
    }

    #[test]
    fn the_type_comes_first_where_it_is_one() {
        let first = |text: &str| type_first(&words::read(text), 0).is_some();
        assert!(first("CONVERT(date, d)"));
        assert!(first("convert(varchar(10), d, 120)"));
        assert!(first("TRY_CONVERT(decimal(10, 2), (a + b))"));
        assert!(first("CONVERT(nvarchar(max), LEFT(date, 4))"));
        assert!(!first("CONVERT(a, CHAR)"));
        assert!(!first("CONVERT(date, CHAR(10))"));
        assert!(!first("CONVERT(date USING utf8)"));
        assert!(!first("CONVERT(date"));
    }
}
