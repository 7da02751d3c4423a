//! Chart expressions → the fields of the app's data model that they read, exactly.
//!
//! [`fields`] takes a measure or any other expression, [`dimension_fields`] what stands in a
//! dimension, where a field's bare name is that field even when it looks like an expression.
//!
//! A text goes through these steps:
//! 1. `expand`: dollar-sign expansion, through the app's variables;
//! 2. `lex` and `parse` (`set` for set analysis): tokens and a syntax tree;
//! 3. `read`: names are resolved against the app's fields, measures, variables and the chart's own
//!    columns; what a name stands for is read in turn, as are search strings, calculated fields and
//!    whatever the expansion evaluates.
//!
//! A text that does not parse is read by its tokens alone: every name that is a field counts. Names
//! are case-sensitive, as in Qlik; functions and keywords are not. Nothing here panics, recursion
//! and growth are bounded (`parse::MAX_NESTING`, `expand::MAX_EXPANDED` and the constants beside
//! it), and [`Diagnostic`]s say what was left out.

mod expand;
mod functions;
mod lex;
mod names;
mod parse;
mod read;
mod set;
#[cfg(test)]
mod tests;
mod value;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// What names mean in an app.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Fields of the data model, without system fields.
    pub fields: BTreeSet<String>,
    /// Definitions of variables by name, as written.
    pub variables: BTreeMap<String, String>,
    /// Expressions of master measures by title or label.
    pub measures: BTreeMap<String, String>,
    /// Field definitions of master dimensions by title or label.
    pub dimensions: BTreeMap<String, Vec<String>>,
    /// Whether the fields are not known. Then every name that stands where a field does and is no
    /// function, keyword, variable or label counts as one.
    pub is_open: bool,
}

/// Where an expression stands.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The app's names.
    pub names: &'a Names,
    /// Dimensions and measures of the same chart, which its expressions may refer to by label and
    /// by `Column(n)`.
    pub columns: &'a [Column],
}

/// A dimension or measure of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Label, when it has one that is no expression.
    pub label: Option<String>,
    /// Expressions: one for a measure.
    pub expressions: Vec<String>,
    /// Whether it is a measure.
    pub is_measure: bool,
}

/// What an expression reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Fields, sorted.
    pub fields: Vec<String>,
    /// Labels of master measures and dimensions that were followed, sorted.
    pub master_items: Vec<String>,
    /// Variables that were followed, sorted.
    pub variables: Vec<String>,
    /// What could not be told.
    pub diagnostics: Vec<Diagnostic>,
}

/// Something about an expression that could not be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Diagnostic {
    /// A text does not parse; it was read by its tokens alone.
    Syntax {
        /// The text from where parsing stopped, shortened.
        near: String,
    },
    /// A name that is no field, variable or label.
    UnknownName(String),
    /// A dollar-sign expansion of a variable that the app does not have.
    UndefinedVariable(String),
    /// A variable that expands to itself.
    Cycle(String),
    /// A name that is put together when the expression runs.
    ComputedName,
    /// The expression and what it refers to is too large to be read whole.
    Limit,
}

impl Diagnostic {
    /// Whether fields may be missing or too many because of it.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        !matches!(self, Self::UnknownName(_))
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { near } => {
                write!(f, "not understood near `{near}`; every name in it that is a field counts")
            }
            Self::UnknownName(name) => write!(f, "`{name}` is no field, variable or label"),
            Self::UndefinedVariable(name) => write!(f, "variable `{name}` is not defined"),
            Self::Cycle(name) => write!(f, "variable `{name}` expands to itself"),
            Self::ComputedName => f.write_str("a field name is put together when it runs"),
            Self::Limit => f.write_str("too large or too deep to be read whole"),
        }
    }
}

/// What `expression` reads, with or without a leading `=`.
#[must_use]
pub fn fields(expression: &str, context: &Context<'_>) -> Reads {
    unless_name(read::read(expression, context, read::Scope::Outer), expression, context)
}

/// What the field definition of a dimension reads: a field's name as it is, or an expression. What
/// does not begin with `=` and is no expression either is the name of a field that is not there.
#[must_use]
pub fn dimension_fields(definition: &str, context: &Context<'_>) -> Reads {
    let candidates = [definition, definition.trim()];
    if let Some(field) = candidates.into_iter().find_map(|it| names::base_field(it, context.names))
    {
        return Reads { fields: vec![field.to_owned()], ..Reads::default() };
    }
    let definition = names::as_expression(definition, context.names);
    let definition = definition.as_ref();
    let reads = read::read(definition, context, read::Scope::Field);
    if is_unparsed(&reads) && !definition.trim_start().starts_with('=') {
        let unknown = Diagnostic::UnknownName(definition.trim().to_owned());
        return Reads { diagnostics: vec![unknown], ..Reads::default() };
    }
    unless_name(reads, definition, context)
}

/// A text that does not parse and is a field's name, `=Order Date`, is that field.
fn unless_name(reads: Reads, text: &str, context: &Context<'_>) -> Reads {
    let name = text.trim();
    let name = name.strip_prefix('=').unwrap_or(name).trim();
    let is_name = if context.names.is_open {
        names::could_be_name(name)
    } else {
        context.names.fields.contains(name)
    };
    if is_unparsed(&reads) && is_name {
        return Reads { fields: vec![name.to_owned()], ..Reads::default() };
    }
    reads
}

fn is_unparsed(reads: &Reads) -> bool {
    reads.diagnostics.iter().any(|found| matches!(found, Diagnostic::Syntax { .. }))
}
