//! Lineage of load scripts: from the database through tables and files of several apps to the charts,
//! and what becomes of files when apps change, fail and go.

mod catalogue;
mod files;
mod reload;

use std::collections::{BTreeMap, BTreeSet};

use openmetadata_simulator::Seed;
use qlik_simulator::ScriptAccess;
use schemas::{
    Event, Topic,
    event::{DataModel, Lineage, Node, Origin, Resolution},
};
use serde_json::Value;

use crate::world::{World, assert_same};

const ETL: &str = "2d327353-75e9-540a-b8d5-11963e4190b4";
const OVERVIEW: &str = "c649de09-5e27-52b6-be61-a5beda5cc43c";
const ANALYSIS: &str = "c866a46c-2cbd-5ac0-9fe6-7c08512d73b4";
const COPY: &str = "aa985aa0-d5ba-5bcb-b324-95d9c0d9162c";
const CUSTOMERS_QVD: &str = "//files.alpine-outdoor.example/qlik/qvd/raw/customers.qvd";
const ORDERS_QVD: &str = "//files.alpine-outdoor.example/qlik/qvd/raw/orders.qvd";
const SALES_ORDERS_QVD: &str = "//files.alpine-outdoor.example/qlik/qvd/model/salesorders.qvd";

fn edges(world: &World) -> Vec<Lineage> {
    let events = world.broker.events(Topic::Lineage).into_values();
    let edges = events.map(|event| match event {
        Event::Lineage(edge) => *edge,
        other => panic!("{other:?}"),
    });
    edges.collect()
}

/// Records of files by path.
fn files(world: &World) -> BTreeMap<String, DataModel> {
    let events = world.broker.events(Topic::DataModels).into_values();
    let files = events.filter_map(|event| match event {
        Event::DataModel(model) => Some((model.file.as_ref()?.path.clone(), *model)),
        _ => None,
    });
    files.collect()
}

fn fields(model: &DataModel) -> BTreeSet<&str> {
    model.fields.iter().map(|field| field.name.as_str()).collect()
}

