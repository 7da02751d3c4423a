//! ClickHouse: `WITH expression AS name SELECT name`, and `a ? b : c`.

use super::spellings::is_operand;
use super::words::{MAX_CALL, Word, any, close, close_within, is, is_name};
use crate::script::lex::part;

/// Longest statement that comes of putting expressions in, and how many there may be.
const MAX_TEXT: usize = 64 * 1024;
const MAX_NAMES: usize = 100;

/// The statement with the expressions themselves for the names that its `WITH` gives them; `None`
/// when it names only queries.
pub(super) fn expanded(text: &str, words: &[Word<'_>]) -> Option<String> {
    if !is(words, 0, "with") {
        return None;
    }
    let mut names: Vec<(&str, String)> = Vec::new();
    let mut queries: Vec<String> = Vec::new();
    let mut at = 1 + usize::from(is(words, 1, "recursive"));
    loop {
        let from = words.get(at)?.start;
        if let Some(end) = query(words, at) {
            let of_query = words.get(at..=end)?;
            queries.push(replaced(text, of_query, &names)?);
            at = end + 1;
        } else {
            let r#as = expression(words, at).filter(|_| names.len() < MAX_NAMES)?;
            let name = words.get(r#as + 1)?.text;
            let value = words.get(at..r#as)?;
            let value = match names.is_empty() {
                true => part(text, from, words.get(r#as)?.start).to_owned(),
                false => replaced(text, value, &names)?,
            };
            names.push((name, format!("({})", value.trim())));
            at = r#as + 2;
        }
        if !is(words, at, ",") {
            break;
        }
        at += 1;
    }
    if names.is_empty() {
        return None;
    }
    let rest = replaced(text, words.get(at..)?, &names)?;
    let with =
        if queries.is_empty() { String::new() } else { format!("WITH {} ", queries.join(", ")) };
    Some(format!("{with}{rest}"))
}

/// Last word of a query with its name, `name (columns) AS (SELECT …)`, that starts at an index.
fn query(words: &[Word<'_>], at: usize) -> Option<usize> {
    if !is_name(words, at) {
        return None;
    }
    let r#as = if is(words, at + 1, "(") { close(words, at + 1)? + 1 } else { at + 1 };
    let mut open = r#as + 1;
    while any(words, open, &["not", "materialized"]) {
        open += 1;
    }
    (is(words, r#as, "as") && is(words, open, "("))
        .then(|| close_within(words, open, usize::MAX))
        .flatten()
}

/// Index of the `AS` after an expression that has a name.
fn expression(words: &[Word<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at).take(MAX_CALL) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.checked_sub(1)?;
        } else if depth == 0 && word.is("as") {
            let ends = any(words, index + 2, &[",", "select", "(", "from"]);
            return (index > at && ends && is_name(words, index + 1)).then_some(index);
        } else if depth == 0 && any(words, index, &["select", ";"]) {
            return None;
        }
    }
    None
}

/// The text of some words with names replaced; in a list of columns they stay their names.
fn replaced(text: &str, words: &[Word<'_>], names: &[(&str, String)]) -> Option<String> {
    const CLAUSES: [&str; 9] =
        ["from", "where", "prewhere", "group", "order", "having", "limit", "union", "settings"];
    let mut out = String::new();
    let mut from = words.first()?.start;
    // Whether each open parenthesis is in the list of a query.
    let mut lists = vec![false];
    for (at, word) in words.iter().enumerate() {
        if word.is("(") {
            lists.push(false);
        } else if word.is(")") && lists.len() > 1 {
            lists.pop();
        } else if let Some(list) = lists.last_mut() {
            if word.is("select") {
                *list = true;
            } else if CLAUSES.iter().any(|each| word.is(each)) {
                *list = false;
            }
        }
        let before = at.wrapping_sub(1);
        let Some((name, value)) =
            names.iter().find(|(name, _)| word.is_name() && *name == word.text)
        else {
            continue;
        };
        if any(words, before, &[".", "as"]) || any(words, at + 1, &["(", "."]) {
            continue;
        }
        out.push_str(part(text, from, word.start));
        out.push_str(value);
        let whole = any(words, before, &["select", "distinct", ","])
            && (any(words, at + 1, &[",", "from"]) || at + 1 == words.len());
        if whole && lists.last() == Some(&true) {
            out.push_str(" AS ");
            out.push_str(name);
        }
        from = word.end;
        if out.len() > MAX_TEXT {
            return None;
        }
    }
    out.push_str(part(text, from, words.last()?.end));
    Some(out)
}

/// The statement with `if(a, b, c)` for `a ? b : c`; `None` when it has none.
pub(super) fn conditions(text: &str, words: &[Word<'_>]) -> Option<String> {
    if !words.iter().any(|word| word.is("?")) {
        return None;
    }
    // What is put before each word, and whether a comma stands in its place.
    let mut before = vec![(0_usize, 0_usize); words.len() + 1];
    let mut commas = vec![false; words.len()];
    for (at, _) in words.iter().enumerate().filter(|(_, word)| word.is("?")) {
        let Some((from, colon, end)) = condition(words, at) else { continue };
        let (Some(opened), Some(first), Some(second)) =
            (before.get_mut(from), commas.get(at), commas.get(colon))
        else {
            continue;
        };
        if *first || *second {
            continue;
        }
        opened.1 += 1;
        before.get_mut(end)?.0 += 1;
        *commas.get_mut(at)? = true;
        *commas.get_mut(colon)? = true;
    }
    let mut out = String::new();
    let mut from = 0;
    for (at, word) in words.iter().enumerate() {
        let (closed, opened) = *before.get(at)?;
        if closed + opened > 0 {
            out.push_str(part(text, from, word.start));
            out.push_str(&") ".repeat(closed));
            out.push_str(&"if(".repeat(opened));
            from = word.start;
        }
        if *commas.get(at)? {
            out.push_str(part(text, from, word.start));
            out.push(',');
            from = word.end;
        }
    }
    out.push_str(part(text, from, text.len()));
    out.push_str(&")".repeat(before.last()?.0));
    Some(out)
}

/// Where the condition before a `?` starts, its `:`, and what comes after the last value.
fn condition(words: &[Word<'_>], at: usize) -> Option<(usize, usize, usize)> {
    const BEFORE: [&str; 12] = [
        "select", "distinct", ",", "where", "prewhere", "on", "having", "by", "then", "else", "?",
        ":",
    ];
    const AFTER: [&str; 11] =
        [",", "from", "as", "then", "when", "end", "else", "order", "group", "limit", "having"];
    let mut depth = 0_usize;
    let mut start = 0;
    for index in (at.saturating_sub(MAX_CALL)..at).rev() {
        let opens = is(words, index, "(");
        if (opens || any(words, index, &BEFORE)) && depth == 0 {
            start = index + 1;
            break;
        }
        depth += usize::from(is(words, index, ")"));
        depth = depth.saturating_sub(usize::from(opens));
    }
    depth = 0;
    let mut colon = None;
    let mut nested = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at + 1).take(MAX_CALL) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            let Some(outside) = depth.checked_sub(1) else { return Some((start, colon?, index)) };
            depth = outside;
        } else if depth == 0 && word.is("?") {
            nested += 1;
        } else if depth == 0 && word.is(":") {
            match nested.checked_sub(1) {
                Some(outside) => nested = outside,
                None => colon = colon.or(Some(index)),
            }
        } else if depth == 0
            && colon.is_some()
            && nested == 0
            && (AFTER.iter().any(|each| word.is(each)) || is_alias(words, index))
        {
            return Some((start, colon?, index));
        }
    }
    Some((start, colon?, words.len()))
}

/// Whether a name stands right behind a value.
fn is_alias(words: &[Word<'_>], at: usize) -> bool {
    let value = |word: &Word<'_>| is_operand(word) || word.is(")") || word.is("]");
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    words.get(at).is_some_and(|word| word.is_name() && is_operand(word))
        && before.is_some_and(value)
        && !any(words, at, &["div", "mod", "xor", "interval"])
        && !any(words, at.wrapping_sub(1), &["div", "mod", "xor", "interval"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::words;

    #[test]
    fn names_of_expressions_are_replaced() {
        let check = |text: &str, expected: &str| {
            let found = expanded(text, &words::read(text)).unwrap_or_else(|| text.to_owned());
            assert_eq!(found, expected, "{text}");
        };
        check(
            "WITH f(d) AS m SELECT m, s.m, g(m) x FROM s",
            "SELECT (f(d)) AS m, s.m, g((f(d))) x FROM s",
        );
        check(
            "WITH (SELECT max(v) FROM u) AS mx, t AS (SELECT a FROM v WHERE b > mx) SELECT a FROM t GROUP BY mx",
            "WITH t AS (SELECT a FROM v WHERE b > ((SELECT max(v) FROM u))) SELECT a FROM t GROUP BY ((SELECT max(v) FROM u))",
        );
        check("WITH 1 AS a, a + 1 AS b SELECT b", "SELECT ((1) + 1) AS b");
        check("WITH t AS (SELECT 1) SELECT a FROM t", "WITH t AS (SELECT 1) SELECT a FROM t");
        check("WITH t (a) AS (SELECT 1) SELECT a", "WITH t (a) AS (SELECT 1) SELECT a");
        check("WITH f(", "WITH f(");
    }

    #[test]
    fn conditions_become_calls() {
        let check = |text: &str, expected: &str| {
            let found = conditions(text, &words::read(text)).unwrap_or_else(|| text.to_owned());
            let squeezed: Vec<&str> = found.split_whitespace().collect();
            assert_eq!(squeezed.join(" "), expected, "{text}");
        };
        check("SELECT a ? b : c AS x FROM t", "SELECT if(a , b , c ) AS x FROM t");
        check("SELECT (a > (1) ? f(b, c) : d), e", "SELECT (if(a > (1) , f(b, c) , d) ), e");
        check("SELECT a ? b : c ? d : e FROM t", "SELECT if(a , b , if(c , d , e ) ) FROM t");
        check("SELECT a ? b : c x, d FROM t", "SELECT if(a , b , c ) x, d FROM t");
        check("WHERE a = ? AND b", "WHERE a = ? AND b");
    }
}
