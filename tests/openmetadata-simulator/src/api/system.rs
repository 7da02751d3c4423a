//! Handlers of version, keys, entity types and custom properties.

use uuid::Uuid;

use super::Call;
use crate::http::Answer;
use crate::kind::Kind;
use crate::problem::Problem;
use crate::schema;
use crate::settings::Settings;

pub(super) fn version(settings: &Settings) -> Answer {
    let version = settings.release.to_string();
    Answer::json(
        200,
        &serde_json::json!({"revision": "simulator", "timestamp": 1_700_000_000_000_u64, "version": version}),
    )
}

/// The public keys. There are none: tokens are recognised, not verified.
pub(super) fn keys() -> Answer {
    Answer::json(200, &serde_json::json!({"keys": []}))
}

/// Types of custom properties.
const FIELD_TYPES: [&str; 8] =
    ["string", "integer", "number", "markdown", "email", "enum", "date-cp", "timestamp"];

fn type_id(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes())
}

fn type_names() -> impl Iterator<Item = &'static str> {
    Kind::ALL.into_iter().map(Kind::entity_type).chain(FIELD_TYPES)
}

impl Call<'_> {
    pub(super) fn type_by_name(&self) -> Result<Answer, Problem> {
        let asked = self.segment(3);
        let name = type_names()
            .find(|name| *name == asked)
            .ok_or_else(|| Problem::missing("type", asked))?;
        Ok(self.shown_type(name))
    }

    /// Defines a custom property on an entity type.
    pub(super) fn add_custom_property(&self) -> Result<Answer, Problem> {
        let body = schema::parse(self.request.body, self.rules())?;
        let property = body.text_of("name").filter(|name| !name.is_empty());
        let property = property
            .ok_or_else(|| Problem::Bad("[query param name must not be null]".to_owned()))?;
        let asked = self.segment(2);
        let name = type_names()
            .find(|name| type_id(name).to_string() == asked)
            .ok_or_else(|| Problem::missing("type", asked))?;
        self.actor.may("EditAll")?;
        let known = &mut self.api.state().store.custom_properties;
        let properties = known.entry(name.into()).or_default();
        if !properties.contains(&property) {
            properties.push(property);
        }
        Ok(self.shown_type(name))
    }

    fn shown_type(&self, name: &str) -> Answer {
        let mut out = Vec::new();
        let mut object = crate::render::writer::Object::new(&mut out);
        let id = type_id(name).to_string();
        object.text("id", &id);
        object.text("name", name);
        object.text("fullyQualifiedName", name);
        object.text("category", if FIELD_TYPES.contains(&name) { "field" } else { "entity" });
        object.text("href", &format!("{}metadata/types/{id}", self.base));
        object.end();
        Answer::raw_json(200, out)
    }
}