/// What flows into a column along the edge of these ends: `from columns=expression`.
fn flows(edges: &[Lineage], from: impl Fn(&Node) -> bool, to: &Node, column: &str) -> Vec<String> {
    let edges = edges.iter().filter(|edge| from(&edge.from) && edge.to == *to);
    let lines = edges.flat_map(|edge| &edge.columns);
    let lines = lines.filter(|line| line.to_column.as_deref() == Some(column));
    lines
        .map(|line| {
            let expression = line.expression.as_deref().map(|text| format!("={text}"));
            format!("{}{}", line.from_columns.join(","), expression.unwrap_or_default())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_followed_from_the_database_to_the_chart() {
    let world = World::with_sample_apps().await;
    let report = world.extract(&[]).await;
    let edges = edges(&world);
    let is_table = |name: &'static str| move |node: &Node| matches!(node, Node::DatabaseTable(table) if table.table == name);
    let is = |node: Node| move |other: &Node| *other == node;

    // Database → table of the app that stores → file → table of the app that reads → file.
    let customers = Node::data_model(ETL, "Customers");
    let found = flows(&edges, is_table("customers"), &customers, "Segment");
    assert_eq!(found, ["segment=Upper(Segment)"]);
    let found = flows(&edges, is_table("account_managers"), &customers, "AccountManager");
    assert_eq!(found, ["full_name"]);
    let file = Node::file(CUSTOMERS_QVD);
    assert_eq!(flows(&edges, is(customers), &file, "Segment"), ["Segment"]);
    for app in [OVERVIEW, COPY] {
        let table = Node::data_model(app, "Customers");
        let found = flows(&edges, is(file.clone()), &table, "Segment");
        assert_eq!(found, ["Segment=ApplyMap('SegmentMap', Segment)"], "{app}");
        let orders = Node::data_model(app, "Orders");
        let stored = Node::file(SALES_ORDERS_QVD);
        assert_eq!(flows(&edges, is(orders), &stored, "OrderAmount"), ["OrderAmount"], "{app}");
    }
    // A table that was dropped after it was stored: from the database to the file.
    let stored: Vec<&Lineage> =
        edges.iter().filter(|edge| edge.to == Node::file(ORDERS_QVD)).collect();
    assert_eq!(stored.len(), 1, "{stored:?}");
    let Node::DatabaseTable(orders) = &stored[0].from else { panic!("{:?}", stored[0]) };
    assert_eq!(
        (orders.connection.as_deref(), orders.host.as_deref(), orders.port),
        (Some("Warehouse (corp_svc_qlik)"), Some("dwh.alpine-outdoor.example"), Some(1433))
    );
    assert_eq!(
        (orders.database.as_deref(), orders.schema.as_deref(), orders.table.as_str()),
        (Some("sales"), Some("dbo"), "Orders")
    );
    // The file's fields are those that its readers take, in a condition and for a mapping, too.
    let files = files(&world);
    let orders = &files[ORDERS_QVD];
    let expected = ["CustomerId", "OrderDate", "OrderId", "ShipCountry", "Status"];
    assert_eq!(fields(orders), BTreeSet::from(expected));
    let file = orders.file.as_ref().expect("a file");
    assert_eq!(
        (file.format.as_deref(), file.connection.as_deref()),
        (Some("qvd"), Some("QVD Store"))
    );
    // Every file at the end of an edge has its record, and every record an edge.
    let ends: BTreeSet<&str> = edges
        .iter()
        .flat_map(|edge| [&edge.from, &edge.to])
        .filter_map(|node| match node {
            Node::DataFile(file) => Some(file.path.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ends, files.keys().map(String::as_str).collect());

    let coverage = &report["coverage"];
    let number = |of: &Value, name: &str| of[name].as_u64().expect("a number");
    let sum = |of: &Value| {
        let parts = ["resolved", "ambiguous", "unresolved", "not_needed"];
        parts.iter().map(|part| number(of, part)).sum::<u64>()
    };
    assert!(number(coverage, "references") > 20, "{coverage}");
    let by_app = report["coverage_by_app"].as_object().expect("by app");
    assert_eq!(by_app.len(), world.apps.len());
    assert_eq!(
        by_app.values().map(|of| number(of, "references")).sum::<u64>(),
        number(coverage, "references")
    );
    assert!(by_app.values().chain([coverage]).all(|of| sum(of) == number(of, "references")));

    let text = format!("{edges:?}{report}");
    assert!(!text.contains("example-secret"), "a secret of a connection");
}

/// Scripts of real apps: no statement is lost, and the app's own model says the same.
#[tokio::test(flavor = "multi_thread")]
async fn real_scripts_explain_their_models() {
    let Some(folder) = end_to_end::expected::real_apps() else {
        println!("skipped: there is no folder with real apps beside the workspace");
        return;
    };
    let world = World::with_apps(&folder).await;
    let report = world.extract(&[]).await;
    for (app, notices) in report["notices"].as_object().expect("by app") {
        let has_script = report["coverage_by_app"].get(app).is_some();
        for notice in notices.as_array().expect("a list").iter().filter_map(Value::as_str) {
            for lost in ["not understood", "could not be parsed"] {
                assert!(!notice.contains(lost), "{app}: {notice}");
            }
            // What the app has, the script explains; some scripts were edited after the last reload.
            assert!(!has_script || !notice.contains("does not say where"), "{app}: {notice}");
        }
    }
    assert!(report["coverage"]["references"].as_u64().is_some_and(|count| count > 0));
    assert!(!edges(&world).is_empty());
}

/// An app that takes in another one's data by `BINARY` has its tables from there, column by column.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_takes_in_another() {
    let world = World::with_sample_apps().await;
    world.change_script(ANALYSIS, |_| {
        format!(
            "BINARY [lib://Apps/{OVERVIEW}.qvf];\r\n\
             Visits: LOAD * FROM [lib://Reference Files/store_visits.qvd] (qvd);\r\n\
             Scores: LOAD CustomerId, Count(OrderId) AS OrderCount, Sum(1) AS Revenue, 'A' AS Class\r\n\
             RESIDENT Orders GROUP BY CustomerId;"
        )
    });
    world.extract(&[]).await;
    let edges = edges(&world);
    let (overview, analysis) = (Node::dashboard(OVERVIEW), Node::dashboard(ANALYSIS));
    let taken = edges.iter().find(|edge| edge.from == overview && edge.to == analysis);
    let taken = taken.expect("app → app");
    assert_eq!((taken.origin, taken.resolution), (Origin::LoadScript, Resolution::Exact));
    assert!(taken.statement.as_deref().is_some_and(|text| text.starts_with("BINARY")));
    let (from, to) = (Node::data_model(OVERVIEW, "Orders"), Node::data_model(ANALYSIS, "Orders"));
    assert_eq!(flows(&edges, |node| *node == from, &to, "OrderId"), ["OrderId"]);
    let scores = Node::data_model(ANALYSIS, "Scores");
    let counted = flows(&edges, |node| *node == from, &scores, "OrderCount");
    assert_eq!(counted, ["OrderId=Count(OrderId)"]);

    world.load(&[]).await;
    let loaded = world.catalogue_edges();
    let between = |kind: &str| {
        let named = |end: &Value, app: &str| {
            end["type"] == kind
                && end["fullyQualifiedName"].as_str().is_some_and(|it| it.contains(app))
        };
        loaded.iter().any(|edge| named(&edge["from"], OVERVIEW) && named(&edge["to"], ANALYSIS))
    };
    assert!(between("dashboard"), "{loaded:?}");
    assert!(between("dashboardDataModel"), "{loaded:?}");
}
