//! What a name in an expression stands for.

use std::cell::OnceCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::Machine;
use crate::script::expression::Reference;
use crate::script::limits;
use crate::script::model::origin::MAX_ORIGINS;
use crate::script::model::{Field, Flow, Mapping, Relation, SourceId, Through};
use crate::script::outcome::{ReferenceKind, Resolution, Status};
use crate::script::paths::glob;

/// A relation whose fields are looked up by name.
pub(super) struct Lookup<'a> {
    pub(super) relation: &'a Relation,
    lower: OnceCell<HashMap<String, Rc<str>>>,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(relation: &'a Relation) -> Self {
        Self { relation, lower: OnceCell::new() }
    }

    /// The field of that name but for the case of its letters: database drivers change it.
    fn similar(&self, name: &str) -> Option<&'a Field> {
        let lower = self.lower.get_or_init(|| {
            let names = self.relation.fields.names();
            names.map(|name| (name.to_lowercase(), Rc::clone(name))).collect()
        });
        self.relation.fields.get(lower.get(&name.to_lowercase())?)
    }
}

impl Machine<'_> {
    /// The field of that name but for the case of its letters. Names are compared so as long as that
    /// is no work to speak of; a script whose fields are spelled as they are named needs none.
    fn similar<'a>(&mut self, lookup: &Lookup<'a>, name: &str) -> Option<&'a Field> {
        if lookup.lower.get().is_none() {
            self.folded = self.folded.saturating_add(lookup.relation.fields.len());
        }
        if self.folded > limits::MAX_FOLDED { None } else { lookup.similar(name) }
    }

    /// What flows into a field of the input by its name; `None` when it has no such field.
    pub(super) fn field_flows(&mut self, lookup: &Lookup<'_>, name: &str) -> Option<Rc<Vec<Flow>>> {
        let relation = lookup.relation;
        if let Some(field) = relation.fields.get(name) {
            return Some(self.with_opens(relation, name, field));
        }
        if relation.opens.is_empty()
            && let Some(field) = self.similar(lookup, name)
        {
            return Some(Rc::clone(&field.flows));
        }
        // Which column it is only the reload knows.
        let is_open = !relation.opens.is_empty() || relation.fallback.is_some();
        if is_open && glob::is_unresolved(name) {
            return Some(Rc::new(self.any_column(relation)));
        }
        let flows = self.open_flows(relation, name);
        if flows.is_some() {
            return flows.map(Rc::new);
        }
        if let Some(any) = &relation.any {
            return Some(Rc::clone(any));
        }
        if let Some(open) = &relation.fallback {
            return open.field(name, &mut self.sources).map(|flow| Rc::new(vec![flow]));
        }
        self.similar(lookup, name).map(|field| Rc::clone(&field.flows))
    }

    /// What flows into a field that is known, and, where it is a column taken as it is, what the
    /// columns that are not known by name may add: those of another load that was concatenated.
    pub(super) fn with_opens(
        &mut self,
        relation: &Relation,
        name: &str,
        field: &Field,
    ) -> Rc<Vec<Flow>> {
        if relation.opens.is_empty() || !field.is_plain() {
            return Rc::clone(&field.flows);
        }
        let mut merged = field.clone();
        for open in relation.opens.values().take(MAX_ORIGINS) {
            if open.side.is_none()
                && let Some(flow) = open.field(name, &mut self.sources)
            {
                merged.merge(&Field::of(vec![flow]));
            }
        }
        merged.flows
    }

    /// What flows into a column of which only the reload knows which it is.
    fn any_column(&mut self, relation: &Relation) -> Vec<Flow> {
        let opens = relation.opens.values().chain(relation.fallback.as_deref());
        opens.take(MAX_ORIGINS).map(|open| open.every(&mut self.sources)).collect()
    }

    /// Flows of a name among columns that are not known by name.
    fn open_flows(&mut self, relation: &Relation, name: &str) -> Option<Vec<Flow>> {
        let mut flows = Vec::new();
        let mut joins: BTreeMap<u32, BTreeMap<usize, Vec<(SourceId, Flow)>>> = BTreeMap::new();
        for open in relation.opens.values().take(MAX_ORIGINS) {
            let Some(flow) = open.field(name, &mut self.sources) else { continue };
            match open.side {
                Some((join, side)) => {
                    let sides = joins.entry(join).or_default();
                    sides.entry(side).or_default().push((open.source, flow));
                }
                None => flows.push(flow),
            }
        }
        let mut ambiguous = false;
        let lower = name.to_lowercase();
        for sides in joins.into_values() {
            let known = |side: &&Vec<(SourceId, Flow)>| {
                side.iter().any(|(id, _)| self.catalogue.contains(&(*id, lower.clone())))
            };
            let only = if sides.len() == 1 { sides.values().next() } else { None };
            match sides.values().find(known).or(only) {
                Some(side) => flows.extend(side.iter().map(|(_, flow)| flow.clone())),
                None => {
                    ambiguous = true;
                    // One of them it is.
                    self.candidates.extend(sides.values().flatten().map(|(id, _)| *id));
                }
            }
        }
        if ambiguous && flows.is_empty() {
            self.notice(format!("field `{name}` may come from several joined tables"));
            let reason = "several joined tables may have it".to_owned();
            self.refer(ReferenceKind::Table, name, Status::Ambiguous(reason));
            return Some(Vec::new());
        }
        (!flows.is_empty()).then_some(flows)
    }

    /// What a reference of an expression takes values from. `None` for a `Peek` into the table
    /// that is being loaded.
    pub(super) fn reference_flows(
        &mut self,
        lookup: &Lookup<'_>,
        reference: &Reference,
    ) -> Option<Vec<Flow>> {
        match reference {
            Reference::Field(name) => match self.field_flows(lookup, name) {
                Some(flows) => Some(flows.to_vec()),
                None => {
                    // A variable may be named without `$( )`.
                    if self.state.variables.get(name.as_str()).is_none() {
                        self.missing_field(name);
                    }
                    Some(Vec::new())
                }
            },
            Reference::Map(name) => Some(self.map_flows(name)),
            Reference::Peek { table: None, .. } => None,
            Reference::Peek { field, table: Some(table) }
            | Reference::Lookup { field, table: Some(table) } => {
                Some(self.table_field(table, field))
            }
            Reference::Lookup { field, table: None } | Reference::AnyField(field) => {
                Some(self.any_field(field))
            }
        }
    }

    pub(super) fn missing_field(&mut self, name: &str) {
        if glob::is_unresolved(name) {
            self.notice(format!("which field `{name}` stands for is known only at reload"));
        } else {
            self.say(format!("field `{name}` is not among the fields that are read"));
        }
    }

    /// What a mapping table's second column takes values from.
    pub(super) fn map_flows(&mut self, name: &str) -> Vec<Flow> {
        let Some(mapping) = self.state.mappings.get(name).cloned() else {
            let candidates = self.open_mappings(name);
            if name.is_empty() || name.contains("$(") {
                self.notice("the mapping table's name is known only at reload".to_owned());
            } else if !candidates.is_empty() {
                let names: Vec<String> =
                    candidates.iter().take(3).map(|(name, _)| format!("`{name}`")).collect();
                let names = names.join(" or ");
                self.notice(format!("mapping table `{name}` may be {names}"));
                let mut found = Field::default();
                for (name, mapping) in &candidates {
                    let mut through = Through::new(name);
                    let its = mapping.flows.iter().map(|flow| through.flow(flow));
                    let its = its.map(|flow| Flow { resolution: Resolution::Fallback, ..flow });
                    found.merge(&Field::of(its.collect()));
                }
                return found.flows.to_vec();
            } else {
                self.say(format!("mapping table `{name}` is not there"));
                let reason = "no such mapping table is there".to_owned();
                self.refer(ReferenceKind::Resident, name, Status::Unresolved(reason));
            }
            return Vec::new();
        };
        let mut through = Through::new(&name.into());
        mapping.flows.iter().map(|flow| through.flow(flow)).collect()
    }

    /// Mapping tables whose names only the reload knows and of which one can have this name; of
    /// those, where some names tell a part of it, these.
    fn open_mappings(&self, name: &str) -> Vec<(Rc<str>, Rc<Mapping>)> {
        let fitting = self.open_mapping_names.iter().filter(|open| glob::can_meet(open, name));
        let there = fitting
            .filter_map(|open| Some((Rc::clone(open), Rc::clone(self.state.mappings.get(open)?))));
        let is_telling =
            |(open, _): &(Rc<str>, Rc<Mapping>)| !(open.starts_with("$(") && open.ends_with(')'));
        let (telling, others): (Vec<_>, Vec<_>) = there.partition(is_telling);
        if telling.is_empty() { others } else { telling }
    }

    /// A field of a table of the model.
    fn table_field(&mut self, table: &str, field: &str) -> Vec<Flow> {
        let Some(key) = self.table_key(table) else { return Vec::new() };
        let Some(found) = self.state.tables.get(&key).cloned() else { return Vec::new() };
        let flows = self.field_flows(&Lookup::new(&found.relation), field).unwrap_or_default();
        let mut through = Through::new(&key);
        flows.iter().map(|flow| through.flow(flow)).collect()
    }

    /// A field wherever the model has it.
    pub(super) fn any_field(&mut self, field: &str) -> Vec<Flow> {
        let mut merged = Field::default();
        for key in self.tables_with(field) {
            if let Some(found) = self.state.tables.get(&key).cloned()
                && let Some(flows) = self.field_flows(&Lookup::new(&found.relation), field)
            {
                merged.merge(&Field { flows, comment: None });
            }
        }
        merged.flows.to_vec()
    }

    /// Tables of the model that have a field of that name; those that may have it when none is
    /// known to.
    pub(super) fn tables_with(&self, field: &str) -> Vec<Rc<str>> {
        self.index_fields();
        let index = self.by_field.borrow();
        let known: Vec<Rc<str>> = index
            .tables(field)
            .filter(|key| {
                self.state
                    .tables
                    .get(&***key)
                    .is_some_and(|table| table.relation.fields.contains(field))
            })
            .cloned()
            .collect();
        if !known.is_empty() {
            return known;
        }
        let open: Vec<Rc<str>> = self
            .open_tables
            .iter()
            .filter(|key| {
                self.state.tables.get(&***key).is_some_and(|table| !table.relation.opens.is_empty())
            })
            .cloned()
            .collect();
        // Which of several has it cannot be said.
        if open.len() == 1 { open } else { Vec::new() }
    }
}
