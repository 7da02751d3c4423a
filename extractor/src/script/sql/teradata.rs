//! Teradata's spellings: `expression (DATE)`, `(FORMAT 'x')`, `(NAMED x)`.

use super::functions::is_type;
use super::spellings::is_operand;
use super::words::{MAX_CALL, Word, WordKind, close};

/// Whether something in a statement is written as only Teradata has it.
pub(super) fn speaks(words: &[Word<'_>]) -> bool {
    words.first().is_some_and(|first| first.is("sel"))
        || words.windows(3).any(|three| match three {
            [open, word, next] => {
                let attribute = word.is("format") || word.is("title");
                (open.is("(") && word.is("named") && next.is_name())
                    || (attribute && next.kind == WordKind::Text)
            }
            _ => false,
        })
}

/// Index of the last word of a spelling that starts at an index, and what stands for it. `certain`
/// tells that the statement is Teradata's: `f (DATE)` is a function's call to others.
pub(super) fn spelling(words: &[Word<'_>], at: usize, certain: bool) -> Option<(usize, String)> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let is_name = |index: usize| words.get(index).is_some_and(Word::is_name);
    let is_text = |index: usize| words.get(index).is_some_and(|word| word.kind == WordKind::Text);
    let nothing = |end: usize| Some((end, String::new()));
    if is(at, "(") && is(at + 1, "named") && is_name(at + 2) && is(at + 3, ")") {
        return Some((at + 3, format!("as {}", words.get(at + 2)?.text)));
    }
    let attribute =
        |index: usize| (is(index, "title") || is(index, "format")) && is_text(index + 1);
    if is(at, "(") && attribute(at + 1) && is(at + 3, ")") {
        return nothing(at + 3);
    }
    if is(at, "as") && attribute(at + 1) && is(at + 3, ")") {
        return Some((at + 2, "as varchar".to_owned()));
    }
    // `SUBSTR(a FROM 1 FOR 3)`
    if certain && is(at, "substr") && is(at + 1, "(") {
        return Some((at, "substring".to_owned()));
    }
    // `CASE_N(a < 1, NO CASE OR UNKNOWN)`
    if is(at, ",") && is(at + 1, "no") && (is(at + 2, "case") || is(at + 2, "range")) {
        let end = (at + 3..at + 8).find(|&end| is(end, ")"))?;
        return nothing(end - 1);
    }
    // `CAST(a AS DATE FORMAT 'YYYY')`, `a (DATE, FORMAT 'YYYY')`
    if attribute(at) && is(at + 2, ")") {
        return nothing(at + 1);
    }
    if is(at, ",") && attribute(at + 1) && is(at + 3, ")") {
        return nothing(at + 2);
    }
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    // `a NOT= b`, `a ^= b`
    let touches = words.get(at).zip(words.get(at + 1)).is_some_and(|(a, b)| a.end == b.start);
    if (is(at, "not") || is(at, "^")) && is(at + 1, "=") && touches {
        return Some((at + 1, "<>".to_owned()));
    }
    // `OVER (ORDER BY d RESET WHEN …)`: where a window starts anew.
    if is(at, "reset") && is(at + 1, "when") {
        return nothing(reset(words, at)?);
    }
    // `(a - b) DAY(4) TO SECOND`: the unit of a difference.
    if before.is_some_and(|it| it.is(")"))
        && let Some(end) = interval(words, at)
    {
        return nothing(end);
    }
    if certain
        && is(at, "(")
        && words.get(at + 1).is_some_and(is_type)
        && before.is_some_and(|it| {
            it.is(")") || (is_operand(it) && it.end < words.get(at).map_or(0, |open| open.start))
        })
        && !before.is_some_and(is_function_of_dates)
    {
        let after = match is(at + 2, "(") {
            true => close(words, at + 2)? + 1,
            false => at + 2,
        };
        let after = if is(after, ",") && attribute(after + 1) { after + 3 } else { after };
        return is(after, ")").then(|| (after, String::new()));
    }
    None
}

/// Last word of a condition that stands before the end of a window, or its rows.
fn reset(words: &[Word<'_>], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at).take(MAX_CALL) {
        if word.is("(") {
            depth += 1;
        } else if depth == 0 && (word.is(")") || word.is("rows")) {
            return Some(index - 1);
        } else if word.is(")") {
            depth -= 1;
        }
    }
    None
}

/// Last word of a unit of time that cannot be an alias: `DAY(4)`, `DAY TO SECOND`.
fn interval(words: &[Word<'_>], at: usize) -> Option<usize> {
    const UNITS: [&str; 6] = ["year", "month", "day", "hour", "minute", "second"];
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let unit = |index: usize| UNITS.iter().any(|unit| is(index, unit));
    let size = |index: usize| match is(index + 1, "(") {
        true => close(words, index + 1).filter(|&end| end <= index + 5),
        false => Some(index),
    };
    if !unit(at) {
        return None;
    }
    let end = size(at)?;
    let end = if is(end + 1, "to") && unit(end + 2) { size(end + 2)? } else { end };
    (end > at || is(at + 1, "as")).then_some(end)
}

/// Functions that are called with a space before a column named `date` or `time`.
fn is_function_of_dates(word: &Word<'_>) -> bool {
    const NAMES: [&str; 24] = [
        "max",
        "min",
        "count",
        "year",
        "month",
        "day",
        "week",
        "quarter",
        "hour",
        "minute",
        "second",
        "trim",
        "upper",
        "lower",
        "to_char",
        "to_date",
        "to_number",
        "coalesce",
        "trunc",
        "last_day",
        "sum",
        "avg",
        "zeroifnull",
        "nullifzero",
    ];
    NAMES.iter().any(|name| word.is(name))
}
