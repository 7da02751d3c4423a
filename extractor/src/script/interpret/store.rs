//! `STORE`, and the tables of an app that `BINARY` brings in.

use std::rc::Rc;

use super::Machine;
use super::resolve::Lookup;
use crate::script::mask::mask_path;
use crate::script::model::{Field, Open, Relation, StoredFile, Through, Use, union_via};
use crate::script::outcome::{ReferenceKind, Source, Status};
use crate::script::paths::{below, format_of, glob};
use crate::script::statement::Pair;

impl Machine<'_> {
    pub(super) fn store(
        &mut self,
        fields: Option<&[Pair]>,
        table: &str,
        path: &str,
        format: Option<String>,
    ) {
        let Some((name, relation)) = self.stored_relation(table) else {
            if glob::is_unresolved(table) {
                self.notice(format!(
                    "table `{table}` cannot be stored: its name is known only at reload"
                ));
            } else {
                self.say(format!("table `{table}` cannot be stored: no such table is there"));
            }
            return;
        };
        self.candidates.clear();
        let mut through = Through::new(&name);
        let mut stored = Relation::default();
        match fields {
            None => {
                for (name, field) in relation.fields.iter() {
                    stored.fields.set(Rc::clone(name), through.field(field));
                }
                for open in relation.opens.values() {
                    stored.add_open(Open { via: through.via(&open.via), ..open.clone() });
                }
                stored.any.clone_from(&relation.any);
            }
            Some(pairs) => {
                let lookup = Lookup::new(&relation);
                for Pair { from, to } in pairs {
                    let field = match self.field_flows(&lookup, from) {
                        Some(flows) => through.field(&Field { flows, comment: None }),
                        None => {
                            self.missing_field(from);
                            Field::default()
                        }
                    };
                    stored.fields.set(to.as_str().into(), field);
                }
            }
        }
        let flowing = stored.flowing_sources(&self.sources);
        for (id, used) in &relation.sources {
            let all = fields.is_none() || flowing.is_empty();
            if all || flowing.contains(id) || self.candidates.contains(id) {
                let via = union_via([&used.via, &through.via(&Rc::default())]);
                stored.sources.insert(*id, Use { via, ..used.clone() });
            }
        }
        let path = self.full_path(path);
        let path = path.as_str();
        let normalised = self.input.connections.normalise(path);
        self.order += 1;
        let mut file = StoredFile {
            path: path.into(),
            format: format.or_else(|| format_of(path)).map(Rc::from),
            relation: stored,
            table: table.into(),
            statement: Rc::clone(&self.site.text),
            line: self.site.at.line,
            order: self.order,
        };
        let key: Rc<str> = normalised.path.as_str().into();
        // What is known only as a pattern may be two files: neither takes the other's place.
        if (glob::is_unresolved(&key) || glob::is_pattern(&key))
            && let Some(earlier) = self.state.stores.get(&key)
        {
            let mut both = StoredFile::clone(earlier);
            both.relation.union(&file.relation);
            file = both;
        } else {
            self.replace_version(&key);
        }
        self.state.stores.set(key, Rc::new(file));
    }

    /// A path below what `DIRECTORY` set, as it is shown: secrets masked.
    pub(super) fn full_path(&self, path: &str) -> String {
        mask_path(&below(self.state.flags.directory.as_deref(), path))
    }

    /// The table that is stored: of the model, a mapping table, or one of another app.
    fn stored_relation(&mut self, table: &str) -> Option<(Rc<str>, Relation)> {
        if let Some(key) = self.table_key(table) {
            let table = self.state.tables.get(&key)?;
            return Some((key, table.relation.clone()));
        }
        if let Some(mapping) = self.state.mappings.get(table) {
            return Some((table.into(), Relation::clone(&mapping.relation)));
        }
        self.binary_relation(table).map(|relation| (table.into(), relation))
    }

    /// `BINARY`: the whole model of another app.
    pub(super) fn binary(&mut self, path: &str) {
        let path = mask_path(path);
        let path = path.as_str();
        let id = self.sources.source(Source::App { id: path.to_owned() });
        self.used(id);
        self.state.flags.binary = Some(id);
        self.refer(ReferenceKind::App, path, Status::Resolved);
        for (table, fields) in self.input.known.app(path).unwrap_or_default() {
            self.binary_tables.insert(table.as_str().into(), fields);
        }
    }

    /// A table of the app that `BINARY` brought in.
    pub(super) fn binary_relation(&mut self, name: &str) -> Option<Relation> {
        let id = self.state.flags.binary?;
        if glob::is_unresolved(name) {
            return None;
        }
        let table: Rc<str> = name.into();
        let mut relation = Relation::default();
        if let Some(used) = self.uses.get(&id) {
            relation.sources.insert(id, used.clone());
        }
        let mut open = Open::new(id, self.site.resolution);
        open.table = Some(Rc::clone(&table));
        if self.binary_tables.is_empty() {
            relation.add_open(open);
            return Some(relation);
        }
        for field in self.binary_tables.get(&table)?.clone() {
            if field == "*" {
                relation.add_open(open.clone());
                continue;
            }
            if let Some(flow) = open.field(&field, &mut self.sources) {
                relation.fields.set(field.as_str().into(), Field::of(vec![flow]));
            }
        }
        Some(relation)
    }
}
