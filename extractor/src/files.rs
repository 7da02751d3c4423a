//! Data files: what all apps together say of them.
//!
//! A file belongs to no app. Its record is made of the lineage edges that lead to it or start at it,
//! and of nothing else: those of apps that were opened in this run, and, read back from the topics,
//! those of all others. So whoever dies when, the next run comes to the same records. A record is
//! written when the edges say something new, and is gone with the last edge.
//!
//! Texts are held once; an edge costs some tens of bytes and four for each of its columns.

mod edges;
mod said;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeSet, HashMap, HashSet};

use schemas::{
    Event, Topic,
    event::{DataModel, DataModelKind, Field, File},
    key,
};

pub(crate) use self::said::{Edges, Writer, edges_of};
use self::{
    edges::{AppEdges, Said},
    said::{FileSaid, edge, said},
    texts::Texts,
};
use crate::{kafka::Stored, script::format_of, state::parse_hash};

/// What the lineage of scripts says, by app and edge, and which file records are published.
#[derive(Debug, Default)]
pub(crate) struct Book {
    texts: Texts,
    /// By app id. Edges that speak of no file are there too: these are the edges that only a script can
    /// take back.
    edges: HashMap<Box<str>, AppEdges>,
    /// Content hash of each published record, by path.
    published: HashMap<u32, u128>,
    /// Paths of which something was said, taken back or published since their records were compared.
    touched: HashSet<u32>,
}

/// What becomes of a file's record.
#[derive(Debug)]
pub(crate) enum Change {
    /// To be written, with its content hash.
    Write(Event, String),
    /// As published.
    Unchanged,
    /// No edge speaks of it any more; holds its key.
    Gone(String),
}

impl Book {
    /// Takes in a record of the state topics, with what finds the schema that wrote it.
    pub(crate) fn take(&mut self, service: &str, stored: &Stored<'_>, writer: Writer<'_>) {
        let Some(parts) = key::parse(service, stored.key) else { return };
        match stored.topic {
            Topic::DataModels if parts.app_id == key::FILE => {
                let path = self.texts.index(parts.rest);
                self.touched.insert(path);
                match stored.value {
                    Some(_) => {
                        let hash = stored.content_hash.map_or(0, parse_hash);
                        self.published.insert(path, hash);
                    }
                    None => drop(self.published.remove(&path)),
                }
            }
            Topic::Lineage => {
                let hash = parse_hash(parts.rest);
                let told = stored.origin.and(stored.value).and_then(|value| edge(value, writer));
                match told {
                    Some(edge) => self.insert(parts.app_id, hash, said(&edge)),
                    None => self.remove(parts.app_id, hash),
                }
            }
            _ => {}
        }
    }

    /// The edges that an app has now. With `partly` those that are not among them stay too: they
    /// were not deleted, because not everything of the app could be read.
    pub(crate) fn replace(&mut self, app_id: &str, edges: Edges, partly: bool) {
        if !partly {
            self.forget(app_id);
        }
        for (hash, said) in edges {
            self.insert(app_id, hash, said);
        }
    }

    /// An app is gone with all its edges.
    pub(crate) fn forget(&mut self, app_id: &str) {
        let edges = self.edges.remove(app_id).unwrap_or_default();
        self.touched.extend(edges.said().map(|said| said.path));
    }

    /// Hashes of the published edges of an app that were told by its script.
    pub(crate) fn of_script(&self, app_id: &str) -> Vec<u128> {
        self.edges.get(app_id).map_or_else(Vec::new, |edges| edges.hashes().collect())
    }

    /// Every path whose record has to be compared, in order: those of which something is new since the
    /// last time, which at the beginning are all.
    pub(crate) fn paths(&self) -> Vec<String> {
        let paths: BTreeSet<&str> = self.touched.iter().map(|path| self.texts.get(*path)).collect();
        paths.into_iter().map(str::to_owned).collect()
    }

