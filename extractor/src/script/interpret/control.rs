//! `IF`, `SWITCH` and `EXIT`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::fork::{Fork, Next, Way};
use super::looping::Loop;
use super::{Machine, Value};
use crate::script::eval;
use crate::script::expand::{self, Comments};
use crate::script::lex::token::{Tokens, tokenize};
use crate::script::lex::{Control, Kind, Unit};
use crate::script::statement::split;

/// A block that is being followed.
#[derive(Debug)]
pub(super) enum Block {
    /// The arm of a decision that was made.
    Decided {
        end: usize,
    },
    /// An arm of one that was not.
    Fork {
        end: usize,
        fork: Fork,
    },
    Loop {
        end: usize,
        state: Loop,
    },
}

impl Block {
    fn end(&self) -> usize {
        match self {
            Self::Decided { end } | Self::Fork { end, .. } | Self::Loop { end, .. } => *end,
        }
    }
}

/// Names the decision on a condition that is not known: way 0 when it is true, way 1 when not.
pub(super) fn choice_of(condition: &str) -> u64 {
    hash(&vec![(condition.trim().to_owned(), None::<bool>)])
}

/// Names a decision.
pub(super) fn hash<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl Machine<'_> {
    /// A control statement. `logged`: as it was executed at this place.
    pub(super) fn control(
        &mut self,
        control: Control,
        unit: &Rc<Unit>,
        index: usize,
        logged: Option<&str>,
    ) {
        let Some(raw) = unit.raws.get(index) else { return };
        let written = unit.arguments_of(raw);
        let arguments = match (control, logged) {
            (Control::For | Control::ForEach | Control::Call | Control::Exit, Some(logged)) => {
                self.known_arguments(control, written, logged)
            }
            _ => written.to_owned(),
        };
        match control {
            Control::If | Control::Switch => self.decide(unit, index),
            Control::ElseIf | Control::Else | Control::Case | Control::Default => {
                self.end_arm(unit, index);
            }
            Control::EndIf | Control::EndSwitch => self.end_blocks(index),
            Control::For => self.start_for(&arguments, unit, index),
            Control::ForEach => self.start_for_each(&arguments, unit, index),
            Control::Do => self.start_do(&arguments, unit, index),
            Control::Next => self.next_round(index, None),
            Control::Loop => self.next_round(index, Some(&arguments)),
            Control::Sub => self.define_sub(&arguments, unit, index),
            Control::EndSub => self.jump_to_end(),
            Control::Call => self.call(&arguments),
            Control::Exit => self.exit(&arguments),
        }
    }

    pub(super) fn jump(&mut self, to: usize) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at = to;
        }
    }

    pub(super) fn push_block(&mut self, block: Block) {
        if let Some(frame) = self.frames.last_mut() {
            frame.blocks.push(block);
        }
    }

    pub(super) fn top_block(&mut self) -> Option<&mut Block> {
        self.frames.last_mut().and_then(|frame| frame.blocks.last_mut())
    }

    /// Text of a control statement's arguments after expansion.
    pub(super) fn expanded(&mut self, text: &str) -> String {
        let expanded = expand::expand(text, Comments::Drop, &self.view());
        self.count_expanded(expanded.text.len());
        expanded.text
    }

    /// Truth of a condition in every combination of values; `None` when it is not the same or not
    /// known.
    pub(super) fn truth(&self, text: &str) -> Option<bool> {
        let truths = self.worlds.each(|| {
            let expanded = expand::expand(text, Comments::Drop, &self.view());
            if self.asks_of_files(&expanded.text) {
                return None;
            }
            eval::condition(&expanded.text, &self.view())
        });
        let mut truths = truths.into_iter().map(|(_, truth)| truth);
        let first = truths.next().flatten()?;
        truths.all(|truth| truth == Some(first)).then_some(first)
    }

    /// Value of an expression in every combination of values; unknown when it is not the same.
    pub(super) fn value(&self, text: &str) -> Value {
        let values = self.worlds.each(|| {
            let expanded = expand::expand(text, Comments::Drop, &self.view());
            eval::evaluate(&expanded.text, &self.view())
        });
        let mut values = values.into_iter().map(|(_, value)| value);
        let first = values.next().unwrap_or(Value::Null);
        if values.all(|value| value == first) { first } else { Value::unknown(text) }
    }

    /// Starts an `IF` or `SWITCH`.
    fn decide(&mut self, unit: &Rc<Unit>, index: usize) {
        let Some(&link) = unit.links.get(index) else { return };
        let switch = unit.raws.get(index).map_or(Value::Null, |raw| match raw.kind {
            Kind::Control(Control::Switch) => self.value(unit.arguments_of(raw)),
            _ => Value::Null,
        });
        let mut ways: Vec<Way> = Vec::new();
        let mut add = |start: Option<usize>| {
            let label = u16::try_from(ways.len()).unwrap_or(u16::MAX);
            ways.push(Way { label, start });
        };
        let mut texts: Vec<(String, Option<bool>)> = Vec::new();
        let mut complete = false;
        let mut at = index;
        while at < link.end {
            let Some(raw) = unit.raws.get(at) else { break };
            let arguments = unit.arguments_of(raw);
            let truth = match raw.kind {
                Kind::Control(Control::If | Control::ElseIf) => {
                    let condition = without_then(arguments);
                    let truth = self.truth(condition);
                    texts.push((self.expanded(condition).trim().to_owned(), truth));
                    truth
                }
                Kind::Control(Control::Case) => {
                    let truth = self.is_case(&switch, arguments);
                    texts.push((format!("{} {arguments}", switch.shown()), truth));
                    truth
                }
                Kind::Control(Control::Else | Control::Default) => Some(true),
                _ => Some(false),
            };
            if truth != Some(false) {
                add(Some(at + 1));
            }
            if truth == Some(true) {
                complete = true;
                break;
            }
            match unit.links.get(at) {
                Some(link) if link.next > at => at = link.next,
                _ => break,
            }
        }
        if !complete {
            add(None);
        }
        let mut choice = hash(&texts);
        let mut end = link.end;
        if let [yes, no] = ways.as_mut_slice()
            && let Some((earlier, label, other)) = self.earlier_choice(unit, index)
        {
            choice = earlier;
            yes.label = label;
            no.label = other;
        }
        if ways.len() > 1 {
            let taken = self.worlds.fixed.iter().find(|(known, _)| *known == choice);
            let taken = taken.and_then(|(_, label)| ways.iter().find(|way| way.label == *label));
            match taken.copied() {
                Some(way) => ways = vec![way],
                None => self.drop_unlogged(unit, index, link.end, &mut ways),
            }
        }
        match ways.as_slice() {
            [Way { start: Some(start), .. }] => {
                let start = *start;
                self.push_block(Block::Decided { end });
                self.jump(start);
            }
            [Way { start: Some(start), .. }, ..] => {
                let start = *start;
                let fork = self.fork(choice, ways);
                self.push_block(Block::Fork { end, fork });
                self.jump(start);
            }
            _ => {
                end += 1;
                self.jump(end);
            }
        }
    }

    /// The earlier decision that decides this condition: a variable that its branches set is all
    /// that the condition depends on. With the numbers of the branches that make it true and false.
    fn earlier_choice(&self, unit: &Rc<Unit>, index: usize) -> Option<(u64, u16, u16)> {
        let raw = unit.raws.get(index).filter(|raw| raw.kind == Kind::Control(Control::If))?;
        let condition = without_then(unit.arguments_of(raw));
        let truths = self.worlds.each(|| {
            let expanded = expand::expand(condition, Comments::Drop, &self.view());
            eval::condition(&expanded.text, &self.view())
        });
        match truths.as_slice() {
            [(first, Some(a)), (second, Some(b))] if a != b => {
                let (&[(choice, one)], &[(other, two)]) = (first.as_slice(), second.as_slice())
                else {
                    return None;
                };
                let (yes, no) = if *a { (one, two) } else { (two, one) };
                (choice == other).then_some((choice, yes, no))
            }
            _ => None,
        }
    }

    fn is_case(&self, switch: &Value, list: &str) -> Option<bool> {
        let all = tokenize(list);
        let tokens = Tokens { text: list, all: &all };
        let mut unknown = false;
        for (from, to) in split(&tokens, 0, all.len()) {
            let value = self.value(tokens.span(from, to));
            match (switch.known_text(), value.known_text()) {
                (Some(a), Some(b)) if a == b => return Some(true),
                (Some(_), Some(_)) => {}
                _ => unknown = true,
            }
        }
        if unknown { None } else { Some(false) }
    }

    /// The next arm's keyword was reached: the arm before it ends.
    fn end_arm(&mut self, unit: &Rc<Unit>, index: usize) {
        let end = unit.links.get(index).map_or(0, |link| link.end);
        if end > index && self.top_block().is_some_and(|block| block.end() == end) {
            self.jump(end);
            self.close_block();
        }
    }

    /// A closing statement was reached: every block that ends there does.
    pub(super) fn end_blocks(&mut self, index: usize) {
        while self.top_block().is_some_and(|block| block.end() == index) {
            if self.close_block() {
                return;
            }
        }
    }

    /// Ends the innermost block. Whether the frame goes on somewhere else: at another branch.
    pub(super) fn close_block(&mut self) -> bool {
        let Some(block) = self.frames.last_mut().and_then(|frame| frame.blocks.pop()) else {
            return false;
        };
        let Block::Fork { end, mut fork } = block else { return false };
        match self.end_branch(&mut fork, false) {
            Next::Branch(start) => {
                self.push_block(Block::Fork { end, fork });
                self.jump(start);
                true
            }
            Next::Merged => false,
            Next::Exited => {
                self.exit_script();
                true
            }
        }
    }

    fn exit(&mut self, arguments: &str) {
        let text = self.expanded(arguments);
        let all = tokenize(&text);
        let tokens = Tokens { text: &text, all: &all };
        let condition =
            (1..all.len()).find(|&index| tokens.is_any_word(index, &["when", "unless"]));
        let truth = match condition {
            None => Some(true),
            Some(index) => {
                let truth = self.truth(tokens.span(index + 1, all.len()));
                truth.map(|truth| truth != tokens.is_word(index, "unless"))
            }
        };
        match (tokens.text_at(0).to_ascii_lowercase().as_str(), truth) {
            (_, Some(false)) => {}
            ("script", Some(true)) => self.exit_script(),
            ("for" | "do", Some(true)) => self.exit_loop(),
            ("for" | "do", None) => self.may_exit_loop(),
            ("sub", Some(true)) => self.exit_sub(),
            // Some ways end here and others go on: what follows is what both can leave.
            _ => {}
        }
    }

    /// Ends the script, or the undecided branch that says so.
    pub(super) fn exit_script(&mut self) {
        while self.frames.len() > self.floor {
            let Some(frame) = self.frames.last_mut() else { break };
            while let Some(block) = frame.blocks.pop() {
                let Block::Fork { end, mut fork } = block else { continue };
                match self.end_branch(&mut fork, true) {
                    Next::Branch(start) => {
                        self.push_block(Block::Fork { end, fork });
                        self.jump(start);
                        return;
                    }
                    Next::Merged => {
                        self.jump(end);
                        return;
                    }
                    Next::Exited => {}
                }
                break;
            }
            if self.frames.last().is_some_and(|frame| frame.blocks.is_empty()) {
                self.frames.pop();
            }
        }
        self.exiting = true;
    }

    /// `EXIT SUB`. In an undecided branch only the branch ends.
    fn exit_sub(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        match frame.blocks.iter().rposition(|block| matches!(block, Block::Fork { .. })) {
            Some(position) => {
                frame.blocks.truncate(position + 1);
                let end = frame.blocks.last().map_or(0, Block::end);
                self.jump(end);
                self.close_block();
            }
            None => self.jump_to_end(),
        }
    }

    fn jump_to_end(&mut self) {
        if let Some(frame) = self.frames.last_mut() {
            frame.at = frame.end;
        }
    }
}

/// A condition without its `THEN`.
fn without_then(text: &str) -> &str {
    let text = text.trim_end();
    let cut = text.len().checked_sub(4);
    match cut.and_then(|at| text.get(at..).map(|tail| (at, tail))) {
        Some((at, tail)) if tail.eq_ignore_ascii_case("then") => text.get(..at).unwrap_or(text),
        _ => text,
    }
}
