//! What sheets hold: titles, master visualizations, kinds of objects, containers.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn titles_that_are_expressions() {
    let title = json!({"qStringExpression": {"qExpr": "'Total: ' & Sum(A)"}});
    let plan = planned(app_with(json!([
        object("new", "barchart", json!({"title": title, "qHyperCubeDef": cube("A", "Sum(B)")})),
        object(
            "old",
            "barchart",
            json!({"title": "='Total: ' & Sum(A)", "qHyperCubeDef": cube("A", "Sum(B)")})
        ),
    ])))
    .await;
    for id in ["new", "old"] {
        let chart = plan.event(&format!("app/{id}"));
        assert_eq!(chart["title"], json!(null), "{chart}");
        let expression = chart["title_expression"].as_str().expect("an expression");
        assert_eq!(expression.trim_start_matches('='), "'Total: ' & Sum(A)");
        let auxiliary = &chart["auxiliary_expressions"][0];
        assert_eq!(auxiliary["fields"], json!(["A"]), "{chart}");
        assert_eq!(chart["measures"][0]["fields"], json!(["B"]), "never mixed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn linked_master_visualizations_and_kinds_of_objects() {
    let linked = json!({"qProperty": {"qInfo": {"qId": "linked", "qType": "barchart"}, "qExtendsId": "master"},
        "qChildren": []});
    let auto = object(
        "auto",
        "auto-chart",
        json!({"qUndoExclude": {"generated": {
        "visualization": "linechart", "qHyperCubeDef": cube("A", "Sum(B)")}}}),
    );
    let map = object(
        "map",
        "map",
        json!({"gaLayers": [{"type": "AreaLayer", "qHyperCubeDef": cube("A", "Max(B)")}]}),
    );
    let mut container =
        object("box", "container", json!({"children": [{"refId": "x", "label": "L"}]}));
    container["qChildren"] = json!([object(
        "inner",
        "piechart",
        json!({
        "containerChildId": "x", "qHyperCubeDef": cube("A", "Min(B)")})
    )]);
    let unknown = object("odd", "acme-radar", json!({"qHyperCubeDef": cube("A", "Avg(B)")}));
    let excluded = object(
        "alt",
        "table",
        json!({"qHyperCubeDef": {
        "qDimensions": [{"qDef": {"qFieldDefs": ["A"]}}], "qMeasures": [],
        "qLayoutExclude": {"qHyperCubeDef": cube("B", "Sum(B)")}}}),
    );
    let mut bundle = app_with(json!([linked, auto, map, container, unknown, excluded]));
    let master = json!({"qProperty": {"qInfo": {"qId": "master", "qType": "masterobject"},
        "visualization": "scatterplot", "qMetaDef": {"title": "Master"},
        "qHyperCubeDef": cube("A", "Count(B)")}, "qChildren": []});
    bundle["objects"].as_array_mut().expect("objects").push(master);
    let plan = planned(bundle).await;
    let check = |id: &str, kind: &str, expression: Option<&str>| {
        let chart = plan.event(&format!("app/{id}"));
        assert_eq!(chart["chart_type"], kind, "{chart}");
        assert_eq!(chart["measures"][0]["expression"].as_str(), expression, "{chart}");
        assert_eq!(chart["dimensions"][0]["fields"], json!(["A"]), "{chart}");
    };
    check("linked", "SCATTER", Some("Count(B)"));
    check("auto", "LINE", Some("Sum(B)"));
    check("map", "MAP", Some("Max(B)"));
    check("inner", "PIE", Some("Min(B)"));
    check("odd", "OTHER", Some("Avg(B)"));
    check("alt", "TABLE", None);
    assert_eq!(plan.event("app/linked")["master_object_id"], "master");
    assert_eq!(plan.event("app/linked")["title"], "Master");
    assert_eq!(plan.event("app/inner")["parent_id"], "box");
    assert_eq!(plan.event("app/odd")["visualization"], "acme-radar");
    assert!(plan.keys("app/box").is_empty() && plan.keys("app/master").is_empty());
}

/// Containers of every kind, within each other; the list boxes of a filter pane are its parts.
#[tokio::test(flavor = "multi_thread")]
async fn containers_within_containers() {
    let chart = |id: &str, child: &str| {
        object(id, "barchart", json!({"childRefId": child, "qHyperCubeDef": cube("A", "Sum(B)")}))
    };
    let inside = |mut outer: Value, children: Value| {
        outer["qChildren"] = children;
        outer
    };
    let list =
        object("list", "listbox", json!({"qListObjectDef": {"qDef": {"qFieldDefs": ["A"]}}}));
    let pane = inside(object("pane", "filterpane", json!({"childRefId": "p"})), json!([list]));
    let layout = inside(
        object(
            "layout",
            "sn-layout-container",
            json!({"childRefId": "l",
            "objects": [{"childRefId": "p"}, {"childRefId": "d"}]}),
        ),
        json!([chart("deep", "d"), pane]),
    );
    let tabs = inside(
        object(
            "tabs",
            "sn-tabbed-container",
            json!({"objects": [
            {"childRefId": "l", "label": "L"}, {"childRefId": "x", "condition": "=Max(B)>1"}]}),
        ),
        json!([chart("tab", "x"), layout]),
    );
    let mut site = Site::with_app(app_with(json!([tabs]))).await;
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["sheets"][0]["chart_ids"], json!(["deep", "tab"]));
    assert_eq!(plan.event("app/deep")["parent_id"], "layout");
    assert_eq!(plan.event("app/tab")["parent_id"], "tabs");
    assert!(plan.event("app/tab")["auxiliary_expressions"].to_string().contains("Max(B)"));
    site.config["extractor"]["nonChartObjects"] = true.into();
    let plan = site.plan().await;
    assert_eq!(plan.event("app")["sheets"][0]["chart_ids"], json!(["pane", "deep", "tab"]));
    assert_eq!(plan.event("app/pane")["dimensions"][0]["fields"], json!(["A"]));
    assert!(plan.keys("app/list").is_empty() && plan.keys("app/tabs").is_empty());
}
