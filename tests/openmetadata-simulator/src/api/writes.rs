//! Handlers that write entities.

use std::sync::Arc;

use uuid::Uuid;

use super::entities::etag;
use super::{Call, State};
use crate::bulk;
use crate::http::Answer;
use crate::json::Json;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::render::writer::Object;
use crate::render::{Fields, View};
use crate::schema;
use crate::store::{Include, Store};
use crate::write::{Writing, Written};

impl Call<'_> {
    pub(super) fn create(&self) -> Result<Answer, Problem> {
        let kind = self.kind()?;
        let body = self.create_body(kind)?;
        let state = &mut *self.api.state();
        let written = self.writing().create(&mut state.store, kind, body)?;
        self.after_create(state, &written);
        Ok(self.written(&state.store, &written))
    }

    pub(super) fn put(&self) -> Result<Answer, Problem> {
        let kind = self.kind()?;
        let body = self.create_body(kind)?;
        let state = &mut *self.api.state();
        let written = self.writing().put(&mut state.store, kind, body)?;
        self.after_create(state, &written);
        Ok(self.written(&state.store, &written))
    }

    fn after_create(&self, state: &mut State, written: &Written) {
        if !written.created {
            return;
        }
        let entity = &written.answer;
        if entity.kind == Kind::User && entity.plain_flag("isBot") {
            state.access.make_token(entity);
        }
    }

    fn written(&self, store: &Store, written: &Written) -> Answer {
        let status = if written.created { 201 } else { 200 };
        self.shown(store, &written.answer, status)
    }

    pub(super) fn patch(&self) -> Result<Answer, Problem> {
        let operations = schema::parse(self.request.body, self.rules())?;
        let state = &mut *self.api.state();
        let stored = self.named(&state.store, Include::Live)?;
        if self.rules().etag
            && let Some(wanted) = self.request.if_match
            && wanted != etag(&stored)
        {
            return Err(Problem::Modified(format!(
                "The entity has been modified. Current ETag: {}. Please refresh and retry with the latest version.",
                etag(&stored)
            )));
        }
        let mut text = Vec::new();
        let view = View { fresh: true, ..self.view(&state.store, Fields::All, Include::All) };
        view.entity(&stored, &mut text);
        let document = schema::parse(&text, self.rules())?;
        let patched = self.writing().patch(&mut state.store, &stored, document, &operations)?;
        Ok(self.with_etag(self.shown(&state.store, &patched, 200), &patched))
    }

    pub(super) fn delete(&self) -> Result<Answer, Problem> {
        let state = &mut *self.api.state();
        let entity = self.named(&state.store, Include::All)?;
        let (hard, recursive) = (self.request.flag("hardDelete"), self.request.flag("recursive"));
        // What is shown are the relations that the entity had.
        let before = self.shown(&state.store, &entity, 200);
        let deleted = self.writing().delete(&mut state.store, &entity, hard, recursive)?;
        Ok(if hard { before } else { self.shown(&state.store, &deleted, 200) })
    }

    pub(super) fn delete_later(&self) -> Result<Answer, Problem> {
        let kind = self.kind()?;
        let state = &mut *self.api.state();
        let id = self.segment(1);
        let entity = state
            .store
            .get_of(kind, id)
            .map(Arc::clone)
            .ok_or_else(|| Problem::missing(kind.entity_type(), id))?;
        let (hard, recursive) = (self.request.flag("hardDelete"), self.request.flag("recursive"));
        self.writing().delete(&mut state.store, &entity, hard, recursive)?;
        let mut out = Vec::new();
        let mut object = Object::new(&mut out);
        object.text("jobId", &Uuid::new_v4().to_string());
        object.text("message", &format!("Delete operation initiated for {}", entity.name));
        object.text("entityName", &entity.name);
        object.flag("hardDelete", hard);
        object.flag("recursive", recursive);
        object.end();
        Ok(Answer::raw_json(202, out))
    }

    pub(super) fn restore(&self) -> Result<Answer, Problem> {
        let kind = self.kind()?;
        let body = schema::parse(self.request.body, self.rules())?;
        let id = body.text_of("id").unwrap_or_default();
        let state = &mut *self.api.state();
        let entity = state
            .store
            .get_of(kind, &id)
            .map(Arc::clone)
            .ok_or_else(|| Problem::missing(kind.entity_type(), &id))?;
        let restored = self.writing().restore(&mut state.store, &entity)?;
        Ok(self.shown(&state.store, &restored, 200))
    }

    pub(super) fn bulk(&self) -> Result<Answer, Problem> {
        let kind = self.kind()?;
        let rows = schema::read_list(kind.create_class(), self.request.body, self.rules())?;
        let count = rows.len();
        let of_two = self.rules().bulk_of_two;
        let override_metadata = of_two && self.request.flag("overrideMetadata");
        let writing = Writing {
            override_metadata,
            skip_equal_hash: of_two && !override_metadata,
            ..self.writing()
        };
        let state = &mut *self.api.state();
        let outcome = writing.bulk(&mut state.store, kind, rows);
        if self.request.flag("async") {
            return Ok(Answer::raw_json(202, bulk::accepted(count, self.rules())));
        }
        Ok(Answer::raw_json(200, outcome))
    }

    pub(super) fn delete_stale(&self) -> Result<Answer, Problem> {
        let body = schema::parse(self.request.body, self.rules())?;
        let state = &mut *self.api.state();
        let outcome = self.writing().delete_stale(&mut state.store, self.kind()?, &body)?;
        Ok(Answer::raw_json(200, outcome))
    }

    /// The body, bound to the kind's Create request and validated.
    fn create_body(&self, kind: Kind) -> Result<Json, Problem> {
        let body = schema::read(kind.create_class(), self.request.body, self.rules())?;
        self.valid(kind.create_class(), &body).map(|()| body)
    }
}
