//! Deletes of edges: an event takes its contribution away, and the edge goes with the last one.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{
    event::Node,
    hash,
    key::{self, Parts},
};
use serde_json::{Value, json};

use super::{
    super::{client::Failure, core::Core, map::Kind, state::Lookup, tables::Resolution},
    edge::Contribution,
    ends::{End, EndRef},
    write::{self, Side},
};
use crate::sink::{Change, Fatal, Item, Outcome};

/// A contribution to be taken away from an edge that leads to an entity of ours.
#[derive(Debug)]
struct Gone {
    index: usize,
    source: EndRef,
    contribution: Contribution,
}

/// Deletes the edges of the items; one outcome for each item, in order.
pub(in super::super) async fn delete(core: &Core, items: &[&Item]) -> Result<Vec<Outcome>, Fatal> {
    let mut outcomes = vec![Outcome::Deleted; items.len()];
    let mut by_target: BTreeMap<(Kind, String), Vec<Gone>> = BTreeMap::new();
    for ((index, item), place) in items.iter().enumerate().zip(&mut outcomes) {
        let Some(parts) = key::parse(&core.naming.service, &item.key) else {
            *place = super::super::delete::foreign(core, item);
            continue;
        };
        let Change::Delete { edge: Some((from, to)) } = &item.change else {
            match by_hash(core, &parts).await {
                Ok(()) | Err(Failure::Missing(_)) => {}
                Err(failure) => *place = core.outcome("delete an edge", failure)?,
            }
            continue;
        };
        // Edges lead to our own entities only.
        if let EndRef::Ours { kind, name, chart } = EndRef::of(to, &core.naming) {
            let gone = Gone {
                index,
                source: EndRef::of(from, &core.naming),
                contribution: contribution(&parts, chart),
            };
            by_target.entry((kind, name)).or_default().push(gone);
        }
    }
    let deletes = by_target
        .into_iter()
        .map(|((kind, name), gone)| async move {
            match by_ends(core, kind, &name, &gone).await {
                Ok(()) | Err(Failure::Missing(_)) => Ok::<_, Fatal>(None),
                Err(failure) => {
                    let indices = gone.iter().map(|gone| gone.index).collect();
                    Ok(Some((indices, core.outcome("delete an edge", failure)?)))
                }
            }
        })
        .collect();
    let failed: Vec<Option<(Vec<usize>, Outcome)>> = core.concurrently(deletes).await?;
    for (indices, outcome) in failed.into_iter().flatten() {
        for index in indices {
            if let Some(place) = outcomes.get_mut(index) {
                *place = outcome.clone();
            }
        }
    }
    Ok(outcomes)
}

/// What an event contributed to an edge, to be taken away.
fn contribution(parts: &Parts<'_>, chart: Option<String>) -> Contribution {
    Contribution { id: super::event_id(parts), chart, ..Contribution::default() }
}

/// Takes contributions away from the edges that lead to one entity.
async fn by_ends(core: &Core, kind: Kind, name: &str, gone: &[Gone]) -> Result<(), Failure> {
    // Deleted entities keep their edges, so they are looked for as well.
    let Some(id) = id_of(core, kind, name).await? else { return Ok(()) };
    let to = our_end(core, kind, name, id);
    let _guard = core.edge_locks.of(&to.id).await;
    let around = write::read(core, to.entity_type, &to.id, (1, 0)).await?;
    let upstream = write::upstream_of(core, &around, to.entity_type, &to.id);
    let mut by_source: BTreeMap<String, Vec<Contribution>> = BTreeMap::new();
    for gone in gone {
        let mut sources: BTreeSet<String> = upstream
            .iter()
            // A table may be another one now, or none; the edge itself says whose it is.
            .filter(|(_, stored)| stored.contributions.contains(&gone.contribution.id))
            .map(|(source, _)| source.clone())
            .collect();
        sources.extend(match &gone.source {
            EndRef::Ours { kind, name, .. } => id_of(core, *kind, name).await?,
            EndRef::Table(node) if sources.is_empty() => {
                match core.tables.resolve(core, node).await? {
                    Resolution::Found(table) => Some(table.id.clone()),
                    Resolution::NotFound(_) => None,
                }
            }
            EndRef::Table(_) => None,
        });
        for source in sources {
            by_source.entry(source).or_default().push(gone.contribution.clone());
        }
    }
    for (source, removed) in by_source {
        let Some(stored) = upstream.get(&source) else { continue };
        let Some(from) = end_of(&around, &source) else { continue };
        let side = Side { from: &from, to: &to, stored: Some(stored) };
        write::write(core, &side, &[], &removed).await?;
    }
    Ok(())
}

