//! Script text → raw statements. Statements end at `;`, control statements at `;` or the end of
//! the line; what is quoted, commented, inside `$(…)` or inline data does not end them. Nothing is
//! expanded here: a statement's exact text is known only when it is reached.

mod blocks;
mod control;
mod forgotten;
pub(crate) mod scan;
pub(crate) mod split;
pub(crate) mod token;

use std::rc::Rc;

pub(crate) use blocks::Link;
pub(crate) use control::Control;
pub(crate) use scan::{part, unquote};

/// A text cut into statements: the script, an included file, or what an expansion brought.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) text: Rc<str>,
    /// Path as the script writes it, for an included file.
    pub(crate) include: Option<Rc<str>>,
    pub(crate) raws: Vec<Raw>,
    /// Where each statement of a block continues, by the statement's index.
    pub(crate) links: Vec<Link>,
    /// Statements that open or close a block that has no other end, by index.
    pub(crate) unbalanced: Vec<usize>,
}

impl Unit {
    pub(crate) fn new(text: &str, include: Option<Rc<str>>) -> Self {
        let mut raws = split::statements(text);
        control::read_else_if(text, &mut raws);
        let (links, unbalanced) = blocks::link(&raws);
        Self { text: text.into(), include, raws, links, unbalanced }
    }

    /// Text of a statement, without its `;`.
    pub(crate) fn text_of(&self, raw: &Raw) -> &str {
        part(&self.text, raw.start, raw.end)
    }

    /// Text of a control statement after its keyword.
    pub(crate) fn arguments_of(&self, raw: &Raw) -> &str {
        part(&self.text, raw.arguments, raw.end)
    }
}

/// A statement as it stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    /// Where a control statement's arguments start; `start` for others.
    pub(crate) arguments: usize,
    pub(crate) end: usize,
    pub(crate) at: Position,
    pub(crate) last_line: u32,
}

/// Line and column, from 1; a column is a character, not a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What is known of a statement before it is expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anything that is not below.
    Plain,
    /// As plain, and passed to a database: `--` starts a comment.
    Sql,
    /// `TRACE text`: free text.
    Trace,
    /// `$(Include=…)` or `$(Must_Include=…)` standing alone.
    Include,
    /// A control statement.
    Control(Control),
}
