//! Layouts of generic objects: properties as the engine evaluates them. There is no data here, so
//! cubes have their structure and no rows, and expressions evaluate to their literal parts.

use serde_json::{Map, Value, json};

use super::lists;
use crate::content::{Content, Object, text_at};
use crate::data_model;
use crate::site::App;

/// The layout of a persistent object.
pub(super) fn of_object(app: &App, id: &str, with_data: bool) -> Option<Value> {
    let object = app.content.object(id)?;
    let properties = effective(&app.content, object);
    let mut layout = evaluated(app, &properties, with_data);
    layout.insert("qMeta".into(), lists::object_meta(app, object));
    // One level of children, and only where the properties ask for it.
    if let Some(definition) = properties.get("qChildListDef") {
        layout.insert("qChildList".into(), json!({"qItems": child_items(app, object, definition)}));
    }
    Some(Value::Object(layout))
}

/// The layout of a session object.
pub(super) fn of_session_object(app: &App, properties: &Value, with_data: bool) -> Value {
    let mut layout = evaluated(app, properties, with_data);
    for definition in [
        "qAppObjectListDef",
        "qMeasureListDef",
        "qDimensionListDef",
        "qBookmarkListDef",
        "qVariableListDef",
        "qFieldListDef",
        "qMediaListDef",
    ] {
        layout.remove(definition);
    }
    layout
        .insert("qMeta".into(), json!({"privileges": ["read", "update", "delete", "exportdata"]}));
    lists::add_to_layout(&mut layout, app, properties, with_data);
    Value::Object(layout)
}

/// Properties with those of the object that it extends.
pub(super) fn effective(content: &Content, object: &Object) -> Value {
    let base = text_at(&object.properties, "/qExtendsId");
    let Some(base) = content.object(base) else { return object.properties.clone() };
    let mut merged = base.properties.clone();
    if let (Value::Object(merged), Value::Object(own)) = (&mut merged, &object.properties) {
        merged.extend(own.clone());
    }
    merged
}

fn child_items(app: &App, object: &Object, definition: &Value) -> Vec<Value> {
    let children = object.children.iter().filter_map(|child| app.content.object(child));
    children
        .map(|child| {
            let properties = effective(&app.content, child);
            json!({
                "qInfo": child.info(),
                "qMeta": {"privileges": ["read"]},
                "qData": lists::data(&properties, definition),
            })
        })
        .collect()
}

/// The properties without definitions, with what they evaluate to.
fn evaluated(app: &App, properties: &Value, with_data: bool) -> Map<String, Value> {
    let Value::Object(properties) = properties else { return Map::new() };
    let mut layout = Map::new();
    for (key, value) in properties {
        match key.as_str() {
            "qMetaDef" | "qChildListDef" | "qLayoutExclude" => {}
            "qHyperCubeDef" => {
                layout.insert("qHyperCube".into(), hypercube(app, value, with_data));
            }
            "qListObjectDef" => {
                layout.insert("qListObject".into(), list_object(app, value, with_data));
            }
            "qStaticContentUrlDef" => {
                layout.insert("qStaticContentUrl".into(), value.clone());
            }
            _ => {
                layout.insert(key.clone(), evaluated_value(app, value, with_data));
            }
        }
    }
    layout.entry("qSelectionInfo").or_insert_with(|| json!({}));
    layout
}

fn evaluated_value(app: &App, value: &Value, with_data: bool) -> Value {
    match value {
        Value::Object(map) => {
            if let Some(expression) = map.get("qStringExpression") {
                let text = match expression {
                    Value::String(text) => text,
                    other => text_at(other, "/qExpr"),
                };
                return literal_parts(text).into();
            }
            if map.contains_key("qValueExpression") {
                return "NaN".into();
            }
            let mut inner = evaluated(app, value, with_data);
            if !map.contains_key("qSelectionInfo") {
                inner.remove("qSelectionInfo");
            }
            Value::Object(inner)
        }
        Value::Array(list) => {
            list.iter().map(|item| evaluated_value(app, item, with_data)).collect()
        }
        _ => value.clone(),
    }
}

/// The string literals of an expression, put together.
fn literal_parts(expression: &str) -> String {
    let mut text = String::new();
    for (index, part) in expression.split('\'').enumerate() {
        if index % 2 == 1 {
            text.push_str(part);
        }
    }
    text
}

