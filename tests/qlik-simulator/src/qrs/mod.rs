//! The repository (QRS): lists of apps, streams, users, objects, reload tasks, data connections;
//! filter, count, paging through `/table`; the change feed; script logs.

mod entity;
mod filter;
mod table;

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};

use crate::bundle::derived_id;
use crate::http::{self, header_text};
use crate::settings::Qrs;
use crate::site::{App, ChangeKind, Site};
use entity::Entity;
use filter::Filter;

/// Answers a request to `/qrs/…`; `path` is without the virtual proxy's prefix.
pub(crate) async fn handle(site: &Arc<Site>, path: &str, request: Request<Body>) -> Response<Body> {
    let Some(path) = path.strip_prefix("/qrs/") else { return http::empty(StatusCode::NOT_FOUND) };
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    let route = Route::parse(request.method(), &segments);
    let name = route.as_ref().map_or_else(|| "other".to_owned(), Route::name);
    if let Some(fault) = http::begin(site, None, &name).await {
        return fault;
    }
    if site.behaviour().qrs == Qrs::Refused {
        return http::html(StatusCode::FORBIDDEN, "<h1>Forbidden</h1>");
    }
    let query = http::query(request.uri());
    if !has_xrfkey(&request, &query) {
        // The body does not say that it is the key.
        return http::html(StatusCode::BAD_REQUEST, "<h1>Bad Request</h1>");
    }
    let Some(route) = route else { return http::empty(StatusCode::NOT_FOUND) };
    let body = match axum::body::to_bytes(request.into_body(), http::MAX_BODY).await {
        Ok(body) => body,
        Err(_) => return http::empty(StatusCode::PAYLOAD_TOO_LARGE),
    };
    match route {
        Route::About => http::json(StatusCode::OK, &about()),
        Route::List(entity, full) => list(site, entity, full, &query),
        Route::Count(entity) => match Filter::of_query(&query) {
            Ok(filter) => count(site, entity, &filter),
            Err(error) => error.reply(),
        },
        Route::One(entity, id) => {
            match entity.records(site, &Filter::all()).find(|record| has_id(record, &id)) {
                Some(record) => http::json(StatusCode::OK, &record),
                None => http::empty(StatusCode::NOT_FOUND),
            }
        }
        Route::Table(entity) => table::answer(site, entity, &query, &body),
        Route::Changes => changes(site, &query),
        Route::ScriptLogReference(task) => script_log_reference(site, &task, &query),
        Route::ScriptLog(reference) => script_log(site, &reference),
    }
}

/// A route of the repository.
enum Route {
    About,
    List(Entity, bool),
    Count(Entity),
    One(Entity, String),
    Table(Entity),
    Changes,
    ScriptLogReference(String),
    ScriptLog(String),
}

impl Route {
    fn parse(method: &Method, segments: &[&str]) -> Option<Self> {
        if method == Method::POST {
            let (last, entity) = segments.split_last()?;
            return (*last == "table").then(|| Entity::parse(entity).map(Self::Table))?;
        }
        if method != Method::GET {
            return None;
        }
        match segments {
            ["about"] => return Some(Self::About),
            ["notification", "changes"] => return Some(Self::Changes),
            ["reloadtask", id, "scriptlog" | "scriptlogfile"] => {
                return Some(Self::ScriptLogReference((*id).to_owned()));
            }
            ["download", "reloadtask", reference, "scriptlog.txt"] => {
                return Some(Self::ScriptLog((*reference).to_owned()));
            }
            _ => {}
        }
        if let Some(entity) = Entity::parse(segments) {
            return Some(Self::List(entity, false));
        }
        let (last, entity) = segments.split_last()?;
        let entity = Entity::parse(entity)?;
        Some(match *last {
            "full" => Self::List(entity, true),
            "count" => Self::Count(entity),
            id => Self::One(entity, id.to_owned()),
        })
    }

    /// Name in the statistics and of faults.
    fn name(&self) -> String {
        match self {
            Self::About => "GET /qrs/about".into(),
            Self::List(entity, false) => format!("GET /qrs/{}", entity.path()),
            Self::List(entity, true) => format!("GET /qrs/{}/full", entity.path()),
            Self::Count(entity) => format!("GET /qrs/{}/count", entity.path()),
            Self::One(entity, _) => format!("GET /qrs/{}/{{id}}", entity.path()),
            Self::Table(entity) => format!("POST /qrs/{}/table", entity.path()),
            Self::Changes => "GET /qrs/notification/changes".into(),
            Self::ScriptLogReference(_) => "GET /qrs/reloadtask/{id}/scriptlog".into(),
            Self::ScriptLog(_) => "GET /qrs/download/reloadtask/{id}/scriptlog.txt".into(),
        }
    }
}

