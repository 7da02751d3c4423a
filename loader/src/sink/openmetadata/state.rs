//! What the service holds: for each entity its id and what our last write recorded. Learned from the
//! paged lists once, or entity by entity when a list would cost more, and kept while running.
//!
//! An entry takes 64 bytes, so a service with a million entities takes about 130 MB with the slack of
//! the hash map. Writes by others are noticed at the next [`Directory::forget_all`].

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde_json::Value;

use super::{
    client::{Client, Failure, Wanted},
    hash::{self, Record},
    map::{Kind, Naming},
    pages::Cursor,
};

/// What is known of an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Zero when not known: bulk requests do not say.
    id: u128,
    /// [`Record::content`] of its `sourceHash`; zero when that is not ours.
    content: u64,
    /// [`hash::project_mark`] of its project.
    pub(super) project: u32,
    /// Soft-deleted.
    pub(super) deleted: bool,
}

impl Known {
    pub(super) fn new(id: Option<&str>, content: Option<u64>, project: Option<&str>) -> Self {
        Self {
            id: id.and_then(id_number).unwrap_or_default(),
            content: content.unwrap_or_default(),
            project: hash::project_mark(project),
            deleted: false,
        }
    }

    /// Of an entity as the server shows it.
    pub(super) fn of(entity: &Value) -> Self {
        let text = |name: &str| entity.get(name).and_then(Value::as_str);
        let record = text("sourceHash").and_then(Record::decode);
        Self {
            deleted: entity.get("deleted").and_then(Value::as_bool).unwrap_or_default(),
            ..Self::new(text("id"), record.map(|r| r.content), text("project"))
        }
    }

    /// The entity's id.
    pub(super) fn id(&self) -> Option<String> {
        (self.id != 0).then(|| id_text(self.id))
    }

    /// Whether our last write said the same.
    pub(super) fn has_content(&self, content: u64) -> bool {
        self.content == content && content != 0 && !self.deleted
    }
}

/// A UUID as a number.
fn id_number(text: &str) -> Option<u128> {
    text.chars()
        .filter(|c| *c != '-')
        .try_fold((0_u128, 0), |(number, digits), c| {
            let digit = u128::from(c.to_digit(16)?);
            (digits < 32).then_some(((number << 4) | digit, digits + 1))
        })
        .and_then(|(number, digits)| (digits > 0).then_some(number))
}

/// A number as a UUID.
pub(super) fn id_text(id: u128) -> String {
    let digits = format!("{id:032x}");
    let mut text = String::with_capacity(36);
    for (position, c) in digits.chars().enumerate() {
        if matches!(position, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(c);
    }
    text
}

#[derive(Debug, Default)]
struct Shelf {
    entities: Mutex<HashMap<u128, Known>>,
    /// Everything is in `entities`.
    complete: std::sync::atomic::AtomicBool,
    /// The server cannot list these.
    unlistable: std::sync::atomic::AtomicBool,
    /// Entities asked for one by one.
    lookups: AtomicUsize,
    /// One list at a time; holds the number of entities once asked.
    listing: tokio::sync::Mutex<Option<usize>>,
}

/// What the service holds.
#[derive(Debug, Default)]
pub(super) struct Directory {
    shelves: [Shelf; 3],
}

/// What the directory says about an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// This is what it holds.
    Known(Known),
    /// The service has no such entity.
    Absent,
    /// Nobody asked yet.
    Unasked,
}

/// Entities on one page of a list. Data models come with all their columns.
const PAGE: usize = 1000;
const PAGE_OF_DATA_MODELS: usize = 250;
/// Entities that a list returns in the time of one lookup: 500 charts took 0.3 s, a lookup 5–20 ms.
const LIST_PER_LOOKUP: usize = 20;

impl Directory {
    /// What is known of an entity.
    pub(super) fn lookup(&self, kind: Kind, name: &str) -> Lookup {
        let shelf = self.shelf(kind);
        match lock(&shelf.entities).get(&name_number(name)) {
            Some(known) => Lookup::Known(*known),
            None if shelf.complete.load(Ordering::Acquire) => Lookup::Absent,
            None => Lookup::Unasked,
        }
    }

