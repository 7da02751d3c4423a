//! Sources as a whole, followed to their far ends.

use std::collections::{BTreeSet, HashSet};

use super::chain::Follower;
use crate::script::outcome::Source;

impl<'a> Follower<'a> {
    /// Fields that a file or app is known to have.
    pub(super) fn offered(&self, source: &Source) -> BTreeSet<&'a str> {
        let mut offered = BTreeSet::new();
        match source {
            Source::File { normalised, .. } => {
                for (index, store) in self.files.stores(normalised) {
                    let store = self.apps.get(index).and_then(|(_, app)| app.stores.get(store));
                    let fields = store.into_iter().flat_map(|store| &store.fields);
                    offered.extend(fields.map(|field| field.name.as_str()));
                }
            }
            Source::App { id } => {
                let app = self.files.app_index(id).and_then(|index| self.apps.get(index));
                let tables = app.into_iter().flat_map(|(_, app)| &app.tables);
                let fields = tables.flat_map(|table| &table.fields);
                offered.extend(fields.map(|field| field.name.as_str()));
            }
            Source::Table { .. } | Source::Connection { .. } => {}
        }
        offered
    }

    /// All far ends of a source.
    pub(super) fn all_ends(&mut self, start: &'a Source) -> BTreeSet<&'a Source> {
        if let Some(known) = self.sources.get(start) {
            return known.clone();
        }
        let mut ends = BTreeSet::new();
        let mut seen: HashSet<&'a Source> = HashSet::from([start]);
        let mut todo = vec![start];
        while let Some(source) = todo.pop() {
            let mut next: Vec<&'a Source> = Vec::new();
            let mut made = false;
            match source {
                Source::File { normalised, .. } => {
                    for (index, store) in self.files.stores(normalised) {
                        let Some((_, app)) = self.apps.get(index) else { continue };
                        let Some(store) = app.stores.get(store) else { continue };
                        made = true;
                        next.extend(
                            store.sources.iter().filter_map(|used| app.sources.get(used.source)),
                        );
                    }
                }
                Source::App { id } => {
                    let app = self.files.app_index(id).and_then(|index| self.apps.get(index));
                    if let Some((_, app)) = app {
                        made = true;
                        let uses = app.tables.iter().flat_map(|table| &table.sources);
                        next.extend(uses.filter_map(|used| app.sources.get(used.source)));
                    }
                }
                Source::Table { .. } | Source::Connection { .. } => {}
            }
            if !made {
                ends.insert(source);
            }
            for source in next {
                if seen.insert(source) {
                    todo.push(source);
                }
            }
        }
        if ends.is_empty() && seen.len() == 1 && self.reads_itself(start) {
            ends.insert(start);
        }
        self.sources.insert(start, ends.clone());
        ends
    }

    /// Whether a file is made of itself.
    fn reads_itself(&self, source: &Source) -> bool {
        let Source::File { normalised, .. } = source else { return false };
        self.files.stores(normalised).into_iter().any(|(index, store)| {
            self.apps.get(index).is_some_and(|(_, app)| {
                app.stores.get(store).is_some_and(|store| {
                    store.sources.iter().any(|used| app.sources.get(used.source) == Some(source))
                })
            })
        })
    }
}
