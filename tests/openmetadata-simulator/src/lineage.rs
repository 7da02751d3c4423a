//! Lineage requests: writing, reading and removing edges.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::entity::{Column, Entity};
use crate::fqn;
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::render::View;
use crate::render::writer::{Object, list};
use crate::schema::choices::LINEAGE_SOURCE;
use crate::store::{ColumnEdge, Details, Edge, Store};
use crate::version::Rules;
use crate::write::Writing;

/// The entity that a lineage request names by type and id.
pub(crate) fn end<'a>(
    store: &'a Store,
    entity_type: &str,
    id: &str,
) -> Result<&'a Arc<Entity>, Problem> {
    let missing = || Problem::missing(entity_type, id);
    match Kind::of_type(entity_type) {
        Some(kind) => store.get_of(kind, id).ok_or_else(missing),
        None => Err(unknown_type(entity_type).unwrap_or_else(missing)),
    }
}

/// The entity that a lineage request names by type and FQN.
pub(crate) fn end_named<'a>(
    store: &'a Store,
    entity_type: &str,
    fqn: &str,
) -> Result<&'a Arc<Entity>, Problem> {
    let missing = || Problem::missing(entity_type, fqn);
    match Kind::of_type(entity_type) {
        Some(kind) => store.find(kind, fqn).ok_or_else(missing),
        None => Err(unknown_type(entity_type).unwrap_or_else(missing)),
    }
}

fn unknown_type(entity_type: &str) -> Option<Problem> {
    (!Kind::is_foreign(entity_type)).then(|| {
        Problem::Missing(format!(
            "Entity repository for {entity_type} not found. Is the ENTITY_TYPE_MAP initialized?"
        ))
    })
}

impl Writing<'_> {
    /// `PUT /lineage` with a body that was bound to AddLineage.
    pub(crate) fn put_lineage(&self, store: &mut Store, body: &Json) -> Result<(), Problem> {
        let Some(edge) = body.get("edge") else { return Ok(()) };
        let named = |key: &str| {
            let reference = edge.get(key).unwrap_or(&Json::Null);
            end(
                store,
                &reference.text_of("type").unwrap_or_default(),
                &reference.text_of("id").unwrap_or_default(),
            )
            .map(Arc::clone)
        };
        let (from, to) = (named("fromEntity")?, named("toEntity")?);
        self.put_edge(store, &from, &to, edge.get("lineageDetails").unwrap_or(&Json::Null))
    }

    /// Stores the edge between two entities in the place of the one that is there.
    pub(crate) fn put_edge(
        &self,
        store: &mut Store,
        from: &Arc<Entity>,
        to: &Arc<Entity>,
        details: &Json,
    ) -> Result<(), Problem> {
        self.actor.may("EditLineage")?;
        if self.rules.lineage_drops_columns
            && let Some(gone) = [from, to].into_iter().find(|entity| entity.deleted)
        {
            return Err(Problem::missing(gone.kind.entity_type(), gone.id));
        }
        let columns = if self.rules.lineage_drops_columns {
            known_columns(store, from, to, details.items_of("columnsLineage"))?
        } else {
            checked_columns(store, from, to, details.items_of("columnsLineage"))?
        };
        let source =
            details.text_of("source").and_then(|text| LINEAGE_SOURCE.value(&text, self.rules.code));
        let details = Details {
            sql_query: details.text_of("sqlQuery"),
            columns,
            pipeline: details.get("pipeline").cloned(),
            description: details.text_of("description"),
            source: if self.rules.code >= 102 { Some(source.unwrap_or("Manual")) } else { None },
            temporary_tables: details.get("tempLineageTables").cloned(),
            created_at: self.now,
            created_by: (*self.actor.name).into(),
            updated_at: self.now,
            updated_by: (*self.actor.name).into(),
            asset_edges: None,
        };
        let services =
            if self.rules.lineage_edges { services_between(store, from, to) } else { None };
        store.lineage.put(Edge {
            from: (from.kind, from.id),
            to: (to.kind, to.id),
            details,
            services,
        });
        Ok(())
    }

    /// PATCH of an edge's details; answers them.
    pub(crate) fn patch_edge(
        &self,
        store: &mut Store,
        from: &Arc<Entity>,
        to: &Arc<Entity>,
        operations: &Json,
    ) -> Result<Vec<u8>, Problem> {
        self.actor.may("EditLineage")?;
        let edge = store.lineage.get(from.id, to.id).ok_or_else(edge_missing)?;
        let mut text = Vec::new();
        write_details(&edge.details, self.rules, &mut text);
        let mut document = crate::schema::parse(&text, self.rules)?;
        crate::patch::apply(&mut document, operations)
            .map_err(|error| Problem::Bad(error.to_string()))?;
        let (created_at, created_by) = (edge.details.created_at, edge.details.created_by.clone());
        self.put_edge(store, from, to, &document)?;
        let edge = store.lineage.get_mut(from.id, to.id).ok_or_else(edge_missing)?;
        edge.details.created_at = created_at;
        edge.details.created_by = created_by;
        let mut answer = Vec::new();
        write_details(&edge.details, self.rules, &mut answer);
        Ok(answer)
    }

    /// Removes one edge.
    pub(crate) fn delete_edge(
        &self,
        store: &mut Store,
        from: &Entity,
        to: &Entity,
    ) -> Result<(), Problem> {
        self.actor.may("EditLineage")?;
        if store.lineage.remove(from.id, to.id) { Ok(()) } else { Err(edge_missing()) }
    }

    /// Removes the upstream edges of an entity that have the given source.
    pub(crate) fn delete_edges_of_source(
        &self,
        store: &mut Store,
        to: &Entity,
        source: &str,
    ) -> Result<(), Problem> {
        self.actor.may("EditLineage")?;
        for from in store.lineage.upstream(to.id) {
            if store
                .lineage
                .get(from, to.id)
                .is_some_and(|edge| edge.details.source == Some(source))
            {
                store.lineage.remove(from, to.id);
            }
        }
        Ok(())
    }
}