    /// Remembers an entity.
    pub(super) fn set(&self, kind: Kind, name: &str, known: Known) {
        lock(&self.shelf(kind).entities).insert(name_number(name), known);
    }

    /// Whether the id of an entity is known.
    pub(super) fn has_id(&self, kind: Kind, name: &str) -> bool {
        matches!(self.lookup(kind, name), Lookup::Known(known) if known.id != 0)
    }

    /// Learns the id of an entity that was written by a bulk request, whose answer does not say it.
    pub(super) fn learn_id(&self, kind: Kind, name: &str, id: &str) {
        if let (Some(known), Some(id)) =
            (lock(&self.shelf(kind).entities).get_mut(&name_number(name)), id_number(id))
            && known.id == 0
            && known.content != 0
        {
            known.id = id;
        }
    }

    /// Remembers that the service has no such entity.
    pub(super) fn remove(&self, kind: Kind, name: &str) {
        lock(&self.shelf(kind).entities).remove(&name_number(name));
    }

    /// Remembers that an entity is not what it was thought to be: it is asked for again.
    pub(super) fn doubt(&self, kind: Kind, name: &str) {
        let mut entities = lock(&self.shelf(kind).entities);
        // An entry without id and content is always read before it is used.
        entities.insert(name_number(name), Known::new(None, None, None));
    }

    /// Forgets everything, so that it is asked for again.
    pub(super) fn forget_all(&self) {
        for shelf in &self.shelves {
            shelf.complete.store(false, Ordering::Release);
            shelf.lookups.store(0, Ordering::Relaxed);
            *lock(&shelf.entities) = HashMap::new();
        }
    }

    /// The service holds nothing.
    pub(super) fn set_empty(&self) {
        for shelf in &self.shelves {
            shelf.complete.store(true, Ordering::Release);
        }
    }

    /// Whether everything of a kind is known.
    pub(super) fn is_complete(&self, kind: Kind) -> bool {
        self.shelf(kind).complete.load(Ordering::Acquire)
    }

