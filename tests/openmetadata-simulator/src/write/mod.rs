//! Writes: create, update, patch, delete, restore.

pub(crate) mod columns;
mod connection;
pub(crate) mod delete;
pub(crate) mod draft;
pub(crate) mod patch;
mod update;

use std::sync::Arc;

use uuid::Uuid;

use self::draft::Drafting;
use self::update::{How, Outcome, compare};
use crate::access::Actor;
use crate::entity::{Change, Entity};
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::store::{Former, Store};
use crate::version::Rules;

/// Who writes, when, and to a server of which release.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) rules: &'a Rules,
    pub(crate) actor: &'a Actor,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
    /// 2.0, bulk: a bot may overwrite what people edited.
    pub(crate) override_metadata: bool,
    /// 2.0, bulk: a row whose `sourceHash` is the stored one is not looked at.
    pub(crate) skip_equal_hash: bool,
}

/// What a write came to.
pub(crate) struct Written {
    /// What the answer shows. It may show values that were not stored, as the real server's answer does.
    pub(crate) answer: Arc<Entity>,
    pub(crate) created: bool,
}

impl Writing<'_> {
    fn drafting<'a>(&'a self, store: &'a Store) -> Drafting<'a> {
        Drafting { store, rules: self.rules, author: &self.actor.name, now: self.now }
    }

    /// Creates an entity that must not exist yet, not even as a deleted one.
    pub(crate) fn create(
        &self,
        store: &mut Store,
        kind: Kind,
        body: Json,
    ) -> Result<Written, Problem> {
        let draft = self.drafting(store).created(kind, body)?;
        self.actor.may("Create")?;
        if store.find(kind, &draft.fqn).is_some() {
            return Err(Problem::Exists);
        }
        Ok(Written { answer: self.store_new(store, draft)?, created: true })
    }

    /// Creates the entity or updates the one with its FQN, a deleted one too.
    pub(crate) fn put(
        &self,
        store: &mut Store,
        kind: Kind,
        body: Json,
    ) -> Result<Written, Problem> {
        let draft = self.drafting(store).created(kind, body)?;
        match store.find(kind, &draft.fqn) {
            None => {
                self.actor.may("Create")?;
                Ok(Written { answer: self.store_new(store, draft)?, created: true })
            }
            Some(stored) => {
                let stored = Arc::clone(stored);
                self.actor.may("EditAll")?;
                Ok(Written { answer: self.update(store, &stored, draft)?, created: false })
            }
        }
    }

    fn store_new(&self, store: &mut Store, mut draft: Entity) -> Result<Arc<Entity>, Problem> {
        self.products_have_a_domain(&draft)?;
        let answer = draft.clone();
        connection::stored(&mut draft);
        let stored = store.insert(draft);
        relink(store, &stored, (&[], &[], &[]));
        // Only a service is stored otherwise than it is answered.
        Ok(if stored.kind.is_service() { Arc::new(answer) } else { stored })
    }

    fn update(
        &self,
        store: &mut Store,
        stored: &Arc<Entity>,
        mut draft: Entity,
    ) -> Result<Arc<Entity>, Problem> {
        let kind = stored.kind;
        if stored.is_poisoned() {
            return Err(Problem::Unhandled("null".to_owned()));
        }
        if kind.is_service() {
            self.check_service_update(stored, &draft)?;
        }
        let hash = draft.plain("sourceHash");
        if self.skip_equal_hash
            && !stored.deleted
            && hash.is_some()
            && hash == stored.plain("sourceHash")
        {
            return Ok(Arc::clone(stored));
        }
        if stored.deleted && kind == Kind::Dashboard && self.rules.delete_cascades_to_charts {
            self.restore_charts(store, stored);
        }
        draft.id = stored.id;
        draft.name = Arc::clone(&stored.name);
        draft.fqn = Arc::clone(&stored.fqn);
        draft.parent = stored.parent;
        let how = How {
            put: true,
            bot: self.actor.bot,
            override_metadata: self.override_metadata,
            rules: self.rules,
        };
        let outcome = compare(stored, &mut draft, &how);
        draft::exclusive(store, &draft.extras().tags)?;
        self.products_have_a_domain(&draft)?;
        Ok(self.commit(store, stored, draft, outcome, Former::BecomesHistory))
    }

    /// Stores `draft` in the place of `stored` when the comparison says so; answers what the request described.
    fn commit(
        &self,
        store: &mut Store,
        stored: &Arc<Entity>,
        mut draft: Entity,
        outcome: Outcome,
        former: Former,
    ) -> Arc<Entity> {
        draft.deleted = false;
        draft.version = outcome.next(crate::entity::Version(outcome.change.previous));
        if !outcome.rises() && !outcome.silent && draft.version == stored.version {
            draft.updated_at = stored.updated_at;
            draft.updated_by = Arc::clone(&stored.updated_by);
            draft.change.clone_from(&stored.change);
            draft.last_change.clone_from(&stored.last_change);
            return Arc::new(draft);
        }
        draft.updated_at = self.now.max(stored.updated_at);
        draft.updated_by = Arc::clone(&self.actor.name);
        let rises = outcome.rises();
        draft.last_change = Some(Box::new(outcome.change));
        draft.change = if rises { draft.last_change.clone() } else { stored.change.clone() };
        let answer = draft.clone();
        connection::stored(&mut draft);
        let links =
            (stored.charts.as_slice(), stored.data_models.as_slice(), stored.dashboards.as_slice());
        let entity = store.replace(draft, if rises { former } else { dropped(former) });
        relink(store, &entity, links);
        if entity.kind.is_service() { Arc::new(answer) } else { entity }
    }

    fn check_service_update(&self, stored: &Entity, draft: &Entity) -> Result<(), Problem> {
        if stored.deleted && !self.rules.plain_errors {
            return Err(Problem::missing(stored.kind.entity_type(), &stored.fqn));
        }
        if stored.plain("connection").is_some() && draft.plain("connection").is_none() {
            let service_type = draft.plain_text("serviceType").unwrap_or_default();
            return Err(Problem::Bad(if self.rules.plain_errors {
                "Cannot invoke \"org.openmetadata.schema.ServiceConnectionEntityInterface.getConfig()\" because the \
                 return value of \"org.openmetadata.schema.ServiceEntityInterface.getConnection()\" is null"
                    .to_owned()
            } else {
                format!(
                    "InvalidServiceConnectionException for service [{service_type}] due to \
                     [Failed to unmask connection instance of {service_type}]."
                )
            }));
        }
        Ok(())
    }

    fn products_have_a_domain(&self, draft: &Entity) -> Result<(), Problem> {
        let extras = draft.extras();
        if extras.data_products.is_empty() || !extras.domains.is_empty() {
            return Ok(());
        }
        Err(if self.rules.rule_engine {
            Problem::Rule(
                "Rule [Data Product Domain Validation] validation failed: Entity does not satisfy the rule. Rule \
                 context: Validates that Data Products assigned to an entity match the entity's domains"
                    .to_owned(),
            )
        } else {
            Problem::Bad("Domain cannot be empty when data products are provided.".to_owned())
        })
    }

    /// A new version of `stored` that differs in nothing but `deleted`.
    fn set_deleted(&self, store: &mut Store, stored: &Arc<Entity>, deleted: bool) -> Arc<Entity> {
        let mut entity = Entity::clone(stored);
        let change = Change {
            previous: stored.version.0,
            updated: vec!["deleted".into()],
            ..Change::default()
        };
        entity.deleted = deleted;
        entity.version = stored.version.minor();
        entity.updated_at = self.now.max(stored.updated_at);
        entity.updated_by = Arc::clone(&self.actor.name);
        entity.change = Some(Box::new(change));
        entity.last_change.clone_from(&entity.change);
        store.replace(entity, Former::BecomesHistory)
    }
}

