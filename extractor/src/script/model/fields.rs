//! Fields of a table, with what flows into each.

use std::collections::hash_map::Entry;
use std::rc::Rc;

use foldhash::HashMap;

use super::origin::{self, Origins};
use super::relation::{Flow, union_via};

/// Most different ways into one field that are kept apart; further ones are merged into the last.
pub(crate) const MAX_FLOWS: usize = 32;

/// A field of a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Field {
    pub(crate) flows: Rc<Vec<Flow>>,
    pub(crate) comment: Option<Rc<str>>,
}

impl Field {
    pub(crate) fn of(flows: Vec<Flow>) -> Self {
        Self { flows: Rc::new(flows), comment: None }
    }

    /// All columns that flow in.
    pub(crate) fn origins(&self) -> Origins {
        origin::union(self.flows.iter().map(|flow| &flow.origins))
    }

    /// Whether it holds values of columns as they are.
    pub(crate) fn is_plain(&self) -> bool {
        self.flows.iter().any(|flow| flow.expression.is_none() && !flow.origins.is_empty())
    }

    /// Adds the ways into another field.
    pub(crate) fn merge(&mut self, other: &Self) {
        if Rc::ptr_eq(&self.flows, &other.flows) {
            return;
        }
        let fresh: Vec<&Flow> =
            other.flows.iter().filter(|flow| !self.flows.contains(flow)).collect();
        if !fresh.is_empty() {
            let flows = Rc::make_mut(&mut self.flows);
            for flow in fresh {
                flows.push(flow.clone());
            }
            // Twice as many may gather before they are merged, so that a field which every
            // statement adds to costs each statement little.
            if flows.len() > 2 * MAX_FLOWS {
                let rest = flows.split_off(MAX_FLOWS - 1);
                flows.push(Flow {
                    origins: origin::union(rest.iter().map(|flow| &flow.origins)),
                    expression: rest.first().and_then(|flow| flow.expression.clone()),
                    via: union_via(rest.iter().map(|flow| &flow.via)),
                    resolution: rest.iter().map(|flow| flow.resolution).max().unwrap_or_default(),
                });
            }
        }
        if self.comment.is_none() {
            self.comment.clone_from(&other.comment);
        }
    }
}

/// Fields by name, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// `None`: removed; such places are cleared out when they are many.
    list: Vec<Option<(Rc<str>, Field)>>,
    /// Shared by the copies of a field set until one of them gets another name.
    index: Rc<HashMap<Rc<str>, usize>>,
    /// Sum of the names' hashes, kept up to date: equal sets have equal sums.
    sum: u64,
}

impl Fields {
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// The same for the same set of names, in whatever order.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Rc<str>, &Field)> {
        self.list.iter().flatten().map(|(name, field)| (name, field))
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Rc<str>> {
        self.iter().map(|(name, _)| name)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.index.contains_key(name)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Field> {
        let at = *self.index.get(name)?;
        self.list.get(at)?.as_ref().map(|(_, field)| field)
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Field> {
        let at = *self.index.get(name)?;
        self.list.get_mut(at)?.as_mut().map(|(_, field)| field)
    }

    /// Adds a field, or replaces the one of that name.
    pub(crate) fn set(&mut self, name: Rc<str>, field: Field) {
        if Rc::strong_count(&self.index) > 1
            && let Some(old) = self.get_mut(&name)
        {
            *old = field; // The index stays shared.
            return;
        }
        match Rc::make_mut(&mut self.index).entry(Rc::clone(&name)) {
            Entry::Occupied(there) => {
                if let Some(Some((_, old))) = self.list.get_mut(*there.get()) {
                    *old = field;
                }
            }
            Entry::Vacant(free) => {
                free.insert(self.list.len());
                self.sum = self.sum.wrapping_add(hash_of(&name));
                self.list.push(Some((name, field)));
            }
        }
    }

    /// Adds a field, or what flows into it to the one of that name.
    pub(crate) fn merge(&mut self, name: &Rc<str>, field: &Field) {
        match self.get_mut(name) {
            Some(old) => old.merge(field),
            None => self.set(Rc::clone(name), field.clone()),
        }
    }

    /// Removes a field.
    pub(crate) fn remove(&mut self, name: &str) -> Option<Field> {
        if !self.contains(name) {
            return None;
        }
        let at = Rc::make_mut(&mut self.index).remove(name)?;
        self.sum = self.sum.wrapping_sub(hash_of(name));
        let (_, field) = self.list.get_mut(at)?.take()?;
        if self.list.len() > 16 && self.list.len() > 2 * self.index.len() {
            self.list.retain(Option::is_some);
            let names = self.list.iter().flatten().map(|(name, _)| Rc::clone(name));
            self.index = Rc::new(names.enumerate().map(|(at, name)| (name, at)).collect());
        }
        Some(field)
    }

    /// Gives a field another name at its place; what a field of that name has is added.
    pub(crate) fn rename_one(&mut self, from: &str, to: &Rc<str>) {
        if from == &**to || !self.contains(from) {
            return;
        }
        let before = self.remove(to);
        let index = Rc::make_mut(&mut self.index);
        let Some(at) = index.remove(from) else { return };
        self.sum = self.sum.wrapping_sub(hash_of(from)).wrapping_add(hash_of(to));
        if let Some(Some((name, field))) = self.list.get_mut(at) {
            *name = Rc::clone(to);
            if let Some(before) = before {
                field.merge(&before);
            }
        }
        Rc::make_mut(&mut self.index).insert(Rc::clone(to), at);
    }

    /// The same names with other fields.
    pub(crate) fn map(&self, mut to: impl FnMut(&Field) -> Field) -> Self {
        let list = self
            .list
            .iter()
            .map(|slot| slot.as_ref().map(|(name, field)| (Rc::clone(name), to(field))));
        Self { list: list.collect(), index: Rc::clone(&self.index), sum: self.sum }
    }

    /// Rebuilds the list with other names; `None` drops a field, a name that is taken is merged.
    pub(crate) fn rename(&mut self, mut to: impl FnMut(&Rc<str>) -> Option<Rc<str>>) {
        let list = std::mem::take(self).list;
        for (name, field) in list.into_iter().flatten() {
            if let Some(name) = to(&name) {
                self.merge(&name, &field);
            }
        }
    }
}

/// Tells sets of names apart; those that it does not are compared name by name.
fn hash_of(name: &str) -> u64 {
    let mut hash = 0_u64;
    for chunk in name.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        hash = (hash.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
    hash ^ (hash >> 32)
}
