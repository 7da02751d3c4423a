//! Methods of an open document.

use serde_json::{Map, Value, json};

use super::document::{Document, Target, no_such_method};
use super::rpc::{ACCESS_DENIED, METHOD_NOT_FOUND, NOT_FOUND, Outcome, Request, RpcError};
use super::{global, lists, strip};
use crate::bundle::derived_id;
use crate::content::{Content, text_at};
use crate::data_model;
use crate::settings::{Mode, ScriptAccess};
use crate::site::App;

pub(super) fn call(
    document: &mut Document,
    app: &App,
    request: &Request,
) -> Result<Outcome, RpcError> {
    let content = &app.content;
    Ok(match request.method.as_str() {
        "GetAppLayout" => Outcome::one("qLayout", app_layout(document, app)),
        "GetAppProperties" => {
            let properties = Value::Object(app_properties(app));
            Outcome::one("qProp", strip::unless(request.return_empty, properties))
        }
        "GetAllInfos" => Outcome::one("qInfos", content.infos().to_vec()),
        "GetObjects" => {
            let options = request.param(0, "qOptions").unwrap_or(&Value::Null);
            Outcome::one("qList", lists::objects(app, options))
        }
        "GetVariables" => {
            let definition = request.param(0, "qListDef").unwrap_or(&Value::Null);
            Outcome::one("qList", lists::variables(app, definition))
        }
        "GetObject" => get_object(document, app, request.text(0, "qId")?)?,
        "GetMeasure" => {
            let id = request.text(0, "qId")?;
            match Content::library(&content.bundle.measures, id) {
                Some(_) => {
                    library_item(document, "GenericMeasure", Target::Measure(id.into()), id)?
                }
                None => Outcome::no_object(),
            }
        }
        "GetDimension" => {
            let id = request.text(0, "qId")?;
            match Content::library(&content.bundle.dimensions, id) {
                Some(_) => {
                    library_item(document, "GenericDimension", Target::Dimension(id.into()), id)?
                }
                None => Outcome::no_object(),
            }
        }
        "GetBookmark" => {
            let id = request.text(0, "qId")?;
            match Content::library(&content.bundle.bookmarks, id) {
                Some(_) => {
                    library_item(document, "GenericBookmark", Target::Bookmark(id.into()), id)?
                }
                None => Outcome::no_object(),
            }
        }
        "GetVariableById" => get_variable(document, app, |id, _| Some(id) == text(request, "qId"))?,
        "GetVariableByName" | "GetVariable" => {
            get_variable(document, app, |_, name| Some(name) == text(request, "qName"))?
        }
        "CreateSessionObject" => create_session_object(document, request)?,
        "DestroySessionObject" => {
            let id = request.text(0, "qId")?;
            Outcome::one("qSuccess", document.session_objects.remove(id).is_some())
        }
        "GetScript" => {
            require(script_access(document, app) == ScriptAccess::Full)?;
            Outcome::one("qScript", content.bundle.script.clone())
        }
        "GetScriptEx" => {
            require(matches!(
                script_access(document, app),
                ScriptAccess::Full | ScriptAccess::ReadOnly
            ))?;
            let script =
                json!({"qScript": content.bundle.script, "qMeta": {"privileges": ["read"]}});
            Outcome::one("qScript", script)
        }
        "GetConnections" => {
            require(matches!(
                script_access(document, app),
                ScriptAccess::Full | ScriptAccess::LineageOnly
            ))?;
            Outcome::one("qConnections", connections(document, app))
        }
        "GetLineage" => {
            require(matches!(
                script_access(document, app),
                ScriptAccess::Full | ScriptAccess::LineageOnly
            ))?;
            Outcome::one("qLineage", lineage(app))
        }
        "GetTablesAndKeys" => tables_and_keys(document, app, request)?,
        "GetFieldDescription" => {
            let name = request.text(0, "qFieldName")?;
            let description = metadata(document, app)
                .and_then(|metadata| data_model::field_description(metadata, name))
                .ok_or_else(|| RpcError::new(NOT_FOUND, name))?;
            Outcome::one("qReturn", description)
        }
        "GetFieldsFromExpression" => {
            if !document.site.behaviour().fields_from_expression {
                return Err(RpcError::new(METHOD_NOT_FOUND, "GetFieldsFromExpression"));
            }
            let expression = request.text(0, "qExpr")?;
            let told = app.keys.fields_of_expressions.get(expression);
            let fields = metadata(document, app)
                .map(|metadata| match told {
                    Some(told) => told.clone(),
                    None => data_model::fields_in_expression(metadata, expression),
                })
                .unwrap_or_default();
            Outcome::one("qFieldNames", fields)
        }
        "ExpandExpression" => {
            let expression = request.text(0, "qExpression")?;
            let expanded = expanded(content, expression);
            Outcome::one("qExpandedExpression", expanded)
        }
        "GetLibraryContent" => Outcome::one("qList", json!({"qItems": []})),
        "GetLooselyCoupledVector" => Outcome::one("qv", json!([])),
        "AbortModal" => Outcome::default(),
        _ => return Err(no_such_method(request)),
    })
}

