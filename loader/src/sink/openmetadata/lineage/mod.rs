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
//! All edges that lead to one entity are read with one request and written only where they differ.

mod delete;
mod edge;
mod ends;
mod find;
mod locks;
mod strays;
mod write;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use schemas::{
    Event,
    event::{Lineage, Node},
    key,
};

pub(super) use self::{
    delete::delete,
    locks::{EdgeLocks, Waited},
    strays::{remove_stray, strays},
};
use self::{
    edge::Contribution,
    ends::{End, EndRef},
    find::{Absent, Found},
    write::Side,
};
use super::{client::Failure, core::Core, counters::Counters};
use crate::sink::{Change, Fatal, Item, Outcome};

/// How long another loader may take between reading an edge and writing it.
const SETTLED: Duration = Duration::from_millis(300);
/// Most looks at edges that several loaders may have written at once.
const LOOKS: u32 = 4;

/// An event ready to be written.
#[derive(Clone, Debug)]
struct Ready {
    index: usize,
    from: End,
    to: End,
    contribution: Contribution,
    /// Neither end belongs to an app, so loaders of other partitions may write the same edge.
    is_shared: bool,
    /// Its ends, to be looked for again when the server denies them.
    refs: [EndRef; 2],
}

/// What an event needs.
enum Todo {
    Done(Outcome),
    Ready(Box<Ready>),
}

/// Writes the edges of the items; one outcome for each item, in order.
pub(super) async fn upsert(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    let ends: Vec<EndRef> = items
        .iter()
        .filter_map(|item| edge_of(core, item))
        .flat_map(|edge| [&edge.from, &edge.to])
        .map(|node| EndRef::of(node, &core.naming))
        .collect();
    let absent = match find::prefetch(core, &ends).await {
        Ok(absent) => absent,
        Err(failure) => {
            let outcome = core.outcome("read the ends of edges", failure)?;
            return Ok(vec![outcome; items.len()]);
        }
    };
    let absent = &absent;
    let preparations = items
        .iter()
        .enumerate()
        .map(|(index, item)| async move {
            match make_ready(core, index, item, absent).await {
                Ok(todo) => Ok(todo),
                Err(failure) => core.outcome("read the ends of an edge", failure).map(Todo::Done),
            }
        })
        .collect();
    let todos: Vec<Todo> = core.concurrently(preparations).await?;

    let mut outcomes: Vec<Option<Outcome>> = vec![None; items.len()];
    let mut by_target: BTreeMap<String, Vec<Ready>> = BTreeMap::new();
    for (place, todo) in outcomes.iter_mut().zip(todos) {
        match todo {
            Todo::Done(outcome) => *place = Some(outcome),
            Todo::Ready(ready) => by_target.entry(ready.to.id.clone()).or_default().push(*ready),
        }
    }
    let shared: BTreeMap<String, Vec<Ready>> = by_target
        .iter()
        .map(|(target, group)| {
            (target.clone(), group.iter().filter(|ready| ready.is_shared).cloned().collect())
        })
        .collect();
    let writes = by_target.into_values().map(|group| write_group(core, group)).collect();
    let written: Vec<Vec<(usize, Outcome)>> = core.concurrently(writes).await?;
    for (index, outcome) in written.into_iter().flatten() {
        if let Some(place) = outcomes.get_mut(index) {
            *place = Some(outcome);
        }
    }
    look_again(core, shared, &outcomes).await?;
    let lost = || Outcome::Waiting { reason: "the edge was not written".to_owned() };
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect())
}

/// Edges that were written and that other loaders may have written at the same time are looked at again
/// until they stay: OpenMetadata replaces an edge as a whole, so of two writers that read the same edge
/// one takes the other's contribution away.
async fn look_again(
    core: &Core,
    mut shared: BTreeMap<String, Vec<Ready>>,
    outcomes: &[Option<Outcome>],
) -> Result<(), Fatal> {
    let is_written =
        |outcome: Option<&Outcome>| matches!(outcome, Some(Outcome::Created | Outcome::Updated));
    for group in shared.values_mut() {
        group.retain(|ready| is_written(outcomes.get(ready.index).and_then(Option::as_ref)));
    }
    shared.retain(|_, group| !group.is_empty());
    for _ in 0..LOOKS {
        if shared.is_empty() || core.only_looks() {
            break;
        }
        tokio::time::sleep(SETTLED).await;
        let looks = shared.values().map(|group| write_group(core, group.clone())).collect();
        let looked: Vec<Vec<(usize, Outcome)>> = core.concurrently(looks).await?;
        let lost: BTreeSet<usize> = looked
            .into_iter()
            .flatten()
            .filter(|(_, outcome)| is_written(Some(outcome)))
            .map(|(index, _)| index)
            .collect();
        for group in shared.values_mut() {
            group.retain(|ready| lost.contains(&ready.index));
        }
        shared.retain(|_, group| !group.is_empty());
    }
    Ok(())
}

/// The edge that an item is about, if it is one of the service that has to be written.
fn edge_of<'a>(core: &Core, item: &'a Item) -> Option<&'a Lineage> {
    let Change::Upsert(event) = &item.change else { return None };
    match &**event {
        Event::Lineage(event) if event.service == core.naming.service => {
            (!ends::is_membership(event)).then_some(event)
        }
        _ => None,
    }
}

