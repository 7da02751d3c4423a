//! The edges of a batch that lead to one entity.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Mutex,
};

use tokio::sync::Semaphore;

use super::{
    super::{
        client::Failure,
        core::{Core, lock},
        counters::Counters,
        map::text,
    },
    Edge, contribution_id,
    edge::Contribution,
    ends::{self, Columns, End, EndRef},
    find::{self, Found},
    said,
    write::{self, Side},
};
use crate::sink::{Fatal, Outcome};

/// Writing the edges of a batch.
pub(super) struct Round {
    /// Entities of ours that were looked for and are not there.
    absent: Mutex<HashSet<EndRef>>,
    /// How many edges may be made ready at a time.
    ready: Semaphore,
    /// Whether they have been written before.
    is_again: bool,
}

impl Round {
    pub(super) fn new(core: &Core) -> Self {
        Self { absent: Mutex::default(), ready: Semaphore::new(core.at_a_time()), is_again: false }
    }

    /// Of edges that were written a moment ago.
    pub(super) fn again(core: &Core) -> Self {
        Self { is_again: true, ..Self::new(core) }
    }
}

/// What became of an event, by its index.
type Outcomes = Vec<(usize, Outcome)>;

/// Writes the edges that lead to one entity.
pub(super) async fn write(
    core: &Core,
    round: &Round,
    to: &EndRef,
    edges: &[Edge<'_>],
) -> Result<Outcomes, Fatal> {
    let to_end = match entity(core, round, to).await? {
        Ok(end) => end,
        Err(outcome) => return Ok(all(edges, &outcome)),
    };
    let mut outcomes = Vec::with_capacity(edges.len());
    let mut by_source: BTreeMap<String, (End, Vec<Edge<'_>>)> = BTreeMap::new();
    for (from, edges) in by_ref(core, edges) {
        match entity(core, round, &from).await? {
            Ok(end) if end.id == to_end.id => outcomes.extend(all(&edges, &Outcome::Unchanged)),
            Ok(end) => {
                let id = end.id.clone();
                by_source.entry(id).or_insert_with(|| (end, Vec::new())).1.extend(edges);
            }
            Err(outcome) => outcomes.extend(all(&edges, &outcome)),
        }
    }
    if by_source.is_empty() {
        return Ok(outcomes);
    }
    let _guard = core.edge_locks.of(&to_end.id).await;
    let upstream = match write::upstream(core, to_end.entity_type, &to_end.id).await {
        Ok(upstream) => upstream,
        // What would be there by now has no edges.
        Err(Failure::Missing(_)) if core.only_looks() => HashMap::new(),
        Err(failure) => {
            for (_, edges) in by_source.values() {
                outcomes.extend(all(edges, &failed(core, edges, failure.clone())?));
            }
            return Ok(outcomes);
        }
    };
    let writes = by_source.values().map(|(from, edges)| {
        let side = Side { from, to: &to_end, stored: upstream.get(&from.id) };
        async move { Box::pin(write_edge(core, round, side, edges)).await }
    });
    let writes = writes.collect();
    outcomes.extend(core.concurrently(writes).await?.into_iter().flatten());
    Ok(outcomes)
}

/// Finds an entity, or says what becomes of edges without it.
async fn entity(core: &Core, round: &Round, end: &EndRef) -> Result<Result<End, Outcome>, Fatal> {
    let waiting = |reason| Outcome::Waiting { reason };
    if lock(&round.absent).contains(end) {
        return Ok(Err(waiting(find::not_there(core, end))));
    }
    match find::entity(core, end).await {
        Ok(Found::End(end)) => Ok(Ok(end)),
        Ok(Found::Missing) => {
            lock(&round.absent).insert(end.clone());
            Ok(Err(waiting(find::not_there(core, end))))
        }
        Ok(Found::Unresolved(reason)) => Ok(Err(Outcome::Unresolved { reason })),
        Err(failure) => core.outcome("read the ends of an edge", failure).map(Err),
    }
}

/// Edges by where they start.
fn by_ref<'a>(core: &Core, edges: &[Edge<'a>]) -> BTreeMap<EndRef, Vec<Edge<'a>>> {
    let mut by_ref: BTreeMap<EndRef, Vec<Edge<'a>>> = BTreeMap::new();
    for edge in edges {
        let from = EndRef::of(&edge.event.from, &core.naming).entity();
        by_ref.entry(from).or_default().push(*edge);
    }
    by_ref
}

