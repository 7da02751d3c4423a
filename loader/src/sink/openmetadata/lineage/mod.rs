//! Edges.
//!
//! | event | edge in OpenMetadata |
//! |---|---|
//! | table, file → table, file | table or data model → data model |
//! | table, file → chart | table or data model → **dashboard**, `toColumn` = the chart |
//! | chart → its dashboard | none: `charts` of the dashboard says so |
//!
//! A chart cannot carry columns (every entry would be dropped), its edges failed on 1.9 and the web
//! pages do not show them, so there are no edges to charts themselves.
//!
//! All edges that lead to one entity are read with one request and written only where they differ.

pub(super) mod edge;
pub(super) mod ends;
pub(super) mod write;

use std::{
    collections::{BTreeMap, HashSet},
    sync::Mutex,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemas::{Event, event::Lineage, event::Node, key};

use self::{
    edge::Contribution,
    ends::{Columns, End, EndRef},
    write::Side,
};
use super::{
    client::Failure,
    columns::Children,
    core::{Core, lock},
    counters::Counters,
    map::Kind,
    state::name_number,
    tables::Resolution,
};
use crate::sink::{Change, Fatal, Item, Outcome};

/// Locks of entities whose edges are being read and written, by a few bits of their id: two calls must
/// not undo each other's writes.
#[derive(Debug)]
pub(super) struct EdgeLocks([tokio::sync::Mutex<()>; 64]);

impl Default for EdgeLocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl EdgeLocks {
    async fn of(&self, id: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let index = usize::try_from(name_number(id) & 63).unwrap_or_default();
        match self.0.get(index) {
            Some(mutex) => Some(mutex.lock().await),
            None => None,
        }
    }
}

/// Edges that waited for a column once.
#[derive(Debug, Default)]
pub(super) struct Waited(Mutex<HashSet<u128>>);

/// Most edges remembered as having waited; beyond that no edge waits.
const MAX_WAITED: usize = 100_000;

impl Waited {
    /// Whether an edge should wait: once, the first time.
    fn should_wait(&self, key: &str) -> bool {
        let mut waited = lock(&self.0);
        let key = name_number(key);
        !waited.remove(&key) && waited.len() < MAX_WAITED && waited.insert(key)
    }
}

/// An event ready to be written.
#[derive(Debug)]
struct Ready {
    index: usize,
    from: End,
    to: End,
    contribution: Contribution,
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
    // Collected first: a closure over borrowed items that lives across an await is not `Send` enough.
    let making: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| async move {
            match make_ready(core, index, item).await {
                Ok(todo) => Ok(todo),
                Err(failure) => core.outcome("read the ends of an edge", failure).map(Todo::Done),
            }
        })
        .collect();
    let todos: Vec<Todo> =
        stream::iter(making).buffered(super::entities::in_flight(core)).try_collect().await?;

    let mut outcomes: Vec<Option<Outcome>> = items.iter().map(|_| None).collect();
    let mut by_target: BTreeMap<String, Vec<Ready>> = BTreeMap::new();
    for (place, todo) in outcomes.iter_mut().zip(todos) {
        match todo {
            Todo::Done(outcome) => *place = Some(outcome),
            Todo::Ready(ready) => by_target.entry(ready.to.id.clone()).or_default().push(*ready),
        }
    }
    let written: Vec<Vec<(usize, Outcome)>> = stream::iter(by_target.into_values())
        .map(|group| write_group(core, group))
        .buffer_unordered(super::entities::in_flight(core))
        .try_collect()
        .await?;
    for (index, outcome) in written.into_iter().flatten() {
        if let Some(place) = outcomes.get_mut(index) {
            *place = Some(outcome);
        }
    }
    let lost = || Outcome::Waiting { reason: "the edge was not written".to_owned() };
    Ok(outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect())
}

/// Finds the ends of an edge and translates its columns.
async fn make_ready(core: &Core, index: usize, item: &Item) -> Result<Todo, Failure> {
    let done = |outcome| Ok(Todo::Done(outcome));
    let Change::Upsert(event) = &item.change else {
        return done(Outcome::Rejected { reason: "not an edge to write".to_owned() });
    };
    let event: &Lineage = match &**event {
        Event::Lineage(event) if event.service == core.naming.service => event,
        _ => {
            let reason =
                format!("`{}` is not an edge of service `{}`", item.key, core.naming.service);
            return done(Outcome::Rejected { reason });
        }
    };
    if ends::is_membership(event) {
        return done(Outcome::Unchanged);
    }
    if let Node::Chart(_) = event.from {
        let reason = "an edge that starts at a chart leads to its dashboard only".to_owned();
        return done(Outcome::Rejected { reason });
    }
    let to = EndRef::of(&event.to, &core.naming);
    let to_end = match find(core, &to).await? {
        Found::End(end) => end,
        Found::Missing(reason) => return done(Outcome::Waiting { reason }),
        Found::Unresolved(reason) => return done(Outcome::Unresolved { reason }),
    };
    let from = EndRef::of(&event.from, &core.naming);
    let from_end = match find(core, &from).await? {
        Found::End(end) => end,
        Found::Missing(reason) => return done(Outcome::Waiting { reason }),
        Found::Unresolved(reason) => return done(Outcome::Unresolved { reason }),
    };
    let mut entries = Vec::new();
    if write::may_carry_columns(core, &from_end, &to_end) {
        let found = ends::entries(&event.columns, &from_end.columns, &to_end.columns);
        if found.may_come && core.load.wait_for_columns && core.waited.should_wait(&item.key) {
            let reason = format!(
                "{} columns of the edge are not in OpenMetadata yet; without them if they do not come",
                found.dropped
            );
            return done(Outcome::Waiting { reason });
        }
        Counters::add(&core.client.counters.columns_dropped, found.dropped);
        entries = found.entries;
    }
    let chart = match &to {
        EndRef::Ours { chart, .. } => chart.clone(),
        EndRef::Table(_) => None,
    };
    let contribution = Contribution {
        id: contribution_id(core, item, event),
        sql: if chart.is_some() { None } else { super::map::text::own(event.statement.as_deref()) },
        chart,
        entries,
    };
    Ok(Todo::Ready(Box::new(Ready {
        index,
        from: from_end,
        to: to_end,
        contribution,
        refs: [from, to],
    })))
}