fn edge_missing() -> Problem {
    Problem::Missing("Lineage edge not found".to_owned())
}

/// From 1.9: unknown columns are dropped without a word.
fn known_columns(
    store: &Store,
    from: &Entity,
    to: &Entity,
    entries: &[Json],
) -> Result<Vec<ColumnEdge>, Problem> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let (sources, targets) = (children(store, from), children(store, to));
    let mut columns = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(target) = entry.text_of("toColumn") else {
            return Err(Problem::Unhandled(
                "Cannot invoke \"String.replace(java.lang.CharSequence, java.lang.CharSequence)\" because the return \
                 value of \"org.openmetadata.schema.type.ColumnLineage.getToColumn()\" is null"
                    .to_owned(),
            ));
        };
        let mut known = texts(entry.items_of("fromColumns"));
        known.retain(|column| sources.contains(&**column));
        if !known.is_empty() && targets.contains(&*target) {
            columns.push(ColumnEdge {
                from: known,
                to: target,
                function: entry.text_of("function"),
            });
        }
    }
    Ok(columns)
}

fn texts(items: &[Json]) -> Vec<Box<str>> {
    items.iter().filter_map(Json::text).map(|text| text.into_owned().into_boxed_str()).collect()
}

/// What can carry columns: the columns of tables and data models, the charts of dashboards.
fn children(store: &Store, entity: &Entity) -> HashSet<String> {
    fn add(columns: &[Column], parent: &str, into: &mut HashSet<String>) {
        for column in columns {
            let fqn = column.fqn(parent);
            add(column.children.as_deref().unwrap_or_default(), &fqn, into);
            into.insert(fqn);
        }
    }
    let mut found = HashSet::new();
    add(&entity.columns, &entity.fqn, &mut found);
    let charts = entity.charts.iter().filter_map(|id| store.get(*id));
    found.extend(charts.map(|chart| chart.fqn.to_string()));
    found
}

/// Up to 1.8: an unknown column refuses the request.
fn checked_columns(
    store: &Store,
    from: &Entity,
    to: &Entity,
    entries: &[Json],
) -> Result<Vec<ColumnEdge>, Problem> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let allowed = from.kind == Kind::Table
        && matches!(to.kind, Kind::Table | Kind::Dashboard | Kind::DataModel);
    if !allowed {
        return Err(Problem::Bad(
            "Column level lineage is only allowed between two tables or from table to dashboard."
                .to_owned(),
        ));
    }
    let invalid =
        |column: &str| Problem::Bad(format!("Invalid fully qualified column name {column}"));
    let targets = children(store, to);
    let mut columns = Vec::with_capacity(entries.len());
    for entry in entries {
        let sources = texts(entry.items_of("fromColumns"));
        for column in &sources {
            let table = fqn::parent(column).ok_or_else(|| invalid(column))?;
            let table =
                store.find(Kind::Table, table).ok_or_else(|| Problem::missing("table", table))?;
            if !children(store, table).contains(&**column) {
                return Err(invalid(column));
            }
        }
        let target = entry.text_of("toColumn").ok_or_else(|| invalid("null"))?;
        if !targets.contains(&*target) {
            return Err(invalid(&target));
        }
        columns.push(ColumnEdge { from: sources, to: target, function: entry.text_of("function") });
    }
    Ok(columns)
}

