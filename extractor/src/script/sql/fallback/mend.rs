//! A statement that no parser took, mended: cut at what can stand alone, each piece of which is
//! tried by itself. What is not taken is left out where it says nothing of where values come from,
//! and read from its words where it does; the rest then is a statement that the parser takes, with
//! its common table expressions, derived tables and unions.

use std::ops::Range;

use super::super::words::WordKind;
use super::block::{Block, block};
use super::items::item;
use super::pieces::{Piece, Place, StandIn, StandIns, Trial, queries};
use super::shape::Shape;
use super::values::{self, Part};

/// Queries within queries at most.
const MAX_LEVEL: usize = 16;

pub(super) struct Mender<'a> {
    pub(super) shape: &'a Shape<'a>,
    pub(super) trial: Trial,
    pub(super) stand_ins: StandIns,
    /// Pieces that were not taken.
    pub(super) losses: usize,
    /// Queries in what is left out of the query at hand: they read tables all the same.
    pub(super) asides: Vec<usize>,
}

/// The mended text of a whole statement in a dialect, and how much was not taken; `None` where no
/// table is seen.
pub(super) fn mend(shape: &Shape<'_>, dialect: &'static str) -> Option<(String, StandIns, usize)> {
    let mut mender = Mender {
        shape,
        trial: Trial::new(dialect, shape.text.len()),
        stand_ins: StandIns::default(),
        losses: 0,
        asides: Vec::new(),
    };
    let mut out = String::new();
    mender.query(&mut out, 0..shape.words.len(), 0)?;
    Some((out, mender.stand_ins, mender.losses))
}