/// An expression with its variables replaced by their definitions; parameters and evaluation are not
/// simulated.
fn expanded(content: &Content, expression: &str) -> String {
    let mut text = expression.to_owned();
    for _ in 0..8 {
        for variable in content.variables() {
            text = text.replace(&format!("$({})", variable.name), variable.definition());
        }
    }
    text
}

fn text<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.param(0, name).and_then(Value::as_str)
}

fn require(allowed: bool) -> Result<(), RpcError> {
    if allowed { Ok(()) } else { Err(RpcError::new(ACCESS_DENIED, "")) }
}

fn script_access(document: &Document, app: &App) -> ScriptAccess {
    app.script_access.unwrap_or_else(|| document.site.behaviour().script_access)
}

/// The data model's metadata: only a document with data has one.
fn metadata<'a>(document: &Document, app: &'a App) -> Option<&'a Value> {
    app.content.bundle.data_metadata.as_ref().filter(|_| document.with_data())
}

fn app_layout(document: &Document, app: &App) -> Value {
    let content = &app.content;
    let mut layout = Map::new();
    layout.insert("qTitle".into(), app.title.clone().into());
    layout.insert("qFileName".into(), app.id.clone().into());
    if let Some(reloaded) = &app.reloaded {
        layout.insert("qLastReloadTime".into(), reloaded.clone().into());
    }
    if !content.bundle.script.is_empty() {
        layout.insert("qHasScript".into(), true.into());
    }
    layout.insert("qStateNames".into(), json!([]));
    let meta = global::app_meta(app);
    match (&document.site.mode, meta) {
        (Mode::Cloud(_), Value::Object(_)) => {
            layout.extend(crate::cloud::app_attributes(app));
            layout.insert("qMeta".into(), json!({}));
        }
        (_, meta) => {
            layout.insert("qMeta".into(), meta);
        }
    }
    layout.insert("qLocaleInfo".into(), json!({"qDecimalSep": ".", "qThousandSep": ","}));
    // An app that was never reloaded has no data; false is left out as everywhere.
    if content.has_data() {
        layout.insert("qHasData".into(), true.into());
    }
    if !document.with_data() {
        layout.insert("qIsOpenedWithoutData".into(), true.into());
    }
    layout.insert("qThumbnail".into(), global::thumbnail(app));
    layout.insert("qUnsupportedFeatures".into(), json!([]));
    layout.insert("qUsage".into(), "ANALYTICS".into());
    Value::Object(layout)
}

fn app_properties(app: &App) -> Map<String, Value> {
    let mut properties = app.content.bundle.app.clone();
    properties.insert("qTitle".into(), app.title.clone().into());
    if let Some(reloaded) = &app.reloaded {
        properties.insert("qLastReloadTime".into(), reloaded.clone().into());
    }
    if app.has_section_access() {
        properties.insert("qHasSectionAccess".into(), true.into());
    }
    properties.insert("qUsage".into(), "ANALYTICS".into());
    properties
}

