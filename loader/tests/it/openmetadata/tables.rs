//! Database tables of load scripts in the catalogue.

use loader::sink::{Outcome, openmetadata::settings::TableMapping};
use openmetadata_simulator::Seed;
use schemas::{
    Event,
    event::{DataType, Node, node},
};

use super::{VERSIONS, World, apply, edge_tombstone, is_newer_or, lineage, site, upserts};

fn seed() -> Seed {
    Seed::default()
        .database_service("pg", "Postgres", "db.example.com:5432", "dwh")
        .database_service("other", "Postgres", "other.example.com:5432", "dwh")
        .table("pg.dwh.sales.Orders", &["ID", "Amount"])
        .table("other.dwh.sales.Orders", &["ID", "Amount"])
        .table("other.dwh.sales.Customers", &["ID"])
        .table("my.default.shop.items", &["ID"])
        .table("other.dwh.\"odd.schema\".\"odd.table\"", &["odd.column"])
}

fn model() -> Event {
    let fields =
        vec![site::field("ID", DataType::Integer), site::field("Amount", DataType::Double)];
    Event::DataModel(Box::new(site::table("app-1", "Orders", fields)))
}

fn edge(from: node::DatabaseTable) -> Event {
    site::edge(
        "app-1",
        Node::DatabaseTable(from),
        Node::data_model("app-1", "Orders"),
        vec![site::column(&["id"], Some("ID")), site::column(&["AMOUNT", "nope"], Some("Amount"))],
    )
}

fn table(schema: Option<&str>, table: &str) -> node::DatabaseTable {
    node::DatabaseTable {
        connection: Some("dwh".into()),
        schema: schema.map(str::to_owned),
        table: table.into(),
        ..node::DatabaseTable::default()
    }
}

fn at(host: &str, node: node::DatabaseTable) -> node::DatabaseTable {
    node::DatabaseTable { host: Some(host.into()), port: Some(5432), ..node }
}

