//! What some databases spell in a way of their own and the parser does not know, put the common way.
//! Only what says nothing of where values come from is left out.

use super::words::{Word, WordKind};
use crate::script::lex::part;

/// The text with common spellings; `None` when it has no other.
pub(super) fn common(text: &str, words: &[Word<'_>]) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    let mut index = 0;
    while index < words.len() {
        let Some((end, instead)) = spelling(words, index) else {
            index += 1;
            continue;
        };
        let (Some(first), Some(last)) = (words.get(index), words.get(end)) else { break };
        out.push_str(part(text, from, first.start));
        out.push(' ');
        out.push_str(&instead);
        out.push(' ');
        from = last.end;
        index = end + 1;
    }
    if from == 0 {
        return None;
    }
    out.push_str(part(text, from, text.len()));
    Some(out)
}

/// Index of the last word of a spelling that starts at an index, and what stands for it.
fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let any = |index: usize, texts: &[&str]| texts.iter().any(|text| is(index, text));
    let before = |texts: &[&str]| at.checked_sub(1).is_some_and(|index| any(index, texts));
    let nothing = |end: usize| Some((end, String::new()));
    // Oracle: `SELECT UNIQUE`, `KEEP (DENSE_RANK LAST ORDER BY d)`, `ON OVERFLOW TRUNCATE '…'`.
    if is(at, "unique") && before(&["select"]) {
        return Some((at, "distinct".to_owned()));
    }
    if is(at, "keep") && is(at + 1, "(") && is(at + 2, "dense_rank") {
        return nothing(close(words, at + 1)?);
    }
    if is(at, "on") && is(at + 1, "overflow") && any(at + 2, &["truncate", "error"]) {
        let end = (at + 3..words.len()).find(|&end| is(end, ")"))?;
        return nothing(end - 1);
    }
    // Teradata: `expression (NAMED x)`, `(TITLE 'x')`.
    let is_name = |index: usize| words.get(index).is_some_and(Word::is_name);
    let is_text = |index: usize| words.get(index).is_some_and(|word| word.kind == WordKind::Text);
    if is(at, "(") && is(at + 1, "named") && is_name(at + 2) && is(at + 3, ")") {
        return Some((at + 3, format!("as {}", words.get(at + 2)?.text)));
    }
    if is(at, "(") && is(at + 1, "title") && is_text(at + 2) && is(at + 3, ")") {
        return nothing(at + 3);
    }
    // DB2: `CURRENT DATE - 30 DAYS`.
    if is(at, "current") && any(at + 1, &["date", "time", "timestamp"]) && !is(at + 2, "zone") {
        return Some((at + 1, format!("current_{}", words.get(at + 1)?.text)));
    }
    const UNITS: [&str; 14] = [
        "year",
        "years",
        "month",
        "months",
        "day",
        "days",
        "hour",
        "hours",
        "minute",
        "minutes",
        "second",
        "seconds",
        "microsecond",
        "microseconds",
    ];
    let counted = at.checked_sub(2).is_some_and(|sign| any(sign, &["+", "-"]))
        && words.get(at - 1).is_some_and(|word| word.kind == WordKind::Number)
        // `INTERVAL -1 DAY` is everybody's.
        && !at.checked_sub(3).is_some_and(|interval| is(interval, "interval"));
    if counted && any(at, &UNITS) {
        return nothing(at);
    }
    // Snowflake: `IDENTIFIER('db.schema.table')`, `TABLE('db.schema.table')`.
    let from = || before(&["from", "join", ","]);
    if (is(at, "identifier") || (is(at, "table") && from()))
        && is(at + 1, "(")
        && is_text(at + 2)
        && is(at + 3, ")")
    {
        return Some((at + 3, words.get(at + 2)?.text.trim_matches('\'').to_owned()));
    }
    // Oracle: `ORDER SIBLINGS BY`, `CONNECT BY NOCYCLE`, the cells of a `MODEL`.
    if (is(at, "siblings") && is(at + 1, "by")) || (is(at, "nocycle") && before(&["by"])) {
        return nothing(at);
    }
    const MODEL: [&str; 7] =
        ["partition", "dimension", "reference", "ignore", "keep", "unique", "return"];
    if is(at, "model") && any(at + 1, &MODEL) {
        return nothing(model(words, at));
    }
    // Teradata: `a ** 2`, `a MOD 2`.
    if is(at, "*")
        && is(at + 1, "*")
        && words.get(at)?.end == words.get(at + 1)?.start
        && at.checked_sub(1).is_some_and(|index| is_operand(words, index))
    {
        return Some((at + 1, "^".to_owned()));
    }
    if is(at, "mod")
        && at.checked_sub(1).is_some_and(|index| is_operand(words, index))
        && (is(at + 1, "(") || is_operand(words, at + 1))
    {
        return Some((at, "%".to_owned()));
    }
    // SQL Server: `INNER HASH JOIN`.
    if any(at, &["loop", "hash", "merge", "remote"])
        && is(at + 1, "join")
        && before(&["inner", "left", "right", "full", "outer"])
    {
        return nothing(at);
    }
    None
}

