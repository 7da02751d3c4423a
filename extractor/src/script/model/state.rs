//! What a script has built so far.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::journal::{Delta, Journal};
use super::relation::{Flow, Relation};
use super::rows::Rows;
use super::rules::Rules;
use crate::script::eval::Value;

/// A table of the model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    pub(crate) relation: Relation,
    /// Order of creation.
    pub(crate) order: usize,
    /// Statements that made it, secrets masked.
    pub(crate) statements: Vec<Rc<str>>,
    pub(crate) comment: Option<Rc<str>>,
    /// Whether it is there on every way through the script.
    pub(crate) certain: bool,
}

/// A mapping table: what its second column takes values from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) flows: Rc<Vec<Flow>>,
    pub(crate) rows: Option<Rc<Rows>>,
    pub(crate) relation: Rc<Relation>,
}

/// A file that was stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredFile {
    /// As the script writes it.
    pub(crate) path: Rc<str>,
    pub(crate) format: Option<Rc<str>>,
    pub(crate) relation: Relation,
    pub(crate) table: Rc<str>,
    pub(crate) statement: Rc<str>,
    pub(crate) line: u32,
    pub(crate) order: usize,
}

/// A decision that could not be made: which one, and which way was taken.
pub(crate) type Choice = (u64, u16);

/// A variable: usually one value, several after branches that set it differently.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Variable {
    pub(crate) alternatives: Rc<Vec<(Vec<Choice>, Value)>>,
}

impl Variable {
    pub(crate) fn of(value: Value) -> Self {
        Self { alternatives: Rc::new(vec![(Vec::new(), value)]) }
    }
}

/// Most values of one variable that are followed apart.
pub(crate) const MAX_ALTERNATIVES: usize = 8;

/// A database connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Name of the data connection, or the connection text with secrets masked.
    pub(crate) name: Rc<str>,
    /// Its SQL dialect, if what `GetConnections` or the statement says of it tells.
    pub(crate) dialect: Option<&'static str>,
}

/// The rest of the state, small enough to be copied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    pub(crate) connections: Rc<Vec<Connection>>,
    pub(crate) directory: Option<Rc<str>>,
    pub(crate) last_table: Option<Rc<str>>,
    /// Label that stood alone, for the table that comes next.
    pub(crate) label: Option<Rc<str>>,
    /// Patterns of `QUALIFY` (on) and `UNQUALIFY`; the last that fits counts.
    pub(crate) qualify: Rc<Rules<bool>>,
    pub(crate) aliases: Rc<BTreeMap<String, String>>,
    /// `MAP pattern USING map`; the last that fits counts, no map: `UNMAP`.
    pub(crate) using: Rc<Rules<Option<String>>>,
    pub(crate) section_access: bool,
    pub(crate) has_section_access: bool,
    /// Source of `BINARY`.
    pub(crate) binary: Option<super::SourceId>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) tables: Journal<Rc<str>, Rc<Table>>,
    pub(crate) mappings: Journal<Rc<str>, Rc<Mapping>>,
    pub(crate) variables: Journal<Rc<str>, Variable>,
    /// By normalised path.
    pub(crate) stores: Journal<Rc<str>, Rc<StoredFile>>,
    pub(crate) flags: Flags,
}

/// Start of a branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    tables: usize,
    mappings: usize,
    variables: usize,
    stores: usize,
}