impl Mender<'_> {
    /// A query with its common table expressions and unions.
    pub(super) fn query(
        &mut self,
        out: &mut String,
        range: Range<usize>,
        level: usize,
    ) -> Option<()> {
        if level > MAX_LEVEL {
            return None;
        }
        let Range { mut start, end } = range;
        let mut scalars = Vec::new();
        if self.shape.is(start, "with") {
            start = self.ctes(out, range, &mut scalars, level)?;
        }
        let shape = self.shape;
        let mut skip = start;
        for at in shape.top(start..end) {
            if at >= skip
                && let Some((written, next)) = shape.set_operation(at)
            {
                self.branch(out, start..at, &scalars, level)?;
                out.push_str(written);
                (start, skip) = (next, next);
            }
        }
        self.branch(out, start..end, &scalars, level)
    }

    /// A query that gives nothing known.
    pub(super) fn nothing(&mut self, out: &mut String) {
        let name = self.stand_ins.add(StandIn::Nothing);
        out.push_str("SELECT NULL AS ");
        out.push_str(&name);
    }

    /// One query of a union.
    fn branch(
        &mut self,
        out: &mut String,
        range: Range<usize>,
        scalars: &[(Range<usize>, usize)],
        level: usize,
    ) -> Option<()> {
        let shape = self.shape;
        let start = range.start;
        if shape.is_query(start) {
            out.push('(');
            self.query(out, start + 1..shape.close(start)?, level + 1)?;
            out.push(')');
            return Some(());
        }
        if shape.is(start, "with") {
            out.push('(');
            self.query(out, range, level + 1)?;
            out.push(')');
            return Some(());
        }
        if shape.is(start, "values") {
            let whole = [Piece::Words(range)];
            if self.trial.takes(shape, Place::Whole, &whole) {
                return self.write(out, &whole, level);
            }
            self.losses += 1;
            self.nothing(out);
            return Some(());
        }
        let block = if shape.is(start, "table") {
            Block { from: Some(start + 1..range.end), ..Block::default() }
        } else if shape.any(start, &["select", "sel", "from"]) {
            block(shape, range)
        } else {
            return None;
        };
        self.select(out, &block, scalars, level)
    }

    fn select(
        &mut self,
        out: &mut String,
        block: &Block,
        scalars: &[(Range<usize>, usize)],
        level: usize,
    ) -> Option<()> {
        let mut pieces = vec![Piece::text("SELECT ")];
        pieces.extend(self.items(block.items.clone()));
        let mut from = match &block.from {
            Some(from) => self.from(from.clone())?,
            None => Vec::new(),
        };
        for (expression, name) in scalars {
            let lead = if from.is_empty() { "LATERAL (SELECT " } else { ", LATERAL (SELECT " };
            let alias = self.stand_ins.add(StandIn::Nothing);
            from.push(Piece::text(lead));
            from.extend(self.items(expression.start..name + 1));
            from.push(Piece::Text(format!(") AS {alias}")));
        }
        if !from.is_empty() {
            pieces.push(Piece::text(" FROM "));
            pieces.extend(from);
        }
        let mut conditions = Vec::new();
        for condition in &block.conditions {
            if let Some(condition) = self.condition(condition) {
                conditions.push(vec![Piece::text("("), condition, Piece::text(")")]);
            }
        }
        for open in std::mem::take(&mut self.asides) {
            let close = self.shape.close(open)?;
            conditions.push(vec![Piece::text("EXISTS "), Piece::Words(open..close + 1)]);
        }
        let mut lead = " WHERE ";
        for condition in conditions {
            pieces.push(Piece::text(lead));
            pieces.extend(condition);
            lead = " AND ";
        }
        let hierarchy = [Piece::text(" CONNECT BY 1 = 1")];
        if block.hierarchical && self.trial.takes(self.shape, Place::End, &hierarchy) {
            pieces.extend(hierarchy);
        }
        self.write(out, &pieces, level)
    }

    /// Writes pieces, the queries in them mended.
    fn write(&mut self, out: &mut String, pieces: &[Piece], level: usize) -> Option<()> {
        let shape = self.shape;
        for piece in pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Words(range) => {
                    let mut from = range.start;
                    for open in queries(shape, range.clone()) {
                        let close = shape.close(open)?;
                        out.push_str(shape.slice(&(from..open + 1)));
                        self.query(out, open + 1..close, level + 1)?;
                        from = close;
                    }
                    out.push_str(shape.slice(&(from..range.end)));
                }
            }
        }
        Some(())
    }

    /// A select list.
    fn items(&mut self, range: Range<usize>) -> Vec<Piece> {
        let list = self.shape.split(range);
        let mut found: Vec<Vec<Piece>> = Vec::new();
        // Halves of what is not taken are tried in turn, the first on top.
        let mut todo: Vec<&[Range<usize>]> = vec![&list];
        while let Some(items) = todo.pop() {
            let (Some(first), Some(last)) = (items.first(), items.last()) else { continue };
            let whole = [Piece::Words(first.start..last.end)];
            if self.trial.takes(self.shape, Place::Items, &whole) {
                found.push(whole.into());
            } else if let [one] = items {
                self.losses += 1;
                found.extend(self.item(one));
            } else {
                let (left, right) = items.split_at(items.len() / 2);
                todo.extend([right, left]);
            }
        }
        if found.is_empty() {
            let name = self.stand_ins.add(StandIn::Nothing);
            found.push(vec![Piece::Text(format!("NULL AS {name}"))]);
        }
        let mut pieces = Vec::new();
        for (index, item) in found.into_iter().enumerate() {
            if index > 0 {
                pieces.push(Piece::text(", "));
            }
            pieces.extend(item);
        }
        pieces
    }

    /// An item that the parser does not take: its name, and the columns that it is made of.
    fn item(&mut self, range: &Range<usize>) -> Option<Vec<Piece>> {
        let shape = self.shape;
        let Range { start, end } = *range;
        if start == end || (shape.is(start, "typeof") && !shape.is(start + 1, "(")) {
            return None;
        }
        let path = shape.path(start, end);
        let star = path.filter(|path| shape.is(*path, ".")).map_or(start, |path| path + 1);
        if shape.is(star, "*") && star < end && (star + 1 == end || shape.is_name(star + 1)) {
            return Some(vec![Piece::Words(start..star + 1)]);
        }
        // ClickHouse: columns by a pattern of their names.
        let columns = path.map_or(start, |path| path - 1);
        if shape.is(columns, "columns")
            && shape.is(columns + 1, "(")
            && shape.is_kind(columns + 2, WordKind::Text)
        {
            let applied = (columns..end).any(|at| shape.is(at, "apply"));
            let pieces = vec![Piece::Words(start..columns), Piece::text("*")];
            return (!applied).then_some(pieces);
        }
        let item = item(shape, range);
        let name = item.name.unwrap_or_else(|| shape.spelled(range));
        let name = self.stand_ins.add(StandIn::Name(name));
        let call = self.stand_ins.add(StandIn::Expression(shape.spelled(&item.body)));
        let mut arguments = Vec::new();
        for part in values::parts(shape, &item.body) {
            let words = match part {
                Part::Column(words) => words,
                Part::Value(open) => open..shape.close(open)? + 1,
                Part::Condition(open) => {
                    self.asides.push(open);
                    continue;
                }
            };
            arguments.push(Piece::Words(words));
        }
        let called = |arguments: &[Piece]| {
            let mut pieces = vec![Piece::Text(format!("{call}("))];
            for (index, argument) in arguments.iter().enumerate() {
                pieces.extend((index > 0).then(|| Piece::text(", ")));
                pieces.push(argument.clone());
            }
            pieces.push(Piece::Text(format!(") AS {name}")));
            pieces
        };
        if let [Piece::Words(words)] = arguments.as_slice()
            && *words == item.body
        {
            let plain = vec![Piece::Words(words.clone()), Piece::Text(format!(" AS {name}"))];
            if self.trial.takes(shape, Place::Items, &plain) {
                return Some(plain);
            }
        }
        let pieces = called(&arguments);
        if self.trial.takes(shape, Place::Items, &pieces) {
            return Some(pieces);
        }
        arguments.retain(|it| self.trial.takes(shape, Place::Items, std::slice::from_ref(it)));
        Some(called(&arguments))
    }

    /// A condition; of one that is not taken, the columns that it names: they tell which tables
    /// have them.
    pub(super) fn condition(&mut self, range: &Range<usize>) -> Option<Piece> {
        let shape = self.shape;
        let whole = Piece::Words(range.clone());
        if self.trial.takes(shape, Place::Condition, std::slice::from_ref(&whole)) {
            return Some(whole);
        }
        self.losses += 1;
        self.leave_out(range);
        const MOST: usize = 200;
        let mut names: Vec<&str> = Vec::new();
        let mut at = range.start;
        while at < range.end && names.len() < MOST {
            let next = if shape.is_query(at) { Some(shape.after(at, range.end)) } else { None };
            let path = shape.path(at, range.end).filter(|path| *path > at + 1);
            if let Some(path) = path.filter(|path| !shape.is(*path, "(")) {
                names.push(shape.slice(&(at..path)));
            }
            at = next.or(path).unwrap_or(at + 1);
        }
        let named = Piece::Text(format!("qlikm({})", names.join(", ")));
        let taken = !names.is_empty()
            && self.trial.takes(shape, Place::Condition, std::slice::from_ref(&named));
        taken.then_some(named)
    }

    /// Remembers the queries in what is left out.
    pub(super) fn leave_out(&mut self, range: &Range<usize>) {
        self.asides.extend(queries(self.shape, range.clone()));
    }
}
