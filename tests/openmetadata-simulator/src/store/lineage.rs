//! Lineage edges between entities, and the edges between services that follow from them.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;

use crate::json::Json;
use crate::kind::Kind;

/// Which columns feed a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ColumnEdge {
    pub(crate) from: Vec<Box<str>>,
    pub(crate) to: Box<str>,
    pub(crate) function: Option<Box<str>>,
}

/// The details of an edge.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Details {
    pub(crate) sql_query: Option<Box<str>>,
    pub(crate) columns: Vec<ColumnEdge>,
    pub(crate) pipeline: Option<Json>,
    pub(crate) description: Option<Box<str>>,
    /// Absent in 1.1.
    pub(crate) source: Option<&'static str>,
    pub(crate) temporary_tables: Option<Json>,
    pub(crate) created_at: i64,
    pub(crate) created_by: Box<str>,
    pub(crate) updated_at: i64,
    pub(crate) updated_by: Box<str>,
    /// How many edges between assets stand behind an edge between services.
    pub(crate) asset_edges: Option<u32>,
}

/// An edge from one entity to another.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Edge {
    pub(crate) from: (Kind, Uuid),
    pub(crate) to: (Kind, Uuid),
    pub(crate) details: Details,
    /// The services of the ends, when they differ and an edge between them is kept.
    pub(crate) services: Option<((Kind, Uuid), (Kind, Uuid))>,
}

/// All edges; one per pair of entities.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    edges: HashMap<(Uuid, Uuid), Edge>,
    down: HashMap<Uuid, BTreeSet<Uuid>>,
    up: HashMap<Uuid, BTreeSet<Uuid>>,
}

impl Lineage {
    pub(crate) fn get(&self, from: Uuid, to: Uuid) -> Option<&Edge> {
        self.edges.get(&(from, to))
    }

    pub(crate) fn get_mut(&mut self, from: Uuid, to: Uuid) -> Option<&mut Edge> {
        self.edges.get_mut(&(from, to))
    }

    /// Stores an edge in the place of the one between the same ends. The edge between their services counts it
    /// when it is new.
    pub(crate) fn put(&mut self, edge: Edge) {
        let (from, to) = (edge.from.1, edge.to.1);
        let (services, details) = (edge.services, edge.details.clone());
        self.down.entry(from).or_default().insert(to);
        self.up.entry(to).or_default().insert(from);
        let former = self.edges.insert((from, to), edge);
        if former.is_none()
            && let Some((from, to)) = services
        {
            self.count_between(from, to, &details);
        }
    }

    fn count_between(&mut self, from: (Kind, Uuid), to: (Kind, Uuid), details: &Details) {
        if let Some(edge) = self.edges.get_mut(&(from.1, to.1)) {
            edge.details.asset_edges = edge.details.asset_edges.map(|count| count + 1);
            return;
        }
        let details = Details {
            source: Some("ChildAssets"),
            asset_edges: Some(1),
            sql_query: None,
            columns: Vec::new(),
            pipeline: None,
            description: None,
            temporary_tables: None,
            ..details.clone()
        };
        self.down.entry(from.1).or_default().insert(to.1);
        self.up.entry(to.1).or_default().insert(from.1);
        self.edges.insert((from.1, to.1), Edge { from, to, details, services: None });
    }

    /// Removes an edge; `false` when there is none.
    pub(crate) fn remove(&mut self, from: Uuid, to: Uuid) -> bool {
        let Some(edge) = self.edges.remove(&(from, to)) else { return false };
        if let Some(ends) = self.down.get_mut(&from) {
            ends.remove(&to);
        }
        if let Some(ends) = self.up.get_mut(&to) {
            ends.remove(&from);
        }
        if let Some(((_, from), (_, to))) = edge.services
            && let Some(between) = self.edges.get_mut(&(from, to))
        {
            let left = between.details.asset_edges.unwrap_or(1).saturating_sub(1);
            between.details.asset_edges = Some(left);
            if left == 0 {
                self.remove(from, to);
            }
        }
        true
    }

    /// Removes every edge that ends in `id`.
    pub(crate) fn remove_entity(&mut self, id: Uuid) {
        for to in self.downstream(id) {
            self.remove(id, to);
        }
        for from in self.upstream(id) {
            self.remove(from, id);
        }
    }

    pub(crate) fn downstream(&self, id: Uuid) -> Vec<Uuid> {
        self.down.get(&id).map(|ends| ends.iter().copied().collect()).unwrap_or_default()
    }

    pub(crate) fn upstream(&self, id: Uuid) -> Vec<Uuid> {
        self.up.get(&id).map(|ends| ends.iter().copied().collect()).unwrap_or_default()
    }

    /// Every edge, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Edge> {
        self.edges.values()
    }
}
