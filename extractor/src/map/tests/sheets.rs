//! Order, containers, links.

use super::*;

#[test]
fn sheets_come_by_rank_and_those_without_last() {
    let sheet_with = |id: &str, rank: Value| {
        let mut node = sheet(id, json!([]));
        node["qProperty"]["rank"] = rank;
        node
    };
    let mut content = content(
        &[],
        json!([
            sheet_with("none-b", json!(null)),
            sheet_with("ten", json!(10.5)),
            sheet_with("none-a", json!("x")),
            sheet_with("minus", json!(-1)),
            sheet_with("eight", json!(8)),
        ]),
    );
    content.objects[3]["qProperty"]["labelExpression"] = "='Total: ' & Sum(X)".into();
    content.objects[3]["qProperty"]["qMetaDef"]["description"] = "d".into();
    content.object_meta.insert("minus".into(), json!({"published": true, "approved": false}));
    let sheets = map(&content).dashboard.sheets;
    let ids: Vec<&str> = sheets.iter().map(|sheet| sheet.id.as_str()).collect();
    assert_eq!(ids, ["minus", "eight", "ten", "none-a", "none-b"]);
    let first = &sheets[0];
    assert_eq!(first.title_expression.as_deref(), Some("='Total: ' & Sum(X)"));
    assert_eq!((first.published, first.approved), (Some(true), Some(false)));
    assert_eq!(first.description.as_deref(), Some("d"));
    assert_eq!((sheets[1].published, sheets[1].rank), (None, Some(8.0)));
}

#[test]
fn charts_come_by_row_then_column_and_those_without_a_cell_last() {
    let mut node = sheet(
        "s",
        json!([
            object("leftover", "kpi", json!({})),
            object("below", "kpi", json!({})),
            object("right", "kpi", json!({})),
            object("left", "kpi", json!({})),
        ]),
    );
    node["qProperty"]["cells"] = json!([
        {"name": "right", "row": 0, "col": 12}, {"name": "below", "row": 6, "col": 0},
        {"name": "left", "row": 0, "col": 0}, {"name": "gone", "row": 1, "col": 0},
    ]);
    let events = map(&content(&[], json!([node])));
    assert_eq!(ids(&events), ["left", "right", "below", "leftover"]);
    assert_eq!(events.dashboard.sheets[0].chart_ids, ["left", "right", "below", "leftover"]);
}

#[test]
fn a_container_gives_way_to_what_it_holds_in_its_order() {
    let objects = json!([sheet(
        "s",
        json!([
            nested(
                "box",
                "container",
                json!({"children": [
                    {"refId": "2"}, {"refId": "1", "condition": {"qStringExpression": {"qExpr": "Sum(A) > 1"}}},
                ]}),
                json!([
                    object("unlisted", "table", json!({})),
                    object("one", "table", json!({"containerChildId": "1"})),
                    object("two", "table", json!({"containerChildId": "2"})),
                ])
            ),
            nested(
                "tabs",
                "sn-tabbed-container",
                json!({"objects": [{"childRefId": "y"}, {"childRefId": "x"}]}),
                json!([
                    object("x", "kpi", json!({"childRefId": "x"})),
                    nested(
                        "pane",
                        "sn-layout-container",
                        json!({"childRefId": "y"}),
                        json!([
                            nested(
                                "filters",
                                "filterpane",
                                json!({}),
                                json!([object("list", "listbox", json!({}))])
                            ),
                            object("deep", "barchart", json!({})),
                        ])
                    ),
                ])
            ),
            object("after", "kpi", json!({})),
        ])
    )]);
    let events = map(&content(&["A"], objects));
    assert_eq!(ids(&events), ["two", "one", "unlisted", "deep", "x", "after"]);
    let parent = |id: &str| chart(&events, id).parent_id.as_deref();
    assert_eq!(parent("one"), Some("box"));
    assert_eq!(parent("deep"), Some("pane"));
    assert_eq!(parent("after"), None);
    let condition = &chart(&events, "one").auxiliary_expressions[0];
    assert_eq!(condition.role, event::AuxiliaryRole::ShowCondition);
    assert_eq!(condition.fields, ["A"]);
}

#[test]
fn a_linked_container_brings_the_master_objects_children_once() {
    let objects = json!([
        sheet("s2", json!([link("on-two", "container", "m")])),
        sheet("s1", json!([link("on-one", "container", "m"), link("linked", "filterpane", "f")])),
        master(
            "m",
            "container",
            json!({"children": [{"refId": "k"}, {"refId": "v"}]}),
            json!([
                link("v-link", "barchart", "v"),
                object("own", "kpi", json!({"containerChildId": "k"})),
            ])
        ),
        master("v", "linechart", json!({"qHyperCubeDef": cube(&["A"], &["Sum(B)"])}), json!([])),
        master(
            "f",
            "filterpane",
            json!({}),
            json!([object(
                "list",
                "listbox",
                json!({"qListObjectDef": {"qDef": {"qFieldDefs": ["C"]}}})
            ),])
        ),
    ]);
    let content = content(&["A", "B", "C"], objects);
    let events = map(&content);
    assert_eq!(ids(&events), ["own", "v-link"]);
    assert_eq!(chart(&events, "own").sheet_id, "s1");
    assert_eq!(chart(&events, "own").parent_id.as_deref(), Some("on-one"));
    assert_eq!(chart(&events, "v-link").chart_type, event::ChartType::Line);
    assert_eq!(chart(&events, "v-link").dimensions[0].fields, ["A"]);
    for sheet in &events.dashboard.sheets {
        assert_eq!(sheet.chart_ids, ["own", "v-link"]);
    }

    let all = map_with(&content, Options { emit_non_charts: true });
    assert_eq!(ids(&all), ["own", "v-link", "linked"]);
    let pane = chart(&all, "linked");
    assert_eq!(pane.chart_type, event::ChartType::Other);
    assert_eq!(pane.visualization, "filterpane");
    assert_eq!(pane.dimensions[0].fields, ["C"]);
}

#[test]
fn masters_that_hold_each_other_end() {
    let objects = json!([
        sheet("s", json!([link("a", "container", "m1")])),
        master("m1", "container", json!({}), json!([link("b", "container", "m2")])),
        master(
            "m2",
            "container",
            json!({}),
            json!([link("a2", "container", "m1"), object("c", "kpi", json!({}))])
        ),
        master("loop", "table", json!({"qExtendsId": "loop"}), json!([])),
        sheet("t", json!([link("l", "table", "loop")])),
    ]);
    assert_eq!(ids(&map(&content(&[], objects))), ["c", "l"]);
}

#[test]
fn a_missing_master_and_an_object_without_id_are_told() {
    let objects = json!([sheet(
        "s",
        json!([
            link("l", "barchart", "gone"),
            {"qProperty": {"visualization": "kpi"}},
        ])
    )]);
    let events = map(&content(&["A"], objects));
    assert_eq!(ids(&events), ["l"]);
    assert_eq!(chart(&events, "l").chart_type, event::ChartType::Bar);
    let messages: Vec<&str> = events.diagnostics.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "an object without an id is left out",
            "its master visualization `gone` could not be read"
        ]
    );
}
