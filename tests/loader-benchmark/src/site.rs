//! A generated site, app by app, so that it never has to be in memory as a whole.

use loader::sink::{Change, Item};
use openmetadata_simulator::Seed;
use schemas::{
    Event,
    event::{
        Chart, ChartType, ColumnLineage, Dashboard, DataModel, DataModelKind, DataType, Dimension,
        Field, File, Lineage, Measure, Node, Origin, Project, Resolution, Sheet, node,
    },
};

/// Service of all events.
pub(crate) const SERVICE: &str = "bench";

const CHARTS: usize = 12;
const TABLES: usize = 5;
/// Files and tables of databases that all apps together load.
const SOURCES: usize = 1000;
/// Of so many apps one stores a table of a database as a file.
const STORE_EVERY: usize = 200;

/// What the apps are like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Fields of a table.
    pub(crate) fields: usize,
    /// Whether each table is loaded from a file or a table of a database, all columns of it.
    pub(crate) has_scripts: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self { fields: 10, has_scripts: false }
    }
}

impl Shape {
    /// Events of one app: its dashboard, charts and tables, and two edges for each chart; with scripts
    /// one for each table, and some few of files.
    pub(crate) fn events_per_app(self) -> usize {
        let edges = 2 * CHARTS + if self.has_scripts { TABLES } else { 0 };
        1 + CHARTS + TABLES + edges
    }
}

/// The database whose tables the apps load.
pub(crate) fn databases(shape: Shape) -> Seed {
    let columns: Vec<String> = (0..shape.fields).map(|number| format!("Field {number}")).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let seed = Seed::default().database_service("dwh", "Postgres", "db:5432", "sales");
    (0..SOURCES).fold(seed, |seed, number| {
        seed.table(&format!("dwh.sales.public.orders_{number}"), &columns)
    })
}

/// Everything of an app, in the order in which a loader reads it.
pub(crate) fn app(shape: Shape, number: usize) -> Vec<Item> {
    let id = format!("0cb6a9b5-3f0a-4e5c-9a55-{number:012}");
    let mut events = Vec::with_capacity(shape.events_per_app() + 2);
    for table in 0..TABLES {
        events.push(model(shape, &id, table));
    }
    if shape.has_scripts && number < SOURCES {
        events.push(file(shape, number));
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
    if shape.has_scripts {
        for table in 0..TABLES {
            let source = (number * TABLES + table) % SOURCES;
            let from = if table < 2 { database_table(source) } else { Node::file(&path(source)) };
            events.push(edge(&id, from, Node::data_model(&id, &format!("Table {table}")), all()));
        }
        if number.is_multiple_of(STORE_EVERY) {
            let source = number / STORE_EVERY % SOURCES;
            events.push(edge(&id, database_table(source), Node::file(&path(source)), all()));
        }
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

/// All columns, each from the one of its name.
fn all() -> Vec<ColumnLineage> {
    vec![ColumnLineage {
        from_columns: vec!["*".into()],
        to_column: Some("*".into()),
        expression: None,
    }]
}

fn path(number: usize) -> String {
    format!("lib://data/orders_{number}.qvd")
}

fn database_table(number: usize) -> Node {
    Node::DatabaseTable(node::DatabaseTable {
        connection: Some("DWH".into()),
        dialect: Some("postgres".into()),
        host: Some("db".into()),
        port: Some(5432),
        database: Some("sales".into()),
        schema: Some("public".into()),
        table: format!("orders_{number}"),
    })
}

fn fields(shape: Shape) -> Vec<Field> {
    let field = |number: usize| Field {
        name: format!("Field {number}"),
        data_type: DataType::Double,
        comment: Some("What the field says".into()),
        ..Field::default()
    };
    (0..shape.fields).map(field).collect()
}

fn file(shape: Shape, number: usize) -> Event {
    Event::DataModel(Box::new(DataModel {
        service: SERVICE.into(),
        kind: DataModelKind::File,
        file: Some(File { path: path(number), ..File::default() }),
        fields: fields(shape),
        ..DataModel::default()
    }))
}

fn model(shape: Shape, app: &str, number: usize) -> Event {
    Event::DataModel(Box::new(DataModel {
        service: SERVICE.into(),
        app_id: Some(app.into()),
        kind: DataModelKind::Table,
        table: Some(format!("Table {number}")),
        fields: fields(shape),
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
