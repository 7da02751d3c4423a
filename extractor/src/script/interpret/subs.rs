//! `SUB` and `CALL`.

use std::rc::Rc;

use super::{Frame, Machine, Sub, Value};
use crate::script::eval;
use crate::script::expand::{self, Comments};
use crate::script::lex::Unit;
use crate::script::lex::token::{TokenKind, Tokens, tokenize};
use crate::script::limits;
use crate::script::model::state::{Choice, Variable};
use crate::script::outcome::{ReferenceKind, Status};
use crate::script::statement::split;

/// What a call leaves to be done when the sub returns.
#[derive(Debug)]
pub(super) struct Call {
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    name: Rc<str>,
    /// Variable that it hides.
    hidden: Option<Variable>,
    /// Variable that takes its last value.
    copy_to: Option<Rc<str>>,
}

/// Lower-case name of a sub from its definition.
pub(super) fn name_of(arguments: &str) -> Option<String> {
    let name = arguments.split(['(', ';']).next()?.trim();
    (!name.is_empty()).then(|| name.to_lowercase())
}

impl Machine<'_> {
    /// `SUB name[(parameters)]`: passed over until it is called.
    pub(super) fn define_sub(&mut self, arguments: &str, unit: &Rc<Unit>, index: usize) {
        if let Some(name) = name_of(arguments) {
            self.subs.insert(name, Sub { unit: Rc::clone(unit), index });
        }
        let end = unit.links.get(index).map_or(unit.raws.len(), |link| link.end);
        self.jump(end.saturating_add(1));
    }

    /// `CALL name[(arguments)] [WHEN | UNLESS condition]`.
    pub(super) fn call(&mut self, arguments: &str) {
        let text = self.expanded(arguments);
        let all = tokenize(&text);
        let tokens = Tokens { text: &text, all: &all };
        let open = (0..all.len()).find(|&at| tokens.is_symbol(at, "("));
        let suffix =
            |from: usize| (from..all.len()).find(|&at| tokens.is_any_word(at, &["when", "unless"]));
        let name_end = open.or_else(|| suffix(1)).unwrap_or(all.len());
        let name = match name_end {
            1 => tokens.name_at(0).unwrap_or_default(),
            end => tokens.span(0, end).to_owned(),
        };
        let after = open.map_or(name_end, |open| tokens.after_parenthesis(open));
        if let Some(at) = suffix(after) {
            let truth = self.truth(tokens.span(at + 1, all.len()));
            if truth.is_some_and(|truth| truth == tokens.is_word(at, "unless")) {
                return;
            }
        }
        let Some(sub) = self.subs.get(&name.to_lowercase()).cloned() else {
            // It may make tables.
            self.has_open_names = true;
            self.say(format!("sub `{name}` is not defined in what is given of the script"));
            let reason = "the sub is not defined in what is given of the script".to_owned();
            self.refer(ReferenceKind::Include, &name, Status::Unresolved(reason));
            // It may give values back through the variables that it is given by name.
            let to = after.saturating_sub(1);
            for (from, to) in open.map(|open| split(&tokens, open + 1, to)).unwrap_or_default() {
                let by_name = tokens.name_at(from).filter(|_| is_variable(&tokens, from, to));
                if let Some(name) = by_name.filter(|name| self.variable(name).is_some()) {
                    self.set_value(&name.as_str().into(), Value::unknown_variable(&name));
                }
            }
            return;
        };
        let calls = self.frames.iter().filter(|frame| frame.call.is_some()).count();
        if self.exhausted || calls >= limits::MAX_CALLS {
            if calls >= limits::MAX_CALLS {
                self.say(format!("more than {} calls within each other", limits::MAX_CALLS));
            }
            return;
        }
        let given: Vec<(usize, usize)> =
            open.map(|open| split(&tokens, open + 1, after.saturating_sub(1))).unwrap_or_default();
        let Some(raw) = sub.unit.raws.get(sub.index).copied() else { return };
        let mut parameters = Vec::new();
        for (position, parameter) in
            parameter_names(sub.unit.arguments_of(&raw)).into_iter().enumerate()
        {
            let parameter: Rc<str> = parameter.into();
            let argument = given.get(position).copied();
            let values = match argument {
                Some((from, to)) => self.argument_values(tokens.span(from, to)),
                None => vec![(Vec::new(), Value::Null)],
            };
            // A variable given by its name takes the parameter's last value.
            let copy_to = argument
                .filter(|&(from, to)| is_variable(&tokens, from, to))
                .and_then(|(from, _)| tokens.name_at(from))
                .map(Rc::from);
            let hidden = self.state.variables.get(&*parameter).cloned();
            parameters.push((Parameter { name: parameter, hidden, copy_to }, values));
        }
        let mut call = Call { parameters: Vec::new() };
        for (parameter, values) in parameters {
            self.assign(&parameter.name, values);
            call.parameters.push(parameter);
        }
        let end = sub.unit.links.get(sub.index).map_or(sub.unit.raws.len(), |link| link.end);
        let outer = self.frames.last().and_then(|frame| frame.outer);
        let same = self.frames.last().is_some_and(|frame| Rc::ptr_eq(&frame.unit, &sub.unit));
        // Statements of an included sub are reported where the script calls it.
        let outer = if sub.unit.include.is_some() && !same { Some(self.site.at) } else { outer };
        let outer = if sub.unit.include.is_none() && !same { None } else { outer };
        self.frames.push(Frame {
            unit: sub.unit,
            at: sub.index + 1,
            end,
            blocks: Vec::new(),
            call: Some(call),
            outer,
        });
    }

    fn argument_values(&self, text: &str) -> Vec<(Vec<Choice>, Value)> {
        self.worlds.each(|| {
            let expanded = expand::expand(text, Comments::Keep, &self.view());
            eval::evaluate(&expanded.text, &self.view())
        })
    }

    pub(super) fn return_from(&mut self, call: Call) {
        for Parameter { name: parameter, hidden, copy_to } in call.parameters.into_iter().rev() {
            let last = self.state.variables.get(&*parameter).cloned();
            match hidden {
                Some(hidden) => self.state.variables.set(parameter, hidden),
                None => {
                    self.state.variables.remove(&parameter);
                }
            }
            if let (Some(name), Some(last)) = (copy_to, last) {
                self.state.variables.set(name, last);
            }
        }
    }
}

/// Whether an argument is the bare name of a variable.
fn is_variable(tokens: &Tokens<'_>, from: usize, to: usize) -> bool {
    to == from + 1 && tokens.get(from).is_some_and(|token| token.kind == TokenKind::Word)
}

/// Names of a sub's parameters.
fn parameter_names(arguments: &str) -> Vec<String> {
    let all = tokenize(arguments);
    let tokens = Tokens { text: arguments, all: &all };
    let Some(open) = (0..all.len()).find(|&at| tokens.is_symbol(at, "(")) else {
        return Vec::new();
    };
    let end = tokens.after_parenthesis(open).saturating_sub(1);
    split(&tokens, open + 1, end).into_iter().filter_map(|(from, _)| tokens.name_at(from)).collect()
}
