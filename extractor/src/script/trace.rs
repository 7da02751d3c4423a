//! What a reload executed, as its log has it: statements of the script in the order of their
//! execution, with a place in that order up to which the script was followed.

use std::rc::Rc;

use super::lex::scan::Scanner;
use super::lex::{Control, Kind, Raw, Unit, part};
use super::log::Log;
use super::statement;

/// Entries that one question looks at before it gives up, beyond those of called subs.
const MAX_AHEAD: usize = 10_000;

/// Characters of a statement that tell it from others.
const KEY: usize = 80;

/// A statement that was executed.
#[derive(Debug)]
struct Executed {
    /// Index into the script's statements.
    raw: usize,
    /// As it was executed, a line of the script each.
    text: String,
    /// Last line of the script that is in `text`.
    line: u32,
}

/// The statements that a reload executed.
#[derive(Debug)]
pub(crate) struct Trace {
    unit: Rc<Unit>,
    complete: bool,
    executed: Vec<Executed>,
    /// Indices into `executed` by statement.
    by_raw: Vec<Vec<usize>>,
    /// The sub that each statement stands in: the index of its `SUB`.
    subs: Vec<Option<usize>>,
    /// For each index into `executed`, the first from there on that stands in no sub.
    outside: Vec<usize>,
    /// What was followed so far.
    at: usize,
}

/// Which of a block's statements come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ahead {
    /// One of this index.
    Inside(usize),
    /// None: the next one stands elsewhere.
    Elsewhere,
}

impl Trace {
    /// Finds the statements of a log in its script. Lines that are none of it are left out.
    pub(crate) fn new(log: &Log, unit: &Rc<Unit>) -> Self {
        let finder = Finder::new(unit);
        let mut executed: Vec<Executed> = Vec::new();
        // Whether the line before belonged to the last of them.
        let mut open = false;
        for (line, text) in log.entries() {
            if open
                && let Some(last) = executed.last_mut()
                && finder.goes_on(last, line, text)
            {
                last.line = line;
                last.text.push('\n');
                last.text.push_str(text);
                continue;
            }
            let before = executed.last().map(|last| last.raw);
            let found = finder.find(line, text, before);
            open = found.is_some();
            executed.extend(found.map(|raw| Executed { raw, text: text.to_owned(), line }));
        }
        let mut by_raw = vec![Vec::new(); unit.raws.len()];
        for (index, each) in executed.iter().enumerate() {
            if let Some(all) = by_raw.get_mut(each.raw) {
                all.push(index);
            }
        }
        let subs = subs(unit);
        let mut next = executed.len();
        let mut outside: Vec<usize> = Vec::with_capacity(executed.len());
        for (index, each) in executed.iter().enumerate().rev() {
            if subs.get(each.raw).copied().flatten().is_none() {
                next = index;
            }
            outside.push(next);
        }
        outside.reverse();
        let complete = log.is_complete();
        Self { unit: Rc::clone(unit), complete, executed, by_raw, subs, outside, at: 0 }
    }

    /// Whether it is one of this text's statements.
    pub(crate) fn is_of(&self, unit: &Rc<Unit>) -> bool {
        Rc::ptr_eq(&self.unit, unit)
    }

    /// Whether the reload ran to its end, so that what is not here was not executed.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    /// How far the script was followed.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Goes back, or on, to a place.
    pub(crate) fn set_place(&mut self, at: usize) {
        self.at = at;
    }

    /// Goes past the next execution of a statement and gives its text. `closer` is the end of the
    /// loop that is being followed: what comes after it is of another round.
    pub(crate) fn take(&mut self, raw: usize, closer: Option<usize>) -> Option<String> {
        let found = self.next(raw)?;
        let round = closer.filter(|&closer| closer != raw).and_then(|closer| self.next(closer));
        let left = match self.sub(raw) {
            Some(_) => self.outside.get(self.at).copied(),
            None => None,
        };
        if [round, left].into_iter().flatten().any(|limit| limit < found) {
            return None;
        }
        self.at = found + 1;
        let text = self.executed.get(found)?.text.clone();
        // Labels may be left out of the log.
        let written = self.unit.raws.get(raw).map(|raw| self.unit.text_of(raw))?;
        Some(match statement::label_of(written) {
            Some(label) if statement::label_of(&text).is_none() => format!("{label} {text}"),
            _ => text,
        })
    }

    /// Which of the statements after `from` and before `to` was executed next; `None` when nothing
    /// tells. Those of subs that are called on the way are passed over, and those that `skips` says.
    pub(crate) fn ahead(
        &self,
        from: usize,
        to: usize,
        skips: impl Fn(usize) -> bool,
    ) -> Option<Ahead> {
        let own = self.sub(from);
        let mut at = self.at;
        for _ in 0..MAX_AHEAD {
            if own.is_none() {
                at = self.outside.get(at).copied()?;
            }
            let raw = self.executed.get(at)?.raw;
            let sub = self.sub(raw);
            if sub == own && !skips(raw) {
                return Some(if from < raw && raw < to {
                    Ahead::Inside(raw)
                } else {
                    Ahead::Elsewhere
                });
            }
            if sub != own && sub.is_none() {
                return Some(Ahead::Elsewhere);
            }
            at += 1;
        }
        None
    }

