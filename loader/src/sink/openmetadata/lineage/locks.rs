//! Who may write which edges when.

use std::{collections::HashSet, sync::Mutex};

use super::super::{core::lock, state::name_number};

/// Locks of entities whose edges are being read and written, by a few bits of their id: two calls must
/// not undo each other's writes.
#[derive(Debug)]
pub(in super::super) struct EdgeLocks([tokio::sync::Mutex<()>; 64]);

impl Default for EdgeLocks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl EdgeLocks {
    /// Waits until the edges that lead to an entity are free.
    pub(super) async fn of(&self, id: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let index = usize::try_from(name_number(id) & 63).unwrap_or_default();
        match self.0.get(index) {
            Some(mutex) => Some(mutex.lock().await),
            None => None,
        }
    }
}

/// Edges that waited for a column once.
#[derive(Debug, Default)]
pub(in super::super) struct Waited(Mutex<HashSet<u128>>);

/// Most edges remembered as having waited; beyond that no edge waits.
const MAX_WAITED: usize = 100_000;

impl Waited {
    /// Whether an edge should wait: once, the first time.
    pub(super) fn should_wait(&self, key: &str) -> bool {
        let mut waited = lock(&self.0);
        let key = name_number(key);
        !waited.remove(&key) && waited.len() < MAX_WAITED && waited.insert(key)
    }
}