pub(super) fn our_end(core: &Core, kind: Kind, name: &str, id: String) -> End {
    let fqn = core.naming.fqn(kind, name);
    End { entity_type: kind.entity_type(), id, fqn }
}

async fn id_of(core: &Core, kind: Kind, name: &str) -> Result<Option<String>, Failure> {
    if let Lookup::Known(known) = core.directory.lookup(kind, name)
        && let Some(id) = known.id()
    {
        return Ok(Some(id));
    }
    let found = core.read(kind, name, "", None).await?;
    Ok(found.and_then(|(entity, _)| text(&entity, "id")))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
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
            let ends = (end_of(&around, &from), end_of(&around, &to));
            let (Some(from), Some(to)) = ends else { continue };
            let _guard = core.edge_locks.of(&to.id).await;
            let side = Side { from: &from, to: &to, stored: Some(&stored) };
            write::write(core, &side, &[], std::slice::from_ref(contribution)).await?;
            found = true;
        }
    }
    Ok(found)
}

/// An entity that an answer about lineage mentions, if it is of a type that our edges have.
pub(super) fn end_of(around: &Value, id: &str) -> Option<End> {
    let nodes = around.get("nodes").and_then(Value::as_array);
    let mentioned = nodes.into_iter().flatten().chain(around.get("entity"));
    let is_it = |node: &&Value| node.get("id").and_then(Value::as_str) == Some(id);
    let node = mentioned.into_iter().find(is_it)?;
    let entity_type = node.get("type")?.as_str()?;
    let known = ["table", "dashboard", "dashboardDataModel"];
    Some(End {
        entity_type: known.into_iter().find(|known| *known == entity_type)?,
        id: id.to_owned(),
        fqn: text(node, "fullyQualifiedName").unwrap_or_else(|| id.to_owned()),
    })
}

/// Deletes an edge of which only the hash of its ends is known: it is looked for around the app's
/// dashboard and data models. An edge between a table and a file cannot be found so, and stays until
/// one of its ends goes.
async fn by_hash(core: &Core, parts: &Parts<'_>) -> Result<(), Failure> {
    let dashboard = core.naming.dashboard(parts.app_id);
    let Some((entity, _)) =
        core.read(Kind::Dashboard, &dashboard, "dataModels,charts", None).await?
    else {
        return Ok(());
    };
    let plain = contribution(parts, None);
    let references = |member: &str| {
        let items = entity.get(member).and_then(Value::as_array);
        items.cloned().unwrap_or_default()
    };
    let Some(id) = text(&entity, "id") else { return Ok(()) };
    let target = our_end(core, Kind::Dashboard, &dashboard, id);
    if noted_at(core, &target, &plain).await? {
        return Ok(());
    }
    let models = references("dataModels");
    for model in &models {
        let (Some(id), Some(name)) = (text(model, "id"), text(model, "name")) else { continue };
        let end = our_end(core, Kind::DataModel, &name, id);
        if noted_at(core, &end, &plain).await? {
            return Ok(());
        }
    }
    // What a chart reads is not noted; the hash of each pair of table and chart tells.
    for model in &models {
        let Some(model_name) = text(model, "name") else { continue };
        let Some(table) = table_of(core, model, parts.app_id) else { continue };
        for chart in references("charts") {
            let Some(name) = text(&chart, "name") else { continue };
            let prefix = format!("{}_", parts.app_id);
            let Some(object_id) = name.strip_prefix(&prefix) else { continue };
            let ends = json!({
                "from": Node::data_model(parts.app_id, &table),
                "to": Node::chart(parts.app_id, object_id),
            });
            if hash::of_json(&ends) == parts.rest {
                let chart = core.naming.fqn(Kind::Chart, &name);
                let kind = Kind::DataModel;
                let gone = Gone {
                    index: 0,
                    source: EndRef::Ours { kind, name: model_name, chart: None },
                    contribution: contribution(parts, Some(chart)),
                };
                return by_ends(core, Kind::Dashboard, &dashboard, &[gone]).await;
            }
        }
    }
    Ok(())
}

/// The Qlik table that a data model stands for.
pub(super) fn table_of(core: &Core, model: &Value, app_id: &str) -> Option<String> {
    let name = model.get("name")?.as_str()?;
    let plain = name.strip_prefix(&format!("{app_id}_")).map(str::to_owned);
    // A name that had to be changed is told by the display name.
    [plain, text(model, "displayName")]
        .into_iter()
        .flatten()
        .find(|table| core.naming.table(app_id, table) == name)
}
