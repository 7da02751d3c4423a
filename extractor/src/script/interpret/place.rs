//! Where the result of a load goes: a new table, one that is there, or a mapping table.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::Machine;
use super::project::name_set;
use super::resolve::Lookup;
use crate::script::eval::wild_match;
use crate::script::limits;
use crate::script::model::{Field, Mapping, Open, Relation, Table};
use crate::script::outcome::Resolution;
use crate::script::statement::{JoinKind, Prefix};

/// Marks tables of the section access: names there are a domain of their own.
pub(super) const ACCESS_MARK: char = '\u{1}';

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
                Some(key) => match join {
                    Some(kind) => self.join(&key, kind, &relation, text),
                    None => self.append(&key, &relation, text),
                },
                None => {
                    let wanted = prefixes.iter().find_map(|prefix| match prefix {
                        Prefix::Join { table, .. } | Prefix::Concatenate(table) => table.clone(),
                        _ => None,
                    });
                    let shown = wanted.clone().unwrap_or_default();
                    self.say(format!("table `{shown}` to join or concatenate to is not there"));
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
                    self.say("the tables that `GENERIC` makes depend on the data".to_owned());
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

    /// A table of the section that is being loaded, or of the other one.
    pub(super) fn table_key(&self, name: &str) -> Option<Rc<str>> {
        let access: Rc<str> = format!("{ACCESS_MARK}{name}").into();
        let plain: Rc<str> = name.into();
        let order = if self.state.flags.section_access { [access, plain] } else { [plain, access] };
        order.into_iter().find(|key| self.state.tables.get(&**key).is_some())
    }

    fn key_of(&self, name: &str) -> Rc<str> {
        if self.state.flags.section_access {
            format!("{ACCESS_MARK}{name}").into()
        } else {
            name.into()
        }
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

    /// Makes a table of an app that `BINARY` brought in one of this script's.
    pub(super) fn materialise(&mut self, name: &str) -> Option<Rc<str>> {
        let relation = self.binary_relation(name)?;
        let text = Rc::clone(&self.site.text);
        Some(self.create(name, relation, &text))
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
    fn same_table(&mut self, name: &str, relation: &Relation) -> Option<Rc<str>> {
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

    /// Puts a table into the model and all its fields into the indices.
    pub(super) fn put_table(&mut self, key: &Rc<str>, table: Table) {
        let names: Vec<Rc<str>> = table.relation.fields.names().cloned().collect();
        self.put_changed(key, table, names.iter());
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
        }
        for name in fresh {
            match self.by_field.get_mut(name) {
                Some(keys) => {
                    keys.insert(Rc::clone(key));
                }
                None => {
                    self.by_field.insert(Rc::clone(name), BTreeSet::from([Rc::clone(key)]));
                }
            }
        }
        if !table.relation.opens.is_empty() {
            self.open_tables.insert(Rc::clone(key));
        }
        self.state.tables.set(Rc::clone(key), Rc::new(table));
    }

    /// Takes a table out to change it; to be put back.
    pub(super) fn take_table(&mut self, key: &Rc<str>) -> Option<Table> {
        let table = self.state.tables.remove(key)?;
        Some(Rc::unwrap_or_clone(table))
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
        if shared.is_empty() && !own.opens.is_empty() && !relation.fields.is_empty() {
            // A key must be among the fields that are not known; scripts name it first.
            guess = relation.fields.names().next().cloned();
        }
        let fresh: BTreeSet<Rc<str>> =
            relation.fields.names().filter(|name| !shared.contains(*name)).cloned().collect();
        let opens = if guess.is_some() { own.opens.clone() } else { Default::default() };
        let before = Relation { opens, ..Relation::default() };
        for open in own.opens.values_mut() {
            open.exclude(&fresh);
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
            let group = if joined { self.new_group() } else { 0 };
            if joined {
                for open in own.opens.values_mut() {
                    open.group = group;
                }
            }
            for open in relation.opens.values() {
                let open = open.without(&known);
                own.add_open(Open { group: if joined { group } else { open.group }, ..open });
            }
        }
        own.add_sources(&relation.sources);
        if own.any.is_none() {
            own.any.clone_from(&relation.any);
        }
        own.rows = None;
        add_statement(&mut table, text);
        self.put_changed(key, table, fresh.iter());
        self.state.flags.last_table = Some(Rc::clone(key));
        if let Some(guess) = guess {
            let shown = key.trim_start_matches(ACCESS_MARK);
            self.say(format!(
                "the fields of `{shown}` are not known: `{guess}` is taken for the key of the join"
            ));
        }
    }

    fn place_mapping(&mut self, name: &str, relation: Relation) {
        let second = relation.fields.iter().nth(1).map(|(_, field)| Rc::clone(&field.flows));
        let flows = second.unwrap_or_else(|| {
            let mut merged = Field::default();
            for open in relation.opens.values() {
                if let Some(flow) = open.field(&format!("{}*", open.prefix), &mut self.sources) {
                    merged.merge(&Field::of(vec![flow]));
                }
            }
            merged.flows
        });
        let mapping = Mapping { flows, rows: relation.rows.clone(), relation: Rc::new(relation) };
        self.state.mappings.set(name.into(), Rc::new(mapping));
    }

    /// `ALIAS`, `MAP … USING` and `QUALIFY` on the fields of a load.
    fn rename_loaded(&mut self, relation: &mut Relation, table: &str) {
        let flags = self.state.flags.clone();
        if !flags.aliases.is_empty() {
            for (from, to) in flags.aliases.iter() {
                if relation.fields.contains(from) || relation.opens.is_empty() {
                    continue;
                }
                if let Some(flows) = self.field_flows(&Lookup::new(relation), from) {
                    let taken = BTreeSet::from([Rc::from(from.as_str())]);
                    for open in relation.opens.values_mut() {
                        open.exclude(&taken);
                    }
                    relation.fields.set(to.as_str().into(), Field { flows, comment: None });
                }
            }
            relation.fields.rename(|name| {
                Some(
                    flags
                        .aliases
                        .get(&**name)
                        .map_or_else(|| Rc::clone(name), |to| to.as_str().into()),
                )
            });
        }
        if !flags.using.is_empty() {
            let mapped: Vec<(Rc<str>, String)> = relation
                .fields
                .names()
                .filter_map(|name| {
                    let rule = flags.using.iter().rev().find(|(pattern, _)| fits(pattern, name))?;
                    Some((Rc::clone(name), rule.1.clone()?))
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
        if flags.qualify.iter().any(|(_, on)| *on) {
            let qualified = |name: &str| {
                flags
                    .qualify
                    .iter()
                    .rev()
                    .find(|(pattern, _)| fits(pattern, name))
                    .is_some_and(|(_, on)| *on)
            };
            let shown = table.trim_start_matches(ACCESS_MARK);
            relation.fields.rename(|name| {
                Some(if qualified(name) {
                    format!("{shown}.{name}").into()
                } else {
                    Rc::clone(name)
                })
            });
            if let Some(rows) = &mut relation.rows {
                for name in &mut Rc::make_mut(rows).names {
                    if qualified(name) {
                        *name = format!("{shown}.{name}").into();
                    }
                }
            }
            // Names that are not known are qualified when every name is.
            if qualified("\u{2}") {
                relation.opens = std::mem::take(&mut relation.opens)
                    .into_values()
                    .map(|open| Open { prefix: format!("{shown}.{}", open.prefix).into(), ..open })
                    .map(|open| (open.key(), open))
                    .collect();
            }
        }
    }
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

/// Whether a pattern of `QUALIFY` or `MAP` fits a field name; names are case-sensitive.
fn fits(pattern: &str, name: &str) -> bool {
    pattern == name || pattern == "*" || (pattern.contains(['*', '?']) && wild_match(name, pattern))
}
