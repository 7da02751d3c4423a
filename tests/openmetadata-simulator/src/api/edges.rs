//! Handlers of lineage and search.

use std::sync::Arc;

use super::{Action, Call};
use crate::entity::Entity;
use crate::http::Answer;
use crate::json::Json;
use crate::lineage::{end, end_named, graph, write_details};
use crate::problem::Problem;
use crate::render::Fields;
use crate::render::writer::Object;
use crate::schema;
use crate::schema::classes::{ADD_LINEAGE, LINEAGE_DETAILS};
use crate::search::{ENGINE_DOWN, Search, Wanted, index};
use crate::store::{Include, Store};

impl Call<'_> {
    /// The entity at the segments `entity_type` and `which`, by id or by FQN as the action says.
    fn end_at(
        &self,
        store: &Store,
        entity_type: usize,
        which: usize,
    ) -> Result<Arc<Entity>, Problem> {
        let (entity_type, which) = (self.segment(entity_type), self.segment(which));
        if self.by_name() {
            return end_named(store, entity_type, which).map(Arc::clone);
        }
        if uuid::Uuid::parse_str(which).is_err() {
            return Err(Problem::Bad(format!("Invalid UUID string: {which}")));
        }
        end(store, entity_type, which).map(Arc::clone)
    }

    /// Both ends of an edge: `lineage/{type}/{id}/{type}/{id}` or the same with `name` between.
    fn ends(&self, store: &Store) -> Result<(Arc<Entity>, Arc<Entity>), Problem> {
        let places = match self.route.action {
            Action::GetEdgeByName => [2, 4, 5, 7],
            _ if self.by_name() => [1, 3, 4, 6],
            _ => [1, 2, 3, 4],
        };
        let [from_type, from, to_type, to] = places;
        Ok((self.end_at(store, from_type, from)?, self.end_at(store, to_type, to)?))
    }

    pub(super) fn put_lineage(&self) -> Result<Answer, Problem> {
        let state = &mut *self.api.state();
        if self.by_name() {
            let details = schema::read(&LINEAGE_DETAILS, self.request.body, self.rules())?;
            let (from, to) = self.ends(&state.store)?;
            self.writing().put_edge(&mut state.store, &from, &to, &details)?;
        } else {
            let body = schema::read(&ADD_LINEAGE, self.request.body, self.rules())?;
            self.valid(&ADD_LINEAGE, &body)?;
            self.writing().put_lineage(&mut state.store, &body)?;
        }
        // Without a search engine the edge is stored all the same (recorded).
        if state.store.search_is_down {
            return Err(Problem::Unhandled(ENGINE_DOWN.to_owned()));
        }
        Ok(Answer::empty(200))
    }

    pub(super) fn patch_edge(&self) -> Result<Answer, Problem> {
        let operations = schema::parse(self.request.body, self.rules())?;
        let state = &mut *self.api.state();
        let (from, to) = self.ends(&state.store)?;
        let details = self.writing().patch_edge(&mut state.store, &from, &to, &operations)?;
        Ok(Answer::raw_json(200, details))
    }

    pub(super) fn delete_edge(&self) -> Result<Answer, Problem> {
        let state = &mut *self.api.state();
        let (from, to) = self.ends(&state.store)?;
        self.writing().delete_edge(&mut state.store, &from, &to)?;
        Ok(Answer::empty(200))
    }

    pub(super) fn delete_source(&self) -> Result<Answer, Problem> {
        let state = &mut *self.api.state();
        let by_name = self.by_name();
        let to = if by_name {
            self.end_at(&state.store, 3, 4)?
        } else {
            self.end_at(&state.store, 1, 2)?
        };
        let source = self.segment(if by_name { 6 } else { 4 });
        self.writing().delete_edges_of_source(&mut state.store, &to, source)?;
        Ok(Answer::empty(200))
    }

    pub(super) fn get_edge(&self) -> Result<Answer, Problem> {
        let state = self.api.state();
        let store = &state.store;
        let parse = |id: &str| {
            uuid::Uuid::parse_str(id)
                .map_err(|_| Problem::Bad(format!("Invalid UUID string: {id}")))
        };
        let (from, to) = if self.by_name() {
            let (from, to) = self.ends(store)?;
            (from.id, to.id)
        } else {
            (parse(self.segment(2))?, parse(self.segment(3))?)
        };
        let edge = store.lineage.get(from, to).ok_or_else(|| {
            Problem::Missing(format!("Lineage edge not found between {from} and  {to}"))
        })?;
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        write_details(&edge.details, self.rules(), object.key("edge"));
        object.end();
        Ok(Answer::raw_json(200, out))
    }

    pub(super) fn lineage(&self) -> Result<Answer, Problem> {
        let (upstream, downstream) = (self.depth("upstreamDepth")?, self.depth("downstreamDepth")?);
        let state = self.api.state();
        let which = if self.by_name() { 3 } else { 2 };
        let entity = self.end_at(&state.store, 1, which)?;
        let view = self.view(&state.store, Fields::Only(Vec::new()), Include::All);
        Ok(Answer::raw_json(200, graph(&view, &entity, upstream, downstream)))
    }

    fn depth(&self, name: &str) -> Result<usize, Problem> {
        let depth = match self.request.parameter(name) {
            Some(depth) => depth.parse::<i64>().map_err(|_| Problem::Route(404))?,
            None => 1,
        };
        match depth {
            0..=3 => Ok(usize::try_from(depth).unwrap_or(0)),
            ..0 => Err(Problem::Bad(format!(
                "[query param {name} must be greater than or equal to 0]"
            ))),
            _ => Err(Problem::Bad(format!("[query param {name} must be less than or equal to 3]"))),
        }
    }

    pub(super) fn search(&self) -> Result<Answer, Problem> {
        let parameter = |name| self.request.parameter(name);
        let number = |name, default| -> Result<usize, Problem> {
            parameter(name)
                .map_or(Ok(default), |text| text.parse().map_err(|_| Problem::Route(404)))
        };
        if parameter("query_filter").is_some_and(|filter| !filter.is_empty() && filter != "{}") {
            return Err(Problem::Bad("this simulator does not evaluate `query_filter`".to_owned()));
        }
        let wanted = match self.route.action {
            Action::FieldQuery => Wanted::Field {
                name: parameter("fieldName")
                    .unwrap_or_default()
                    .trim_end_matches(".keyword")
                    .to_owned(),
                pattern: parameter("fieldValue").unwrap_or_default(),
            },
            _ => Wanted::of_query(&parameter("q").unwrap_or_default()),
        };
        let search = Search {
            kind: index(parameter("index").as_deref())?,
            wanted,
            include: if self.request.flag("deleted") { Include::Deleted } else { Include::Live },
            from: number("from", 0)?,
            size: number("size", 10)?,
        };
        let state = self.api.state();
        if state.store.search_is_down {
            return Err(Problem::Unhandled(ENGINE_DOWN.to_owned()));
        }
        let view = self.view(&state.store, Fields::All, Include::Live);
        Ok(Answer::raw_json(200, search.run(&view)))
    }

    pub(super) fn usage(&self) -> Result<Answer, Problem> {
        let body = schema::parse(self.request.body, self.rules())?;
        for required in ["date", "count"] {
            if body.get(required).is_none() {
                return Err(Problem::Bad(format!("[query param {required} must not be null]")));
            }
        }
        let state = self.api.state();
        let entity = self.end_at(&state.store, 1, 2)?;
        let mut out = Vec::new();
        let mut event = Object::new(&mut out);
        if self.rules().plain_errors {
            event.text("id", &uuid::Uuid::new_v4().to_string());
        }
        event.text("eventType", "entityUpdated");
        event.text("entityType", entity.kind.entity_type());
        event.text("entityId", &entity.id.to_string());
        event.text("entityFullyQualifiedName", &entity.fqn);
        event.number("previousVersion", entity.version);
        event.number("currentVersion", entity.version);
        event.text("userName", &self.actor.name);
        event.number("timestamp", self.now);
        event.json("entity", &Json::Null);
        event.end();
        Ok(Answer::raw_json(201, out))
    }
}
