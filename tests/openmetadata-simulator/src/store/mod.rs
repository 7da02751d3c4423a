//! The catalogue in memory: entities by id and by FQN, sorted listings per kind and per parent, lineage.
//!
//! Every lookup that a request needs is an index; nothing here walks all entities. An entity is immutable behind
//! an `Arc`: a write puts a new one in its place and keeps the former as history.

mod lineage;
mod listing;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

pub(crate) use self::lineage::{ColumnEdge, Details, Edge, Lineage};
pub(crate) use self::listing::{Cursor, Include, Listing, Page};

use crate::entity::Entity;
use crate::kind::Kind;

/// How many former versions of an entity are kept. The real server keeps all; a simulator that is written to for
/// hours must not grow without end.
const HISTORY: usize = 16;

/// An entity and its former versions, oldest first.
#[derive(Debug)]
struct Record {
    current: Arc<Entity>,
    history: Vec<Arc<Entity>>,
}

/// What becomes of the entity that a write replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Former {
    /// The version rose.
    BecomesHistory,
    /// The version stayed, or a folded PATCH takes the place of an earlier one.
    IsDropped,
    /// A folded PATCH came back to the version before.
    IsDroppedWithItsPredecessor,
}

/// The catalogue.
#[derive(Debug, Default)]
pub(crate) struct Store {
    records: HashMap<Uuid, Record>,
    names: HashMap<Kind, HashMap<Arc<str>, Uuid>>,
    by_kind: HashMap<Kind, Listing>,
    by_parent: HashMap<(Uuid, Kind), Listing>,
    /// Tables by lower-cased FQN and by lower-cased name, in the order of their creation, for searches.
    tables_by_fqn: HashMap<Box<str>, Vec<Uuid>>,
    tables_by_name: HashMap<Box<str>, Vec<Uuid>>,
    people_by_email: HashMap<Box<str>, Vec<Uuid>>,
    pub(crate) lineage: Lineage,
    /// While set, searches fail, lineage is stored but answered with an error, and new entities are not found.
    pub(crate) search_is_down: bool,
    /// Created while the search engine was down and so not found until a reindex.
    pub(crate) unindexed: HashSet<Uuid>,
    /// Custom properties per entity type.
    pub(crate) custom_properties: HashMap<Box<str>, Vec<Box<str>>>,
}

impl Store {
    /// How many entities there are.
    pub(crate) fn count(&self) -> usize {
        self.records.len()
    }

    pub(crate) fn get(&self, id: Uuid) -> Option<&Arc<Entity>> {
        self.records.get(&id).map(|record| &record.current)
    }

    /// The entity of `kind` whose id is written `id`.
    pub(crate) fn get_of(&self, kind: Kind, id: &str) -> Option<&Arc<Entity>> {
        let id = Uuid::parse_str(id).ok()?;
        self.get(id).filter(|entity| entity.kind == kind)
    }

    pub(crate) fn find(&self, kind: Kind, fqn: &str) -> Option<&Arc<Entity>> {
        self.names.get(&kind)?.get(fqn).and_then(|id| self.get(*id))
    }

    /// The former versions, oldest first.
    pub(crate) fn history(&self, id: Uuid) -> &[Arc<Entity>] {
        self.records.get(&id).map_or(&[], |record| &record.history)
    }

    pub(crate) fn insert(&mut self, entity: Entity) -> Arc<Entity> {
        let entity = Arc::new(entity);
        let (id, kind) = (entity.id, entity.kind);
        self.names.entry(kind).or_default().insert(Arc::clone(&entity.fqn), id);
        self.by_kind.entry(kind).or_default().insert(&entity);
        if let Some(parent) = entity.parent {
            self.by_parent.entry((parent, kind)).or_default().insert(&entity);
        }
        self.index(&entity);
        if self.search_is_down {
            self.unindexed.insert(id);
        }
        let record = Record { current: Arc::clone(&entity), history: Vec::new() };
        self.records.insert(id, record);
        entity
    }

    /// Puts `entity` in the place of the one with its id; the former one becomes history or is dropped.
    pub(crate) fn replace(&mut self, entity: Entity, former: Former) -> Arc<Entity> {
        let entity = Arc::new(entity);
        let Some(record) = self.records.get_mut(&entity.id) else { return entity };
        let old = std::mem::replace(&mut record.current, Arc::clone(&entity));
        match former {
            Former::BecomesHistory => {
                if record.history.len() >= HISTORY {
                    record.history.remove(0);
                }
                record.history.push(Arc::clone(&old));
            }
            Former::IsDropped => {}
            Former::IsDroppedWithItsPredecessor => {
                record.history.pop();
            }
        }
        if old.plain_text("email") != entity.plain_text("email") {
            self.unindex(&old);
            self.index(&entity);
        }
        if old.deleted != entity.deleted {
            self.by_kind.entry(entity.kind).or_default().move_to(&entity);
            if let Some(parent) = entity.parent {
                self.by_parent.entry((parent, entity.kind)).or_default().move_to(&entity);
            }
        }
        entity
    }