/// Finds the ends of an edge and translates its columns.
async fn make_ready(
    core: &Core,
    index: usize,
    item: &Item,
    absent: &Absent,
) -> Result<Todo, Failure> {
    let done = |outcome| Ok(Todo::Done(outcome));
    let Some(event) = edge_of(core, item) else {
        return done(not_written(core, item));
    };
    if let Node::Chart(_) = event.from {
        let reason = "an edge that starts at a chart leads to its dashboard only".to_owned();
        return done(Outcome::Rejected { reason });
    }
    let refs = [&event.from, &event.to].map(|node| EndRef::of(node, &core.naming));
    let [from_ref, to_ref] = &refs;
    let to = match find::find(core, to_ref, absent).await? {
        Found::End(end) => end,
        Found::Missing(reason) => return done(Outcome::Waiting { reason }),
        Found::Unresolved(reason) => return done(Outcome::Unresolved { reason }),
    };
    let from = match find::find(core, from_ref, absent).await? {
        Found::End(end) => end,
        Found::Missing(reason) => return done(Outcome::Waiting { reason }),
        Found::Unresolved(reason) => return done(Outcome::Unresolved { reason }),
    };
    if from.id == to.id {
        return done(Outcome::Unchanged);
    }
    let mut entries = Vec::new();
    if write::may_carry_columns(core, &from, &to) {
        let found = ends::entries(&event.columns, &from.columns, &to.columns);
        if found.may_come && core.load.wait_for_columns && core.waited.should_wait(&item.key) {
            let reason = format!(
                "{} columns of the edge are not in OpenMetadata yet; it is written without them if \
                 they do not come",
                found.dropped
            );
            return done(Outcome::Waiting { reason });
        }
        Counters::add(&core.client.counters.columns_dropped, found.dropped);
        entries = found.entries;
    }
    let chart = match to_ref {
        EndRef::Ours { chart, .. } => chart.clone(),
        EndRef::Table(_) => None,
    };
    let statement = event.statement.as_deref().filter(|_| chart.is_none());
    let contribution = Contribution {
        id: contribution_id(core, item, event),
        sql: super::map::text::own(statement),
        chart,
        entries,
    };
    let is_shared = [&event.from, &event.to]
        .into_iter()
        .all(|node| matches!(node, Node::DatabaseTable(_) | Node::DataFile(_)));
    Ok(Todo::Ready(Box::new(Ready { index, from, to, contribution, is_shared, refs })))
}

/// What becomes of an item that is no edge to write.
fn not_written(core: &Core, item: &Item) -> Outcome {
    match &item.change {
        Change::Upsert(event) if ends::is_membership_of(event, &core.naming.service) => {
            Outcome::Unchanged
        }
        _ => {
            let service = &core.naming.service;
            let reason = format!("`{}` is not an edge of service `{service}`", item.key);
            Outcome::Rejected { reason }
        }
    }
}

/// What edges note of an event: the last two parts of its key.
pub(super) fn event_id(parts: &key::Parts<'_>) -> String {
    format!("{}/{}", parts.app_id, parts.rest)
}

/// The last two parts of an edge's key.
fn contribution_id(core: &Core, item: &Item, event: &Lineage) -> String {
    match key::parse(&core.naming.service, &item.key) {
        Some(parts) if !parts.rest.is_empty() => event_id(&parts),
        _ => format!("{}/{}", event.app_id, event.edge_hash()),
    }
}

/// Writes the edges that lead to one entity.
async fn write_group(core: &Core, group: Vec<Ready>) -> Result<Vec<(usize, Outcome)>, Fatal> {
    let Some(first) = group.first() else { return Ok(Vec::new()) };
    let to = first.to.clone();
    let _guard = core.edge_locks.of(&to.id).await;
    let upstream = match write::upstream(core, to.entity_type, &to.id).await {
        Ok(upstream) => upstream,
        // What would be there by now has no edges.
        Err(Failure::Missing(_)) if core.only_looks() => HashMap::new(),
        Err(failure) => {
            let outcome = failed(core, &group, failure)?;
            return Ok(group.iter().map(|ready| (ready.index, outcome.clone())).collect());
        }
    };
    let mut by_source: BTreeMap<String, Vec<Ready>> = BTreeMap::new();
    for ready in group {
        by_source.entry(ready.from.id.clone()).or_default().push(ready);
    }
    let (to, upstream) = (&to, &upstream);
    let writes = by_source
        .into_iter()
        .map(|(source, readies)| async move {
            let Some(first) = readies.first() else { return Ok::<_, Fatal>(Vec::new()) };
            let side = Side { from: &first.from, to, stored: upstream.get(&source) };
            let added: Vec<_> = readies.iter().map(|ready| ready.contribution.clone()).collect();
            let outcome = match write::write(core, &side, &added, &[]).await {
                Ok(outcome) => outcome,
                Err(failure) => failed(core, &readies, failure)?,
            };
            let outcomes = readies.iter().map(|ready| (ready.index, outcome.clone()));
            Ok(outcomes.collect::<Vec<_>>())
        })
        .collect();
    let written: Vec<Vec<(usize, Outcome)>> = core.concurrently(writes).await?;
    Ok(written.into_iter().flatten().collect())
}

/// The outcome of edges that could not be written.
fn failed(core: &Core, readies: &[Ready], failure: Failure) -> Result<Outcome, Fatal> {
    if matches!(failure, Failure::Missing(_) | Failure::Refused(_)) {
        // One of the ends is not what it was thought to be.
        readies.iter().flat_map(|ready| &ready.refs).for_each(|end| find::doubt(core, end));
    }
    core.outcome("write an edge", failure)
}
