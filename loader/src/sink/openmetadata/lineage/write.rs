//! Reading and writing edges.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{
    super::{
        client::{Call, Failure, Wanted},
        core::Core,
        fqn,
    },
    edge::{self, Contribution, Details, Fate, Us},
    ends::End,
};
use crate::sink::{Outcome, Planned, PlannedChange};

/// One edge.
#[derive(Debug)]
pub(super) struct Side<'a> {
    pub(super) from: &'a End,
    pub(super) to: &'a End,
    pub(super) stored: Option<&'a Details>,
}

/// Tries of an edge that the server answers with 500: without its search engine it stores the edge and
/// fails all the same (seen).
const SERVER_ERROR_TRIES: u32 = 2;

/// What is read of lineage where only edges matter and not what is around.
const EDGES: Wanted = &[
    "upstreamEdges",
    "downstreamEdges",
    "fromEntity",
    "toEntity",
    "id",
    "lineageDetails",
    "columnsLineage",
    "fromColumns",
    "toColumn",
    "function",
    "description",
    "sqlQuery",
    "source",
    "createdBy",
    "updatedBy",
    "pipeline",
];

/// The edges that lead to an entity, by the id of where they start.
pub(super) async fn upstream(
    core: &Core,
    entity_type: &str,
    id: &str,
) -> Result<HashMap<String, Details>, Failure> {
    let answer = ask(core, entity_type, id, (1, 0), Some(EDGES)).await?;
    Ok(upstream_of(core, &answer, entity_type, id))
}

/// The edges in an answer that lead to an entity, by the id of where they start.
pub(super) fn upstream_of(
    core: &Core,
    answer: &Value,
    entity_type: &str,
    id: &str,
) -> HashMap<String, Details> {
    let upstream: HashMap<String, Details> = edges(answer, "upstreamEdges")
        .filter(|(_, to, _)| to == id)
        .map(|(from, _, details)| (from, details))
        .collect();
    // Where edges to dashboards have columns, those between data models may have them.
    if entity_type == "dashboard" && upstream.values().any(|details| !details.entries.is_empty()) {
        core.set_model_columns(true);
    }
    upstream
}

/// The lineage around an entity, one step up and one step down.
pub(super) async fn read(
    core: &Core,
    entity_type: &str,
    id: &str,
    depths: (u8, u8),
) -> Result<Value, Failure> {
    ask(core, entity_type, id, depths, None).await
}

async fn ask(
    core: &Core,
    entity_type: &str,
    id: &str,
    (up, down): (u8, u8),
    wanted: Option<Wanted>,
) -> Result<Value, Failure> {
    let path = fqn::path(&["lineage", entity_type, id]);
    let query = vec![("upstreamDepth", up.to_string()), ("downstreamDepth", down.to_string())];
    let call = Call { wanted, ..Call::get(path, query) };
    match core.client.found(&call).await? {
        Some(answer) => Ok(answer.body),
        None => Err(Failure::Missing(format!("{entity_type} `{id}` has no lineage"))),
    }
}

/// Edges in an answer: from, to, details.
pub(super) fn edges<'a>(
    answer: &'a Value,
    member: &str,
) -> impl Iterator<Item = (String, String, Details)> + 'a {
    let items = answer.get(member).and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|edge| {
        let details = edge.get("lineageDetails").unwrap_or(&Value::Null);
        Some((end_id(edge, "fromEntity")?, end_id(edge, "toEntity")?, Details::of(details)))
    })
}

/// Id of an end: a text, or a reference.
fn end_id(edge: &Value, member: &str) -> Option<String> {
    let end = edge.get(member)?;
    end.as_str().or_else(|| end.get("id")?.as_str()).map(str::to_owned)
}

/// Whether the server takes columns on an edge between such ends.
pub(super) fn may_carry_columns(core: &Core, from: &End, to: &End) -> bool {
    takes_columns_always(from, to) || core.model_columns() != Some(false)
}

/// Whether that is not known yet.
pub(super) fn is_in_doubt(core: &Core, from: &End, to: &End) -> bool {
    core.model_columns().is_none() && !takes_columns_always(from, to)
}

/// 1.2 takes columns from tables to tables and data models only (seen).
fn takes_columns_always(from: &End, to: &End) -> bool {
    from.entity_type == "table" && to.entity_type != "dashboard"
}

/// Whose edges are ours; `users` are [`Core::users`].
pub(super) fn us<'a>(core: &'a Core, users: &'a [String]) -> Us<'a> {
    Us { features: &core.naming.features, users, overrides: core.load.override_lineage }
}

