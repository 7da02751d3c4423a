//! A tenant of Qlik Cloud: items, spaces, users and apps by REST, paged, and the engine's websockets,
//! all with a bearer token. Lists of documents and the repository are client-managed sites' only.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use crate::bundle::{Person, derived_id};
use crate::engine::{self, Endpoint, Start};
use crate::http::{self, header_text};
use crate::rest;
use crate::settings::CloudSettings;
use crate::site::{App, Site};

/// Entries of a page when a client does not say how many.
const DEFAULT_PAGE: usize = 10;

/// Answers a request to the tenant's port.
pub(crate) async fn handle(
    site: &Arc<Site>,
    settings: &CloudSettings,
    request: Request<Body>,
) -> Response<Body> {
    let Some(user) = user(settings, request.headers()) else {
        return http::empty(StatusCode::UNAUTHORIZED);
    };
    let path = request.uri().path().to_owned();
    if engine::is_upgrade(request.headers()) {
        return match Endpoint::parse(&path) {
            // Sessions are opened for apps only.
            Some(endpoint) if !endpoint.app.is_empty() => {
                engine::upgrade(site, request, endpoint, Start::User(user))
            }
            _ => http::empty(StatusCode::NOT_FOUND),
        };
    }
    let Some(inner) = path.strip_prefix("/api/v1/").filter(|_| request.method() == Method::GET)
    else {
        return http::cannot_get(&path);
    };
    if let Some((id, part)) = rest::route(&path) {
        return rest::answer(site, &path, id, part).await;
    }
    let (app, route) = match inner.split('/').collect::<Vec<_>>().as_slice() {
        ["items"] => (None, "GET /api/v1/items"),
        ["spaces"] => (None, "GET /api/v1/spaces"),
        ["users"] => (None, "GET /api/v1/users"),
        ["users", _] => (None, "GET /api/v1/users/{id}"),
        ["apps", id] => (Some(*id), "GET /api/v1/apps/{id}"),
        ["apps", id, "reloads", "metadata", ""] => {
            (Some(*id), "GET /api/v1/apps/{id}/reloads/metadata")
        }
        _ => return http::cannot_get(&path),
    };
    if let Some(fault) = http::begin(site, app, route).await {
        return fault;
    }
    let page = |entries| page(settings, &request, entries);
    match (route, app) {
        ("GET /api/v1/items", _) => page(site.apps().iter().map(|app| item(app)).collect()),
        ("GET /api/v1/spaces", _) => page(spaces(site)),
        ("GET /api/v1/users", _) => page(site.users().iter().map(person).collect()),
        ("GET /api/v1/users/{id}", _) => one_user(site, &user, inner),
        (_, Some(id)) => match site.app(id) {
            None => not_found(),
            Some(app) if route.ends_with("metadata") => {
                http::json(StatusCode::OK, &json!({"data": reloads(&app)}))
            }
            Some(app) => http::json(StatusCode::OK, &json!({"attributes": app_attributes(&app)})),
        },
        _ => not_found(),
    }
}

/// What a tenant says of an app: in its list, as the app's attributes, and in the engine's layout.
pub(crate) fn app_attributes(app: &App) -> Map<String, Value> {
    let mut attributes = Map::new();
    let mut add = |key: &str, value: Value| attributes.insert(key.to_owned(), value);
    add("id", app.id.clone().into());
    add("name", app.title.clone().into());
    add("description", app.description().into());
    add("createdDate", app.created.clone().into());
    add("modifiedDate", app.modified.clone().into());
    add("_resourcetype", "app".into());
    // Tells whether it was distributed from a client-managed site, not whether it is published.
    add("published", false.into());
    add("publishTime", app.cloud_publish_time().unwrap_or_default().into());
    add("ownerId", user_id(&app.owner()).into());
    add("owner", format!("auth0|{}", app.owner().id).into());
    add("hasSectionAccess", app.has_section_access().into());
    if let Some(reloaded) = &app.reloaded {
        add("lastReloadTime", reloaded.clone().into());
    }
    if let Some(space) = space_id(app) {
        add("spaceId", space.into());
    }
    attributes
}

