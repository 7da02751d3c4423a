//! Small apps, one rule each; `apps` runs over real ones.

mod any;
mod apps;
mod auxiliary;
mod charts;
mod edges;
mod models;
mod sheets;

use serde_json::{Value, json};

use super::*;
use crate::qlik::model::{DataModelSource, Variable};

/// An app whose data model is one table `T` with these fields.
fn content(fields: &[&str], objects: Value) -> AppContent {
    let fields: Vec<Value> =
        fields.iter().map(|name| json!({"name": name, "src_tables": ["T"]})).collect();
    AppContent {
        objects: objects.as_array().expect("a list of objects").clone(),
        data_model: DataModelSource::Metadata(json!({"fields": fields, "tables": [{"name": "T"}]})),
        ..AppContent::default()
    }
}

fn map_with(content: &AppContent, options: Options) -> AppEvents {
    let entry = AppEntry { id: "app".into(), title: "App".into(), ..AppEntry::default() };
    let context = Context {
        service: "prod",
        base_url: Some("https://qlik.example.com/"),
        observed_at: 1,
        options,
    };
    map_app(&entry, content, &context)
}

fn map(content: &AppContent) -> AppEvents {
    map_with(content, Options::default())
}

/// A sheet whose cells are in the order of its children.
fn sheet(id: &str, children: Value) -> Value {
    let children = children.as_array().expect("a list of children").clone();
    let cells: Vec<Value> = children
        .iter()
        .enumerate()
        .map(|(row, child)| json!({"name": child["qProperty"]["qInfo"]["qId"], "row": row, "col": 0}))
        .collect();
    json!({
        "qProperty": {"qInfo": {"qId": id, "qType": "sheet"}, "qMetaDef": {"title": id}, "cells": cells},
        "qChildren": children,
    })
}

/// An object: `properties` over `qInfo` and `visualization`.
fn object(id: &str, visualization: &str, properties: Value) -> Value {
    nested(id, visualization, properties, json!([]))
}

/// An object with nested ones.
fn nested(id: &str, visualization: &str, properties: Value, children: Value) -> Value {
    let mut own =
        json!({"qInfo": {"qId": id, "qType": visualization}, "visualization": visualization});
    for (key, value) in properties.as_object().expect("an object of properties") {
        own[key] = value.clone();
    }
    json!({"qProperty": own, "qChildren": children})
}

/// An object that is linked to a master visualization.
fn link(id: &str, visualization: &str, master: &str) -> Value {
    json!({"qProperty": {"qInfo": {"qId": id, "qType": visualization}, "qExtendsId": master, "qMetaDef": {}}})
}

/// A master visualization.
fn master(id: &str, visualization: &str, properties: Value, children: Value) -> Value {
    let mut node = nested(id, visualization, properties, children);
    node["qProperty"]["qInfo"]["qType"] = "masterobject".into();
    node
}

/// A cube of inline dimensions and measures.
fn cube(dimensions: &[&str], measures: &[&str]) -> Value {
    let dimensions: Vec<Value> =
        dimensions.iter().map(|it| json!({"qDef": {"qFieldDefs": [it]}})).collect();
    let measures: Vec<Value> = measures.iter().map(|it| json!({"qDef": {"qDef": it}})).collect();
    json!({"qDimensions": dimensions, "qMeasures": measures})
}

fn ids(events: &AppEvents) -> Vec<&str> {
    events.charts.iter().map(|chart| chart.object_id.as_str()).collect()
}

fn chart<'e>(events: &'e AppEvents, id: &str) -> &'e Chart {
    events.charts.iter().find(|chart| chart.object_id == id).expect("the chart")
}

/// The one chart with these properties on a sheet of an app with the fields A, B, C.
fn one_chart(visualization: &str, properties: Value) -> Chart {
    let objects = json!([sheet("s", json!([object("c", visualization, properties)]))]);
    let events = map(&content(&["A", "B", "C"], objects));
    assert_eq!(ids(&events), ["c"]);
    chart(&events, "c").clone()
}

fn measure(id: &str, title: &str, expression: &str) -> Value {
    json!({"qInfo": {"qId": id, "qType": "measure"}, "qMeasure": {"qDef": expression, "qLabel": title},
        "qMetaDef": {"title": title}})
}

fn dimension(id: &str, title: &str, fields: &[&str], grouping: &str) -> Value {
    json!({"qInfo": {"qId": id, "qType": "dimension"}, "qMetaDef": {"title": title},
        "qDim": {"qFieldDefs": fields, "qGrouping": grouping}})
}

