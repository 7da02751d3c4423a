//! `LOAD`: field list, source and clauses.

use super::names::{Pair, pairs, split, whole};
use super::source::{self, LoadSource};
use super::{Statement, TokenKind, Tokens, part};
use crate::script::expression::{self, Reference};
use crate::script::lex::token::Token;
use crate::script::mask::mask;

/// A `LOAD` statement.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) distinct: bool,
    pub(crate) items: Vec<Item>,
    pub(crate) source: LoadSource,
    /// `WHERE` condition.
    pub(crate) filter: Option<String>,
    /// Whether `WHILE` repeats rows.
    pub(crate) repeats: bool,
    /// Whether `GROUP BY` makes rows of several.
    pub(crate) groups: bool,
}

/// An element of a field list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) kind: ItemKind,
    /// Name of the field that it makes; empty for `*`.
    pub(crate) name: String,
    /// Whether the name was given with `AS`.
    pub(crate) named: bool,
}

/// What an element of a field list is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ItemKind {
    Star,
    /// A field as it is.
    Field(String),
    Expression {
        text: String,
        references: Vec<Reference>,
    },
}

/// Reads a `LOAD` whose keyword stands at an index.
pub(super) fn read(tokens: &Tokens<'_>, at: usize, rest: &mut Option<String>) -> Statement {
    let mut from = at + 1;
    let distinct = tokens.is_word(from, "distinct") && !tokens.is_symbol(from + 1, ",");
    from += usize::from(distinct);
    let (list_end, source_at) = list_end(tokens, from);
    let items: Vec<Item> = split(tokens, from, list_end)
        .into_iter()
        .filter(|(from, to)| to > from)
        .map(|(from, to)| item(tokens, from, to))
        .collect();
    if items.is_empty() {
        return Statement::Unknown("`LOAD` without fields".to_owned());
    }
    let (source, mut next) = match source_at {
        Some(source_at) => source::read(tokens, source_at),
        None => (LoadSource::Following, list_end),
    };
    let mut load = Load { distinct, items, source, filter: None, repeats: false, groups: false };
    loop {
        // A variable that is not known stands for a clause, for a format, or for nothing.
        if is_variable(tokens, next) {
            next += 1;
            continue;
        }
        if !source::is_clause(tokens, next) {
            break;
        }
        let word = tokens.text_at(next).to_ascii_lowercase();
        let from = next + 1;
        next = from;
        while next < tokens.all.len() && !source::is_clause(tokens, next) {
            next = tokens.after_parenthesis(next).max(next + 1);
        }
        match word.as_str() {
            "where" => load.filter = Some(tokens.span(from, next).to_owned()),
            "while" => load.repeats = true,
            "group" | "group_by" => load.groups = true,
            _ => {}
        }
    }
    if let Some(token) = tokens.get(next) {
        *rest = Some(part(tokens.text, token.start, tokens.text.len()).to_owned());
    }
    Statement::Load(Box::new(load))
}

/// Whether nothing but a variable that could not be expanded stands there.
fn is_variable(tokens: &Tokens<'_>, at: usize) -> bool {
    let is_word = tokens.get(at).is_some_and(|token| token.kind == TokenKind::Word);
    let text = tokens.text_at(at);
    is_word && text.starts_with("$(") && text.ends_with(')')
}

/// Where a field list ends: at a source, at a clause (a preceding load has one without a source),
/// or at the end. The second value is the source's index.
fn list_end(tokens: &Tokens<'_>, from: usize) -> (usize, Option<usize>) {
    let mut depth = 0_usize;
    for index in from..tokens.all.len() {
        if tokens.is_symbol(index, "(") {
            depth += 1;
        } else if tokens.is_symbol(index, ")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 || index > from {
            let keyword = source::is_source(tokens, index);
            // A closing parenthesis that was forgotten must not hide the source.
            if keyword && (depth == 0 || is_surely_source(tokens, index)) {
                return (index, Some(index));
            }
            if depth == 0 && source::is_clause(tokens, index) {
                return (index, None);
            }
        }
    }
    (tokens.all.len(), None)
}

