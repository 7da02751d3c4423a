//! `POST /qrs/<entity>/table`: the only route with paging.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::entity::{self, Entity};
use super::filter::{self, Filter};
use crate::http;
use crate::site::Site;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    #[serde(default)]
    columns: Vec<Column>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Column {
    name: String,
    #[serde(default)]
    column_type: String,
    #[serde(default)]
    definition: String,
    #[serde(default)]
    list: Vec<Self>,
}

/// Answers a request for a page.
pub(super) fn answer(
    site: &Arc<Site>,
    entity: Entity,
    query: &HashMap<String, String>,
    body: &[u8],
) -> Response<Body> {
    let Ok(body) = serde_json::from_slice::<Definition>(body) else {
        return http::html(StatusCode::BAD_REQUEST, "<h1>Bad Request</h1>");
    };
    let filter = match Filter::of_query(query) {
        Ok(filter) => filter,
        Err(error) => return error.reply(),
    };
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let (skip, take) = (number("skip").unwrap_or(0), number("take").unwrap_or(usize::MAX));
    let column = query.get("sortColumn").map_or("id", String::as_str);
    let descending = query.get("orderAscending").is_some_and(|text| text == "false");

    let records = page(site, entity, &filter, Sort { column, descending }, skip, take);
    http::json(StatusCode::OK, &table(&body.columns, records.iter()))
}

struct Sort<'a> {
    column: &'a str,
    descending: bool,
}

fn page(
    site: &Arc<Site>,
    entity: Entity,
    filter: &Filter,
    order: Sort<'_>,
    skip: usize,
    take: usize,
) -> Vec<Value> {
    // Apps are paged in their thousands: sort without building every record.
    if entity == Entity::App && filter.is_empty() {
        let mut apps: Vec<_> = site
            .apps()
            .into_iter()
            .map(|app| (entity::app_sort_key(&app, order.column), app))
            .collect();
        if apps.iter().all(|(key, _)| key.is_some()) {
            apps.sort_by(|(left, a), (right, b)| (left, &a.id).cmp(&(right, &b.id)));
            if order.descending {
                apps.reverse();
            }
            let page = apps.iter().skip(skip).take(take);
            return page.map(|(_, app)| entity::app(app)).collect();
        }
    }
    let mut records: Vec<Value> = entity.records(site, filter).collect();
    sort(&mut records, order.column, order.descending);
    records.into_iter().skip(skip).take(take).collect()
}

/// Sorts records by a column, then by id.
pub(super) fn sort(records: &mut [Value], column: &str, descending: bool) {
    let compare = |left: &Value, right: &Value, path: &str| {
        let (left, right) = (filter::values(left, path), filter::values(right, path));
        match (left.first(), right.first()) {
            (Some(left), Some(right)) => filter::order(left, right).unwrap_or(Ordering::Equal),
            (left, right) => left.is_some().cmp(&right.is_some()),
        }
    };
    records.sort_by(|left, right| {
        let order = compare(left, right, column).then_with(|| compare(left, right, "id"));
        if descending { order.reverse() } else { order }
    });
}

fn table<'a>(columns: &[Column], records: impl Iterator<Item = &'a Value>) -> Value {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let rows: Vec<Value> =
        records.map(|record| columns.iter().map(|column| cell(column, record)).collect()).collect();
    json!({"columnNames": names, "rows": rows})
}

fn cell(column: &Column, record: &Value) -> Value {
    match column.column_type.as_str() {
        "List" => {
            // The definition names the items: `tag` for the member `tags`.
            let member = if column.definition == "customProperty" {
                "customProperties".to_owned()
            } else {
                format!("{}s", column.definition)
            };
            let items = record.get(&member).and_then(Value::as_array);
            table(&column.list, items.into_iter().flatten())
        }
        "Function" => Value::Null,
        _ => match filter::values(record, &column.definition).first() {
            Some(value) => (*value).clone(),
            None => Value::Null,
        },
    }
}
