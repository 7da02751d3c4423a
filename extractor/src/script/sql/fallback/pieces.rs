//! Pieces of a text that a parser can take, made of words of one that it cannot.

use std::ops::Range;

use super::super::prepare::is_deep_chain;
use super::super::{Select, TableName, Unknown, dialect};
use super::shape::Shape;

/// Something that is written.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    /// Words as they are, but for the queries among them.
    Words(Range<usize>),
}

impl Piece {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Where pieces stand in a query.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Items,
    Tables,
    /// After a table.
    Joins,
    Condition,
    End,
    Whole,
}

impl Place {
    /// A query around it. What comes after would show that it ends in another clause.
    fn around(self) -> (&'static str, &'static str) {
        match self {
            Self::Items => ("SELECT ", " FROM t"),
            Self::Tables => ("SELECT 1 FROM ", " WHERE 1 = 1"),
            // Without the alias, an unknown word before `JOIN` would be one.
            Self::Joins => ("SELECT 1 FROM t AS q ", " WHERE 1 = 1"),
            Self::Condition => ("SELECT 1 FROM t WHERE (", ")"),
            Self::End => ("SELECT 1 FROM t ", ""),
            Self::Whole => ("", ""),
        }
    }
}

/// Tries out whether the parser takes something, as long as there is work left to spend.
pub(super) struct Trial {
    dialect: &'static str,
    left: usize,
}

impl Trial {
    pub(super) fn new(dialect: &'static str, length: usize) -> Self {
        const LEAST: usize = 64 << 10;
        const MOST: usize = 4 << 20;
        Self { dialect, left: (8 * length).clamp(LEAST, MOST) }
    }

    /// Whether the dialect takes some words where they are to stand. Queries in parentheses are tried
    /// on their own.
    pub(super) fn takes(&mut self, shape: &Shape<'_>, place: Place, pieces: &[Piece]) -> bool {
        // What a trial costs besides.
        const EACH: usize = 100;
        let (before, after) = place.around();
        let mut text = before.to_owned();
        for piece in pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Words(range) => {
                    let words = shape.words.get(range.clone()).unwrap_or_default();
                    if words.len() > self.left || is_deep_chain(words) {
                        return false;
                    }
                    let mut from = range.start;
                    for open in queries(shape, range.clone()) {
                        text.push_str(shape.slice(&(from..open + 1)));
                        text.push_str("SELECT 1 ");
                        from = shape.close(open).unwrap_or(open);
                    }
                    text.push_str(shape.slice(&(from..range.end)));
                }
            }
        }
        text.push_str(after);
        match self.left.checked_sub(text.len() + EACH) {
            Some(left) => {
                self.left = left;
                dialect::parse_as(self.dialect, &text).is_some()
            }
            None => {
                self.left = 0;
                false
            }
        }
    }
}

/// Parentheses with queries among some words, but none within another.
pub(super) fn queries(shape: &Shape<'_>, range: Range<usize>) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = range.start;
    while at < range.end {
        if shape.is_query(at) {
            found.push(at);
            at = shape.after(at, range.end);
        } else {
            at += 1;
        }
    }
    found
}

/// What stands in the mended text for something that the parser need not see.
#[derive(Debug)]
pub(super) enum StandIn {
    /// Name of a column.
    Name(String),
    /// An expression, whose columns are the arguments of a call.
    Expression(String),
    Table(TableName),
    /// A column that is none.
    Nothing,
}

/// What is put back into what is found in a mended text.
#[derive(Debug, Default)]
pub(crate) struct StandIns {
    list: Vec<StandIn>,
    /// What stands among the tables and is not known.
    pub(super) unseen: Vec<String>,
}

const START: &str = "qlikm";

impl StandIns {
    /// The name that stands for something.
    pub(super) fn add(&mut self, stand_in: StandIn) -> String {
        self.list.push(stand_in);
        format!("{START}{}m", self.list.len() - 1)
    }

    fn find(&self, name: &str) -> Option<&StandIn> {
        let digits = name.strip_prefix(START)?.strip_suffix('m')?;
        self.list.get(digits.parse::<usize>().ok()?)
    }

    pub(crate) fn restore(&self, select: &mut Select) {
        let unseen = self.unseen.iter().map(|name| Unknown::unseen(name.clone()));
        select.unknown.extend(unseen);
        if self.list.is_empty() {
            return;
        }
        for table in &mut select.tables {
            if let Some(StandIn::Table(name)) = self.find(&table.table) {
                table.clone_from(name);
            }
        }
        if let Some(first) = &mut select.first
            && let Some(StandIn::Table(name)) = self.find(first)
        {
            first.clone_from(&name.table);
        }
        select.columns.retain(|column| !matches!(self.find(&column.name), Some(StandIn::Nothing)));
        for column in &mut select.columns {
            if let Some(StandIn::Name(name)) = self.find(&column.name) {
                column.name.clone_from(name);
            }
            let call = column.expression.as_ref().and_then(|it| self.find(it.split('(').next()?));
            if let Some(StandIn::Expression(text)) = call {
                column.expression = Some(text.clone());
            }
        }
    }
}
