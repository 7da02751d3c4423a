//! Types, titles, dimensions, measures.

use event::{ChartType, Grouping};

use super::*;

#[test]
fn types() {
    let check = |visualization: &str, expected| {
        let found = one_chart(visualization, json!({}));
        assert_eq!(found.chart_type, expected, "{visualization}");
        assert_eq!(found.visualization, visualization);
    };
    check("barchart", ChartType::Bar);
    check("linechart", ChartType::Line);
    check("combochart", ChartType::Line);
    check("piechart", ChartType::Pie);
    check("sn-pivot-table", ChartType::Table);
    check("kpi", ChartType::Gauge);
    check("distributionplot", ChartType::Scatter);
    check("boxplot", ChartType::BoxPlot);
    check("histogram", ChartType::Histogram);
    check("sn-grid-chart", ChartType::Heatmap);
    check("map", ChartType::Map);
    check("qlik-sankey-chart-ext", ChartType::Sankey);
    check("sn-org-chart", ChartType::Graph);
    check("sn-nlg-chart", ChartType::Text);
    check("treemap", ChartType::Other);
    check("AcmeGantt", ChartType::Other);
    assert_eq!(one_chart("linechart", json!({"lineType": "area"})).chart_type, ChartType::Area);
}

#[test]
fn controls_are_no_charts() {
    let controls = [
        "filterpane",
        "listbox",
        "action-button",
        "sn-shape",
        "qlik-variable-input",
        "bookmark-list",
    ];
    let children: Vec<Value> = controls.iter().map(|it| object(it, it, json!({}))).collect();
    let content = content(&[], json!([sheet("s", json!(children))]));
    assert!(map(&content).charts.is_empty());
    let all = map_with(&content, Options { emit_non_charts: true });
    assert_eq!(ids(&all), controls);
    assert!(all.charts.iter().all(|chart| chart.chart_type == ChartType::Other));
}

#[test]
fn titles() {
    let check = |properties: Value, title: Option<&str>, expression: Option<&str>| {
        let found = one_chart("kpi", properties);
        assert_eq!(
            (found.title.as_deref(), found.title_expression.as_deref()),
            (title, expression)
        );
    };
    check(json!({"title": "Sales"}), Some("Sales"), None);
    check(json!({"title": ""}), None, None);
    check(json!({"title": "='S' & Max(A)"}), None, Some("='S' & Max(A)"));
    check(json!({"title": {"qStringExpression": {"qExpr": "Max(A)"}}}), None, Some("Max(A)"));
    check(json!({"title": {"qStringExpression": "=Max(A)"}}), None, Some("=Max(A)"));
}

#[test]
fn a_linked_chart_is_its_master_visualization() {
    let objects = json!([
        sheet("s", json!([link("c", "table", "m")])),
        master(
            "m",
            "barchart",
            json!({
                "qMetaDef": {"title": "Library title", "description": "What it shows", "tags": ["b", "a"]},
                "title": "", "subtitle": "below", "qHyperCubeDef": cube(&["A"], &["Sum(B)"]),
            }),
            json!([])
        ),
    ]);
    let mut content = content(&["A", "B"], objects);
    content.object_meta.insert("m".into(), json!({"modifiedDate": "2020-05-17T22:11:29.815Z"}));
    let events = map(&content);
    let found = chart(&events, "c");
    assert_eq!(found.title.as_deref(), Some("Library title"));
    assert_eq!(found.description.as_deref(), Some("What it shows"));
    assert_eq!(found.tags, ["a", "b"]);
    assert_eq!(found.chart_type, ChartType::Bar);
    assert_eq!(found.master_object_id.as_deref(), Some("m"));
    assert_eq!(found.modified_at, Some(1_589_753_489_815));
    assert_eq!(found.measures[0].fields, ["B"]);
    let url = "https://qlik.example.com/sense/app/app/sheet/s/state/analysis";
    assert_eq!(found.url.as_deref(), Some(url));
}

#[test]
fn a_subtitle_describes_a_chart_without_description() {
    assert_eq!(
        one_chart("kpi", json!({"subtitle": "below"})).description.as_deref(),
        Some("below")
    );
    assert_eq!(one_chart("kpi", json!({"subtitle": "='x'"})).description, None);
}

