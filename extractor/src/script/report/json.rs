//! The report as JSON, in the shape that the command documents. It is written from the report as it
//! is: as a tree of values the report of a long script would take a gigabyte, and most of the time.
//! Names of one object are in the order of the alphabet, each once.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::io::{self, Write};

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::chain::{Edge, Follower};
use super::{Ends, Report};
use crate::script::lex::part;
use crate::script::outcome::{App, Diagnostic, Field, Source, SourceUse, Table};

impl Report {
    /// `{"apps": {name: {"tables", "stores", "diagnostics"}}, "chain": {"edges", "apps"}}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let follower = RefCell::new(Follower::new(&self.apps, &self.files));
        serde_json::to_value(ReportJson::of(self, &follower)).unwrap_or_default()
    }

    /// Writes the same as text.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write_json(&self, out: &mut impl Write) -> io::Result<()> {
        let follower = RefCell::new(Follower::new(&self.apps, &self.files));
        serde_json::to_writer_pretty(&mut *out, &ReportJson::of(self, &follower))?;
        writeln!(out)
    }
}

#[derive(Serialize)]
struct ReportJson<'a, 'f> {
    apps: BTreeMap<&'a str, AppJson<'a>>,
    chain: ChainJson<'a, 'f>,
}

#[derive(Serialize)]
struct AppJson<'a> {
    diagnostics: Vec<DiagnosticJson<'a>>,
    stores: BTreeMap<&'a str, Entry<'a>>,
    tables: BTreeMap<&'a str, Entry<'a>>,
}

#[derive(Serialize)]
struct DiagnosticJson<'a> {
    column: u32,
    line: u32,
    message: Cow<'a, str>,
}

#[derive(Serialize)]
struct ChainJson<'a, 'f> {
    apps: BTreeMap<&'a str, ChainAppJson<'a, 'f>>,
    edges: Vec<EdgeJson<'a>>,
}

#[derive(Serialize)]
struct ChainAppJson<'a, 'f> {
    tables: BTreeMap<&'a str, ChainEntry<'a, 'f>>,
}

#[derive(Serialize)]
struct EdgeJson<'a> {
    from: &'a str,
    to: &'a str,
    via: &'a str,
}

/// A table: what is in it is made when it is written.
#[derive(Serialize)]
struct TableJson<'a, O: Serialize> {
    fields: BTreeMap<&'a str, O>,
    sources: Vec<SourceJson<'a>>,
}

#[derive(Serialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
enum SourceJson<'a> {
    Table { connection: Option<&'a str>, kind: &'static str, name: Cow<'a, str> },
    File { kind: &'static str, path: &'a str },
    App { id: &'a str, kind: &'static str },
}

#[derive(Serialize, PartialEq, Eq, Hash)]
struct OriginJson<'a> {
    column: &'a str,
    source: Cow<'a, str>,
}

/// A table or store of an app.
struct Entry<'a> {
    app: &'a App,
    sources: &'a [SourceUse],
    fields: &'a [Field],
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sources = self.sources.iter().filter_map(|used| self.app.sources.get(used.source));
        let fields =
            self.fields.iter().map(|field| (field.name.as_str(), Origins(self.app, field)));
        let sources = unique(sources.map(SourceJson::of));
        TableJson { fields: fields.collect(), sources }.serialize(serializer)
    }
}

/// Origins of a field.
struct Origins<'a>(&'a App, &'a Field);

impl Serialize for Origins<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let origins = self.1.flows.iter().flat_map(|flow| &flow.origins);
        let origins = origins.filter_map(|origin| {
            let source = name(self.0.sources.get(origin.source)?);
            Some(OriginJson { column: &origin.column, source })
        });
        unique(origins).serialize(serializer)
    }
}

/// A table with its far ends, which are found when it is written.
struct ChainEntry<'a, 'f> {
    app: &'a App,
    table: &'a Table,
    follower: &'f RefCell<Follower<'a>>,
}

