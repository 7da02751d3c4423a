//! Request bodies. Every request schema refuses unknown members, so each depends on the version.

use serde_json::{Map, Value, json};

use super::{Column, Detail, Draft, Naming};
use crate::sink::openmetadata::version::OwnerField;

/// Source of the edges and reloads that we write, for `accessedByAProcess`.
const PROCESS: &str = "Qlik reload";

impl Draft {
    /// Body of the request that creates or updates the entity. `source_hash` is left out for servers
    /// that have none; `extras` are members to send as they are.
    pub(in super::super) fn body(
        &self,
        naming: &Naming,
        source_hash: Option<&str>,
        extras: &Map<String, Value>,
    ) -> Value {
        let features = &naming.features;
        let mut body = Map::new();
        let mut set = |name: &str, value: Value| {
            if !value.is_null() {
                body.insert(name.to_owned(), value);
            }
        };
        set("name", json!(self.name));
        set("displayName", json!(self.display_name));
        set("description", json!(self.description));
        set("service", json!(naming.service_fqn()));
        if !self.tags.is_empty() {
            let tags: Vec<_> = self.tags.iter().map(|tag| tag_label(tag)).collect();
            set("tags", json!(tags));
        }
        if let Some(first) = self.owners.first() {
            match features.owners {
                OwnerField::One => set("owner", user(first)),
                OwnerField::Many => {
                    set("owners", self.owners.iter().map(|id| user(id)).collect());
                }
            }
        }
        if let (true, Some(millis)) = (features.life_cycle, self.updated_at) {
            set(
                "lifeCycle",
                json!({"updated": {"timestamp": millis, "accessedByAProcess": PROCESS}}),
            );
        }
        if let (true, Some(hash)) = (features.source_hash, source_hash) {
            set("sourceHash", json!(hash));
        }
        match &self.detail {
            Detail::Dashboard { charts, data_models } => {
                set("sourceUrl", json!(self.source_url));
                set("project", json!(self.project));
                set("charts", json!(charts));
                set("dataModels", json!(data_models));
            }
            Detail::Chart { chart_type, dashboards } => {
                set("sourceUrl", json!(self.source_url));
                set("chartType", json!(chart_type));
                if features.chart_dashboards && !dashboards.is_empty() {
                    set("dashboards", json!(dashboards));
                }
            }
            Detail::DataModel { columns, sql } => {
                if features.data_model_source_url {
                    set("sourceUrl", json!(self.source_url));
                }
                set("project", json!(self.project));
                set("dataModelType", json!(features.data_model_type));
                set("columns", columns.iter().map(column).collect());
                set("sql", json!(sql));
            }
        }
        body.extend(extras.iter().map(|(name, value)| (name.clone(), value.clone())));
        Value::Object(body)
    }
}

/// A column as requests want it.
pub(super) fn column(column: &Column) -> Value {
    let mut body = Map::new();
    body.insert("name".to_owned(), json!(column.name));
    if let Some(text) = &column.display_name {
        body.insert("displayName".to_owned(), json!(text));
    }
    if let Some(text) = &column.description {
        body.insert("description".to_owned(), json!(text));
    }
    body.insert("dataType".to_owned(), json!(column.data_type));
    body.insert("dataTypeDisplay".to_owned(), json!(column.data_type_display));
    if column.unique {
        body.insert("constraint".to_owned(), json!("UNIQUE"));
    }
    Value::Object(body)
}

/// A tag on an entity; all four members are required. `Automated` says that no person put it there.
pub(in super::super) fn tag_label(fqn: &str) -> Value {
    json!({
        "tagFQN": fqn,
        "source": "Classification",
        "labelType": "Automated",
        "state": "Confirmed",
    })
}

fn user(id: &str) -> Value {
    json!({"id": id, "type": "user"})
}
