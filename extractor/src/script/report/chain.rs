//! Sources followed through files and apps to their ends.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use foldhash::{HashMap, HashSet};

use super::files::Files;
use crate::script::outcome::{App, Field, Origin, Source, Table};

/// Data goes from one app to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    /// App that stores the file, or whose model is taken in.
    pub from: String,
    /// App that reads it.
    pub to: String,
    /// The file's path as it is stored, or the app as `BINARY` names it.
    pub via: String,
}

/// A table with its sources at the far ends.
#[derive(Clone, Debug, PartialEq)]
pub struct ChainTable<'a> {
    /// Name.
    pub name: &'a str,
    /// Sources that no analysed script makes.
    pub sources: BTreeSet<&'a Source>,
    /// Fields and the columns of such sources that flow in.
    pub fields: Vec<(&'a str, Ends<'a>)>,
}

/// Columns of sources that no analysed script makes; `*` for all that are not named.
pub type Ends<'a> = BTreeSet<(&'a Source, &'a str)>;

/// Most columns that one field is followed through.
const MAX_STEPS: usize = 100_000;

/// Which app reads what another stores, or takes its model in.
pub(super) fn edges(apps: &[(String, App)], files: &Files) -> Vec<Edge> {
    let mut edges = BTreeSet::new();
    let name = |index: usize| apps.get(index).map_or("", |(name, _)| name.as_str());
    for (index, (to, app)) in apps.iter().enumerate() {
        for source in &app.sources {
            match source {
                Source::File { normalised, .. } => {
                    for (from, store) in files.stores(normalised) {
                        let via = apps.get(from).and_then(|(_, app)| app.stores.get(store));
                        if let Some(via) = via.filter(|_| from != index) {
                            edges.insert(Edge {
                                from: name(from).to_owned(),
                                to: to.clone(),
                                via: via.path.clone(),
                            });
                        }
                    }
                }
                Source::App { id } => {
                    if let Some(from) = files.app_index(id).filter(|&from| from != index) {
                        edges.insert(Edge {
                            from: name(from).to_owned(),
                            to: to.clone(),
                            via: id.clone(),
                        });
                    }
                }
                Source::Table { .. } | Source::Connection { .. } => {}
            }
        }
    }
    edges.into_iter().collect()
}

/// A column on the way.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Node<'a> {
    source: &'a Source,
    /// Table within an app.
    table: Option<&'a str>,
    /// Name; `*` for any column.
    column: &'a str,
    /// Where `*` is only those that a table or store has beside its named fields: which one.
    beside: Option<Fields<'a>>,
}

/// Fields of one table or store, told from others by where they are.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [Field]);

impl PartialEq for Fields<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Fields<'_> {}

impl Hash for Fields<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self.0, state);
    }
}

pub(super) struct Follower<'a> {
    pub(super) apps: &'a [(String, App)],
    pub(super) files: &'a Files,
    /// Fields by name, of each table and store that was looked into.
    named: HashMap<Fields<'a>, HashMap<&'a str, &'a Field>>,
    /// Names that each table and store knows of what it reads: of its fields, and of the columns
    /// that they come from.
    known: HashMap<Fields<'a>, HashSet<&'a str>>,
    memo: HashMap<Node<'a>, Ends<'a>>,
    /// The source that was asked for last, and whether no script makes it.
    last: Option<(&'a Source, bool)>,
    pub(super) sources: HashMap<&'a Source, BTreeSet<&'a Source>>,
}

impl<'a> Follower<'a> {
    pub(super) fn new(apps: &'a [(String, App)], files: &'a Files) -> Self {
        Self {
            apps,
            files,
            named: HashMap::default(),
            known: HashMap::default(),
            memo: HashMap::default(),
            last: None,
            sources: HashMap::default(),
        }
    }

