//! Prefixes that change the shape of a table: `CROSSTABLE`, `GENERIC`, `HIERARCHY`,
//! `INTERVALMATCH`.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Machine;
use crate::script::model::{Field, Flow, Relation, origin};
use crate::script::paths::glob;
use crate::script::statement::Prefix;

impl Machine<'_> {
    /// The relation after the prefix; others than those above leave it as it is.
    pub(super) fn transform(&mut self, prefix: &Prefix, relation: Relation) -> Relation {
        match prefix {
            Prefix::Crosstable { attribute, data, keys } => {
                self.crosstable(relation, attribute, data, *keys)
            }
            Prefix::Hierarchy(names) => hierarchy(relation, names),
            Prefix::HierarchyBelongsTo(names) => belongs_to(relation, names),
            Prefix::Merge(keys) => merge(relation, keys),
            Prefix::IntervalMatch(names) => self.interval_match(relation, names),
            _ => relation,
        }
    }

    /// The first fields stay; the names of the others become values of one field and their values
    /// those of another.
    fn crosstable(
        &mut self,
        mut relation: Relation,
        attribute: &str,
        data: &str,
        keys: usize,
    ) -> Relation {
        let kept: BTreeSet<Rc<str>> = relation.fields.names().take(keys).cloned().collect();
        let mut value = Field::default();
        for (name, field) in relation.fields.iter() {
            if !kept.contains(name) {
                value.merge(field);
            }
        }
        for open in relation.opens.values() {
            value.merge(&Field::of(vec![open.every(&mut self.sources)]));
        }
        // With all keys known by name, no other field comes through.
        if kept.len() >= keys {
            relation.opens.clear();
        }
        // Where a key is not known by name, the two names that are made are none.
        let made = BTreeSet::from([attribute.into(), data.into()]);
        relation.opens.values_mut().for_each(|open| open.exclude(&made));
        relation.fields.rename(|name| kept.contains(name).then(|| Rc::clone(name)));
        // Its values are names of columns, not values of any.
        relation.fields.set(attribute.into(), Field::default());
        relation.fields.set(data.into(), value);
        relation.rows = None;
        relation
    }

    /// The matched field comes from the table that has it; the interval's fields from the load.
    fn interval_match(&mut self, mut relation: Relation, names: &[String]) -> Relation {
        let Some(matched) = names.first() else { return relation };
        if !relation.fields.contains(matched) {
            let flows = self.any_field(matched);
            relation.fields.set(matched.as_str().into(), Field::of(flows));
        }
        relation.rows = None;
        relation
    }

    /// Tables that `GENERIC` makes: one for each value of the second last field, whose name it is,
    /// with the key fields and the last one. `None` when the values are not known.
    pub(super) fn generic(
        &self,
        relation: &Relation,
        name: &str,
    ) -> Option<Vec<(String, Relation)>> {
        let rows = relation.rows.as_ref()?;
        let fields: Vec<&Rc<str>> = relation.fields.names().collect();
        let (attribute, value) = match fields.as_slice() {
            [_, .., attribute, value] => (*attribute, *value),
            _ => return None,
        };
        let column = rows.column(attribute)?;
        let mut tables: Vec<(String, Relation)> = Vec::new();
        for index in 0..rows.rows.len() {
            let shown = rows.cell(index, column).known_text()?;
            let table = format!("{name}.{shown}");
            if tables.iter().any(|(known, _)| *known == table) {
                continue;
            }
            let mut made = relation.clone();
            made.rows = None;
            made.fields.rename(|field| {
                if field == attribute {
                    None
                } else if field == value {
                    Some(Rc::clone(&shown))
                } else {
                    Some(Rc::clone(field))
                }
            });
            tables.push((table, made));
        }
        Some(tables)
    }

    /// The one table that stands for all that `GENERIC` makes of unknown values: next to its keys it
    /// may have any field, and each takes the values of the last column.
    pub(super) fn generic_unknown(&mut self, mut relation: Relation) -> Relation {
        let mut value = Field::default();
        if relation.opens.is_empty() {
            let names: Vec<Rc<str>> = relation.fields.names().cloned().collect();
            if let [_, .., attribute, last] = names.as_slice() {
                value = relation.fields.remove(last).unwrap_or_default();
                relation.fields.remove(attribute);
            }
        } else {
            // Which column is the last is not known.
            for open in std::mem::take(&mut relation.opens).into_values() {
                value.merge(&Field::of(vec![open.every(&mut self.sources)]));
            }
        }
        if !value.flows.is_empty() {
            relation.any = Some(value.flows);
        }
        relation.rows = None;
        relation
    }

    /// The table that stands for one which `GENERIC` makes of unknown values, by the name that that
    /// has (`Label.Attribute`), and its field if the name tells.
    pub(super) fn generic_table(&self, name: &str) -> Option<(Rc<str>, Option<String>)> {
        if glob::is_unresolved(name) {
            let prefix = glob::literal_prefix(name);
            let (label, _) = prefix.rsplit_once('.')?;
            return Some((self.table_key(&format!("{label}.*"))?, None));
        }
        // Both the label and the attribute may have dots.
        let dots = name.match_indices('.').take(8);
        dots.into_iter().find_map(|(at, _)| {
            let (label, attribute) = (name.get(..at)?, name.get(at + 1..)?);
            let key = self.table_key(&format!("{label}.*"))?;
            let table = self.state.tables.get(&key)?;
            (table.relation.any.is_some() && !attribute.is_empty())
                .then(|| (key, Some(attribute.to_owned())))
        })
    }
}

