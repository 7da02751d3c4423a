//! What a table is called in a statement that no parser took.

use std::ops::Range;

use super::super::words::WordKind;
use super::shape::Shape;

/// The alias of a table in the words after it, with its list of columns: what follows `AS`, what
/// stands alone, or what the statement qualifies columns with. `own`: the table's own name.
pub(super) fn alias(
    shape: &Shape<'_>,
    rest: Range<usize>,
    own: Option<usize>,
) -> Option<Range<usize>> {
    let is_alias = |at: usize| {
        let word = shape.word(at).filter(|word| word.is_name());
        at < rest.end
            && word.is_some_and(|word| !AFTER_TABLE.iter().any(|after| word.is(after)))
            && !shape.is(at + 1, ".")
    };
    let with_columns = |at: usize, told: bool| {
        let close = shape.close(at + 1).filter(|close| shape.is(at + 1, "(") && *close < rest.end);
        let list = |close: usize| {
            (at + 2..close).all(|it| shape.is_name(it) || shape.is(it, ","))
                && (told || close + 1 == rest.end)
        };
        at..close.filter(|close| list(*close)).map_or(at + 1, |close| close + 1)
    };
    let told = shape
        .top(rest.clone())
        .find(|at| shape.is(*at, "as") && is_alias(at + 1) && !shape.is(at + 1, "of"));
    if let Some(told) = told {
        return Some(with_columns(told + 1, true));
    }
    if rest.len() == 1 && is_alias(rest.start) {
        return Some(rest);
    }
    let found = shape.top(rest.clone()).find(|at| {
        let dotted = at.checked_sub(1).is_some_and(|before| shape.is(before, "."));
        is_alias(*at) && !dotted && shape.qualifies(*at)
    });
    // `(SELECT …) d`: it has no other name.
    let first = Some(rest.start).filter(|at| own.is_none() && is_alias(*at));
    found.or(first).map(|at| with_columns(at, false))
}

/// Words that may follow a table and are no alias of it.
pub(super) const AFTER_TABLE: [&str; 30] = [
    "where",
    "group",
    "order",
    "having",
    "on",
    "union",
    "limit",
    "join",
    "inner",
    "left",
    "right",
    "full",
    "outer",
    "cross",
    "natural",
    "using",
    "with",
    "as",
    "qualify",
    "for",
    "fetch",
    "final",
    "partition",
    "pivot",
    "unpivot",
    "match_recognize",
    "tablesample",
    "sample",
    "window",
    "set",
];

/// Impala: `JOIN [SHUFFLE] t`. An alias is followed by no dot.
pub(super) fn is_hint(shape: &Shape<'_>, at: usize, end: usize) -> bool {
    const HINTS: [&str; 3] = ["shuffle", "broadcast", "noshuffle"];
    let named = shape.word(at).is_some_and(|word| {
        word.kind == WordKind::Quoted && HINTS.iter().any(|it| word.text.eq_ignore_ascii_case(it))
    });
    let dotted = shape.is_name(at) && shape.is(at + 2, ".") && at + 2 < end;
    shape.is_name(at + 1) && at + 1 < end && (named || dotted)
}
