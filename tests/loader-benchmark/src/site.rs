//! A generated site, app by app, so that it never has to be in memory as a whole.

use loader::sink::{Change, Item};
use schemas::{
    Event,
    event::{
        Chart, ChartType, ColumnLineage, Dashboard, DataModel, DataModelKind, DataType, Dimension,
        Field, Lineage, Measure, Node, Origin, Project, Resolution, Sheet,
    },
};

/// Service of all events.
pub(crate) const SERVICE: &str = "bench";

const CHARTS: usize = 12;
const TABLES: usize = 5;
const FIELDS: usize = 10;
/// Events of one app: its dashboard, charts and tables, and two edges for each chart.
pub(crate) const EVENTS_PER_APP: usize = 1 + CHARTS + TABLES + 2 * CHARTS;

/// Everything of an app, in the order in which a loader reads it.
pub(crate) fn app(number: usize) -> Vec<Item> {
    let id = format!("0cb6a9b5-3f0a-4e5c-9a55-{number:012}");
    let mut events = Vec::with_capacity(EVENTS_PER_APP);
    for table in 0..TABLES {
        events.push(model(&id, table));
    }
    for chart in 0..CHARTS {
        events.push(self::chart(&id, chart));
    }
    events.push(Event::Dashboard(Box::new(Dashboard {
        service: SERVICE.into(),
        app_id: id.clone(),
        title: format!("Sales {number}"),
        description: Some("What the sales departments look at".into()),
        url: Some(format!("https://qlik.example.com/sense/app/{id}")),
        project: Some(Project { id: None, name: format!("Stream {}", number % 40) }),
        last_reload_at: Some(1_700_000_000_000),
        sheets: vec![Sheet {
            id: "sheet".into(),
            chart_ids: (0..CHARTS).map(|chart| format!("c{chart}")).collect(),
            ..Sheet::default()
        }],
        data_model_keys: (0..TABLES).map(|t| format!("{SERVICE}/{id}/Table {t}")).collect(),
        ..Dashboard::default()
    })));
    for chart in 0..CHARTS {
        let table = Node::data_model(&id, &format!("Table {}", chart % TABLES));
        let object = Node::chart(&id, &format!("c{chart}"));
        let columns = vec![ColumnLineage {
            from_columns: vec!["Field 1".into(), "Field 2".into()],
            to_column: None,
            expression: None,
        }];
        events.push(edge(&id, table, object.clone(), columns));
        events.push(edge(&id, object, Node::dashboard(&id), Vec::new()));
    }
    events
        .into_iter()
        .map(|event| Item {
            topic: event.topic(),
            key: event.key(),
            content_hash: Some(event.content_hash()),
            change: Change::Upsert(Box::new(event)),
        })
        .collect()
}

fn model(app: &str, number: usize) -> Event {
    let field = |number: usize| Field {
        name: format!("Field {number}"),
        data_type: DataType::Double,
        comment: Some("What the field says".into()),
        ..Field::default()
    };
    Event::DataModel(Box::new(DataModel {
        service: SERVICE.into(),
        app_id: Some(app.into()),
        kind: DataModelKind::Table,
        table: Some(format!("Table {number}")),
        fields: (0..FIELDS).map(field).collect(),
        statement: Some("LOAD a, b, c FROM [lib://data/orders.qvd] (qvd);".into()),
        ..DataModel::default()
    }))
}

fn chart(app: &str, number: usize) -> Event {
    Event::Chart(Box::new(Chart {
        service: SERVICE.into(),
        app_id: app.into(),
        object_id: format!("c{number}"),
        sheet_id: "sheet".into(),
        title: Some(format!("Revenue by region {number}")),
        chart_type: ChartType::Bar,
        visualization: "barchart".into(),
        url: Some(format!("https://qlik.example.com/sense/app/{app}/sheet/sheet")),
        measures: vec![Measure {
            label: Some("Revenue".into()),
            expression: "Sum({<Year={$(vYear)}>} Amount) / Count(distinct Customer)".into(),
            ..Measure::default()
        }],
        dimensions: vec![Dimension {
            label: Some("Region".into()),
            expressions: vec!["Region".into()],
            ..Dimension::default()
        }],
        ..Chart::default()
    }))
}

fn edge(app: &str, from: Node, to: Node, columns: Vec<ColumnLineage>) -> Event {
    Event::Lineage(Box::new(Lineage {
        service: SERVICE.into(),
        app_id: app.into(),
        observed_at: 1,
        modified_at: None,
        from,
        to,
        columns,
        origin: Origin::ObjectProperties,
        resolution: Resolution::Exact,
        via: Vec::new(),
        statement: None,
    }))
}
