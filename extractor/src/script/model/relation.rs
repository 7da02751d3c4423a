//! Fields with what flows into them, and the sources they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::fields::{Field, Fields};
use super::origin::{MAX_ORIGINS, Origins, SourceId, Sources};
use super::rows::Rows;
use super::rules::Rules;
use crate::script::outcome::{Evidence, Resolution};

/// One way in which values come into a field.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flow {
    pub(crate) origins: Origins,
    /// Expression on the way; `None` when values are taken as they are.
    pub(crate) expression: Option<Rc<str>>,
    /// Tables on the way.
    pub(crate) via: Via,
    pub(crate) resolution: Resolution,
}

/// Names of tables on the way.
pub(crate) type Via = Rc<BTreeSet<Rc<str>>>;

impl Flow {
    pub(crate) fn new(origins: Origins, resolution: Resolution) -> Self {
        Self { origins, expression: None, via: Rc::default(), resolution }
    }
}

/// Most tables on the way that are kept.
const MAX_VIA: usize = 50;

/// Adds a table to ways that lead through it. Fields of one table mostly share their way, so the
/// last one is remembered.
#[derive(Debug)]
pub(crate) struct Through {
    table: Rc<str>,
    last: Option<(Via, Via)>,
}

impl Through {
    pub(crate) fn new(table: &Rc<str>) -> Self {
        Self { table: Rc::clone(table), last: None }
    }

    pub(crate) fn via(&mut self, via: &Via) -> Via {
        if via.len() >= MAX_VIA {
            return Rc::clone(via);
        }
        if let Some((from, to)) = &self.last
            && (Rc::ptr_eq(from, via) || from == via)
        {
            return Rc::clone(to);
        }
        let mut longer = Rc::clone(via);
        if longer.len() < MAX_VIA && !longer.contains(&self.table) {
            Rc::make_mut(&mut longer).insert(Rc::clone(&self.table));
        }
        self.last = Some((Rc::clone(via), Rc::clone(&longer)));
        longer
    }

    pub(crate) fn flow(&mut self, flow: &Flow) -> Flow {
        Flow { via: self.via(&flow.via), ..flow.clone() }
    }

    pub(crate) fn field(&mut self, field: &Field) -> Field {
        if field.flows.iter().all(|flow| flow.via.len() >= MAX_VIA) {
            return field.clone();
        }
        Field {
            flows: Rc::new(field.flows.iter().map(|flow| self.flow(flow)).collect()),
            comment: field.comment.clone(),
        }
    }
}

pub(crate) fn union_via<'a>(sets: impl IntoIterator<Item = &'a Via>) -> Via {
    let mut all: Via = Rc::default();
    for set in sets {
        if all.is_empty() {
            all = Rc::clone(set);
        } else if all.len() < MAX_VIA && !set.is_subset(&all) {
            let room = MAX_VIA - all.len();
            Rc::make_mut(&mut all).extend(set.iter().take(room).cloned());
        }
    }
    all
}

/// All columns of a source that are not known by name: what `LOAD *` of a file brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Open {
    pub(crate) source: SourceId,
    /// Table within an app.
    pub(crate) table: Option<Rc<str>>,
    /// What `QUALIFY` put before all names but some: tells the same columns under other names apart.
    pub(crate) prefix: Rc<str>,
    /// What it put before which names, the first time first.
    pub(crate) layers: Rc<Vec<Layer>>,
    /// Fields that are not among them any more, by their present name.
    pub(crate) except: Rc<BTreeSet<Rc<str>>>,
    /// Columns that have got other names, by these; which of the columns are there nobody knows.
    pub(crate) renamed: Option<Rc<BTreeMap<Rc<str>, Rc<str>>>>,
    /// Which join it took part in and on which side: a name comes from one side of a join, and
    /// which is not known. Those of one side were put below each other.
    /// 0: on its own.
    pub(crate) side: Option<Side>,
    pub(crate) via: Via,
    pub(crate) resolution: Resolution,
}

/// Names as one `QUALIFY` leaves them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layer {
    /// The table's name and a point.
    prefix: Rc<str>,
    rules: Rc<Rules<bool>>,
}

impl Layer {
    fn is_qualified(&self, name: &str) -> bool {
        self.rules.of(name) == Some(&true)
    }

    fn full(&self, name: &Rc<str>) -> Rc<str> {
        if self.is_qualified(name) {
            format!("{}{name}", self.prefix).into()
        } else {
            Rc::clone(name)
        }
    }

