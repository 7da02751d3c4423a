//! ClickHouse: `FINAL` after a table, and `ARRAY JOIN` of several columns.

use super::words::{Word, WordKind, any, before, is};

/// What stands for the words from an index on: the index of the last and the common spelling.
/// `is_alias`: the statement has a table of the name `final`.
pub(super) fn spelling(words: &[Word<'_>], at: usize, is_alias: bool) -> Option<(usize, String)> {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let any = |at: usize, texts: &[&str]| texts.iter().any(|text| is(at, text));
    if is(at, "final") && !is_alias {
        let table = at.checked_sub(1).and_then(|before| words.get(before))?;
        let ends = words.get(at + 1).is_none()
            || any(at + 1, &["where", "prewhere", "group", "order", "limit", "sample", "settings"])
            || any(at + 1, &["left", "array", "inner", "join", "on", "using", ")"]);
        let is_table = table.is_name() && !any(at - 1, &["from", "select", "as", "join", "by"]);
        return (ends && is_table && in_from(words, at)).then(|| (at, String::new()));
    }
    // `SAMPLE 1/10 OFFSET 1/2` before other clauses; Teradata ends a statement with one.
    if is(at, "sample")
        && let Some(end) = sample(words, at)
    {
        return Some((end, String::new()));
    }
    // `ARRAY JOIN a AS x, b AS y`: one join for each.
    if is(at, ",") && in_array_join(words, at) {
        return Some((at, "array join".to_owned()));
    }
    None
}

/// Last word of a `SAMPLE` that does not end a statement.
fn sample(words: &[Word<'_>], at: usize) -> Option<usize> {
    const AFTER: [&str; 14] = [
        "array", "join", "inner", "left", "right", "full", "cross", "global", "any", "prewhere",
        "where", "group", "order", "limit",
    ];
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let share = |at: usize| {
        words.get(at).filter(|word| word.kind == WordKind::Number)?;
        let parts = is(at + 1, "/") || is(at + 1, ".");
        Some(if parts { at + 2 } else { at })
    };
    let end = share(at + 1)?;
    let end = if is(end + 1, "offset") { share(end + 2)? } else { end };
    AFTER.iter().any(|after| is(end + 1, after)).then_some(end)
}

/// Whether columns are qualified by the name `final`, which then is an alias.
pub(super) fn names_final(words: &[Word<'_>]) -> bool {
    words.windows(2).any(|pair| match pair {
        [name, dot] => name.is("final") && dot.is("."),
        _ => false,
    })
}

/// Words that are looked through for the start of a clause at most.
const MAX_CLAUSE: usize = 64;

/// Whether the word before a table stands near before an index.
fn in_from(words: &[Word<'_>], at: usize) -> bool {
    let before = words.get(at.saturating_sub(8)..at).unwrap_or_default();
    before.iter().any(|word| word.is("from") || word.is("join"))
}

/// Whether a comma is one between the columns of an `ARRAY JOIN`.
fn in_array_join(words: &[Word<'_>], at: usize) -> bool {
    const CLAUSES: [&str; 10] =
        ["join", "select", "from", "where", "prewhere", "by", "on", "having", "limit", "settings"];
    let told = before(words, at, MAX_CLAUSE).find(|&index| any(words, index, &CLAUSES));
    told.is_some_and(|index| is(words, index, "join") && is(words, index.wrapping_sub(1), "array"))
}
