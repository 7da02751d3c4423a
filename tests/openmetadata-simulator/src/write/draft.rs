//! From a request body to the entity it describes, with every reference resolved.

use std::sync::Arc;

use uuid::Uuid;

use super::columns;
use super::connection;
use crate::entity::{Certification, Entity, Extras, Label, Version};
use crate::fqn;
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::schema::choices::{LABEL_STATE, LABEL_TYPE, TAG_SOURCE};
use crate::store::Store;
use crate::version::Rules;

/// What drafts are made with.
pub(crate) struct Drafting<'a> {
    pub(crate) store: &'a Store,
    pub(crate) rules: &'a Rules,
    pub(crate) author: &'a Arc<str>,
    pub(crate) now: i64,
}

impl Drafting<'_> {
    /// The entity that a Create request describes. Its id is new, its version the first.
    ///
    /// # Errors
    /// 404 for a missing reference, 400 for what the server checks (columns, owners, extension, exclusive tags).
    pub(crate) fn created(&self, kind: Kind, body: Json) -> Result<Entity, Problem> {
        let mut entity = self.blank(kind, body.text_of("name").unwrap_or_default());
        let extras = self.shared(kind, &body)?;
        if kind.has_columns() {
            entity.columns = columns::read(body.items_of("columns"), self.rules)?;
        }
        let parent = self.parent(kind, &body)?;
        entity.parent = parent.map(|parent| parent.id);
        entity.charts = self.named(Kind::Chart, body.items_of("charts"))?;
        entity.data_models = self.named(Kind::DataModel, body.items_of("dataModels"))?;
        entity.dashboards = self.named(Kind::Dashboard, body.items_of("dashboards"))?;
        self.tags_exist(&extras.tags)?;
        columns::tags(&entity.columns).try_for_each(|tags| self.tags_exist(tags))?;
        entity.fqn = self.fqn_of(kind, &entity.name, parent, &body)?.into();
        self.check_extension(kind, extras.extension.as_ref())?;
        if extras.is_set() {
            entity.extras = Some(Box::new(extras));
        }
        self.take_plain(&mut entity, body)?;
        Ok(entity)
    }

    fn blank(&self, kind: Kind, name: Box<str>) -> Entity {
        Entity {
            id: Uuid::new_v4(),
            kind,
            deleted: false,
            version: Version::FIRST,
            updated_at: self.now,
            updated_by: Arc::clone(self.author),
            name: name.into(),
            fqn: Arc::from(""),
            display_name: None,
            description: None,
            parent: None,
            plain: Vec::new(),
            columns: Vec::new(),
            charts: Vec::new(),
            data_models: Vec::new(),
            dashboards: Vec::new(),
            extras: None,
            change: None,
            last_change: None,
        }
    }

    /// Owners, domains, data products, tags, extension and life cycle of a Create request.
    fn shared(&self, kind: Kind, body: &Json) -> Result<Extras, Problem> {
        let single = body.get("owner").map(std::slice::from_ref);
        let owners = self.owners(single.unwrap_or_else(|| body.items_of("owners")))?;
        let mut domains = self.named(Kind::Domain, body.items_of("domains"))?;
        if let Some(domain) = body.get("domain") {
            domains = self.named(Kind::Domain, std::slice::from_ref(domain))?;
        }
        // A data product's own `domain` is a relation like any other; its `dataProducts` do not exist.
        let data_products = match kind {
            Kind::DataProduct => Vec::new(),
            _ => self.named(Kind::DataProduct, body.items_of("dataProducts"))?,
        };
        Ok(Extras {
            owners,
            tags: labels(body.items_of("tags"), self.rules),
            domains,
            data_products,
            extension: body.get("extension").cloned(),
            life_cycle: body.get("lifeCycle").cloned(),
            certification: None,
        })
    }

    /// Owners given as references.
    pub(super) fn owners(&self, references: &[Json]) -> Result<Vec<Uuid>, Problem> {
        let mut owners = Vec::with_capacity(references.len());
        let mut teams = 0;
        for reference in references {
            let entity_type = reference.text_of("type").unwrap_or_default();
            let kind = match &*entity_type {
                "user" => Kind::User,
                "team" => Kind::Team,
                _ => {
                    return Err(Problem::Bad(format!(
                        "Entity of type {entity_type} can't be the owner. \
                         Only Team of type Group or a User can own entities."
                    )));
                }
            };
            let owner = self.referenced(kind, reference)?;
            if kind == Kind::Team {
                teams += 1;
                let team_type = owner.plain_text("teamType").unwrap_or_default();
                if team_type != "Group" {
                    return Err(Problem::Bad(format!(
                        "Team of type {team_type} can't own entities. Only Team of type Group can own entities."
                    )));
                }
            }
            owners.push(owner.id);
        }
        if teams > 1 || (teams == 1 && owners.len() > 1) {
            return Err(if self.rules.rule_engine {
                Problem::Rule(
                    "Rule [Multiple Users or Single Team Ownership] validation failed: Entity does not satisfy \
                     the rule. Rule context: Validates that an entity has either multiple owners or a single team \
                     as the owner"
                        .to_owned(),
                )
            } else {
                Problem::Bad("Only one team or several users can be the owners".to_owned())
            });
        }
        Ok(owners)
    }

    /// The live entity that an EntityReference names by its id.
    pub(super) fn referenced(&self, kind: Kind, reference: &Json) -> Result<&Arc<Entity>, Problem> {
        let id = reference.text_of("id").unwrap_or_default();
        self.store
            .get_of(kind, &id)
            .filter(|entity| !entity.deleted)
            .ok_or_else(|| Problem::missing(kind.entity_type(), &id))
    }

    /// The live entities that a list of FQNs names, each once.
    fn named(&self, kind: Kind, names: &[Json]) -> Result<Vec<Uuid>, Problem> {
        let mut ids = Vec::with_capacity(names.len());
        for name in names.iter().filter_map(Json::text) {
            let entity = self
                .store
                .find(kind, &name)
                .filter(|entity| !entity.deleted)
                .ok_or_else(|| Problem::missing(kind.entity_type(), &name))?;
            ids.push(entity.id);
        }
        unique(&mut ids);
        Ok(ids)
    }

    /// The entity that contains the new one. A deleted service still takes charts and data models (recorded).
    fn parent(&self, kind: Kind, body: &Json) -> Result<Option<&Arc<Entity>>, Problem> {
        let Some((property, parent_kind)) = kind.parent() else { return Ok(None) };
        let Some(name) = body.text_of(property) else { return Ok(None) };
        self.store
            .find(parent_kind, &name)
            .filter(|parent| !parent.deleted || matches!(kind, Kind::Chart | Kind::DataModel))
            .map(Some)
            .ok_or_else(|| Problem::missing(parent_kind.entity_type(), &name))
    }

    fn fqn_of(
        &self,
        kind: Kind,
        name: &str,
        parent: Option<&Arc<Entity>>,
        body: &Json,
    ) -> Result<String, Problem> {
        let joined = match (kind, parent) {
            (Kind::DataModel, Some(service)) => {
                let service =
                    if self.rules.model_fqn_of_service_fqn { &service.fqn } else { &service.name };
                fqn::join(&format!("{service}.model"), name)
            }
            (Kind::Tag, Some(classification)) => {
                let above = body.text_of("parent").unwrap_or_else(|| (*classification.fqn).into());
                fqn::join(&above, name)
            }
            (_, Some(parent)) => fqn::join(&parent.fqn, name),
            (_, None) => fqn::quote(name),
        };
        joined.map_err(|fqn::InvalidName| {
            if self.rules.quote_poisons {
                Problem::Unhandled("null".to_owned())
            } else {
                Problem::Bad(format!("Invalid name {name}"))
            }
        })
    }

    /// Every tag exists, and no two are of a classification that allows only one.
    pub(super) fn tags_exist(&self, labels: &[Label]) -> Result<(), Problem> {
        let gone = labels
            .iter()
            .filter(|label| label.source == "Classification")
            .find(|label| self.store.find(Kind::Tag, &label.fqn).is_none_or(|tag| tag.deleted));
        match gone {
            Some(label) => Err(Problem::missing("tag", &label.fqn)),
            None => exclusive(self.store, labels),
        }
    }

    pub(super) fn check_extension(
        &self,
        kind: Kind,
        extension: Option<&Json>,
    ) -> Result<(), Problem> {
        let known = self.store.custom_properties.get(kind.entity_type());
        let unknown = extension
            .map_or(&[][..], Json::members)
            .iter()
            .find(|(key, _)| !known.is_some_and(|known| known.contains(key)));
        match unknown {
            Some((key, _)) => Err(Problem::Bad(format!("Unknown custom field {key}"))),
            None => Ok(()),
        }
    }

    /// Moves the texts and plain properties of `body` into `entity`.
    pub(super) fn take_plain(&self, entity: &mut Entity, body: Json) -> Result<(), Problem> {
        let Json::Object(members) = body else { return Ok(()) };
        let plain = entity.kind.plain();
        for (key, value) in members {
            if value.is_null() {
                continue;
            }
            match &*key {
                "displayName" => entity.display_name = into_text(value),
                "description" => entity.description = into_text(value),
                _ => {
                    if let Some((name, _)) = plain.iter().find(|(name, _)| *name == &*key) {
                        entity.plain.retain(|(other, _)| other != name);
                        entity.plain.push((name, value));
                    }
                }
            }
        }
        if entity.kind == Kind::Dashboard
            && self.rules.modern_defaults
            && entity.plain("dashboardType").is_none()
        {
            entity.plain.push(("dashboardType", "Dashboard".into()));
        }
        if entity.kind.is_service() {
            connection::complete(entity, self.rules)?;
        }
        Ok(())
    }
}

