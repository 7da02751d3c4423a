//! Tables of an app's data model → events.

use std::collections::{BTreeMap, BTreeSet};

use schemas::event::{DataModel, DataModelKind, DataType, Field, KeyType};
use serde_json::{Value, json};

use super::{
    App,
    json::{count, items, sorted_texts},
};
use crate::qlik::model::DataModelSource;

/// A table of the data model.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) fields: Vec<Field>,
    rows: Option<i64>,
    comment: Option<String>,
}

/// The tables of the data model without system tables and what Qlik makes for composite keys, in
/// the order of the source.
pub(super) fn tables(source: &DataModelSource) -> Vec<Table> {
    match source {
        DataModelSource::Absent | DataModelSource::Unreadable { .. } => Vec::new(),
        DataModelSource::Metadata(metadata) => of_metadata(metadata),
        DataModelSource::TablesAndKeys(reply) => of_tables_and_keys(reply),
    }
}

/// Tables that are published → the reply of `GetTablesAndKeys` that comes to the same events.
pub(crate) fn known_reply<'a>(published: impl IntoIterator<Item = &'a DataModel>) -> Value {
    let field = |field: &Field| {
        json!({
            "qName": field.name,
            "qTags": field.qlik_tags,
            "qKeyType": field.key_type,
            "qComment": field.comment,
            "qnTotalDistinctValues": field.distinct_values,
        })
    };
    let table = |table: &DataModel| {
        json!({
            "qName": table.table,
            "qNoOfRows": table.rows,
            "qComment": table.comment,
            "qFields": table.fields.iter().map(field).collect::<Vec<_>>(),
        })
    };
    json!({"qtr": published.into_iter().map(table).collect::<Vec<_>>()})
}

/// Names of all fields of the tables.
pub(super) fn field_names(tables: &[Table]) -> BTreeSet<String> {
    tables.iter().flat_map(|table| &table.fields).map(|field| field.name.clone()).collect()
}

/// The event of a table.
pub(super) fn event(table: Table, app: &App<'_>, reloaded_at: Option<i64>) -> DataModel {
    DataModel {
        service: app.context.service.to_owned(),
        app_id: Some(app.id.to_owned()),
        observed_at: app.context.observed_at,
        modified_at: reloaded_at,
        kind: DataModelKind::Table,
        table: Some(table.name),
        file: None,
        fields: table.fields,
        rows: table.rows,
        comment: table.comment,
        statement: None,
    }
}

/// A member by its name in lower case without underscores and prefix: REST writes `src_tables`, some
/// versions `srcTables`, the copy in an app file `qSrcTables`.
fn any_case<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let is_named = |key: &str| {
        let plain = |key: &str| {
            let letters = key.bytes().filter(|byte| *byte != b'_').map(|b| b.to_ascii_lowercase());
            letters.eq(name.bytes())
        };
        plain(key) || key.strip_prefix(['q', 'Q']).is_some_and(plain)
    };
    let members = value.as_object()?;
    // An exact name before one with a prefix, whatever their order.
    let exact = members.get(name);
    exact.or_else(|| members.iter().find(|(key, _)| is_named(key)).map(|(_, member)| member))
}

fn any_flag(value: &Value, name: &str) -> bool {
    any_case(value, name).and_then(Value::as_bool).unwrap_or(false)
}

fn any_text(value: &Value, name: &str) -> Option<String> {
    let text = any_case(value, name).and_then(Value::as_str);
    text.filter(|text| !text.trim().is_empty()).map(str::to_owned)
}

fn any_items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    any_case(value, name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Tables and fields that Qlik makes for composite keys (internal view).
fn is_synthetic(name: &str) -> bool {
    name.starts_with("$Syn ")
}

/// Whether the reload metadata says that the app restricts rows by user.
pub(super) fn has_section_access(source: &DataModelSource) -> Option<bool> {
    match source {
        DataModelSource::Metadata(metadata) => {
            any_case(metadata, "hassectionaccess").and_then(Value::as_bool)
        }
        DataModelSource::Absent
        | DataModelSource::Unreadable { .. }
        | DataModelSource::TablesAndKeys(_) => None,
    }
}

/// REST `data/metadata`: fields and tables side by side; a field names its tables.
fn of_metadata(metadata: &Value) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut index = BTreeMap::new();
    let mut left_out = BTreeSet::new();
    for table in any_items(metadata, "tables") {
        let Some(name) = any_text(table, "name") else { continue };
        if any_flag(table, "issystem") || is_synthetic(&name) {
            left_out.insert(name);
        } else if !index.contains_key(&name) {
            index.insert(name.clone(), tables.len());
            tables.push(Table {
                name,
                rows: any_case(table, "noofrows")
                    .or_else(|| any_case(table, "rows"))
                    .and_then(count),
                comment: any_text(table, "comment"),
                fields: Vec::new(),
            });
        }
    }
    for field in any_items(metadata, "fields") {
        let Some(name) = any_text(field, "name") else { continue };
        if any_flag(field, "issystem") || is_synthetic(&name) {
            continue;
        }
        let parsed = metadata_field(field, name);
        for table in any_items(field, "srctables").iter().filter_map(Value::as_str) {
            if left_out.contains(table) || is_synthetic(table) || table.is_empty() {
                continue;
            }
            // A table that only its fields speak of is one all the same.
            let at = *index.entry(table.to_owned()).or_insert_with(|| {
                tables.push(Table { name: table.to_owned(), ..Table::default() });
                tables.len() - 1
            });
            if let Some(table) = tables.get_mut(at) {
                push_once(&mut table.fields, parsed.clone());
            }
        }
    }
    tables
}

