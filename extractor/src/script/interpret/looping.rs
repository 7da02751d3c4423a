//! `FOR`, `FOR EACH` and `DO`.

use std::rc::Rc;

use super::control::{Block, hash};
use super::{Machine, Value};
use crate::script::eval;
use crate::script::expand::{self, Comments};
use crate::script::lex::token::{Tokens, tokenize};
use crate::script::lex::{Unit, unquote};
use crate::script::limits;
use crate::script::statement::split;

/// A loop that is being followed.
#[derive(Debug)]
pub(super) struct Loop {
    opener: usize,
    rounds: usize,
    kind: LoopKind,
    /// Whether a condition that is not known may have ended it.
    may_exit: bool,
    /// How often it runs is the log's to say: where in it the round started.
    logged: Option<usize>,
}

#[derive(Debug)]
enum LoopKind {
    Count {
        variable: Rc<str>,
        value: f64,
        last: f64,
        step: f64,
    },
    Each {
        variable: Rc<str>,
        values: Vec<Value>,
        next: usize,
        /// Whether the values are all that it runs through: none stands for others.
        exact: bool,
    },
    Do {
        /// Hash of all that its conditions depend on, at the start of the round.
        state: u64,
    },
    /// How often it runs is not known: followed once.
    Once,
}

impl Machine<'_> {
    /// `FOR variable = first TO last [STEP step]`.
    pub(super) fn start_for(&mut self, arguments: &str, unit: &Rc<Unit>, index: usize) {
        let text = self.expanded(arguments);
        let all = tokenize(&text);
        let tokens = Tokens { text: &text, all: &all };
        let end = unit.links.get(index).map_or(0, |link| link.end);
        let to = (0..all.len()).find(|&at| tokens.is_word(at, "to"));
        let (Some(to), Some(name), true) = (to, tokens.name_at(0), tokens.is_symbol(1, "=")) else {
            self.say("`FOR` without `=` and `TO`".to_owned());
            self.enter_loop(index, end, LoopKind::Once);
            return;
        };
        let step_at = (to..all.len()).find(|&at| tokens.is_word(at, "step")).unwrap_or(all.len());
        let first = self.value(tokens.span(2, to)).number();
        let last = self.value(tokens.span(to + 1, step_at)).number();
        let step = if step_at < all.len() {
            self.value(tokens.span(step_at + 1, all.len())).number()
        } else {
            Some(1.0)
        };
        let variable: Rc<str> = name.into();
        match (first, last, step) {
            (Some(value), Some(last), Some(step)) if step != 0.0 => {
                if is_past(value, last, step) {
                    self.jump(end.saturating_add(1));
                    return;
                }
                self.set_value(&variable, Value::Number(value));
                self.enter_loop(index, end, LoopKind::Count { variable, value, last, step });
            }
            _ => {
                self.counters.insert(Rc::clone(&variable));
                self.set_value(&variable, Value::unknown_variable(&variable));
                self.enter_loop(index, end, LoopKind::Once);
            }
        }
    }

    /// `FOR EACH variable IN list`.
    pub(super) fn start_for_each(&mut self, arguments: &str, unit: &Rc<Unit>, index: usize) {
        let end = unit.links.get(index).map_or(0, |link| link.end);
        let texts =
            self.worlds.each(|| expand::expand(arguments, Comments::Drop, &self.view()).text);
        let mut name: Option<Rc<str>> = None;
        let mut values: Vec<Value> = Vec::new();
        let mut exact = true;
        let several = texts.len() > 1;
        for (_, text) in texts {
            let all = tokenize(&text);
            let tokens = Tokens { text: &text, all: &all };
            if !tokens.is_word(1, "in") {
                continue;
            }
            let variable: Rc<str> = tokens.name_at(0).unwrap_or_default().into();
            for (from, to) in split(&tokens, 2, all.len()) {
                // One more than is followed, so that the loop knows of it.
                if values.len() > limits::MAX_ROUNDS {
                    break;
                }
                exact &= !tokens.is_any_word(from, &["filelist", "dirlist"]);
                for value in self.list_element(&tokens, from, to, &variable) {
                    exact &= !value.is_unknown();
                    if !several || !values.contains(&value) {
                        values.push(value);
                    }
                }
            }
            name = Some(variable);
        }
        let Some(variable) = name else {
            self.say("`FOR EACH` without `IN`".to_owned());
            self.enter_loop(index, end, LoopKind::Once);
            return;
        };
        let Some(first) = values.first().cloned() else {
            self.jump(end.saturating_add(1));
            return;
        };
        if is_file_list(arguments) {
            for mask in &values {
                if let Value::Text(mask) = mask {
                    self.keep_mask(mask);
                }
            }
        }
        self.set_value(&variable, first);
        self.enter_loop(index, end, LoopKind::Each { variable, values, next: 1, exact });
    }

    /// Values of one element of a `FOR EACH` list. A file mask stands for the files it meets: the
    /// loop is followed once with the mask as the path.
    fn list_element(
        &self,
        tokens: &Tokens<'_>,
        from: usize,
        to: usize,
        variable: &str,
    ) -> Vec<Value> {
        let inner = tokens.span(from + 2, to.saturating_sub(1));
        let is_call =
            tokens.is_symbol(from + 1, "(") && tokens.is_symbol(to.saturating_sub(1), ")");
        if is_call && tokens.is_any_word(from, &["filelist", "dirlist"]) {
            let mask = eval::evaluate(inner, &self.view());
            let shown = if mask.is_unknown() && tokens.get(from + 2).is_some() {
                let text = unquote(inner.trim());
                if inner.trim_start().starts_with(['[', '"']) { text.into() } else { mask.shown() }
            } else {
                mask.shown()
            };
            if tokens.is_word(from, "dirlist") {
                return self.folders(&shown).into_iter().collect();
            }
            return vec![Value::Text(shown)];
        }
        if is_call && tokens.is_word(from, "fieldvaluelist") {
            let field = unquote(inner.trim());
            return self
                .field_values(&field)
                .unwrap_or_else(|| vec![Value::unknown_variable(variable)]);
        }
        let text = tokens.span(from, to);
        let value = eval::evaluate(text, &self.view());
        match value {
            Value::Unknown(unknown) if !unknown.partial => vec![Value::unknown_variable(variable)],
            value => vec![value],
        }
    }

    /// The folders that a mask stands for. A sub that calls itself for every folder of a folder is
    /// followed some levels down; then `**` stands for all the levels below, for how many there are
    /// only the reload knows.
    fn folders(&self, mask: &Rc<str>) -> Option<Value> {
        let calls = self.frames.iter().filter(|frame| frame.call.is_some()).count();
        let levels = mask.rsplit(['/', '\\']).take_while(|folder| *folder == "*").count();
        if mask.split(['/', '\\']).any(|folder| folder == "**") {
            return None;
        }
        if calls > limits::MAX_FOLDERS && levels > limits::MAX_FOLDERS {
            return Some(Value::Text(format!("{mask}*").into()));
        }
        Some(Value::Text(Rc::clone(mask)))
    }

    /// `DO [WHILE | UNTIL condition]`.
    pub(super) fn start_do(&mut self, arguments: &str, unit: &Rc<Unit>, index: usize) {
        let end = unit.links.get(index).map_or(0, |link| link.end);
        let again = matches!(
            self.top_block(),
            Some(Block::Loop { state, .. }) if state.opener == index
        );
        match self.loop_condition(arguments) {
            Some(false) => {
                if again {
                    self.close_block();
                }
                self.jump(end.saturating_add(1));
            }
            Some(true) if again => {}
            // How often it goes on is not known: followed as far as it is.
            None if again => {
                self.close_block();
                self.jump(end.saturating_add(1));
            }
            Some(true) => {
                let state = self.condition_state(unit, index, end);
                self.enter_loop(index, end, LoopKind::Do { state });
            }
            None => self.enter_loop(index, end, LoopKind::Once),
        }
    }

    /// Whether a loop goes on: `WHILE x`, `UNTIL x`, or nothing.
    fn loop_condition(&self, arguments: &str) -> Option<bool> {
        let text = arguments.trim();
        let word = text.split_whitespace().next().unwrap_or_default();
        let rest = text.get(word.len()..).unwrap_or_default();
        if word.eq_ignore_ascii_case("while") {
            self.truth(rest)
        } else if word.eq_ignore_ascii_case("until") {
            self.truth(rest).map(|truth| !truth)
        } else {
            Some(true)
        }
    }

    /// Hash of all that the conditions of a `DO` loop depend on: their text, and the variables in it.
    fn condition_state(&self, unit: &Unit, opener: usize, end: usize) -> u64 {
        let mut parts: Vec<Rc<str>> = Vec::new();
        for raw in [opener, end].iter().filter_map(|&at| unit.raws.get(at)) {
            let text = expand::expand(unit.arguments_of(raw), Comments::Drop, &self.view()).text;
            let all = tokenize(&text);
            let tokens = Tokens { text: &text, all: &all };
            let values = (0..all.len()).filter_map(|at| self.variable(&tokens.name_at(at)?));
            parts.extend(values.map(|value| value.shown()));
            parts.push(text.into());
        }
        hash(&parts)
    }

    fn enter_loop(&mut self, opener: usize, end: usize, kind: LoopKind) {
        let is_known = match kind {
            LoopKind::Count { .. } | LoopKind::Do { .. } => true,
            LoopKind::Each { exact, .. } => exact,
            LoopKind::Once => false,
        };
        let logged = (!is_known).then(|| self.log_place());
        let state = Loop { opener, rounds: 1, kind, may_exit: false, logged };
        self.push_block(Block::Loop { end, state });
    }

    /// `NEXT`, or `LOOP` with its condition.
    pub(super) fn next_round(&mut self, index: usize, condition: Option<&str>) {
        loop {
            match self.top_block() {
                Some(Block::Loop { end, .. }) if *end == index => break,
                // A block inside that has no end of its own ends here.
                Some(Block::Decided { end } | Block::Fork { end, .. }) if *end == index => {
                    if self.close_block() {
                        return;
                    }
                }
                _ => return,
            }
        }
        let goes_on = condition.map_or(Some(true), |condition| self.loop_condition(condition));
        let exhausted = self.exhausted;
        let place = self.log_place();
        let (opener, logged, is_do) = match self.top_block() {
            Some(Block::Loop { state, .. }) => {
                (state.opener, state.logged, matches!(state.kind, LoopKind::Do { .. }))
            }
            _ => return,
        };
        let unit = self.frames.last().filter(|_| is_do).map(|frame| Rc::clone(&frame.unit));
        let now = unit.map_or(0, |unit| self.condition_state(&unit, opener, index));
        // A round that the log has nothing of was none.
        let logged =
            logged.is_some_and(|start| start < place) && self.is_round_logged(opener, index);
        let Some(Block::Loop { state, .. }) = self.top_block() else { return };
        state.rounds += 1;
        let too_many = state.rounds > limits::MAX_ROUNDS && !logged;
        if logged {
            state.logged = Some(place);
        }
        let mut assign = None;
        let more = match &mut state.kind {
            LoopKind::Count { variable, value, last, step } => {
                *value += *step;
                assign = Some((Rc::clone(variable), Value::Number(*value)));
                !is_past(*value, *last, *step)
            }
            LoopKind::Each { variable, values, next, .. } => match values.get(*next) {
                Some(value) => {
                    assign = Some((Rc::clone(variable), value.clone()));
                    *next += 1;
                    true
                }
                None => logged,
            },
            // One that may have ended goes on while its conditions near their own end.
            LoopKind::Do { state: before } => {
                let moves = std::mem::replace(before, now) != now;
                goes_on == Some(true) && (moves || !state.may_exit)
            }
            LoopKind::Once => logged,
        };
        if let Some((variable, value)) = assign {
            self.set_value(&variable, value);
        }
        if more && too_many {
            let most = limits::MAX_ROUNDS;
            self.say(format!("a loop of more than {most} rounds is followed for {most} of them"));
        }
        if more && !too_many && !exhausted {
            self.jump(if is_do { opener } else { opener + 1 });
        } else {
            self.close_block();
        }
    }

    /// `EXIT FOR` and `EXIT DO`. In an undecided branch only the branch ends.
    pub(super) fn exit_loop(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let inner = frame
            .blocks
            .iter()
            .rposition(|block| matches!(block, Block::Fork { .. } | Block::Loop { .. }));
        let Some(position) = inner else { return };
        frame.blocks.truncate(position + 1);
        match frame.blocks.last() {
            Some(Block::Fork { end, .. }) => {
                let end = *end;
                self.may_exit_loop();
                self.jump(end);
                self.close_block();
            }
            Some(Block::Loop { end, .. }) => {
                let end = *end;
                self.close_block();
                self.jump(end.saturating_add(1));
            }
            _ => {}
        }
    }

    /// The innermost loop may have ended.
    pub(super) fn may_exit_loop(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        let innermost = frame.blocks.iter_mut().rev().find_map(|block| match block {
            Block::Loop { state, .. } => Some(state),
            _ => None,
        });
        if let Some(state) = innermost {
            state.may_exit = true;
        }
    }
}

/// Whether a loop goes through files or folders.
fn is_file_list(arguments: &str) -> bool {
    let lower = arguments.to_ascii_lowercase();
    lower.contains("filelist") || lower.contains("dirlist")
}

fn is_past(value: f64, last: f64, step: f64) -> bool {
    if step > 0.0 { value > last } else { value < last }
}
