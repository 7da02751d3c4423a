//! Lists: what the layouts of session objects such as `SheetList` hold, `GetObjects` and
//! `GetVariables`.

use serde_json::{Map, Value, json};

use crate::bundle::derived_id;
use crate::content::{Object, Variable, text_at};
use crate::data_model;
use crate::site::App;

/// Adds the lists that the properties of a session object define to its layout.
pub(super) fn add_to_layout(
    layout: &mut Map<String, Value>,
    app: &App,
    properties: &Value,
    with_data: bool,
) {
    let bundle = &app.content.bundle;
    if let Some(definition) = properties.get("qAppObjectListDef") {
        let kind = text_at(definition, "/qType");
        let kind = (!kind.is_empty()).then_some(kind);
        let items: Vec<Value> = app
            .content
            .app_objects(kind)
            .map(|object| object_item(app, object, definition))
            .collect();
        layout.insert("qAppObjectList".into(), json!({"qItems": items}));
    }
    if let Some(definition) = properties.get("qMeasureListDef") {
        let items: Vec<Value> =
            bundle.measures.iter().map(|item| library_item(app, item, definition)).collect();
        layout.insert("qMeasureList".into(), json!({"qItems": items}));
    }
    if let Some(definition) = properties.get("qDimensionListDef") {
        let dimension = |item: &Value| {
            let mut item = item.clone();
            let infos = dimension_infos(app, &item, with_data);
            if let Value::Object(item) = &mut item {
                item.insert("qDimInfos".into(), infos);
            }
            library_item(app, &item, definition)
        };
        let items: Vec<Value> = bundle.dimensions.iter().map(dimension).collect();
        layout.insert("qDimensionList".into(), json!({"qItems": items}));
    }
    if let Some(definition) = properties.get("qBookmarkListDef") {
        let items: Vec<Value> =
            bundle.bookmarks.iter().map(|item| library_item(app, item, definition)).collect();
        layout.insert("qBookmarkList".into(), json!({"qItems": items}));
    }
    if let Some(definition) = properties.get("qVariableListDef") {
        let items = variables(app, definition);
        layout.insert("qVariableList".into(), json!({"qItems": items}));
    }
    if let Some(definition) = properties.get("qFieldListDef") {
        // Without data there are no fields.
        let items = match &bundle.data_metadata {
            Some(metadata) if with_data => data_model::field_list(metadata, definition),
            _ => Vec::new(),
        };
        layout.insert("qFieldList".into(), json!({"qItems": items}));
    }
    if properties.get("qMediaListDef").is_some() {
        layout.insert("qMediaList".into(), json!({"qItems": []}));
    }
}