    /// Changes an entity without a new version, as a change of a relation from its other side does.
    pub(crate) fn relink(&mut self, id: Uuid, change: impl FnOnce(&mut Entity)) {
        if let Some(record) = self.records.get_mut(&id) {
            change(Arc::make_mut(&mut record.current));
        }
    }

    /// Removes an entity with its links and its lineage.
    pub(crate) fn remove(&mut self, id: Uuid) {
        let Some(record) = self.records.remove(&id) else { return };
        let entity = record.current;
        if let Some(names) = self.names.get_mut(&entity.kind) {
            names.remove(&entity.fqn);
        }
        if let Some(listing) = self.by_kind.get_mut(&entity.kind) {
            listing.remove(&entity);
        }
        if let Some(listing) =
            entity.parent.and_then(|parent| self.by_parent.get_mut(&(parent, entity.kind)))
        {
            listing.remove(&entity);
        }
        for linked in entity.charts.iter().chain(&entity.data_models) {
            self.relink(*linked, |other| other.dashboards.retain(|dashboard| *dashboard != id));
        }
        for dashboard in &entity.dashboards {
            self.relink(*dashboard, |other| {
                other.charts.retain(|chart| *chart != id);
                other.data_models.retain(|model| *model != id);
            });
        }
        self.unindex(&entity);
        self.unindexed.remove(&id);
        self.lineage.remove_entity(id);
    }

    /// The listing of a kind.
    pub(crate) fn listing(&self, kind: Kind) -> Option<&Listing> {
        self.by_kind.get(&kind)
    }

    /// The listing of the entities of a kind that `parent` contains.
    pub(crate) fn children(&self, parent: Uuid, kind: Kind) -> Option<&Listing> {
        self.by_parent.get(&(parent, kind))
    }

    /// The entities of a kind at any depth below `ancestor`, collected one by one.
    pub(crate) fn descendants(&self, ancestor: Uuid, kind: Kind) -> Listing {
        let mut found = Listing::default();
        let mut todo = vec![ancestor];
        while let Some(parent) = todo.pop() {
            for child_kind in Kind::ALL {
                let Some(children) = self.children(parent, child_kind) else { continue };
                for child in children.ids(Include::All).into_iter().filter_map(|id| self.get(id)) {
                    if child.kind == kind {
                        found.insert(child);
                    } else {
                        todo.push(child.id);
                    }
                }
            }
        }
        found
    }

    /// Whether `parent` contains anything that is not deleted.
    pub(crate) fn has_children(&self, parent: Uuid) -> bool {
        Kind::ALL
            .into_iter()
            .any(|kind| self.children(parent, kind).is_some_and(|l| l.live_count() > 0))
    }

    /// The tables whose lower-cased FQN is `fqn`.
    pub(crate) fn tables_called(&self, fqn: &str) -> &[Uuid] {
        self.tables_by_fqn.get(fqn).map_or(&[], Vec::as_slice)
    }

    /// The tables whose lower-cased name is `name`.
    pub(crate) fn tables_named(&self, name: &str) -> &[Uuid] {
        self.tables_by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// The users and teams with the lower-cased e-mail address `email`.
    pub(crate) fn people_at(&self, email: &str) -> &[Uuid] {
        self.people_by_email.get(email).map_or(&[], Vec::as_slice)
    }

    fn index(&mut self, entity: &Entity) {
        if entity.kind == Kind::Table {
            self.tables_by_fqn.entry(lower(&entity.fqn)).or_default().push(entity.id);
            self.tables_by_name.entry(lower(&entity.name)).or_default().push(entity.id);
        }
        if let Some(email) = entity.plain_text("email") {
            self.people_by_email.entry(lower(email)).or_default().push(entity.id);
        }
    }

    fn unindex(&mut self, entity: &Entity) {
        fn drop_from(index: &mut HashMap<Box<str>, Vec<Uuid>>, key: &str, id: Uuid) {
            if let Some(ids) = index.get_mut(key) {
                ids.retain(|other| *other != id);
            }
        }
        if entity.kind == Kind::Table {
            drop_from(&mut self.tables_by_fqn, &lower(&entity.fqn), entity.id);
            drop_from(&mut self.tables_by_name, &lower(&entity.name), entity.id);
        }
        if let Some(email) = entity.plain_text("email") {
            drop_from(&mut self.people_by_email, &lower(email), entity.id);
        }
    }
}

fn lower(text: &str) -> Box<str> {
    text.to_lowercase().into_boxed_str()
}