/// The services of two entities, when they differ.
fn services_between(
    store: &Store,
    from: &Entity,
    to: &Entity,
) -> Option<((Kind, Uuid), (Kind, Uuid))> {
    let service = |entity: &Entity| {
        let mut above = entity.parent;
        while let Some(parent) = above.and_then(|id| store.get(id)) {
            if parent.kind.is_service() {
                return Some((parent.kind, parent.id));
            }
            above = parent.parent;
        }
        None
    };
    let (from, to) = (service(from)?, service(to)?);
    (from != to).then_some((from, to))
}

/// Appends the details of an edge.
pub(crate) fn write_details(details: &Details, rules: &Rules, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.optional("sqlQuery", details.sql_query.as_deref());
    object.list("columnsLineage", &details.columns, |out, column| {
        let mut object = Object::new(out);
        object.list("fromColumns", &column.from, |out, from| {
            crate::render::writer::string(out, from);
            true
        });
        object.text("toColumn", &column.to);
        object.optional("function", column.function.as_deref());
        object.end();
        true
    });
    if let Some(pipeline) = &details.pipeline {
        object.json("pipeline", pipeline);
    }
    object.optional("description", details.description.as_deref());
    object.optional("source", details.source);
    if rules.lineage_edges {
        object.number("createdAt", details.created_at);
        object.text("createdBy", &details.created_by);
        object.number("updatedAt", details.updated_at);
        object.text("updatedBy", &details.updated_by);
        object.optional_number("assetEdges", details.asset_edges);
    }
    if let Some(tables) = &details.temporary_tables {
        object.json("tempLineageTables", tables);
    }
    object.end();
}

/// The lineage graph around `entity`, as JSON.
pub(crate) fn graph(
    view: &View<'_>,
    entity: &Entity,
    upstream: usize,
    downstream: usize,
) -> Vec<u8> {
    let store = view.store;
    let up = walk(entity.id, upstream, |id| {
        store.lineage.upstream(id).into_iter().map(|from| (from, id)).collect()
    });
    let down = walk(entity.id, downstream, |id| {
        store.lineage.downstream(id).into_iter().map(|to| (id, to)).collect()
    });
    let mut nodes: Vec<Uuid> = up.iter().chain(&down).flat_map(|(from, to)| [*from, *to]).collect();
    nodes.retain(|id| *id != entity.id);
    crate::write::draft::unique(&mut nodes);
    let mut out = Vec::new();
    let mut object = Object::new(&mut out);
    view.reference(entity, object.key("entity"));
    object.list("nodes", &nodes, |out, id| {
        store.get(*id).map(|node| view.reference(node, out)).is_some()
    });
    for (key, pairs) in [("upstreamEdges", &up), ("downstreamEdges", &down)] {
        list(object.key(key), pairs, |out, (from, to)| {
            store.lineage.get(*from, *to).map(|edge| write_edge(edge, view.rules, out)).is_some()
        });
    }
    object.end();
    out
}

fn write_edge(edge: &Edge, rules: &Rules, out: &mut Vec<u8>) {
    let mut object = Object::new(out);
    object.text("fromEntity", &edge.from.1.to_string());
    object.text("toEntity", &edge.to.1.to_string());
    write_details(&edge.details, rules, object.key("lineageDetails"));
    object.end();
}

/// The edges within `depth` steps, each once. `step` gives the edges at an entity, the entity on one side.
fn walk(start: Uuid, depth: usize, step: impl Fn(Uuid) -> Vec<(Uuid, Uuid)>) -> Vec<(Uuid, Uuid)> {
    let (mut seen, mut front, mut edges) = (HashSet::from([start]), vec![start], Vec::new());
    for _ in 0..depth {
        let mut next = Vec::new();
        for id in std::mem::take(&mut front) {
            for edge in step(id) {
                edges.push(edge);
                let other = if edge.0 == id { edge.1 } else { edge.0 };
                if seen.insert(other) {
                    next.push(other);
                }
            }
        }
        front = next;
    }
    edges
}
