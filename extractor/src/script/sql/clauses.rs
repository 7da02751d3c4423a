//! Clauses that only one database or another has: Oracle, DB2, PostgreSQL, SQL Server, ODBC …

use super::functions::is_made_of_arguments;
use super::spellings::is_operand;
use super::words::{MAX_CALL, Word, WordKind, any, close, is, is_kind, is_name};
use crate::script::lex::part;

/// Index of the last word of a spelling that starts at an index, and what stands for it.
pub(super) fn spelling(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let before = |texts: &[&str]| at.checked_sub(1).is_some_and(|index| any(words, index, texts));
    let nothing = |end: usize| Some((end, String::new()));
    // ODBC: `{escape '\'}`, `{guid '…'}`
    if is(words, at, "{") && is_kind(words, at + 2, WordKind::Text) && is(words, at + 3, "}") {
        let value = words.get(at + 2)?;
        let value = part(text, value.start, value.end);
        return match () {
            () if is(words, at + 1, "escape") => Some((at + 3, format!("escape {value}"))),
            () if is(words, at + 1, "guid") => Some((at + 3, value.to_owned())),
            () => None,
        };
    }
    if let Some(found) = comparison(words, at) {
        return Some(found);
    }
    // PostgreSQL
    if any(words, at, &["symmetric", "asymmetric"]) && before(&["between"]) {
        return nothing(at);
    }
    if is(words, at, "rows") && is(words, at + 1, "from") && is(words, at + 2, "(") {
        return rows_from(text, words, at);
    }
    // Oracle and PostgreSQL: how a recursive query walks.
    if is(words, at, "search") && any(words, at + 1, &["depth", "breadth"]) && before(&[")"]) {
        let set = find(words, at + 2, "set")?;
        return is_name(words, set + 1).then_some(()).and_then(|()| nothing(set + 1));
    }
    if is(words, at, "cycle") && is_name(words, at + 1) && !is(words, at + 1, "from") {
        return nothing(cycle(words, at)?);
    }
    // DB2: `FROM FINAL TABLE (UPDATE t SET …) x`: its rows.
    if any(words, at, &["final", "old", "new"]) && is(words, at + 1, "table") {
        let open = is(words, at + 2, "(").then_some(at + 2)?;
        let end = close(words, open)?;
        let (from, to) = written(words, open + 1)?;
        return Some((end, part(text, words.get(from)?.start, words.get(to)?.end).to_owned()));
    }
    // Vertica: rows filled up in equal steps of time.
    if is(words, at, "timeseries") && is(words, at + 2, "as") && is(words, at + 4, "over") {
        return is(words, at + 5, "(").then(|| close(words, at + 5)).flatten().and_then(nothing);
    }
    // Firebird: `ROWS 1 TO 100`
    if is(words, at, "rows") && is_kind(words, at + 1, WordKind::Number) {
        let end = if is(words, at + 2, "to") { at + 3 } else { at + 1 };
        let ends = words.get(end + 1).is_none() || any(words, end + 1, &[")", ";"]);
        return ends.then(|| (end, String::new()));
    }
    // Redshift
    if is(words, at, "approximate") && any(words, at + 1, &["count", "percentile_disc"]) {
        return is(words, at + 2, "(").then(|| (at, String::new()));
    }
    // `NEXT VALUE FOR sequence`; DB2: `ROW CHANGE TIMESTAMP FOR t`
    let is_next = any(words, at, &["next", "previous"]) && is(words, at + 1, "value");
    if is_next && is(words, at + 2, "for") && is_name(words, at + 3) {
        let mut end = at + 3;
        while is(words, end + 1, ".") && is_name(words, end + 2) {
            end += 2;
        }
        return Some((end, "null".to_owned()));
    }
    if is(words, at, "row") && is(words, at + 1, "change") && is(words, at + 3, "for") {
        return is_name(words, at + 4).then(|| (at + 4, "null".to_owned()));
    }
    // ClickHouse and DuckDB: `COLUMNS('^m') APPLY(f)`, columns by their names.
    if is(words, at, "columns") && is(words, at + 1, "(") && before(&["select", ","]) {
        let plain = is_kind(words, at + 2, WordKind::Text) && is(words, at + 3, ")");
        let alone = any(words, at + 4, &[",", "from", "apply"]);
        // Beside a star they are there already.
        let star =
            |at: usize| is(words, at, "*") && any(words, at.wrapping_sub(1), &["select", ","]);
        let near = at.saturating_sub(MAX_CALL)..at;
        let stands_for = if near.into_iter().any(star) { "null" } else { "*" };
        return (plain && alone).then(|| (at + 3, stands_for.to_owned()));
    }
    if is(words, at, "apply") && is(words, at + 1, "(") && before(&[")", "*", "apply"]) {
        return nothing(close(words, at + 1)?);
    }
    // SQL Server: `OPENDATASOURCE('SQLNCLI', 'Data Source=s').db.dbo.t`
    if is(words, at, "opendatasource") && is(words, at + 1, "(") {
        return data_source(words, at);
    }
    None
}

