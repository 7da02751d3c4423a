//! Connections, and the statements that are passed to them.

use std::rc::Rc;

use foldhash::{HashMap, HashSet};

use super::Machine;
use super::load::Read;
use crate::script::mask::mask;
use crate::script::model::{Connection, Field, Flow, Open, Relation, SourceId, Sources, origin};
use crate::script::outcome::{ReferenceKind, Resolution, Source, Status};
use crate::script::paths::{Connections, glob, property};
use crate::script::sql::{
    self, Catalogue, Passed, Select, SelectColumn, Sql, TableName, dialect_of,
};
use crate::script::statement::{ConnectKind, Pair, Prefix};

impl Machine<'_> {
    pub(super) fn connect(&mut self, kind: ConnectKind, target: &str) {
        let dialect = dialect_behind(kind, target, self.input.connections);
        let connection = Connection { name: connection_of(kind, target), dialect };
        self.state.flags.connections = Rc::new(vec![connection]);
    }

    /// `SQL …` or `SELECT …`.
    pub(super) fn sql(&mut self, label: Option<String>, prefixes: Vec<Prefix>, mut passed: Passed) {
        let connections = Rc::clone(&self.state.flags.connections);
        let first = connections.first();
        let dialect = first.and_then(|first| first.dialect);
        let known = KnownColumns { sources: &self.sources, columns: &self.catalogue, first };
        let name = first.map_or_else(|| "".into(), |first| Rc::clone(&first.name));
        let branch = self.forks > 0;
        let mut query = self.temporaries.read(&mut passed, dialect, &known, &name, branch);
        if let Sql::Select(Select { pair: Some((column, alias)), .. }) = &query
            && self.speaks_open_sql(first, column, alias)
        {
            let known = KnownColumns { sources: &self.sources, columns: &self.catalogue, first };
            query = sql::read(passed.text(), Some(sql::OPEN_SQL), &known);
        }
        let read = match query {
            Sql::Select(select) => self.selected(&select, &connections),
            // Its rows stay in the database; whoever labels it takes them for a result all the same.
            Sql::Made(select) => {
                let read = self.selected(&select, &connections);
                if label.is_none() && self.pending.is_empty() {
                    return;
                }
                read
            }
            Sql::Nothing(_) if label.is_none() && self.pending.is_empty() => return,
            Sql::Rest { columns, url } => self.rest(&columns, url.as_deref(), first),
            Sql::Procedure(reason) | Sql::Nothing(reason) => {
                let name = first.map_or("", |first| &*first.name).to_owned();
                self.refer(ReferenceKind::Connection, &name, Status::Unresolved(reason));
                if label.is_none() && self.pending.is_empty() {
                    return; // It gives nothing that could be seen.
                }
                let relation = Relation { any: Some(Rc::default()), ..Relation::default() };
                Read { relation, name: "SQL".to_owned(), ..Read::default() }
            }
        };
        self.feed(label, prefixes, None, read);
    }

    fn selected(&mut self, select: &Select, connections: &[Connection]) -> Read {
        let resolution = if select.fallback { Resolution::Fallback } else { self.site.resolution };
        if select.fallback {
            self.say("the SQL could not be parsed: tables are read tolerantly".to_owned());
        }
        for note in &select.notes {
            self.say(note.clone());
        }
        for unknown in &select.unknown {
            let reason = unknown.reason.clone();
            self.refer(ReferenceKind::Table, &unknown.name, Status::Unresolved(reason));
        }
        let is_folded = connections.first().is_none_or(|first| folds(first.dialect));
        let mut relation = Relation { is_folded, ..Relation::default() };
        let each: Vec<Option<&Connection>> = if connections.is_empty() {
            vec![None]
        } else {
            connections.iter().map(Some).collect()
        };
        let mut joins: HashMap<u32, u32> = HashMap::default();
        for connection in each {
            let ids: Vec<SourceId> = select
                .tables
                .iter()
                .map(|table| {
                    let source = table_source(connection, table);
                    let name = source.name().into_owned();
                    let id = self.sources.source(source);
                    let status = if name.contains("$(") {
                        Status::Unresolved("its name is known only at reload".to_owned())
                    } else {
                        Status::Resolved
                    };
                    self.refer(ReferenceKind::Table, &name, status);
                    let mut used = self.used(id);
                    used.resolution = resolution;
                    relation.sources.insert(id, used);
                    id
                })
                .collect();
            // A variable for a list of columns: any of those of the table.
            if let Some(column) = select.columns.iter().find(|column| is_list(column)) {
                self.notice(format!("what `{}` stands for is known only at reload", column.name));
                let named = select.columns.iter().filter(|column| !is_list(column));
                let named = named.map(|column| Rc::from(column.name.as_str())).collect();
                // Of which of several tables they are is not known.
                if let [only] = ids.as_slice() {
                    relation.add_open(Open::new(*only, resolution).without(&named));
                }
            }
            for column in select.columns.iter().filter(|column| !is_list(column)) {
                let mut sets = Vec::new();
                for (table, name) in column.origins.iter() {
                    if name.is_empty() || glob::is_unresolved(name) {
                        continue;
                    }
                    let Some(&id) = ids.get(*table) else { continue };
                    sets.push(self.sources.single(id, None, name));
                    if !select.fallback {
                        self.catalogue.insert((id, name.to_lowercase()));
                    }
                }
                let flow = Flow {
                    origins: origin::union(&sets),
                    expression: column.expression.as_deref().map(|text| mask(text).into()),
                    via: Rc::default(),
                    resolution,
                };
                let name: Rc<str> = column.name.as_str().into();
                relation.fields.merge(&name, &Field::of(vec![flow]));
            }
            for star in &select.stars {
                let Some(&id) = ids.get(star.table) else { continue };
                let mut open = Open::new(id, resolution);
                open.side = star.side.map(|(join, side)| {
                    let number = *joins.entry(join).or_insert_with(|| self.new_join());
                    (number, side)
                });
                let named = select.columns.iter().map(|column| column.name.as_str());
                let except = star.except.iter().map(String::as_str).chain(named);
                let except = except.map(Rc::from).collect();
                relation.add_open(open.without(&except));
            }
        }
        if select.columns.is_empty() && select.stars.is_empty() {
            relation.any = Some(Rc::default());
        }
        let name = select.first.clone().unwrap_or_else(|| "SQL".to_owned());
        Read { relation, name, ..Read::default() }
    }

    /// A statement of the REST connector: the connection itself is the source.
    fn rest(
        &mut self,
        columns: &[(String, String)],
        url: Option<&str>,
        connection: Option<&Connection>,
    ) -> Read {
        let name = connection.map_or("REST", |connection| &*connection.name).to_owned();
        let source = Source::Connection { connection: name.clone(), url: url.map(str::to_owned) };
        let id = self.sources.source(source);
        self.refer(ReferenceKind::Connection, &name, Status::Resolved);
        let mut relation = Relation::default();
        relation.sources.insert(id, self.used(id));
        for (name, column) in columns {
            let origins = self.sources.single(id, None, column);
            let flow = Flow::new(origins, self.site.resolution);
            relation.fields.set(name.as_str().into(), Field::of(vec![flow]));
        }
        Read { relation, name, ..Read::default() }
    }

    /// `DIRECT QUERY`: fields of one table that stay in the database.
    pub(super) fn direct_query(&mut self, label: Option<String>, fields: &[Pair], table: &str) {
        let connections = Rc::clone(&self.state.flags.connections);
        let known = KnownColumns {
            sources: &self.sources,
            columns: &self.catalogue,
            first: connections.first(),
        };
        let text = format!("SELECT * FROM {table}");
        let Sql::Select(select) = sql::read(&text, None, &known) else { return };
        let mut read = self.selected(&select, &connections);
        let mut output = Relation { sources: read.relation.sources.clone(), ..Relation::default() };
        let lookup = super::resolve::Lookup::new(&read.relation);
        for Pair { from, to } in fields {
            let flows = match native(from) {
                Some(expression) => {
                    let flows = self.native_flows(&expression, table, &connections);
                    flows.unwrap_or_default()
                }
                None => self.field_flows(&lookup, from).unwrap_or_default(),
            };
            output.fields.set(to.as_str().into(), Field { flows, comment: None });
        }
        drop(lookup);
        read.relation = output;
        self.feed(label, Vec::new(), None, read);
    }

    fn native_flows(
        &mut self,
        expression: &str,
        table: &str,
        connections: &[Connection],
    ) -> Option<Rc<Vec<Flow>>> {
        let known = KnownColumns {
            sources: &self.sources,
            columns: &self.catalogue,
            first: connections.first(),
        };
        let text = format!("SELECT {expression} AS made FROM {table}");
        let Sql::Select(select) = sql::read(&text, None, &known) else { return None };
        let read = self.selected(&select, connections);
        read.relation.fields.get("made").map(|field| Rc::clone(&field.flows))
    }
}