    /// Makes ready for `wanted` lookups: reads the list if that costs less than to ask one by one.
    pub(super) async fn prepare(
        &self,
        client: &Client,
        naming: &Naming,
        kind: Kind,
        wanted: usize,
    ) -> Result<(), Failure> {
        let shelf = self.shelf(kind);
        if wanted == 0 || shelf.complete.load(Ordering::Acquire) {
            return Ok(());
        }
        // The list of such a service is empty though it is not (seen on 1.2).
        if kind == Kind::DataModel
            && naming.features.model_fqn_unquoted_service
            && naming.service.contains('.')
        {
            return Ok(());
        }
        let lookups = shelf.lookups.fetch_add(wanted, Ordering::Relaxed) + wanted;
        let mut total = shelf.listing.lock().await;
        if shelf.complete.load(Ordering::Acquire) || shelf.unlistable.load(Ordering::Relaxed) {
            return Ok(());
        }
        let count = match *total {
            Some(count) => count,
            None => *total.insert(count(client, naming, kind).await?),
        };
        if count > PAGE && count > lookups.saturating_mul(LIST_PER_LOOKUP) {
            return Ok(());
        }
        tracing::info!(kind = kind.entity_type(), count, "reading what OpenMetadata holds");
        let listed = for_each(client, naming, kind, |entity| {
            if let Some(name) = entity.get("name").and_then(Value::as_str) {
                let mut entities = lock(&shelf.entities);
                // What was written since the page was made is newer.
                entities.entry(name_number(name)).or_insert_with(|| Known::of(entity));
            }
        })
        .await;
        *total = None;
        match listed {
            Ok(()) => shelf.complete.store(true, Ordering::Release),
            // One entity that the server cannot show is enough (seen: a column with `"`).
            Err(Failure::Refused(message)) => {
                shelf.unlistable.store(true, Ordering::Relaxed);
                tracing::warn!(
                    kind = kind.entity_type(),
                    %message,
                    "OpenMetadata cannot list its entities; each is asked for by name, which is slower"
                );
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    fn shelf(&self, kind: Kind) -> &Shelf {
        let [dashboards, charts, data_models] = &self.shelves;
        match kind {
            Kind::Dashboard => dashboards,
            Kind::Chart => charts,
            Kind::DataModel => data_models,
        }
    }
}

/// Number of entities of a kind in the service, soft-deleted ones included.
async fn count(client: &Client, naming: &Naming, kind: Kind) -> Result<usize, Failure> {
    let query = vec![
        ("service", naming.service.clone()),
        ("include", "all".to_owned()),
        ("limit", "0".to_owned()),
    ];
    let answer = client.get(kind.path().to_owned(), query).await?;
    let total = answer.as_ref().and_then(|a| a.body.pointer("/paging/total")?.as_u64());
    Ok(usize::try_from(total.unwrap_or_default()).unwrap_or(usize::MAX))
}

/// What is read of a list: the pages, and what [`Known`] and strays are made of.
const LISTED: Wanted = &[
    "data",
    "paging",
    "total",
    "after",
    "id",
    "name",
    "fullyQualifiedName",
    "displayName",
    "deleted",
    "sourceHash",
    "project",
];

/// Calls `visit` with every entity of a kind in the service, soft-deleted ones included; with the
/// members of [`LISTED`].
pub(super) async fn for_each(
    client: &Client,
    naming: &Naming,
    kind: Kind,
    mut visit: impl FnMut(&Value),
) -> Result<(), Failure> {
    let page = if kind == Kind::DataModel { PAGE_OF_DATA_MODELS } else { PAGE };
    let mut cursor = Cursor::default();
    loop {
        let mut query = vec![
            ("service", naming.service.clone()),
            ("include", "all".to_owned()),
            ("limit", page.to_string()),
        ];
        if naming.features.source_hash {
            query.push(("fields", "sourceHash".to_owned()));
        }
        query.extend(cursor.query());
        let path = kind.path().to_owned();
        let Some(answer) = client.get_only(path, query, LISTED).await? else {
            return Err(Failure::Refused(format!("`{}` is not there", kind.path())));
        };
        let entities = answer.body.get("data").and_then(Value::as_array);
        entities.into_iter().flatten().for_each(&mut visit);
        if !cursor.advance(&answer.body)? {
            return Ok(());
        }
    }
}

/// 128 bits in the place of a name.
pub(super) fn name_number(name: &str) -> u128 {
    schemas::hash::of_bytes(name.as_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_survive() {
        let id = "0d1dd0fa-1183-4707-8530-6b0000000001";
        assert_eq!(Known::new(Some(id), None, None).id().as_deref(), Some(id));
        assert_eq!(Known::new(None, None, None).id(), None);
        assert_eq!(Known::new(Some("no uuid"), None, None).id(), None);
    }

    #[test]
    fn content_counts_only_when_it_is_ours_and_alive() {
        let record = Record {
            content: 7,
            description: 0,
            display_name: 0,
            owners: 0,
            columns: 0,
            project: 0,
        };
        let known = Known::of(&json!({"sourceHash": record.encode()}));
        assert!(known.has_content(7) && !known.has_content(8));
        let deleted = Known::of(&json!({"sourceHash": record.encode(), "deleted": true}));
        assert!(!deleted.has_content(7));
        let foreign = Known::of(&json!({"sourceHash": "d41d8cd98f00b204e9800998ecf8427e"}));
        assert!(!foreign.has_content(0));
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<(u128, Known)>() <= 64, "{}", size_of::<(u128, Known)>());
    }

    #[test]
    fn absent_only_when_everything_is_known() {
        let directory = Directory::default();
        assert_eq!(directory.lookup(Kind::Chart, "a"), Lookup::Unasked);
        directory.shelf(Kind::Chart).complete.store(true, Ordering::Release);
        assert_eq!(directory.lookup(Kind::Chart, "a"), Lookup::Absent);
        let known = Known::new(None, Some(3), None);
        directory.set(Kind::Chart, "a", known);
        assert_eq!(directory.lookup(Kind::Chart, "a"), Lookup::Known(known));
        directory.remove(Kind::Chart, "a");
        assert_eq!(directory.lookup(Kind::Chart, "a"), Lookup::Absent);
        directory.forget_all();
        assert_eq!(directory.lookup(Kind::Chart, "a"), Lookup::Unasked);
    }
}
