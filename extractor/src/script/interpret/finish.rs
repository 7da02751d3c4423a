//! The machine's state at the end → what is reported.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::{HashMap, HashSet};

use super::Machine;
use super::registry::ACCESS_MARK;
use super::versions::Versions;
use crate::script::model::origin::MAX_ORIGINS;
use crate::script::model::{self, MAX_FLOWS, Relation, SourceId, Sources, StoredFile};
use crate::script::outcome::{App, Field, Flow, Origin, SourceUse, Store, Table};

impl Machine<'_> {
    pub(super) fn finish(mut self) -> App {
        self.drop_pending();
        let mut stores: BTreeMap<Rc<str>, Rc<StoredFile>> = self
            .state
            .stores
            .iter()
            .map(|(key, stored)| (Rc::clone(key), Rc::clone(stored)))
            .collect();
        for (key, stored) in std::mem::take(&mut self.lost_stores) {
            match stores.entry(key) {
                Entry::Occupied(mut there) => {
                    Rc::make_mut(there.get_mut()).relation.union(&stored.relation);
                }
                Entry::Vacant(free) => {
                    free.insert(stored);
                }
            }
        }
        let settled = self.settle(&mut stores);
        let order = self.table_order();
        let last: HashSet<&str> = order.iter().map(|name| &**name).collect();
        let mut shown = Shown {
            sources: &self.sources,
            versions: &self.versions,
            last,
            indices: HashMap::default(),
            statements: HashMap::default(),
            app: App::default(),
        };
        if let Some(id) = self.state.flags.binary {
            let table = shown.binary(id, self.uses.get(&id));
            shown.app.tables.push(table);
        }
        for name in &order {
            let Some(table) = self.state.tables.get(&**name) else { continue };
            let relation = settled.get(name).unwrap_or(&table.relation);
            let mut fields = shown.fields(relation, name);
            for field in &mut fields {
                field.comment = self.field_comments.get(&field.name).cloned();
            }
            let sources = shown.uses(relation, name);
            shown.app.tables.push(Table {
                name: name.to_string(),
                fields,
                sources,
                statements: table.statements.iter().map(|text| text.to_string()).collect(),
                comment: self.table_comments.get(&**name).cloned(),
                conditional: !table.certain,
            });
        }
        let mut stores: Vec<(Rc<str>, Rc<StoredFile>)> = stores.into_iter().collect();
        stores.sort_by_key(|(_, stored)| stored.order);
        for (normalised, stored) in stores {
            let fields = shown.fields(&stored.relation, "");
            let sources = shown.uses(&stored.relation, "");
            shown.app.stores.push(Store {
                path: stored.path.to_string(),
                normalised: normalised.to_string(),
                format: stored.format.as_ref().map(|format| format.to_string()),
                table: stored.table.trim_start_matches(ACCESS_MARK).to_owned(),
                fields,
                sources,
                statement: stored.statement.to_string(),
                line: stored.line,
            });
        }
        let mut app = shown.app;
        app.has_section_access = self.state.flags.has_section_access;
        app.references = self.references;
        self.diagnostics.sort_by_key(|each| (each.line, each.column));
        app.diagnostics = self.diagnostics;
        app.derived_fields = self.derived;
        app
    }
}

impl Machine<'_> {
    /// Puts in what states of files are made of that the script no longer has: into the stores, and
    /// into the tables that are returned.
    fn settle(
        &mut self,
        stores: &mut BTreeMap<Rc<str>, Rc<StoredFile>>,
    ) -> HashMap<Rc<str>, Relation> {
        let mut settled = self.versions.settled(&mut self.sources);
        let mut tables = HashMap::default();
        if settled.is_empty() {
            return tables;
        }
        for (name, table) in self.state.tables.iter() {
            if let Some(relation) = settled.relation(&table.relation, &mut self.sources) {
                tables.insert(Rc::clone(name), relation);
            }
        }
        for stored in stores.values_mut() {
            if let Some(relation) = settled.relation(&stored.relation, &mut self.sources) {
                Rc::make_mut(stored).relation = relation;
            }
        }
        tables
    }
}

struct Shown<'a> {
    sources: &'a Sources,
    versions: &'a Versions,
    /// Names of the tables that are left.
    last: HashSet<&'a str>,
    indices: HashMap<SourceId, usize>,
    /// Statements by where they are in memory: one may read thousands of sources.
    statements: HashMap<*const u8, Arc<str>>,
    app: App,
}