fn all(edges: &[Edge<'_>], outcome: &Outcome) -> Outcomes {
    edges.iter().map(|edge| (edge.index, outcome.clone())).collect()
}

/// Brings one edge to what the events say of it.
async fn write_edge(
    core: &Core,
    round: &Round,
    side: Side<'_>,
    edges: &[Edge<'_>],
) -> Result<Outcomes, Fatal> {
    // Closed by nobody.
    let _permit = round.ready.acquire().await.ok();
    if let Some(outcome) = said::already(core, &side, edges) {
        return Ok(all(edges, &outcome));
    }
    let (mut outcomes, mut added, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    for edge in edges {
        let contribution = contribution(core, round, &side, edge).await;
        match contribution {
            Ok(Ok(contribution)) => {
                added.push(contribution);
                ready.push(*edge);
            }
            Ok(Err(outcome)) => outcomes.push((edge.index, outcome)),
            Err(failure) => {
                let outcome = core.outcome("read the columns of an edge's ends", failure)?;
                outcomes.push((edge.index, outcome));
            }
        }
    }
    if added.is_empty() {
        return Ok(outcomes);
    }
    let outcome = match write::write(core, &side, &added, &[]).await {
        Ok(outcome) => outcome,
        Err(failure) => failed(core, &ready, failure)?,
    };
    outcomes.extend(all(&ready, &outcome));
    Ok(outcomes)
}

/// What an event contributes, or what becomes of it when it cannot yet.
async fn contribution(
    core: &Core,
    round: &Round,
    side: &Side<'_>,
    edge: &Edge<'_>,
) -> Result<Result<Contribution, Outcome>, Failure> {
    let [from, to] = [&edge.event.from, &edge.event.to].map(|end| EndRef::of(end, &core.naming));
    let to_columns = match find::columns(core, &to).await? {
        Ok(columns) => columns,
        Err(reason) => return Ok(Err(Outcome::Waiting { reason })),
    };
    let mut found = ends::Entries::default();
    if write::may_carry_columns(core, side.from, side.to) && !edge.event.columns.is_empty() {
        let from_columns = match to_columns {
            Columns::None => Columns::None,
            _ => match find::columns(core, &from).await? {
                Ok(columns) => columns,
                Err(reason) => return Ok(Err(Outcome::Waiting { reason })),
            },
        };
        found = ends::entries(&edge.event.columns, &from_columns, &to_columns);
        if !round.is_again {
            let should_wait = core.load.wait_for_columns && found.may_come;
            if should_wait && core.waited.should_wait(edge.key) {
                let reason = format!(
                    "{} columns of the edge are not in OpenMetadata yet; it is written without them if \
                     they do not come",
                    found.dropped
                );
                return Ok(Err(Outcome::Waiting { reason }));
            }
            Counters::add(&core.client.counters.columns_dropped, found.dropped);
        }
    }
    Ok(Ok(contribution_of(core, edge, to.chart(), found.entries)))
}

/// A contribution with these entries.
pub(super) fn contribution_of(
    core: &Core,
    edge: &Edge<'_>,
    chart: Option<&str>,
    entries: Vec<super::edge::Entry>,
) -> Contribution {
    let statement = edge.event.statement.as_deref().filter(|_| chart.is_none());
    Contribution {
        id: contribution_id(core, edge),
        sql: text::own(statement),
        chart: chart.map(str::to_owned),
        entries,
    }
}

/// The outcome of edges that could not be written.
fn failed(core: &Core, edges: &[Edge<'_>], failure: Failure) -> Result<Outcome, Fatal> {
    if matches!(failure, Failure::Missing(_) | Failure::Refused(_)) {
        // One of the ends is not what it was thought to be.
        for end in edges.iter().flat_map(|edge| [&edge.event.from, &edge.event.to]) {
            find::doubt(core, &EndRef::of(end, &core.naming));
        }
    }
    core.outcome("write an edge", failure)
}