    /// A table of one of the apps.
    pub(super) fn table(&mut self, app: &'a App, table: &'a Table) -> ChainTable<'a> {
        let mut fields: BTreeMap<&'a str, Ends<'a>> = BTreeMap::new();
        let mut order: Vec<&'a str> = Vec::new();
        for field in &table.fields {
            // What `BINARY` brings of a known app has names there.
            for (name, node) in self.named_fields(app, Fields(&table.fields), field) {
                if !fields.contains_key(name) {
                    order.push(name);
                }
                let ends = node.map(|node| self.ends(node)).unwrap_or_default();
                fields.entry(name).or_default().extend(ends);
            }
        }
        let mut taken: HashMap<usize, Vec<&'a Origin>> = HashMap::default();
        let flows = table.fields.iter().flat_map(|field| &field.flows);
        for origin in flows.flat_map(|flow| &flow.origins) {
            taken.entry(origin.source).or_default().push(origin);
        }
        let mut sources: BTreeSet<&'a Source> = BTreeSet::new();
        for used in &table.sources {
            let Some(source) = app.sources.get(used.source) else { continue };
            let origins = taken.get(&used.source).map(Vec::as_slice).unwrap_or_default();
            sources.extend(self.source_ends(app, source, origins));
        }
        for ends in fields.values() {
            sources.extend(ends.iter().map(|(source, _)| *source));
        }
        let fields =
            order.into_iter().map(|name| (name, fields.remove(name).unwrap_or_default())).collect();
        ChainTable { name: &table.name, sources, fields }
    }

    /// A field's origins under the names that the field has at the end.
    fn named_fields(
        &self,
        app: &'a App,
        fields: Fields<'a>,
        field: &'a Field,
    ) -> Vec<(&'a str, Option<Node<'a>>)> {
        let mut named: Vec<(&'a str, Option<Node<'a>>)> = Vec::new();
        for origin in field.flows.iter().flat_map(|flow| &flow.origins) {
            let Some(node) = node(app, fields, field, origin) else { continue };
            if let (Source::App { id }, None, "*", "*") =
                (node.source, node.table, node.column, field.name.as_str())
            {
                let known = self.files.app_index(id).and_then(|index| self.apps.get(index));
                if let Some((_, other)) = known {
                    for table in &other.tables {
                        for inner in &table.fields {
                            let (table, column) = (Some(table.name.as_str()), inner.name.as_str());
                            let node = Node { table, column, beside: None, ..node };
                            named.push((column, Some(node)));
                        }
                    }
                    continue;
                }
            }
            named.push((&field.name, Some(node)));
        }
        if named.is_empty() {
            named.push((&field.name, None));
        }
        named
    }

    /// Columns at the far ends that flow into a column.
    fn ends(&mut self, start: Node<'a>) -> Ends<'a> {
        if self.is_end(start.source) {
            return BTreeSet::from([(start.source, start.column)]);
        }
        if let Some(known) = self.memo.get(&start) {
            return known.clone();
        }
        let mut ends = BTreeSet::new();
        let mut seen: HashSet<Node<'a>> = HashSet::from_iter([start]);
        let mut todo = vec![start];
        let mut cycle = false;
        let mut made_here = false;
        while let Some(node) = todo.pop() {
            match self.step(node) {
                None => {
                    ends.insert((node.source, node.column));
                }
                Some((next, made)) => {
                    made_here |= made || next.is_empty();
                    for node in next {
                        if seen.len() < MAX_STEPS && seen.insert(node) {
                            todo.push(node);
                        } else {
                            cycle = true;
                        }
                    }
                }
            }
        }
        if ends.is_empty() && cycle && !made_here {
            // A file that is made of nothing but itself is its own end.
            ends.insert((start.source, start.column));
        }
        self.memo.insert(start, ends.clone());
        ends
    }

    /// Whether no script makes a source, whatever the column. Asked for most of the columns there
    /// are, so the answer for the last source is kept.
    fn is_end(&mut self, source: &'a Source) -> bool {
        if let Some((last, is_end)) = self.last
            && std::ptr::eq(last, source)
        {
            return is_end;
        }
        let is_end = match source {
            Source::File { normalised, .. } => self.files.stores(normalised).is_empty(),
            Source::App { id } => self.files.app_index(id).is_none(),
            Source::Table { .. } | Source::Connection { .. } => true,
        };
        self.last = Some((source, is_end));
        is_end
    }

    /// Columns one step nearer to the ends, and whether the script makes values itself, of none or
    /// besides; `None` for an end.
    fn step(&mut self, node: Node<'a>) -> Option<(Vec<Node<'a>>, bool)> {
        let Node { source, table, .. } = node;
        let apps = self.apps;
        let mut next = Vec::new();
        let (mut found, mut made) = (false, false);
        match source {
            Source::File { normalised, .. } => {
                for (index, position) in self.files.stores(normalised) {
                    let Some((_, app)) = apps.get(index) else { continue };
                    let Some(store) = app.stores.get(position) else { continue };
                    found |= self.columns(app, Fields(&store.fields), node, &mut next, &mut made);
                }
            }
            Source::App { id } => {
                let index = self.files.app_index(id)?;
                let (_, app) = apps.get(index)?;
                for other in &app.tables {
                    if table.is_none_or(|table| table == other.name) {
                        found |=
                            self.columns(app, Fields(&other.fields), node, &mut next, &mut made);
                    }
                }
            }
            Source::Table { .. } | Source::Connection { .. } => {}
        }
        found.then_some((next, made))
    }

    /// Adds the origins of a column among fields; whether the fields have it.
    fn columns(
        &mut self,
        app: &'a App,
        fields: Fields<'a>,
        wanted: Node<'a>,
        next: &mut Vec<Node<'a>>,
        made: &mut bool,
    ) -> bool {
        let mut add = |field: &'a Field, name: Option<&'a str>| {
            *made |= field.flows.iter().any(|flow| flow.origins.is_empty());
            for origin in field.flows.iter().flat_map(|flow| &flow.origins) {
                if let Some(node) = node(app, fields, field, origin) {
                    next.push(match name.filter(|_| node.column == "*") {
                        Some(column) => Node { column, beside: None, ..node },
                        None => node,
                    });
                }
            }
        };
        if wanted.column == "*" {
            let is_told = wanted.beside.is_some_and(|reader| self.is_told(reader, fields));
            for field in fields.0 {
                // Its other fields are fields of the reader, too, under their names.
                if !is_told || field.name == "*" {
                    add(field, None);
                }
            }
            return !fields.0.is_empty();
        }
        let named = self
            .named
            .entry(fields)
            .or_insert_with(|| fields.0.iter().map(|field| (field.name.as_str(), field)).collect());
        match (named.get(wanted.column), named.get("*")) {
            (Some(field), _) => add(field, None),
            (None, Some(star)) => add(star, Some(wanted.column)),
            (None, None) => return false,
        }
        true
    }

    /// Whether the reader of a file or app knows its fields by name. In a chain that is longer than
    /// is followed it does not: then it knows none of them.
    fn is_told(&mut self, reader: Fields<'a>, fields: Fields<'a>) -> bool {
        let known = self.known.entry(reader).or_insert_with(|| {
            let origins = |field: &'a Field| field.flows.iter().flat_map(|flow| &flow.origins);
            let columns = reader.0.iter().flat_map(origins).map(|origin| origin.column.as_str());
            let names = reader.0.iter().map(|field| field.name.as_str());
            columns.chain(names).filter(|name| *name != "*").collect()
        });
        fields.0.iter().any(|field| known.contains(field.name.as_str()))
    }

    /// Far ends of a source of which a table takes these columns: of those columns; of all when it
    /// takes all, or none by name.
    fn source_ends(
        &mut self,
        app: &'a App,
        source: &'a Source,
        origins: &[&'a Origin],
    ) -> BTreeSet<&'a Source> {
        let taken: BTreeSet<&'a str> =
            origins.iter().map(|origin| origin.column.as_str()).collect();
        let all = taken.is_empty()
            || taken.contains("*")
            || self.offered(source).iter().all(|name| taken.contains(name));
        if all {
            return self.all_ends(source);
        }
        let mut ends = BTreeSet::new();
        for origin in origins {
            if let Some(node) = column(app, origin) {
                ends.extend(self.ends(node).into_iter().map(|(source, _)| source));
            }
        }
        ends
    }
}

/// The column that an origin names; `*`: any column.
fn column<'a>(app: &'a App, origin: &'a Origin) -> Option<Node<'a>> {
    let source = app.sources.get(origin.source)?;
    let (table, column) = (origin.table.as_deref(), origin.column.as_str());
    Some(Node { source, table, column, beside: None })
}

/// An origin of one of several fields.
fn node<'a>(
    app: &'a App,
    fields: Fields<'a>,
    field: &'a Field,
    origin: &'a Origin,
) -> Option<Node<'a>> {
    let beside = (field.name == "*" && origin.column == "*").then_some(fields);
    Some(Node { beside, ..column(app, origin)? })
}