#[test]
fn an_auto_chart_is_what_it_shows() {
    let generated = json!({"qInfo": {"qType": "piechart"}, "visualization": "piechart", "title": "",
        "qHyperCubeDef": cube(&["A"], &["Sum(B)"])});
    let found = one_chart(
        "auto-chart",
        json!({
            "title": "Mine", "qHyperCubeDef": cube(&["C"], &[]), "qUndoExclude": {"generated": generated},
        }),
    );
    assert_eq!(found.chart_type, ChartType::Pie);
    assert_eq!(found.visualization, "piechart");
    assert_eq!(found.title.as_deref(), Some("Mine"));
    assert_eq!(found.dimensions.len(), 1);
    assert_eq!(found.dimensions[0].fields, ["A"]);
    assert_eq!(found.measures[0].fields, ["B"]);

    let empty =
        json!({"visualization": "table", "qHyperCubeDef": {"qDimensions": [], "qMode": "S"}});
    let found = one_chart(
        "auto-chart",
        json!({
            "qHyperCubeDef": cube(&["C"], &[]), "qUndoExclude": {"generated": empty},
        }),
    );
    assert_eq!(
        (found.chart_type, &found.dimensions[0].fields),
        (ChartType::Table, &vec!["C".into()])
    );

    assert_eq!(one_chart("auto-chart", json!({})).chart_type, ChartType::Other);
}

#[test]
fn inline_columns() {
    let found = one_chart(
        "table",
        json!({"qHyperCubeDef": {
            "qDimensions": [
                {"qDef": {"qFieldDefs": ["A"], "qFieldLabels": ["Label"], "qGrouping": "N"}},
                {"qDef": {"qFieldDefs": ["A", "=Year([B])"], "qFieldLabels": [""], "qGrouping": "H"}},
                {"qDef": {"qFieldDefs": ["C"], "qFieldLabels": ["='x'"], "qGrouping": "C"}},
                {"qDef": {"qFieldDefs": [""]}},
            ],
            "qMeasures": [
                {"qDef": {"qDef": "Sum(A)", "qLabel": "Total"}},
                {"qDef": {"qDef": "Count({<B={1}>} DISTINCT C)", "qLabel": "=A"}},
                {"qDef": {"qExpressions": ["Max(A)"]}},
                {"qDef": {"qDef": ""}},
            ],
        }}),
    );
    let dimensions: Vec<_> = found
        .dimensions
        .iter()
        .map(|it| (it.label.as_deref(), it.expressions.join("|"), it.grouping, it.fields.join("|")))
        .collect();
    assert_eq!(
        dimensions,
        [
            (Some("Label"), "A".to_owned(), Grouping::None, "A".to_owned()),
            (None, "A|=Year([B])".to_owned(), Grouping::DrillDown, "A|B".to_owned()),
            (None, "C".to_owned(), Grouping::Cyclic, "C".to_owned()),
        ]
    );
    let measures: Vec<_> = found
        .measures
        .iter()
        .map(|it| (it.label.as_deref(), it.expression.as_str(), it.fields.join("|")))
        .collect();
    assert_eq!(
        measures,
        [
            (Some("Total"), "Sum(A)", "A".to_owned()),
            (None, "Count({<B={1}>} DISTINCT C)", "B|C".to_owned()),
            (None, "Max(A)", "A".to_owned()),
        ]
    );
}

