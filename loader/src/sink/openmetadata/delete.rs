//! Deletes: of entities by the name that their key gives, of edges by both ends.
//!
//! Nothing outside the service is ever named by a request, and edges of others stay.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemas::{event::Node, hash, key};
use serde_json::{Value, json};

use super::{
    client::{Call, Failure},
    core::Core,
    entities::in_flight,
    fqn,
    lineage::{
        edge::Contribution,
        ends::{Columns, End, EndRef},
        write::{self, Side},
    },
    map::Kind,
    state::Lookup,
    tables::Resolution,
};
use crate::sink::{Change, Fatal, Item, Outcome};

/// Deletes the entities of the items; one outcome for each item, in order.
pub(super) async fn entities(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    // Collected first: a closure over borrowed items that lives across an await is not `Send` enough.
    let deleting: Vec<_> = items
        .iter()
        .map(|item| async move {
            let Some((kind, name)) = core.naming.of_key(item.topic, &item.key) else {
                return Ok(foreign(core, item));
            };
            match entity(core, kind, &name).await {
                Ok(()) => Ok(Outcome::Deleted),
                Err(Failure::Missing(_)) => Ok(Outcome::Deleted),
                Err(failure) => core.outcome(&format!("delete `{}`", item.key), failure),
            }
        })
        .collect();
    stream::iter(deleting).buffered(in_flight(core)).try_collect().await
}

/// Deletes one entity, softly unless told otherwise; one that is not there or deleted costs no write.
pub(super) async fn entity(core: &Core, kind: Kind, name: &str) -> Result<(), Failure> {
    let hard = core.load.hard_delete;
    match core.directory.lookup(kind, name) {
        Lookup::Absent => return Ok(()),
        Lookup::Known(known) if known.deleted && !hard => return Ok(()),
        Lookup::Known(_) | Lookup::Unasked => {}
    }
    if kind == Kind::Dashboard {
        // A server from about 1.8 on deletes the charts that are on no other dashboard as well (seen
        // on 1.12.6): what is known of them does not hold any more.
        let Some((dashboard, _)) = core.read(kind, name, "charts").await? else { return Ok(()) };
        if !hard && dashboard.get("deleted").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        let charts = dashboard.get("charts").and_then(Value::as_array);
        for chart in charts.into_iter().flatten().filter_map(|c| c.get("name")?.as_str()) {
            core.directory.doubt(Kind::Chart, chart);
        }
        core.set_relink(name, false);
    }
    let fqn = core.naming.fqn(kind, name);
    let path = format!("{}{}", kind.path(), fqn::path(&["name", &fqn]));
    let query = vec![("hardDelete", hard.to_string()), ("recursive", "false".to_owned())];
    core.columns.forget(kind, name);
    let result = core.client.send(&Call::delete(path, query)).await;
    match (hard, &result) {
        (true, _) | (_, Err(Failure::Missing(_))) => core.directory.remove(kind, name),
        _ => core.directory.doubt(kind, name),
    }
    if let (false, Ok(_), Lookup::Known(mut known)) =
        (hard, &result, core.directory.lookup(kind, name))
    {
        known.deleted = true;
        core.directory.set(kind, name, known);
    }
    result.map(|_| ())
}

/// Deletes the edges of the items; one outcome for each item, in order.
pub(super) async fn edges(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    let mut outcomes = Vec::with_capacity(items.len());
    // One after another: several of them may be parts of one stored edge.
    for item in items {
        let Some(parts) = key::parse(&core.naming.service, &item.key) else {
            outcomes.push(foreign(core, item));
            continue;
        };
        let header = match &item.change {
            Change::Delete { edge } => edge.clone(),
            Change::Upsert(_) => None,
        };
        let gone = match header {
            Some((from, to)) => by_ends(core, &parts, &from, &to).await,
            None => by_hash(core, &parts).await,
        };
        outcomes.push(match gone {
            Ok(()) | Err(Failure::Missing(_)) => Outcome::Deleted,
            Err(failure) => core.outcome(&format!("delete edge `{}`", item.key), failure)?,
        });
    }
    Ok(outcomes)
}

fn foreign(core: &Core, item: &Item) -> Outcome {
    let reason = format!("`{}` is not a key of service `{}`", item.key, core.naming.service);
    Outcome::Rejected { reason }
}

/// What an event contributed to an edge, to be taken away.
fn contribution(parts: &key::Parts<'_>, chart: Option<String>) -> Contribution {
    Contribution {
        id: format!("{}/{}", parts.app_id, parts.rest),
        chart,
        ..Contribution::default()
    }
}

/// Deletes an edge whose ends the tombstone names.
async fn by_ends(
    core: &Core,
    parts: &key::Parts<'_>,
    from: &Node,
    to: &Node,
) -> Result<(), Failure> {
    let (from, to) = (EndRef::of(from, &core.naming), EndRef::of(to, &core.naming));
    let EndRef::Ours { kind, name, chart } = &to else { return Ok(()) };
    // Deleted entities keep their edges, so they are looked for as well.
    let Some(target) = id_of(core, *kind, name).await? else { return Ok(()) };
    let target = End { entity_type: kind.entity_type(), id: target, columns: Columns::None };
    let contribution = contribution(parts, chart.clone());
    let source = match &from {
        EndRef::Ours { kind, name, .. } => {
            id_of(core, *kind, name).await?.map(|id| (kind.entity_type(), id))
        }
        EndRef::Table(node) => match core.tables.resolve(core, node).await? {
            Resolution::Found(table) => Some(("table", table.id.clone())),
            Resolution::NotFound(_) => None,
        },
    };
    if let Some((entity_type, id)) = source {
        let from = End { entity_type, id, columns: Columns::None };
        take_away(core, &from, &target, &contribution).await?;
    }
    // A table may be another one now, or none; the edge itself still says whose it is.
    if let EndRef::Table(_) = from {
        noted_at(core, &target, &contribution).await?;
    }
    Ok(())
}

