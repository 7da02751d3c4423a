//! What all scripts together say of files and apps.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::script::outcome::{App, Field, Source};
use crate::script::paths::{base_name, glob};

/// Files that are stored, and apps by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Files {
    /// Stores (index of the app, of the store) by normalised path.
    stores: BTreeMap<String, Vec<(usize, usize)>>,
    /// Paths that are partly known only at reload, by folder.
    unresolved: HashMap<String, Vec<String>>,
    /// Fields of each stored path.
    fields: BTreeMap<String, Vec<String>>,
    /// Apps by lower-case name.
    apps: HashMap<String, usize>,
    /// Tables of each app and their fields.
    tables: Vec<Vec<(String, Vec<String>)>>,
}

impl Files {
    pub(super) fn new(apps: &[(String, App)]) -> Self {
        let mut files = Self::default();
        let mut seen = HashSet::new();
        for (index, (name, app)) in apps.iter().enumerate() {
            files.apps.entry(name.to_lowercase()).or_insert(index);
            files.tables.push(
                app.tables.iter().map(|table| (table.name.clone(), names(&table.fields))).collect(),
            );
            for (position, store) in app.stores.iter().enumerate() {
                let path = store.normalised.clone();
                let stored = files.fields.entry(path.clone()).or_default();
                for field in &store.fields {
                    // A file that is loaded and stored again has no other fields for that.
                    let only_itself = field.name == "*" && reads_only(app, field, &path);
                    if !only_itself && seen.insert((path.clone(), field.name.clone())) {
                        stored.push(field.name.clone());
                    }
                }
                if glob::is_unresolved(&path) {
                    let folder = folder(&path).to_owned();
                    let paths = files.unresolved.entry(folder).or_default();
                    if paths.last() != Some(&path) {
                        paths.push(path.clone());
                    }
                }
                files.stores.entry(path).or_default().push((index, position));
            }
        }
        files
    }

    /// Stored paths that a path of a reader meets.
    pub(super) fn paths(&self, path: &str) -> Vec<&str> {
        if glob::is_pattern(path) {
            let prefix = glob::literal_prefix(path);
            let mut found: Vec<&str> = self
                .stores
                .range(prefix.to_owned()..)
                .map(|(stored, _)| stored.as_str())
                .take_while(|stored| stored.starts_with(prefix))
                .filter(|stored| glob::can_meet(path, stored))
                .collect();
            for stored in self.unresolved.get(folder(path)).into_iter().flatten() {
                if !found.contains(&stored.as_str())
                    && glob::says_enough(stored)
                    && glob::can_meet(path, stored)
                {
                    found.push(stored);
                }
            }
            return found;
        }
        if let Some((stored, _)) = self.stores.get_key_value(path) {
            return vec![stored.as_str()];
        }
        if glob::is_unresolved(path) {
            if !glob::says_enough(path) {
                return Vec::new();
            }
            let prefix = glob::literal_prefix(path);
            return self
                .stores
                .range(prefix.to_owned()..)
                .map(|(stored, _)| stored.as_str())
                .take_while(|stored| stored.starts_with(prefix))
                .filter(|stored| !glob::is_unresolved(stored) || glob::says_enough(stored))
                .filter(|stored| glob::can_meet(path, stored))
                .collect();
        }
        let near = self.unresolved.get(folder(path)).into_iter().flatten();
        near.filter(|stored| glob::says_enough(stored) && glob::can_meet(path, stored))
            .map(String::as_str)
            .collect()
    }

    /// Stores of a path that a reader reads.
    pub(super) fn stores(&self, path: &str) -> Vec<(usize, usize)> {
        let paths = self.paths(path);
        paths.into_iter().filter_map(|path| self.stores.get(path)).flatten().copied().collect()
    }

    /// The app that `BINARY` names: by its id, or by its file's name.
    pub(super) fn app_index(&self, id: &str) -> Option<usize> {
        let id = id.trim();
        let by_name = |name: &str| self.apps.get(&name.to_lowercase()).copied();
        by_name(id).or_else(|| by_name(base_name(id)))
    }
}

impl Files {
    /// Fields of what is stored under a path, or under the paths that a pattern meets.
    pub(super) fn fields(&self, path: &str) -> Option<Vec<String>> {
        let mut all: Vec<String> = Vec::new();
        let mut seen = HashSet::new();
        let paths = self.paths(path);
        if paths.is_empty() {
            return None;
        }
        for path in paths {
            for name in self.fields.get(path).into_iter().flatten() {
                if seen.insert(name) {
                    all.push(name.clone());
                }
            }
        }
        Some(all)
    }

    /// The same in the order in which the one script that stores it wrote them; `None` where several
    /// do, or not all are known.
    pub(super) fn columns(&self, path: &str) -> Option<Vec<String>> {
        let paths = self.paths(path);
        let [path] = paths.as_slice() else { return None };
        let written_once = self.stores.get(*path).is_some_and(|stores| stores.len() == 1);
        let names = self.fields.get(*path).filter(|_| written_once)?;
        names.iter().all(|name| name != "*").then(|| names.clone())
    }

    /// Tables of an app and their fields.
    pub(super) fn app(&self, id: &str) -> Option<Vec<(String, Vec<String>)>> {
        self.tables.get(self.app_index(id)?).cloned()
    }
}

/// Whether a field takes values from a file alone.
fn reads_only(app: &App, field: &Field, path: &str) -> bool {
    let mut origins = field.flows.iter().flat_map(|flow| &flow.origins);
    origins.all(|origin| {
        matches!(app.sources.get(origin.source),
            Some(Source::File { normalised, .. }) if normalised == path)
    })
}

fn names(fields: &[Field]) -> Vec<String> {
    fields.iter().map(|field| field.name.clone()).collect()
}

fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}