async fn resolved(world: &World, node: node::DatabaseTable) -> Result<String, String> {
    let sink = world.sink().await;
    let edge = edge(node);
    let outcomes = apply(&sink, &upserts(&[model(), edge.clone()])).await;
    match &outcomes[1] {
        Outcome::Unresolved { reason } => Err(reason.clone()),
        Outcome::Created => {
            let edges = lineage::edges(world);
            assert_eq!(edges.len(), 1);
            apply(&sink, &upserts(std::slice::from_ref(&edge))).await;
            apply(&sink, &[edge_tombstone(&edge, true)]).await;
            assert_eq!(lineage::edges(world), []);
            Ok(edges[0].0.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn tables_are_found_on_every_version() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        world.server.seed(&seed()).expect("a seed");
        let found = |node| resolved(&world, node);
        // By host, spelled exactly or not.
        let dwh = |node: node::DatabaseTable| node::DatabaseTable {
            database: Some("dwh".into()),
            ..node
        };
        let exact = dwh(at("db.example.com", table(Some("sales"), "Orders")));
        assert_eq!(found(exact).await.as_deref(), Ok("pg.dwh.sales.Orders"));
        let shouted = dwh(at("DB.EXAMPLE.COM", table(Some("SALES"), "ORDERS")));
        assert_eq!(found(shouted).await.as_deref(), Ok("pg.dwh.sales.Orders"));
        // By name alone, if there is one only.
        let one = table(Some("sales"), "customers");
        assert_eq!(found(one).await.as_deref(), Ok("other.dwh.sales.Customers"));
        let reason = found(table(Some("sales"), "orders")).await.expect_err("two of them");
        assert!(reason.contains("`other.dwh.sales.Orders`, `pg.dwh.sales.Orders`"), "{reason}");
        // Not there, with what comes near.
        let reason = found(table(Some("hr"), "orders")).await.expect_err("no such schema");
        assert!(reason.contains("pg.dwh.sales.Orders"), "{reason}");
        let reason = found(table(None, "nothing")).await.expect_err("no such table");
        assert!(reason.contains("nothing comes near"), "{reason}");
        let odd = table(Some("odd.schema"), "odd.table");
        assert_eq!(found(odd).await.as_deref(), Ok("other.dwh.\"odd.schema\".\"odd.table\""));
    }
}

#[tokio::test]
async fn a_mapping_comes_first() {
    let mut world = World::new("1.12.6").await;
    world.server.seed(&seed()).expect("a seed");
    let mapping = |connection: &str, service: &str, database: Option<&str>| TableMapping {
        connection: connection.into(),
        service: service.into(),
        database: database.map(str::to_owned),
        schema: None,
    };
    world.tables.mappings =
        vec![mapping("my*", "my", Some("default")), mapping("*", "other", None)];
    let node = at("db.example.com", table(Some("sales"), "Orders"));
    let node = node::DatabaseTable { database: Some("dwh".into()), ..node };
    assert_eq!(resolved(&world, node).await.as_deref(), Ok("other.dwh.sales.Orders"));
    let shop = node::DatabaseTable {
        connection: Some("MySQL shop".into()),
        database: Some("shop".into()),
        ..table(None, "ITEMS")
    };
    assert_eq!(resolved(&world, shop).await.as_deref(), Ok("my.default.shop.items"));
}

#[tokio::test]
async fn prefixes_decide_between_services() {
    let mut world = World::new("1.12.6").await;
    world.server.seed(&seed()).expect("a seed");
    world.tables.prefixes = vec!["PG.dwh".into()];
    let node = table(Some("sales"), "orders");
    assert_eq!(resolved(&world, node).await.as_deref(), Ok("pg.dwh.sales.Orders"));
    assert!(resolved(&world, table(Some("sales"), "customers")).await.is_err());
}

#[tokio::test]
async fn columns_take_the_spelling_of_the_catalogue() {
    for version in VERSIONS {
        let world = World::new(version).await;
        world.server.seed(&seed()).expect("a seed");
        let sink = world.sink().await;
        let node = node::DatabaseTable {
            database: Some("dwh".into()),
            ..at("db.example.com", table(Some("sales"), "Orders"))
        };
        apply(&sink, &upserts(&[model(), edge(node)])).await;
        let edges = lineage::edges(&world);
        let expected = [
            (
                vec!["pg.dwh.sales.Orders.Amount".to_owned()],
                "prod.model.app-1_Orders.Amount".to_owned(),
            ),
            (vec!["pg.dwh.sales.Orders.ID".to_owned()], "prod.model.app-1_Orders.ID".to_owned()),
        ];
        assert_eq!(edges[0].2, expected, "{version}");
        assert_eq!(sink.snapshot().columns_dropped, 1, "{version}");
    }
}

#[tokio::test]
async fn a_table_that_appears_later_is_found_then() {
    let world = World::new("1.12.6").await;
    let events = [model(), edge(table(Some("sales"), "late"))];
    let sink = world.sink().await;
    let outcomes = apply(&sink, &upserts(&events)).await;
    assert!(matches!(outcomes[1], Outcome::Unresolved { .. }));
    world.server.seed(&seed().table("pg.dwh.sales.late", &["id"])).expect("a seed");
    sink.refresh();
    assert_eq!(apply(&sink, &upserts(&events)).await[1], Outcome::Created);
    assert_eq!(sink.snapshot().unresolved, 1);
}

#[tokio::test]
async fn without_its_search_engine_a_server_still_finds_exact_names() {
    let world = World::new("1.12.6").await;
    world.server.seed(&seed()).expect("a seed");
    world.server.faults().set_search_engine(false);
    let sink = world.sink().await;
    let node = |name: &str| node::DatabaseTable {
        database: Some("dwh".into()),
        ..at("db.example.com", table(Some("sales"), name))
    };
    let outcomes =
        apply(&sink, &upserts(&[model(), edge(node("Orders")), edge(node("orders"))])).await;
    // The server stores the edge and answers 500.
    assert_eq!(outcomes[1], Outcome::Created);
    let Outcome::Unresolved { reason } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert!(reason.contains("search of OpenMetadata does not work"), "{reason}");
    assert!(is_newer_or("1.12.6", (1, 12)));
}