/// Comparisons of texts.
fn comparison(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let before = at.checked_sub(1).and_then(|before| words.get(before))?;
    if !(is_operand(before) || before.is(")")) || is(words, at + 1, ".") {
        return None;
    }
    let end = match () {
        // Firebird
        () if is(words, at, "containing") => at,
        () if is(words, at, "starting") && is(words, at + 1, "with") => at + 1,
        // MySQL
        () if is(words, at, "sounds") && is(words, at + 1, "like") => at + 1,
        () => return None,
    };
    let is_value = words.get(end + 1).is_some_and(|value| is_operand(value) || value.is("("));
    is_value.then(|| (end, "like".to_owned()))
}

/// First and last word of the name of the table that a statement writes.
fn written(words: &[Word<'_>], at: usize) -> Option<(usize, usize)> {
    let from = match () {
        () if is(words, at, "update") => at + 1,
        () if is(words, at, "insert") && is(words, at + 1, "into") => at + 2,
        () if is(words, at, "delete") && is(words, at + 1, "from") => at + 2,
        () => return None,
    };
    words.get(from).filter(|word| word.is_name())?;
    let mut to = from;
    while is(words, to + 1, ".") && is_name(words, to + 2) {
        to += 2;
    }
    Some((from, to))
}

/// Index of a word, not far from another and between the same parentheses.
fn find(words: &[Word<'_>], at: usize, text: &str) -> Option<usize> {
    const NEAR: usize = 64;
    (at..at + NEAR)
        .take_while(|&index| !any(words, index, &["(", ")"]))
        .find(|&index| is(words, index, text))
}

/// Names of the columns in which recursive queries count how they walk: `SEARCH … SET a`, `CYCLE …
/// SET b`. They are columns of no table.
pub(super) fn walked<'a>(words: &[Word<'a>]) -> Vec<&'a str> {
    let is_walk = |at: &usize| any(words, *at, &["search", "cycle"]);
    let sets = (1..words.len()).filter(is_walk).filter_map(|at| find(words, at + 1, "set"));
    let names = sets.filter_map(|set| words.get(set + 1).filter(|word| word.is_name()));
    names.map(|word| word.text).collect()
}

/// Such a column in the list of a query.
pub(super) fn walk(words: &[Word<'_>], at: usize, walked: &[&str]) -> Option<(usize, String)> {
    let name = words.get(at)?.text;
    let listed = any(words, at.checked_sub(1)?, &["select", ","])
        && any(words, at + 1, &[",", "from"])
        && walked.iter().any(|it| it.eq_ignore_ascii_case(name));
    listed.then(|| (at, format!("null AS {name}")))
}

/// Last word of `CYCLE a, b SET c TO 'Y' DEFAULT 'N' USING p`.
fn cycle(words: &[Word<'_>], at: usize) -> Option<usize> {
    let set = find(words, at + 1, "set")?;
    let names = words.get(at + 1..set)?;
    if !names.iter().all(|word| word.is_name() || word.is(",")) || !is_name(words, set + 1) {
        return None;
    }
    let mut end = set + 1;
    if is(words, end + 1, "to") && is(words, end + 3, "default") {
        end += 4;
    }
    if is(words, end + 1, "using") && is_name(words, end + 2) {
        end += 2;
    }
    words.get(end).map(|_| end)
}

/// `ROWS FROM (unnest(a), unnest(b)) AS t (x, y)`: functions side by side, each a column.
fn rows_from(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let end = close(words, at + 2)?;
    let mut next = at + 3;
    for _ in 0..MAX_CALL {
        let name = words.get(next).filter(|word| word.is_name())?;
        if !is_made_of_arguments(name.text) || !is(words, next + 1, "(") {
            return None;
        }
        next = close(words, next + 1)? + 1;
        if next == end {
            let calls = part(text, words.get(at + 3)?.start, words.get(end)?.start);
            return Some((end, format!("lateral (select {calls})")));
        }
        if !is(words, next, ",") {
            return None;
        }
        next += 1;
    }
    None
}

/// The name of a table behind a connection of its own: that of the server is put before it.
fn data_source(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let end = close(words, at + 1)?;
    let properties = words.get(end - 1).filter(|word| word.kind == WordKind::Text)?.text;
    let server = properties.trim_matches('\'').split(';').find_map(|property| {
        let (key, value) = property.split_once('=')?;
        let key = key.trim();
        (key.eq_ignore_ascii_case("data source") || key.eq_ignore_ascii_case("server"))
            .then(|| value.trim())
    })?;
    (is(words, end + 1, ".") && !server.contains(['"', '\'']))
        .then(|| (end, format!("\"{server}\"")))
}
