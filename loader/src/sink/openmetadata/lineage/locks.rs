//! Who may read and write what when.

use std::{collections::HashSet, sync::Mutex};

use super::super::{core::lock, state::name_number};

/// Locks of things by a few bits of their names: of entities whose edges are being read and written, as two
/// calls must not undo each other's writes; of what is asked for, as one question is enough.
#[derive(Debug)]
pub(in super::super) struct Locks([tokio::sync::Mutex<()>; 64]);

impl Default for Locks {
    fn default() -> Self {
        Self(std::array::from_fn(|_| tokio::sync::Mutex::default()))
    }
}

impl Locks {
    /// Waits until a thing is free.
    pub(in super::super) async fn of(&self, name: &str) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        let index = usize::try_from(name_number(name) & 63).unwrap_or_default();
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
