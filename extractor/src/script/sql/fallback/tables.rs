//! The `FROM` of a query that no parser took as a whole: its tables one by one.

use std::ops::Range;

use super::super::TableName;
use super::alias::{alias, is_hint};
use super::joins::{Constraint, Unit, units};
use super::mend::Mender;
use super::pieces::{Piece, Place, StandIn};
use super::shape::Shape;

impl Mender<'_> {
    /// The tables of a `FROM`; `None` where none is seen.
    pub(super) fn from(&mut self, range: Range<usize>) -> Option<Vec<Piece>> {
        let whole = [Piece::Words(range.clone())];
        if self.trial.takes(self.shape, Place::Tables, &whole) {
            return Some(whole.into());
        }
        self.units(range, 0)
    }

    fn units(&mut self, range: Range<usize>, depth: usize) -> Option<Vec<Piece>> {
        let shape = self.shape;
        let mut pieces: Vec<Piece> = Vec::new();
        for unit in units(shape, range) {
            let place = if pieces.is_empty() { Place::Tables } else { Place::Joins };
            let whole = match (&unit.constraint, pieces.is_empty()) {
                (_, true) => unit.table.clone(),
                (Constraint::None, _) => unit.join.start..unit.table.end,
                (Constraint::On(condition), _) => unit.join.start..condition.end,
                (Constraint::Using(_, end), _) => unit.join.start..*end,
            };
            let whole = [Piece::Words(whole)];
            // In parentheses the parser takes joins only.
            let own = depth == 0 || !shape.is(unit.join.start, ",");
            if own && self.trial.takes(shape, place, &whole) {
                pieces.push(Piece::text(" "));
                pieces.extend(whole);
                continue;
            }
            let alone = [Piece::Words(unit.table.clone())];
            let table = if self.trial.takes(shape, Place::Tables, &alone) {
                self.losses += usize::from(unit.constraint == Constraint::None);
                alone.into()
            } else {
                self.losses += 1;
                match self.table(&unit.table, depth) {
                    Some(table) => table,
                    None => {
                        self.unseen(&unit.table);
                        continue;
                    }
                }
            };
            if pieces.is_empty() {
                pieces.extend(table);
                if let Constraint::On(condition) = &unit.constraint {
                    self.leave_out(condition);
                }
                continue;
            }
            pieces.extend(self.joined(&unit, table, own));
        }
        (!pieces.is_empty()).then_some(pieces)
    }

    /// Remembers what stands where a table does and is none that is seen.
    fn unseen(&mut self, range: &Range<usize>) {
        const WORDS: usize = 6;
        self.leave_out(range);
        if !range.is_empty() {
            let shown = range.start..range.end.min(range.start + WORDS);
            self.stand_ins.unseen.push(self.shape.spelled(&shown));
        }
    }

    /// A table after others: joined in its `own` way if the parser takes that, simply if not.
    fn joined(&mut self, unit: &Unit, table: Vec<Piece>, own: bool) -> Vec<Piece> {
        let shape = self.shape;
        let has = |text: &str| unit.join.clone().any(|at| shape.is(at, text));
        let constraint = match &unit.constraint {
            Constraint::None => None,
            Constraint::On(condition) => {
                let condition = self.condition(condition).unwrap_or_else(|| Piece::text("1 = 1"));
                Some(vec![Piece::text(" ON "), condition])
            }
            Constraint::Using(columns, _) => {
                let names: Vec<&str> =
                    columns.iter().map(|at| shape.slice(&(*at..at + 1))).collect();
                Some(vec![Piece::Text(format!(" USING ({})", names.join(", ")))])
            }
        };
        let simple = match () {
            () if constraint.is_none() && has("natural") => " NATURAL JOIN ",
            () if constraint.is_none() => " CROSS JOIN ",
            () if has("full") => " FULL JOIN ",
            () if has("left") => " LEFT JOIN ",
            () if has("right") => " RIGHT JOIN ",
            () => " JOIN ",
        };
        let with = |join: Piece| {
            let mut pieces = vec![Piece::text(" "), join, Piece::text(" ")];
            pieces.extend(table.iter().cloned());
            pieces.extend(constraint.iter().flatten().cloned());
            pieces
        };
        let whole = with(Piece::Words(unit.join.clone()));
        if own && self.trial.takes(shape, Place::Joins, &whole) {
            return whole;
        }
        with(Piece::text(simple))
    }

    /// What names a table, out of words of which some are not known.
    fn table(&mut self, range: &Range<usize>, depth: usize) -> Option<Vec<Piece>> {
        let shape = self.shape;
        let Range { mut start, end } = *range;
        if let Some(made) = self.rows_from(range) {
            return Some(made);
        }
        let mut lateral = false;
        while shape.any(start, &["only", "lateral", "outer", "table"]) && start + 1 < end {
            lateral |= shape.is(start, "lateral");
            start += 1;
        }
        if is_hint(shape, start, end) {
            start += 1;
        }
        // DB2: `FINAL TABLE (UPDATE t SET …)`
        if shape.any(start, &["final", "old", "new"]) && shape.is(start + 1, "table") {
            start += 2;
        }
        if shape.is(start, "(") && shape.any(start + 1, &["update", "insert", "delete", "merge"]) {
            let close = shape.close(start)?;
            let name = start + 2 + usize::from(shape.any(start + 2, &["into", "from"]));
            let path = name..shape.path(name, close)?;
            let alias = alias(shape, close + 1..end, None);
            return Some(self.named(path, None, alias));
        }
        if let Some(close) = shape.close(start).filter(|_| shape.is(start, "(")) {
            // Tables in parentheses keep their own names.
            let own = Some(start).filter(|_| !shape.is_query(start));
            let alias = alias(shape, close + 1..end, own);
            self.leave_out(&(close + 1..end));
            let mut pieces = Vec::new();
            if shape.is_query(start) {
                pieces.extend(lateral.then(|| Piece::text("LATERAL ")));
                pieces.push(Piece::Words(start..close + 1));
            } else {
                const DEEPEST: usize = 16;
                let inside = Some(depth + 1).filter(|depth| *depth < DEEPEST)?;
                let list = self.units(start + 1..close, inside)?;
                if alias.is_none() {
                    return Some(if is_single(&list) { list } else { parenthesised(list) });
                }
                pieces.push(Piece::text("(SELECT * FROM "));
                pieces.extend(list);
                pieces.push(Piece::text(")"));
            }
            return Some(self.shaped(pieces, close + 1..end, alias));
        }
        let mut path = start..shape.path(start, end)?;
        // SQL Server: `OPENDATASOURCE('…', '…').db.dbo.t`
        let call = shape.close(path.end).filter(|_| shape.is(path.end, "("));
        if let Some(close) = call.filter(|close| close + 2 < end && shape.is(close + 1, ".")) {
            path = close + 2..shape.path(close + 2, end)?;
        }
        let rest = path.end..end;
        let own = path.end - 1;
        let alias = alias(shape, rest.clone(), Some(own));
        self.leave_out(&rest);
        let call = shape.close(rest.start).filter(|_| shape.is(rest.start, "("));
        let call = call.filter(|close| *close < end).map(|close| path.start..close + 1);
        if reshapes(shape, &rest) {
            let table = vec![Piece::Words(path)];
            return Some(self.shaped(table, rest, alias));
        }
        Some(self.named(path, call, alias))
    }

    /// A table by its name, or a function by its call.
    fn named(
        &mut self,
        path: Range<usize>,
        call: Option<Range<usize>>,
        alias: Option<Range<usize>>,
    ) -> Vec<Piece> {
        let shape = self.shape;
        for words in call.into_iter().chain([path.clone()]) {
            let table = aliased(vec![Piece::Words(words)], alias.clone());
            if self.trial.takes(shape, Place::Tables, &table) {
                return table;
            }
        }
        // A name that the parser does not take.
        let words = shape.words.get(path.clone()).unwrap_or_default();
        let mut parts = vec![String::new()];
        for word in words {
            match parts.last_mut() {
                Some(last) if word.is_name() => last.push_str(word.text),
                _ => parts.push(String::new()),
            }
        }
        let Some(name) = TableName::from_parts(parts) else { return Vec::new() };
        let stand_in = self.stand_ins.add(StandIn::Table(name));
        let own = path.end - 1..path.end;
        let table = aliased(vec![Piece::Text(stand_in.clone())], Some(alias.unwrap_or(own)));
        match self.trial.takes(shape, Place::Tables, &table) {
            true => table,
            false => vec![Piece::Text(stand_in)],
        }
    }

    /// Something with its alias. Of what a `PIVOT` or the like makes, no column is known.
    fn shaped(
        &mut self,
        table: Vec<Piece>,
        rest: Range<usize>,
        alias: Option<Range<usize>>,
    ) -> Vec<Piece> {
        if !reshapes(self.shape, &rest) {
            return aliased(table, alias);
        }
        let nothing = self.stand_ins.add(StandIn::Nothing);
        let inner = self.stand_ins.add(StandIn::Nothing);
        let mut pieces = vec![Piece::Text(format!("(SELECT NULL AS {nothing} FROM "))];
        pieces.extend(table);
        pieces.push(Piece::Text(format!(" AS {inner})")));
        aliased(pieces, alias)
    }

    /// PostgreSQL: `ROWS FROM (f(a), g(b)) AS t (x, y)`, a column of each.
    fn rows_from(&mut self, range: &Range<usize>) -> Option<Vec<Piece>> {
        let shape = self.shape;
        let open = range.start + 2;
        if !(shape.is(range.start, "rows") && shape.is(open - 1, "from") && shape.is(open, "(")) {
            return None;
        }
        let close = shape.close(open).filter(|close| *close < range.end)?;
        let alias = alias(shape, close + 1..range.end, None)?;
        let names: Vec<usize> =
            (alias.start + 1..alias.end).filter(|at| shape.is_name(*at)).collect();
        let mut pieces = vec![Piece::text("LATERAL (SELECT ")];
        for (index, call) in shape.split(open + 1..close).into_iter().enumerate() {
            let name = match names.get(index) {
                Some(name) => shape.slice(&(*name..name + 1)).to_owned(),
                None => self.stand_ins.add(StandIn::Nothing),
            };
            let lead = if index > 0 { ", " } else { "" };
            pieces.push(Piece::text(lead));
            pieces.push(Piece::Words(call));
            pieces.push(Piece::Text(format!(" AS {name}")));
        }
        pieces.push(Piece::text(") AS "));
        pieces.push(Piece::Words(alias.start..alias.start + 1));
        self.trial.takes(shape, Place::Tables, &pieces).then_some(pieces)
    }
}

fn aliased(mut table: Vec<Piece>, alias: Option<Range<usize>>) -> Vec<Piece> {
    if let Some(alias) = alias {
        table.push(Piece::text(" AS "));
        table.push(Piece::Words(alias));
    }
    table
}

fn parenthesised(list: Vec<Piece>) -> Vec<Piece> {
    let mut pieces = vec![Piece::text("(")];
    pieces.extend(list);
    pieces.push(Piece::text(")"));
    pieces
}

/// Whether a list of tables has no join in it.
fn is_single(list: &[Piece]) -> bool {
    !list.iter().any(|piece| matches!(piece, Piece::Text(text) if text.contains(" JOIN ")))
        && list.len() < 3
}

/// Whether words after a table make rows of other columns.
fn reshapes(shape: &Shape<'_>, rest: &Range<usize>) -> bool {
    let words = ["pivot", "unpivot", "match_recognize", "model"];
    shape.top(rest.clone()).any(|at| {
        shape.any(at, &words)
            && shape.any(at + 1, &["(", "xml", "include", "exclude", "dimension", "partition"])
    })
}
