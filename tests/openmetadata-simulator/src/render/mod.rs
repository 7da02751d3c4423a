//! Entities and references as JSON, property by property in the order of the real answers.

pub(crate) mod writer;

use uuid::Uuid;

use self::writer::{Object, list};
use crate::entity::{Change, Column, Entity, Label};
use crate::kind::Kind;
use crate::store::{Include, Store};
use crate::version::Rules;

/// Properties that are relations: absent from an answer unless asked for.
const GATED: [&str; 20] = [
    "owner",
    "owners",
    "tags",
    "charts",
    "dataModels",
    "dashboards",
    "domain",
    "domains",
    "dataProducts",
    "extension",
    "followers",
    "certification",
    "usageSummary",
    "votes",
    "experts",
    "teams",
    "roles",
    "owns",
    "users",
    "profile",
];

/// Which gated properties an answer shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fields {
    All,
    Only(Vec<String>),
}

impl Fields {
    /// Whether the gated property `name` is asked for.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|asked| asked == name),
        }
    }
}

/// How entities are shown.
pub(crate) struct View<'a> {
    pub(crate) store: &'a Store,
    pub(crate) rules: &'a Rules,
    /// The URL of the API, up to and with `/api/v1/`.
    pub(crate) base: &'a str,
    pub(crate) fields: Fields,
    /// Which referenced charts, data models and dashboards are shown.
    pub(crate) include: Include,
    /// The answer to a write: shows what was sent, not yet completed from other entities.
    pub(crate) fresh: bool,
}

