//! Handlers that read entities: one, a page, the versions, the columns.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use uuid::Uuid;

use super::{Action, Call, cursor};
use crate::entity::Entity;
use crate::fqn;
use crate::http::Answer;
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::render::writer::{Object, list, string};
use crate::render::{Fields, View};
use crate::schema;
use crate::store::{Include, Listing, Page, Store};

/// The largest page.
const LIMIT: i64 = 1_000_000;

impl Call<'_> {
    pub(super) fn kind(&self) -> Result<Kind, Problem> {
        self.route.kind.ok_or(Problem::Route(404))
    }

    /// The messages of bean validation as one 400.
    pub(super) fn valid(&self, class: &schema::Class, body: &Json) -> Result<(), Problem> {
        let prefix = if self.rules().query_param_wording { "query param " } else { "" };
        let wrong = schema::violations(class, body, self.rules(), prefix);
        if wrong.is_empty() { Ok(()) } else { Err(Problem::Bad(format!("[{}]", wrong.join(", ")))) }
    }

    /// An entity with everything, as writes answer it.
    pub(super) fn shown(&self, store: &Store, entity: &Entity, status: u16) -> Answer {
        let view = View { fresh: true, ..self.view(store, Fields::All, Include::All) };
        let mut out = Vec::new();
        view.entity(entity, &mut out);
        Answer::raw_json(status, out)
    }

    /// The entity that the path names by id or, where the second segment is a FQN, by name.
    pub(super) fn named(&self, store: &Store, include: Include) -> Result<Arc<Entity>, Problem> {
        let kind = self.kind()?;
        let by_name = self.route.pattern.starts_with("name/");
        let asked = self.segment(usize::from(by_name));
        let found = if by_name { store.find(kind, asked) } else { store.get_of(kind, asked) };
        found
            .filter(|entity| include.admits(entity.deleted))
            .map(Arc::clone)
            .ok_or_else(|| Problem::missing(kind.entity_type(), asked))
    }

    fn include(&self) -> Result<Include, Problem> {
        let include = self.request.parameter("include");
        Include::of(include.as_deref()).ok_or_else(|| {
            Problem::Bad(
                "query param include must be one of [all, deleted, non-deleted]".to_owned(),
            )
        })
    }

    fn fields(&self, kind: Kind) -> Result<Fields, Problem> {
        let fields = self.request.parameter("fields").unwrap_or_default();
        if fields == "*" {
            return Ok(Fields::All);
        }
        let names: Vec<String> = fields
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        match names.iter().find(|name| !kind.has_property(name, self.rules())) {
            Some(name) => Err(Problem::Bad(format!("Invalid field name {name}"))),
            None => Ok(Fields::Only(names)),
        }
    }

    /// Showing the columns of a poisoned data model fails.
    fn readable(&self, entity: &Entity, fields: &Fields) -> Result<(), Problem> {
        let builds_names = fields.asks_for("columns") || fields.asks_for("tags");
        if builds_names && self.rules().quote_poisons && entity.is_poisoned() {
            return Err(Problem::Unhandled("null".to_owned()));
        }
        Ok(())
    }

    pub(super) fn get(&self) -> Result<Answer, Problem> {
        let (fields, include) = (self.fields(self.kind()?)?, self.include()?);
        let state = self.api.state();
        let entity = self.named(&state.store, include)?;
        self.readable(&entity, &fields)?;
        let mut out = Vec::new();
        self.view(&state.store, fields, include).entity(&entity, &mut out);
        Ok(self.with_etag(Answer::raw_json(200, out), &entity))
    }

    pub(super) fn with_etag(&self, answer: Answer, entity: &Entity) -> Answer {
        if self.rules().etag { answer.with_header("etag", etag(entity)) } else { answer }
    }

    pub(super) fn list(&self) -> Result<Answer, Problem> {
        let kind = self.kind()?;
        let (fields, include) = (self.fields(kind)?, self.include()?);
        let limit = self.limit()?;
        let cursor = cursor::read(self.request, self.rules())?;
        let state = self.api.state();
        let store = &state.store;
        let page = match self.scope(store, kind) {
            Scope::All => store.listing(kind).map(|listing| listing.page(include, &cursor, limit)),
            Scope::Below(parent) => {
                store.children(parent, kind).map(|listing| listing.page(include, &cursor, limit))
            }
            Scope::Of(listing) => Some(listing.page(include, &cursor, limit)),
        };
        let page = page.unwrap_or_default();
        let view = self.view(store, fields, include);
        for entity in page.ids.iter().filter_map(|id| store.get(*id)) {
            self.readable(entity, &view.fields)?;
        }
        Ok(Answer::raw_json(200, self.page(&view, &page)))
    }

    fn page(&self, view: &View<'_>, page: &Page) -> Vec<u8> {
        let entity = |id: Option<&Uuid>| id.and_then(|id| view.store.get(*id));
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        list(object.key("data"), &page.ids, |out, id| {
            view.store.get(*id).map(|entity| view.entity(entity, out)).is_some()
        });
        let mut paging = Object::new(object.key("paging"));
        if page.more_before
            && let Some(first) = entity(page.ids.first())
        {
            paging.text("before", &cursor::of(first, self.rules()));
        }
        if page.more_after
            && let Some(last) = entity(page.ids.last())
        {
            paging.text("after", &cursor::of(last, self.rules()));
        }
        paging.number("total", page.total);
        paging.end();
        object.end();
        out
    }

    fn limit(&self) -> Result<usize, Problem> {
        let limit = match self.request.parameter("limit") {
            Some(limit) => limit.parse::<i64>().map_err(|_| Problem::Route(404))?,
            None => 10,
        };
        if limit < 0 {
            return Err(Problem::Bad(
                "[query param limit must be greater than or equal to 0]".to_owned(),
            ));
        }
        if limit > LIMIT {
            return Err(Problem::Bad(format!(
                "[query param limit must be less than or equal to {LIMIT}]"
            )));
        }
        Ok(usize::try_from(limit).unwrap_or(0))
    }

    /// What the request restricts a listing to.
    fn scope(&self, store: &Store, kind: Kind) -> Scope {
        let wanted: &[(&str, Kind)] = match kind {
            Kind::Dashboard | Kind::Chart | Kind::DataModel => {
                &[("service", Kind::DashboardService)]
            }
            Kind::Database => &[("service", Kind::DatabaseService)],
            Kind::DatabaseSchema => {
                &[("database", Kind::Database), ("service", Kind::DatabaseService)]
            }
            Kind::Table => &[
                ("databaseSchema", Kind::DatabaseSchema),
                ("database", Kind::Database),
                ("service", Kind::DatabaseService),
            ],
            Kind::Tag => {
                &[("parent", Kind::Classification), ("classification", Kind::Classification)]
            }
            _ => &[],
        };
        for (parameter, parent_kind) in wanted {
            let Some(name) = self.request.parameter(parameter) else { continue };
            let parent = store
                .find(*parent_kind, &name)
                .or_else(|| fqn::quote(&name).ok().and_then(|fqn| store.find(*parent_kind, &fqn)));
            let Some(parent) = parent else { return Scope::Of(Listing::default()) };
            // Where a data model's FQN starts with the raw service name, the filter by the service's FQN does not
            // find those of a service with a dot (recorded).
            let lost = kind == Kind::DataModel
                && !self.rules().model_fqn_of_service_fqn
                && parent.fqn != parent.name;
            if lost {
                return Scope::Of(Listing::default());
            }
            if kind.parent().is_some_and(|(_, direct)| direct == *parent_kind) {
                return Scope::Below(parent.id);
            }
            return Scope::Of(store.descendants(parent.id, kind));
        }
        Scope::All
    }

    pub(super) fn versions(&self) -> Result<Answer, Problem> {
        let state = self.api.state();
        let entity = self.named(&state.store, Include::All)?;
        let view = self.view(&state.store, Fields::All, Include::All);
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.text("entityType", entity.kind.entity_type());
        let history = state.store.history(entity.id).iter().rev();
        list(object.key("versions"), std::iter::once(&entity).chain(history), |out, version| {
            let mut text = Vec::new();
            view.entity(version, &mut text);
            string(out, &String::from_utf8_lossy(&text));
            true
        });
        object.end();
        Ok(Answer::raw_json(200, out))
    }

    pub(super) fn version_at(&self) -> Result<Answer, Problem> {
        let state = self.api.state();
        let entity = self.named(&state.store, Include::All)?;
        let wanted = self.segment(2);
        let history = state.store.history(entity.id);
        let version = std::iter::once(&entity)
            .chain(history)
            .find(|version| version.version.to_string() == wanted)
            .ok_or_else(|| {
                Problem::missing(
                    entity.kind.entity_type(),
                    format!("{} and version {wanted}", entity.id),
                )
            })?;
        let mut out = Vec::new();
        self.view(&state.store, Fields::All, Include::All).entity(version, &mut out);
        Ok(Answer::raw_json(200, out))
    }

    pub(super) fn columns(&self) -> Result<Answer, Problem> {
        let state = self.api.state();
        let entity = self.named(&state.store, Include::Live)?;
        let fields = match self.request.parameter("fields") {
            Some(fields) => {
                Fields::Only(fields.split(',').map(|name| name.trim().to_owned()).collect())
            }
            None => Fields::Only(Vec::new()),
        };
        self.readable(&entity, &Fields::All)?;
        let number = |name, default| -> Result<usize, Problem> {
            self.request
                .parameter(name)
                .map_or(Ok(default), |text| text.parse().map_err(|_| Problem::Route(404)))
        };
        let (limit, offset) = (number("limit", 50)?, number("offset", 0)?);
        let columns = entity.columns.get(offset..).unwrap_or_default();
        let columns = columns.get(..limit).unwrap_or(columns);
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        self.view(&state.store, fields, Include::Live).columns(
            columns,
            &entity.fqn,
            object.key("data"),
        );
        let mut paging = Object::new(object.key("paging"));
        let end = offset.saturating_add(columns.len());
        let encode = |offset: usize| {
            use base64::Engine;
            base64::engine::general_purpose::STANDARD.encode(offset.to_string())
        };
        if offset > 0 {
            paging.text("before", &encode(offset.saturating_sub(limit)));
        }
        if end < entity.columns.len() {
            paging.text("after", &encode(end));
        }
        paging.number("total", entity.columns.len());
        paging.end();
        object.end();
        Ok(Answer::raw_json(200, out))
    }

    /// Whether the request's action goes by names.
    pub(super) fn by_name(&self) -> bool {
        matches!(
            self.route.action,
            Action::PutLineageByName
                | Action::PatchEdgeByName
                | Action::DeleteEdgeByName
                | Action::DeleteSourceByName
                | Action::GetEdgeByName
                | Action::LineageByName
        )
    }
}

/// What a listing is restricted to.
enum Scope {
    All,
    Below(Uuid),
    Of(Listing),
}

pub(super) fn etag(entity: &Entity) -> String {
    let mut hasher = DefaultHasher::new();
    (entity.id, entity.version.0, entity.updated_at).hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}
