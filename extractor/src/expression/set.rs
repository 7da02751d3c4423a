//! Set expressions: `{1<F={'a',"b*"}, [G]-={..}> + $<..>}`.
//!
//! Which records a set holds does not matter here, only what it reads: the fields of modifiers on
//! either side, search strings that are expressions, and calculated fields.

use super::{
    lex::Kind,
    parse::{Expr, Name, Parser, Result},
};

/// What a set expression reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Set {
    /// Fields of modifiers (`F=..`), of their values (`F=G`) and of `P(G)` and `E(G)`.
    pub(super) fields: Vec<Name>,
    /// Search strings that begin with `=`, without it.
    pub(super) searches: Vec<String>,
    /// Expressions among the values.
    pub(super) expressions: Vec<Expr>,
}

impl Parser<'_, '_> {
    /// A set expression behind its opening brace, up to the closing one.
    pub(super) fn set(&mut self) -> Result<Set> {
        let mut set = Set::default();
        self.entities(&mut set, '}')?;
        Ok(set)
    }

    /// `entity (operator entity)*` up to `close`.
    fn entities(&mut self, set: &mut Set, close: char) -> Result<()> {
        loop {
            if self.take(close) {
                return Ok(());
            }
            match self.peek() {
                Some(Kind::Symbol('+' | '-' | '*' | '/')) => self.at += 1,
                Some(Kind::Symbol('(')) => {
                    self.at += 1;
                    self.nested(|parser| parser.entities(set, ')'))?;
                }
                Some(Kind::Symbol('<')) => {
                    self.at += 1;
                    self.nested(|parser| parser.modifiers(set))?;
                }
                // Identifiers: `$`, `$1`, `1`, a bookmark, an alternate state. No field is read.
                Some(
                    Kind::Symbol(':')
                    | Kind::Word(_)
                    | Kind::Quoted(_)
                    | Kind::Text(_)
                    | Kind::Number(_)
                    | Kind::Placeholder,
                ) => self.at += 1,
                _ => return Err(self.error()),
            }
        }
    }

    /// `field = values, ..` up to `>`.
    fn modifiers(&mut self, set: &mut Set) -> Result<()> {
        loop {
            if self.take('>') {
                return Ok(());
            }
            match self.peek() {
                Some(Kind::Symbol(',') | Kind::Placeholder) => {
                    self.at += 1;
                    continue;
                }
                Some(Kind::Text(text)) => {
                    self.at += 1;
                    set.fields.push(Name { text: text.clone().into_owned(), quoted: true });
                }
                Some(Kind::Number(text)) => {
                    self.at += 1;
                    set.fields.push(Name { text: (*text).to_owned(), quoted: false });
                }
                _ => {
                    let field = self.name()?;
                    set.fields.push(field);
                }
            }
            if matches!(self.peek(), Some(Kind::Symbol('+' | '-' | '*' | '/'))) {
                self.at += 1;
                self.expect('=')?;
            } else if !self.take('=') {
                continue;
            }
            self.values(set)?;
        }
    }

    /// The right-hand side of a modifier; stops in front of what ends it.
    fn values(&mut self, set: &mut Set) -> Result<()> {
        loop {
            match self.peek() {
                Some(Kind::Symbol('+' | '-' | '*' | '/' | '=')) => self.at += 1,
                Some(Kind::Symbol('{')) => {
                    self.at += 1;
                    self.nested(|parser| parser.elements(set))?;
                }
                Some(Kind::Symbol('(')) => {
                    self.at += 1;
                    self.nested(|parser| {
                        parser.values(set)?;
                        parser.expect(')')
                    })?;
                }
                Some(Kind::Number(_) | Kind::Text(_) | Kind::Date | Kind::Placeholder) => {
                    self.at += 1;
                }
                Some(Kind::Word(word)) if self.peek_at(1) == Some(&Kind::Symbol('(')) => {
                    self.at += 2;
                    if word.eq_ignore_ascii_case("p") || word.eq_ignore_ascii_case("e") {
                        self.nested(|parser| parser.element_function(set))?;
                    } else {
                        let call = self.nested(|parser| parser.call(word))?;
                        set.expressions.push(call);
                    }
                }
                Some(Kind::Word(_) | Kind::Quoted(_)) => {
                    let field = self.name()?;
                    set.fields.push(field);
                }
                _ => return Ok(()),
            }
        }
    }

    /// `P({set} field)` behind its parenthesis. Both parts may be missing.
    fn element_function(&mut self, set: &mut Set) -> Result<()> {
        loop {
            match self.peek() {
                Some(Kind::Symbol(')')) => {
                    self.at += 1;
                    return Ok(());
                }
                Some(Kind::Symbol('{')) => {
                    self.at += 1;
                    self.nested(|parser| parser.entities(set, '}'))?;
                }
                Some(Kind::Placeholder) => self.at += 1,
                _ => {
                    let field = self.name()?;
                    set.fields.push(field);
                }
            }
        }
    }

    /// A list of values up to `}`. Values are no fields; in double quotes (or brackets) they are
    /// searches, and a search that begins with `=` is an expression. Single quotes are literal
    /// since November 2017.
    fn elements(&mut self, set: &mut Set) -> Result<()> {
        let mut begins = true;
        loop {
            match self.peek() {
                Some(Kind::Symbol('}')) => {
                    self.at += 1;
                    return Ok(());
                }
                Some(Kind::Symbol('{')) | None => return Err(self.error()),
                Some(Kind::Symbol('=')) if begins => {
                    self.at += 1;
                    let expression = self.expression()?;
                    set.expressions.push(expression);
                    begins = false;
                    continue;
                }
                Some(Kind::Quoted(text)) => {
                    if let Some(expression) = text.trim_start().strip_prefix('=') {
                        set.searches.push(expression.to_owned());
                    }
                }
                Some(_) => {}
            }
            begins = self.next_is(',');
            self.at += 1;
        }
    }
}
