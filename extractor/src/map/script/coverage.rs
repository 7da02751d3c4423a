//! What became of the references to sources in scripts: numbers that add up, and the open ones.

use serde::Serialize;

use crate::script::{ReferenceKind, Status};

/// Open references of one script that are listed.
const MAX_OPEN: usize = 20;
/// Characters of a name or reason.
const MAX_TEXT: usize = 300;

/// References to sources by what became of them: `references` is the sum of the other four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// All references.
    pub references: u64,
    /// What they mean is known.
    pub resolved: u64,
    /// They could mean several things; none was chosen.
    pub ambiguous: u64,
    /// What they mean is not known.
    pub unresolved: u64,
    /// Inline data, generated rows, tables of the model itself: there is nothing to resolve.
    pub not_needed: u64,
    /// The ambiguous and unresolved ones, the first 20 of a script; none in a total.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenReference>,
}

/// A reference that is ambiguous or unresolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenReference {
    /// Line in the script, from 1.
    pub line: u32,
    /// `file`, `table`, `resident`, `script`, `app`, `connection` or `include`.
    pub kind: &'static str,
    /// Name as the script gives it, variables expanded.
    pub name: String,
    /// Why it is open.
    pub reason: String,
}

impl Coverage {
    /// Counts a reference.
    pub(super) fn count(&mut self, line: u32, kind: ReferenceKind, name: &str, status: &Status) {
        self.references += 1;
        let reason = match status {
            Status::Resolved => {
                self.resolved += 1;
                return;
            }
            Status::NotNeeded => {
                self.not_needed += 1;
                return;
            }
            Status::Ambiguous(reason) => {
                self.ambiguous += 1;
                reason
            }
            Status::Unresolved(reason) => {
                self.unresolved += 1;
                reason
            }
        };
        if self.open.len() < MAX_OPEN {
            let cut = |text: &str| text.chars().take(MAX_TEXT).collect();
            let kind = match kind {
                ReferenceKind::File => "file",
                ReferenceKind::Table => "table",
                ReferenceKind::Resident => "resident",
                ReferenceKind::Script => "script",
                ReferenceKind::App => "app",
                ReferenceKind::Connection => "connection",
                ReferenceKind::Include => "include",
            };
            self.open.push(OpenReference { line, kind, name: cut(name), reason: cut(reason) });
        }
    }

    /// Adds another script's numbers.
    pub fn add(&mut self, other: &Self) {
        self.references += other.references;
        self.resolved += other.resolved;
        self.ambiguous += other.ambiguous;
        self.unresolved += other.unresolved;
        self.not_needed += other.not_needed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_add_up_and_the_list_is_bounded() {
        let mut coverage = Coverage::default();
        for line in 1..=30 {
            let status = Status::Unresolved("x".repeat(1000));
            coverage.count(line, ReferenceKind::File, "f", &status);
        }
        coverage.count(31, ReferenceKind::Table, "t", &Status::Resolved);
        coverage.count(32, ReferenceKind::App, "a", &Status::Ambiguous("two".to_owned()));
        coverage.count(33, ReferenceKind::Script, "INLINE", &Status::NotNeeded);
        let sum = |it: &Coverage| it.resolved + it.ambiguous + it.unresolved + it.not_needed;
        assert_eq!((coverage.references, sum(&coverage)), (33, 33));
        assert_eq!(coverage.open.len(), MAX_OPEN);
        assert!(coverage.open.iter().all(|open| open.reason.len() <= MAX_TEXT));
        let mut total = Coverage::default();
        total.add(&coverage);
        total.add(&coverage);
        assert_eq!((total.references, sum(&total), total.open.len()), (66, 66, 0));
    }
}