/// What a merge leaves: all but the field that says insert, update or delete.
fn merge(mut relation: Relation, keys: &[String]) -> Relation {
    let first = relation.fields.names().next().cloned();
    if let Some(first) = first.filter(|first| !keys.iter().any(|key| **key == **first))
        && relation.fields.len() > 1
    {
        relation.fields.remove(&first);
        relation.rows = None;
    }
    relation
}

/// `HIERARCHY (id, parent, name, [parent name, [path source, [path name, [delimiter, [depth]]]]])`:
/// the fields stay, those named are added. The nodes' names by level (`name1`, `name2` …) depend on
/// the data.
fn hierarchy(mut relation: Relation, names: &[String]) -> Relation {
    let flows_of = |relation: &Relation, index: usize| {
        names.get(index).and_then(|name| relation.fields.get(name)).cloned().unwrap_or_default()
    };
    let node = flows_of(&relation, 2);
    let path_source = match names.get(4) {
        Some(source) if relation.fields.contains(source) => flows_of(&relation, 4),
        _ => node.clone(),
    };
    let given = |index: usize| names.get(index).filter(|name| !name.is_empty());
    if let Some(parent) = given(3) {
        relation.fields.set(parent.as_str().into(), node);
    }
    if let Some(path) = given(5) {
        relation.fields.set(path.as_str().into(), path_source);
    }
    if let Some(depth) = given(7) {
        relation.fields.set(depth.as_str().into(), Field::default());
    }
    relation.rows = None;
    relation
}

/// `HIERARCHYBELONGSTO (id, parent, name, ancestor id, ancestor name, [depth])`: node and its
/// ancestors; the parent field is used up.
fn belongs_to(mut relation: Relation, names: &[String]) -> Relation {
    let field = |index: usize| {
        names.get(index).and_then(|name| relation.fields.get(name)).cloned().unwrap_or_default()
    };
    let (mut ancestor, parent, name) = (field(0), field(1), field(2));
    let origins = origin::union([&ancestor.origins(), &parent.origins()]);
    if let Some(flow) = ancestor.flows.first() {
        ancestor = Field::of(vec![Flow { origins, ..flow.clone() }]);
    }
    let used_up = names.get(1).cloned().unwrap_or_default();
    relation.fields.rename(|name| (**name != *used_up).then(|| Rc::clone(name)));
    for (index, field) in [(3, ancestor), (4, name), (5, Field::default())] {
        if let Some(name) = names.get(index).filter(|name| !name.is_empty()) {
            relation.fields.set(name.as_str().into(), field);
        }
    }
    relation.rows = None;
    relation
}
