//! Edges in the making: one for each pair of ends, whatever says so how often.

use std::collections::{BTreeMap, BTreeSet};

use schemas::event::{ColumnLineage, Lineage, Node, Origin, Resolution};

use crate::{map::Context, script};

/// Stands for every column that is not named: the column of the same name.
pub(crate) const ANY_COLUMN: &str = "*";

/// Edges by their ends.
#[derive(Debug, Default)]
pub(super) struct Edges(BTreeMap<(Node, Node), Draft>);

/// What is known of one edge.
#[derive(Debug, Default)]
pub(super) struct Draft {
    columns: Vec<ColumnLineage>,
    seen: BTreeSet<(Option<String>, Option<String>, Vec<String>)>,
    origin: Option<Origin>,
    resolution: Resolution,
    via: BTreeSet<String>,
    statement: Option<String>,
}

impl Edges {
    /// The edge of these ends. Nothing flows from something into itself.
    pub(super) fn of(&mut self, from: &Node, to: &Node) -> Option<&mut Draft> {
        (from != to).then(|| self.0.entry((from.clone(), to.clone())).or_default())
    }

    /// Gives the edges to a node that nothing says where they were read their evidence.
    pub(super) fn complete(&mut self, to: &Node, origin: Origin, statement: &str) {
        for (_, draft) in self.0.iter_mut().filter(|((_, target), _)| target == to) {
            if draft.origin.is_none() || draft.statement.is_none() {
                draft.evidence(origin, Resolution::Exact, &[], statement);
            }
        }
    }

    /// Whether anything leads to a node.
    pub(super) fn lead_to(&self, to: &Node) -> bool {
        self.0.keys().any(|(_, target)| target == to)
    }

    /// The first edge to a node.
    pub(super) fn first_to(&mut self, to: &Node) -> Option<&mut Draft> {
        self.0.iter_mut().find(|((_, target), _)| target == to).map(|(_, draft)| draft)
    }

    /// The events, in the order of their ends.
    pub(super) fn into_events(self, app_id: &str, context: &Context<'_>) -> Vec<Lineage> {
        let events = self.0.into_iter().map(|((from, to), draft)| Lineage {
            service: context.service.to_owned(),
            app_id: app_id.to_owned(),
            observed_at: context.observed_at,
            modified_at: None,
            from,
            to,
            columns: draft.columns,
            origin: draft.origin.unwrap_or_default(),
            resolution: draft.resolution,
            via: draft.via.into_iter().collect(),
            statement: draft.statement,
        });
        events.collect()
    }
}

impl Draft {
    /// A column, once.
    pub(super) fn column(&mut self, from: Vec<String>, to: &str, expression: Option<&str>) {
        let (to, expression) = (Some(to.to_owned()), expression.map(str::to_owned));
        if self.seen.insert((to.clone(), expression.clone(), from.clone())) {
            self.columns.push(ColumnLineage { from_columns: from, to_column: to, expression });
        }
    }

    /// Evidence; what is said first stands, the least sure reading counts.
    pub(super) fn evidence(
        &mut self,
        origin: Origin,
        resolution: Resolution,
        via: &[String],
        statement: &str,
    ) {
        self.origin.get_or_insert(origin);
        self.resolution = least_sure(self.resolution, resolution);
        self.via.extend(via.iter().cloned());
        if self.statement.is_none() && !statement.trim().is_empty() {
            self.statement = Some(statement.to_owned());
        }
    }

    /// A further reading of what the edge was made of.
    pub(super) fn read_as(&mut self, resolution: Resolution, via: &[String]) {
        self.resolution = least_sure(self.resolution, resolution);
        self.via.extend(via.iter().cloned());
    }
}

fn least_sure(a: Resolution, b: Resolution) -> Resolution {
    match (a, b) {
        (Resolution::Fallback, _) | (_, Resolution::Fallback) => Resolution::Fallback,
        (Resolution::Expanded, _) | (_, Resolution::Expanded) => Resolution::Expanded,
        (Resolution::Exact, Resolution::Exact) => Resolution::Exact,
    }
}

/// How sure the script engine is, in the event's words.
pub(super) fn resolution(of: script::Resolution) -> Resolution {
    match of {
        script::Resolution::Exact => Resolution::Exact,
        script::Resolution::Expanded => Resolution::Expanded,
        script::Resolution::Fallback => Resolution::Fallback,
    }
}