/// The same 16 letters and digits in the query and in the header.
fn has_xrfkey(request: &Request<Body>, query: &HashMap<String, String>) -> bool {
    let header = header_text(request.headers(), "x-qlik-xrfkey");
    let key = query.iter().find(|(name, _)| name.eq_ignore_ascii_case("xrfkey"));
    let Some(((_, key), header)) = key.zip(header) else { return false };
    key == header && key.len() == 16 && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn about() -> Value {
    json!({
        "buildVersion": "31.62.0.0",
        "buildDate": "5/14/2024 09:37:20 AM",
        "databaseProvider": "Devart.Data.PostgreSql",
        "nodeType": 1,
        "sharedPersistence": true,
        "requiresBootstrap": false,
        "singleNodeOnly": false,
        "schemaPath": "About",
    })
}

fn list(
    site: &Arc<Site>,
    entity: Entity,
    full: bool,
    query: &HashMap<String, String>,
) -> Response<Body> {
    let filter = match Filter::of_query(query) {
        Ok(filter) => filter,
        Err(error) => return error.reply(),
    };
    let limit = site.behaviour().max_record_limit;
    let matching = entity.records(site, &filter);
    // `skip` and `take` have no effect here; the limit of the server has.
    let records: Vec<Value> = match query.get("orderby") {
        None => matching.take(limit).collect(),
        Some(order) => {
            let (column, descending) = match order.trim().rsplit_once(' ') {
                Some((column, "desc")) => (column.trim(), true),
                Some((column, "asc")) => (column.trim(), false),
                _ => (order.trim(), false),
            };
            let mut all: Vec<Value> = matching.collect();
            table::sort(&mut all, column, descending);
            all.truncate(limit);
            all
        }
    };
    let records = if full {
        records
    } else {
        records.into_iter().map(|record| entity.condensed(record)).collect()
    };
    http::json(StatusCode::OK, &Value::Array(records))
}

fn count(site: &Arc<Site>, entity: Entity, filter: &Filter) -> Response<Body> {
    let number = match (entity, filter.is_empty()) {
        (Entity::App, true) => site.apps().len(),
        _ => entity.records(site, filter).count(),
    };
    let value =
        if site.behaviour().count_as_integer { json!(number) } else { json!({"value": number}) };
    http::json(StatusCode::OK, &value)
}

/// The change feed. Only apps change here.
fn changes(site: &Arc<Site>, query: &HashMap<String, String>) -> Response<Body> {
    let types = query.get("types").map_or("App", String::as_str);
    if !types.split(',').any(|kind| kind.trim().eq_ignore_ascii_case("app")) {
        return http::json(StatusCode::OK, &json!([]));
    }
    let since = query.get("since").map_or("", String::as_str);
    let entry = |change: crate::site::Change| {
        let object = match change.kind {
            ChangeKind::Delete => Value::Null,
            ChangeKind::Add | ChangeKind::Update => {
                site.app(&change.app).map_or(Value::Null, |app| entity::app(&app))
            }
        };
        json!({
            "changeType": change.kind.number(),
            "id": change.app,
            "type": "App",
            "changeDate": change.date,
            "object": object,
        })
    };
    let entries: Vec<Value> = site.changes_since(since).into_iter().map(entry).collect();
    http::json(StatusCode::OK, &Value::Array(entries))
}

/// The GUID under which the log of a task's last run can be fetched.
fn script_log_reference(
    site: &Arc<Site>,
    task: &str,
    query: &HashMap<String, String>,
) -> Response<Body> {
    let Some(app) = apps_with_log(site).find(|app| entity::task_id(app) == task) else {
        return http::empty(StatusCode::NOT_FOUND);
    };
    let reference = derived_id("script log", &app.id);
    let execution = derived_id("execution", &app.id);
    let given = |name: &str| {
        query.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    };
    let asked = given("fileReferenceId") == Some(&reference)
        || given("executionResultId") == Some(&execution);
    if !asked {
        return http::empty(StatusCode::BAD_REQUEST);
    }
    http::json(StatusCode::OK, &json!({"value": reference}))
}

/// The log itself: not ready at the first request.
fn script_log(site: &Arc<Site>, reference: &str) -> Response<Body> {
    let app = apps_with_log(site).find(|app| derived_id("script log", &app.id) == reference);
    let log = app.and_then(|app| app.keys.script_log.clone());
    let Some(log) = log.filter(|_| site.script_log_is_ready(reference)) else {
        return http::empty(StatusCode::NOT_FOUND);
    };
    // UTF-8 with a byte order mark and Windows line ends.
    let text = log.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\n', "\r\n");
    http::with_type(StatusCode::OK, "text/plain", format!("\u{feff}{text}"))
}

fn apps_with_log(site: &Site) -> impl Iterator<Item = Arc<App>> {
    site.apps().into_iter().filter(|app| app.keys.script_log.is_some())
}

fn has_id(record: &Value, id: &str) -> bool {
    record.get("id").and_then(Value::as_str) == Some(id)
}
