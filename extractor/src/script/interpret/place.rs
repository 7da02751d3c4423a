//! Where the result of a load goes: a new table, one that is there, or a mapping table.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Machine;
use super::project::name_set;
use super::registry::ACCESS_MARK;
use super::resolve::Lookup;
use crate::script::limits;
use crate::script::model::{Field, Flow, Mapping, Open, Relation, Table};
use crate::script::outcome::Resolution;
use crate::script::paths::glob;
use crate::script::statement::{JoinKind, Prefix};

/// Most mapping tables of unknown names that others are looked for among.
const MAX_OPEN_MAPPINGS: usize = 50;

impl Machine<'_> {
    /// Puts a load's result where its prefixes say. `default` is its name without a label.
    pub(super) fn place(
        &mut self,
        label: Option<String>,
        prefixes: &[Prefix],
        mut relation: Relation,
        default: &str,
        text: &Rc<str>,
    ) {
        let name = label.unwrap_or_else(|| default.to_owned());
        for prefix in prefixes {
            relation = self.transform(prefix, relation);
        }
        self.complete_sources(&mut relation);
        if prefixes.contains(&Prefix::Mapping) {
            self.place_mapping(&name, relation);
            return;
        }
        let target = prefixes.iter().find_map(|prefix| match prefix {
            Prefix::Join { table, .. } | Prefix::Concatenate(table) => {
                Some(self.target(table.as_deref()))
            }
            _ => None,
        });
        self.rename_loaded(
            &mut relation,
            target.as_ref().and_then(Option::as_deref).unwrap_or(&name),
        );
        let join = prefixes.iter().find_map(|prefix| match prefix {
            Prefix::Join { kind, .. } => Some(*kind),
            _ => None,
        });
        if let Some(target) = target {
            match target {
                Some(key) => {
                    self.settle_both(&key, &mut relation);
                    match join {
                        Some(kind) => self.join(&key, kind, &relation, text),
                        None => self.append(&key, &relation, text),
                    }
                }
                None => {
                    let wanted = prefixes.iter().find_map(|prefix| match prefix {
                        Prefix::Join { table, .. } | Prefix::Concatenate(table) => table.clone(),
                        _ => None,
                    });
                    // In a partial reload it is there from the last one.
                    let partial =
                        |prefix: &Prefix| matches!(prefix, Prefix::Partial | Prefix::Merge(_));
                    if !prefixes.iter().any(partial) {
                        let shown = wanted.as_deref().unwrap_or_default();
                        self.say(format!("table `{shown}` to join or concatenate to is not there"));
                    }
                    self.create(&wanted.unwrap_or(name), relation, text);
                }
            }
            return;
        }
        if prefixes.contains(&Prefix::Generic) {
            match self.generic(&relation, &name) {
                Some(tables) => {
                    for (name, relation) in tables {
                        self.create(&name, relation, text);
                    }
                }
                None => {
                    self.notice("the tables that `GENERIC` makes depend on the data".to_owned());
                    let relation = self.generic_unknown(relation);
                    self.create(&format!("{name}.*"), relation, text);
                }
            }
            return;
        }
        let apart = prefixes
            .iter()
            .any(|prefix| matches!(prefix, Prefix::NoConcatenate | Prefix::Keep { .. }));
        if !apart && let Some(key) = self.same_table(&name, &relation) {
            self.append(&key, &relation, text);
            return;
        }
        self.create(&name, relation, text);
    }

    /// The table that a `JOIN` or `CONCATENATE` addresses: the one named, or the last one loaded.
    fn target(&mut self, name: Option<&str>) -> Option<Rc<str>> {
        match name {
            Some(name) => self.table_key(name).or_else(|| self.materialise(name)),
            None => {
                let last = self.state.flags.last_table.clone();
                let last = last.filter(|last| self.state.tables.get(&**last).is_some());
                last.or_else(|| self.table_order().pop())
            }
        }
    }

    fn append(&mut self, key: &Rc<str>, relation: &Relation, text: &Rc<str>) {
        let Some(mut table) = self.take_table(key) else { return };
        let rows = match (&table.relation.rows, &relation.rows) {
            (Some(a), Some(b)) => a.append(b),
            _ => None,
        };
        let names = relation.fields.names();
        let fresh: Vec<Rc<str>> =
            names.filter(|name| !table.relation.fields.contains(name)).cloned().collect();
        table.relation.union(relation);
        table.relation.rows = rows;
        add_statement(&mut table, text);
        self.put_changed(key, table, fresh.iter());
        self.state.flags.last_table = Some(Rc::clone(key));
    }

    /// Adds the fields of a load to a table. Where both have a field it is the key: its values are
    /// those of the side whose rows are all kept, of both sides in an outer join.
    fn join(&mut self, key: &Rc<str>, kind: JoinKind, relation: &Relation, text: &Rc<str>) {
        let Some(mut table) = self.take_table(key) else { return };
        let own = &mut table.relation;
        let shared: BTreeSet<Rc<str>> =
            relation.fields.names().filter(|name| own.fields.contains(name)).cloned().collect();
        let mut guess = None;
        if shared.is_empty() && !own.opens.is_empty() && relation.opens.is_empty() {
            // A key must be among the fields that are not known; scripts name it first. What the
            // load takes from nowhere is none, and with a `*` of its own none need be named.
            let mut taken = relation.fields.iter().filter(|(_, field)| takes_values(field));
            guess = taken.next().map(|(name, _)| Rc::clone(name));
        }
        let fresh: BTreeSet<Rc<str>> =
            relation.fields.names().filter(|name| !shared.contains(*name)).cloned().collect();
        let opens = if guess.is_some() { own.opens.clone() } else { Default::default() };
        let before = Relation { opens, ..Relation::default() };
        if !fresh.is_empty() {
            own.opens.values_mut().for_each(|open| open.exclude(&fresh));
        }
        for (name, field) in relation.fields.iter() {
            if guess.as_ref() == Some(name) {
                let flows = self.field_flows(&Lookup::new(&before), name).unwrap_or_default();
                let mut key_field = Field { flows, comment: None };
                for flow in Rc::make_mut(&mut key_field.flows) {
                    flow.resolution = Resolution::Fallback;
                }
                own.fields.set(Rc::clone(name), join_key(kind, &key_field, field));
            } else if let Some(mine) = own.fields.get(name).cloned() {
                own.fields.set(Rc::clone(name), join_key(kind, &mine, field));
            } else {
                own.fields.set(Rc::clone(name), field.clone());
            }
        }
        if !relation.opens.is_empty() {
            let known = name_set(own.fields.names());
            let joined = !own.opens.is_empty();
            let number = self.new_join();
            if joined {
                for open in own.opens.values_mut() {
                    open.side = Some((number, 0));
                }
            }
            for open in relation.opens.values() {
                let open = open.without(&known);
                own.add_open(if joined { Open { side: Some((number, 1)), ..open } } else { open });
            }
        }
        own.add_sources(&relation.sources);
        own.add_any(&relation.any);
        own.rows = None;
        add_statement(&mut table, text);
        self.put_changed(key, table, fresh.iter());
        self.state.flags.last_table = Some(Rc::clone(key));
        if let Some(guess) = guess {
            let shown = key.trim_start_matches(ACCESS_MARK);
            self.notice(format!(
                "the fields of `{shown}` are not known: `{guess}` is taken for the key of the join"
            ));
        }
    }

    fn place_mapping(&mut self, name: &str, relation: Relation) {
        let second = relation.fields.iter().nth(1).map(|(_, field)| Rc::clone(&field.flows));
        let flows = second.unwrap_or_else(|| {
            let mut merged = Field::default();
            for open in relation.opens.values() {
                merged.merge(&Field::of(vec![open.every(&mut self.sources)]));
            }
            merged.flows
        });
        let mapping = Mapping { flows, rows: relation.rows.clone(), relation: Rc::new(relation) };
        let is_open = glob::is_unresolved(name) || glob::is_pattern(name);
        if is_open && self.open_mapping_names.len() < MAX_OPEN_MAPPINGS {
            self.open_mapping_names.insert(name.into());
        }
        self.state.mappings.set(name.into(), Rc::new(mapping));
    }
}

/// Whether a field's values are those of a column, be it one of a table that the script writes; not
/// those of an expression without fields.
fn takes_values(field: &Field) -> bool {
    let has_values = |flow: &Flow| flow.expression.is_none() || !flow.origins.is_empty();
    field.flows.is_empty() || field.flows.iter().any(has_values)
}

fn join_key(kind: JoinKind, own: &Field, joined: &Field) -> Field {
    match kind {
        JoinKind::Inner | JoinKind::Left => own.clone(),
        JoinKind::Right => joined.clone(),
        JoinKind::Outer => {
            let mut both = own.clone();
            both.merge(joined);
            both
        }
    }
}

fn add_statement(table: &mut Table, text: &Rc<str>) {
    if table.statements.len() < limits::MAX_STATEMENTS && table.statements.last() != Some(text) {
        table.statements.push(Rc::clone(text));
    }
}