async fn id_of(core: &Core, kind: Kind, name: &str) -> Result<Option<String>, Failure> {
    if let Lookup::Known(known) = core.directory.lookup(kind, name)
        && let Some(id) = known.id()
    {
        return Ok(Some(id));
    }
    let found = core.read(kind, name, "").await?;
    Ok(found.and_then(|(entity, _)| Some(entity.get("id")?.as_str()?.to_owned())))
}

/// Takes a contribution away from an edge.
async fn take_away(
    core: &Core,
    from: &End,
    to: &End,
    contribution: &Contribution,
) -> Result<(), Failure> {
    let upstream = write::upstream(core, to.entity_type, &to.id).await?;
    let Some(stored) = upstream.get(&from.id) else { return Ok(()) };
    let side = Side { from, to, stored: Some(stored) };
    write::write(core, &side, &[], std::slice::from_ref(contribution)).await.map(|_| ())
}

/// Takes a contribution away from whichever edge around an entity notes it.
async fn noted_at(core: &Core, entity: &End, contribution: &Contribution) -> Result<bool, Failure> {
    let around = write::read(core, entity.entity_type, &entity.id, (1, 1)).await?;
    let mut found = false;
    for member in ["upstreamEdges", "downstreamEdges"] {
        for (from, to, stored) in write::edges(&around, member) {
            if !stored.contributions.contains(&contribution.id) {
                continue;
            }
            let end = |id: String| {
                let entity_type = type_of(&around, &id)?;
                Some(End { entity_type, id, columns: Columns::None })
            };
            let (Some(from), Some(to)) = (end(from), end(to)) else { continue };
            let side = Side { from: &from, to: &to, stored: Some(&stored) };
            write::write(core, &side, &[], std::slice::from_ref(contribution)).await?;
            found = true;
        }
    }
    Ok(found)
}

/// Type of an entity that an answer about lineage mentions.
fn type_of(around: &Value, id: &str) -> Option<&'static str> {
    let nodes = around.get("nodes").and_then(Value::as_array);
    let mentioned = nodes.into_iter().flatten().chain(around.get("entity"));
    let is_it = |node: &&Value| node.get("id").and_then(Value::as_str) == Some(id);
    let entity_type = mentioned.into_iter().find(is_it)?.get("type")?.as_str()?;
    ["table", "dashboard", "dashboardDataModel"].into_iter().find(|known| *known == entity_type)
}

/// Deletes an edge of which only the hash of its ends is known: it is looked for around the app's
/// dashboard and data models.
async fn by_hash(core: &Core, parts: &key::Parts<'_>) -> Result<(), Failure> {
    let dashboard = core.naming.dashboard(parts.app_id);
    let Some((entity, _)) = core.read(Kind::Dashboard, &dashboard, "dataModels,charts").await?
    else {
        return Ok(());
    };
    let plain = contribution(parts, None);
    let references = |member: &str| {
        let items = entity.get(member).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let Some(id) = text(&entity, "id") else { return Ok(()) };
    let target = End { entity_type: Kind::Dashboard.entity_type(), id, columns: Columns::None };
    if noted_at(core, &target, &plain).await? {
        return Ok(());
    }
    let models = references("dataModels");
    for model in &models {
        let Some(id) = text(model, "id") else { continue };
        let end = End { entity_type: Kind::DataModel.entity_type(), id, columns: Columns::None };
        if noted_at(core, &end, &plain).await? {
            return Ok(());
        }
    }
    // What a chart reads is not noted; the hash of each pair of table and chart tells.
    for model in &models {
        let (Some(id), Some(table)) = (text(model, "id"), table_of(core, model, parts.app_id))
        else {
            continue;
        };
        for chart in references("charts") {
            let Some(name) = text(&chart, "name") else { continue };
            let prefix = format!("{}_", parts.app_id);
            let Some(object_id) = name.strip_prefix(&prefix) else { continue };
            let ends = json!({
                "from": Node::data_model(parts.app_id, &table),
                "to": Node::chart(parts.app_id, object_id),
            });
            if hash::of_json(&ends) == parts.rest {
                let chart = Some(core.naming.fqn(Kind::Chart, &name));
                let from =
                    End { entity_type: Kind::DataModel.entity_type(), id, columns: Columns::None };
                return take_away(core, &from, &target, &contribution(parts, chart)).await;
            }
        }
    }
    Ok(())
}

/// The Qlik table that a data model stands for.
fn table_of(core: &Core, model: &Value, app_id: &str) -> Option<String> {
    let name = model.get("name")?.as_str()?;
    let plain = name.strip_prefix(&format!("{app_id}_")).map(str::to_owned);
    let shown = model.get("displayName").and_then(Value::as_str).map(str::to_owned);
    // A name that had to be changed is told by the display name.
    [plain, shown].into_iter().flatten().find(|table| core.naming.table(app_id, table) == name)
}
