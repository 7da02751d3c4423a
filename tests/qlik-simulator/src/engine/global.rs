//! Methods of handle -1: the engine itself.

use serde_json::{Map, Value, json};

use super::document::{Document, OpenMode, no_such_method};
use super::rpc::{
    APP_ALREADY_OPEN, APP_ALREADY_OPEN_IN_DIFFERENT_MODE, APP_INVALID, APP_NOT_FOUND, NO_LICENSE,
    Outcome, Request, RpcError,
};
use crate::site::App;

/// Version of the engine's component, that of the schema the project knows.
pub(crate) const ENGINE_VERSION: &str = "12.2528.0";

pub(super) fn call(
    document: &mut Document,
    request: &Request,
    opening: Option<OpenMode>,
) -> Result<Outcome, RpcError> {
    Ok(match request.method.as_str() {
        "GetDocList" => Outcome::one("qDocList", doc_list(document)),
        "OpenDoc" => {
            let app = request.text(0, "qDocName")?;
            let opened = open(document, app, opening);
            if opened.is_err() {
                document.failed(request);
            }
            opened?
        }
        "GetActiveDoc" => {
            let (app, handle, _) = document
                .opened()
                .ok_or_else(|| RpcError::new(APP_INVALID, "No active document"))?;
            Outcome::object("Doc", handle, "", app, false)
        }
        "EngineVersion" => Outcome::one("qVersion", json!({"qComponentVersion": ENGINE_VERSION})),
        "ProductVersion" | "QvVersion" => Outcome::one("qReturn", "14.212.13"),
        "OSName" => Outcome::one("qReturn", "Windows"),
        "IsPersonalMode" | "IsDesktopMode" => Outcome::one("qReturn", false),
        "GetAuthenticatedUser" => {
            let user = &document.user;
            let text = format!("UserDirectory={}; UserId={}", user.directory, user.id);
            Outcome::one("qReturn", text)
        }
        "GetAppEntry" => {
            let id = request.text(0, "qAppID")?;
            let app = document.site.app(id).ok_or_else(|| RpcError::new(APP_NOT_FOUND, id))?;
            Outcome::one("qEntry", doc_list_entry(&app))
        }
        "GetProgress" => Outcome::one("qProgressData", json!({"qFinished": true})),
        // Requests of the same socket are cancelled before they come here.
        "CancelRequest" | "AbortRequest" | "AbortAll" => Outcome::default(),
        _ => return Err(no_such_method(request)),
    })
}

fn open(document: &mut Document, id: &str, opening: Option<OpenMode>) -> Result<Outcome, RpcError> {
    let mode = opening.unwrap_or(OpenMode::WithoutData);
    if let Some((open, _, with_data)) = document.opened() {
        let code = if open == id && with_data != mode.with_data() {
            APP_ALREADY_OPEN_IN_DIFFERENT_MODE
        } else {
            APP_ALREADY_OPEN
        };
        return Err(RpcError::new(code, open));
    }
    if document.site.behaviour().unlicensed_users.contains(&document.user.account()) {
        return Err(RpcError::new(NO_LICENSE, ""));
    }
    let app = document.site.app(id).ok_or_else(|| RpcError::new(APP_NOT_FOUND, id))?;
    if mode.with_data()
        && let Some(code) = app.refuses_data(&document.user)
    {
        return Err(RpcError::new(code, ""));
    }
    document.site.count(|stats| {
        let opens = stats.opens.entry(id.to_owned()).or_default();
        if mode.with_data() {
            opens.with_data += 1;
        } else {
            opens.without_data += 1;
        }
    });
    let handle = document.set_open(id.to_owned(), mode)?;
    Ok(Outcome::object("Doc", handle, "", id, true))
}

fn doc_list(document: &Document) -> Vec<Value> {
    document.site.apps().iter().map(|app| doc_list_entry(app)).collect()
}

/// An entry of the document list. Owners are not in it: they are the repository's.
fn doc_list_entry(app: &App) -> Value {
    let mut entry = Map::new();
    entry.insert("qDocName".into(), app.title.clone().into());
    entry.insert("qConnectedUsers".into(), 0.into());
    entry.insert("qFileTime".into(), 0.into());
    if let Some(size) = app.size() {
        entry.insert("qFileSize".into(), size.into());
    }
    entry.insert("qDocId".into(), app.id.clone().into());
    entry.insert("qMeta".into(), app_meta(app));
    if let Some(reloaded) = &app.reloaded {
        entry.insert("qLastReloadTime".into(), reloaded.clone().into());
    }
    entry.insert("qTitle".into(), app.title.clone().into());
    entry.insert("qThumbnail".into(), thumbnail(app));
    if app.has_section_access() {
        entry.insert("qHasSectionAccess".into(), true.into());
    }
    Value::Object(entry)
}

/// `qMeta` of an app on a client-managed site.
pub(super) fn app_meta(app: &App) -> Value {
    let mut meta = Map::new();
    meta.insert("createdDate".into(), app.created.clone().into());
    meta.insert("modifiedDate".into(), app.modified.clone().into());
    meta.insert("published".into(), app.published().into());
    // The repository has no null date: it writes this one.
    let publish_time = app.publish_time().unwrap_or_else(|| NULL_DATE.into());
    meta.insert("publishTime".into(), publish_time.into());
    meta.insert("privileges".into(), json!(["read"]));
    meta.insert("description".into(), app.description().into());
    if let Some(size) = app.size().filter(|_| app.reloaded.is_some()) {
        meta.insert("qStaticByteSize".into(), size.into());
    }
    meta.insert("dynamicColor".into(), app.content.app_text("dynamicColor").unwrap_or("").into());
    meta.insert("create".into(), Value::Null);
    if let Some(stream) = &app.keys.stream {
        let id = crate::bundle::derived_id("stream", stream);
        meta.insert("stream".into(), json!({"id": id, "name": stream}));
    }
    meta.insert("canCreateDataConnections".into(), false.into());
    Value::Object(meta)
}

/// What the repository writes for a time that is not there.
pub(crate) const NULL_DATE: &str = "1753-01-01T00:00:00.000Z";

pub(super) fn thumbnail(app: &App) -> Value {
    app.content.bundle.app.get("qThumbnail").cloned().unwrap_or_else(|| json!({}))
}
