//! What the log of the last reload adds: texts of statements that only the reload could expand,
//! and branches that were not taken.

use std::rc::Rc;

use super::Machine;
use super::control::Block;
use super::fork::Way;
use crate::script::lex::{Kind, Raw, Unit};
use crate::script::statement;

impl Machine<'_> {
    /// Texts with which a statement was executed; empty when they were followed before. `None`
    /// when the log does not have it.
    pub(super) fn logged(&mut self, raw: Raw) -> Option<Vec<String>> {
        let log = self.input.log?;
        let texts = log.texts(raw.at.line, raw.last_line);
        if texts.is_empty() || texts.iter().any(|text| text.contains("*** CONNECT")) {
            return None;
        }
        // A statement in a loop is met again and again; the log has all its rounds at once.
        if !self.log_lines.insert(raw.at.line) {
            return Some(Vec::new());
        }
        let unit = self.frames.last().map(|frame| Rc::clone(&frame.unit))?;
        let written = unit.text_of(&raw);
        let label = statement::label_of(written);
        let texts = texts
            .into_iter()
            .map(|text| match label {
                // Labels may be left out of the log.
                Some(label) if statement::label_of(&text).is_none() => format!("{label} {text}"),
                _ => text,
            })
            .collect();
        Some(texts)
    }

    /// Leaves out branches that a complete log does not have.
    pub(super) fn drop_unlogged(&self, unit: &Rc<Unit>, end: usize, ways: &mut Vec<Way>) {
        let Some(log) = self.input.log.filter(|log| log.is_complete()) else { return };
        let Some(frame) = self.frames.last().filter(|frame| frame.outer.is_none()) else { return };
        let executed = |start: usize| {
            let arm = start.checked_sub(1).and_then(|arm| unit.links.get(arm));
            let stop = arm.map_or(end, |link| link.next);
            let body = unit.raws.get(start..stop).unwrap_or_default();
            let mut plain =
                body.iter().filter(|raw| matches!(raw.kind, Kind::Plain | Kind::Sql)).peekable();
            plain.peek()?;
            Some(plain.any(|raw| log.executed(raw.at.line, raw.last_line)))
        };
        let taken: Vec<Option<bool>> =
            ways.iter().map(|way| way.start.and_then(&executed)).collect();
        if !taken.contains(&Some(true)) {
            // Nothing of them was executed: the way past them, when there is one.
            let known =
                ways.iter().zip(&taken).all(|(way, taken)| way.start.is_none() || taken.is_some());
            if known && ways.iter().any(|way| way.start.is_none()) {
                ways.retain(|way| way.start.is_none());
            }
            return;
        }
        let once = self.frames.len() == 1
            && !frame.blocks.iter().any(|block| matches!(block, Block::Loop { .. }));
        let mut taken = taken.into_iter();
        ways.retain(|way| match (way.start, taken.next().flatten()) {
            (Some(_), Some(executed)) => executed,
            (Some(_), None) => true,
            (None, _) => !once,
        });
    }
}