/// The last two parts of an edge's key.
fn contribution_id(core: &Core, item: &Item, event: &Lineage) -> String {
    match key::parse(&core.naming.service, &item.key) {
        Some(parts) if !parts.rest.is_empty() => format!("{}/{}", parts.app_id, parts.rest),
        _ => format!("{}/{}", event.app_id, event.edge_hash()),
    }
}

/// What was found at an end.
enum Found {
    /// The entity.
    End(End),
    /// One of ours that is not there yet.
    Missing(String),
    /// A table that is not in the catalogue.
    Unresolved(String),
}

/// Finds an end with its columns.
async fn find(core: &Core, end: &EndRef) -> Result<Found, Failure> {
    match end {
        EndRef::Table(node) => Ok(match core.tables.resolve(core, node).await? {
            Resolution::Found(table) => Found::End(End {
                entity_type: "table",
                id: table.id.clone(),
                columns: Columns::Table(table),
            }),
            Resolution::NotFound(reason) => Found::Unresolved(reason),
        }),
        EndRef::Ours { kind, name, chart } => {
            let fqn = core.naming.fqn(*kind, name);
            let missing = || Found::Missing(format!("`{fqn}` is not in OpenMetadata yet"));
            let Some((id, children)) = read_children(core, *kind, name, chart.as_deref()).await?
            else {
                return Ok(missing());
            };
            let columns = match (kind, chart) {
                (Kind::DataModel, _) => Columns::Model(fqn, children),
                (_, Some(chart)) if children.contains(chart) => Columns::Chart(chart.clone()),
                (_, Some(chart)) => {
                    let reason = format!("`{chart}` is not on dashboard `{fqn}` yet");
                    return Ok(Found::Missing(reason));
                }
                (_, None) => Columns::None,
            };
            let end = End { entity_type: kind.entity_type(), id, columns };
            Ok(Found::End(end))
        }
    }
}

/// Id and columns of a data model, or id and charts of a dashboard; read anew when the chart that is
/// wanted is not among those remembered.
async fn read_children(
    core: &Core,
    kind: Kind,
    name: &str,
    chart: Option<&str>,
) -> Result<Option<(String, Children)>, Failure> {
    if let Some(children) = core.columns.get(kind, name)
        && chart.is_none_or(|chart| children.contains(chart))
        && let Some(id) = core.find(kind, name).await?.and_then(|known| known.id())
    {
        return Ok(Some((id, children)));
    }
    let (fields, member, part) = match kind {
        Kind::Dashboard => ("charts", "charts", "fullyQualifiedName"),
        Kind::DataModel | Kind::Chart => ("columns", "columns", "name"),
    };
    let Some((entity, _)) = core.read(kind, name, fields).await? else { return Ok(None) };
    let text = |value: &serde_json::Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let deleted = entity.get("deleted").and_then(serde_json::Value::as_bool) == Some(true);
    let (Some(id), false) = (text(&entity, "id"), deleted) else { return Ok(None) };
    let items = entity.get(member).and_then(serde_json::Value::as_array);
    let children = items.into_iter().flatten().filter_map(|item| text(item, part)).collect();
    Ok(Some((id, core.columns.set(kind, name, children))))
}

/// Writes the edges that lead to one entity.
async fn write_group(core: &Core, group: Vec<Ready>) -> Result<Vec<(usize, Outcome)>, Fatal> {
    let Some(first) = group.first() else { return Ok(Vec::new()) };
    let to = first.to.clone();
    let _guard = core.edge_locks.of(&to.id).await;
    let mut by_source: BTreeMap<String, Vec<Ready>> = BTreeMap::new();
    for ready in group {
        by_source.entry(ready.from.id.clone()).or_default().push(ready);
    }
    let upstream = match write::upstream(core, to.entity_type, &to.id).await {
        Ok(upstream) => upstream,
        Err(failure) => {
            let outcome = core.outcome("read the edges of an entity", failure)?;
            let all = by_source.into_values().flatten();
            return Ok(all.map(|ready| (ready.index, outcome.clone())).collect());
        }
    };
    let mut outcomes = Vec::new();
    for (source, readies) in by_source {
        let Some(first) = readies.first() else { continue };
        let side = Side { from: &first.from, to: &to, stored: upstream.get(&source) };
        let added: Vec<_> = readies.iter().map(|ready| ready.contribution.clone()).collect();
        let outcome = match write::write(core, &side, &added, &[]).await {
            Ok(outcome) => outcome,
            Err(failure) => {
                if matches!(failure, Failure::Missing(_) | Failure::Refused(_)) {
                    // One of the ends is not what it was thought to be.
                    readies.iter().flat_map(|ready| &ready.refs).for_each(|end| doubt(core, end));
                }
                core.outcome("write an edge", failure)?
            }
        };
        outcomes.extend(readies.iter().map(|ready| (ready.index, outcome.clone())));
    }
    Ok(outcomes)
}

/// Forgets what was known of an end.
fn doubt(core: &Core, end: &EndRef) {
    match end {
        EndRef::Ours { kind, name, .. } => {
            core.columns.forget(*kind, name);
            core.directory.doubt(*kind, name);
        }
        EndRef::Table(node) => core.tables.doubt(node),
    }
}
