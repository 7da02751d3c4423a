//! Statements that write and give rows all the same: `UPDATE … OUTPUT inserted.a`, `DELETE …
//! RETURNING a`; and what an `UPDATE` puts into a table.

use std::ops::Range;

use super::TableName;
use super::words::{self, Word, any, between, close, is, is_name, outside};

/// The query for the rows that an `UPDATE` or a `DELETE` gives.
pub(super) fn rows(text: &str, words: &[Word<'_>]) -> Option<String> {
    if !any(words, 0, &["update", "delete"]) {
        return None;
    }
    let output = find(words, 0, &["output", "returning"])?;
    let list_end = find(words, output, &["into", "from", "where", "option", ";"]);
    let list = between(text, words, output + 1..list_end.unwrap_or(words.len()))?;
    let (name, after) = target(words)?;
    let tables = tables(text, words, name, after)?;
    let table = between(text, words, name..after)?;
    let old = format!("FROM {tables}, {table} inserted, {table} deleted");
    Some(match is(words, output, "returning") {
        true => format!("SELECT {list} FROM {tables}"),
        false => format!("SELECT {list} {old}"),
    })
}

/// The table that an `UPDATE` changes, and a query of the values that it puts there, by the names of
/// its columns.
pub(super) fn update(text: &str, words: &[Word<'_>]) -> Option<(TableName, String)> {
    if !is(words, 0, "update") {
        return None;
    }
    let (name, after) = target(words)?;
    let set = find(words, after, &["set"])?;
    let end = find(words, set, &["output", "from", "where", "option", ";"]);
    let end = end.unwrap_or(words.len());
    let items = words::items(words, set + 1..end).into_iter();
    let items: Vec<String> = items.filter_map(|item| assignment(text, words, item)).collect();
    if items.is_empty() {
        return None;
    }
    let tables = tables(text, words, name, after)?;
    let (name, after) = aliased(words, name, after).unwrap_or((name, after));
    let parts = words.get(name..after)?.iter().filter(|word| word.is_name());
    let name = TableName::from_parts(parts.map(|word| word.text.to_owned()).collect())?;
    Some((name, format!("SELECT {} FROM {tables}", items.join(", "))))
}

/// `t.a = b.c` as `b.c AS "a"`.
fn assignment(text: &str, words: &[Word<'_>], item: Range<usize>) -> Option<String> {
    const NAME: usize = 8;
    let Range { start: from, end: to } = item;
    let equal = (from..to.min(from + NAME)).find(|&at| is(words, at, "="))?;
    let name = words.get(from..equal)?.iter().rfind(|word| word.is_name())?.text;
    if name.starts_with('@') || name.contains('"') {
        return None;
    }
    Some(format!("{} AS \"{name}\"", between(text, words, equal + 1..to)?))
}

/// Where the name of the table that is written starts, and what comes after it.
fn target(words: &[Word<'_>]) -> Option<(usize, usize)> {
    let mut at = 1;
    if is(words, at, "top") {
        at = if is(words, at + 1, "(") { close(words, at + 1)? + 1 } else { at + 2 };
    }
    while any(words, at, &["from", "only"]) {
        at += 1;
    }
    words.get(at).filter(|word| word.is_name())?;
    let mut after = at + 1;
    while is(words, after, ".") {
        while is(words, after, ".") {
            after += 1;
        }
        after += usize::from(is_name(words, after));
    }
    Some((at, after))
}

/// The tables that a statement reads: those of its `FROM`, and the one that it writes.
fn tables(text: &str, words: &[Word<'_>], name: usize, after: usize) -> Option<String> {
    let start = after.max(find(words, 0, &["set", "output"]).unwrap_or(0));
    let end = find(words, start, &["where", "returning", "option", ";"]).unwrap_or(words.len());
    let from = find(words, start, &["from", "using"]).filter(|&from| from < end);
    // `UPDATE t x JOIN u y ON … SET …`, `DELETE FROM t x`
    let stop = find(words, after, &["set", "output", "where", "using", "returning", "option", ";"]);
    let own = between(text, words, name..stop.unwrap_or(words.len()))?;
    let Some(from) = from else { return Some(own.to_owned()) };
    let others = between(text, words, from + 1..end)?;
    let mentions = |word: &Word<'_>| {
        words.get(after - 1).is_some_and(|last| word.text.eq_ignore_ascii_case(last.text))
    };
    let told = words.get(from..end)?.iter().any(mentions);
    Some(if told { others.to_owned() } else { format!("{own}, {others}") })
}

/// The table behind an alias: `UPDATE t SET … FROM #t t`.
fn aliased(words: &[Word<'_>], name: usize, after: usize) -> Option<(usize, usize)> {
    if after != name + 1 {
        return None;
    }
    let alias = words.get(name)?.text;
    let from = find(words, after, &["from"])?;
    let at = (from + 2..words.len()).find(|&at| {
        is_name(words, at) && words.get(at).is_some_and(|it| it.text.eq_ignore_ascii_case(alias))
    })?;
    let end = at - usize::from(is(words, at - 1, "as"));
    let mut start = end.checked_sub(1).filter(|&start| is_name(words, start))?;
    if any(words, start, &["from", "join"]) {
        return None;
    }
    while start > from + 1 && is(words, start - 1, ".") {
        start -= if is_name(words, start - 2) { 2 } else { 1 };
    }
    (start > from).then_some((start, end))
}

/// Index of the first of some words outside parentheses.
fn find(words: &[Word<'_>], from: usize, texts: &[&str]) -> Option<usize> {
    outside(words, from..words.len()).find(|&at| any(words, at, texts))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::words;

    #[test]
    fn rows_of_statements_that_write() {
        let check = |text: &str, expected: &str| {
            let found = rows(text, &words::read(text));
            assert_eq!(found.as_deref().unwrap_or_default(), expected, "{text}");
        };
        check(
            "UPDATE TOP (5) dbo.Q SET t = 1 OUTPUT inserted.id WHERE t = 0",
            "SELECT inserted.id FROM dbo.Q, dbo.Q inserted, dbo.Q deleted",
        );
        check(
            "DELETE FROM dbo.Q OUTPUT deleted.id, deleted.v WHERE x = 1",
            "SELECT deleted.id, deleted.v FROM dbo.Q, dbo.Q inserted, dbo.Q deleted",
        );
        check("DELETE FROM s.q WHERE a > 1 RETURNING id, v", "SELECT id, v FROM s.q");
        check("UPDATE s.q SET a = 1 RETURNING *", "SELECT * FROM s.q");
        check("UPDATE q SET a = 1", "");
    }

    #[test]
    fn values_of_updates() {
        let check = |text: &str, table: &str, expected: &str| {
            let (name, query) = update(text, &words::read(text)).expect("an update");
            assert_eq!((name.table.as_str(), query.as_str()), (table, expected), "{text}");
        };
        check(
            "UPDATE t SET t.v = b.w, x = f(b.y, 1) FROM #t t JOIN dbo.B b ON b.i = t.i WHERE b.z = 1",
            "#t",
            "SELECT b.w AS \"v\", f(b.y, 1) AS \"x\" FROM #t t JOIN dbo.B b ON b.i = t.i",
        );
        check("UPDATE #t SET v = a + 1 WHERE b = 2", "#t", "SELECT a + 1 AS \"v\" FROM #t");
        check("UPDATE t SET v = b.w FROM b WHERE b.i = t.i", "t", "SELECT b.w AS \"v\" FROM t, b");
        check(
            "UPDATE t x JOIN b ON b.i = x.i SET x.v = b.w",
            "t",
            "SELECT b.w AS \"v\" FROM t x JOIN b ON b.i = x.i",
        );
    }
}
