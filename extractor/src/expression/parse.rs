//! Tokens → syntax tree, as far as reading fields needs it: operators are not ranked, numbers not
//! evaluated. The whole text must parse; what to do when it does not is the reader's decision.

use super::{
    functions::{is_infix, is_prefix, is_qualifier},
    lex::{Kind, Token},
    set::Set,
};

/// Nesting (parentheses, calls, sets) that is followed. Qlik's own editor gives up far earlier;
/// the bound keeps recursion within any thread's stack.
pub(super) const MAX_NESTING: usize = 64;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expr {
    /// A number, as written.
    Number(String),
    /// A date, or nothing between two commas.
    Other,
    /// `'..'`.
    Text(String),
    /// A field, variable or label.
    Name(Name),
    /// Only known when the expression runs.
    Placeholder,
    /// Operands with operators between them.
    Chain {
        /// The operands.
        operands: Vec<Self>,
        /// Whether every operator is `&`.
        concatenates: bool,
    },
    /// `(a)`, or `(a, b)` among the arguments of `Aggr`.
    Group(Vec<Self>),
    /// `f(..)`.
    Call(Call),
    /// A set in front of an operand, which every aggregation in it inherits.
    InSet(Box<Set>, Box<Self>),
}

/// A name.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    /// The name, escapes undone.
    pub(super) text: String,
    /// Whether it was written in quotes.
    pub(super) quoted: bool,
}

/// A function call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    /// The function, as written.
    pub(super) function: String,
    /// Set expressions in front of the arguments.
    pub(super) sets: Vec<Set>,
    /// Fields of `TOTAL <..>`.
    pub(super) totals: Vec<Name>,
    /// The arguments.
    pub(super) arguments: Vec<Expr>,
}

/// Where a text stops being an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// Byte offset.
    pub(super) at: usize,
}

pub(super) type Result<T> = std::result::Result<T, SyntaxError>;

/// Parses all of `tokens`. `is_field` settles what a qualifier such as `Total` in front of a minus
/// is: the word, or a field of that name.
pub(super) fn expression(tokens: &[Token<'_>], is_field: &dyn Fn(&str) -> bool) -> Result<Expr> {
    let mut parser = Parser { tokens, at: 0, depth: 0, is_field };
    while parser.take('=') {}
    if parser.at_end() {
        return Ok(Expr::Other);
    }
    let expr = parser.expression()?;
    while parser.take(';') {}
    if parser.at_end() { Ok(expr) } else { Err(parser.error()) }
}

pub(super) struct Parser<'t, 'a> {
    pub(super) tokens: &'t [Token<'a>],
    pub(super) at: usize,
    pub(super) depth: usize,
    pub(super) is_field: &'t dyn Fn(&str) -> bool,
}

impl<'t, 'a> Parser<'t, 'a> {
    pub(super) fn peek(&self) -> Option<&'t Kind<'a>> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<&'t Kind<'a>> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    pub(super) fn next_is(&self, symbol: char) -> bool {
        self.peek() == Some(&Kind::Symbol(symbol))
    }

