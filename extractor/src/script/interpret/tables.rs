//! `DROP`, `RENAME`, `COMMENT`, `DERIVE`: statements on what is there.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::Machine;
use crate::script::limits;
use crate::script::model::{Field, Relation, Table};
use crate::script::outcome::DerivedField;
use crate::script::paths::glob;
use crate::script::statement::Pair;

impl Machine<'_> {
    pub(super) fn drop_tables(&mut self, tables: &[String]) {
        self.materialise_all();
        for name in tables {
            match self.table_key(name) {
                Some(key) => {
                    self.state.tables.remove(&key);
                }
                None if self.state.flags.binary.is_some() => {}
                // A mapping table may be dropped too.
                None if self.state.mappings.remove(&name.as_str().into()).is_some() => {}
                None if glob::is_unresolved(name) => {
                    self.notice(format!("which table `{name}` is dropped is known only at reload"));
                }
                None => self.say(format!("table `{name}` to drop is not there")),
            }
        }
    }

    pub(super) fn drop_fields(&mut self, fields: &[String], tables: &[String]) {
        self.materialise_all();
        for field in fields.iter().filter(|field| glob::is_unresolved(field)) {
            self.notice(format!("which field `{field}` is dropped is known only at reload"));
        }
        self.settle_all(fields.iter().map(String::as_str));
        let dropped: BTreeSet<Rc<str>> = fields.iter().map(|field| field.as_str().into()).collect();
        let keys: BTreeSet<Rc<str>> = if tables.is_empty() {
            self.index_fields();
            let index = self.by_field.get_mut();
            let named = dropped.iter().flat_map(|field| index.tables(field));
            named.chain(&self.open_tables).cloned().collect()
        } else {
            tables.iter().filter_map(|table| self.table_key(table)).collect()
        };
        for key in keys {
            let changes = self.state.tables.get(&key).is_some_and(|table| {
                !table.relation.opens.is_empty()
                    || dropped.iter().any(|field| table.relation.fields.contains(field))
            });
            if !changes {
                continue;
            }
            let Some(mut table) = self.take_table(&key) else { continue };
            let relation = &mut table.relation;
            for name in &dropped {
                relation.fields.remove(name);
            }
            except(relation, &dropped);
            // A table without fields is gone.
            if !relation.fields.is_empty() || !relation.is_closed() {
                self.put_changed(&key, table, [].iter());
            }
        }
    }

    pub(super) fn rename_tables(&mut self, pairs: &[Pair]) {
        self.materialise_all();
        for Pair { from, to } in pairs {
            let Some(key) = self.table_key(from).or_else(|| self.materialise(from)) else {
                self.say(format!("table `{from}` to rename is not there"));
                continue;
            };
            let marked = key.starts_with(super::registry::ACCESS_MARK);
            let new: Rc<str> = if marked {
                format!("{}{to}", super::registry::ACCESS_MARK).into()
            } else {
                to.as_str().into()
            };
            if new == key {
                continue;
            }
            if self.state.tables.get(&new).is_some() {
                self.say(format!("table `{from}` cannot be renamed: `{to}` is there"));
                continue;
            }
            self.has_open_names |= glob::is_unresolved(to);
            if let Some(table) = self.take_table(&key) {
                self.by_lower.entry(to.to_lowercase()).or_default().insert(Rc::clone(&new));
                self.put_table(&new, table);
            }
            if self.state.flags.last_table.as_ref() == Some(&key) {
                self.state.flags.last_table = Some(new);
            }
        }
    }

    pub(super) fn rename_tables_using(&mut self, map: &str) {
        self.materialise_all();
        if let Some(pairs) = self.map_pairs(map) {
            let pairs: Vec<Pair> =
                pairs.into_iter().filter(|pair| self.table_key(&pair.from).is_some()).collect();
            self.rename_tables(&pairs);
        }
    }

    pub(super) fn rename_fields(&mut self, pairs: &[Pair]) {
        self.materialise_all();
        let mut names: BTreeMap<&str, &str> = BTreeMap::new();
        for Pair { from, to } in pairs {
            // Which column it is only the reload knows: it must not become one of that name.
            if glob::is_unresolved(from) {
                self.notice(format!("which field `{from}` is renamed is known only at reload"));
            } else {
                names.insert(from, to);
            }
        }
        self.settle_all(names.keys().copied());
        // Tables by what is renamed in them for certain; any whose columns are not known by name may
        // have the others, too.
        let mut tables: BTreeMap<Rc<str>, BTreeMap<&str, &str>> = BTreeMap::new();
        for (from, to) in &names {
            for key in self.tables_with(from) {
                tables.entry(key).or_default().insert(from, to);
            }
        }
        let work = self.open_tables.len().saturating_mul(names.len());
        self.renamed = self.renamed.saturating_add(work);
        if self.renamed <= limits::MAX_RENAMED {
            let is_open = |key: &&Rc<str>| {
                self.state.tables.get(&***key).is_some_and(|table| !table.relation.opens.is_empty())
            };
            for key in self.open_tables.iter().filter(is_open) {
                tables.entry(Rc::clone(key)).or_default();
            }
        } else {
            self.notice(
                "too many fields are renamed in tables whose fields are not known: from here on only \
                 where they are"
                    .to_owned(),
            );
        }
        for (key, own) in tables {
            let Some(mut table) = self.take_table(&key) else { continue };
            let relation = &mut table.relation;
            let others = names.iter().map(|(from, to)| (*from, *to));
            let others = others.filter(|(from, to)| {
                // A name that is taken is not given.
                !own.contains_key(from) && !relation.fields.contains(to)
            });
            for open in relation.opens.values_mut() {
                open.rename(others.clone());
            }
            if !own.is_empty() {
                self.rename_in(&mut table, &own);
            }
            let fresh: Vec<Rc<str>> = own.values().map(|name| Rc::from(*name)).collect();
            let fresh = fresh.iter().filter(|name| table.relation.fields.contains(name));
            let fresh: Vec<Rc<str>> = fresh.cloned().collect();
            self.put_changed(&key, table, fresh.iter());
        }
    }

    fn rename_in(&mut self, table: &mut Table, names: &BTreeMap<&str, &str>) {
        let relation = &mut table.relation;
        if !relation.opens.is_empty() {
            let mut taken = BTreeSet::new();
            for (from, to) in names {
                taken.insert(Rc::from(*to));
                if let Some(mut field) = relation.fields.get(from).cloned() {
                    // A column of that name among the unknown ones is renamed with it.
                    field.flows = self.with_opens(relation, from, &field);
                    relation.fields.set(Rc::from(*from), field);
                    taken.insert(Rc::from(*from));
                    continue;
                }
                let opens = relation.opens.values();
                let flows: Vec<_> =
                    opens.filter_map(|open| open.field(from, &mut self.sources)).collect();
                if !flows.is_empty() {
                    taken.insert(Rc::from(*from));
                    relation.fields.set((*to).into(), Field::of(flows));
                }
            }
            except(relation, &taken);
        }
        match names.iter().next() {
            Some((from, to)) if names.len() == 1 => {
                relation.fields.rename_one(from, &Rc::from(*to))
            }
            // All at once: names may change places.
            _ => relation.fields.rename(|name| {
                Some(names.get(&**name).map_or_else(|| Rc::clone(name), |to| (*to).into()))
            }),
        }
        if let Some(rows) = &mut relation.rows {
            for name in &mut Rc::make_mut(rows).names {
                if let Some(to) = names.get(&**name) {
                    *name = (*to).into();
                }
            }
        }
    }

    pub(super) fn rename_fields_using(&mut self, map: &str) {
        if let Some(pairs) = self.map_pairs(map) {
            self.rename_fields(&pairs);
        }
    }

    /// Rows of a mapping table as pairs, where the script writes them.
    fn map_pairs(&mut self, map: &str) -> Option<Vec<Pair>> {
        let Some(mapping) = self.state.mappings.get(map).cloned() else {
            self.say(format!("mapping table `{map}` is not there"));
            return None;
        };
        let Some(rows) = &mapping.rows else {
            self.notice(format!("what mapping table `{map}` renames depends on its data"));
            return None;
        };
        let pairs = (0..rows.rows.len())
            .filter_map(|row| {
                let from = rows.cell(row, 0).known_text()?.to_string();
                let to = rows.cell(row, 1).known_text()?.to_string();
                (!from.is_empty() && !to.is_empty()).then_some(Pair { from, to })
            })
            .collect();
        Some(pairs)
    }

    pub(super) fn comment_fields(&mut self, fields: &[String], text: &str) {
        for field in fields {
            self.field_comments.insert(field.clone(), text.to_owned());
        }
    }

    pub(super) fn comment_tables(&mut self, tables: &[String], text: &str) {
        for table in tables {
            self.table_comments.insert(table.clone(), text.to_owned());
        }
    }

    pub(super) fn comment_using(&mut self, map: &str, tables: bool) {
        let Some(mapping) = self.state.mappings.get(map).cloned() else { return };
        if mapping.rows.is_none() {
            return; // Comments from data are no lineage.
        }
        for Pair { from, to } in self.map_pairs(map).unwrap_or_default() {
            if tables {
                self.table_comments.insert(from, to);
            } else {
                self.field_comments.insert(from, to);
            }
        }
    }

    /// `DERIVE FIELDS FROM FIELDS a, b USING definition`.
    pub(super) fn derive(&mut self, fields: &[String], definition: &str) {
        let Some(names) = self.definitions.get(definition) else { return };
        for field in fields {
            for name in names {
                let derived = DerivedField {
                    name: format!("{field}.{definition}.{name}"),
                    field: field.clone(),
                };
                if self.derived.len() < 100_000 && !self.derived_names.contains(&derived.name) {
                    self.derived_names.insert(derived.name.clone());
                    self.derived.push(derived);
                }
            }
        }
    }
}

/// Takes names out of the columns that are not known by name.
fn except(relation: &mut Relation, names: &BTreeSet<Rc<str>>) {
    if names.is_empty() {
        return;
    }
    for open in relation.opens.values_mut() {
        open.exclude(names);
    }
}
