use serde::{Deserialize, Serialize};

use super::Millis;

/// A Qlik app; the commit marker of everything of that app. Schema `avro/dashboard.avsc`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/dashboard.avsc")]
pub struct Dashboard {
    pub service: String,
    pub app_id: String,
    pub observed_at: Millis,
    pub modified_at: Option<Millis>,
    pub title: String,
    pub description: Option<String>,
    pub url: Option<String>,
    pub project: Option<Project>,
    pub owner: Option<Owner>,
    pub tags: Vec<String>,
    pub custom_properties: Vec<CustomProperty>,
    pub published: Option<bool>,
    pub created_at: Option<Millis>,
    pub published_at: Option<Millis>,
    pub last_reload_at: Option<Millis>,
    pub sheets: Vec<Sheet>,
    pub data_model_keys: Vec<String>,
    pub size_bytes: Option<i64>,
    pub has_section_access: Option<bool>,
    pub script_hash: Option<String>,
}

/// Stream or space.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/dashboard.avsc")]
pub struct Project {
    pub id: Option<String>,
    pub name: String,
}

/// Owner of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/dashboard.avsc")]
pub struct Owner {
    pub id: Option<String>,
    pub directory: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
}

/// One value of a custom property.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/dashboard.avsc")]
pub struct CustomProperty {
    pub name: String,
    pub value: String,
}

/// A sheet of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/dashboard.avsc")]
pub struct Sheet {
    pub id: String,
    pub title: Option<String>,
    pub title_expression: Option<String>,
    pub description: Option<String>,
    pub rank: Option<f64>,
    pub published: Option<bool>,
    pub approved: Option<bool>,
    pub chart_ids: Vec<String>,
}
