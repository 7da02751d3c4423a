//! Oracle's flashback queries: `FROM t AS OF TIMESTAMP (SYSDATE - 1) a`, `VERSIONS BETWEEN SCN 1 AND 2`.

use super::words::{Word, WordKind, close};

/// Index of the last word of a flashback clause that starts at an index; it says which state of the
/// table is read, not which table.
pub(super) fn clause(words: &[Word<'_>], at: usize) -> Option<usize> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let kind = |index: usize| is(index, "timestamp") || is(index, "scn");
    let follows_table =
        at.checked_sub(1).and_then(|index| words.get(index)).is_some_and(|before| {
            // `FOR SYSTEM_TIME AS OF …` is the standard's, and parsed.
            (before.is_name() && !before.is("system_time")) || before.is(")")
        });
    if !follows_table {
        return None;
    }
    if is(at, "as") && is(at + 1, "of") && kind(at + 2) {
        return value(words, at + 3);
    }
    if is(at, "versions") && is(at + 1, "between") && kind(at + 2) {
        let and = value(words, at + 3)? + 1;
        return is(and, "and").then(|| value(words, and + 1)).flatten();
    }
    None
}

/// Index of the last word of `SYSTIMESTAMP - INTERVAL '10' MINUTE`, `TO_DATE('…')`, `(…)`, `42`.
fn value(words: &[Word<'_>], mut at: usize) -> Option<usize> {
    loop {
        let word = words.get(at)?;
        let is_open = |index: usize| words.get(index).is_some_and(|next| next.is("("));
        let mut end = if word.is("(") {
            close(words, at)?
        } else if word.is("interval") && words.get(at + 1)?.kind == WordKind::Text {
            at + 2 // with its unit
        } else if word.kind == WordKind::Bare && is_open(at + 1) {
            close(words, at + 1)?
        } else if word.is(":") {
            at + 1
        } else if word.kind == WordKind::Symbol {
            return None;
        } else {
            at
        };
        let goes_on = words
            .get(end + 1)
            .is_some_and(|next| ["+", "-", "/", "*"].iter().any(|it| next.is(it)));
        if !goes_on {
            // A date with its keyword: `TIMESTAMP '…'`, `DATE '…'`.
            let is_literal = words.get(end + 1).is_some_and(|next| next.kind == WordKind::Text);
            if is_literal && (word.is("timestamp") || word.is("date")) {
                end += 1;
            }
            return Some(end);
        }
        at = end + 2;
    }
}