/// `GetObjects`: objects of the app itself, children are not among them.
pub(super) fn objects(app: &App, options: &Value) -> Vec<Value> {
    let types: Vec<&str> = options
        .get("qTypes")
        .and_then(Value::as_array)
        .map(|types| types.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    app.content
        .app_objects(None)
        .filter(|object| types.is_empty() || types.contains(&object.kind()))
        .map(|object| object_item(app, object, options))
        .collect()
}

/// Items of a variable list. Those that the engine itself makes are shown when asked for.
pub(super) fn variables(app: &App, definition: &Value) -> Vec<Value> {
    let wanted = |key: &str| definition.get(key).and_then(Value::as_bool).unwrap_or(false);
    let shown = |variable: &&Variable| {
        (!variable.reserved || wanted("qShowReserved"))
            && (!variable.config || wanted("qShowConfig"))
    };
    let item = |variable: &Variable| {
        let mut item = Map::new();
        item.insert("qName".into(), variable.name.clone().into());
        if !variable.definition().is_empty() {
            item.insert("qDefinition".into(), variable.definition().into());
        }
        let description = text_at(&variable.properties, "/qComment");
        if !description.is_empty() {
            item.insert("qDescription".into(), description.into());
        }
        for (key, flag) in [
            ("qIsScriptCreated", variable.script_created),
            ("qIsReserved", variable.reserved),
            ("qIsConfig", variable.config),
        ] {
            if flag {
                item.insert(key.into(), true.into());
            }
        }
        item.insert("qMeta".into(), json!({"privileges": ["read"]}));
        item.insert("qInfo".into(), json!({"qId": variable.id, "qType": "variable"}));
        item.insert("qData".into(), data(&variable.properties, definition));
        Value::Object(item)
    };
    app.content.variables().iter().filter(shown).map(item).collect()
}

/// `qMeta` of an object of the app on a client-managed site.
pub(super) fn object_meta(app: &App, object: &Object) -> Value {
    let id = text_at(&object.properties, "/qInfo/qId");
    let mut meta = library_meta(app, &object.properties);
    let keys = app.keys.sheets.get(id).cloned().unwrap_or_default();
    let owner = keys.owner.unwrap_or_else(|| app.owner());
    meta.insert("id".into(), derived_id("object", &format!("{}/{id}", app.id)).into());
    meta.insert("_resourcetype".into(), "app.object".into());
    meta.insert("_objecttype".into(), object.kind().into());
    meta.insert("approved".into(), keys.approved.unwrap_or_else(|| app.published()).into());
    meta.insert("published".into(), keys.published.unwrap_or_else(|| app.published()).into());
    // A string on Qlik Cloud, an object here.
    let user = json!({
        "id": derived_id("user", &owner.account()),
        "userId": owner.id,
        "userDirectory": owner.directory,
        "name": owner.display_name(),
        "privileges": null,
    });
    meta.insert("owner".into(), user);
    if let Some(time) = app.publish_time() {
        meta.insert("publishTime".into(), time.into());
    }
    Value::Object(meta)
}

/// `qMeta` of a library item: its `qMetaDef`, times, privileges.
pub(super) fn library_meta(app: &App, properties: &Value) -> Map<String, Value> {
    let mut meta = match properties.get("qMetaDef") {
        Some(Value::Object(meta)) => meta.clone(),
        _ => Map::new(),
    };
    meta.insert("createdDate".into(), app.created.clone().into());
    meta.insert("modifiedDate".into(), app.modified.clone().into());
    meta.insert("privileges".into(), json!(["read"]));
    meta
}

/// `qDimInfos`: one entry per field, without facts when there is no data.
pub(super) fn dimension_infos(app: &App, dimension: &Value, with_data: bool) -> Value {
    let metadata = app.content.bundle.data_metadata.as_ref().filter(|_| with_data);
    let fields = dimension.pointer("/qDim/qFieldDefs").and_then(Value::as_array);
    let info = |field: &Value| {
        let name = field.as_str().unwrap_or_default().trim_start_matches('=');
        let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
        match metadata.and_then(|metadata| data_model::field_facts(metadata, name)) {
            Some((tags, values)) => json!({"qTags": tags, "qCardinal": values}),
            None => json!({"qTags": []}),
        }
    };
    fields.map(|fields| fields.iter().map(info).collect()).unwrap_or_else(|| json!([]))
}

fn object_item(app: &App, object: &Object, definition: &Value) -> Value {
    json!({
        "qInfo": object.info(),
        "qMeta": object_meta(app, object),
        "qData": data(&object.properties, definition),
    })
}

fn library_item(app: &App, properties: &Value, definition: &Value) -> Value {
    json!({
        "qInfo": properties.get("qInfo"),
        "qMeta": library_meta(app, properties),
        "qData": data(properties, definition),
    })
}

/// `qData`: what the paths of the definition find in the properties.
pub(super) fn data(properties: &Value, definition: &Value) -> Value {
    let mut data = Map::new();
    if let Some(Value::Object(paths)) = definition.get("qData") {
        for (name, path) in paths {
            let path = path.as_str().unwrap_or_default();
            // Arrays of field definitions come back as an empty string.
            if path == "/qDim/qFieldDefs" {
                data.insert(name.clone(), "".into());
            } else if let Some(found) = properties.pointer(path) {
                data.insert(name.clone(), found.clone());
            }
        }
    }
    Value::Object(data)
}
