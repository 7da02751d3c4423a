//! `ALIAS`, `MAP … USING` and `QUALIFY`: what happens to fields on their way into the model.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Machine;
use super::registry::ACCESS_MARK;
use super::resolve::Lookup;
use crate::script::model::{Field, Relation, Rules};

/// Most aliases that are looked for among columns that are not known by name: each load of `*` has a
/// field for each of them.
const MAX_ALIASES: usize = 200;

impl Machine<'_> {
    /// `ALIAS`, `MAP … USING` and `QUALIFY` on the fields of a load into a table of that name.
    pub(super) fn rename_loaded(&mut self, relation: &mut Relation, table: &str) {
        let flags = self.state.flags.clone();
        if !flags.aliases.is_empty() {
            self.alias(relation, &flags.aliases);
        }
        if !flags.using.is_empty() {
            self.map_loaded(relation, &flags.using);
        }
        if flags.qualify.any(|on| *on) {
            qualify(relation, &flags.qualify, table.trim_start_matches(ACCESS_MARK));
        }
    }

    fn alias(&mut self, relation: &mut Relation, aliases: &BTreeMap<String, String>) {
        // Any of the columns that are not known by name may have an alias.
        if !relation.opens.is_empty() && aliases.len() <= MAX_ALIASES {
            let unknown = aliases.iter().filter(|(from, _)| !relation.fields.contains(from));
            let lookup = Lookup::new(relation);
            let found: Vec<(&String, Rc<str>, Field)> = unknown
                .filter_map(|(from, to)| {
                    let flows = self.field_flows(&lookup, from)?;
                    Some((from, to.as_str().into(), Field { flows, comment: None }))
                })
                .collect();
            drop(lookup);
            let taken = found.iter().flat_map(|(from, to, _)| [from.as_str().into(), to.clone()]);
            let taken = taken.collect();
            for open in relation.opens.values_mut() {
                open.exclude(&taken);
            }
            for (_, to, field) in found {
                relation.fields.set(to, field);
            }
        }
        relation.fields.rename(|name| {
            let alias = aliases.get(&**name);
            Some(alias.map_or_else(|| Rc::clone(name), |alias| alias.as_str().into()))
        });
    }

    fn map_loaded(&mut self, relation: &mut Relation, rules: &Rules<Option<String>>) {
        let mapped: Vec<(Rc<str>, String)> = relation
            .fields
            .names()
            .filter_map(|name| {
                let map = rules.of(name)?;
                Some((Rc::clone(name), map.clone()?))
            })
            .collect();
        for (name, map) in mapped {
            let flows = self.map_flows(&map);
            if let Some(field) = relation.fields.get_mut(&name) {
                field.merge(&Field::of(flows));
            }
        }
        self.complete_sources(relation);
    }
}

fn qualify(relation: &mut Relation, rules: &Rc<Rules<bool>>, table: &str) {
    let qualified = |name: &str| rules.of(name).is_some_and(|on| *on);
    let full = |name: &Rc<str>| -> Rc<str> {
        if qualified(name) { format!("{table}.{name}").into() } else { Rc::clone(name) }
    };
    relation.fields.rename(|name| Some(full(name)));
    if let Some(rows) = &mut relation.rows {
        for name in &mut Rc::make_mut(rows).names {
            *name = full(name);
        }
    }
    relation.opens = std::mem::take(&mut relation.opens)
        .into_values()
        .map(|open| open.qualified(table, rules))
        .map(|open| (open.key(), open))
        .collect();
}
