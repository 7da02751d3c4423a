//! What is said of statements, and of the sources that they refer to.

use super::Machine;
use crate::script::lex::Position;
use crate::script::limits;
use crate::script::mask::mask;
use crate::script::outcome::{Diagnostic, Reference, ReferenceKind, Severity, Status};

impl Machine<'_> {
    /// Says what was not understood, or contradicts the script, of the present statement.
    pub(super) fn say(&mut self, message: String) {
        self.say_at(self.site.at, message);
    }

    pub(super) fn say_at(&mut self, at: Position, message: String) {
        self.diagnose(at, Severity::Problem, message);
    }

    /// Says what is no failure: that only a reload can tell.
    pub(super) fn notice(&mut self, message: String) {
        self.diagnose(self.site.at, Severity::Notice, message);
    }

    fn diagnose(&mut self, at: Position, severity: Severity, message: String) {
        let message = mask(&message);
        if self.diagnostics.len() < limits::MAX_DIAGNOSTICS
            && self.said.insert((at.line, message.clone()))
        {
            let Position { line, column } = at;
            self.diagnostics.push(Diagnostic { line, column, message, severity });
        }
    }

    /// Says what became of a reference.
    pub(super) fn refer(&mut self, kind: ReferenceKind, name: &str, status: Status) {
        let line = self.site.at.line;
        let name = mask(name);
        if self.referred.insert((line, name.clone())) {
            self.references.push(Reference { line, kind, name, status });
        }
    }
}