/// Brings one edge to what the events say.
pub(super) async fn write(
    core: &Core,
    side: &Side<'_>,
    added: &[Contribution],
    removed: &[Contribution],
) -> Result<Outcome, Failure> {
    let users = core.users();
    let us = us(core, &users);
    let leads_to_dashboard = side.to.entity_type == "dashboard";
    let in_doubt = is_in_doubt(core, side.from, side.to);
    let fate = edge::merge(side.stored, added, removed, leads_to_dashboard, us);
    let details = match fate {
        Fate::Stays => return Ok(Outcome::Unchanged),
        Fate::Foreign => {
            core.kept_edge();
            return Ok(Outcome::Unchanged);
        }
        Fate::Remove => {
            if core.only_looks() {
                plan(core, side, PlannedChange::Delete, &Details::default());
                return Ok(Outcome::Deleted);
            }
            remove(core, side).await?;
            return Ok(Outcome::Deleted);
        }
        Fate::Write(details) => *details,
    };
    if core.only_looks() {
        let is_new = side.stored.is_none();
        let change = if is_new { PlannedChange::Create } else { PlannedChange::Update };
        plan(core, side, change, &details);
        return Ok(if is_new { Outcome::Created } else { Outcome::Updated });
    }
    match put(core, side, &details).await {
        Ok(()) => {
            if in_doubt && !details.entries.is_empty() {
                core.set_model_columns(true);
            }
        }
        Err(Failure::Refused(message))
            if refuses_columns(&message) && !details.entries.is_empty() =>
        {
            core.set_model_columns(false);
            let bare = without_columns(added);
            return Box::pin(write(core, side, &bare, removed)).await;
        }
        Err(Failure::Refused(message)) if denies_a_column(&message) => {
            return Err(Failure::Missing(message));
        }
        Err(Failure::Refused(message)) if message.starts_with("500") => {
            let stored = upstream(core, side.to.entity_type, &side.to.id).await?;
            let is_stored = stored.get(&side.from.id).is_some_and(|stored| {
                edge::merge(Some(stored), added, removed, leads_to_dashboard, us) == Fate::Stays
            });
            if !is_stored {
                return Err(Failure::Refused(message));
            }
            tracing::debug!(%message, "an edge was stored though the server failed");
        }
        Err(failure) => return Err(failure),
    }
    Ok(if side.stored.is_some() { Outcome::Updated } else { Outcome::Created })
}

/// Tells what would be written.
fn plan(core: &Core, side: &Side<'_>, change: PlannedChange, details: &Details) {
    let nothing = Details::default();
    core.plan(&Planned {
        kind: "lineage",
        name: format!("{} -> {}", side.from.fqn, side.to.fqn),
        change,
        fields: details.changes(side.stored.unwrap_or(&nothing)),
    });
}

fn without_columns(contributions: &[Contribution]) -> Vec<Contribution> {
    let bare =
        |contribution: &Contribution| Contribution { entries: Vec::new(), ..contribution.clone() };
    contributions.iter().map(bare).collect()
}

/// `Invalid fully qualified column name …` (1.2, seen), of a column that was there a moment ago.
fn denies_a_column(message: &str) -> bool {
    message.contains("Invalid fully qualified column name")
}

/// `Column level lineage is only allowed between two tables or from table to dashboard.` (1.2, seen)
fn refuses_columns(message: &str) -> bool {
    message.contains("Column level lineage is only allowed")
}

async fn put(core: &Core, side: &Side<'_>, details: &Details) -> Result<(), Failure> {
    let reference = |end: &End| json!({"id": end.id, "type": end.entity_type});
    let body = json!({
        "edge": {
            "fromEntity": reference(side.from),
            "toEntity": reference(side.to),
            "lineageDetails": details.body(&core.naming.features),
        },
    });
    let call = Call {
        server_error_tries: Some(SERVER_ERROR_TRIES),
        ..Call::put("/lineage".to_owned(), &body)
    };
    core.client.send(&call).await.map(|_| ())
}

async fn remove(core: &Core, side: &Side<'_>) -> Result<(), Failure> {
    let path = fqn::path(&[
        "lineage",
        side.from.entity_type,
        &side.from.id,
        side.to.entity_type,
        &side.to.id,
    ]);
    match core.client.send(&Call::delete(path, Vec::new())).await {
        Ok(_) | Err(Failure::Missing(_)) => Ok(()),
        Err(failure) => Err(failure),
    }
}
