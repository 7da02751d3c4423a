//! Common table expressions of a statement that no parser took as a whole.

use std::ops::Range;

use super::mend::Mender;
use super::shape::Shape;

impl Mender<'_> {
    /// `WITH a (x) AS (…), b AS (…)`; the index after it. `scalars`: ClickHouse's
    /// `WITH expression AS name`.
    pub(super) fn ctes(
        &mut self,
        out: &mut String,
        range: Range<usize>,
        scalars: &mut Vec<(Range<usize>, usize)>,
        level: usize,
    ) -> Option<usize> {
        let shape = self.shape;
        let recursive = shape.is(range.start + 1, "recursive");
        let mut at = range.start + 1 + usize::from(recursive);
        let mut lead = if recursive { "WITH RECURSIVE " } else { "WITH " };
        loop {
            let Some((columns, open)) = cte(shape, at) else {
                // The name comes last.
                let last = shape.top(at..range.end).find(|it| {
                    shape.any(it + 1, &[",", "select"]) && *it > at + 1 && shape.is(it - 1, "as")
                })?;
                scalars.push((at..last - 1, last));
                at = last + 1;
                if !shape.is(at, ",") {
                    return Some(at);
                }
                at += 1;
                continue;
            };
            let close = shape.close(open)?;
            let (next, added) = after_cte(shape, close + 1, range.end);
            out.push_str(lead);
            lead = ", ";
            out.push_str(shape.slice(&(at..at + 1)));
            // Columns that `SEARCH … SET` and `CYCLE … SET` add.
            let names: Vec<&str> = added.iter().map(|at| shape.slice(&(*at..at + 1))).collect();
            if let Some(columns) = columns {
                out.push_str(shape.slice(&(columns.start..columns.end - 1)));
                for name in &names {
                    out.push_str(", ");
                    out.push_str(name);
                }
                out.push(')');
            }
            out.push_str(" AS (");
            if !names.is_empty() {
                out.push_str("SELECT q.*");
                for name in &names {
                    out.push_str(", NULL AS ");
                    out.push_str(name);
                }
                out.push_str(" FROM (");
            }
            if shape.is_query(open) {
                self.query(out, open + 1..close, level + 1)?;
            } else {
                self.losses += 1;
                self.nothing(out);
            }
            out.push_str(if names.is_empty() { ") " } else { ") q) " });
            if !shape.is(next, ",") {
                return Some(next);
            }
            at = next + 1;
        }
    }
}

/// For a common table expression at an index: its list of columns, and the parenthesis that opens
/// its query.
fn cte(shape: &Shape<'_>, at: usize) -> Option<(Option<Range<usize>>, usize)> {
    if !shape.is_name(at) {
        return None;
    }
    let columns = shape.close(at + 1).filter(|_| shape.is(at + 1, "("));
    let mut next = columns.map_or(at, |close| close) + 1;
    if !shape.is(next, "as") {
        return None;
    }
    next += 1;
    while shape.any(next, &["not", "materialized"]) {
        next += 1;
    }
    let open = shape.close(next).filter(|_| shape.is(next, "("));
    open.map(|_| (columns.map(|close| at + 1..close + 1), next))
}

/// Where what follows a common table expression starts, a comma or the query, and the columns that
/// clauses between add.
fn after_cte(shape: &Shape<'_>, from: usize, end: usize) -> (usize, Vec<usize>) {
    let mut added = Vec::new();
    for at in shape.top(from..end) {
        let next_cte = shape.is(at, ",") && (at == from || cte(shape, at + 1).is_some());
        if next_cte || shape.is_query(at) || shape.any(at, &["select", "sel", "from", "values"]) {
            return (at, added);
        }
        if shape.any(at, &["set", "using"]) && shape.is_name(at + 1) {
            added.push(at + 1);
        }
    }
    (end, added)
}
