//! Variables: `SET`, `LET`, parameters and loop variables.

use std::rc::Rc;

use super::{Machine, Value};
use crate::script::eval;
use crate::script::lex::token::{TokenKind, Tokens, tokenize};
use crate::script::limits;
use crate::script::model::state::{Choice, MAX_ALTERNATIVES, Variable};
use crate::script::paths::glob::is_pattern;
use crate::script::statement::{Parsed, Statement};

/// Most masks that are told from other texts.
const MAX_MASKS: usize = 200;

impl<'i> Machine<'i> {
    /// Value of a variable in the present combination; `None` when it was never set.
    pub(super) fn variable(&self, name: &str) -> Option<Value> {
        let variable = self.state.variables.get(name)?;
        self.worlds.choose(&variable.alternatives).cloned()
    }

    /// Remembers that a value stands for the files which a mask meets.
    pub(super) fn keep_mask(&mut self, mask: &Rc<str>) {
        if self.masks.len() < MAX_MASKS {
            self.masks.insert(Rc::clone(mask));
        }
    }

    /// Whether a condition asks for the names of the files which a mask meets: those only the
    /// reload knows.
    pub(super) fn asks_of_files(&self, condition: &str) -> bool {
        if self.masks.is_empty() {
            return false;
        }
        let all = tokenize(condition);
        let tokens = Tokens { text: condition, all: &all };
        (0..all.len()).any(|at| match tokens.get(at).map(|token| token.kind) {
            Some(TokenKind::Word) => {
                let value = tokens.name_at(at).and_then(|name| self.variable(&name));
                matches!(value, Some(Value::Text(text)) if self.masks.contains(&text))
            }
            Some(TokenKind::Text) => {
                tokens.name_at(at).is_some_and(|text| self.masks.contains(text.as_str()))
            }
            _ => false,
        })
    }

    pub(super) fn set_value(&mut self, name: &Rc<str>, value: Value) {
        self.assign(name, vec![(Vec::new(), value)]);
    }

    /// Sets a variable to the values that it has in each combination.
    pub(super) fn assign(&mut self, name: &Rc<str>, values: Vec<(Vec<Choice>, Value)>) {
        let mut alternatives: Vec<(Vec<Choice>, Value)> = Vec::new();
        for (guard, value) in values {
            let value = match value {
                Value::Unknown(unknown) if !unknown.partial => Value::unknown_variable(name),
                value if value.shown().len() > limits::MAX_VALUE => Value::unknown_variable(name),
                value => value,
            };
            if let Value::Text(text) = &value
                && !self.masks.is_empty()
                && is_pattern(text)
            {
                self.keep_mask(text);
            }
            alternatives.push((guard, value));
        }
        let all_same = match alternatives.split_first() {
            Some((first, rest)) => rest.iter().all(|(_, value)| *value == first.1),
            None => return,
        };
        if all_same {
            alternatives.truncate(1);
            if let Some((guard, _)) = alternatives.first_mut() {
                guard.clear();
            }
        }
        let variable = if alternatives.len() > MAX_ALTERNATIVES {
            Variable::of(Value::unknown_variable(name))
        } else {
            Variable { alternatives: Rc::new(alternatives) }
        };
        self.state.variables.set(Rc::clone(name), variable);
    }

    /// The variable and value of a `SET` or `LET`; `None` when the statement is neither.
    pub(super) fn assignment(&self, parsed: &Parsed) -> Option<(Rc<str>, Value, Option<String>)> {
        match &parsed.statement {
            Statement::Set { name, value } => {
                Some((name.as_str().into(), Value::literal(value.clone()), None))
            }
            Statement::Let { name, expression } => {
                let (value, rest) = self.let_value(expression);
                Some((name.as_str().into(), value, rest))
            }
            _ => None,
        }
    }

    /// Value of a `LET`, and what follows it on a new line when its `;` was forgotten.
    fn let_value(&self, expression: &str) -> (Value, Option<String>) {
        if expression.trim().is_empty() {
            return (Value::text(""), None);
        }
        let (value, end) = eval::evaluate_prefix(expression, &self.view());
        let rest = expression.get(end..).unwrap_or_default();
        if rest.trim().is_empty() {
            return (value, None);
        }
        let before = expression.get(..end).unwrap_or_default();
        let new_line = before.trim_end().len() < before.len()
            && before.get(before.trim_end().len()..).is_some_and(|gap| gap.contains('\n'));
        if new_line {
            return (value, Some(rest.to_owned()));
        }
        (Value::unknown(expression), None)
    }
}