#[test]
fn the_library_wins_over_an_inline_definition() {
    let objects = json!([sheet(
        "s",
        json!([object(
            "c",
            "table",
            json!({"qHyperCubeDef": {
                "qDimensions": [
                    {"qLibraryId": "d", "qDef": {"qFieldDefs": ["C"], "qFieldLabels": ["stale"]}},
                    {"qLibraryId": "gone", "qDef": {"qFieldDefs": ["C"]}},
                ],
                "qMeasures": [{"qLibraryId": "m", "qDef": {"qDef": "Sum(C)", "qLabel": "stale"}}, {"qLibraryId": "gone"}],
            }})
        )])
    )]);
    let mut content = content(&["A", "B", "C"], objects);
    content.dimensions = vec![dimension("d", "Where", &["A", "B"], "H")];
    content.measures = vec![measure("m", "Turnover", "Sum(A)")];
    let events = map(&content);
    let found = chart(&events, "c");
    let dimension = &found.dimensions[0];
    assert_eq!(dimension.label.as_deref(), Some("Where"));
    assert_eq!(dimension.expressions, ["A", "B"]);
    assert_eq!(dimension.grouping, Grouping::DrillDown);
    assert_eq!(dimension.library_id.as_deref(), Some("d"));
    assert_eq!(dimension.fields, ["A", "B"]);
    assert_eq!(found.dimensions[1].fields, ["C"]);
    let measure = &found.measures[0];
    assert_eq!(
        (measure.label.as_deref(), measure.expression.as_str()),
        (Some("Turnover"), "Sum(A)")
    );
    assert_eq!(measure.fields, ["A"]);
    assert_eq!(found.measures[1].library_id.as_deref(), Some("gone"));
    assert_eq!(events.diagnostics.len(), 1);
    assert_eq!(events.diagnostics[0].message, "its master item `gone` is not there");
}

#[test]
fn every_cube_counts_that_is_switched_on() {
    let found = one_chart(
        "acme",
        json!({
            "data": {"inner": [{"qHyperCubeDef": cube(&["B"], &["Sum(B)"])}]},
            "list": {"qListObjectDef": {"qDef": {"qFieldDefs": ["C"]}}},
            "qHyperCubeDef": {
                "qDimensions": [{"qDef": {"qFieldDefs": ["A"]}}],
                "qLayoutExclude": {"qHyperCubeDef": cube(&["C"], &["Sum(C)"])},
            },
            "qLayoutExclude": {"other": {"qHyperCubeDef": cube(&["C"], &["Sum(C)"])}},
            "qUndoExclude": {"box": {"qHyperCubeDef": cube(&["C"], &["Sum(C)"])}},
            "tooltip": {"auto": false, "data": {"qHyperCubeDef": cube(&[], &["Sum(C)"])}},
        }),
    );
    let dimensions: Vec<_> = found.dimensions.iter().map(|it| it.expressions[0].as_str()).collect();
    assert_eq!(dimensions, ["A", "C", "B"]);
    let measures: Vec<_> = found.measures.iter().map(|it| it.expression.as_str()).collect();
    assert_eq!(measures, ["Sum(B)"]);
}

#[test]
fn a_derived_cube_counts_when_there_is_no_other() {
    let derived = json!({"qUndoExclude": {"box": {"qHyperCubeDef": cube(&["A"], &["Sum(B)"])}},
        "qHyperCubeDef": cube(&[], &[])});
    assert_eq!(one_chart("boxplot", derived).measures.len(), 1);
    let own = json!({"qUndoExclude": {"box": {"qHyperCubeDef": cube(&["A"], &["Fractile(B, .5)"])}},
        "boxplotDef": {"qHyperCubeDef": cube(&["A"], &["Sum(B)"])}});
    assert_eq!(one_chart("boxplot", own).measures[0].expression, "Sum(B)");
}

#[test]
fn a_map_shows_its_layers_and_not_what_they_were_made_of() {
    let found = one_chart(
        "map",
        json!({
            "layers": [{"qHyperCubeDef": cube(&["C"], &["Sum(C)"])}],
            "gaLayers": [
                {"type": "AreaLayer", "qHyperCubeDef": cube(&["A"], &[])},
                {"type": "PointLayer", "qHyperCubeDef": cube(&["A"], &["Sum(B)"])},
            ],
            "qUndoExclude": {"gaLayers": [{"qHyperCubeDef": cube(&["A"], &["Sum(C)"])}]},
        }),
    );
    assert_eq!(found.dimensions.len(), 1);
    assert_eq!(found.measures.len(), 1);
    let old = one_chart("map", json!({"layers": [{"qHyperCubeDef": cube(&["C"], &["Sum(C)"])}]}));
    assert_eq!(old.dimensions[0].fields, ["C"]);
}
