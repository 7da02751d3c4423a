//! What the ends of edges have: the columns of data models, the charts of dashboards. Kept for a
//! while, because many edges of a batch share an end.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use super::{core::lock, map::Kind, state::name_number};

/// Names of columns, or qualified names of charts.
pub(super) type Children = Arc<HashSet<String>>;

#[derive(Debug, Default)]
struct Shelf {
    entries: HashMap<(Kind, u128), (Children, Instant)>,
    /// Children in all entries.
    size: usize,
}

/// A bounded cache.
#[derive(Debug, Default)]
pub(super) struct ColumnCache {
    shelf: Mutex<Shelf>,
}

/// Children remembered at most, some 20 MB. When full, what is too old to be believed goes, else everything.
const MAX_CHILDREN: usize = 200_000;
/// Other loaders write too.
const BELIEVED: Duration = Duration::from_secs(120);

impl ColumnCache {
    pub(super) fn get(&self, kind: Kind, name: &str) -> Option<Children> {
        let shelf = lock(&self.shelf);
        let (children, since) = shelf.entries.get(&(kind, name_number(name)))?;
        (since.elapsed() < BELIEVED).then(|| Arc::clone(children))
    }

    pub(super) fn set(&self, kind: Kind, name: &str, children: HashSet<String>) -> Children {
        let children = Arc::new(children);
        let mut shelf = lock(&self.shelf);
        if shelf.size + children.len() > MAX_CHILDREN {
            shelf.entries.retain(|_, (_, since)| since.elapsed() < BELIEVED);
            shelf.size = shelf.entries.values().map(|(children, _)| children.len()).sum();
            // With room for more than the next one: nobody looks through all of it each time.
            if shelf.size + children.len() > MAX_CHILDREN / 2 {
                *shelf = Shelf::default();
            }
        }
        shelf.size += children.len();
        let entry = (Arc::clone(&children), Instant::now());
        if let Some((old, _)) = shelf.entries.insert((kind, name_number(name)), entry) {
            shelf.size = shelf.size.saturating_sub(old.len());
        }
        children
    }

    pub(super) fn forget(&self, kind: Kind, name: &str) {
        let mut shelf = lock(&self.shelf);
        if let Some((old, _)) = shelf.entries.remove(&(kind, name_number(name))) {
            shelf.size = shelf.size.saturating_sub(old.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn children(n: usize) -> HashSet<String> {
        (0..n).map(|i| i.to_string()).collect()
    }

    #[test]
    fn stays_within_its_bound() {
        let cache = ColumnCache::default();
        cache.set(Kind::DataModel, "a", children(MAX_CHILDREN - 1));
        cache.set(Kind::DataModel, "a", children(3));
        assert_eq!(lock(&cache.shelf).size, 3);
        cache.set(Kind::DataModel, "b", children(MAX_CHILDREN));
        assert_eq!(cache.get(Kind::DataModel, "a"), None);
        assert!(cache.get(Kind::DataModel, "b").is_some());
        cache.forget(Kind::DataModel, "b");
        assert_eq!(lock(&cache.shelf).size, 0);
    }
}