/// Last word of a `MODEL` clause: an `ORDER BY` after it stays.
fn model(words: &[Word<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            if depth == 0 {
                return index - 1;
            }
            depth -= 1;
        } else if depth == 0 && word.is("order") {
            return index - 1;
        }
    }
    words.len() - 1
}

/// Whether a word ends or starts a value, so that an operator may stand beside it.
fn is_operand(words: &[Word<'_>], at: usize) -> bool {
    const KEYWORDS: [&str; 18] = [
        "select", "distinct", "and", "or", "not", "when", "then", "else", "by", "on", "where",
        "having", "as", "from", "in", "between", "like", "all",
    ];
    let Some(word) = words.get(at) else { return false };
    match word.kind {
        WordKind::Number | WordKind::Quoted => true,
        WordKind::Bare => !KEYWORDS.iter().any(|keyword| word.is(keyword)),
        WordKind::Symbol => word.is(")"),
        WordKind::Text => false,
    }
}

/// Index of the parenthesis that closes the one at an index.
fn close(words: &[Word<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(open) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::sql::words;

    #[test]
    fn spellings_become_common() {
        let check = |text: &str, expected: &str| {
            let found = common(text, &words::read(text)).unwrap_or_else(|| text.to_owned());
            let squeezed: Vec<&str> = found.split_whitespace().collect();
            assert_eq!(squeezed.join(" "), expected, "{text}");
        };
        check("SELECT UNIQUE a, b UNIQUE", "SELECT distinct a, b UNIQUE");
        check("MAX(a) KEEP (DENSE_RANK LAST ORDER BY f(b)) AS x", "MAX(a) AS x");
        check("LISTAGG(a, ',' ON OVERFLOW TRUNCATE '…' WITH COUNT) x", "LISTAGG(a, ',' ) x");
        check("a (NAMED aa), b (TITLE 'x') FROM t", "a as aa , b FROM t");
        check("CURRENT DATE - 30 DAYS, b + 1 DAY", "current_DATE - 30 , b + 1");
        check("FROM IDENTIFIER('d.s.t') JOIN TABLE('u')", "FROM d.s.t JOIN u");
        check("ORDER SIBLINGS BY a", "ORDER BY a");
        check("CONNECT BY NOCYCLE PRIOR a = b", "CONNECT BY PRIOR a = b");
        check("(FROM t MODEL DIMENSION BY (d) MEASURES (m) (m[1] = 2)) x", "(FROM t ) x");
        check("FROM t MODEL RETURN ALL ROWS MEASURES (m) ORDER BY d", "FROM t ORDER BY d");
        check(
            "a ** 2, COUNT(*), b MOD 3, MOD(b, 3), c mod, d MOD (e)",
            "a ^ 2, COUNT(*), b % 3, MOD(b, 3), c mod, d % (e)",
        );
        check("INTERVAL 1 DAY, a - b days", "INTERVAL 1 DAY, a - b days");
        check("d + INTERVAL -1 DAY", "d + INTERVAL -1 DAY");
        // Columns of these names.
        check("UPPER(TRIM(title)), F(G(named))", "UPPER(TRIM(title)), F(G(named))");
        check("t LEFT HASH JOIN u", "t LEFT JOIN u");
        check("KEEP (DENSE_RANK LAST", "KEEP (DENSE_RANK LAST");
    }
}