fn get_object(document: &mut Document, app: &App, id: &str) -> Result<Outcome, RpcError> {
    if let Some(object) = app.content.object(id) {
        return document.object("GenericObject", Target::Object(id.into()), object.kind(), id);
    }
    if let Some(properties) = document.session_objects.get(id) {
        let kind = text_at(properties, "/qInfo/qType").to_owned();
        return document.object("GenericObject", Target::SessionObject(id.into()), &kind, id);
    }
    Ok(Outcome::no_object())
}

fn library_item(
    document: &mut Document,
    kind: &str,
    target: Target,
    id: &str,
) -> Result<Outcome, RpcError> {
    let generic_type = kind.trim_start_matches("Generic").to_ascii_lowercase();
    document.object(kind, target, &generic_type, id)
}

fn get_variable(
    document: &mut Document,
    app: &App,
    wanted: impl Fn(&str, &str) -> bool,
) -> Result<Outcome, RpcError> {
    let found = app.content.variables().iter().find(|found| wanted(&found.id, &found.name));
    match found {
        Some(found) => {
            library_item(document, "GenericVariable", Target::Variable(found.id.clone()), &found.id)
        }
        None => Ok(Outcome::no_object()),
    }
}

fn create_session_object(document: &mut Document, request: &Request) -> Result<Outcome, RpcError> {
    let mut properties = match request.param(0, "qProp") {
        Some(Value::Object(properties)) => properties.clone(),
        _ => return Err(RpcError::new(super::rpc::INVALID_PARAMS, "qProp")),
    };
    let info = properties.get("qInfo").cloned().unwrap_or(Value::Null);
    let kind = text_at(&info, "/qType").to_owned();
    if kind.is_empty() {
        return Err(RpcError::new(super::rpc::INVALID_PARAMS, "qType"));
    }
    let id = match text_at(&info, "/qId") {
        "" => document.new_session_id(),
        given => given.to_owned(),
    };
    // In a session that others attached to, the id may be taken.
    if document.session_objects.contains_key(&id) {
        return Err(RpcError::new(3, id));
    }
    properties.insert("qInfo".into(), json!({"qId": id, "qType": kind}));
    document.session_objects.insert(id.clone(), Value::Object(properties));
    document.object("GenericObject", Target::SessionObject(id.clone()), &kind, &id)
}

/// Connections that the user may use: those of the site, not those of the app. No user names, no
/// passwords, except where a connection string holds them.
fn connections(document: &Document, app: &App) -> Vec<Value> {
    let entry = |connection: &crate::bundle::Connection| {
        json!({
            "qId": derived_id("dataconnection", &connection.name),
            "qName": connection.name,
            "qConnectionString": connection.connection_string,
            "qType": connection.r#type,
            "qModifiedDate": app.created,
            "qMeta": {"privileges": ["read"]},
            "qLogOn": "LOG_ON_SERVICE_USER",
        })
    };
    document.site.connections().iter().map(entry).collect()
}

fn lineage(app: &App) -> Vec<Value> {
    let entry = |entry: &crate::bundle::LineageEntry| json!({"qDiscriminator": entry.discriminator, "qStatement": entry.statement});
    app.keys.lineage.iter().map(entry).collect()
}

/// Without data, and for an app never reloaded, empty and no error.
fn tables_and_keys(document: &Document, app: &App, request: &Request) -> Result<Outcome, RpcError> {
    let reply = if !document.with_data() {
        json!({"qtr": [], "qk": []})
    } else if let Some(given) = &app.keys.tables_and_keys {
        given.clone()
    } else if let Some(metadata) = &app.content.bundle.data_metadata {
        let (synthetic, system) =
            (request.flag(3, "qSyntheticMode"), request.flag(4, "qIncludeSysVars"));
        data_model::tables_and_keys(metadata, synthetic, system)
    } else {
        json!({"qtr": [], "qk": []})
    };
    match reply {
        Value::Object(result) => Ok(Outcome { result, ..Outcome::default() }),
        _ => Err(RpcError::new(-128, "")),
    }
}