impl View<'_> {
    /// Appends `entity`.
    pub(crate) fn entity(&self, entity: &Entity, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        for name in entity.kind.properties() {
            if self.shows(entity, name) {
                self.property(entity, name, &mut object);
            }
        }
        object.end();
    }

    fn shows(&self, entity: &Entity, name: &str) -> bool {
        // The data model's schema has an empty list as default for its tags, so they are never absent.
        let never_absent =
            name == "tags" && entity.kind == Kind::DataModel && self.rules.modern_defaults;
        if entity.kind.is_service() && name == "tags" && entity.extras().tags.is_empty() {
            // Recorded: the answer of a service without tags has none.
            return false;
        }
        let gated = GATED.contains(&name) || (name == "lifeCycle" && self.rules.code <= 102);
        entity.kind.has_property(name, self.rules)
            && (!gated || never_absent || self.fields.asks_for(name))
    }

    fn property(&self, entity: &Entity, name: &'static str, out: &mut Object<'_>) {
        let extras = entity.extras();
        match name {
            "id" => out.text(name, &entity.id.to_string()),
            "name" => out.text(name, &entity.name),
            "displayName" => out.optional(name, entity.display_name.as_deref()),
            "fullyQualifiedName" => out.text(name, &entity.fqn),
            "description" => out.optional(name, entity.description.as_deref()),
            "version" => out.number(name, entity.version),
            "updatedAt" => out.number(name, entity.updated_at),
            "updatedBy" => out.text(name, &entity.updated_by),
            "href" => out.text(name, &self.href(entity)),
            "deleted" => out.flag(name, entity.deleted),
            "charts" => self.references(name, &entity.charts, out),
            "dataModels" => self.references(name, &entity.data_models, out),
            "dashboards" => self.references(name, &entity.dashboards, out),
            "owners" => self.references(name, &extras.owners, out),
            "owner" => self.single(name, extras.owners.first().copied(), out),
            "domains" => self.references(name, &extras.domains, out),
            "domain" => self.single(name, extras.domains.first().copied(), out),
            "dataProducts" => self.references(name, &extras.data_products, out),
            "followers" => out.list(name, [(); 0], |_, ()| false),
            "tags" if self.fields.asks_for("tags") => self.labels(&extras.tags, out.key(name)),
            "tags" => out.list(name, [(); 0], |_, ()| false),
            "columns" if entity.kind.has_columns() => {
                self.columns(&entity.columns, &entity.fqn, out.key(name))
            }
            "service" | "database" | "databaseSchema" | "classification" | "parent" => {
                self.single(name, self.ancestor(entity, name), out);
            }
            "serviceType" if !entity.kind.is_service() => {
                let service = self.ancestor(entity, "service").and_then(|id| self.store.get(id));
                out.optional(name, service.and_then(|service| service.plain_text("serviceType")));
            }
            "botUser" => {
                let user =
                    entity.plain_text(name).and_then(|user| self.store.find(Kind::User, user));
                self.single(name, user.map(|user| user.id), out);
            }
            "extension" => self.optional_json(name, extras.extension.as_ref(), out),
            "lifeCycle" => self.optional_json(name, extras.life_cycle.as_ref(), out),
            "certification" => self.certification(entity, out),
            "entityStatus" => out.text(name, "Unprocessed"),
            "changeDescription" => change(name, entity.change.as_deref(), out),
            "incrementalChangeDescription" => change(name, entity.last_change.as_deref(), out),
            _ => self.optional_json(name, entity.plain(name), out),
        }
    }

    /// The link to an entity.
    pub(crate) fn href(&self, entity: &Entity) -> String {
        format!("{}{}/{}", self.base, entity.kind.collection(), entity.id)
    }

    /// The entity above `entity` that its property `name` refers to.
    fn ancestor(&self, entity: &Entity, name: &str) -> Option<Uuid> {
        let wanted = |kind: Kind| match name {
            "service" => kind.is_service(),
            "database" => kind == Kind::Database,
            "databaseSchema" => kind == Kind::DatabaseSchema,
            "classification" => kind == Kind::Classification,
            _ => kind == Kind::Domain,
        };
        let mut parent = entity.parent;
        // A table is three levels below its service.
        for _ in 0..3 {
            let above = self.store.get(parent?)?;
            if wanted(above.kind) {
                return Some(above.id);
            }
            parent = above.parent;
        }
        None
    }

    fn optional_json(&self, name: &str, value: Option<&crate::json::Json>, out: &mut Object<'_>) {
        if let Some(value) = value {
            out.json(name, value);
        }
    }

    fn single(&self, name: &str, id: Option<Uuid>, out: &mut Object<'_>) {
        if let Some(entity) = id.and_then(|id| self.store.get(id)) {
            self.reference(entity, out.key(name));
        }
    }

    fn references(&self, name: &str, ids: &[Uuid], out: &mut Object<'_>) {
        out.list(name, ids, |out, id| match self.store.get(*id) {
            Some(entity) if !entity.deleted || self.include != Include::Live => {
                self.reference(entity, out);
                true
            }
            _ => false,
        });
    }

    /// Appends a reference to `entity`.
    pub(crate) fn reference(&self, entity: &Entity, out: &mut Vec<u8>) {
        let mut object = Object::new(out);
        object.text("id", &entity.id.to_string());
        object.text("type", entity.kind.entity_type());
        object.text("name", &entity.name);
        object.text("fullyQualifiedName", &entity.fqn);
        object.optional("description", entity.description.as_deref());
        object.optional("displayName", entity.display_name.as_deref());
        object.flag("deleted", entity.deleted);
        object.text("href", &self.href(entity));
        object.end();
    }

    fn labels(&self, labels: &[Label], out: &mut Vec<u8>) {
        let mut sorted: Vec<&Label> = labels.iter().collect();
        sorted.sort_unstable_by(|a, b| a.fqn.cmp(&b.fqn));
        list(out, sorted, |out, label| {
            self.label(label, true, out);
            true
        });
    }

    fn label(&self, label: &Label, completed: bool, out: &mut Vec<u8>) {
        let tag = if completed { self.store.find(Kind::Tag, &label.fqn) } else { None };
        let mut object = Object::new(out);
        object.text("tagFQN", &label.fqn);
        if let Some(tag) = tag {
            object.text("name", &tag.name);
            object.optional("displayName", tag.display_name.as_deref());
            object.optional("description", tag.description.as_deref());
        }
        object.text("source", label.source);
        object.text("labelType", label.label_type);
        object.text("state", label.state);
        if let Some(tag) = tag {
            object.text("href", &self.href(tag));
        }
        object.end();
    }

    fn certification(&self, entity: &Entity, out: &mut Object<'_>) {
        let Some(certification) = &entity.extras().certification else { return };
        let mut object = Object::new(out.key("certification"));
        self.label(&certification.label, !self.fresh, object.key("tagLabel"));
        object.optional_number("appliedDate", certification.applied);
        object.optional_number("expiryDate", certification.expires);
        object.end();
    }

    /// Appends `columns`, which are below the FQN `parent`.
    pub(crate) fn columns(&self, columns: &[Column], parent: &str, out: &mut Vec<u8>) {
        list(out, columns, |out, column| {
            self.column(column, parent, out);
            true
        });
    }

    fn column(&self, column: &Column, parent: &str, out: &mut Vec<u8>) {
        let fqn = column.fqn(parent);
        let mut object = Object::new(out);
        object.text("name", &column.name);
        object.optional("displayName", column.display_name.as_deref());
        object.text("dataType", column.data_type);
        object.optional("arrayDataType", column.array_data_type);
        object.optional_number("dataLength", column.data_length);
        object.optional_number("precision", column.precision);
        object.optional_number("scale", column.scale);
        object.text("dataTypeDisplay", &column.data_type_display);
        object.optional("description", column.description.as_deref());
        object.text("fullyQualifiedName", &fqn);
        match &column.tags {
            Some(tags) if self.fields.asks_for("tags") || tags.is_empty() => {
                self.labels(tags, object.key("tags"));
            }
            _ if self.rules.modern_defaults => object.list("tags", [(); 0], |_, ()| false),
            _ => {}
        }
        object.optional("constraint", column.constraint);
        object.optional_number("ordinalPosition", column.ordinal_position);
        object.optional("jsonSchema", column.json_schema.as_deref());
        match &column.children {
            Some(children) => self.columns(children, &fqn, object.key("children")),
            None if self.rules.modern_defaults => object.list("children", [(); 0], |_, ()| false),
            None => {}
        }
        if let Some(extension) = &column.extension {
            object.json("extension", extension);
        }
        object.end();
    }
}

fn change(name: &str, change: Option<&Change>, out: &mut Object<'_>) {
    let Some(change) = change else { return };
    let mut object = Object::new(out.key(name));
    for (key, fields) in [
        ("fieldsAdded", &change.added),
        ("fieldsUpdated", &change.updated),
        ("fieldsDeleted", &change.deleted),
    ] {
        object.list(key, fields, |out, field| {
            let mut object = Object::new(out);
            object.text("name", field);
            object.end();
            true
        });
    }
    object.number("previousVersion", crate::entity::Version(change.previous));
    object.end();
}
