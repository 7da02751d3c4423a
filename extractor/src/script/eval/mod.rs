//! Evaluates the expressions of `LET`, conditions, loop bounds and arguments as far as the script
//! alone decides them. Whatever depends on the reload (files, dates of today, data) is
//! [`Value::Unknown`], never a guess.

mod dates;
mod format;
mod functions;
mod text;
pub(crate) mod value;

use super::lex::token::{Token, TokenKind, Tokens, tokenize};
use super::lex::unquote;
pub(crate) use text::wild_match;
pub(crate) use value::Value;

/// Deepest nesting that is evaluated; deeper is unknown. Bounds the stack.
const MAX_DEPTH: usize = 96;

/// What an expression may refer to.
pub(crate) trait Names {
    /// Value of a field of the current row; `None` when there is no row or no such field.
    fn field(&self, name: &str) -> Option<Value>;
    /// Value of a variable; `None` when it was never set.
    fn variable(&self, name: &str) -> Option<Value>;
    /// A function that reads the data model (`Peek`, `NoOfRows`, `RecNo` …), lower-case name;
    /// `None` when the function is none of these.
    fn model(&self, function: &str, arguments: &[Value]) -> Option<Value>;
    /// Truth of a condition that is not known and only chooses between two values that are, where it
    /// may be taken one way and then the other; `None` where it may not.
    fn assume(&self, _condition: &str, _yes: &Value, _no: &Value) -> Option<bool> {
        None
    }
}

/// Value of a whole expression; unknown when it cannot be read.
pub(crate) fn evaluate(text: &str, names: &dyn Names) -> Value {
    match evaluate_prefix(text, names) {
        (value, end) if text.get(end..).is_some_and(|rest| rest.trim().is_empty()) => value,
        _ => Value::unknown(text),
    }
}

/// Value of the expression at the start of a text, and where it ends.
pub(crate) fn evaluate_prefix(text: &str, names: &dyn Names) -> (Value, usize) {
    let all = tokenize(text);
    let mut parser = Parser { tokens: Tokens { text, all: &all }, at: 0, depth: 0, names };
    let value = parser.or().unwrap_or_else(|| Value::unknown(text));
    let end = parser.tokens.get(parser.at).map_or(text.len(), |token| token.start);
    match value {
        // Show the whole expression, not the part of it that is to blame.
        Value::Unknown(unknown) if !unknown.partial && parser.at > 1 => {
            (Value::unknown(super::lex::part(text, 0, end)), end)
        }
        value => (value, end),
    }
}

/// Truth of a condition; `None` when the reload decides.
pub(crate) fn condition(text: &str, names: &dyn Names) -> Option<bool> {
    evaluate(text, names).truth()
}

/// A whole number from 0 on as an index.
pub(crate) fn to_index(number: f64) -> Option<usize> {
    dates::to_integer(number).and_then(|number| usize::try_from(number).ok())
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    at: usize,
    depth: usize,
    names: &'a dyn Names,
}

/// `None`: not an expression.
type Parsed = Option<Value>;

