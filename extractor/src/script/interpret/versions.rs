//! Files that a script stores, reads and stores again: what was read is the file as it was then,
//! not as the script leaves it. Each such state is a source of its own while the script is
//! followed; in the end, one whose place another took gives way to what it was made of.

use std::collections::BTreeMap;
use std::rc::Rc;

use foldhash::HashMap;

use super::Machine;
use crate::script::model::{
    Field, Flow, Relation, SourceId, Sources, StoredFile, origin, union_via,
};

/// Most states that are followed to what they were made of.
const MAX_REPLACED: usize = 1000;

/// Most origins that are put in for those states, in all: loops may make each of all before it.
const MAX_SETTLED: usize = 20_000_000;

/// States of stored files that were read.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// The last one of each path.
    last: HashMap<Rc<str>, (Rc<StoredFile>, SourceId)>,
    /// The file that each is a state of.
    files: HashMap<SourceId, SourceId>,
    /// Those whose place another took.
    replaced: BTreeMap<SourceId, Rc<StoredFile>>,
}

impl Machine<'_> {
    /// The source that stands for a file as this script has stored it by now.
    pub(super) fn version(&mut self, path: &str, file: SourceId) -> SourceId {
        let Some(stored) = self.state.stores.get(path) else { return file };
        match self.versions.last.get(path) {
            Some((known, id)) if Rc::ptr_eq(known, stored) => *id,
            _ => {
                let id = self.sources.version(file);
                self.versions.files.insert(id, file);
                self.versions.last.insert(path.into(), (Rc::clone(stored), id));
                id
            }
        }
    }

    /// Another state takes the place of the one that is stored under a path.
    pub(super) fn replace_version(&mut self, path: &str) {
        if self.versions.replaced.len() < MAX_REPLACED
            && let Some(current) = self.state.stores.get(path)
            && let Some((stored, id)) = self.versions.last.get(path)
            && Rc::ptr_eq(stored, current)
        {
            self.versions.replaced.insert(*id, Rc::clone(stored));
        }
    }
}

impl Versions {
    /// The file that a source is a state of; the source itself when it is none.
    pub(super) fn file(&self, id: SourceId) -> SourceId {
        self.files.get(&id).copied().unwrap_or(id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// What the states whose place another took are made of.
    pub(super) fn settled(&self, sources: &mut Sources) -> Settled {
        let mut settled = Settled::default();
        // A state is made of earlier ones alone.
        for (id, stored) in &self.replaced {
            if settled.put_in < MAX_SETTLED {
                let relation = settled.relation(&stored.relation, sources);
                let relation = relation.unwrap_or_else(|| stored.relation.clone());
                settled.by_id.insert(*id, relation);
            }
        }
        settled
    }
}

/// States of files by what they are made of.
#[derive(Debug, Default)]
pub(super) struct Settled {
    by_id: BTreeMap<SourceId, Relation>,
    put_in: usize,
}

impl Settled {
    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// A relation that no longer refers to such states; `None` when it does not refer to any.
    pub(super) fn relation(
        &mut self,
        relation: &Relation,
        sources: &mut Sources,
    ) -> Option<Relation> {
        if !relation.sources.keys().any(|id| self.by_id.contains_key(id)) {
            return None;
        }
        let mut made = relation.clone();
        made.fields = relation.fields.map(|field| self.field(field, sources));
        made.any = relation.any.as_ref().map(|flows| {
            self.field(&Field { flows: Rc::clone(flows), comment: None }, sources).flows
        });
        made.opens.clear();
        made.sources.clear();
        for open in relation.opens.values() {
            match self.by_id.get(&open.source) {
                None => made.add_open(open.clone()),
                Some(before) => {
                    for inner in before.opens.values() {
                        made.add_open(inner.through(open));
                    }
                }
            }
        }
        for (id, used) in &relation.sources {
            match self.by_id.get(id) {
                None => made.add_sources(&BTreeMap::from([(*id, used.clone())])),
                Some(before) => {
                    let mut its = before.sources.clone();
                    for inner in its.values_mut() {
                        inner.via = union_via([&inner.via, &used.via]);
                        inner.resolution = inner.resolution.max(used.resolution);
                    }
                    made.add_sources(&its);
                }
            }
        }
        Some(made)
    }

    fn field(&mut self, field: &Field, sources: &mut Sources) -> Field {
        let is_open = |flow: &Flow| {
            let columns = flow.origins.iter().filter_map(|&id| sources.column_of(id));
            columns.into_iter().any(|column| self.by_id.contains_key(&column.source))
        };
        if !field.flows.iter().any(is_open) {
            return field.clone();
        }
        let mut made = Field { flows: Rc::default(), comment: field.comment.clone() };
        for flow in field.flows.iter() {
            made.merge(&Field::of(self.flow(flow, sources)));
        }
        made
    }

    /// A flow by what its origins are made of: one of each way as long as values come as they are.
    fn flow(&mut self, flow: &Flow, sources: &mut Sources) -> Vec<Flow> {
        let mut kept = Vec::new();
        let mut inner: Vec<Flow> = Vec::new();
        for &id in flow.origins.iter() {
            let Some(column) = sources.column_of(id).cloned() else { continue };
            match self.by_id.get(&column.source) {
                None => kept.push(id),
                Some(before) => inner.extend(column_flows(before, &column.name, sources)),
            }
        }
        self.put_in += inner.iter().map(|flow| flow.origins.len()).sum::<usize>();
        let kept = Flow { origins: kept.into(), ..flow.clone() };
        if flow.expression.is_some() {
            let all = || std::iter::once(&kept).chain(&inner);
            return vec![Flow {
                origins: origin::union(all().map(|flow| &flow.origins)),
                expression: flow.expression.clone(),
                via: union_via(all().map(|flow| &flow.via)),
                resolution: all().map(|flow| flow.resolution).max().unwrap_or_default(),
            }];
        }
        for each in &mut inner {
            each.via = union_via([&each.via, &flow.via]);
            each.resolution = each.resolution.max(flow.resolution);
        }
        if !kept.origins.is_empty() {
            inner.push(kept);
        }
        inner
    }
}

/// What flows into a column of a stored file; `*`: into those that are not known by name.
fn column_flows(stored: &Relation, name: &str, sources: &mut Sources) -> Vec<Flow> {
    let mut flows: Vec<Flow> =
        stored.fields.get(name).map(|field| field.flows.to_vec()).unwrap_or_default();
    if flows.is_empty() && !stored.fields.contains(name) {
        let opens = stored.opens.values();
        flows = opens
            .filter_map(|open| match name {
                "*" => Some(open.every(sources)),
                _ => open.field(name, sources),
            })
            .collect();
        flows.extend(stored.any.iter().flat_map(|any| any.iter().cloned()));
    }
    flows
}
