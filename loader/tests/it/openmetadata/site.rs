//! A small site with what makes loading hard: two copies of an app, tables with the same name, a file
//! between apps, columns that differ in case, quotes and dots in names.

use schemas::{
    Event,
    event::{
        Chart, ChartType, ColumnLineage, CustomProperty, Dashboard, DataModel, DataModelKind,
        DataType, Dimension, Field, File, Lineage, Measure, Node, Origin, Owner, Project,
        Resolution, Sheet,
    },
    key::MASTER_ITEMS,
};

use super::SERVICE;

pub(super) const FILE: &str = "lib://data/orders.qvd";

pub(super) fn field(name: &str, data_type: DataType) -> Field {
    Field { name: name.into(), data_type, ..Field::default() }
}

pub(super) fn table(app: &str, table: &str, fields: Vec<Field>) -> DataModel {
    DataModel {
        service: SERVICE.into(),
        app_id: Some(app.into()),
        table: Some(table.into()),
        fields,
        statement: Some(format!("{table}: LOAD * FROM x;")),
        modified_at: Some(5000),
        ..DataModel::default()
    }
}

pub(super) fn chart(app: &str, object: &str) -> Chart {
    Chart {
        service: SERVICE.into(),
        app_id: app.into(),
        object_id: object.into(),
        sheet_id: "sh1".into(),
        sheet_title: Some("Overview".into()),
        title: Some(format!("Chart {object}")),
        chart_type: ChartType::Gauge,
        visualization: "gauge".into(),
        url: Some(format!("https://qlik.example.com/sense/app/{app}/sheet/sh1")),
        measures: vec![Measure {
            label: Some("Revenue".into()),
            expression: "Sum({<Year={2020}>} Amount)".into(),
            fields: vec!["Amount".into()],
            ..Measure::default()
        }],
        dimensions: vec![Dimension {
            label: Some("Region".into()),
            expressions: vec!["Region".into()],
            ..Dimension::default()
        }],
        tags: vec!["Board".into()],
        ..Chart::default()
    }
}

pub(super) fn dashboard(app: &str, charts: &[&str], tables: &[&str]) -> Dashboard {
    Dashboard {
        service: SERVICE.into(),
        app_id: app.into(),
        title: format!("App {app}"),
        description: Some("All sales".into()),
        url: Some(format!("https://qlik.example.com/sense/app/{app}")),
        project: Some(Project { id: None, name: "Finance".into() }),
        owner: Some(Owner {
            id: Some("dana".into()),
            email: Some("dana@example.com".into()),
            ..Owner::default()
        }),
        tags: vec!["v1.0".into()],
        custom_properties: vec![CustomProperty { name: "Env".into(), value: "Prod".into() }],
        last_reload_at: Some(5000),
        sheets: vec![Sheet {
            id: "sh1".into(),
            chart_ids: charts.iter().map(|id| (*id).into()).collect(),
            ..Sheet::default()
        }],
        data_model_keys: tables.iter().map(|t| format!("{SERVICE}/{app}/{t}")).collect(),
        ..Dashboard::default()
    }
}

pub(super) fn column(from: &[&str], to: Option<&str>) -> ColumnLineage {
    ColumnLineage {
        from_columns: from.iter().map(|name| (*name).into()).collect(),
        to_column: to.map(str::to_owned),
        expression: None,
    }
}

pub(super) fn edge(app: &str, from: Node, to: Node, columns: Vec<ColumnLineage>) -> Event {
    Event::Lineage(Box::new(Lineage {
        service: SERVICE.into(),
        app_id: app.into(),
        observed_at: 1,
        modified_at: None,
        from,
        to,
        columns,
        origin: Origin::LoadScript,
        resolution: Resolution::Exact,
        via: Vec::new(),
        statement: Some("LOAD x".into()),
    }))
}

/// An app with three tables, master items and three charts.
pub(super) fn app(app: &str) -> Vec<Event> {
    let orders = table(
        app,
        "Orders",
        vec![
            field("ID", DataType::Integer),
            field("Id", DataType::String),
            Field { comment: Some("Net".into()), ..field("Amount", DataType::Double) },
            field("Order.Date", DataType::Date),
            field("Say \"hi\" > x::y", DataType::Unknown),
        ],
    );
    let dotted = table(app, "Sales.2020/Q1", vec![field("Amount", DataType::Double)]);
    let items = DataModel {
        kind: DataModelKind::MasterItems,
        statement: None,
        modified_at: None,
        ..table(
            app,
            MASTER_ITEMS,
            vec![Field {
                expression: Some("Sum(Amount)".into()),
                ..field("Revenue", DataType::Measure)
            }],
        )
    };
    let no_title = Chart { title: None, ..chart(app, "c2") };
    let tables = ["Orders", "Sales.2020/Q1", MASTER_ITEMS];
    let orders_node = || Node::data_model(app, "Orders");
    vec![
        Event::DataModel(Box::new(orders)),
        Event::DataModel(Box::new(dotted)),
        Event::DataModel(Box::new(items)),
        Event::Chart(Box::new(chart(app, "c1"))),
        Event::Chart(Box::new(no_title)),
        Event::Chart(Box::new(Chart { measures: Vec::new(), ..chart(app, "c3") })),
        Event::Dashboard(Box::new(dashboard(app, &["c2", "c1", "c3"], &tables))),
        edge(
            app,
            orders_node(),
            Node::data_model(app, MASTER_ITEMS),
            vec![column(&["Amount"], Some("Revenue"))],
        ),
        edge(
            app,
            orders_node(),
            Node::chart(app, "c1"),
            vec![column(&["Amount", "Id"], None), column(&["Order.Date"], None)],
        ),
        edge(app, orders_node(), Node::chart(app, "c2"), vec![column(&["ID"], None)]),
        edge(
            app,
            Node::data_model(app, MASTER_ITEMS),
            Node::chart(app, "c1"),
            vec![column(&["Revenue"], None)],
        ),
        edge(app, Node::chart(app, "c1"), Node::dashboard(app), Vec::new()),
        edge(
            app,
            Node::file(FILE),
            orders_node(),
            vec![column(&["id"], Some("ID")), column(&["amount"], Some("Amount"))],
        ),
    ]
}

pub(super) fn file() -> Event {
    Event::DataModel(Box::new(DataModel {
        service: SERVICE.into(),
        kind: DataModelKind::File,
        file: Some(File {
            path: FILE.into(),
            format: Some("qvd".into()),
            connection: Some("data".into()),
        }),
        fields: vec![field("id", DataType::Unknown), field("amount", DataType::Unknown)],
        ..DataModel::default()
    }))
}

/// Two copies of an app, which share all ids, and the file that both read.
pub(super) fn site() -> Vec<Event> {
    [app("app-1"), app("app-2"), vec![file()]].concat()
}

/// The event of the site with this key, changed.
pub(super) fn changed(events: &[Event], key: &str, change: impl Fn(&mut Event)) -> Event {
    let found = events.iter().find(|event| event.key() == key);
    let mut event = found.unwrap_or_else(|| panic!("no event `{key}`")).clone();
    change(&mut event);
    event
}
