//! Joins as some databases write them: with a cardinality, without a partner, without `ON`.

use super::words::{MAX_CALL, Word, WordKind, any, before, close, is, is_kind, is_name};

/// Index of the last word of a spelling that starts at an index, and what stands for it.
pub(super) fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    const KINDS: [&str; 9] =
        ["inner", "left", "right", "full", "cross", "join", "semi", "anti", "outer"];
    let nothing = |end: usize| Some((end, String::new()));
    let before = |texts: &[&str]| at.checked_sub(1).is_some_and(|index| any(words, index, texts));
    // HANA: `LEFT OUTER MANY TO ONE JOIN`
    if any(words, at, &["many", "one", "exact"])
        && let Some(end) = cardinality(words, at)
    {
        return nothing(end);
    }
    // DB2: the rows that have no partner.
    if is(words, at, "exception") && is(words, at + 1, "join") {
        let side = if before(&["left", "right"]) { "" } else { "left" };
        return Some((at, side.to_owned()));
    }
    // ClickHouse: `GLOBAL ANY LEFT JOIN`, `LEFT ANY JOIN`. DuckDB: `ASOF JOIN … ON`.
    const STRICT: [&str; 4] = ["any", "all", "asof", "global"];
    if any(words, at, &STRICT) && !before(&["union", "except", "intersect", "minus", ".", ","]) {
        let joins = |at: usize| any(words, at, &KINDS) && !is(words, at + 1, "(");
        let strict = joins(at + 1) || (any(words, at + 1, &STRICT) && joins(at + 2));
        let is_snowflake = is(words, at, "asof") && has_match_condition(words, at);
        let is_column = before(&["select", "on", "and", "or", "by", "where", "=", "(", "from"]);
        return (strict && !is_snowflake && !is_column).then(|| (at, String::new()));
    }
    // Informix: `FROM a, OUTER (b, c)`
    if is(words, at, "outer") && is(words, at + 1, "(") && before(&[",", "from"]) {
        return outer(words, at);
    }
    // ClickHouse: `JOIN t USING a, b`
    if is(words, at, "using") && is_name(words, at + 1) && follows_join(words, at) {
        return using(words, at);
    }
    None
}

/// Last word before the `JOIN` of `MANY TO EXACT ONE JOIN`.
fn cardinality(words: &[Word<'_>], at: usize) -> Option<usize> {
    let side = |at: usize| {
        let at = at + usize::from(is(words, at, "exact"));
        any(words, at, &["many", "one"]).then_some(at)
    };
    let left = side(at)?;
    let right = is(words, left + 1, "to").then(|| side(left + 2)).flatten()?;
    is(words, right + 1, "join").then_some(right)
}

/// Snowflake's `ASOF JOIN t MATCH_CONDITION (…)`, which is parsed.
fn has_match_condition(words: &[Word<'_>], at: usize) -> bool {
    const NEAR: usize = 16;
    words.iter().skip(at).take(NEAR).any(|word| word.is("match_condition"))
}

/// `OUTER (a x, OUTER b y)` → `(a x CROSS JOIN b y)`.
fn outer(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let end = close(words, at + 1)?;
    let mut text = String::new();
    let mut depth = 0_usize;
    for word in words.get(at + 1..=end)? {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        }
        match () {
            () if word.is(",") => text.push_str(" cross join "),
            () if word.is("outer") => {}
            // `db:owner.t`
            () if word.is(":") => text.push('.'),
            () if word.is(".") || word.is("(") || word.is(")") => text.push_str(word.text),
            () if word.kind == WordKind::Quoted => text.push_str(&format!(" \"{}\"", word.text)),
            () if word.is_name() => {
                if !text.ends_with('.') {
                    text.push(' ');
                }
                text.push_str(word.text);
            }
            // A query or a function.
            () => return None,
        }
    }
    (depth == 0).then_some((end, text))
}

/// Whether a join stands before a `USING`, and nothing that has one of its own.
fn follows_join(words: &[Word<'_>], at: usize) -> bool {
    const NEAR: usize = 64;
    let told = before(words, at, NEAR)
        .find(|&index| any(words, index, &["join", "select", "where", "on", "by"]));
    told.is_some_and(|index| is(words, index, "join"))
}

/// `USING a, b` → `USING (a, b)`.
fn using(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let mut names = Vec::new();
    let mut next = at + 1;
    for _ in 0..MAX_CALL {
        let mut name = words.get(next).filter(|word| word.is_name())?;
        while is(words, next + 1, ".") && is_name(words, next + 2) {
            next += 2;
            name = words.get(next)?;
        }
        names.push(match is_kind(words, next, WordKind::Quoted) {
            true => format!("\"{}\"", name.text),
            false => name.text.to_owned(),
        });
        if !is(words, next + 1, ",") {
            break;
        }
        next += 2;
    }
    Some((next, format!("using ({})", names.join(", "))))
}
