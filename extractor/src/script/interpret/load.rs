//! `LOAD`: reads a source and feeds the loads above it.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Machine, Pending};
use crate::script::eval::{self, Value};
use crate::script::limits;
use crate::script::model::{
    Field, Flow, Open, Relation, Rows, SourceId, Through, Use, rows, union_via,
};
use crate::script::outcome::{ReferenceKind, Source, Status};
use crate::script::paths::{base_name, format_of, glob};
use crate::script::statement::{FileFormat, InlineData, ItemKind, Load, LoadSource, Prefix};

/// What a source gives.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) relation: Relation,
    /// Sources of a table of the model: they count when their values are taken.
    pub(super) latent: BTreeMap<SourceId, Use>,
    /// Name of the result when it has no label.
    pub(super) name: String,
}

impl Machine<'_> {
    pub(super) fn load(&mut self, label: Option<String>, prefixes: Vec<Prefix>, load: &Load) {
        let read = self.read_source(&load.source);
        self.feed(label, prefixes, Some(load), read);
    }

    /// Takes what was read through its own field list and the preceding loads, and puts the result
    /// into the model.
    pub(super) fn feed(
        &mut self,
        label: Option<String>,
        prefixes: Vec<Prefix>,
        own: Option<&Load>,
        read: Read,
    ) {
        let Read { mut relation, latent, name } = read;
        self.candidates.clear();
        let mut everything = true;
        if let Some(load) = own {
            everything &= has_star(load);
            relation = self.project(load, relation);
        }
        let mut text = Rc::clone(&self.site.text);
        let (mut label, mut prefixes) = (label, prefixes);
        let site = self.site.clone();
        for pending in std::mem::take(&mut self.pending).into_iter().rev() {
            // A prefix that changes the shape takes effect where it stands.
            for prefix in &prefixes {
                relation = self.transform(prefix, relation);
            }
            let Pending { label: above, prefixes: its, load, site: above_site } = pending;
            everything &= has_star(&load);
            self.site.resolution = site.resolution.max(above_site.resolution);
            relation = self.project(&load, relation);
            if text.len() < limits::MAX_STATEMENT_TEXT {
                text = format!("{};\n{text}", above_site.text).into();
            }
            label = above.or(label);
            prefixes = its;
        }
        self.site = site;
        relation.fallback = None;
        let flowing = relation.flowing_sources(&self.sources);
        let all = everything || flowing.is_empty();
        let taken = latent
            .into_iter()
            .filter(|(id, _)| all || flowing.contains(id) || self.candidates.contains(id))
            .collect();
        relation.add_sources(&taken);
        self.place(label, &prefixes, relation, &name, &text);
    }

    /// Adds the sources that fields take values from on other ways than the load's own input:
    /// mapping tables, `Peek`, `Lookup`.
    pub(super) fn complete_sources(&self, relation: &mut Relation) {
        for id in relation.flowing_sources(&self.sources) {
            if !relation.sources.contains_key(&id)
                && let Some(used) = self.uses.get(&id)
            {
                relation.sources.insert(id, used.clone());
            }
        }
    }

    fn read_source(&mut self, source: &LoadSource) -> Read {
        match source {
            LoadSource::Following => Read::default(),
            LoadSource::Files { paths, format } => self.read_files(paths, format),
            LoadSource::Resident(name) => self.read_resident(name),
            LoadSource::Inline(data) => self.read_inline(data),
            LoadSource::Autogenerate(size) => self.read_generated(size),
            LoadSource::Field { table, field } => {
                let mut read = self.read_resident(table);
                let flows = read.relation.fields.get(field).map(|field| Rc::clone(&field.flows));
                let flows = flows.unwrap_or_else(|| {
                    let opens = read.relation.opens.values();
                    Rc::new(opens.filter_map(|open| open.field(field, &mut self.sources)).collect())
                });
                read.relation = Relation { any: Some(flows), ..Relation::default() };
                read
            }
            LoadSource::Extension { table, fields } => {
                let mut read = match table {
                    Some(table) => self.read_resident(table),
                    None => Read::default(),
                };
                let all = fields.is_empty();
                let flows = read
                    .relation
                    .fields
                    .iter()
                    .filter(|(name, _)| all || fields.iter().any(|field| **field == ***name))
                    .flat_map(|(_, field)| field.flows.iter().cloned())
                    .collect();
                read.relation = Relation { any: Some(Rc::new(flows)), ..Relation::default() };
                read.name = "EXTENSION".to_owned();
                read
            }
        }
    }

    /// How the present statement uses a source; the first use is remembered.
    pub(super) fn used(&mut self, id: SourceId) -> Use {
        let used = Use {
            statement: Rc::clone(&self.site.text),
            line: self.site.at.line,
            resolution: self.site.resolution,
            evidence: self.site.evidence,
            via: Rc::default(),
        };
        self.uses.entry(id).or_insert_with(|| used.clone());
        used
    }

    fn read_files(&mut self, paths: &[String], format: &FileFormat) -> Read {
        let mut read = Read::default();
        for path in paths {
            let path = path.trim();
            if read.name.is_empty() {
                base_name(path).clone_into(&mut read.name);
            }
            let relation = self.read_file(path, format);
            if read.relation.sources.is_empty() {
                read.relation = relation;
            } else {
                read.relation.union(&relation);
            }
        }
        if paths.is_empty() {
            self.say("`FROM` without a file".to_owned());
        }
        read
    }

    fn read_file(&mut self, path: &str, format: &FileFormat) -> Relation {
        let path = self.full_path(path);
        let path = path.as_str();
        let normalised = self.input.connections.normalise(path);
        let source = Source::File {
            path: path.to_owned(),
            normalised: normalised.path.clone(),
            format: format.name.clone().or_else(|| format_of(path)),
            connection: normalised.connection,
        };
        let file = self.sources.source(source);
        let id = self.version(&normalised.path, file);
        let mut relation = Relation::default();
        relation.sources.insert(id, self.used(id));
        let status = if glob::is_unresolved(path) {
            Status::Unresolved("a part of the path is known only at reload".to_owned())
        } else {
            Status::Resolved
        };
        self.refer(ReferenceKind::File, path, status);
        let open = Open::new(id, self.site.resolution);
        // Without labels, columns are named by their place: `@1`, `@2` …
        let columns = if format.no_labels { self.columns(&normalised.path) } else { None };
        let by_place = columns.is_some();
        match columns.or_else(|| self.known_fields(&normalised.path)) {
            Some(names) => {
                for (place, name) in names.into_iter().enumerate() {
                    if name == "*" {
                        relation.add_open(open.clone());
                        continue;
                    }
                    let origins = self.sources.single(id, None, &name);
                    let flow = Flow::new(origins, self.site.resolution);
                    let name = if by_place { format!("@{}", place + 1) } else { name };
                    relation.fields.set(name.as_str().into(), Field::of(vec![flow]));
                }
                if !relation.opens.is_empty() {
                    // The known ones are not among the unknown ones.
                    let names = relation.fields.names().cloned().collect();
                    let opens = std::mem::take(&mut relation.opens);
                    for open in opens.into_values() {
                        relation.add_open(open.without(&names));
                    }
                } else {
                    relation.fallback = Some(Box::new(open));
                }
            }
            None => relation.add_open(open),
        }
        relation
    }

    /// Fields of a file: as this script stored it before, or as another does.
    fn known_fields(&self, path: &str) -> Option<Vec<String>> {
        let names = |relation: &Relation| {
            let mut names: Vec<String> =
                relation.fields.names().map(|name| name.to_string()).collect();
            if !relation.is_closed() {
                names.push("*".to_owned());
            }
            names
        };
        if let Some(stored) = self.state.stores.get(path) {
            return Some(names(&stored.relation));
        }
        if glob::is_pattern(path) {
            let prefix = glob::literal_prefix(path);
            let mut all: Vec<String> = Vec::new();
            for (stored_path, stored) in self.state.stores.iter() {
                let near = stored_path.starts_with(glob::literal_prefix(prefix))
                    || prefix.starts_with(glob::literal_prefix(stored_path));
                if near && glob::can_meet(path, stored_path) {
                    all.extend(names(&stored.relation));
                }
            }
            if !all.is_empty() {
                all.sort();
                all.dedup();
                return Some(all);
            }
        }
        self.input.known.fields(path)
    }

    /// Fields of a file in the order in which they stand in it.
    fn columns(&self, path: &str) -> Option<Vec<String>> {
        match self.state.stores.get(path) {
            Some(stored) if stored.relation.is_closed() => {
                Some(stored.relation.fields.names().map(|name| name.to_string()).collect())
            }
            Some(_) => None,
            None => self.input.known.columns(path),
        }
    }

    /// A table of the model by its name.
    pub(super) fn read_resident(&mut self, name: &str) -> Read {
        let mut read = Read { name: format!("{name}-1"), ..Read::default() };
        let (key, attribute) = match self.table_key(name) {
            Some(key) => (Some(key), None),
            None => self.generic_table(name).map_or((None, None), |(key, it)| (Some(key), it)),
        };
        let Some(key) = key else {
            if let Some(relation) = self.binary_relation(name) {
                self.refer(ReferenceKind::Resident, name, Status::NotNeeded);
                read.relation = relation;
                return read;
            }
            let unresolved = glob::is_unresolved(name);
            let reason = if unresolved {
                "its name is known only at reload"
            } else {
                "no such table is there"
            };
            let message = format!("table `{name}` cannot be read: {reason}");
            if unresolved {
                self.notice(message)
            } else {
                self.say(message)
            }
            self.refer(ReferenceKind::Resident, name, Status::Unresolved(reason.to_owned()));
            read.relation.any = Some(Rc::default());
            return read;
        };
        self.refer(ReferenceKind::Resident, name, Status::NotNeeded);
        let Some(table) = self.state.tables.get(&key).cloned() else { return read };
        let mut through = Through::new(&key);
        let source = &table.relation;
        read.relation.fields = source.fields.map(|field| through.field(field));
        for open in source.opens.values() {
            read.relation.add_open(Open { via: through.via(&open.via), ..open.clone() });
        }
        read.relation.any = source
            .any
            .as_ref()
            .map(|flows| Rc::new(flows.iter().map(|flow| through.flow(flow)).collect()));
        if let Some(attribute) = attribute {
            // The one field that this table of a `GENERIC` load has.
            let flows = read.relation.any.take().unwrap_or_default();
            read.relation.fields.set(attribute.into(), Field { flows, comment: None });
        }
        read.relation.rows.clone_from(&source.rows);
        for (id, used) in &source.sources {
            let via = union_via([&used.via, &through.via(&Rc::default())]);
            read.latent.insert(*id, Use { via, ..used.clone() });
        }
        read
    }

    fn read_inline(&mut self, data: &InlineData) -> Read {
        self.refer(ReferenceKind::Script, "INLINE", Status::NotNeeded);
        let mut read = Read { name: self.numbered("INLINE"), ..Read::default() };
        let names: Vec<Rc<str>> = data.names.iter().map(|name| name.as_str().into()).collect();
        for name in &names {
            read.relation.fields.set(Rc::clone(name), Field::default());
        }
        read.relation.rows = data.rows.as_ref().and_then(|lines| {
            let rows = lines
                .iter()
                .map(|cells| cells.iter().map(|cell| Value::literal(cell.clone())).collect())
                .collect();
            Rows::new(names, rows)
        });
        read
    }

    fn read_generated(&mut self, size: &str) -> Read {
        self.refer(ReferenceKind::Script, "AUTOGENERATE", Status::NotNeeded);
        let mut read = Read { name: self.numbered("AUTOGENERATE"), ..Read::default() };
        let size = eval::evaluate(size, &self.view()).number().and_then(eval::to_index);
        read.relation.rows = size
            .filter(|&size| size <= rows::MAX_ROWS)
            .and_then(|size| Rows::new(Vec::new(), vec![Vec::new(); size]));
        read
    }

    /// `INLINE01`, `AUTOGENERATE01` …: the first number that is free.
    fn numbered(&self, stem: &str) -> String {
        let name = |number: usize| format!("{stem}{number:02}");
        (1..10_000)
            .map(name)
            .find(|name| self.state.tables.get(name.as_str()).is_none())
            .unwrap_or_else(|| stem.to_owned())
    }
}

fn has_star(load: &Load) -> bool {
    load.items.iter().any(|item| item.kind == ItemKind::Star)
}