impl Serialize for ChainEntry<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = self.follower.borrow_mut().table(self.app, self.table);
        let fields = table.fields.iter().map(|(name, ends)| (*name, EndsJson(ends)));
        let sources = unique(table.sources.iter().map(|source| SourceJson::of(source)));
        TableJson { fields: fields.collect(), sources }.serialize(serializer)
    }
}

/// Far ends of a field.
struct EndsJson<'a>(&'a Ends<'a>);

impl Serialize for EndsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let ends = self.0.iter();
        let ends = ends.map(|(source, column)| OriginJson { column, source: name(source) });
        unique(ends).serialize(serializer)
    }
}

impl<'a, 'f> ReportJson<'a, 'f> {
    fn of(report: &'a Report, follower: &'f RefCell<Follower<'a>>) -> Self {
        let apps = report.apps.iter().map(|(name, app)| (name.as_str(), AppJson::of(app)));
        let chained = report.apps.iter().map(|(name, app)| {
            let tables = app.tables.iter();
            let tables =
                tables.map(|table| (table.name.as_str(), ChainEntry { app, table, follower }));
            (name.as_str(), ChainAppJson { tables: tables.collect() })
        });
        let edges = report.edges.iter().map(|Edge { from, to, via }| EdgeJson { from, to, via });
        let chain = ChainJson { apps: chained.collect(), edges: edges.collect() };
        Self { apps: apps.collect(), chain }
    }
}

impl<'a> AppJson<'a> {
    fn of(app: &'a App) -> Self {
        let stores = app
            .stores
            .iter()
            .map(|it| (it.path.as_str(), Entry { app, sources: &it.sources, fields: &it.fields }));
        let tables = app
            .tables
            .iter()
            .map(|it| (it.name.as_str(), Entry { app, sources: &it.sources, fields: &it.fields }));
        let mut diagnostics: Vec<DiagnosticJson<'_>> =
            app.diagnostics.iter().map(DiagnosticJson::of).collect();
        diagnostics.extend(app.open_references().map(|it| DiagnosticJson {
            column: it.column,
            line: it.line,
            message: Cow::Owned(it.message),
        }));
        diagnostics.extend(app.tables.iter().filter(|table| table.conditional).map(|table| {
            let line = table.sources.first().map_or(1, |used| used.line);
            let message = format!("only a reload tells whether table `{}` is there", table.name);
            DiagnosticJson { column: 1, line, message: Cow::Owned(message) }
        }));
        diagnostics.sort_by_key(|it| (it.line, it.column));
        Self { diagnostics, stores: stores.collect(), tables: tables.collect() }
    }
}

impl<'a> DiagnosticJson<'a> {
    fn of(it: &'a Diagnostic) -> Self {
        Self { column: it.column, line: it.line, message: Cow::Borrowed(&it.message) }
    }
}

impl<'a> SourceJson<'a> {
    fn of(source: &'a Source) -> Self {
        match source {
            Source::Table { connection, .. } => {
                Self::Table { connection: connection.as_deref(), kind: "table", name: name(source) }
            }
            // What a connection without tables gives is told by the address.
            Source::Connection { connection, .. } => {
                Self::Table { connection: Some(connection), kind: "table", name: name(source) }
            }
            Source::File { path, .. } => Self::File { kind: "file", path },
            Source::App { id } => Self::App { id, kind: "app" },
        }
    }
}

/// Name of a source; of what a connection without tables gives, its address without parameters:
/// those change from page to page.
fn name(source: &Source) -> Cow<'_, str> {
    match source {
        Source::Connection { url: Some(url), .. } => {
            let end = url.find(['?', '#']).unwrap_or(url.len());
            part(url, 0, end).into()
        }
        _ => source.name(),
    }
}

/// Each value once, in order.
fn unique<T: Eq + Hash>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.collect();
    if values.len() > 1 {
        let mut seen = HashSet::new();
        let fresh: Vec<bool> = values.iter().map(|value| seen.insert(value)).collect();
        let mut fresh = fresh.into_iter();
        values.retain(|_| fresh.next().unwrap_or(true));
    }
    values
}
