//! Methods of objects, session objects, master items, variables and bookmarks.

use serde_json::{Map, Value, json};

use super::document::{Document, Target, no_such_method};
use super::rpc::{NOT_FOUND, Outcome, Request, RpcError};
use super::{layout, lists, strip};
use crate::content::{Content, text_at};
use crate::site::App;

pub(super) fn call(
    document: &mut Document,
    app: &App,
    target: &Target,
    request: &Request,
) -> Result<Outcome, RpcError> {
    match target {
        Target::Object(id) => object(document, app, id, request),
        Target::SessionObject(id) => session_object(document, app, id, request),
        Target::Measure(id) => measure(app, id, request),
        Target::Dimension(id) => dimension(document, app, id, request),
        Target::Variable(id) => variable(app, id, request),
        Target::Bookmark(id) => {
            let item = Content::library(&app.content.bundle.bookmarks, id);
            library_item(app, item.ok_or_else(|| gone(id))?, request)
        }
        // The document has methods of its own.
        Target::Doc => Err(no_such_method(request)),
    }
}

fn object(
    document: &mut Document,
    app: &App,
    id: &str,
    request: &Request,
) -> Result<Outcome, RpcError> {
    let content = &app.content;
    let object = content.object(id).ok_or_else(|| gone(id))?;
    let children = || object.children.iter().filter_map(|child| content.object(child));
    Ok(match request.method.as_str() {
        "GetProperties" => properties(request, object.properties.clone()),
        "GetEffectiveProperties" => properties(request, layout::effective(content, object)),
        "GetFullPropertyTree" => {
            let tree = content.property_tree(id).ok_or_else(|| gone(id))?;
            Outcome::one("qPropEntry", strip::unless(request.return_empty, tree))
        }
        "GetLayout" => {
            let layout = layout::of_object(app, id, document.with_data());
            Outcome::one("qLayout", layout.ok_or_else(|| gone(id))?)
        }
        "GetInfo" => Outcome::one("qInfo", object.info()),
        "GetChildInfos" => {
            let infos: Vec<Value> = children().map(|child| child.info()).collect();
            Outcome::one("qInfos", infos)
        }
        "GetChild" => {
            let wanted = request.text(0, "qId")?;
            let child = children().find(|child| text_at(&child.properties, "/qInfo/qId") == wanted);
            match child {
                Some(child) => document.object(
                    "GenericObject",
                    Target::Object(wanted.into()),
                    child.kind(),
                    wanted,
                )?,
                None => Outcome::no_object(),
            }
        }
        "GetParent" => {
            let parent = content
                .all_objects()
                .find(|(_, parent)| parent.children.iter().any(|child| child == id));
            match parent {
                Some((parent, object)) => document.object(
                    "GenericObject",
                    Target::Object(parent.clone()),
                    object.kind(),
                    parent,
                )?,
                None => Outcome::no_object(),
            }
        }
        "GetLinkedObjects" => {
            let linked = |other: &Value| text_at(other, "/qExtendsId") == id;
            Outcome::one("qItems", linked_objects(content, linked))
        }
        _ => return Err(no_such_method(request)),
    })
}

fn session_object(
    document: &mut Document,
    app: &App,
    id: &str,
    request: &Request,
) -> Result<Outcome, RpcError> {
    let own = document.session_objects.get(id).ok_or_else(|| gone(id))?;
    Ok(match request.method.as_str() {
        "GetProperties" | "GetEffectiveProperties" => properties(request, own.clone()),
        "GetLayout" => {
            Outcome::one("qLayout", layout::of_session_object(app, own, document.with_data()))
        }
        "GetInfo" => Outcome::one("qInfo", own.get("qInfo").cloned().unwrap_or(Value::Null)),
        "GetChildInfos" => Outcome::one("qInfos", json!([])),
        "GetFullPropertyTree" => {
            Outcome::one("qPropEntry", json!({"qProperty": own, "qChildren": []}))
        }
        _ => return Err(no_such_method(request)),
    })
}

