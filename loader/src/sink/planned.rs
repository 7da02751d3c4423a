//! What a sink that only looks would have written.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

/// Is told of everything that would be written, in no order.
pub type Watcher = Arc<dyn Fn(&Planned) + Send + Sync>;

/// One entity or edge that would be written.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Planned {
    /// Type of the entity (`dashboard`, `chart`, `dashboardDataModel`), or `lineage`.
    pub kind: &'static str,
    /// Qualified name; of an edge both names with ` -> ` in between.
    pub name: String,
    /// What would happen to it.
    pub change: PlannedChange,
    /// Values that would be different afterwards.
    pub fields: Vec<FieldChange>,
}

/// What would happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PlannedChange {
    /// It is not there yet.
    Create,
    /// It is there and says something else.
    Update,
    /// It would be removed, softly unless configured otherwise.
    Delete,
}

/// A value that would be different.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldChange {
    /// As OpenMetadata names it; a column's as `columns.<name>.<member>`.
    pub field: String,
    /// What is there; `null` when nothing is.
    pub from: Value,
    /// What would be there; `null` when nothing would.
    pub to: Value,
}

impl FieldChange {
    /// Appends a change unless both values are the same.
    pub(crate) fn push(changes: &mut Vec<Self>, field: impl Into<String>, from: Value, to: Value) {
        if from != to {
            changes.push(Self { field: field.into(), from, to });
        }
    }
}
