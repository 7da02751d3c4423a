//! The report as JSON, in the shape that the command documents. One table is a value at a time: as a
//! whole tree the report of a long script would take a gigabyte.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{Chain, End, Report};
use crate::script::outcome::{App, Field, Source, SourceUse};

impl Report {
    /// `{"apps": {name: {"tables", "stores", "diagnostics"}}, "chain": {"edges", "apps"}}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::to_value(ReportJson::of(self)).unwrap_or_default()
    }

    /// The same as text.
    #[must_use]
    pub fn to_json_text(&self) -> String {
        serde_json::to_string_pretty(&ReportJson::of(self)).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct ReportJson<'a> {
    apps: BTreeMap<&'a str, AppJson<'a>>,
    chain: ChainJson<'a>,
}

#[derive(Serialize)]
struct AppJson<'a> {
    diagnostics: Vec<Value>,
    stores: Tables<'a>,
    tables: Tables<'a>,
}

#[derive(Serialize)]
struct ChainJson<'a> {
    apps: BTreeMap<&'a str, ChainAppJson<'a>>,
    edges: Vec<Value>,
}

#[derive(Serialize)]
struct ChainAppJson<'a> {
    tables: Tables<'a>,
}

type Tables<'a> = BTreeMap<&'a str, Later<'a>>;

/// A value that is made when it is written.
struct Later<'a>(Box<dyn Fn() -> Value + 'a>);

impl Serialize for Later<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0().serialize(serializer)
    }
}

impl<'a> ReportJson<'a> {
    fn of(report: &'a Report) -> Self {
        let apps = report.apps.iter().map(|(name, app)| (name.as_str(), AppJson::of(app)));
        Self { apps: apps.collect(), chain: ChainJson::of(&report.chain) }
    }
}

impl<'a> AppJson<'a> {
    fn of(app: &'a App) -> Self {
        let later = |sources: &'a [SourceUse], fields: &'a [Field]| {
            Later(Box::new(move || entry(app, sources, fields)))
        };
        let tables = app.tables.iter();
        let stores = app.stores.iter();
        let diagnostics = app
            .diagnostics
            .iter()
            .map(|each| json!({"line": each.line, "column": each.column, "message": each.message}));
        Self {
            diagnostics: diagnostics.collect(),
            stores: stores.map(|it| (it.path.as_str(), later(&it.sources, &it.fields))).collect(),
            tables: tables.map(|it| (it.name.as_str(), later(&it.sources, &it.fields))).collect(),
        }
    }
}

impl<'a> ChainJson<'a> {
    fn of(chain: &'a Chain) -> Self {
        let edges = chain.edges.iter();
        let apps = chain.apps.iter().map(|(name, tables)| {
            let tables = tables.iter().map(|table| {
                let later = move || {
                    let fields = table.fields.iter();
                    let fields = fields.map(|(name, ends)| (name.clone(), ends_json(ends)));
                    table_json(unique(table.sources.iter().map(source_json)), fields.collect())
                };
                (table.name.as_str(), Later(Box::new(later)))
            });
            (name.as_str(), ChainAppJson { tables: tables.collect() })
        });
        Self {
            apps: apps.collect(),
            edges: edges
                .map(|edge| json!({"from": edge.from, "to": edge.to, "via": edge.via}))
                .collect(),
        }
    }
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