    /// Takes `symbol` when it is next.
    pub(super) fn take(&mut self, symbol: char) -> bool {
        let found = self.next_is(symbol);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, symbol: char) -> Result<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.error()) }
    }

    pub(super) fn error(&self) -> SyntaxError {
        let at =
            self.tokens.get(self.at).or_else(|| self.tokens.last()).map_or(0, |token| token.at);
        SyntaxError { at }
    }

    /// Runs `parse` one level deeper.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.depth >= MAX_NESTING {
            return Err(self.error());
        }
        self.depth += 1;
        let result = parse(self);
        self.depth -= 1;
        result
    }

    /// `operand (operator operand)*`.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        let first = self.operand()?;
        let mut operands = vec![first];
        let mut concatenates = true;
        loop {
            if let Some(ampersand) = self.operator() {
                concatenates &= ampersand;
                operands.push(self.operand()?);
            } else if self.peek() == Some(&Kind::Placeholder) {
                // A computed operator or the rest of an expression.
                self.at += 1;
                concatenates = false;
                if self.starts_operand() {
                    operands.push(self.operand()?);
                }
            } else {
                break;
            }
        }
        match operands.pop() {
            Some(only) if operands.is_empty() => Ok(only),
            last => {
                operands.extend(last);
                Ok(Expr::Chain { operands, concatenates })
            }
        }
    }

    /// Takes an operator; says whether it is `&`.
    fn operator(&mut self) -> Option<bool> {
        match self.peek()? {
            Kind::Symbol(symbol @ ('+' | '-' | '*' | '/' | '&' | '^' | '=' | '<' | '>' | '!')) => {
                self.at += 1;
                match symbol {
                    '<' if self.next_is('>') || self.next_is('=') => self.at += 1,
                    '>' if self.next_is('<') || self.next_is('=') => self.at += 1,
                    '=' | '!' if self.next_is('=') => self.at += 1,
                    '*' if self.next_is('*') => self.at += 1,
                    _ => {}
                }
                Some(*symbol == '&')
            }
            Kind::Word(word) if is_infix(word) => {
                self.at += 1;
                Some(false)
            }
            _ => None,
        }
    }

    fn starts_operand(&self) -> bool {
        match self.peek() {
            Some(Kind::Symbol(symbol)) => matches!(symbol, '(' | '{' | '+' | '-'),
            Some(Kind::Word(word)) => !is_infix(word),
            Some(_) => true,
            None => false,
        }
    }

    fn operand(&mut self) -> Result<Expr> {
        self.prefixes();
        let error = self.error();
        let Some(kind) = self.peek() else { return Err(error) };
        match kind {
            Kind::Number(text) => {
                self.at += 1;
                Ok(Expr::Number((*text).to_owned()))
            }
            Kind::Date => {
                self.at += 1;
                Ok(Expr::Other)
            }
            Kind::Text(text) => {
                self.at += 1;
                Ok(Expr::Text(text.clone().into_owned()))
            }
            Kind::Quoted(_) => Ok(Expr::Name(self.name()?)),
            Kind::Word(word) if self.peek_at(1) == Some(&Kind::Symbol('(')) => {
                self.at += 2;
                self.nested(|parser| parser.call(word))
            }
            Kind::Word(_) => Ok(Expr::Name(self.name()?)),
            Kind::Placeholder => self.computed(),
            Kind::Symbol('(') => {
                self.at += 1;
                // The order of a dimension of `Aggr` may be by an expression: `(=Sum(x), DESC)`.
                self.take('=');
                self.nested(|parser| Ok(Expr::Group(parser.arguments()?)))
            }
            Kind::Symbol('{') => {
                self.at += 1;
                let set = self.nested(Self::set)?;
                let inner =
                    if self.starts_operand() { self.nested(Self::operand)? } else { Expr::Other };
                Ok(Expr::InSet(Box::new(set), Box::new(inner)))
            }
            Kind::Symbol(_) => Err(error),
        }
    }

    /// Signs and negations.
    fn prefixes(&mut self) {
        loop {
            match self.peek() {
                Some(Kind::Symbol('+' | '-')) => self.at += 1,
                Some(Kind::Word(word)) if is_prefix(word) && self.operand_follows() => self.at += 1,
                _ => return,
            }
        }
    }

    /// Whether the token after the next one begins an operand.
    fn operand_follows(&self) -> bool {
        Parser { tokens: self.tokens, at: self.at + 1, depth: 0, is_field: self.is_field }
            .starts_operand()
    }

    /// A computed operand; it may also stand for a function's name, a set or a qualifier.
    fn computed(&mut self) -> Result<Expr> {
        while self.peek() == Some(&Kind::Placeholder) {
            self.at += 1;
        }
        if self.next_is('+') || self.next_is('-') || !self.starts_operand() {
            return Ok(Expr::Placeholder);
        }
        self.nested(Self::operand)
    }

    /// `name` or `state::name`.
    pub(super) fn name(&mut self) -> Result<Name> {
        let name = self.single_name()?;
        if self.next_is(':') && self.peek_at(1) == Some(&Kind::Symbol(':')) {
            self.at += 2;
            return self.single_name();
        }
        Ok(name)
    }

    fn single_name(&mut self) -> Result<Name> {
        let name = match self.peek() {
            Some(Kind::Word(word)) => Name { text: (*word).to_owned(), quoted: false },
            Some(Kind::Quoted(text)) => Name { text: text.clone().into_owned(), quoted: true },
            _ => return Err(self.error()),
        };
        self.at += 1;
        Ok(name)
    }

    /// The rest of a call, behind its opening parenthesis.
    pub(super) fn call(&mut self, function: &str) -> Result<Expr> {
        let mut call = Call {
            function: function.to_owned(),
            sets: Vec::new(),
            totals: Vec::new(),
            arguments: Vec::new(),
        };
        loop {
            if self.take('{') {
                call.sets.push(self.nested(Self::set)?);
            } else if let Some(word) = self.qualifier() {
                self.at += 1;
                if word.eq_ignore_ascii_case("total") && self.total_fields() {
                    self.at += 1;
                    while !self.take('>') {
                        call.totals.push(self.total_field()?);
                        self.take(',');
                    }
                }
            } else if self.peek() == Some(&Kind::Placeholder) && self.more_in_front() {
                self.at += 1;
            } else {
                break;
            }
        }
        call.arguments = self.arguments()?;
        Ok(Expr::Call(call))
    }

    /// Whether a set or a qualifier follows the next token, a computed one.
    fn more_in_front(&self) -> bool {
        match self.peek_at(1) {
            Some(Kind::Symbol(symbol)) => *symbol == '{',
            Some(Kind::Word(word)) => is_qualifier(word),
            _ => false,
        }
    }

    /// Expressions up to the closing parenthesis; what is left out between commas is
    /// [`Expr::Other`].
    fn arguments(&mut self) -> Result<Vec<Expr>> {
        let mut arguments = Vec::new();
        if self.take(')') {
            return Ok(arguments);
        }
        loop {
            if self.next_is(',') || self.next_is(')') {
                arguments.push(Expr::Other);
            } else {
                arguments.push(self.expression()?);
            }
            if self.take(')') {
                return Ok(arguments);
            }
            self.expect(',')?;
        }
    }

    /// `TOTAL`, `DISTINCT`, … when it is next and is not a field of that name.
    fn qualifier(&self) -> Option<&'t str> {
        let Kind::Word(word) = self.peek()? else { return None };
        if !is_qualifier(word) {
            return None;
        }
        let qualifies = match self.peek_at(1)? {
            Kind::Symbol('(' | '{') => true,
            Kind::Symbol('+' | '-') => !(self.is_field)(word),
            Kind::Symbol('<') => {
                let behind = Parser {
                    tokens: self.tokens,
                    at: self.at + 1,
                    depth: 0,
                    is_field: self.is_field,
                };
                word.eq_ignore_ascii_case("total") && behind.total_fields()
            }
            Kind::Symbol(_) => false,
            Kind::Word(next) => !is_infix(next),
            _ => true,
        };
        qualifies.then_some(*word)
    }

    /// Whether `<field, field>` is next.
    fn total_fields(&self) -> bool {
        if !self.next_is('<') {
            return false;
        }
        let mut ahead = 1;
        loop {
            match self.peek_at(ahead) {
                Some(Kind::Symbol('>')) => return true,
                Some(
                    Kind::Symbol(',')
                    | Kind::Word(_)
                    | Kind::Quoted(_)
                    | Kind::Text(_)
                    | Kind::Placeholder,
                ) => ahead += 1,
                _ => return false,
            }
        }
    }

    fn total_field(&mut self) -> Result<Name> {
        match self.peek() {
            Some(Kind::Text(text)) => {
                self.at += 1;
                Ok(Name { text: text.clone().into_owned(), quoted: true })
            }
            Some(Kind::Placeholder) => {
                self.at += 1;
                Ok(Name { text: super::expand::UNKNOWN.to_string(), quoted: true })
            }
            _ => self.single_name(),
        }
    }
}
