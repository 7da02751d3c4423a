//! What the catalogue has of it.

use super::*;

/// Databases that the sample apps read.
fn databases() -> Seed {
    Seed::default()
        .database_service("crm", "Postgres", "crm.alpine-outdoor.example:5432", "crm")
        .table("crm.crm.public.customers", &["customer_id", "segment", "email"])
        .database_service("dwh", "Mssql", "dwh.alpine-outdoor.example:1433", "sales")
        .table("dwh.sales.dbo.Orders", &["OrderId", "OrderDate", "Unused"])
}

/// Edges of the catalogue that start at a table of a database.
fn table_edges(world: &World) -> BTreeSet<String> {
    let edges = world.catalogue_edges().into_iter();
    let edges = edges.filter(|edge| edge["from"]["type"] == "table");
    edges.map(|edge| format!("{} {}", edge["from"], edge["to"])).collect()
}

/// Their offsets were committed by a process that is gone, so only what it left with them tells the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_appears_between_two_loaders_is_picked_up_by_the_second() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let first = world.load(&[]).await;
    assert!(first["events"]["lineage"]["unresolved"].as_u64() > Some(1), "{first}");
    assert_eq!(table_edges(&world), BTreeSet::new());

    world.seed(&databases());
    let second = world.load(&[]).await;
    let edges = &second["events"]["lineage"];
    assert_eq!(edges["read"], 0, "nothing was new in the topics: {second}");
    let found = table_edges(&world);
    assert!(found.len() > 1, "{found:?}");
    assert_eq!(edges["created"], found.len(), "{second}");

    // As if they had been there from the beginning.
    let undisturbed = World::with_sample_apps().await;
    undisturbed.seed(&databases());
    undisturbed.extract(&[]).await;
    undisturbed.load(&[]).await;
    assert_same(&undisturbed.catalogue_snapshot(), &world.catalogue_snapshot());

    let writes = world.catalogue_writes();
    world.load(&[]).await;
    assert_eq!(world.catalogue_writes(), writes, "nothing is left to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_arrives_in_the_catalogue() {
    let world = World::with_sample_apps().await;
    world.seed(&databases());
    world.extract(&[]).await;
    world.load(&[]).await;
    let edges = world.catalogue_edges();
    let models = world.entities("dashboard/datamodels");
    let fqn = |name: &str| {
        let model = models.get(name).unwrap_or_else(|| panic!("no {name}: {:?}", models.keys()));
        model["fullyQualifiedName"].as_str().expect("a name").to_owned()
    };
    let file = |path: &str| {
        let model = models.values().find(|model| {
            model["displayName"].as_str().is_some_and(|name| name.eq_ignore_ascii_case(path))
        });
        let model = model.unwrap_or_else(|| panic!("no {path}"));
        model["fullyQualifiedName"].as_str().expect("a name").to_owned()
    };
    // `from → to` with the columns `from>to`, names alone.
    let columns = |from: &str, to: &str| -> BTreeSet<String> {
        let edge = edges.iter().find(|edge| {
            edge["from"]["fullyQualifiedName"] == from && edge["to"]["fullyQualifiedName"] == to
        });
        let edge = edge.unwrap_or_else(|| panic!("no edge {from} → {to}"));
        let last = |fqn: &Value| {
            let fqn = fqn.as_str().unwrap_or_default();
            fqn.rsplit('.').next().unwrap_or_default().to_owned()
        };
        let details = if edge["details"].is_null() { edge } else { &edge["details"] };
        let lines = details["columnsLineage"].as_array().into_iter().flatten();
        lines
            .flat_map(|line| {
                let to = last(&line["toColumn"]);
                let from = line["fromColumns"].as_array().into_iter().flatten();
                from.map(|from| format!("{}>{to}", last(from))).collect::<Vec<_>>()
            })
            .collect()
    };
    let has = |found: &BTreeSet<String>, pairs: &[&str]| {
        for pair in pairs {
            assert!(found.contains(*pair), "{pair}: {found:?}");
        }
    };
    let etl = fqn(&format!("{ETL}_Customers"));
    has(&columns("crm.crm.public.customers", &etl), &["segment>Segment", "email>EmailHash"]);
    let qvd = file(CUSTOMERS_QVD);
    has(&columns(&etl, &qvd), &["Segment>Segment"]);
    let overview = fqn(&format!("{OVERVIEW}_Customers"));
    has(&columns(&qvd, &overview), &["Segment>Segment"]);
    // `SELECT *` into a file: the columns that both have.
    let found = columns("dwh.sales.dbo.Orders", &file(ORDERS_QVD));
    assert_eq!(found, ["OrderDate>OrderDate", "OrderId>OrderId"].map(str::to_owned).into());
    // … and on to the charts of the dashboard.
    let dashboards = world.entities("dashboards");
    let dashboard = dashboards[OVERVIEW]["fullyQualifiedName"].as_str().expect("a name");
    assert!(!columns(&overview, dashboard).is_empty());
}
