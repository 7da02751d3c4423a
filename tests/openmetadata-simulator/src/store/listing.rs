//! Sorted listings with cursors.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use uuid::Uuid;

use crate::entity::Entity;

/// Which entities a request wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Include {
    Live,
    Deleted,
    All,
}

impl Include {
    /// From the query parameter `include`; `None` for an unknown value.
    pub(crate) fn of(parameter: Option<&str>) -> Option<Self> {
        match parameter {
            None | Some("" | "non-deleted") => Some(Self::Live),
            Some("deleted") => Some(Self::Deleted),
            Some("all") => Some(Self::All),
            Some(_) => None,
        }
    }

    pub(crate) fn admits(self, deleted: bool) -> bool {
        match self {
            Self::Live => !deleted,
            Self::Deleted => deleted,
            Self::All => true,
        }
    }
}

type Key = (Arc<str>, Uuid);

/// Entities sorted by name, then by id; the deleted ones apart so that both counts are known.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    live: BTreeSet<Key>,
    deleted: BTreeSet<Key>,
}

/// Where a page starts or ends: old releases know only the name of the row, newer ones its id too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cursor {
    Start,
    After { name: String, id: Option<Uuid> },
    Before { name: String, id: Option<Uuid> },
}

/// A page of a listing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) ids: Vec<Uuid>,
    pub(crate) more_before: bool,
    pub(crate) more_after: bool,
    pub(crate) total: usize,
}

fn key(entity: &Entity) -> Key {
    (Arc::clone(&entity.name), entity.id)
}

impl Listing {
    pub(super) fn insert(&mut self, entity: &Entity) {
        let set = if entity.deleted { &mut self.deleted } else { &mut self.live };
        set.insert(key(entity));
    }

    pub(super) fn remove(&mut self, entity: &Entity) {
        let key = key(entity);
        if !self.live.remove(&key) {
            self.deleted.remove(&key);
        }
    }

    /// Moves an entity to the side that its `deleted` says.
    pub(super) fn move_to(&mut self, entity: &Entity) {
        self.remove(entity);
        self.insert(entity);
    }

    pub(crate) fn live_count(&self) -> usize {
        self.live.len()
    }

    /// The ids of one side or both, sorted by name.
    pub(crate) fn ids(&self, include: Include) -> Vec<Uuid> {
        self.page(include, &Cursor::Start, usize::MAX).ids
    }

    /// At most `limit` rows from `cursor` on.
    pub(crate) fn page(&self, include: Include, cursor: &Cursor, limit: usize) -> Page {
        let sides: &[&BTreeSet<Key>] = match include {
            Include::Live => &[&self.live],
            Include::Deleted => &[&self.deleted],
            Include::All => &[&self.live, &self.deleted],
        };
        let total = sides.iter().map(|side| side.len()).sum();
        let wanted = limit.saturating_add(1);
        let mut rows: Vec<&Key> = Vec::new();
        let backwards = matches!(cursor, Cursor::Before { .. });
        for side in sides {
            let range = side.range::<Key, _>(bounds(cursor));
            if backwards {
                rows.extend(range.rev().take(wanted));
            } else {
                rows.extend(range.take(wanted));
            }
        }
        rows.sort_unstable();
        if backwards {
            rows.reverse();
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        if backwards {
            rows.reverse();
        }
        let (more_before, more_after) = match cursor {
            Cursor::Start => (false, more),
            Cursor::After { .. } => (true, more),
            Cursor::Before { .. } => (more, true),
        };
        Page { ids: rows.into_iter().map(|(_, id)| *id).collect(), more_before, more_after, total }
    }
}

fn bounds(cursor: &Cursor) -> (Bound<Key>, Bound<Key>) {
    let edge = |name: &str, id: Uuid| Bound::Excluded((Arc::from(name), id));
    match cursor {
        Cursor::Start => (Bound::Unbounded, Bound::Unbounded),
        Cursor::After { name, id } => (edge(name, id.unwrap_or(Uuid::max())), Bound::Unbounded),
        Cursor::Before { name, id } => (Bound::Unbounded, edge(name, id.unwrap_or(Uuid::nil()))),
    }
}