fn push_once(fields: &mut Vec<Field>, field: Field) {
    if fields.iter().all(|known| known.name != field.name) {
        fields.push(field);
    }
}

fn metadata_field(field: &Value, name: String) -> Field {
    let qlik_tags = any_case(field, "tags").map(tags).unwrap_or_default();
    Field {
        name,
        data_type: data_type(&qlik_tags),
        key_type: None,
        comment: any_text(field, "comment"),
        distinct_values: any_case(field, "cardinal").and_then(count),
        // Members with the default value are left out.
        hidden: Some(any_flag(field, "ishidden") || has(&qlik_tags, "$hidden")),
        expression: None,
        qlik_tags,
    }
}

/// `GetTablesAndKeys`: tables with their fields.
fn of_tables_and_keys(reply: &Value) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for table in items(reply, "qtr") {
        let Some(name) = any_text(table, "name") else { continue };
        let is_known = tables.iter().any(|known| known.name == name);
        if any_flag(table, "issynthetic") || is_synthetic(&name) || is_system(&name) || is_known {
            continue;
        }
        let mut fields = Vec::new();
        for field in items(table, "qFields") {
            let Some(name) = any_text(field, "name") else { continue };
            if !any_flag(field, "issynthetic") && !is_synthetic(&name) {
                push_once(&mut fields, engine_field(field, name));
            }
        }
        tables.push(Table {
            name,
            fields,
            rows: any_case(table, "noofrows").and_then(count),
            comment: any_text(table, "comment"),
        });
    }
    tables
}

/// The engine's own tables, which it lists when asked for system variables.
fn is_system(table: &str) -> bool {
    table.starts_with("$$SysTable")
}

fn engine_field(field: &Value, name: String) -> Field {
    let qlik_tags = sorted_texts(field, "qTags");
    Field {
        name,
        data_type: data_type(&qlik_tags),
        key_type: any_case(field, "keytype").and_then(key_type),
        comment: any_text(field, "comment"),
        distinct_values: any_case(field, "ntotaldistinctvalues").and_then(count),
        hidden: Some(has(&qlik_tags, "$hidden")),
        expression: None,
        qlik_tags,
    }
}

/// `qKeyType`, by name or by number.
fn key_type(value: &Value) -> Option<KeyType> {
    match (value.as_str(), value.as_i64()) {
        (Some("NOT_KEY"), _) | (_, Some(0)) => Some(KeyType::NotKey),
        (Some("ANY_KEY"), _) | (_, Some(1)) => Some(KeyType::AnyKey),
        (Some("PRIMARY_KEY"), _) | (_, Some(2)) => Some(KeyType::PrimaryKey),
        (Some("PERFECT_KEY"), _) | (_, Some(3)) => Some(KeyType::PerfectKey),
        _ => None,
    }
}

fn tags(value: &Value) -> Vec<String> {
    let mut tags: Vec<String> = value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn has(tags: &[String], tag: &str) -> bool {
    tags.iter().any(|known| known == tag)
}

/// The type that a field's tags tell. Dates are tagged as numbers too, so the tags of time come
/// first; a date has both `$date` and `$timestamp`. A field of mixed values has no tags.
fn data_type(tags: &[String]) -> DataType {
    const TYPES: [(&str, DataType); 8] = [
        ("$date", DataType::Date),
        ("$timestamp", DataType::Timestamp),
        ("$time", DataType::Time),
        ("$interval", DataType::Interval),
        ("$integer", DataType::Integer),
        ("$numeric", DataType::Double),
        ("$text", DataType::String),
        ("$ascii", DataType::String),
    ];
    let known = TYPES.into_iter().find(|(tag, _)| has(tags, tag));
    known.map_or(DataType::Unknown, |(_, data_type)| data_type)
}