/// A write that leaves the version alone adds nothing to the history.
fn dropped(former: Former) -> Former {
    match former {
        Former::BecomesHistory => Former::IsDropped,
        other => other,
    }
}

/// Brings the other side of the links of `entity` in line with its own lists; `former` are its lists before:
/// charts, data models, dashboards.
fn relink(store: &mut Store, entity: &Entity, former: (&[Uuid], &[Uuid], &[Uuid])) {
    let id = entity.id;
    for (before, after) in [(former.0, &entity.charts), (former.1, &entity.data_models)] {
        for gone in without(before, after) {
            store.relink(gone, |other| other.dashboards.retain(|dashboard| *dashboard != id));
        }
        for come in without(after, before) {
            store.relink(come, |other| other.dashboards.push(id));
        }
    }
    if entity.kind == Kind::Chart {
        for gone in without(former.2, &entity.dashboards) {
            store.relink(gone, |other| other.charts.retain(|chart| *chart != id));
        }
        for come in without(&entity.dashboards, former.2) {
            store.relink(come, |other| other.charts.push(id));
        }
    }
}

/// The ids of `list` that are not in `other`.
fn without(list: &[Uuid], other: &[Uuid]) -> Vec<Uuid> {
    if list == other {
        return Vec::new();
    }
    let other: std::collections::HashSet<&Uuid> = other.iter().collect();
    list.iter().filter(|id| !other.contains(id)).copied().collect()
}