/// Name of a connection by what a statement says of it.
pub(super) fn connection_of(kind: ConnectKind, target: &str) -> Rc<str> {
    if kind == ConnectKind::Lib {
        return target.into();
    }
    // `ODBC CONNECT TO [Name;DBQ=x]`: the data source's name.
    let dsn = property(target, "dsn").or_else(|| {
        let first = target.split(';').next().unwrap_or_default().trim();
        (kind == ConnectKind::Odbc && !first.contains('=') && !first.is_empty())
            .then(|| first.to_owned())
    });
    dsn.unwrap_or_else(|| mask(target)).into()
}

/// Dialect of what a statement connects to.
pub(super) fn dialect_behind(
    kind: ConnectKind,
    target: &str,
    connections: &Connections,
) -> Option<&'static str> {
    if kind != ConnectKind::Lib {
        return dialect_of(target);
    }
    // `Space:Name`
    let in_space = || target.split_once(':').and_then(|(_, name)| connections.find(name));
    let known = connections.find(target).or_else(in_space)?;
    dialect_of(&format!("{} {}", known.kind, known.text))
}

/// The expression in `native('…')`, which the database computes.
fn native(text: &str) -> Option<String> {
    let inner = text.get(.."native".len()).filter(|word| word.eq_ignore_ascii_case("native"));
    let rest = text.get(inner?.len()..)?.trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    Some(rest.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'"))
}

/// Whether a database returns names in letters of its own; one that is not known may.
fn folds(dialect: Option<&str>) -> bool {
    const FOLDING: [&str; 7] =
        ["oracle", "snowflake", "db2", "hana", "postgres", "redshift", "informix"];
    dialect.is_none_or(|dialect| FOLDING.contains(&dialect))
}

/// Whether it is nothing but a variable that is not known: it may hold several columns.
fn is_list(column: &SelectColumn) -> bool {
    let name = &column.name;
    let is_variable = name.starts_with("$(") && name.find(')') == Some(name.len() - 1);
    is_variable && column.expression.is_none()
}

fn table_source(connection: Option<&Connection>, table: &TableName) -> Source {
    Source::Table {
        connection: connection.map(|connection| connection.name.to_string()),
        // The languages of applications are no dialects of a database.
        dialect: connection
            .and_then(|connection| connection.dialect)
            .filter(|it| ![sql::OPEN_SQL, sql::SOQL].contains(it))
            .map(str::to_owned),
        database: table.database.clone(),
        schema: table.schema.clone(),
        table: table.table.clone(),
    }
}

/// Columns that statements so far took from the tables of the first connection.
struct KnownColumns<'a> {
    sources: &'a Sources,
    columns: &'a HashSet<(SourceId, String)>,
    first: Option<&'a Connection>,
}

impl Catalogue for KnownColumns<'_> {
    fn has(&self, table: &TableName, column: &str) -> bool {
        let id = self.sources.find(&table_source(self.first, table));
        id.is_some_and(|id| self.columns.contains(&(id, column.to_lowercase())))
    }
}
