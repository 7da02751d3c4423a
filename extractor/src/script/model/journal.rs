//! A map whose changes can be taken back: branches that cannot be decided are each followed from
//! the same state, and only what they changed is merged. Costs what the changes cost, never the
//! size of the map.

use std::collections::BTreeMap;
use std::hash::Hash;

use foldhash::HashMap;

/// A map with a log of changes.
#[derive(Debug)]
pub(crate) struct Journal<K, V> {
    map: HashMap<K, V>,
    log: Vec<(K, Option<V>)>,
    marks: usize,
}

/// What a branch changed: the value it left, or that it removed it.
pub(crate) type Delta<K, V> = BTreeMap<K, Option<V>>;

impl<K: Clone + Eq + Hash + Ord, V: Clone> Journal<K, V> {
    pub(crate) fn new() -> Self {
        Self { map: HashMap::default(), log: Vec::new(), marks: 0 }
    }

    pub(crate) fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get(key)
    }

    pub(crate) fn set(&mut self, key: K, value: V) {
        if self.marks == 0 {
            self.map.insert(key, value);
        } else {
            let old = self.map.insert(key.clone(), value);
            self.log.push((key, old));
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let old = self.map.remove(key);
        if self.marks > 0 && old.is_some() {
            self.log.push((key.clone(), old.clone()));
        }
        old
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter()
    }

    /// Starts a branch; to be ended with [`Self::take`].
    pub(crate) fn mark(&mut self) -> usize {
        self.marks += 1;
        self.log.len()
    }

    /// Ends a branch: the map is again what it was at the mark, and the changes are returned.
    pub(crate) fn take(&mut self, mark: usize) -> Delta<K, V> {
        let mut delta = Delta::new();
        while self.log.len() > mark {
            let Some((key, old)) = self.log.pop() else { break };
            let current = match old {
                Some(old) => self.map.insert(key.clone(), old),
                None => self.map.remove(&key),
            };
            delta.entry(key).or_insert(current);
        }
        self.marks = self.marks.saturating_sub(1);
        delta
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_leave_no_trace_until_merged() {
        let mut journal: Journal<&str, i32> = Journal::new();
        journal.set("a", 1);
        journal.set("b", 1);
        let outer = journal.mark();
        journal.set("a", 2);
        let inner = journal.mark();
        journal.set("a", 3);
        journal.set("a", 4);
        journal.remove(&"b");
        journal.set("c", 5);
        let delta = journal.take(inner);
        assert_eq!(delta, Delta::from([("a", Some(4)), ("b", None), ("c", Some(5))]));
        assert_eq!(
            (journal.get("a"), journal.get("b"), journal.get("c")),
            (Some(&2), Some(&1), None)
        );
        let delta = journal.take(outer);
        assert_eq!(delta, Delta::from([("a", Some(2))]));
        assert_eq!(journal.get("a"), Some(&1));
        journal.set("a", 9);
        assert!(journal.log.is_empty());
    }
}