    /// The name before it was qualified, if it can be one of these.
    fn inner<'a>(&self, name: &'a str) -> Option<&'a str> {
        let inner = name.strip_prefix(&*self.prefix).filter(|inner| self.is_qualified(inner));
        inner.or_else(|| (!self.is_qualified(name)).then_some(name))
    }
}

/// A side of a join: number of the join, and of the side.
pub(crate) type Side = (u32, usize);

/// Source, table within it, and prefix.
pub(crate) type OpenKey = (SourceId, Option<Rc<str>>, Rc<str>);

impl Open {
    pub(crate) fn new(source: SourceId, resolution: Resolution) -> Self {
        Self {
            source,
            table: None,
            prefix: "".into(),
            layers: Rc::default(),
            except: Rc::default(),
            renamed: None,
            side: None,
            via: Rc::default(),
            resolution,
        }
    }

    pub(crate) fn key(&self) -> OpenKey {
        (self.source, self.table.clone(), Rc::clone(&self.prefix))
    }

    pub(crate) fn without(&self, names: &BTreeSet<Rc<str>>) -> Self {
        let mut open = self.clone();
        open.exclude(names);
        open
    }

    /// Takes names out.
    pub(crate) fn exclude(&mut self, names: &BTreeSet<Rc<str>>) {
        if !names.is_subset(&self.except) {
            Rc::make_mut(&mut self.except).extend(names.iter().cloned());
        }
    }

    /// The column that a field of that name is, if it can be one of these.
    pub(crate) fn column<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        if self.except.contains(name) {
            return None;
        }
        let renamed = self.renamed.as_ref().and_then(|renamed| renamed.get(name));
        if let Some(column) = renamed {
            return Some(column);
        }
        self.layers.iter().rev().try_fold(name, |name, layer| layer.inner(name))
    }

    /// Gives columns other names, all at once, if they are there.
    pub(crate) fn rename<'a>(&mut self, names: impl Iterator<Item = (&'a str, &'a str)> + Clone) {
        let columns = names.clone().filter_map(|(from, to)| Some((to, self.column(from)?.into())));
        let columns: Vec<(&str, Rc<str>)> = columns.collect();
        if columns.is_empty() {
            return;
        }
        let except = Rc::make_mut(&mut self.except);
        let renamed = Rc::make_mut(self.renamed.get_or_insert_default());
        for (from, _) in names {
            renamed.remove(from);
            except.insert(from.into());
        }
        for (to, column) in columns {
            except.remove(to);
            renamed.insert(to.into(), column);
        }
    }

    /// Puts a table's name before the names that the rules say.
    pub(crate) fn qualified(self, table: &str, rules: &Rc<Rules<bool>>) -> Self {
        self.below(Layer { prefix: format!("{table}.").into(), rules: Rc::clone(rules) })
    }

    fn below(mut self, layer: Layer) -> Self {
        // A name that no rule knows but the one for all.
        if layer.is_qualified("\u{2}") {
            self.prefix = format!("{}{}", layer.prefix, self.prefix).into();
        }
        self.except = Rc::new(self.except.iter().map(|name| layer.full(name)).collect());
        if let Some(renamed) = &mut self.renamed {
            let names = renamed.iter().map(|(name, column)| (layer.full(name), Rc::clone(column)));
            *renamed = Rc::new(names.collect());
        }
        Rc::make_mut(&mut self.layers).push(layer);
        self
    }

    /// These columns of a file as a reader of the file has them, whose own are those of `outer`.
    pub(crate) fn through(&self, outer: &Self) -> Self {
        let mut open = outer.layers.iter().cloned().fold(self.clone(), Self::below);
        open.exclude(&outer.except);
        if let Some(renamed) = &outer.renamed {
            let columns = renamed.iter().filter_map(|(name, of_file)| {
                Some((Rc::clone(name), self.column(of_file)?.into()))
            });
            Rc::make_mut(open.renamed.get_or_insert_default()).extend(columns);
        }
        open.side = outer.side.or(self.side);
        open.via = union_via([&outer.via, &self.via]);
        open.resolution = outer.resolution.max(self.resolution);
        open
    }

    /// The flow of all these columns, whichever they are.
    pub(crate) fn every(&self, sources: &mut Sources) -> Flow {
        self.flow("*", sources)
    }

    /// The flow of a field of that name, if it can be one of these columns.
    pub(crate) fn field(&self, name: &str, sources: &mut Sources) -> Option<Flow> {
        Some(self.flow(self.column(name)?, sources))
    }

    fn flow(&self, column: &str, sources: &mut Sources) -> Flow {
        Flow {
            origins: sources.single(self.source, self.table.as_ref(), column),
            expression: None,
            via: Rc::clone(&self.via),
            resolution: self.resolution,
        }
    }
}

