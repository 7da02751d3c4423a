//! The report as JSON, in the shape that the command documents.

use serde_json::{Map, Value, json};

use super::{End, Report};
use crate::script::outcome::{App, Field, Source, SourceUse};

impl Report {
    /// `{"apps": {name: {"tables", "stores", "diagnostics"}}, "chain": {"edges", "apps"}}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let apps: Map<String, Value> =
            self.apps.iter().map(|(name, app)| (name.clone(), app_json(app))).collect();
        let edges: Vec<Value> = self
            .chain
            .edges
            .iter()
            .map(|edge| json!({"from": edge.from, "to": edge.to, "via": edge.via}))
            .collect();
        let chain: Map<String, Value> = self
            .chain
            .apps
            .iter()
            .map(|(name, tables)| {
                let tables: Map<String, Value> = tables
                    .iter()
                    .map(|table| {
                        let fields: Map<String, Value> = table
                            .fields
                            .iter()
                            .map(|(name, ends)| (name.clone(), ends_json(ends)))
                            .collect();
                        let sources = table.sources.iter().map(source_json);
                        (table.name.clone(), table_json(unique(sources), fields))
                    })
                    .collect();
                (name.clone(), object([("tables", Value::Object(tables))]))
            })
            .collect();
        let chain = [("edges", Value::Array(edges)), ("apps", Value::Object(chain))];
        object([("apps", Value::Object(apps)), ("chain", object(chain))])
    }
}

fn app_json(app: &App) -> Value {
    let tables: Map<String, Value> = app
        .tables
        .iter()
        .map(|table| (table.name.clone(), entry(app, &table.sources, &table.fields)))
        .collect();
    let stores: Map<String, Value> = app
        .stores
        .iter()
        .map(|store| (store.path.clone(), entry(app, &store.sources, &store.fields)))
        .collect();
    let diagnostics: Vec<Value> = app
        .diagnostics
        .iter()
        .map(|each| json!({"line": each.line, "column": each.column, "message": each.message}))
        .collect();
    object([
        ("tables", Value::Object(tables)),
        ("stores", Value::Object(stores)),
        ("diagnostics", Value::Array(diagnostics)),
    ])
}

fn entry(app: &App, sources: &[SourceUse], fields: &[Field]) -> Value {
    let sources = sources.iter().filter_map(|used| app.sources.get(used.source)).map(source_json);
    let fields: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let origins = field.flows.iter().flat_map(|flow| &flow.origins);
            let origins = origins.filter_map(|origin| {
                let source = app.sources.get(origin.source)?;
                Some(json!({"source": source.name(), "column": origin.column}))
            });
            (field.name.clone(), unique(origins))
        })
        .collect();
    table_json(unique(sources), fields)
}

fn table_json(sources: Value, fields: Map<String, Value>) -> Value {
    object([("sources", sources), ("fields", Value::Object(fields))])
}

/// An object of parts that are moved into it: `json!` copies what it is given, at every level.
fn object<const N: usize>(parts: [(&str, Value); N]) -> Value {
    Value::Object(parts.into_iter().map(|(name, part)| (name.to_owned(), part)).collect())
}

fn ends_json(ends: &[End]) -> Value {
    unique(ends.iter().map(|end| json!({"source": end.source.name(), "column": end.column})))
}

fn source_json(source: &Source) -> Value {
    match source {
        Source::Table { connection, .. } => {
            json!({"kind": "table", "connection": connection, "name": source.name()})
        }
        // A connection without tables stands for all that it gives.
        Source::Connection { connection, .. } => {
            json!({"kind": "table", "connection": connection, "name": connection})
        }
        Source::File { path, .. } => json!({"kind": "file", "path": path}),
        Source::App { id } => json!({"kind": "app", "id": id}),
    }
}

/// Each value once, in order.
fn unique(values: impl Iterator<Item = Value>) -> Value {
    let mut values: Vec<Value> = values.collect();
    if values.len() > 1 {
        let mut seen = std::collections::HashSet::new();
        values.retain(|value| seen.insert(value.to_string()));
    }
    Value::Array(values)
}
