//! Which nodes the sources of a script are.

use schemas::event::{Node, node};

use super::{
    apps::{AppNames, FoundApp},
    database::{self, Named},
    engine::EngineLineage,
};
use crate::script::{self, Connections, Source, Status, glob};

/// A source as nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A database table or a file.
    Node(Node),
    /// The files that the engine read for a path with wildcards or unresolved parts.
    Told(Vec<Node>),
    /// Another app, by its id.
    App(String),
    /// Not known, or not for sure: nothing is said of it. Holds why.
    Open(Status),
}

/// The places of all sources of a script.
#[derive(Debug)]
pub(super) struct Places(Vec<Place>);

impl Places {
    pub(super) fn of(
        found: &script::App,
        connections: &Connections,
        apps: &AppNames,
        engine: &EngineLineage,
    ) -> Self {
        let place = |source| place(source, connections, apps, engine);
        Self(found.sources.iter().map(place).collect())
    }

    pub(super) fn get(&self, source: usize) -> Option<&Place> {
        self.0.get(source)
    }

    /// Nodes of a source, and whether the engine told them.
    pub(super) fn nodes(&self, source: usize) -> (Vec<Node>, bool) {
        match self.get(source) {
            Some(Place::Node(node)) => (vec![node.clone()], false),
            Some(Place::Told(nodes)) => (nodes.clone(), true),
            Some(Place::App(id)) => (vec![Node::dashboard(id)], false),
            Some(Place::Open(_)) | None => (Vec::new(), false),
        }
    }

    /// Nodes that a column comes from: within an app, its table.
    pub(super) fn nodes_of_column(&self, origin: &script::Origin) -> Vec<Node> {
        match (self.get(origin.source), &origin.table) {
            (Some(Place::App(id)), Some(table)) => vec![Node::data_model(id, table)],
            _ => self.nodes(origin.source).0,
        }
    }

    /// Ids of the apps among the sources.
    pub(super) fn apps(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().enumerate().filter_map(|(index, place)| match place {
            Place::App(id) => Some((index, id.as_str())),
            _ => None,
        })
    }
}

/// Path of the node that stands for a connection without tables (REST and others).
fn connection_path(connection: &str, connections: &Connections) -> String {
    let name = connections.find(connection).map_or(connection, |found| found.name.as_str());
    format!("lib://{}", name.to_lowercase())
}

fn place(
    source: &Source,
    connections: &Connections,
    apps: &AppNames,
    engine: &EngineLineage,
) -> Place {
    let unresolved = |reason: &str| Place::Open(Status::Unresolved(reason.to_owned()));
    match source {
        Source::Table { connection, dialect, database, schema, table } => {
            let parts = [database.as_deref(), schema.as_deref(), Some(table.as_str())];
            if parts.into_iter().flatten().any(glob::is_unresolved) {
                return unresolved("its name is known only at reload");
            }
            let named = Named {
                connection: connection.as_deref(),
                dialect: dialect.as_deref(),
                database: database.as_deref(),
                schema: schema.as_deref(),
                table,
            };
            Place::Node(Node::DatabaseTable(database::node(&named, connections)))
        }
        Source::File { normalised, .. } => {
            if !glob::is_unresolved(normalised) && !glob::is_pattern(normalised) {
                return Place::Node(Node::file(normalised));
            }
            let told = engine.read_as(normalised);
            if !told.is_empty() {
                return Place::Told(told.into_iter().map(Node::file).collect());
            }
            if glob::is_unresolved(normalised) {
                return unresolved("a part of the path is known only at reload");
            }
            Place::Node(Node::file(normalised))
        }
        Source::App { id } => match apps.find(id) {
            FoundApp::One(id) => Place::App(id),
            FoundApp::Several(count) => Place::Open(Status::Ambiguous(format!(
                "{count} apps of the site have that title; refer to the app by its id"
            ))),
            FoundApp::None => unresolved("no app that is extracted has that id or title"),
        },
        Source::Connection { connection, .. } => {
            if glob::is_unresolved(connection) {
                return unresolved("the connection's name is known only at reload");
            }
            let path = connection_path(connection, connections);
            Place::Node(Node::DataFile(node::DataFile { path }))
        }
    }
}