fn is_surely_source(tokens: &Tokens<'_>, index: usize) -> bool {
    tokens.is_any_word(index, &["from", "resident"])
        && tokens.get(index + 1).is_some_and(|token| token.kind == TokenKind::Name)
}

fn item(tokens: &Tokens<'_>, from: usize, to: usize) -> Item {
    // An expansion that came to nothing before a field: `$(vUnset) Amount`.
    let nothing = |at: usize| {
        let is_name = |token: Token| match token.kind {
            TokenKind::Name => true,
            TokenKind::Word => !tokens.is_any_word(at + 1, &["as", "and", "or", "like", "not"]),
            _ => false,
        };
        is_variable(tokens, at) && tokens.get(at + 1).is_some_and(is_name)
    };
    let from = (from..to).find(|&at| !nothing(at)).unwrap_or(from);
    if to == from + 1 && tokens.is_symbol(from, "*") {
        return Item { kind: ItemKind::Star, name: String::new(), named: false };
    }
    if to == from + 2 && tokens.is_word(from, "as") {
        // `$(vField) as Amount` with a variable that is empty.
        let kind = ItemKind::Expression { text: String::new(), references: Vec::new() };
        return Item { kind, name: whole(tokens, from + 1, to), named: true };
    }
    let alias = (from + 1..to.saturating_sub(1)).rev().find(|&index| tokens.is_word(index, "as"));
    let end = alias.unwrap_or(to);
    let text = tokens.span(from, end);
    let single = tokens.get(from).filter(|_| end == from + 1);
    let kind = match single {
        // `$(v) as x`: the variable may hold any expression.
        Some(token)
            if matches!(token.kind, TokenKind::Word | TokenKind::Name)
                && !(alias.is_some() && is_variable(tokens, from)) =>
        {
            ItemKind::Field(tokens.name_at(from).unwrap_or_default())
        }
        _ => ItemKind::Expression {
            text: text.to_owned(),
            references: expression::references(tokens, from, end),
        },
    };
    let name = match (alias, &kind) {
        (Some(alias), _) => {
            // `as [Amount] $(vMoreFields)` with a variable that is not known.
            let more = alias + 2..to;
            let quoted = tokens.get(alias + 1).is_some_and(|name| name.kind != TokenKind::Word);
            let unknown = quoted && more.into_iter().all(|at| tokens.text_at(at).starts_with("$("));
            whole(tokens, alias + 1, if unknown { alias + 2 } else { to })
        }
        (None, ItemKind::Field(name)) => name.clone(),
        // The field is named by the expression's text, which must not carry a secret on.
        _ => mask(text),
    };
    Item { kind, name, named: alias.is_some() }
}

/// `DIRECT QUERY DIMENSION a, b MEASURE c DETAIL d FROM table …`.
pub(super) fn read_direct(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = (at..tokens.all.len()).find(|&index| tokens.is_word(index, "from"));
    let Some(end) = end else {
        return Statement::Unknown("`DIRECT QUERY` without `FROM`".to_owned());
    };
    let mut fields: Vec<Pair> = Vec::new();
    let is_list = |index: usize| tokens.is_any_word(index, &["dimension", "measure", "detail"]);
    let mut index = at;
    while index < end {
        if !is_list(index) {
            index += 1;
            continue;
        }
        let next = (index + 1..end).find(|&next| is_list(next)).unwrap_or(end);
        fields.extend(pairs(tokens, index + 1, next, "as"));
        index = next;
    }
    let mut last = end + 1;
    while last < tokens.all.len()
        && !source::is_clause(tokens, last)
        && !tokens.is_any_word(last, &["join", "inner", "left"])
    {
        last += 1;
    }
    let table = tokens.span(end + 1, last).to_owned();
    Statement::DirectQuery { fields, table }
}
