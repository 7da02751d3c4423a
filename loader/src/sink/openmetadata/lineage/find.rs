//! Finding the ends of edges.

use serde_json::Value;

use super::{
    super::{
        client::{Failure, Wanted},
        columns::Children,
        core::Core,
        map::Kind,
        state::Lookup,
        tables::Resolution,
    },
    ends::{Columns, End, EndRef},
};

/// What was found at an end.
pub(super) enum Found {
    /// The entity.
    End(End),
    /// It is one of ours that is not there yet.
    Missing,
    /// A table that is not in the catalogue.
    Unresolved(String),
}

/// Why edges wait for an entity of ours.
pub(super) fn not_there(core: &Core, end: &EndRef) -> String {
    match end {
        EndRef::Ours { kind, name, .. } => {
            format!("`{}` is not in OpenMetadata yet", core.naming.fqn(*kind, name))
        }
        EndRef::Table(node) => format!("table `{}` is not in OpenMetadata yet", node.table),
    }
}

/// Finds an entity. What is asked for comes with its columns, which are remembered.
pub(super) async fn entity(core: &Core, end: &EndRef) -> Result<Found, Failure> {
    match end {
        EndRef::Table(node) => Ok(match core.tables.resolve(core, node).await? {
            Resolution::Found(table) => Found::End(End {
                entity_type: "table",
                id: table.id.clone(),
                fqn: table.fqn.clone(),
            }),
            Resolution::NotFound(reason) => Found::Unresolved(reason),
        }),
        EndRef::Ours { kind, name, .. } => {
            let known = match core.directory.lookup(*kind, name) {
                Lookup::Known(known) if !known.deleted => known.id(),
                Lookup::Known(_) | Lookup::Absent | Lookup::Unasked => None,
            };
            let id = match known {
                Some(id) => Some(id),
                None => read_children(core, *kind, name, None).await?.map(|(id, _)| id),
            };
            // Where nothing may be written it would be there by now, if only its event was seen.
            Ok(match id.or_else(|| core.planned_id(*kind, name)) {
                Some(id) => Found::End(End {
                    entity_type: kind.entity_type(),
                    id,
                    fqn: core.naming.fqn(*kind, name),
                }),
                None => Found::Missing,
            })
        }
    }
}

/// The columns of an end that is there, or why they are still to come.
pub(super) async fn columns(core: &Core, end: &EndRef) -> Result<Result<Columns, String>, Failure> {
    match end {
        EndRef::Table(node) => Ok(match core.tables.resolve(core, node).await? {
            Resolution::Found(table) => Ok(Columns::Table(table)),
            Resolution::NotFound(_) => Err(not_there(core, end)),
        }),
        EndRef::Ours { kind, name, chart } => {
            let fqn = core.naming.fqn(*kind, name);
            let Some((_, children)) = read_children(core, *kind, name, chart.as_deref()).await?
            else {
                let is_planned = core.planned_id(*kind, name).is_some();
                let columns = chart.clone().map_or(Columns::None, Columns::Chart);
                return Ok(is_planned.then_some(columns).ok_or_else(|| not_there(core, end)));
            };
            Ok(match (kind, chart) {
                (Kind::DataModel, _) => Ok(Columns::Model(fqn, children)),
                (_, Some(chart)) if children.contains(chart) => Ok(Columns::Chart(chart.clone())),
                (_, Some(chart)) => Err(format!("`{chart}` is not on dashboard `{fqn}` yet")),
                (_, None) => Ok(Columns::None),
            })
        }
    }
}

/// What is read of an end: itself and what edges may name of it.
const WITH_CHILDREN: Wanted = &[
    "id",
    "name",
    "fullyQualifiedName",
    "deleted",
    "sourceHash",
    "project",
    "charts",
    "dataModels",
    "columns",
];

/// Id and columns of a data model, or id and charts of a dashboard; read anew when the chart that is
/// wanted is not among those remembered.
async fn read_children(
    core: &Core,
    kind: Kind,
    name: &str,
    chart: Option<&str>,
) -> Result<Option<(String, Children)>, Failure> {
    if let Some(known) = remembered(core, kind, name, chart).await? {
        return Ok(Some(known));
    }
    // Edges that share an end are made ready at the same time.
    let _guard = core.reading.of(name).await;
    if let Some(known) = remembered(core, kind, name, chart).await? {
        return Ok(Some(known));
    }
    let (member, part, fields) = match kind {
        Kind::Dashboard => ("charts", "fullyQualifiedName", "charts,dataModels"),
        Kind::DataModel | Kind::Chart => ("columns", "name", "columns"),
    };
    let Some((entity, _)) = core.read(kind, name, fields, Some(WITH_CHILDREN)).await? else {
        return Ok(None);
    };
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let models = entity.get("dataModels").and_then(Value::as_array);
    for model in models.into_iter().flatten() {
        if let (Some(name), Some(id)) = (text(model, "name"), text(model, "id")) {
            core.directory.learn_id(Kind::DataModel, &name, &id);
        }
    }
    let deleted = entity.get("deleted").and_then(Value::as_bool) == Some(true);
    let (Some(id), false) = (text(&entity, "id"), deleted) else { return Ok(None) };
    let items = entity.get(member).and_then(Value::as_array);
    let children = items.into_iter().flatten().filter_map(|item| text(item, part)).collect();
    Ok(Some((id, core.columns.set(kind, name, children))))
}

/// Id and children, when both are remembered and hold the chart that is wanted.
async fn remembered(
    core: &Core,
    kind: Kind,
    name: &str,
    chart: Option<&str>,
) -> Result<Option<(String, Children)>, Failure> {
    let Some(children) = core.columns.get(kind, name) else { return Ok(None) };
    // A dashboard without id is read with its data models, which saves reading them one by one.
    let is_enough = chart.is_none_or(|chart| children.contains(chart))
        && (kind != Kind::Dashboard || core.directory.has_id(kind, name));
    if !is_enough {
        return Ok(None);
    }
    let id = core.find(kind, name).await?.and_then(|known| known.id());
    Ok(id.map(|id| (id, children)))
}

/// Forgets what was known of an end.
pub(super) fn doubt(core: &Core, end: &EndRef) {
    match end {
        EndRef::Ours { kind, name, .. } => {
            core.columns.forget(*kind, name);
            core.directory.doubt(*kind, name);
        }
        EndRef::Table(node) => core.tables.doubt(node),
    }
}
