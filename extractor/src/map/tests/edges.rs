//! Lineage that objects tell.

use event::{Origin, Resolution};

use super::*;

/// The edges as lines: `from -> to [columns] resolution`.
fn edges(events: &AppEvents) -> Vec<String> {
    let name = |node: &Node| match node {
        Node::DataModel(it) => it.table.clone(),
        Node::Chart(it) => it.object_id.clone(),
        Node::Dashboard(it) => it.app_id.clone(),
        other => panic!("unexpected end {other:?}"),
    };
    let line = |edge: &Lineage| {
        let column = |it: &event::ColumnLineage| {
            let to = it.to_column.as_ref().map(|to| format!(" -> {to}")).unwrap_or_default();
            let by = it.expression.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!("{}{to}{by}", it.from_columns.join("+"))
        };
        let columns: Vec<String> = edge.columns.iter().map(column).collect();
        let resolution = match edge.resolution {
            Resolution::Exact => "",
            Resolution::Expanded => " expanded",
            Resolution::Fallback => " fallback",
        };
        assert_eq!((edge.origin, edge.app_id.as_str()), (Origin::ObjectProperties, "app"));
        format!("{} -> {} [{}]{resolution}", name(&edge.from), name(&edge.to), columns.join("; "))
    };
    events.lineage.iter().map(line).collect()
}

fn two_tables() -> DataModelSource {
    DataModelSource::Metadata(json!({
        "tables": [{"name": "Orders"}, {"name": "Lines"}],
        "fields": [
            {"name": "Key", "src_tables": ["Orders", "Lines"]},
            {"name": "Date", "src_tables": ["Orders"]},
            {"name": "Amount", "src_tables": ["Lines"]},
        ],
    }))
}

fn with_cubes(cubes: &[(&str, Value)]) -> AppContent {
    let children: Vec<Value> = cubes
        .iter()
        .map(|(id, cube)| object(id, "table", json!({"qHyperCubeDef": cube})))
        .collect();
    AppContent { data_model: two_tables(), ..content(&[], json!([sheet("s", json!(children))])) }
}

#[test]
fn tables_to_charts_to_the_app() {
    let content = with_cubes(&[(
        "c",
        cube(&["Date", "=[Date]", "=Year(Date)"], &["Sum(Amount)", "Count(1)"]),
    )]);
    assert_eq!(
        edges(&map(&content)),
        [
            "Lines -> c [Amount by Sum(Amount)]",
            "Orders -> c [Date; Date by =Year(Date)]",
            "c -> app []",
        ]
    );
}

#[test]
fn a_key_comes_from_the_tables_that_the_chart_uses_anyway() {
    let content = with_cubes(&[
        ("both", cube(&["Key"], &["Count(Key)"])),
        ("one", cube(&["Key"], &["Sum(Amount)"])),
        ("two", cube(&["Key", "Date"], &["Sum(Amount)"])),
    ]);
    assert_eq!(
        edges(&map(&content)),
        [
            "Lines -> both [Key; Key by Count(Key)]",
            "Orders -> both [Key; Key by Count(Key)]",
            "both -> app []",
            "Lines -> one [Key; Amount by Sum(Amount)]",
            "one -> app []",
            "Lines -> two [Key; Amount by Sum(Amount)]",
            "Orders -> two [Key; Date]",
            "two -> app []",
        ]
    );
}

#[test]
fn master_items_lie_between() {
    let mut content = with_cubes(&[(
        "c",
        json!({
            "qDimensions": [{"qLibraryId": "d"}],
            "qMeasures": [{"qLibraryId": "m2"}, {"qDef": {"qDef": "[Turnover] * 2"}}],
        }),
    )]);
    content.dimensions = vec![dimension("d", "When", &["Date"], "N")];
    content.measures = vec![
        measure("m1", "Turnover", "Sum(Amount)"),
        measure("m2", "Share", "[Turnover] / Count(Key)"),
    ];
    assert_eq!(
        edges(&map(&content)),
        [
            "Lines -> (master items) [Amount -> Turnover by Sum(Amount); Amount+Key -> Share by [Turnover] / Count(Key)]",
            "Orders -> (master items) [Date -> When]",
            "Lines -> c [Amount+Key by [Turnover] / Count(Key); Amount by [Turnover] * 2]",
            "Orders -> c [Date; Key by [Turnover] / Count(Key)]",
            "(master items) -> c [When; Share; Turnover by [Turnover] / Count(Key); Turnover by [Turnover] * 2]",
            "c -> app []",
        ]
    );
}

#[test]
fn a_measure_and_a_dimension_may_have_one_title() {
    let mut content = with_cubes(&[("c", cube(&[], &["[Both] / Sum(Aggr(Sum(Amount), [Both]))"]))]);
    content.measures = vec![measure("m", "Both", "Count(Key)")];
    content.dimensions = vec![dimension("d", "Both", &["Date"], "N")];
    assert_eq!(chart(&map(&content), "c").measures[0].fields, ["Amount", "Date", "Key"]);
}

#[test]
fn only_values_are_lineage_and_doubt_is_said() {
    let mut content = with_cubes(&[
        (
            "aux",
            json!({"qMeasures": [{"qDef": {"qDef": "1"}, "qSortBy": {"qExpression": {"qv": "Sum(Amount)"}}}]}),
        ),
        ("variable", cube(&[], &["$(vAmount)"])),
        ("broken", cube(&[], &["Sum(Amount"])),
    ]);
    content.variables = vec![Variable { name: "vAmount".into(), definition: "Sum(Amount)".into() }];
    assert_eq!(
        edges(&map(&content)),
        [
            "aux -> app []",
            "Lines -> variable [Amount by $(vAmount)] expanded",
            "variable -> app []",
            "Lines -> broken [Amount by Sum(Amount] fallback",
            "broken -> app []",
        ]
    );
}

#[test]
fn events_of_an_app_have_distinct_keys() {
    let mut content =
        with_cubes(&[("c", cube(&["Key"], &["Sum(Amount)"])), ("d", cube(&["Key"], &[]))]);
    content.measures = vec![measure("m", "M", "Sum(Amount)")];
    let events = map(&content).into_events();
    let keys: HashSet<String> =
        events.iter().map(|it| format!("{:?} {}", it.topic(), it.key())).collect();
    assert_eq!(keys.len(), events.len());
}