impl Parser<'_> {
    fn word(&mut self, word: &str) -> bool {
        let found = self.tokens.is_word(self.at, word);
        self.at += usize::from(found);
        found
    }

    fn symbol(&mut self, symbol: &str) -> bool {
        let found = self.tokens.is_symbol(self.at, symbol);
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Parsed {
        let mut left = self.and()?;
        loop {
            let exclusive = self.tokens.is_word(self.at, "xor");
            if !exclusive && !self.tokens.is_word(self.at, "or") {
                return Some(left);
            }
            self.at += 1;
            let right = self.and()?;
            left = match (left.truth(), right.truth()) {
                (Some(a), Some(b)) if exclusive => Value::boolean(a != b),
                (Some(true), _) | (_, Some(true)) if !exclusive => Value::boolean(true),
                (Some(false), Some(false)) => Value::boolean(false),
                _ => Value::unknown("or"),
            };
        }
    }

    fn and(&mut self) -> Parsed {
        let mut left = self.not()?;
        while self.word("and") {
            let right = self.not()?;
            left = match (left.truth(), right.truth()) {
                (Some(false), _) | (_, Some(false)) => Value::boolean(false),
                (Some(true), Some(true)) => Value::boolean(true),
                _ => Value::unknown("and"),
            };
        }
        Some(left)
    }

    fn not(&mut self) -> Parsed {
        let mut negations = 0_usize;
        while self.word("not") {
            negations += 1;
        }
        let value = self.comparison()?;
        if negations == 0 {
            return Some(value);
        }
        Some(value.truth().map_or_else(
            || Value::unknown("not"),
            |truth| Value::boolean(truth == negations.is_multiple_of(2)),
        ))
    }

    fn comparison(&mut self) -> Parsed {
        let mut left = self.concat()?;
        loop {
            let operator = match self.tokens.text_at(self.at) {
                symbol @ ("=" | "<>" | "<" | ">" | "<=" | ">=") => symbol,
                _ if self.tokens.is_word(self.at, "like") => "like",
                _ if self.tokens.is_any_word(self.at, &["precedes", "follows"]) => "other",
                _ => return Some(left),
            };
            self.at += 1;
            let right = self.concat()?;
            left = compare(&left, operator, &right);
        }
    }

    fn concat(&mut self) -> Parsed {
        let mut left = self.sum()?;
        while self.symbol("&") {
            let right = self.sum()?;
            left = Value::concat(&left, &right);
        }
        Some(left)
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let sign = match self.tokens.text_at(self.at) {
                "+" => 1.0,
                "-" => -1.0,
                _ => return Some(left),
            };
            self.at += 1;
            let right = self.product()?;
            left = arithmetic(&left, &right, |a, b| Some(a + sign * b));
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.unary()?;
        loop {
            let divide = match self.tokens.text_at(self.at) {
                "*" => false,
                "/" => true,
                _ => return Some(left),
            };
            self.at += 1;
            let right = self.unary()?;
            left = arithmetic(&left, &right, |a, b| {
                if divide { (b != 0.0).then(|| a / b) } else { Some(a * b) }
            });
        }
    }

    fn unary(&mut self) -> Parsed {
        let mut negative = false;
        loop {
            if self.symbol("-") {
                negative = !negative;
            } else if !self.symbol("+") {
                break;
            }
        }
        let value = self.primary()?;
        Some(if negative {
            arithmetic(&Value::Number(0.0), &value, |a, b| Some(a - b))
        } else {
            value
        })
    }

    fn primary(&mut self) -> Parsed {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        let token = self.tokens.get(self.at)?;
        let text = self.tokens.text_of(token);
        match token.kind {
            TokenKind::Number => {
                self.at += 1;
                text.parse().ok().map(Value::Number)
            }
            TokenKind::Text => {
                self.at += 1;
                Some(Value::literal(unquote(text)))
            }
            TokenKind::Name => {
                self.at += 1;
                Some(self.named(&unquote(text)))
            }
            TokenKind::Symbol if text == "(" => {
                self.at += 1;
                self.depth += 1;
                let value = self.or()?;
                self.depth -= 1;
                self.symbol(")").then_some(value)
            }
            TokenKind::Symbol => None,
            TokenKind::Word if self.tokens.is_symbol(self.at + 1, "(") => self.call(token),
            TokenKind::Word => {
                self.at += 1;
                Some(self.named(text))
            }
        }
    }

    fn named(&self, name: &str) -> Value {
        if name.contains("$(") {
            return Value::literal(name.to_owned());
        }
        if let Some(value) = self.names.field(name).or_else(|| self.names.variable(name)) {
            return value;
        }
        match name.to_ascii_lowercase().as_str() {
            "null" => Value::Null,
            "true" => Value::boolean(true),
            "false" => Value::boolean(false),
            _ => Value::unknown_variable(name),
        }
    }

    fn call(&mut self, name: Token) -> Parsed {
        let start = name.start;
        let name = self.tokens.text_of(name).to_ascii_lowercase();
        self.at += 2;
        self.depth += 1;
        let first = self.at;
        let mut second = first;
        let mut arguments = Vec::new();
        if !self.tokens.is_symbol(self.at, ")") {
            loop {
                // `Concat(DISTINCT x)`, `Sum(TOTAL x)`: aggregations are unknown anyway.
                if self.tokens.is_any_word(self.at, &["distinct", "total", "all"])
                    && !self.tokens.is_symbol(self.at + 1, ",")
                    && !self.tokens.is_symbol(self.at + 1, ")")
                {
                    self.at += 1;
                }
                if self.tokens.is_symbol(self.at, ",") {
                    arguments.push(Value::Null); // an argument left out
                } else {
                    arguments.push(self.or()?);
                }
                if arguments.len() == 1 {
                    second = self.at;
                }
                if !self.symbol(",") {
                    break;
                }
                if self.tokens.is_symbol(self.at, ")") {
                    break;
                }
            }
        }
        self.depth -= 1;
        if !self.symbol(")") {
            return None;
        }
        let end = self.at.checked_sub(1).and_then(|last| self.tokens.get(last))?.end;
        let text = super::lex::part(self.tokens.text, start, end);
        if name == "if" {
            let condition = self.tokens.span(first, second);
            if let Some(value) = self.either(condition, &arguments) {
                return Some(value);
            }
        }
        let value = self
            .names
            .model(&name, &arguments)
            .or_else(|| functions::call(&name, &arguments))
            .unwrap_or_else(|| Value::unknown(text));
        Some(match value {
            // Show the call rather than the function's inner workings.
            Value::Unknown(unknown) if !unknown.partial => Value::unknown(text),
            value => value,
        })
    }

    /// What `If` gives of two values that are known, where its condition may be taken either way.
    fn either(&self, condition: &str, arguments: &[Value]) -> Option<Value> {
        let (test, yes, no) = match arguments {
            [test, yes] => (test, yes, &Value::Null),
            [test, yes, no] => (test, yes, no),
            _ => return None,
        };
        let decides = test.is_unknown() && !yes.is_unknown() && !no.is_unknown() && yes != no;
        let truth = if decides { self.names.assume(condition, yes, no)? } else { return None };
        Some(if truth { yes.clone() } else { no.clone() })
    }
}

