//! One event of each kind with every field filled, and one with as little as the schema allows.

use schemas::event::*;

pub(crate) fn all() -> Vec<(&'static str, Event)> {
    let t = |seconds: i64| 1_790_000_000_000 + seconds * 1000;
    vec![
        (
            "dashboard-full",
            Event::Dashboard(Box::new(Dashboard {
                service: "prod".into(),
                app_id: "app-1".into(),
                observed_at: t(0),
                modified_at: Some(t(1)),
                title: "Verkäufe".into(),
                description: Some("All sales".into()),
                url: Some("https://qlik/sense/app/app-1".into()),
                project: Some(Project { id: Some("s1".into()), name: "Finance".into() }),
                owner: Some(Owner {
                    id: Some("dana".into()),
                    directory: Some("CORP".into()),
                    name: Some("Dana Q".into()),
                    email: Some("dana@example.com".into()),
                }),
                tags: vec!["Certified".into()],
                custom_properties: vec![CustomProperty {
                    name: "Environment".into(),
                    value: "Production".into(),
                }],
                published: Some(true),
                created_at: Some(t(2)),
                published_at: Some(t(3)),
                last_reload_at: Some(t(4)),
                sheets: vec![Sheet {
                    id: "sh1".into(),
                    title: Some("Overview".into()),
                    title_expression: Some("='a'".into()),
                    description: Some("d".into()),
                    rank: Some(10.5),
                    published: Some(true),
                    approved: Some(false),
                    chart_ids: vec!["c1".into(), "c2".into()],
                }],
                data_model_keys: vec!["prod/app-1/Orders".into()],
                size_bytes: Some(123_456_789),
                has_section_access: Some(false),
                script_hash: Some("00ff".into()),
            })),
        ),
        (
            "dashboard-minimal",
            Event::Dashboard(Box::new(Dashboard {
                service: "prod".into(),
                app_id: "app-2".into(),
                title: "T".into(),
                ..Dashboard::default()
            })),
        ),
        (
            "chart-full",
            Event::Chart(Box::new(Chart {
                service: "prod".into(),
                app_id: "app-1".into(),
                observed_at: t(0),
                modified_at: Some(t(1)),
                object_id: "c1".into(),
                sheet_id: "sh1".into(),
                sheet_title: Some("Overview".into()),
                title: Some("Sales".into()),
                title_expression: Some("='S'".into()),
                description: Some("d".into()),
                chart_type: ChartType::BoxPlot,
                visualization: "boxplot".into(),
                url: Some("https://qlik".into()),
                dimensions: vec![Dimension {
                    label: Some("Region".into()),
                    expressions: vec!["Region".into(), "City".into()],
                    grouping: Grouping::DrillDown,
                    library_id: Some("d1".into()),
                    fields: vec!["City".into(), "Region".into()],
                }],
                measures: vec![Measure {
                    label: Some("Sum".into()),
                    expression: "Sum(Amount)".into(),
                    library_id: Some("m1".into()),
                    fields: vec!["Amount".into()],
                }],
                auxiliary_expressions: vec![AuxiliaryExpression {
                    role: AuxiliaryRole::ReferenceLine,
                    expression: "Avg(Amount)".into(),
                    fields: vec!["Amount".into()],
                }],
                master_object_id: Some("mo1".into()),
                parent_id: Some("cont1".into()),
                tags: vec!["t".into()],
            })),
        ),
        (
            "chart-minimal",
            Event::Chart(Box::new(Chart {
                service: "prod".into(),
                app_id: "app-1".into(),
                object_id: "c2".into(),
                sheet_id: "sh1".into(),
                visualization: "my-extension".into(),
                ..Chart::default()
            })),
        ),
        (
            "datamodel-table",
            Event::DataModel(Box::new(DataModel {
                service: "prod".into(),
                app_id: Some("app-1".into()),
                observed_at: t(0),
                modified_at: Some(t(1)),
                kind: DataModelKind::Table,
                table: Some("Orders".into()),
                file: None,
                fields: vec![Field {
                    name: "Amount".into(),
                    data_type: DataType::Double,
                    qlik_tags: vec!["$numeric".into()],
                    key_type: Some(KeyType::PerfectKey),
                    comment: Some("c".into()),
                    distinct_values: Some(7),
                    hidden: Some(false),
                    expression: None,
                }],
                rows: Some(103),
                comment: Some("orders".into()),
                statement: Some("LOAD * FROM x;".into()),
            })),
        ),
        (
            "datamodel-file",
            Event::DataModel(Box::new(DataModel {
                service: "prod".into(),
                kind: DataModelKind::File,
                file: Some(File {
                    path: "d:/q/x.qvd".into(),
                    format: Some("qvd".into()),
                    connection: Some("Q".into()),
                }),
                ..DataModel::default()
            })),
        ),
        (
            "datamodel-master-items",
            Event::DataModel(Box::new(DataModel {
                service: "prod".into(),
                app_id: Some("app-1".into()),
                kind: DataModelKind::MasterItems,
                table: Some("(master items)".into()),
                fields: vec![Field {
                    name: "Revenue".into(),
                    data_type: DataType::Measure,
                    expression: Some("Sum(Amount)".into()),
                    ..Field::default()
                }],
                ..DataModel::default()
            })),
        ),
        (
            "lineage-database",
            Event::Lineage(Box::new(lineage(
                Node::DatabaseTable(node::DatabaseTable {
                    connection: Some("dwh".into()),
                    dialect: Some("postgresql".into()),
                    host: Some("db".into()),
                    port: Some(5432),
                    database: Some("dwh".into()),
                    schema: Some("public".into()),
                    table: "orders".into(),
                }),
                Node::data_model("app-1", "Orders"),
            ))),
        ),
        (
            "lineage-file",
            Event::Lineage(Box::new(lineage(
                Node::file("d:/q/x.qvd"),
                Node::data_model("app-1", "Orders"),
            ))),
        ),
        (
            "lineage-chart",
            Event::Lineage(Box::new(lineage(
                Node::data_model("app-1", "Orders"),
                Node::chart("app-1", "c1"),
            ))),
        ),
        (
            "lineage-dashboard",
            Event::Lineage(Box::new(lineage(Node::chart("app-1", "c1"), Node::dashboard("app-1")))),
        ),
        (
            "run",
            Event::Run(Box::new(Run {
                service: "prod".into(),
                observed_at: t(9),
                phase: Phase::Completed,
                run_id: "r1".into(),
                started_at: t(0),
                ended_at: Some(t(9)),
                extractor_version: "0.1.0".into(),
                apps_seen: 3,
                apps_read: 1,
                apps_unchanged: 1,
                apps_deleted: 1,
                apps_failed: vec![FailedApp { app_id: "x".into(), reason: "denied".into() }],
                events: vec![EventCount {
                    topic: "charts".into(),
                    published: 1,
                    unchanged: 2,
                    deleted: 3,
                }],
                list_complete: true,
                error: Some("e".into()),
            })),
        ),
    ]
}

fn lineage(from: Node, to: Node) -> Lineage {
    Lineage {
        service: "prod".into(),
        app_id: "app-1".into(),
        observed_at: 1_790_000_000_000,
        modified_at: None,
        from,
        to,
        columns: vec![ColumnLineage {
            from_columns: vec!["a".into(), "b".into()],
            to_column: Some("c".into()),
            expression: Some("a & b".into()),
        }],
        origin: Origin::ObjectProperties,
        resolution: Resolution::Expanded,
        via: vec!["tmp".into()],
        statement: Some("LOAD a".into()),
    }
}
