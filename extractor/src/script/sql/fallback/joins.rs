//! Lists of tables by their words: where each starts, and how it is joined to those before it.

use std::ops::Range;

use super::shape::Shape;

/// A table with how it is joined to those before it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    /// `LEFT OUTER JOIN`, a comma; nothing before the first.
    pub(super) join: Range<usize>,
    pub(super) table: Range<usize>,
    pub(super) constraint: Constraint,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Constraint {
    #[default]
    None,
    On(Range<usize>),
    /// Its columns, and the index after it.
    Using(Vec<usize>, usize),
}

/// Cuts a list of tables at its commas and joins.
pub(super) fn units(shape: &Shape<'_>, range: Range<usize>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let mut unit = Unit { join: range.start..range.start, ..Unit::default() };
    unit.table = range.start..range.end;
    let mut skip = range.start;
    for at in shape.top(range.clone()) {
        if at < skip {
            continue;
        }
        let joins = at > unit.table.start
            && shape.any(at, &["join", "straight_join", "apply"])
            && !shape.is(at - 1, ".");
        // The elements of an `ARRAY JOIN` stand between commas.
        let array = unit.join.clone().any(|at| shape.is(at, "array"));
        let next = if joins {
            join_start(shape, at, unit.table.start)
        } else if shape.is(at, ",") && !array {
            at
        } else if let Constraint::None = unit.constraint
            && shape.is(at, "on")
            && at > unit.table.start
        {
            unit.table.end = at;
            unit.constraint = Constraint::On(at + 1..range.end);
            continue;
        } else if let (Constraint::None, Some((columns, end))) =
            (&unit.constraint, using(shape, at, &range))
            && unit.join.start > range.start
        {
            unit.table.end = at;
            skip = end;
            unit.constraint = Constraint::Using(columns, end);
            continue;
        } else {
            continue;
        };
        close(&mut unit, next);
        units.push(unit);
        unit = Unit { join: next..at + 1, table: at + 1..range.end, ..Unit::default() };
    }
    close(&mut unit, range.end);
    units.push(unit);
    units
}

fn close(unit: &mut Unit, end: usize) {
    match &mut unit.constraint {
        Constraint::None => unit.table.end = end.max(unit.table.start),
        Constraint::On(condition) => condition.end = end.max(condition.start),
        Constraint::Using(..) => {}
    }
}

/// Columns of a `USING` at an index, and the index after it; ClickHouse needs no parentheses.
fn using(shape: &Shape<'_>, at: usize, range: &Range<usize>) -> Option<(Vec<usize>, usize)> {
    if !shape.is(at, "using") {
        return None;
    }
    if let Some(close) = shape.close(at + 1).filter(|_| shape.is(at + 1, "(")) {
        return Some(((at + 2..close).filter(|it| shape.is_name(*it)).collect(), close + 1));
    }
    let mut columns = Vec::new();
    let mut next = at + 1;
    while next < range.end && shape.is_name(next) {
        columns.push(next);
        let more = shape.is(next + 1, ",")
            && shape.is_name(next + 2)
            && (next + 3 == range.end || shape.is(next + 3, ","));
        if !more {
            break;
        }
        next += 2;
    }
    let end = columns.last()? + 1;
    Some((columns, end))
}

/// Index of the first word of a join whose `JOIN` stands at an index.
fn join_start(shape: &Shape<'_>, at: usize, table: usize) -> usize {
    const KINDS: [&str; 24] = [
        "natural",
        "inner",
        "left",
        "right",
        "full",
        "outer",
        "cross",
        "semi",
        "anti",
        "asof",
        "any",
        "all",
        "global",
        "local",
        "loop",
        "hash",
        "merge",
        "remote",
        "exception",
        "array",
        "paste",
        "positional",
        "straight",
        "lateral",
    ];
    let mut start = at;
    while start > table + 1 {
        // HANA: `LEFT OUTER MANY TO ONE JOIN`
        let many = start.checked_sub(3).filter(|many| {
            shape.is(start - 2, "to")
                && shape.any(*many, &["many", "one"])
                && shape.any(start - 1, &["many", "one"])
        });
        match many {
            Some(many) if many > table => start = many,
            _ if shape.any(start - 1, &KINDS) => start -= 1,
            _ => break,
        }
    }
    start
}