fn hypercube(app: &App, definition: &Value, with_data: bool) -> Value {
    let list = |key: &str| {
        definition.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    let dimensions: Vec<Value> = list("qDimensions")
        .iter()
        .map(|dimension| dimension_info(app, dimension, with_data))
        .collect();
    // The expression of a measure is not in its layout.
    let measures: Vec<Value> =
        list("qMeasures").iter().map(|measure| measure_info(app, measure)).collect();
    let rows = dimensions.iter().filter_map(|info| info.get("qCardinal")?.as_i64()).max();
    json!({
        "qSize": {"qcx": dimensions.len() + measures.len(), "qcy": rows.unwrap_or(0)},
        "qDimensionInfo": dimensions,
        "qMeasureInfo": measures,
        "qEffectiveInterColumnSortOrder": definition.get("qInterColumnSortOrder"),
        "qGrandTotalRow": [],
        "qDataPages": [],
        "qPivotDataPages": [],
        "qStackedDataPages": [],
        "qMode": definition.get("qMode").and_then(Value::as_str).unwrap_or("S"),
        "qNoOfLeftDims": -1,
        "qTreeNodesOnDim": [],
        "qColumnOrder": [],
    })
}

fn list_object(app: &App, definition: &Value, with_data: bool) -> Value {
    let info = dimension_info(app, definition, with_data);
    let rows = info.get("qCardinal").cloned().unwrap_or_else(|| 0.into());
    json!({
        "qSize": {"qcx": 1, "qcy": rows},
        "qDimensionInfo": info,
        "qExpressions": [],
        "qDataPages": [],
    })
}

fn dimension_info(app: &App, definition: &Value, with_data: bool) -> Value {
    let library_id = text_at(definition, "/qLibraryId");
    let library = Content::library(&app.content.bundle.dimensions, library_id);
    // Where both are set, the library wins.
    let dimension = match library {
        Some(item) => item.get("qDim"),
        None => definition.get("qDef"),
    };
    let dimension = dimension.unwrap_or(&Value::Null);
    let fields = dimension.get("qFieldDefs").cloned().unwrap_or_else(|| json!([]));
    let first = text_at(&fields, "/0").trim_start_matches('=');
    let bare = first.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(first);
    let metadata = app.content.bundle.data_metadata.as_ref().filter(|_| with_data);
    let (tags, cardinal) = metadata
        .and_then(|metadata| data_model::field_facts(metadata, bare))
        .unwrap_or_else(|| (json!([]), 0));
    let label = match text_at(dimension, "/qFieldLabels/0") {
        "" => bare,
        label => label,
    };
    let title = match library.map(|item| text_at(item, "/qMetaDef/title")) {
        Some(title) if !title.is_empty() => title,
        _ => label,
    };
    let mut info = Map::new();
    info.insert("qFallbackTitle".into(), title.into());
    info.insert("qCardinal".into(), cardinal.into());
    info.insert("qSortIndicator".into(), "N".into());
    info.insert("qGroupFallbackTitles".into(), fields.clone());
    info.insert("qGroupPos".into(), 0.into());
    info.insert("qTags".into(), tags);
    info.insert("qDimensionType".into(), "D".into());
    let grouping = dimension.get("qGrouping").and_then(Value::as_str).unwrap_or("N");
    info.insert("qGrouping".into(), grouping.into());
    info.insert("qGroupFieldDefs".into(), fields);
    info.insert("qMin".into(), "NaN".into());
    info.insert("qMax".into(), "NaN".into());
    info.insert("qAttrExprInfo".into(), json!([]));
    info.insert("qAttrDimInfo".into(), json!([]));
    if !library_id.is_empty() {
        info.insert("qLibraryId".into(), library_id.into());
    }
    Value::Object(info)
}

fn measure_info(app: &App, definition: &Value) -> Value {
    let library_id = text_at(definition, "/qLibraryId");
    let library = Content::library(&app.content.bundle.measures, library_id);
    let texts = [
        library.map_or("", |item| text_at(item, "/qMetaDef/title")),
        library.map_or("", |item| text_at(item, "/qMeasure/qLabel")),
        text_at(definition, "/qDef/qLabel"),
        text_at(definition, "/qDef/qDef"),
    ];
    let title = texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
    let mut info = Map::new();
    info.insert("qFallbackTitle".into(), title.into());
    info.insert("qCardinal".into(), 0.into());
    info.insert("qSortIndicator".into(), "N".into());
    info.insert("qMin".into(), "NaN".into());
    info.insert("qMax".into(), "NaN".into());
    info.insert("qAttrExprInfo".into(), json!([]));
    info.insert("qAttrDimInfo".into(), json!([]));
    info.insert("qTrendLines".into(), json!([]));
    if !library_id.is_empty() {
        info.insert("qLibraryId".into(), library_id.into());
    }
    Value::Object(info)
}
