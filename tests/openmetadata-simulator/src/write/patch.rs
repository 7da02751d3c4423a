//! PATCH: RFC 6902 on the entity as a GET with all fields answers it.

use std::sync::Arc;

use uuid::Uuid;

use super::draft::{Drafting, certification, labels, unique};
use super::update::{How, compare};
use super::{Writing, columns};
use crate::entity::{Entity, Extras};
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::schema;
use crate::store::{Former, Store};

/// PATCHes of one user within this time become one version.
const SESSION_MILLIS: i64 = 10 * 60 * 1000;

impl Writing<'_> {
    /// Applies `operations` to `stored`, whose JSON is `document`.
    pub(crate) fn patch(
        &self,
        store: &mut Store,
        stored: &Arc<Entity>,
        mut document: Json,
        operations: &Json,
    ) -> Result<Arc<Entity>, Problem> {
        self.may_patch(operations)?;
        if stored.is_poisoned() {
            return Err(Problem::Unhandled("null".to_owned()));
        }
        crate::patch::apply(&mut document, operations)
            .map_err(|error| Problem::Bad(error.to_string()))?;
        schema::bind_entity(stored.kind, &document, self.rules)?;
        let mut draft = self.drafting(store).patched(stored, document)?;
        if self.rules.bulk_of_two && !self.actor.bot {
            // 2.0: an edit by a person makes the next bulk run look at the entity again.
            draft.plain.retain(|(name, _)| *name != "sourceHash");
        }
        let how =
            How { put: false, bot: self.actor.bot, override_metadata: false, rules: self.rules };
        let previous = self.session_start(store, stored);
        let outcome = compare(previous.as_deref().unwrap_or(stored), &mut draft, &how);
        super::draft::exclusive(store, &draft.extras().tags)?;
        self.products_have_a_domain(&draft)?;
        let former = match &previous {
            None => Former::BecomesHistory,
            Some(_) if outcome.rises() => Former::IsDropped,
            Some(_) => Former::IsDroppedWithItsPredecessor,
        };
        Ok(self.commit(store, stored, draft, outcome, former))
    }

    /// The version before the session that this PATCH belongs to; `None` when it starts a new one.
    fn session_start(&self, store: &Store, stored: &Entity) -> Option<Arc<Entity>> {
        let same_session = self.rules.folds_patches
            && !stored.deleted
            && stored.updated_by == self.actor.name
            && self.now - stored.updated_at <= SESSION_MILLIS;
        if same_session { store.history(stored.id).last().map(Arc::clone) } else { None }
    }

    /// A bot's role denies some fields.
    fn may_patch(&self, operations: &Json) -> Result<(), Problem> {
        self.actor.may("EditAll")?;
        let touches = |field: &str| {
            operations.items().iter().any(|operation| {
                let path = operation.text_of("path").unwrap_or_default();
                path.trim_start_matches('/').split('/').next() == Some(field)
            })
        };
        let denied = [
            ("displayName", "EditDisplayName", self.rules.denies_display_name),
            ("owners", "EditOwners", self.rules.bot_keeps_owners),
        ];
        for (field, operation, is_denied) in denied {
            if is_denied && self.actor.bot && touches(field) {
                return Err(Problem::Forbidden(format!(
                    "Principal: CatalogPrincipal{{name='{}'}} operation {operation} denied by role IngestionBotRole, \
                     policy IngestionBotPolicy, rule IngestionBotRule-{operation}-Deny",
                    self.actor.name
                )));
            }
        }
        Ok(())
    }
}

impl Drafting<'_> {
    /// The entity that a patched document describes. Id, name and service stay what they are.
    fn patched(&self, stored: &Entity, document: Json) -> Result<Entity, Problem> {
        let kind = stored.kind;
        let mut entity = Entity {
            display_name: None,
            description: None,
            plain: Vec::new(),
            columns: Vec::new(),
            extras: None,
            charts: self.linked(Kind::Chart, document.items_of("charts"), &stored.charts)?,
            data_models: self.linked(
                Kind::DataModel,
                document.items_of("dataModels"),
                &stored.data_models,
            )?,
            dashboards: self.linked(
                Kind::Dashboard,
                document.items_of("dashboards"),
                &stored.dashboards,
            )?,
            ..stored.clone()
        };
        if let Some((property, parent)) = kind.parent()
            && let Some(reference) = document.get(property)
        {
            let same = reference
                .text_of("id")
                .is_some_and(|id| stored.parent.is_some_and(|p| p.to_string() == *id));
            if !same {
                self.referenced(parent, reference)?;
            }
        }
        if kind.has_columns() {
            entity.columns = columns::read(document.items_of("columns"), self.rules)?;
        }
        let extras = self.patched_extras(stored, &document)?;
        if extras.is_set() {
            entity.extras = Some(Box::new(extras));
        }
        // The document shows the user as a reference; it cannot be patched.
        entity.plain.extend(stored.plain.iter().filter(|(name, _)| *name == "botUser").cloned());
        let mut document = document;
        document.set("botUser", Json::Null);
        self.take_plain(&mut entity, document)?;
        Ok(entity)
    }

    fn patched_extras(&self, stored: &Entity, document: &Json) -> Result<Extras, Problem> {
        let old = stored.extras();
        let list = |single: &str, many: &str| match document.get(single) {
            Some(one) => vec![one.clone()],
            None => document.items_of(many).to_vec(),
        };
        let extras = Extras {
            owners: self.owners(&list("owner", "owners"))?,
            tags: labels(document.items_of("tags"), self.rules),
            domains: self.linked(Kind::Domain, &list("domain", "domains"), &old.domains)?,
            data_products: self.linked(
                Kind::DataProduct,
                document.items_of("dataProducts"),
                &old.data_products,
            )?,
            extension: document.get("extension").cloned(),
            life_cycle: document.get("lifeCycle").cloned(),
            certification: document
                .get("certification")
                .and_then(|json| certification(json, self.rules)),
        };
        let new: Vec<_> =
            extras.tags.iter().filter(|label| !old.tags.contains(label)).cloned().collect();
        self.tags_exist(&new)?;
        if extras.extension != old.extension {
            self.check_extension(stored.kind, extras.extension.as_ref())?;
        }
        Ok(extras)
    }

    /// The ids of references; one that was there before may be to a deleted entity.
    fn linked(
        &self,
        kind: Kind,
        references: &[Json],
        before: &[Uuid],
    ) -> Result<Vec<Uuid>, Problem> {
        let mut ids = Vec::with_capacity(references.len());
        for reference in references {
            let id = reference.text_of("id").and_then(|id| Uuid::parse_str(&id).ok());
            match id.filter(|id| before.contains(id)) {
                Some(id) => ids.push(id),
                None => ids.push(self.referenced(kind, reference)?.id),
            }
        }
        unique(&mut ids);
        Ok(ids)
    }
}
