//! Edges.
//!
//! | event | edge in OpenMetadata |
//! |---|---|
//! | table, file → table, file | table or data model → data model |
//! | table, file → chart | table or data model → **dashboard**, `toColumn` = the chart |
//! | chart → its dashboard | none: `charts` of the dashboard says so |
//! | something → itself | none: an app that stores a file which it loads |
//!
//! A chart cannot carry columns (every entry would be dropped), its edges failed on 1.9 and the web
//! pages do not show them, so there are no edges to charts themselves.
//!
//! All edges that lead to one entity are read with one request and written only where they differ. What
//! an event becomes is made of it just before it is written, so that it is in memory for a few edges at a
//! time: a line that stands for all columns of a table is a hundred entries.

mod delete;
mod edge;
mod ends;
mod find;
mod group;
mod locks;
mod said;
mod strays;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use schemas::{
    Event,
    event::{Lineage, Node},
    key,
};

pub(super) use self::{
    delete::delete,
    locks::{Locks, Waited},
    strays::{remove_stray, strays},
};
use self::{ends::EndRef, group::Round};
use super::core::Core;
use crate::sink::{Change, Fatal, Item, Outcome};

/// How long another loader may take between reading an edge and writing it.
const SETTLED: Duration = Duration::from_millis(300);
/// Most looks at edges that several loaders may have written at once.
const LOOKS: u32 = 4;

/// An event about an edge that has to be written.
#[derive(Clone, Copy, Debug)]
struct Edge<'a> {
    /// Its place among the items.
    index: usize,
    key: &'a str,
    event: &'a Lineage,
}

/// Edges by the entity that they lead to. Dashboards come first: they know the ids of their data models.
type Groups<'a> = BTreeMap<EndRef, Vec<Edge<'a>>>;

/// Writes the edges of the items; one outcome for each item, in order.
pub(super) async fn upsert(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    let lost = || Outcome::Waiting { reason: "the edge was not written".to_owned() };
    let mut outcomes: Vec<Outcome> = Vec::with_capacity(items.len());
    let mut groups = Groups::new();
    for (index, item) in items.iter().enumerate() {
        let to_write = edge_of(core, item);
        outcomes.push(to_write.as_ref().err().cloned().unwrap_or_else(lost));
        if let Ok(event) = to_write {
            let to = EndRef::of(&event.to, &core.naming).entity();
            groups.entry(to).or_default().push(Edge { index, key: &item.key, event });
        }
    }
    write(core, &groups, &Round::new(core), &mut outcomes).await?;
    look_again(core, groups, &mut outcomes).await?;
    Ok(outcomes)
}

/// Writes edges and puts down what became of them.
async fn write(
    core: &Core,
    groups: &Groups<'_>,
    round: &Round,
    outcomes: &mut [Outcome],
) -> Result<(), Fatal> {
    // In a box that is made when its turn comes: all of them stand in the list.
    let writes = groups
        .iter()
        .map(|(to, edges)| async move { Box::pin(group::write(core, round, to, edges)).await });
    let writes = writes.collect();
    for (index, outcome) in core.concurrently(writes).await?.into_iter().flatten() {
        if let Some(place) = outcomes.get_mut(index) {
            *place = outcome;
        }
    }
    Ok(())
}

/// Edges that were written and that other loaders may have written at the same time are looked at again
/// until they stay: OpenMetadata replaces an edge as a whole, so of two writers that read the same edge
/// one takes the other's contribution away.
async fn look_again(
    core: &Core,
    mut groups: Groups<'_>,
    outcomes: &mut [Outcome],
) -> Result<(), Fatal> {
    let is_written =
        |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Created | Outcome::Updated));
    let mut written: BTreeSet<usize> =
        (0..outcomes.len()).filter(|index| is_written(outcomes.get(*index))).collect();
    let round = Round::again(core);
    for _ in 0..LOOKS {
        for edges in groups.values_mut() {
            edges.retain(|edge| is_shared(edge.event) && written.contains(&edge.index));
        }
        groups.retain(|_, edges| !edges.is_empty());
        if groups.is_empty() || core.only_looks() {
            break;
        }
        tokio::time::sleep(SETTLED).await;
        // What the first writing made of them is what became of them.
        let mut looked = vec![Outcome::Unchanged; outcomes.len()];
        write(core, &groups, &round, &mut looked).await?;
        written.retain(|index| is_written(looked.get(*index)));
    }
    Ok(())
}

/// Neither end belongs to an app, so loaders of other partitions may write the same edge.
fn is_shared(event: &Lineage) -> bool {
    let is_shared = |node| matches!(node, &Node::DatabaseTable(_) | &Node::DataFile(_));
    is_shared(&event.from) && is_shared(&event.to)
}

/// The edge that an item is about, or what becomes of an item that is no edge to write.
fn edge_of<'a>(core: &Core, item: &'a Item) -> Result<&'a Lineage, Outcome> {
    let service = &core.naming.service;
    let foreign = || {
        let reason = format!("`{}` is not an edge of service `{service}`", item.key);
        Outcome::Rejected { reason }
    };
    let Change::Upsert(event) = &item.change else { return Err(foreign()) };
    match &**event {
        Event::Lineage(event) if event.service != *service => Err(foreign()),
        Event::Lineage(event) if ends::is_membership(event) => Err(Outcome::Unchanged),
        Event::Lineage(event) if matches!(event.from, Node::Chart(_)) => {
            let reason = "an edge that starts at a chart leads to its dashboard only".to_owned();
            Err(Outcome::Rejected { reason })
        }
        Event::Lineage(event) => Ok(event),
        _ => Err(foreign()),
    }
}

/// What edges note of an event: the last two parts of its key.
pub(super) fn event_id(parts: &key::Parts<'_>) -> String {
    format!("{}/{}", parts.app_id, parts.rest)
}

/// The last two parts of an edge's key.
fn contribution_id(core: &Core, edge: &Edge<'_>) -> String {
    match key::parse(&core.naming.service, edge.key) {
        Some(parts) if !parts.rest.is_empty() => event_id(&parts),
        _ => format!("{}/{}", edge.event.app_id, edge.event.edge_hash()),
    }
}