/// What a branch changed.
#[derive(Debug)]
pub(crate) struct Changes {
    pub(crate) tables: Delta<Rc<str>, Rc<Table>>,
    pub(crate) mappings: Delta<Rc<str>, Rc<Mapping>>,
    pub(crate) variables: Delta<Rc<str>, Variable>,
    pub(crate) stores: Delta<Rc<str>, Rc<StoredFile>>,
    pub(crate) flags: Flags,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            tables: Journal::new(),
            mappings: Journal::new(),
            variables: Journal::new(),
            stores: Journal::new(),
            flags: Flags::default(),
        }
    }

    pub(crate) fn mark(&mut self) -> Mark {
        Mark {
            tables: self.tables.mark(),
            mappings: self.mappings.mark(),
            variables: self.variables.mark(),
            stores: self.stores.mark(),
        }
    }

    /// Ends a branch that started at the mark with these flags.
    pub(crate) fn take(&mut self, mark: Mark, flags: &Flags) -> Changes {
        Changes {
            tables: self.tables.take(mark.tables),
            mappings: self.mappings.take(mark.mappings),
            variables: self.variables.take(mark.variables),
            stores: self.stores.take(mark.stores),
            flags: std::mem::replace(&mut self.flags, flags.clone()),
        }
    }

    /// Puts the branches of one decision together: what any of them can leave is there after it.
    /// `choice` names the decision; a branch's position is the way it took. Returns how many fields
    /// and sources of tables were looked at.
    pub(crate) fn merge(&mut self, choice: u64, branches: &[(u16, Changes)]) -> usize {
        let work = self.merge_tables(branches);
        self.merge_variables(choice, branches);
        for (_, changes) in branches {
            for (name, mapping) in &changes.mappings {
                if let Some(mapping) = mapping {
                    self.merge_mapping(name, mapping);
                }
            }
            for (key, stored) in &changes.stores {
                if let Some(stored) = stored {
                    self.merge_store(key, stored, branches);
                }
            }
        }
        self.merge_flags(branches);
        work
    }

    fn merge_tables(&mut self, branches: &[(u16, Changes)]) -> usize {
        let mut work = 0;
        let mut touched: BTreeMap<&Rc<str>, ()> = BTreeMap::new();
        for (_, changes) in branches {
            touched.extend(changes.tables.keys().map(|name| (name, ())));
        }
        for name in touched.into_keys() {
            let base = self.tables.get(name).cloned();
            let mut merged: Option<Table> = None;
            let mut everywhere = true;
            let mut all: Vec<Rc<Table>> = Vec::new();
            for (_, changes) in branches {
                let here = match changes.tables.get(name) {
                    Some(here) => here.clone(),
                    None => base.clone(),
                };
                match here {
                    Some(here) if all.iter().any(|each| Rc::ptr_eq(each, &here)) => {}
                    Some(here) => all.push(here),
                    None => everywhere = false,
                }
            }
            for here in &all {
                work += here.relation.size();
                match &mut merged {
                    None => merged = Some(Table::clone(here)),
                    Some(table) => table.merge(here),
                }
            }
            match merged {
                Some(mut table) => {
                    table.certain &= everywhere;
                    self.tables.set(Rc::clone(name), Rc::new(table));
                }
                None => {
                    self.tables.remove(name);
                }
            }
        }
        work
    }

    fn merge_variables(&mut self, choice: u64, branches: &[(u16, Changes)]) {
        let mut touched: BTreeMap<&Rc<str>, ()> = BTreeMap::new();
        for (_, changes) in branches {
            touched.extend(changes.variables.keys().map(|name| (name, ())));
        }
        for name in touched.into_keys() {
            let base = self.variables.get(name).cloned();
            let ways: Vec<(u16, Variable)> = branches
                .iter()
                .filter_map(|(way, changes)| {
                    let here = match changes.variables.get(name) {
                        Some(here) => here.clone(),
                        None => base.clone(),
                    };
                    // Where a variable was never set, the script does not mean to use it.
                    here.map(|variable| (*way, variable))
                })
                .collect();
            let Some((_, first)) = ways.first() else {
                self.variables.remove(name);
                continue;
            };
            if ways.iter().all(|(_, variable)| variable == first) {
                let first = first.clone();
                self.variables.set(Rc::clone(name), first);
                continue;
            }
            let mut alternatives: Vec<(Vec<Choice>, Value)> = Vec::new();
            for (way, variable) in &ways {
                for (guard, value) in variable.alternatives.iter() {
                    if guard.iter().any(|&(known, label)| known == choice && label != *way) {
                        continue; // Of another branch of this very decision.
                    }
                    let mut guard = guard.clone();
                    if !guard.iter().any(|&(known, _)| known == choice) {
                        guard.push((choice, *way));
                    }
                    alternatives.push((guard, value.clone()));
                }
            }
            let variable = if alternatives.len() > MAX_ALTERNATIVES {
                Variable::of(Value::unknown_variable(name))
            } else {
                Variable { alternatives: Rc::new(alternatives) }
            };
            self.variables.set(Rc::clone(name), variable);
        }
    }

    fn merge_mapping(&mut self, name: &Rc<str>, mapping: &Rc<Mapping>) {
        let merged = match self.mappings.get(name) {
            Some(old) if !Rc::ptr_eq(old, mapping) => {
                let mut merged = Mapping::clone(old);
                let fresh: Vec<Flow> = mapping
                    .flows
                    .iter()
                    .filter(|flow| !merged.flows.contains(flow))
                    .cloned()
                    .collect();
                Rc::make_mut(&mut merged.flows).extend(fresh);
                merged.rows = None;
                Rc::new(merged)
            }
            _ => Rc::clone(mapping),
        };
        self.mappings.set(Rc::clone(name), merged);
    }

    /// A store in one branch replaces what was there only if every branch stores.
    fn merge_store(&mut self, key: &Rc<str>, stored: &Rc<StoredFile>, branches: &[(u16, Changes)]) {
        let replaces = branches.first().is_some_and(|(_, changes)| {
            changes
                .stores
                .get(key)
                .is_some_and(|first| first.as_ref().is_some_and(|first| Rc::ptr_eq(first, stored)))
        }) && branches.iter().all(|(_, changes)| changes.stores.contains_key(key));
        let merged = match self.stores.get(key) {
            Some(old) if !replaces => {
                let mut merged = StoredFile::clone(old);
                merged.relation.union(&stored.relation);
                Rc::new(merged)
            }
            _ => Rc::clone(stored),
        };
        self.stores.set(Rc::clone(key), merged);
    }

    fn merge_flags(&mut self, branches: &[(u16, Changes)]) {
        let Some((_, last)) = branches.last() else { return };
        let mut flags = last.flags.clone();
        let mut connections: Vec<Connection> = Vec::new();
        for (_, changes) in branches {
            for connection in changes.flags.connections.iter() {
                if !connections.contains(connection) {
                    connections.push(connection.clone());
                }
            }
            flags.has_section_access |= changes.flags.has_section_access;
            if flags.binary.is_none() {
                flags.binary = changes.flags.binary;
            }
            // The branch that did something knows the last table better than the empty one.
            if !changes.tables.is_empty() && changes.flags.last_table.is_some() {
                flags.last_table.clone_from(&changes.flags.last_table);
            }
        }
        if branches.iter().any(|(_, changes)| changes.flags.label.is_none()) {
            flags.label = None; // A branch took it.
        }
        flags.connections = Rc::new(connections);
        self.flags = flags;
    }
}

impl Table {
    /// What another way through the script leaves under the same name.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.relation.union(&other.relation);
        self.order = self.order.min(other.order);
        for statement in &other.statements {
            if !self.statements.contains(statement) {
                self.statements.push(Rc::clone(statement));
            }
        }
        self.certain &= other.certain;
        if self.comment.is_none() {
            self.comment.clone_from(&other.comment);
        }
    }
}

impl Relation {
    /// Adds the fields and sources of another: values of either can be there.
    pub(crate) fn union(&mut self, other: &Self) {
        for (name, field) in other.fields.iter() {
            self.fields.merge(name, field);
        }
        for open in other.opens.values() {
            self.add_open(open.clone());
        }
        self.add_sources(&other.sources);
        self.add_any(&other.any);
        let same = matches!((&self.rows, &other.rows), (Some(a), Some(b)) if a == b);
        if !same {
            self.rows = None;
        }
    }
}
