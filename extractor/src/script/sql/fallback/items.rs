//! Items of a select list that no parser took: their names, and what stands before them.

use std::ops::Range;

use super::super::prepare::is_stand_in;
use super::super::words::WordKind;
use super::shape::Shape;
use super::values::is_keyword;

/// An item of a select list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Name of the column, where one is given.
    pub(super) name: Option<String>,
    /// Words of the expression.
    pub(super) body: Range<usize>,
}

/// Reads `expression AS name`, `expression name`, `name = expression`.
pub(super) fn item(shape: &Shape<'_>, range: &Range<usize>) -> Item {
    let name_of = |at: usize| {
        let word = shape.word(at)?;
        let is_name = word.is_name() && !is_keyword(word);
        (is_name || word.kind == WordKind::Text)
            .then(|| word.text.trim_matches('\'').to_owned())
            .filter(|name| !name.is_empty())
    };
    let Range { start, end } = *range;
    // SQL Server and Sybase; `a == b` and `a => b` are none.
    if end > start + 2 && shape.is(start + 1, "=") && !shape.any(start + 2, &["=", ">"]) {
        return match name_of(start) {
            Some(name) => Item { name: Some(name), body: start + 2..end },
            None => Item { name: None, body: range.clone() },
        };
    }
    let last = end.saturating_sub(1);
    if end > start + 2 && shape.is(last - 1, "as") {
        return Item { name: name_of(last), body: start..last - 1 };
    }
    let before = last.checked_sub(1).filter(|before| *before >= start);
    let ends_value = before.and_then(|before| shape.word(before)).is_some_and(|before| {
        (before.is_name() && (!is_keyword(before) || before.is("end") || before.is("null")))
            || [")", "]", "}"].iter().any(|close| before.is(close))
            || matches!(before.kind, WordKind::Text | WordKind::Number)
    });
    let is_name = shape.is_name(last) && name_of(last).is_some();
    if ends_value && is_name {
        return Item { name: name_of(last), body: start..last };
    }
    // `t.column`
    let plain = shape.path(start, end) == Some(end);
    Item { name: name_of(last).filter(|_| plain), body: range.clone() }
}

/// Where the items of a select list start: after `DISTINCT`, `TOP (10) PERCENT` and their like.
pub(super) fn first_item(shape: &Shape<'_>, mut at: usize, end: usize) -> usize {
    const ALONE: [&str; 7] = [
        "distinct",
        "all",
        "straight_join",
        "sql_calc_found_rows",
        "sql_no_cache",
        "high_priority",
        "distinctrow",
    ];
    loop {
        let next = at + 1;
        let is_number = shape.is_kind(next, WordKind::Number)
            || (shape.is(next, "(") && shape.is(at, "top"))
            || shape.word(next).is_some_and(|it| it.text.starts_with(['@', '$', ':']))
            || shape.word(next).is_some_and(|it| is_stand_in(it.text));
        at = match () {
            () if at >= end => return end,
            // `DISTINCT ON (a, b)`
            () if shape.is(at, "distinct") && shape.is(next, "on") && shape.is(at + 2, "(") => {
                shape.after(at + 2, end)
            }
            // A column of that name, or the only one.
            () if next < end && (shape.is(next, ",") || shape.is(next, ".")) => return at,
            () if shape.any(at, &ALONE) && !shape.is(next, "from") => next,
            () if shape.any(at, &["top", "first", "skip", "limit"]) && is_number => {
                let after = shape.after(next, end);
                after + usize::from(shape.is(after, "percent"))
            }
            () if shape.is(at, "with") && shape.is(next, "ties") => at + 2,
            // BigQuery
            () if shape.is(at, "as") && shape.any(next, &["struct", "value"]) => at + 2,
            () => return at,
        }
    }
}