#[test]
fn filtered_charts_and_models_leave_everything() {
    let objects = json!([sheet(
        "s",
        json!([
            object("a", "table", json!({"qHyperCubeDef": cube(&["A"], &[])})),
            object("b", "table", json!({"qHyperCubeDef": cube(&["A"], &[])})),
        ])
    )]);
    let mut events = map(&content(&["A"], objects));
    assert_eq!(events.lineage.len(), 4);
    events.retain_charts(|chart| chart.object_id == "b");
    assert_eq!(events.dashboard.sheets[0].chart_ids, ["b"]);
    assert_eq!(events.lineage.len(), 2);
    events.retain_data_models(|_| false);
    assert!(events.dashboard.data_model_keys.is_empty());
    assert_eq!(events.lineage.len(), 1);
    let last = events.into_events().pop();
    assert!(matches!(last, Some(Event::Dashboard(_))));
}

#[test]
fn an_empty_app_is_an_app() {
    let events = map(&AppContent::default());
    assert_eq!(events.dashboard.title, "App");
    assert_eq!(events.dashboard.script_hash, None);
    assert!(events.charts.is_empty() && events.data_models.is_empty() && events.lineage.is_empty());
    assert!(events.diagnostics.is_empty());
}

#[test]
fn nothing_that_is_not_as_expected_panics() {
    let odd = [json!(null), json!(7), json!("x"), json!([]), json!({}), json!([[{}]]), json!(true)];
    let keys = [
        "qInfo",
        "cells",
        "qMetaDef",
        "qHyperCubeDef",
        "title",
        "color",
        "qExtendsId",
        "rank",
        "gaLayers",
        "tooltip",
        "refLine",
        "children",
        "qUndoExclude",
        "labelExpression",
    ];
    for value in &odd {
        for key in keys {
            let mut node =
                object("c", "container", json!({"qHyperCubeDef": cube(&["A"], &["Sum(A)"])}));
            node["qProperty"][key] = value.clone();
            let mut content = content(&["A"], json!([sheet("s", json!([node.clone()])), node]));
            content.objects.push(value.clone());
            content.measures.push(value.clone());
            content.dimensions.push(value.clone());
            content.layout = value.clone();
            content.object_meta.insert("s".into(), value.clone());
            map(&content);
        }
        for source in [DataModelSource::Metadata, DataModelSource::TablesAndKeys] {
            for key in ["fields", "tables", "qtr", "qk"] {
                let content = AppContent {
                    data_model: source(json!({key: [value, {"name": value, "src_tables": value}]})),
                    ..AppContent::default()
                };
                map(&content);
            }
        }
    }
}

#[test]
fn deep_properties_and_containers_end() {
    let mut deep = json!({"qHyperCubeDef": cube(&["A"], &[])});
    for _ in 0..1_000 {
        deep = json!({"inner": [deep]});
    }
    let mut boxes = object("inmost", "table", json!({}));
    for depth in 0..100 {
        boxes = nested(&format!("c{depth}"), "container", json!({}), json!([boxes]));
    }
    let mut tree = object("c", "barchart", json!({"qHyperCubeDef": cube(&["A"], &[])}));
    tree["qProperty"]["deep"] = deep.clone();
    let events = map(&content(&["A"], json!([sheet("s", json!([tree, boxes]))])));
    assert_eq!(ids(&events), ["c"]);
    assert_eq!(chart(&events, "c").dimensions.len(), 1);
    assert_eq!(events.diagnostics.len(), 1, "{:?}", events.diagnostics);
    // Values this deep only come from tests; dropping them recurses, so they are taken apart.
    let mut rest = deep;
    while let Some(inner) = rest.pointer_mut("/inner/0").map(Value::take) {
        rest = inner;
    }
}

