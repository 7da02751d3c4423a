//! What an update would change, value by value, for people who look before they load. Pure.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    super::{
        hash,
        map::{Column, Detail, Draft},
    },
    stored::{Stored, StoredColumn},
};
use crate::sink::FieldChange;

/// The values of `entity`, as a plan has it, that differ from the stored ones. `patch` holds the
/// plan's operations, which say which tags go.
pub(super) fn between(entity: &Draft, stored: &Stored, patch: &[Value]) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let mut push = |field: &str, from, to| FieldChange::push(&mut changes, field, from, to);
    push("deleted", json!(stored.deleted), json!(false));
    push("displayName", json!(stored.display_name), json!(entity.display_name));
    if !hash::same_text(stored.description.as_deref(), entity.description.as_deref()) {
        push("description", json!(stored.description), json!(entity.description));
    }
    if entity.source_url.is_some() || stored.source_url.is_some() {
        push("sourceUrl", json!(stored.source_url), json!(entity.source_url));
    }
    if !entity.owners.is_empty() {
        push("owners", sorted(&stored.owners), sorted(&entity.owners));
    }
    let (from, to) = tags(entity, stored, patch);
    push("tags", json!(from), json!(to));
    match &entity.detail {
        Detail::Dashboard { charts, data_models } => {
            push("project", json!(stored.project), json!(entity.project));
            push("charts", sorted(&stored.charts), sorted(charts));
            push("dataModels", sorted(&stored.data_models), sorted(data_models));
        }
        Detail::Chart { chart_type, .. } => {
            push("chartType", json!(stored.chart_type), json!(chart_type));
        }
        Detail::DataModel { columns, sql } => {
            push("project", json!(stored.project), json!(entity.project));
            push("sql", json!(stored.sql), json!(sql));
            for column in columns {
                let known = stored.column(&column.name).map(|(_, stored)| stored);
                column_changes(column, known, &mut changes);
            }
            let names: BTreeSet<_> =
                columns.iter().map(|column| column.name.to_lowercase()).collect();
            for gone in stored.columns.iter().filter(|c| !names.contains(&c.name.to_lowercase())) {
                let field = format!("columns.{}", gone.name);
                FieldChange::push(&mut changes, field, json!(gone.data_type), Value::Null);
            }
        }
    }
    changes
}

fn column_changes(column: &Column, stored: Option<&StoredColumn>, changes: &mut Vec<FieldChange>) {
    let field = format!("columns.{}", column.name);
    let Some(stored) = stored else {
        FieldChange::push(changes, field, Value::Null, json!(column.data_type));
        return;
    };
    let mut push = |member: &str, from, to| {
        FieldChange::push(changes, format!("{field}.{member}"), from, to);
    };
    push("dataType", json!(stored.data_type), json!(column.data_type));
    push("displayName", json!(stored.display_name), json!(column.display_name));
    if !hash::same_text(stored.description.as_deref(), column.description.as_deref()) {
        push("description", json!(stored.description), json!(column.description));
    }
}

/// Tags before and after: a PUT adds, the patch removes by position.
fn tags<'a>(
    entity: &'a Draft,
    stored: &'a Stored,
    patch: &[Value],
) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let removed: BTreeSet<usize> = patch
        .iter()
        .filter(|operation| operation.get("op").and_then(Value::as_str) == Some("remove"))
        .filter_map(|operation| operation.get("path")?.as_str()?.strip_prefix("/tags/"))
        .filter_map(|position| position.parse().ok())
        .collect();
    let from = stored.tags.iter().map(|tag| tag.fqn.as_str()).collect();
    let stay = stored.tags.iter().enumerate().filter(|(place, _)| !removed.contains(place));
    let stay = stay.map(|(_, tag)| tag.fqn.as_str());
    (from, stay.chain(entity.tags.iter().map(String::as_str)).collect())
}

/// Lists are sets to the server.
fn sorted(names: &[String]) -> Value {
    json!(names.iter().collect::<BTreeSet<_>>())
}
