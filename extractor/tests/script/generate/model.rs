//! The lineage that a generated script has, kept beside it step by step.

use std::collections::{BTreeMap, BTreeSet};

/// A source as the report's JSON names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    Table { connection: String, name: String },
    File { path: String },
}

impl Source {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Table { name, .. } => name,
            Self::File { path } => path,
        }
    }
}

/// A column of a source.
pub(crate) type Column = (Source, String);

pub(crate) type Origins = BTreeSet<Column>;

/// Rows with named fields: a table or a stored file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Data {
    pub(crate) fields: Vec<(String, Origins)>,
    pub(crate) sources: BTreeSet<Source>,
}

impl Data {
    pub(crate) fn get(&self, name: &str) -> Option<&Origins> {
        self.fields.iter().find(|(each, _)| each == name).map(|(_, origins)| origins)
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| name.clone()).collect()
    }

    pub(crate) fn has_names_of(&self, other: &Self) -> bool {
        let all: BTreeSet<String> = self.names().into_iter().collect();
        all == other.names().into_iter().collect()
    }

    /// Rows of both, one under the other.
    pub(crate) fn append(&mut self, other: &Self) {
        for (name, origins) in &other.fields {
            match self.fields.iter_mut().find(|(each, _)| each == name) {
                Some((_, mine)) => mine.extend(origins.iter().cloned()),
                None => self.fields.push((name.clone(), origins.clone())),
            }
        }
        self.sources.extend(other.sources.iter().cloned());
    }

    /// Sources of which a field takes a value.
    pub(crate) fn flowing(&self) -> BTreeSet<Source> {
        self.fields.iter().flat_map(|(_, origins)| origins).map(|(it, _)| it.clone()).collect()
    }
}

/// An app: its tables and the files that it stored, by the path as it is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct App {
    pub(crate) name: String,
    pub(crate) script: String,
    pub(crate) tables: Vec<(String, Data)>,
    pub(crate) stores: Vec<(String, Data)>,
    /// Patterns that fit some of them, for apps that follow.
    pub(crate) patterns: Vec<(String, Data)>,
    /// Texts that the script includes, by path.
    pub(crate) includes: BTreeMap<String, String>,
    /// Mapping tables: name and origins of the values.
    pub(crate) maps: Vec<(String, Data)>,
}

/// Apps in the order of their reloads.
#[derive(Debug, Default)]
pub(crate) struct Site {
    pub(crate) apps: Vec<App>,
    /// Stored files by every path that leads to them.
    pub(crate) files: BTreeMap<String, Data>,
}

impl Site {
    /// Columns at the far ends.
    pub(crate) fn ends(&self, origins: &Origins) -> Origins {
        let mut ends = Origins::new();
        let mut todo: Vec<Column> = origins.iter().cloned().collect();
        while let Some((source, column)) = todo.pop() {
            match self.files.get(source.name()) {
                None => drop(ends.insert((source, column))),
                Some(data) => match (data.get(&column), data.get("*")) {
                    (Some(further), _) => todo.extend(further.iter().cloned()),
                    (None, Some(all)) => {
                        todo.extend(all.iter().map(|(source, _)| (source.clone(), column.clone())));
                    }
                    (None, None) => drop(ends.insert((source, column))),
                },
            }
        }
        ends
    }
}
