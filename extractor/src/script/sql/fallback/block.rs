//! One `SELECT` … without the unions around it: where its clauses are.

use std::ops::Range;

use super::super::prepare::is_stand_in;
use super::super::words::WordKind;
use super::items::first_item;
use super::shape::{Shape, is_clause_from};

/// Clauses of a query that say where values come from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) items: Range<usize>,
    pub(super) from: Option<Range<usize>>,
    /// `WHERE`, `HAVING` and their like.
    pub(super) conditions: Vec<Range<usize>>,
    /// Whether it has a `CONNECT BY`.
    pub(super) hierarchical: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Clause {
    From,
    Condition,
    ConnectBy,
    /// Says nothing of where values come from.
    Other,
}

/// Reads the clauses of a query that starts with its `SELECT`, or with its `FROM`.
pub(super) fn block(shape: &Shape<'_>, range: Range<usize>) -> Block {
    let mut block = Block::default();
    let Range { start, end } = range;
    let from = shape.top(range.clone()).find(|at| is_clause_from(shape.words, *at));
    let mut clause = Clause::From;
    let mut begin = match from {
        // `FROM t SELECT a`
        Some(from) if from == start => {
            let select = shape.top(range).find(|at| shape.any(*at, &["select", "sel"]));
            block.items = select.map_or(end..end, |select| first_item(shape, select + 1, end)..end);
            block.from = Some(start + 1..select.unwrap_or(end));
            return block;
        }
        Some(from) => {
            let first = first_item(shape, start + 1, end).min(from);
            // `SELECT a INTO t FROM u`
            let into = shape.top(first..from).skip(1).find(|at| shape.is(*at, "into"));
            block.items = first..into.unwrap_or(from);
            from + 1
        }
        None => {
            let first = first_item(shape, start + 1, end);
            let after = shape.top(first..end).skip(1).find_map(|at| {
                starts(shape, at, Clause::Condition).map(|(clause, begin)| (at, clause, begin))
            });
            block.items = first..after.map_or(end, |(at, ..)| at);
            let Some((_, next, begin)) = after else { return block };
            clause = next;
            begin
        }
    };
    let mut found = Vec::new();
    for at in shape.top(begin..end) {
        if let Some((next, after)) = starts(shape, at, clause).filter(|_| at >= begin) {
            found.push((clause, begin..at));
            (clause, begin) = (next, after);
        }
    }
    found.push((clause, begin..end));
    for (clause, range) in found {
        match clause {
            Clause::From => block.from = block.from.or(Some(range)),
            Clause::Condition => block.conditions.push(range),
            Clause::ConnectBy => {
                block.hierarchical = true;
                block.conditions.push(range);
            }
            Clause::Other => {}
        }
    }
    block
}

/// The clause that starts at an index within another one, and the index after its name.
fn starts(shape: &Shape<'_>, at: usize, within: Clause) -> Option<(Clause, usize)> {
    let next = at + 1;
    let before = |texts: &[&str]| at.checked_sub(1).is_some_and(|before| shape.any(before, texts));
    if !shape.is_kind(at, WordKind::Bare)
        || before(&[".", "as", ",", "from", "join"])
        || shape.any(next, &[".", ","])
    {
        return None;
    }
    let counts = || {
        shape.is_kind(next, WordKind::Number)
            || shape.any(next, &["(", ":", "?", "all"])
            || shape
                .word(next)
                .is_some_and(|it| is_stand_in(it.text) || it.text.starts_with(['@', '$']))
    };
    let pair = |first: &str, second: &[&str]| shape.is(at, first) && shape.any(next, second);
    if shape.any(at, &["where", "prewhere", "having", "qualify"]) {
        return Some((Clause::Condition, next));
    }
    if pair("start", &["with"]) {
        return Some((Clause::Condition, next + 1));
    }
    if pair("connect", &["by"]) {
        return Some((Clause::ConnectBy, next + 1));
    }
    // After tables, hints; after conditions, isolation levels.
    let with = shape.is(at, "with") && within != Clause::From
        || pair("with", &["ur", "cs", "rs", "rr", "hint", "properties", "parameters"]);
    let other = pair("group", &["by", "all"])
        || pair("order", &["by", "siblings", "all"])
        || pair("cluster", &["by"])
        || pair("distribute", &["by"])
        || pair("sort", &["by"])
        || pair("fetch", &["first", "next"])
        || pair("at", &["isolation"])
        || pair("lock", &["in"])
        || pair("option", &["("])
        || (shape.is(at, "window") && shape.is(next + 1, "as"))
        || (shape.is(at, "settings") && shape.is(next + 1, "="))
        || (shape.any(at, &["limit", "offset"]) && counts())
        || (shape.is(at, "for") && !shape.is(next, "system_time"))
        || shape.any(at, &["select", "sel", "union"])
        || (shape.is(at, "into") && within != Clause::From)
        || with;
    other.then_some((Clause::Other, next))
}