/// How a table uses a source.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Use {
    /// Statement that reads it, secrets masked.
    pub(crate) statement: Rc<str>,
    pub(crate) line: u32,
    pub(crate) resolution: Resolution,
    pub(crate) evidence: Evidence,
    pub(crate) via: Via,
}

/// A set of fields on its way through a statement, or of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Relation {
    pub(crate) fields: Fields,
    pub(crate) opens: BTreeMap<OpenKey, Open>,
    pub(crate) sources: BTreeMap<SourceId, Use>,
    /// What flows into a field of whatever name: of a field that is parsed as a table, of an
    /// extension's result (or nothing, of a procedure's).
    pub(crate) any: Option<Rc<Vec<Flow>>>,
    /// Where a name leads that is not among the fields: a file whose fields another script told,
    /// read by a statement that names one more.
    pub(crate) fallback: Option<Box<Open>>,
    /// Whether the names are those of a `SELECT` and the database may return them in other letters.
    pub(crate) is_folded: bool,
    /// The rows, when the script itself writes them.
    pub(crate) rows: Option<Rc<Rows>>,
}

impl Relation {
    /// Hash of the field names: tables with the same are concatenated. `None` when not all names
    /// are known.
    pub(crate) fn signature(&self) -> Option<u64> {
        if !self.is_closed() || self.fields.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        (self.fields.sum(), self.fields.len()).hash(&mut hasher);
        Some(hasher.finish())
    }

    /// How many fields and sources it has.
    pub(crate) fn size(&self) -> usize {
        self.fields.len() + self.opens.len() + self.sources.len()
    }

    /// Whether all fields are known by name.
    pub(crate) fn is_closed(&self) -> bool {
        self.opens.is_empty() && self.any.is_none()
    }

    /// Sources that the fields take values from.
    pub(crate) fn flowing_sources(&self, sources: &Sources) -> BTreeSet<SourceId> {
        let mut found: BTreeSet<SourceId> = self.opens.values().map(|open| open.source).collect();
        // Most fields of a table come from the same source as the one before.
        let mut last = None;
        let fields = self.fields.iter().map(|(_, field)| &field.flows);
        for flow in fields.chain(&self.any).flat_map(|flows| flows.iter()) {
            for column in flow.origins.iter().filter_map(|&id| sources.column_of(id)) {
                if last != Some(column.source) {
                    last = Some(column.source);
                    found.insert(column.source);
                }
            }
        }
        found
    }

    pub(crate) fn same_fields(&self, other: &Self) -> bool {
        self.fields.len() == other.fields.len()
            && self.fields.names().all(|name| other.fields.contains(name))
    }

    pub(crate) fn add_open(&mut self, open: Open) {
        let is_full = self.opens.len() >= MAX_ORIGINS;
        match self.opens.get_mut(&open.key()) {
            // What one of the two still has can flow in.
            Some(old) => {
                if old.except != open.except {
                    let both = old.except.intersection(&open.except).cloned().collect();
                    old.except = Rc::new(both);
                }
                if let Some(renamed) = open.renamed {
                    let all = Rc::make_mut(old.renamed.get_or_insert_default());
                    all.extend(renamed.iter().map(|(name, column)| (name.clone(), column.clone())));
                }
                old.via = union_via([&old.via, &open.via]);
            }
            // A name has no more origins than that.
            None if is_full => {}
            None => {
                self.opens.insert(open.key(), open);
            }
        }
    }

    /// Adds what flows into fields of whatever name.
    pub(crate) fn add_any(&mut self, other: &Option<Rc<Vec<Flow>>>) {
        match (&mut self.any, other) {
            (Some(own), Some(other)) => {
                let mut both = Field { flows: Rc::clone(own), comment: None };
                both.merge(&Field { flows: Rc::clone(other), comment: None });
                *own = both.flows;
            }
            (own @ None, Some(other)) => *own = Some(Rc::clone(other)),
            (_, None) => {}
        }
    }

    pub(crate) fn add_sources(&mut self, other: &BTreeMap<SourceId, Use>) {
        for (&id, used) in other {
            match self.sources.get_mut(&id) {
                Some(old) => {
                    old.resolution = old.resolution.max(used.resolution);
                    old.via = union_via([&old.via, &used.via]);
                }
                None => {
                    self.sources.insert(id, used.clone());
                }
            }
        }
    }
}