#[test]
fn dashboard_takes_from_the_layout_what_no_list_says() {
    let mut content = content(&["A"], json!([]));
    content.script = Some("LOAD 1 AS A AUTOGENERATE 1;".into());
    content.layout = json!({
        "qTitle": "Layout", "qLastReloadTime": "2020-05-17T22:11:29.815Z", "hassectionaccess": false,
        "qMeta": {"description": "d", "published": true, "createdDate": "2020-05-17T22:11:19.206Z",
            "modifiedDate": "1753-01-01T00:00:00.000Z", "stream": {"id": "1", "name": "Finance"},
            "owner": {"userId": "dana", "userDirectory": "CORP", "name": "Dana"}},
    });
    let dashboard = map(&content).dashboard;
    assert_eq!(dashboard.title, "App");
    assert_eq!(dashboard.url.as_deref(), Some("https://qlik.example.com/sense/app/app/overview"));
    assert_eq!(dashboard.last_reload_at, Some(1_589_753_489_815));
    assert_eq!(dashboard.created_at, Some(1_589_753_479_206));
    assert_eq!((dashboard.modified_at, dashboard.published), (None, Some(true)));
    assert_eq!(dashboard.has_section_access, Some(false));
    assert_eq!(dashboard.project.map(|it| it.name).as_deref(), Some("Finance"));
    assert_eq!(dashboard.owner.and_then(|it| it.id).as_deref(), Some("dana"));
    assert_eq!(dashboard.data_model_keys, ["prod/app/T"]);
    assert_eq!(dashboard.script_hash.map(|hash| hash.len()), Some(32));

    content.data_model = DataModelSource::Metadata(json!({"has_section_access": true}));
    assert_eq!(map(&content).dashboard.has_section_access, Some(true));
}

#[test]
fn lists_come_sorted() {
    let entry = AppEntry {
        id: "C:\\Apps\\a b.qvf".into(),
        tags: vec!["b".into(), "a".into(), "b".into()],
        custom_properties: vec![("P".into(), "2".into()), ("P".into(), "1".into())],
        ..AppEntry::default()
    };
    let context = Context {
        service: "prod",
        base_url: Some("https://x"),
        observed_at: 1,
        options: Options::default(),
    };
    let dashboard = map_app(&entry, &AppContent::default(), &context).dashboard;
    assert_eq!(dashboard.tags, ["a", "b"]);
    assert_eq!(dashboard.custom_properties.first().map(|it| it.value.as_str()), Some("1"));
    assert_eq!(dashboard.title, entry.id);
    assert_eq!(
        dashboard.url.as_deref(),
        Some("https://x/sense/app/C%3A%5CApps%5Ca%20b.qvf/overview")
    );
}

#[test]
fn variables_and_labels_are_followed() {
    let objects = json!([sheet(
        "s",
        json!([object(
            "c",
            "table",
            json!({"qHyperCubeDef": {
                "qMeasures": [
                    {"qDef": {"qDef": "Sum(A)", "qLabel": "First"}},
                    {"qDef": {"qDef": "[First] / $(vB)"}},
                ],
            }})
        )])
    )]);
    let mut content = content(&["A", "B"], objects);
    content.variables = vec![Variable { name: "vB".into(), definition: "Sum(B)".into() }];
    let events = map(&content);
    let measures = &chart(&events, "c").measures;
    assert_eq!(measures[0].fields, ["A"]);
    assert_eq!(measures[1].fields, ["A", "B"]);
}

#[test]
fn an_app_without_data_model_says_so_once() {
    let objects = json!([sheet(
        "s",
        json!([object(
            "c",
            "table",
            json!({
                "qHyperCubeDef": cube(&["Order Date", "B"], &["Sum(C)"]),
            })
        )])
    )]);
    let events = map(&AppContent { data_model: DataModelSource::Absent, ..content(&[], objects) });
    assert_eq!(chart(&events, "c").measures[0].expression, "Sum(C)");
    assert!(chart(&events, "c").measures[0].fields.is_empty());
    assert_eq!(events.diagnostics.len(), 1, "{:?}", events.diagnostics);
}

/// Section access may refuse the data to everybody: the expressions still say what they name.
#[test]
fn fields_of_an_app_whose_data_model_is_unreadable_are_those_that_expressions_name() {
    let objects = json!([sheet(
        "s",
        json!([object(
            "c",
            "table",
            json!({
                "qHyperCubeDef": cube(&["Order Date", "=Year(Day)"], &["Sum({<B={1}>} C)"]),
            })
        )])
    )]);
    let data_model = DataModelSource::Unreadable { reason: "refused".to_owned(), transient: false };
    let events = map(&AppContent { data_model, ..content(&[], objects) });
    let chart = chart(&events, "c");
    assert_eq!(chart.dimensions[0].fields, ["Order Date"]);
    assert_eq!(chart.dimensions[1].fields, ["Day"]);
    assert_eq!(chart.measures[0].fields, ["B", "C"]);
    assert_eq!(events.diagnostics.len(), 1, "{:?}", events.diagnostics);
}