    /// What becomes of the records of these files, in their order. Those that are as published are not
    /// compared again before something new is said of them.
    pub(crate) fn changes(
        &mut self,
        service: &str,
        paths: &[String],
        observed_at: i64,
    ) -> Vec<Change> {
        let indices: Vec<u32> = paths.iter().filter_map(|path| self.texts.find(path)).collect();
        let mut merged: HashMap<u32, Merged<'_>> =
            indices.iter().map(|index| (*index, Merged::default())).collect();
        for said in self.edges.values().flat_map(AppEdges::said) {
            let Some(file) = merged.get_mut(&said.path) else { continue };
            file.edges += 1;
            file.fields.extend(said.fields.iter().map(|field| self.texts.get(*field)));
            file.connections.extend(said.connection.map(|text| self.texts.get(text)));
            file.formats.extend(said.format.map(|text| self.texts.get(text)));
        }
        let changes: Vec<(u32, Change)> = indices
            .into_iter()
            .filter_map(|index| {
                let (path, file) = (self.texts.get(index), merged.get(&index)?);
                let published = self.published.get(&index);
                if file.edges == 0 {
                    let gone = || Change::Gone(key::file(service, path));
                    return Some((index, published.map_or(Change::Unchanged, |_| gone())));
                }
                let event = Event::DataModel(Box::new(file.record(service, path, observed_at)));
                let hash = event.content_hash();
                if published == Some(&parse_hash(&hash)) {
                    return Some((index, Change::Unchanged));
                }
                Some((index, Change::Write(event, hash)))
            })
            .collect();
        for (index, change) in &changes {
            if matches!(change, Change::Unchanged) {
                self.touched.remove(index);
            }
        }
        changes.into_iter().map(|(_, change)| change).collect()
    }

    /// Notes what was written.
    pub(crate) fn written(&mut self, path: &str, hash: Option<&str>) {
        let path = self.texts.index(path);
        self.touched.remove(&path);
        match hash {
            Some(hash) => drop(self.published.insert(path, parse_hash(hash))),
            None => drop(self.published.remove(&path)),
        }
    }

    fn insert(&mut self, app_id: &str, hash: u128, said: Vec<FileSaid>) {
        let texts = &mut self.texts;
        let fields: Vec<Vec<u32>> = said
            .iter()
            .map(|said| said.fields.iter().map(|field| texts.index(field)).collect())
            .collect();
        let said: Vec<Said<'_>> = said
            .iter()
            .zip(&fields)
            .map(|(said, fields)| Said {
                path: texts.index(&said.path),
                connection: said.connection.as_deref().map(|text| texts.index(text)),
                format: said.format.as_deref().map(|text| texts.index(text)),
                fields,
            })
            .collect();
        self.touched.extend(said.iter().map(|said| said.path));
        if !self.edges.contains_key(app_id) {
            self.edges.insert(app_id.into(), AppEdges::default());
        }
        let before = self.edges.get_mut(app_id).map(|edges| edges.insert(hash, &said));
        self.touched.extend(before.into_iter().flatten());
    }

    fn remove(&mut self, app_id: &str, hash: u128) {
        let Some(edges) = self.edges.get_mut(app_id) else { return };
        self.touched.extend(edges.remove(hash));
        if edges.is_empty() {
            self.edges.remove(app_id);
        }
    }
}

/// What the edges of one file say together.
#[derive(Debug, Default)]
struct Merged<'b> {
    edges: usize,
    fields: BTreeSet<&'b str>,
    connections: BTreeSet<&'b str>,
    formats: BTreeSet<&'b str>,
}

impl Merged<'_> {
    fn record(&self, service: &str, path: &str, observed_at: i64) -> DataModel {
        let first = |texts: &BTreeSet<&str>| texts.first().map(|text| (*text).to_owned());
        let field = |name: &&str| Field { name: (*name).to_owned(), ..Field::default() };
        DataModel {
            service: service.to_owned(),
            observed_at,
            kind: DataModelKind::File,
            file: Some(File {
                path: path.to_owned(),
                format: first(&self.formats).or_else(|| format_of(path)),
                connection: first(&self.connections),
            }),
            fields: self.fields.iter().map(field).collect(),
            ..DataModel::default()
        }
    }
}
