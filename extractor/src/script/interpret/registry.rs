//! The tables of the model: found by name or fields, made, changed. Indices keep every look-up
//! short however many tables a script makes; entries that are out of date are told by the tables.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::Machine;
use crate::script::model::{Relation, Table};
use crate::script::paths::glob;

/// Marks tables of the section access: names there are a domain of their own.
pub(super) const ACCESS_MARK: char = '\u{1}';

/// Tables by the fields that they have, or had.
#[derive(Debug, Default)]
pub(super) struct FieldIndex {
    tables: HashMap<Rc<str>, BTreeSet<Rc<str>>>,
    /// Tables whose fields are not in it yet.
    later: Vec<Rc<str>>,
}

impl FieldIndex {
    fn add(&mut self, name: &Rc<str>, key: &Rc<str>) {
        match self.tables.get_mut(name) {
            Some(keys) => {
                keys.insert(Rc::clone(key));
            }
            None => {
                self.tables.insert(Rc::clone(name), BTreeSet::from([Rc::clone(key)]));
            }
        }
    }

    /// Tables that have a field of that name, or had it.
    pub(super) fn tables(&self, name: &str) -> impl Iterator<Item = &Rc<str>> {
        self.tables.get(name).into_iter().flatten()
    }
}

impl Machine<'_> {
    /// A table of the section that is being loaded, or of the other one. Names are case-sensitive
    /// in Qlik; where no table has the very name, the only one that differs in case is taken.
    pub(super) fn table_key(&self, name: &str) -> Option<Rc<str>> {
        let access: Rc<str> = format!("{ACCESS_MARK}{name}").into();
        let plain: Rc<str> = name.into();
        let order = if self.state.flags.section_access { [access, plain] } else { [plain, access] };
        let exact = order.into_iter().find(|key| self.state.tables.get(&**key).is_some());
        exact.or_else(|| {
            let mut similar = self
                .by_lower
                .get(&name.to_lowercase())
                .into_iter()
                .flatten()
                .filter(|key| self.state.tables.get(&***key).is_some());
            let first = similar.next()?;
            similar.next().is_none().then(|| Rc::clone(first))
        })
    }

    fn key_of(&self, name: &str) -> Rc<str> {
        if self.state.flags.section_access {
            format!("{ACCESS_MARK}{name}").into()
        } else {
            name.into()
        }
    }

    /// Makes a table of an app that `BINARY` brought in one of this script's.
    pub(super) fn materialise(&mut self, name: &str) -> Option<Rc<str>> {
        let relation = self.binary_relation(name)?;
        let text = Rc::clone(&self.site.text);
        Some(self.create(name, relation, &text))
    }

    /// Makes all tables of an app that `BINARY` brought in this script's, so that they can be changed;
    /// nothing when not all of them are known.
    pub(super) fn materialise_all(&mut self) {
        let is_known = !self.binary_tables.is_empty() && !self.binary_tables.contains_key("*");
        if self.state.flags.binary.is_none() || !is_known {
            return;
        }
        let last = self.state.flags.last_table.clone();
        let names: Vec<Rc<str>> = self.binary_tables.keys().cloned().collect();
        let statement = self.state.flags.binary.and_then(|id| self.uses.get(&id));
        let text = statement.map_or_else(Rc::default, |used| Rc::clone(&used.statement));
        for name in names {
            if self.state.tables.get(&*name).is_none()
                && let Some(relation) = self.binary_relation(&name)
            {
                self.create(&name, relation, &text);
            }
        }
        self.state.flags.binary = None;
        if last.is_some() {
            self.state.flags.last_table = last;
        }
    }

    /// Names of tables in order of creation.
    pub(super) fn table_order(&self) -> Vec<Rc<str>> {
        let mut tables: Vec<(usize, &Rc<str>)> = self
            .state
            .tables
            .iter()
            .filter(|(key, _)| !key.starts_with(ACCESS_MARK))
            .map(|(key, table)| (table.order, key))
            .collect();
        tables.sort_unstable();
        tables.into_iter().map(|(_, key)| Rc::clone(key)).collect()
    }

    /// The table that a load is concatenated to without being told: one with exactly its fields.
    /// Where not all fields are known, the same label says so.
    pub(super) fn same_table(&mut self, name: &str, relation: &Relation) -> Option<Rc<str>> {
        if let Some(signature) = relation.signature() {
            let access = self.state.flags.section_access;
            let mut gone = 0;
            let found = self.by_signature.get(&signature).into_iter().flatten().find(|key| {
                let table = self.state.tables.get(&***key).filter(|table| {
                    table.relation.is_closed() && table.relation.same_fields(relation)
                });
                gone += usize::from(table.is_none());
                table.is_some() && key.starts_with(ACCESS_MARK) == access
            });
            let found = found.map(Rc::clone);
            if gone > 16 && self.forks == 0 {
                // Entries that are out of date; inside a branch they may hold again after it.
                let (tables, signed) = (&self.state.tables, &mut self.signed);
                if let Some(keys) = self.by_signature.get_mut(&signature) {
                    keys.retain(|key| {
                        let same = tables.get(&**key).is_some_and(|table| {
                            table.relation.is_closed() && table.relation.same_fields(relation)
                        });
                        if !same {
                            signed.remove(&(signature, Rc::clone(key)));
                        }
                        same
                    });
                }
            }
            if found.is_some() {
                return found;
            }
        }
        let key = self.key_of(name);
        let table = self.state.tables.get(&key)?;
        (!table.relation.is_closed() || !relation.is_closed()).then_some(key)
    }

    /// A new table; a name that is taken gets the next free number.
    pub(super) fn create(&mut self, name: &str, relation: Relation, text: &Rc<str>) -> Rc<str> {
        self.has_open_names |= glob::is_unresolved(name) || name.ends_with(".*");
        let mut key = self.key_of(name);
        if self.state.tables.get(&key).is_some() {
            let base = Rc::clone(&key);
            let mut number = match self.suffixes.get(&base) {
                // Numbers of dropped tables are used again; only long series go on from the last.
                Some(&last) if last > 100 => last,
                _ => 1,
            };
            loop {
                key = format!("{base}-{number}").into();
                if self.state.tables.get(&key).is_none() {
                    break;
                }
                number += 1;
            }
            self.suffixes.insert(base, number);
        }
        self.order += 1;
        self.by_lower.entry(name.to_lowercase()).or_default().insert(Rc::clone(&key));
        let table = Table {
            relation,
            order: self.order,
            statements: vec![Rc::clone(text)],
            comment: None,
            certain: true,
        };
        self.put_table(&key, table);
        self.state.flags.last_table = Some(Rc::clone(&key));
        key
    }

    /// Puts a table into the model; its fields come into the index when that is asked, as most
    /// scripts never do and most tables of a long one are gone by then. What a branch makes is
    /// there again after it, so its fields come in at once.
    pub(super) fn put_table(&mut self, key: &Rc<str>, table: Table) {
        if self.forks == 0 {
            self.by_field.get_mut().later.push(Rc::clone(key));
            self.put_changed(key, table, [].iter());
        } else {
            let names: Vec<Rc<str>> = table.relation.fields.names().cloned().collect();
            self.put_changed(key, table, names.iter());
        }
    }

    /// Puts the fields of tables that wait for it into the index.
    pub(super) fn index_fields(&self) {
        let mut index = self.by_field.borrow_mut();
        for key in std::mem::take(&mut index.later) {
            let Some(table) = self.state.tables.get(&*key) else { continue };
            for name in table.relation.fields.names() {
                index.add(name, &key);
            }
        }
    }

    /// Puts a table back into the model, and the fields that are new in it into the indices.
    pub(super) fn put_changed<'a>(
        &mut self,
        key: &Rc<str>,
        table: Table,
        fresh: impl Iterator<Item = &'a Rc<str>>,
    ) {
        if let Some(signature) = table.relation.signature()
            && self.signed.insert((signature, Rc::clone(key)))
        {
            self.by_signature.entry(signature).or_default().push(Rc::clone(key));
            if self.forks > 0 {
                self.signed_in_branches.push((signature, Rc::clone(key)));
            }
        }
        let index = self.by_field.get_mut();
        for name in fresh {
            index.add(name, key);
        }
        if !table.relation.opens.is_empty() {
            self.open_tables.insert(Rc::clone(key));
        }
        if table.relation.is_folded {
            self.folded_tables.insert(Rc::clone(key));
        }
        self.state.tables.set(Rc::clone(key), Rc::new(table));
    }

    /// Takes out of the index what branches put into it and what does not hold after them.
    pub(super) fn forget_signatures(&mut self) {
        for (signature, key) in std::mem::take(&mut self.signed_in_branches) {
            let table = self.state.tables.get(&key);
            if table.and_then(|table| table.relation.signature()) == Some(signature) {
                continue;
            }
            if let Some(keys) = self.by_signature.get_mut(&signature)
                && let Some(at) = keys.iter().rposition(|other| *other == key)
            {
                keys.remove(at);
            }
            self.signed.remove(&(signature, key));
        }
    }

    /// Takes a table out to change it; to be put back.
    pub(super) fn take_table(&mut self, key: &Rc<str>) -> Option<Table> {
        let table = self.state.tables.remove(key)?;
        Some(Rc::unwrap_or_clone(table))
    }
}