    fn next(&self, raw: usize) -> Option<usize> {
        let all = self.by_raw.get(raw)?;
        all.get(all.partition_point(|&index| index < self.at)).copied()
    }

    fn sub(&self, raw: usize) -> Option<usize> {
        self.subs.get(raw).copied().flatten()
    }
}

/// The sub that each statement stands in.
fn subs(unit: &Unit) -> Vec<Option<usize>> {
    let mut subs = vec![None; unit.raws.len()];
    let mut until = 0;
    for (index, raw) in unit.raws.iter().enumerate() {
        if index < until || raw.kind != Kind::Control(Control::Sub) {
            continue;
        }
        until = unit.links.get(index).map_or(index, |link| link.end);
        if let Some(body) = subs.get_mut(index + 1..until) {
            body.fill(Some(index));
        }
    }
    subs
}

/// Finds statements by the lines that they stand on and by how they begin.
struct Finder<'u> {
    unit: &'u Unit,
    /// Beginnings of the statements, without and with their labels.
    keys: Vec<(Key, Option<Key>)>,
    /// Highest last line of the statements up to each.
    last_lines: Vec<u32>,
}

/// How a statement begins: up to what a reload expands.
struct Key {
    text: String,
    /// Whether something that a reload expands follows.
    open: bool,
}

impl<'u> Finder<'u> {
    fn new(unit: &'u Unit) -> Self {
        let keys = unit.raws.iter().map(|raw| {
            let text = unit.text_of(raw);
            let label = statement::label_of(text);
            let rest = label.and_then(|label| {
                text.find(label).and_then(|at| text.get(at + label.len()..)).map(key)
            });
            (key(text), rest)
        });
        let keys = keys.collect();
        let mut highest = 0;
        let last_lines = unit.raws.iter().map(|raw| {
            highest = raw.last_line.max(highest);
            highest
        });
        Self { unit, keys, last_lines: last_lines.collect() }
    }

    /// The statement that a line of a log begins: on its line, after the one that was executed
    /// before where several stand there.
    fn find(&self, line: u32, text: &str, before: Option<usize>) -> Option<usize> {
        let logged = key(text);
        let fits = |raw: &usize| self.fits(*raw, &logged);
        let on_line = self.on_line(line);
        let after = before.filter(|before| on_line.contains(before));
        let later =
            after.and_then(|before| on_line.clone().skip_while(|at| *at <= before).find(fits));
        later.or_else(|| on_line.clone().find(fits))
    }

    /// Whether a line goes on with the statement before it.
    fn goes_on(&self, last: &Executed, line: u32, text: &str) -> bool {
        let raw = self.unit.raws.get(last.raw);
        if line <= last.line || raw.is_none_or(|raw| line > raw.last_line) {
            return false;
        }
        let logged = key(text);
        let starts = |at: &usize| self.raw(*at).is_some_and(|raw| raw.at.line == line);
        !self.on_line(line).filter(starts).any(|at| at != last.raw && self.fits(at, &logged))
    }

    fn raw(&self, at: usize) -> Option<&Raw> {
        self.unit.raws.get(at)
    }

    /// Statements that stand on a line.
    fn on_line(&self, line: u32) -> std::ops::Range<usize> {
        let from = self.last_lines.partition_point(|&last| last < line);
        let to = self.unit.raws.partition_point(|raw| raw.at.line <= line);
        from..to.max(from)
    }

    fn fits(&self, raw: usize, logged: &Key) -> bool {
        self.keys.get(raw).is_some_and(|(whole, rest)| {
            whole.fits(logged) || rest.as_ref().is_some_and(|rest| rest.fits(logged))
        })
    }
}

impl Key {
    /// Whether this is the beginning of a logged line, or the line the beginning of this.
    fn fits(&self, logged: &Self) -> bool {
        if self.text.is_empty() || logged.text.is_empty() {
            return self.open && !logged.text.is_empty();
        }
        // The log may have the statement's first line only.
        logged.text.starts_with(&self.text) || self.text.starts_with(&logged.text)
    }
}

/// A statement's first characters without space and comments, in lower case.
fn key(text: &str) -> Key {
    let scanner = Scanner::new(text);
    let mut out = String::new();
    let mut at = scanner.blank(0);
    while at < scanner.len() && out.len() < KEY {
        if let Some(end) = scanner.comment(at) {
            at = end;
            continue;
        }
        if scanner.byte(at) == b'$' && scanner.byte(at + 1) == b'(' {
            return Key { text: out, open: true };
        }
        let mut end = at + 1;
        while !text.is_char_boundary(end) {
            end += 1;
        }
        out.extend(
            part(text, at, end)
                .chars()
                .filter(|each| !each.is_whitespace())
                .flat_map(char::to_lowercase),
        );
        at = end;
    }
    Key { text: out, open: false }
}