impl Extras {
    /// Whether there is anything to keep.
    pub(super) fn is_set(&self) -> bool {
        !(self.owners.is_empty()
            && self.tags.is_empty()
            && self.domains.is_empty()
            && self.data_products.is_empty()
            && self.extension.is_none()
            && self.life_cycle.is_none()
            && self.certification.is_none())
    }
}

/// No two labels are of a classification whose tags exclude each other.
pub(super) fn exclusive(store: &Store, labels: &[Label]) -> Result<(), Problem> {
    for (index, label) in labels.iter().enumerate() {
        let Some(above) = fqn::parent(&label.fqn) else { continue };
        let excludes =
            store.find(Kind::Classification, above).or_else(|| store.find(Kind::Tag, above));
        if !excludes.is_some_and(|parent| parent.plain_flag("mutuallyExclusive")) {
            continue;
        }
        let earlier =
            labels.iter().take(index).find(|other| fqn::parent(&other.fqn) == Some(above));
        if let Some(other) = earlier {
            return Err(Problem::Bad(format!(
                "Tag labels {} and {} are mutually exclusive and can't be assigned together",
                label.fqn, other.fqn
            )));
        }
    }
    Ok(())
}

/// Tag labels of a list that was bound to the schema; what is absent has the server's default.
pub(super) fn labels(items: &[Json], rules: &Rules) -> Vec<Label> {
    let mut labels: Vec<Label> = Vec::with_capacity(items.len());
    for item in items {
        let label = label(item, rules);
        if !labels.iter().any(|other| other.fqn == label.fqn) {
            labels.push(label);
        }
    }
    labels
}

fn label(item: &Json, rules: &Rules) -> Label {
    let choice = |key: &str, choice: &crate::schema::choices::Choice, default| {
        item.text_of(key).and_then(|text| choice.value(&text, rules.code)).unwrap_or(default)
    };
    Label {
        fqn: item.text_of("tagFQN").unwrap_or_default(),
        source: choice("source", &TAG_SOURCE, "Classification"),
        label_type: choice("labelType", &LABEL_TYPE, "Manual"),
        state: choice("state", &LABEL_STATE, "Confirmed"),
    }
}

/// `certification` of a patched entity.
pub(super) fn certification(json: &Json, rules: &Rules) -> Option<Certification> {
    Some(Certification {
        label: label(json.get("tagLabel")?, rules),
        applied: json.integer_of("appliedDate"),
        expires: json.integer_of("expiryDate"),
    })
}

fn into_text(value: Json) -> Option<Box<str>> {
    match value {
        Json::Text(text) => Some(text),
        other => other.text().map(|text| text.into_owned().into_boxed_str()),
    }
}

/// Keeps the first of equal ids, in order. Lists of charts have hundreds of entries, so no quadratic search.
pub(crate) fn unique(ids: &mut Vec<Uuid>) {
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.retain(|id| seen.insert(*id));
}
