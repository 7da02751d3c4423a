//! What the log of the last reload adds: the order in which statements were executed, texts of those
//! that only the reload could expand, rounds of loops, and branches that were not taken.

use std::rc::Rc;

use super::Machine;
use super::control::Block;
use super::fork::Way;
use crate::script::expand::{self, Comments};
use crate::script::lex::{Control, Kind, Raw, Unit};
use crate::script::trace::{Ahead, Trace};

/// Blocks that are looked at for the innermost loop.
const MAX_BLOCKS: usize = 64;

/// Rounds that the log alone tells of, in all loops of a script.
const MAX_LOGGED_ROUNDS: usize = 20_000;

impl Machine<'_> {
    /// The trace of the reload, when it knows of this text.
    fn trace_of(&self, unit: &Rc<Unit>) -> Option<&Trace> {
        let in_script = self.frames.last().is_some_and(|frame| frame.outer.is_none());
        self.trace.as_ref().filter(|trace| in_script && trace.is_of(unit))
    }

    /// Text with which a statement that is reached was executed; `None` when the log does not have
    /// it at this place.
    pub(super) fn executed(&mut self, unit: &Rc<Unit>, index: usize) -> Option<String> {
        self.trace_of(unit)?;
        let frames = self.frames.iter().rev().take_while(|frame| Rc::ptr_eq(&frame.unit, unit));
        let blocks = frames.flat_map(|frame| frame.blocks.iter().rev()).take(MAX_BLOCKS);
        let closer = blocks.into_iter().find_map(|block| match block {
            Block::Loop { end, .. } => Some(*end),
            _ => None,
        });
        self.trace.as_mut()?.take(index, closer)
    }

    /// A control statement's arguments: as they were executed where only the reload knew them.
    pub(super) fn known_arguments(&self, control: Control, written: &str, logged: &str) -> String {
        let worlds = self.worlds.each(|| expand::expand(written, Comments::Drop, &self.view()));
        let unit = Unit::new(logged, None);
        match unit.raws.first() {
            Some(raw)
                if raw.kind == Kind::Control(control)
                    && worlds.iter().any(|(_, expanded)| !expanded.unresolved.is_empty()) =>
            {
                unit.arguments_of(raw).to_owned()
            }
            _ => written.to_owned(),
        }
    }

    /// Whether the log has another round of a loop.
    pub(super) fn is_round_logged(&mut self, opener: usize, closer: usize) -> bool {
        let Some(unit) = self.frames.last().map(|frame| Rc::clone(&frame.unit)) else {
            return false;
        };
        let Some(trace) = self.trace_of(&unit) else { return false };
        let is_do = unit.raws.get(opener).is_some_and(|raw| raw.kind == Kind::Control(Control::Do));
        // `DO` may be logged with each round.
        let ahead = trace.ahead(opener, closer + 1, |raw| is_do && raw == opener);
        let more = matches!(ahead, Some(Ahead::Inside(_)));
        if more && self.logged_rounds == MAX_LOGGED_ROUNDS {
            self.say(format!(
                "the log has more than {MAX_LOGGED_ROUNDS} rounds of loops: the others are left out"
            ));
            return false;
        }
        self.logged_rounds += usize::from(more);
        more
    }

    /// How far the log was followed.
    pub(super) fn log_place(&self) -> usize {
        self.trace.as_ref().map_or(0, Trace::place)
    }

    /// Goes to a place of the log.
    pub(super) fn set_log_place(&mut self, at: usize) {
        if let Some(trace) = &mut self.trace {
            trace.set_place(at);
        }
    }

    /// Leaves out branches that a complete log does not have. `index` is the statement that opens
    /// them, `end` the one that ends them.
    pub(super) fn drop_unlogged(
        &self,
        unit: &Rc<Unit>,
        index: usize,
        end: usize,
        ways: &mut Vec<Way>,
    ) {
        let Some(trace) = self.trace_of(unit).filter(|trace| trace.is_complete()) else { return };
        let is_arm = |raw: usize| {
            let kind = unit.raws.get(raw).map(|raw| raw.kind);
            matches!(
                kind,
                Some(Kind::Control(
                    Control::ElseIf | Control::Else | Control::Case | Control::Default
                ))
            ) && unit.links.get(raw).is_some_and(|link| link.end == end)
        };
        let body = |start: usize| {
            let arm = start.checked_sub(1).and_then(|arm| unit.links.get(arm));
            start..arm.map_or(end, |link| link.next)
        };
        if let Some(Ahead::Inside(raw)) = trace.ahead(index, end, is_arm)
            && let Some(taken) =
                ways.iter().find(|way| way.start.is_some_and(|start| body(start).contains(&raw)))
        {
            *ways = vec![*taken];
            return;
        }
        // Nothing of them was executed: the way past them, when there is one. An arm without
        // statements leaves nothing in the log.
        let tells = |raw: &Raw| matches!(raw.kind, Kind::Plain | Kind::Sql);
        let known = ways
            .iter()
            .filter_map(|way| way.start)
            .all(|start| unit.raws.get(body(start)).is_some_and(|raws| raws.iter().any(tells)));
        if known && ways.iter().any(|way| way.start.is_none()) {
            ways.retain(|way| way.start.is_none());
        }
    }
}