fn item(app: &App) -> Value {
    let mut item = Map::new();
    let mut add = |key: &str, value: Value| item.insert(key.to_owned(), value);
    add("id", derived_id("item", &app.id).into());
    add("resourceId", app.id.clone().into());
    add("resourceType", "app".into());
    add("name", app.title.clone().into());
    add("description", app.description().into());
    add("ownerId", user_id(&app.owner()).into());
    add("createdAt", app.created.clone().into());
    add("updatedAt", app.modified.clone().into());
    add("resourceCreatedAt", app.created.clone().into());
    add("resourceUpdatedAt", app.modified.clone().into());
    add("resourceAttributes", Value::Object(app_attributes(app)));
    add("resourceSize", json!({"appFile": app.size().unwrap_or(0), "appMemory": 0}));
    let tags = app.keys.tags.iter();
    let tags: Value = tags.map(|tag| json!({"id": derived_id("tag", tag), "name": tag})).collect();
    add("meta", json!({"tags": tags, "collections": [], "isFavorited": false}));
    if let Some(reloaded) = &app.reloaded {
        let failed = app.keys.failed_reload_time.as_ref();
        add("resourceReloadEndTime", failed.unwrap_or(reloaded).clone().into());
        add("resourceReloadStatus", if failed.is_some() { "FAILED" } else { "SUCCEEDED" }.into());
    }
    if let Some(space) = space_id(app) {
        add("spaceId", space.into());
    }
    Value::Object(item)
}

fn space_id(app: &App) -> Option<String> {
    app.keys.stream.as_ref().map(|name| derived_id("space", name))
}

fn spaces(site: &Site) -> Vec<Value> {
    let mut spaces = BTreeMap::new();
    for app in site.apps() {
        if let (Some(name), Some(id)) = (&app.keys.stream, space_id(&app)) {
            let kind = app.space_type().to_owned();
            spaces.insert(name.clone(), json!({"id": id, "name": name, "type": kind}));
        }
    }
    spaces.into_values().collect()
}

fn one_user(site: &Site, asking: &Person, inner: &str) -> Response<Body> {
    let id = inner.rsplit('/').next().unwrap_or_default();
    if id == "me" {
        return http::json(StatusCode::OK, &person(asking));
    }
    match site.users().iter().find(|user| user_id(user) == id) {
        Some(user) => http::json(StatusCode::OK, &person(user)),
        None => not_found(),
    }
}

fn person(user: &Person) -> Value {
    json!({
        "id": user_id(user),
        "name": user.display_name(),
        "email": user.email,
        "subject": format!("auth0|{}", user.id),
        "status": "active",
    })
}

fn user_id(user: &Person) -> String {
    derived_id("user", &user.account())
}

/// The reloads that the tenant remembers, the older one first.
fn reloads(app: &App) -> Vec<Value> {
    let Some(end) = &app.reloaded else { return Vec::new() };
    let statements: Value = app
        .keys
        .lineage
        .iter()
        .map(|entry| {
            let store = entry.discriminator.starts_with("STORE");
            let kind = if store { "Store" } else { "Load" };
            json!({"type": kind, "connection": entry.discriminator, "label": "", "nbrOfRows": 1})
        })
        .collect();
    let older = json!({
        "reloadId": derived_id("reload", &format!("{}/older", app.id)),
        "endTime": "2000-01-01T00:00:00Z", "success": true, "statements": [], "includeFiles": [],
    });
    let last = json!({
        "reloadId": derived_id("reload", &app.id),
        "endTime": end, "success": true, "statements": statements, "includeFiles": [],
    });
    let failed = app.keys.failed_reload_time.as_ref().map(|end| {
        json!({"reloadId": derived_id("reload", &format!("{}/failed", app.id)),
            "endTime": end, "success": false, "statements": [], "includeFiles": []})
    });
    [Some(older), Some(last), failed].into_iter().flatten().collect()
}

/// One page of a list: the next one's address is absolute and holds a cursor.
fn page(settings: &CloudSettings, request: &Request<Body>, entries: Vec<Value>) -> Response<Body> {
    let query = http::query(request.uri());
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<usize>().ok());
    let size = number("limit").unwrap_or(DEFAULT_PAGE).clamp(1, settings.page.max(1));
    let from = number("next").unwrap_or(0);
    let host = header_text(request.headers(), header::HOST.as_str()).unwrap_or_default();
    let address = |from: usize| {
        let path = request.uri().path();
        json!({"href": format!("https://{host}{path}?limit={size}&next={from}")})
    };
    let mut links = Map::from_iter([("self".to_owned(), address(from))]);
    if from + size < entries.len() {
        links.insert("next".into(), address(from + size));
    }
    let data: Vec<Value> = entries.into_iter().skip(from).take(size).collect();
    http::json(StatusCode::OK, &json!({"data": data, "links": links}))
}

fn user(settings: &CloudSettings, headers: &HeaderMap) -> Option<Person> {
    let token = header_text(headers, "authorization")?.strip_prefix("Bearer ")?;
    let (_, user) = settings.tokens.iter().find(|(known, _)| known == token)?;
    Some(user.clone())
}

fn not_found() -> Response<Body> {
    let error = json!({"errors": [{"code": "HTTP-404", "title": "Not found"}]});
    http::json(StatusCode::NOT_FOUND, &error)
}
