//! Tables or sources → stored files.
//!
//! A file that is stored of a table which is still there at the end comes from that table. Where
//! the table is gone, or its fields hold other values by then, the file comes from the sources
//! themselves.

use std::collections::HashMap;

use schemas::event::{Node, Origin, Resolution};

use super::{
    Messages, Model,
    edges::{ANY_COLUMN, Edges, resolution},
    engine::EngineLineage,
    flows,
    places::Places,
};
use crate::script::{self, Field, SourceUse, Store, Table, glob};

/// Adds the edges that lead to stored files. `model` is `None` when the tables that are left are
/// not known.
pub(super) fn add(
    edges: &mut Edges,
    app_id: &str,
    found: &script::App,
    model: Option<&Model<'_>>,
    places: &Places,
    engine: &EngineLineage,
    messages: &mut Messages,
) {
    let tables: HashMap<&str, &Table> =
        found.tables.iter().map(|table| (table.name.as_str(), table)).collect();
    for store in &found.stores {
        let targets = targets(store, engine);
        if targets.is_empty() {
            messages.push(
                &format!("script line {}", store.line),
                &format!("where `{}` is stored is known only at reload", store.path),
            );
        }
        let left = model.and_then(|model| {
            let table = tables.get(store.table.as_str())?;
            Some(Left { table, fields: model.fields(&store.table)? })
        });
        for (path, origin) in targets {
            add_store(edges, app_id, store, &Node::file(&path), origin, left.as_ref(), places);
        }
    }
}

/// The table that was stored, as it is left.
struct Left<'a> {
    table: &'a Table,
    fields: &'a [&'a str],
}

impl Left<'_> {
    /// Whether a stored field still has the same values in the table.
    fn has(&self, stored: &Field) -> bool {
        let field = self.table.fields.iter().find(|field| field.name == stored.name);
        let is_there = stored.name == ANY_COLUMN || self.fields.contains(&stored.name.as_str());
        is_there && field.is_some_and(|field| flows::origins(field) == flows::origins(stored))
    }
}

/// Paths that a store writes, and what says so.
fn targets(store: &Store, engine: &EngineLineage) -> Vec<(String, Origin)> {
    if !glob::is_unresolved(&store.normalised) {
        return vec![(store.normalised.clone(), Origin::LoadScript)];
    }
    let told = engine.stored_as(&store.normalised);
    told.into_iter().map(|path| (path.to_owned(), Origin::EngineLineage)).collect()
}

fn add_store(
    edges: &mut Edges,
    app_id: &str,
    store: &Store,
    to: &Node,
    origin: Origin,
    left: Option<&Left<'_>>,
    places: &Places,
) {
    let (of_table, of_sources): (Vec<&Field>, Vec<&Field>) =
        store.fields.iter().partition(|field| left.is_some_and(|left| left.has(field)));
    if let (Some(left), false) = (left, of_table.is_empty()) {
        let from = Node::data_model(app_id, &store.table);
        let how = store.sources.iter().map(|used| resolution(used.resolution));
        let how = how.max_by_key(|how| *how as u8).unwrap_or(Resolution::Exact);
        if let Some(draft) = edges.of(&from, to) {
            draft.evidence(origin, how, &[], &store.statement);
            for field in &of_table {
                if field.name == ANY_COLUMN {
                    for name in left.unnamed() {
                        draft.column(vec![name.to_owned()], name, None);
                    }
                } else {
                    draft.column(vec![field.name.clone()], &field.name, None);
                }
            }
        }
    }
    if of_table.is_empty() || !of_sources.is_empty() {
        let taken: std::collections::BTreeSet<usize> =
            of_sources.iter().flat_map(|field| flows::origins(field)).map(|it| it.source).collect();
        let uses: Vec<&SourceUse> = store
            .sources
            .iter()
            .filter(|used| of_table.is_empty() || taken.contains(&used.source))
            .collect();
        flows::add_uses(edges, places, &uses, to, &|used| statement(used, store));
        for field in &of_sources {
            if field.name == ANY_COLUMN {
                flows::add_unnamed(edges, places, field, to, None, "");
            } else {
                flows::add_field(edges, places, field, to);
            }
        }
    }
    if !edges.lead_to(to) {
        // Rows that the script makes itself: nothing but the app is behind them.
        edges.of(&Node::dashboard(app_id), to);
    }
    edges.complete(to, origin, &store.statement);
    // Fields whose values the script makes itself belong to the file all the same.
    let made = of_sources.iter().filter(|field| field.name != ANY_COLUMN);
    let made: Vec<&&Field> = made.filter(|field| flows::origins(field).is_empty()).collect();
    if let Some(draft) = edges.first_to(to) {
        for field in made {
            let expression = field.flows.iter().find_map(|flow| flow.expression.as_deref());
            draft.column(Vec::new(), &field.name, expression);
        }
    }
}

impl<'a> Left<'a> {
    /// Fields of the table that the script does not name.
    fn unnamed(&self) -> impl Iterator<Item = &'a str> {
        let named = |name: &&str| self.table.fields.iter().any(|field| field.name == **name);
        self.fields.iter().copied().filter(|name| !named(name)).collect::<Vec<_>>().into_iter()
    }
}

/// The statement that read the source, and the one that stored it.
fn statement(used: &SourceUse, store: &Store) -> String {
    let read = used.statement.trim();
    if read.is_empty() { store.statement.clone() } else { format!("{read};\n{}", store.statement) }
}