fn measure(app: &App, id: &str, request: &Request) -> Result<Outcome, RpcError> {
    let item = Content::library(&app.content.bundle.measures, id).ok_or_else(|| gone(id))?;
    match request.method.as_str() {
        "GetMeasure" => Ok(Outcome::one("qMeasure", member(item, "qMeasure"))),
        "GetLayout" => {
            let mut measure = member(item, "qMeasure");
            if let Value::Object(measure) = &mut measure {
                let title = text_at(item, "/qMetaDef/title");
                measure.entry("title").or_insert_with(|| title.into());
            }
            let layout = json!({
                "qInfo": item.get("qInfo"),
                "qMeta": lists::library_meta(app, item),
                "qMeasure": measure,
            });
            Ok(Outcome { duplicate_titles: true, ..Outcome::one("qLayout", layout) })
        }
        "GetLinkedObjects" => Ok(Outcome::one("qItems", uses_of(&app.content, id))),
        _ => library_item(app, item, request),
    }
}

fn dimension(
    document: &Document,
    app: &App,
    id: &str,
    request: &Request,
) -> Result<Outcome, RpcError> {
    let item = Content::library(&app.content.bundle.dimensions, id).ok_or_else(|| gone(id))?;
    match request.method.as_str() {
        "GetDimension" => Ok(Outcome::one("qDim", member(item, "qDim"))),
        "GetLayout" => {
            let layout = json!({
                "qInfo": item.get("qInfo"),
                "qMeta": lists::library_meta(app, item),
                "qDim": item.get("qDim"),
                "qDimInfos": lists::dimension_infos(app, item, document.with_data()),
            });
            Ok(Outcome::one("qLayout", layout))
        }
        "GetLinkedObjects" => Ok(Outcome::one("qItems", uses_of(&app.content, id))),
        _ => library_item(app, item, request),
    }
}

fn library_item(app: &App, item: &Value, request: &Request) -> Result<Outcome, RpcError> {
    Ok(match request.method.as_str() {
        "GetProperties" => properties(request, item.clone()),
        "GetInfo" => Outcome::one("qInfo", item.get("qInfo").cloned().unwrap_or(Value::Null)),
        "GetLayout" => {
            let meta = lists::library_meta(app, item);
            Outcome::one("qLayout", json!({"qInfo": item.get("qInfo"), "qMeta": meta}))
        }
        _ => return Err(no_such_method(request)),
    })
}

fn variable(app: &App, id: &str, request: &Request) -> Result<Outcome, RpcError> {
    let found = app.content.variables().iter().find(|variable| variable.id == id);
    let variable = found.ok_or_else(|| gone(id))?;
    Ok(match request.method.as_str() {
        "GetProperties" => properties(request, variable.properties.clone()),
        "GetInfo" => Outcome::one("qInfo", json!({"qId": variable.id, "qType": "variable"})),
        "GetLayout" => {
            let text = match &variable.value {
                Value::String(_) => variable.definition().to_owned(),
                number => number.to_string(),
            };
            let mut layout = Map::new();
            layout.insert("qInfo".into(), json!({"qId": variable.id, "qType": "variable"}));
            layout.insert("qMeta".into(), json!({"privileges": ["read"]}));
            layout.insert("qText".into(), text.into());
            layout.insert("qNum".into(), variable.value.clone());
            Outcome::one("qLayout", Value::Object(layout))
        }
        _ => return Err(no_such_method(request)),
    })
}

fn properties(request: &Request, properties: Value) -> Outcome {
    Outcome::one("qProp", strip::unless(request.return_empty, properties))
}

fn member(item: &Value, name: &str) -> Value {
    item.get(name).cloned().unwrap_or_else(|| json!({}))
}

fn gone(id: &str) -> RpcError {
    RpcError::new(NOT_FOUND, id)
}

/// Objects that use a master item.
fn uses_of(content: &Content, id: &str) -> Vec<Value> {
    linked_objects(content, |properties| uses(properties, id))
}

fn uses(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(map) => {
            map.get("qLibraryId").and_then(Value::as_str) == Some(id)
                || map.values().any(|value| uses(value, id))
        }
        Value::Array(list) => list.iter().any(|value| uses(value, id)),
        _ => false,
    }
}

fn linked_objects(content: &Content, linked: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut items: Vec<Value> = content
        .all_objects()
        .filter(|(_, object)| linked(&object.properties))
        .map(|(id, object)| json!({"qRootId": id, "qInfo": object.info()}))
        .collect();
    items.sort_by_key(|item| text_at(item, "/qInfo/qId").to_owned());
    items
}
