//! External sources and their columns, each held once and referred to by number.

use std::collections::hash_map::Entry;
use std::rc::Rc;

use foldhash::HashMap;

use crate::script::outcome::Source;

/// Number of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SourceId(u32);

/// Number of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ColumnId(u32);

/// A column of a source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Column {
    pub(crate) source: SourceId,
    /// Table within an app that `BINARY` brought in.
    pub(crate) table: Option<Rc<str>>,
    /// `*` stands for all columns that are not named.
    pub(crate) name: Rc<str>,
}

/// Columns that can flow into a value: sorted, each once.
pub(crate) type Origins = Rc<[ColumnId]>;

/// Most origins that one value keeps: a value made of more says nothing to a reader, and sets
/// without a bound would make a long script quadratic.
pub(crate) const MAX_ORIGINS: usize = 2000;

/// All sources and columns of a script.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    sources: Vec<Source>,
    source_ids: HashMap<Source, SourceId>,
    columns: Vec<Column>,
    column_ids: HashMap<Column, ColumnId>,
}

impl Sources {
    pub(crate) fn source(&mut self, source: Source) -> SourceId {
        if let Some(&id) = self.source_ids.get(&source) {
            return id;
        }
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(source.clone());
        self.source_ids.insert(source, id);
        id
    }

    /// Another number for a source: a state of it that is told from others.
    pub(crate) fn version(&mut self, id: SourceId) -> SourceId {
        let Some(source) = self.get(id).cloned() else { return id };
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(source);
        id
    }

    /// A source that is known already.
    pub(crate) fn find(&self, source: &Source) -> Option<SourceId> {
        self.source_ids.get(source).copied()
    }

    pub(crate) fn column(&mut self, column: Column) -> ColumnId {
        match self.column_ids.entry(column) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(free) => {
                let id = ColumnId(u32::try_from(self.columns.len()).unwrap_or(u32::MAX));
                self.columns.push(free.key().clone());
                *free.insert(id)
            }
        }
    }

    /// The origin of a value that is one column as it is.
    pub(crate) fn single(
        &mut self,
        source: SourceId,
        table: Option<&Rc<str>>,
        name: &str,
    ) -> Origins {
        let column = Column { source, table: table.cloned(), name: name.into() };
        Rc::from([self.column(column)])
    }

    pub(crate) fn column_of(&self, id: ColumnId) -> Option<&Column> {
        self.columns.get(usize::try_from(id.0).unwrap_or(usize::MAX))
    }

    pub(crate) fn get(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(usize::try_from(id.0).unwrap_or(usize::MAX))
    }
}

/// All columns of several sets.
pub(crate) fn union<'a>(sets: impl IntoIterator<Item = &'a Origins>) -> Origins {
    let mut sets = sets.into_iter();
    let Some(first) = sets.next() else { return Rc::from([]) };
    let mut rest = sets.filter(|set| !set.is_empty()).peekable();
    if rest.peek().is_none() {
        return Rc::clone(first);
    }
    let mut all: Vec<ColumnId> = first.to_vec();
    for set in rest {
        if all.len() > MAX_ORIGINS * 4 {
            all.sort_unstable();
            all.dedup();
            all.truncate(MAX_ORIGINS);
        }
        all.extend(set.iter().copied());
    }
    all.sort_unstable();
    all.dedup();
    all.truncate(MAX_ORIGINS);
    all.into()
}
