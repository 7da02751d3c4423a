//! Properties of any app: nothing panics, keys are distinct, references hold.

use proptest::prelude::*;

use super::*;

const KEYS: &[&str] = &[
    "qInfo",
    "qId",
    "qType",
    "qProperty",
    "qChildren",
    "qExtendsId",
    "visualization",
    "cells",
    "name",
    "row",
    "col",
    "qHyperCubeDef",
    "qDimensions",
    "qMeasures",
    "qDef",
    "qFieldDefs",
    "qLibraryId",
    "qUndoExclude",
    "generated",
    "gaLayers",
    "color",
    "mode",
    "key",
    "type",
    "title",
    "qMetaDef",
    "children",
    "refId",
    "condition",
    "qStringExpression",
    "qExpr",
    "tooltip",
    "rank",
    "fields",
    "tables",
    "src_tables",
    "qtr",
    "qFields",
    "qName",
    "tags",
    "qMeasure",
    "qDim",
    "qListObjectDef",
    "qAttributeExpressions",
    "qExpression",
    "qv",
    "qSortBy",
];

const TEXTS: &[&str] = &[
    "sheet",
    "masterobject",
    "container",
    "filterpane",
    "barchart",
    "auto-chart",
    "map",
    "a",
    "b",
    "c",
    "A",
    "=Sum(A)",
    "[M]",
    "$(v)",
    "expression",
    "libraryItem",
    "T",
    "",
    "byMeasure",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        prop::sample::select(TEXTS).prop_map(Value::from),
        any::<Option<bool>>().prop_map(Value::from),
        (-2..40_i64).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 6, |inner| {
        let member = (prop::sample::select(KEYS), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(Value::from),
            prop::collection::vec(member, 0..6).prop_map(|members| {
                let members = members.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// An object, a master object or a sheet with few different ids, so that they refer to each other.
fn any_node() -> impl Strategy<Value = Value> {
    let id = prop::sample::select(&["a", "b", "c", "d"][..]);
    let kind = prop::sample::select(TEXTS);
    let node = (id.clone(), kind.clone(), id, kind, any_json()).prop_map(
        |(id, kind, link, visualization, other)| {
            let mut own = other.as_object().cloned().unwrap_or_default();
            own.insert("qInfo".into(), json!({"qId": id, "qType": kind}));
            own.insert("qExtendsId".into(), link.into());
            own.insert("visualization".into(), visualization.into());
            json!({"qProperty": own, "qChildren": []})
        },
    );
    node.prop_recursive(3, 12, 4, |inner| {
        (inner.clone(), prop::collection::vec(inner, 0..4)).prop_map(|(mut node, children)| {
            node["qChildren"] = children.into();
            node
        })
    })
}

proptest! {
    #[test]
    fn any_app_is_mapped(
        objects in prop::collection::vec(any_node(), 0..6),
        children in prop::collection::vec(any_node(), 0..6),
        model in any_json(),
        items in prop::collection::vec(any_json(), 0..4),
        emit_non_charts in any::<bool>(),
    ) {
        let mut objects = objects;
        objects.push(json!({"qProperty": {"qInfo": {"qId": "s", "qType": "sheet"}}, "qChildren": children}));
        let content = AppContent {
            objects,
            measures: items.clone(),
            dimensions: items.clone(),
            layout: items.first().cloned().unwrap_or_default(),
            data_model: DataModelSource::Metadata(model.clone()),
            ..AppContent::default()
        };
        let events = map_with(&content, Options { emit_non_charts });
        let charts: HashSet<&str> = ids(&events).into_iter().collect();
        prop_assert_eq!(charts.len(), events.charts.len());
        for id in events.dashboard.sheets.iter().flat_map(|sheet| &sheet.chart_ids) {
            prop_assert!(charts.contains(id.as_str()));
        }
        let keys: HashSet<String> =
            events.clone().into_events().iter().map(|it| format!("{:?} {}", it.topic(), it.key())).collect();
        prop_assert_eq!(keys.len(), events.into_events().len());

        map_with(
            &AppContent { data_model: DataModelSource::TablesAndKeys(model), ..content },
            Options::default(),
        );
    }
}
