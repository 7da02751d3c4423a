//! Whether a stored edge says already what events say, told without asking for the columns of its ends:
//! what it names is there.

use super::{
    super::core::Core,
    Edge,
    edge::{self, Contribution, Fate},
    ends::{self, Columns, EndRef},
    group::contribution_of,
    write::{self, Side},
};
use crate::sink::Outcome;

/// What becomes of events that a stored edge needs no change for; `None` when that cannot be told.
pub(super) fn already(core: &Core, side: &Side<'_>, edges: &[Edge<'_>]) -> Option<Outcome> {
    let stored = side.stored?;
    let users = core.users();
    let us = write::us(core, &users);
    if !stored.is_ours(us) {
        core.kept_edge();
        return Some(Outcome::Unchanged);
    }
    let leads_to_dashboard = side.to.entity_type == "dashboard";
    let is_said = |added: &[Contribution]| {
        edge::merge(Some(stored), added, &[], leads_to_dashboard, us) == Fate::Stays
    };
    let carries = write::may_carry_columns(core, side.from, side.to);
    let is_in_doubt = write::is_in_doubt(core, side.from, side.to);
    if !carries || is_in_doubt && stored.entries.is_empty() {
        // An edge that is stored without columns was written so because the server refused them.
        let bare = edges.iter().map(|edge| {
            let target = EndRef::of(&edge.event.to, &core.naming);
            contribution_of(core, edge, target.chart(), Vec::new())
        });
        if is_said(&bare.collect::<Vec<_>>()) {
            return Some(Outcome::Unchanged);
        }
    }
    if !carries {
        return None;
    }
    let from = Columns::named(side.from, stored.entries.iter().flat_map(|entry| &entry.from));
    let to = Columns::named(side.to, stored.entries.iter().map(|entry| &entry.to));
    let mut added = Vec::with_capacity(edges.len());
    for edge in edges {
        // What all columns are, only the columns say.
        if edge.event.columns.iter().any(ends::is_any) {
            return None;
        }
        let target = EndRef::of(&edge.event.to, &core.naming);
        let to = match target.chart() {
            Some(chart) => &Columns::Chart(chart.to_owned()),
            None => &to,
        };
        let found = ends::entries(&edge.event.columns, &from, to);
        if found.dropped > 0 {
            return None;
        }
        added.push(contribution_of(core, edge, target.chart(), found.entries));
    }
    is_said(&added).then_some(Outcome::Unchanged)
}