impl Shown<'_> {
    fn source(&mut self, id: SourceId) -> Option<usize> {
        let id = self.versions.file(id);
        if let Some(&index) = self.indices.get(&id) {
            return Some(index);
        }
        let source = self.sources.get(id)?.clone();
        let index = self.app.sources.len();
        self.app.sources.push(source);
        self.indices.insert(id, index);
        Some(index)
    }

    /// Temporary tables on the way.
    fn via(&self, via: &std::collections::BTreeSet<Rc<str>>, own: &str) -> Vec<String> {
        via.iter()
            .map(|name| name.trim_start_matches(ACCESS_MARK))
            .filter(|name| *name != own && !self.last.contains(name))
            .map(str::to_owned)
            .collect()
    }

    fn flow(&mut self, flow: &model::Flow, own: &str) -> Flow {
        let sources = self.sources;
        let mut origins: Vec<Origin> = flow
            .origins
            .iter()
            .filter_map(|&id| sources.column_of(id))
            .filter_map(|column| {
                Some(Origin {
                    source: self.source(column.source)?,
                    table: column.table.as_ref().map(|table| table.to_string()),
                    column: column.name.to_string(),
                })
            })
            .collect();
        origins.sort();
        origins.dedup();
        Flow {
            origins,
            expression: flow.expression.as_ref().map(|text| text.to_string()),
            via: self.via(&flow.via, own),
            resolution: flow.resolution,
        }
    }

    /// The way of a name through columns that are not known by name.
    fn open_flow(&mut self, open: &model::Open, name: &str, own: &str) -> Option<Flow> {
        if open.side.is_some() {
            return None;
        }
        let column = open.column(name)?.to_owned();
        let source = self.source(open.source)?;
        let table = open.table.as_ref().map(|table| table.to_string());
        Some(Flow {
            origins: vec![Origin { source, table, column }],
            expression: None,
            via: self.via(&open.via, own),
            resolution: open.resolution,
        })
    }

    fn fields(&mut self, relation: &Relation, own: &str) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for (name, field) in relation.fields.iter() {
            let mut flows: Vec<Flow> =
                field.flows.iter().map(|flow| self.flow(flow, own)).collect();
            if field.is_plain() {
                // Columns that are not known by name may add to it.
                for open in relation.opens.values().take(MAX_ORIGINS) {
                    flows.extend(self.open_flow(open, name, own));
                }
            }
            self.each_once(&mut flows);
            fields.push(Field { name: name.to_string(), flows, comment: None });
        }
        // What is not known by name.
        let mut rest: Vec<Flow> = Vec::new();
        for open in relation.opens.values() {
            let Some(source) = self.source(open.source) else { continue };
            let table = open.table.as_ref().map(|table| table.to_string());
            rest.push(Flow {
                origins: vec![Origin { source, table, column: "*".to_owned() }],
                expression: None,
                via: self.via(&open.via, own),
                resolution: open.resolution,
            });
        }
        if let Some(any) = relation.any.as_ref().filter(|any| !any.is_empty()) {
            rest.extend(any.iter().map(|flow| self.flow(flow, own)));
        }
        self.each_once(&mut rest);
        if !rest.is_empty() {
            match fields.iter_mut().find(|field| field.name == "*") {
                Some(star) => star.flows.append(&mut rest),
                None => fields.push(Field { name: "*".to_owned(), flows: rest, comment: None }),
            }
        }
        fields
    }

    /// Files that were read in several states are one file.
    fn each_once(&self, flows: &mut Vec<Flow>) {
        if self.versions.is_empty() || flows.len() > 2 * MAX_FLOWS {
            return;
        }
        let mut once: Vec<Flow> = Vec::with_capacity(flows.len());
        for flow in flows.drain(..) {
            if !once.contains(&flow) {
                once.push(flow);
            }
        }
        *flows = once;
    }

    fn uses(&mut self, relation: &Relation, own: &str) -> Vec<SourceUse> {
        let mut uses: Vec<SourceUse> = Vec::new();
        // A file may have been read in several states.
        let mut seen = HashSet::default();
        for (id, used) in &relation.sources {
            uses.extend(self.used(*id, used, own).filter(|it| seen.insert(it.source)));
        }
        uses.sort_by_key(|used| (used.line, used.source));
        uses
    }

    fn used(&mut self, id: SourceId, used: &model::Use, own: &str) -> Option<SourceUse> {
        let at = Rc::as_ptr(&used.statement).cast();
        let statement = self.statements.entry(at).or_insert_with(|| (&*used.statement).into());
        let statement = Arc::clone(statement);
        Some(SourceUse {
            source: self.source(id)?,
            statement,
            line: used.line,
            via: self.via(&used.via, own),
            resolution: used.resolution,
            evidence: used.evidence,
        })
    }

    /// The tables that `BINARY` brings in: one table `*`.
    fn binary(&mut self, id: SourceId, used: Option<&model::Use>) -> Table {
        let sources: Vec<SourceUse> =
            used.and_then(|used| self.used(id, used, "*")).into_iter().collect();
        let origins = self
            .source(id)
            .map(|source| Origin { source, table: None, column: "*".to_owned() })
            .into_iter()
            .collect();
        let flow = Flow { origins, ..Flow::default() };
        Table {
            name: "*".to_owned(),
            fields: vec![Field { name: "*".to_owned(), flows: vec![flow], comment: None }],
            statements: used.map(|used| used.statement.to_string()).into_iter().collect(),
            sources,
            ..Table::default()
        }
    }
}
