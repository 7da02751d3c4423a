//! Finding the ends of edges.

use std::collections::HashSet;

use schemas::event::node::DatabaseTable;
use serde_json::Value;

use super::{
    super::{
        client::{Failure, Wanted},
        columns::Children,
        core::Core,
        map::Kind,
        tables::Resolution,
    },
    ends::{Columns, End, EndRef},
};

/// What was found at an end.
pub(super) enum Found {
    /// The entity.
    End(End),
    /// One of ours that is not there yet.
    Missing(String),
    /// A table that is not in the catalogue.
    Unresolved(String),
}

/// Ends of ours that are not there.
pub(super) type Absent = HashSet<(Kind, String)>;

/// Looks for every end once, however many edges share it, so that [`find`] need not ask.
pub(super) async fn prefetch(core: &Core, ends: &[EndRef]) -> Result<Absent, Failure> {
    let mut ours: HashSet<(Kind, &str)> = HashSet::new();
    let mut tables: HashSet<&DatabaseTable> = HashSet::new();
    for end in ends {
        match end {
            EndRef::Ours { kind, name, .. } => {
                ours.insert((*kind, name));
            }
            EndRef::Table(node) => {
                tables.insert(node);
            }
        }
    }
    // Dashboards first: they know the ids of their data models.
    let (dashboards, others): (Vec<_>, Vec<_>) =
        ours.into_iter().partition(|(kind, _)| *kind == Kind::Dashboard);
    let mut absent: Vec<Option<(Kind, String)>> = Vec::new();
    for ends in [dashboards, others] {
        let reads = ends
            .into_iter()
            .map(|(kind, name)| async move {
                let found = read_children(core, kind, name, None).await?;
                Ok::<_, Failure>(found.is_none().then(|| (kind, name.to_owned())))
            })
            .collect();
        absent.extend(core.concurrently(reads).await?);
    }
    let resolutions = tables.into_iter().map(|node| core.tables.resolve(core, node)).collect();
    core.concurrently(resolutions).await?;
    Ok(absent.into_iter().flatten().collect())
}

/// Finds an end with its columns.
pub(super) async fn find(core: &Core, end: &EndRef, absent: &Absent) -> Result<Found, Failure> {
    match end {
        EndRef::Table(node) => Ok(match core.tables.resolve(core, node).await? {
            Resolution::Found(table) => Found::End(End {
                entity_type: "table",
                id: table.id.clone(),
                fqn: table.fqn.clone(),
                columns: Columns::Table(table),
            }),
            Resolution::NotFound(reason) => Found::Unresolved(reason),
        }),
        EndRef::Ours { kind, name, chart } => {
            let fqn = core.naming.fqn(*kind, name);
            let missing = || {
                // Where nothing may be written it would be there by now, if only its event was seen.
                let Some(id) = core.planned_id(*kind, name) else {
                    return Found::Missing(format!("`{fqn}` is not in OpenMetadata yet"));
                };
                let columns = chart.clone().map_or(Columns::None, Columns::Chart);
                Found::End(End { entity_type: kind.entity_type(), id, fqn: fqn.clone(), columns })
            };
            if absent.contains(&(*kind, name.clone())) {
                return Ok(missing());
            }
            let found = read_children(core, *kind, name, chart.as_deref()).await?;
            let Some((id, children)) = found else { return Ok(missing()) };
            let columns = match (kind, chart) {
                (Kind::DataModel, _) => Columns::Model(fqn.clone(), children),
                (_, Some(chart)) if children.contains(chart) => Columns::Chart(chart.clone()),
                (_, Some(chart)) => {
                    let reason = format!("`{chart}` is not on dashboard `{fqn}` yet");
                    return Ok(Found::Missing(reason));
                }
                (_, None) => Columns::None,
            };
            Ok(Found::End(End { entity_type: kind.entity_type(), id, fqn, columns }))
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
    if let Some(children) = core.columns.get(kind, name)
        && chart.is_none_or(|chart| children.contains(chart))
        // A dashboard without id is read with its data models, which saves reading them one by one.
        && (kind != Kind::Dashboard || core.directory.has_id(kind, name))
        && let Some(id) = core.find(kind, name).await?.and_then(|known| known.id())
    {
        return Ok(Some((id, children)));
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