fn arithmetic(left: &Value, right: &Value, operate: impl Fn(f64, f64) -> Option<f64>) -> Value {
    if left.is_unknown() || right.is_unknown() {
        return Value::unknown(&format!("{} {}", left.shown(), right.shown()));
    }
    match (left.number(), right.number()) {
        (Some(left), Some(right)) => operate(left, right)
            .filter(|number| number.is_finite())
            .map_or(Value::Null, Value::Number),
        // What is no number here may be one by the script's formats: a date, `1.234,5`.
        _ if [left, right].into_iter().any(is_words) => {
            Value::unknown(&format!("{} {}", left.shown(), right.shown()))
        }
        _ => Value::Null,
    }
}

/// A text that does not read as a number and is not empty.
fn is_words(value: &Value) -> bool {
    matches!(value, Value::Text(text) if value.number().is_none() && !text.trim().is_empty())
}

fn compare(left: &Value, operator: &str, right: &Value) -> Value {
    if left.is_unknown() || right.is_unknown() || operator == "other" {
        return Value::unknown("comparison");
    }
    if matches!(left, Value::Null) || matches!(right, Value::Null) {
        // NULL is neither more nor less than anything. Whether it equals an empty text differs
        // between contexts: not decided here.
        return match operator {
            "<" | ">" | "<=" | ">=" => Value::boolean(false),
            _ => Value::unknown("comparison with null"),
        };
    }
    let (Some(left_text), Some(right_text)) = (left.known_text(), right.known_text()) else {
        return Value::unknown("comparison");
    };
    if operator == "like" {
        return Value::boolean(text::wild_match(&left_text, &right_text));
    }
    if let (Some(left), Some(right)) = (left.number(), right.number()) {
        return Value::boolean(match operator {
            "=" => left == right,
            "<>" => left != right,
            "<" => left < right,
            ">" => left > right,
            "<=" => left <= right,
            _ => left >= right,
        });
    }
    let equal = left_text == right_text;
    let similar = left_text.to_lowercase() == right_text.to_lowercase();
    match operator {
        "=" if equal || !similar => Value::boolean(equal),
        "<>" if equal || !similar => Value::boolean(!equal),
        // Equal but for the case of letters, or an order of texts: depends on collation.
        _ => Value::unknown("comparison of texts"),
    }
}

#[cfg(test)]
mod tests;
