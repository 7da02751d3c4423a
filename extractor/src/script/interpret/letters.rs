//! Names of fields as a database returns them: Oracle in upper case, PostgreSQL in lower, whatever
//! the statement says. Where a bare `SELECT` makes a table, the script tells later how they are
//! written.

use std::collections::HashMap;
use std::rc::Rc;

use super::Machine;
use crate::script::limits;
use crate::script::model::Relation;

impl Machine<'_> {
    /// Gives the fields of a load and of the table that it is put to the names that the other one
    /// has for them.
    pub(super) fn settle_both(&mut self, key: &Rc<str>, relation: &mut Relation) {
        let Some(own) = self.state.tables.get(key).map(Rc::clone) else { return };
        if relation.is_folded && self.folded <= limits::MAX_FOLDED {
            self.folded = self.folded.saturating_add(own.relation.fields.len());
            let names: Vec<Rc<str>> = own.relation.fields.names().cloned().collect();
            for (from, to) in self.settled(relation, &names) {
                relation.fields.rename_one(&from, &to);
            }
        }
        if own.relation.is_folded {
            let names: Vec<Rc<str>> = relation.fields.names().cloned().collect();
            self.settle_table(key, &names);
        }
    }

    /// Gives the fields of all such tables the names that a statement has for them.
    pub(super) fn settle_all<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        self.folded = self.folded.saturating_add(self.folded_tables.len());
        if self.folded_tables.is_empty() || self.folded > limits::MAX_FOLDED {
            return;
        }
        let names: Vec<Rc<str>> = names.map(Rc::from).collect();
        for key in self.folded_tables.clone() {
            self.settle_table(&key, &names);
        }
    }

    fn settle_table(&mut self, key: &Rc<str>, names: &[Rc<str>]) {
        let Some(own) = self.state.tables.get(key).map(Rc::clone) else { return };
        let pairs = self.settled(&own.relation, names);
        drop(own);
        if pairs.is_empty() {
            return;
        }
        let Some(mut table) = self.take_table(key) else { return };
        for (from, to) in &pairs {
            table.relation.fields.rename_one(from, to);
        }
        self.put_changed(key, table, pairs.iter().map(|(_, to)| to));
    }

    /// Fields that differ from some names by the case of their letters alone, and these.
    fn settled(&mut self, relation: &Relation, names: &[Rc<str>]) -> Vec<(Rc<str>, Rc<str>)> {
        let unknown = |name: &&Rc<str>| !relation.fields.contains(name);
        let unknown: Vec<&Rc<str>> = names.iter().filter(unknown).collect();
        if !relation.is_folded || unknown.is_empty() {
            return Vec::new();
        }
        self.folded = self.folded.saturating_add(relation.fields.len());
        if self.folded > limits::MAX_FOLDED {
            return Vec::new();
        }
        let fields = relation.fields.names().map(|name| (name.to_lowercase(), Rc::clone(name)));
        let fields: HashMap<String, Rc<str>> = fields.collect();
        let pair = |name: &Rc<str>| Some((fields.get(&name.to_lowercase())?.clone(), name.clone()));
        unknown.into_iter().filter_map(pair).collect()
    }
}
