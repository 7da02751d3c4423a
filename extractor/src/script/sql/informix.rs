//! Informix's spellings: `SELECT FIRST 10`, `FROM db:owner.t, OUTER u`, `name[1,3]`,
//! `DATETIME YEAR TO DAY`.

use super::spellings::{is_operand, stands_for_table};
use super::words::{Word, WordKind};

/// Index of the last word of a spelling that starts at an index, and what stands for it.
pub(super) fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    const UNITS: [&str; 7] = ["year", "month", "day", "hour", "minute", "second", "fraction"];
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let kind = |index: usize, kind: WordKind| words.get(index).is_some_and(|it| it.kind == kind);
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    let unit = |index: usize| UNITS.iter().any(|unit| is(index, unit));
    let nothing = |end: usize| Some((end, String::new()));
    let count = is(at, "first") || is(at, "skip");
    if count
        && kind(at + 1, WordKind::Number)
        && before.is_some_and(|it| it.is("select") || it.kind == WordKind::Number)
        && words.get(at + 2).is_some_and(|it| it.is_name() || it.is("*"))
    {
        return nothing(at + 1);
    }
    // `INTERVAL (3) DAY TO DAY`
    if is(at, "interval") && is(at + 1, "(") && is(at + 3, ")") && unit(at + 4) {
        let end = if is(at + 5, "to") && unit(at + 6) { at + 6 } else { at + 4 };
        let value = words.get(at + 2).filter(|it| it.kind == WordKind::Number)?;
        return Some((end, value.text.to_owned()));
    }
    // `1 UNITS DAY`
    if is(at, "units") && unit(at + 1) && before.is_some_and(|it| is_operand(it) || it.is(")")) {
        return nothing(at + 1);
    }
    if is(at, "outer") && before.is_some_and(|it| it.is(",")) && kind(at + 1, WordKind::Bare) {
        return nothing(at);
    }
    // Of a name: some of its letters.
    if is(at, "[")
        && before.zip(words.get(at)).is_some_and(|(name, open)| {
            name.end == open.start && is_operand(name) && !name.is("array")
        })
        && kind(at + 1, WordKind::Number)
        && is(at + 2, ",")
        && kind(at + 3, WordKind::Number)
        && is(at + 4, "]")
    {
        return nothing(at + 4);
    }
    if is(at, ",") && unit(at + 1) && is(at + 2, "to") && unit(at + 3) {
        return nothing(at + 3);
    }
    if before.is_some_and(|it| it.is("datetime") || it.is("current"))
        && unit(at)
        && is(at + 1, "to")
        && unit(at + 2)
    {
        return nothing(at + 2);
    }
    let is_database = is(at, ":")
        && before.is_some_and(Word::is_name)
        && words.get(at + 1).is_some_and(Word::is_name)
        && stands_for_table(words, at - 1);
    is_database.then(|| (at, ".".to_owned()))
}
