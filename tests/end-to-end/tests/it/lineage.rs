//! Lineage of load scripts: from the database through tables and files of several apps to the charts,
//! and what becomes of files when apps change, fail and go.

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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_what_other_apps_say_and_goes_with_the_last_edge() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let before = files(&world);
    assert!(fields(&before[CUSTOMERS_QVD]).contains("EmailHash"));

    // One app alone is opened: it reads one more field.
    world.change_script(OVERVIEW, |script| {
        script.replace("Year(OrderDate) AS OrderYear", "Year(BookedAt) AS OrderYear")
    });
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], 1, "{report}");
    let after = files(&world);
    assert_eq!(
        fields(&after[ORDERS_QVD]),
        BTreeSet::from(["BookedAt", "CustomerId", "OrderDate", "OrderId", "ShipCountry", "Status"])
    );
    assert_eq!(after[CUSTOMERS_QVD].fields, before[CUSTOMERS_QVD].fields);

    // An app whose script may not be read any more keeps what was published.
    let edges_before = edges(&world).len();
    world.script_access(OVERVIEW, Some(ScriptAccess::Denied));
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], 1, "{report}");
    assert_eq!(edges(&world).len(), edges_before);
    assert!(fields(&files(&world)[ORDERS_QVD]).contains("BookedAt"));

    // Those who store and those who read go: the file goes with the last of them.
    let allow = ["--allow-deletions"];
    world.remove_app(ETL);
    world.extract(&allow).await;
    assert!(fields(&files(&world)[CUSTOMERS_QVD]).contains("Segment"));
    assert!(!fields(&files(&world)[CUSTOMERS_QVD]).contains("EmailHash"));
    world.remove_app(OVERVIEW);
    world.extract(&allow).await;
    assert!(!fields(&files(&world)[ORDERS_QVD]).contains("BookedAt"));
    world.remove_app(COPY);
    let report = world.extract(&allow).await;
    let left = files(&world);
    assert!(!left.contains_key(CUSTOMERS_QVD) && !left.contains_key(ORDERS_QVD), "{report}");
    // What another app reads is still there.
    assert!(left.contains_key(SALES_ORDERS_QVD));
    world.load(&[]).await;
}

/// What only the reload knew, its log tells: which branch was taken, what variables held.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_the_reload_decides() {
    let script = "LIB CONNECT TO 'Warehouse (corp_svc_qlik)';\r\n\
                  LET vYear = Year(Today());\r\n\
                  IF Hour(Now()) < 6 THEN\r\n\
                  SET vSource = night;\r\n\
                  ELSE\r\n\
                  SET vSource = day;\r\n\
                  END IF\r\n\
                  Customers:\r\n\
                  LOAD CustomerId, Segment;\r\n\
                  SQL SELECT CustomerId, Segment FROM dbo.customers_$(vSource)_$(vYear);\r\n";
    let executed = [
        (1, "LIB CONNECT TO 'Warehouse (corp_svc_qlik)'"),
        (2, "LET vYear = Year(Today())"),
        (3, "IF Hour(Now()) < 6 THEN"),
        (4, "SET vSource = night"),
        (7, "END IF"),
        (9, "LOAD CustomerId, Segment"),
        (10, "SQL SELECT CustomerId, Segment FROM dbo.customers_night_2026"),
    ];
    let mut log = "\u{feff}2026-05-04 03:12:01      Execution started.\r\n".to_owned();
    for (line, text) in executed {
        log.push_str(&format!("2026-05-04 03:12:02 {line:04} {text}\r\n"));
    }
    log.push_str("2026-05-04 03:12:03      2 fields found: CustomerId, Segment, \r\n");
    log.push_str("2026-05-04 03:12:04      Execution finished.\r\n");
    let sources = |world: &World| -> Vec<(String, Origin, Resolution)> {
        let customers = Node::data_model(ETL, "Customers");
        let edges = edges(world).into_iter().filter(|edge| edge.to == customers);
        let told = edges.map(|edge| match edge.from {
            Node::DatabaseTable(table) => (table.table, edge.origin, edge.resolution),
            other => panic!("{other:?}"),
        });
        told.collect()
    };
    let world = World::with_sample_apps().await;
    world.change_app(ETL, |bundle| {
        script.clone_into(&mut bundle.script);
        bundle.site.script_log = Some(log);
    });
    world.extract(&[]).await;
    let expected = ("customers_night_2026".to_owned(), Origin::ScriptLog, Resolution::Expanded);
    assert_eq!(sources(&world), [expected]);
    // Without the log the table's name is known only at reload: nothing is said of it.
    world.change_app(ETL, |bundle| {
        script.clone_into(&mut bundle.script);
        bundle.site.script_log = None;
    });
    let report = world.extract(&[]).await;
    assert_eq!(sources(&world), []);
    let unresolved = &report["coverage_by_app"][ETL]["unresolved"];
    assert!(unresolved.as_u64().is_some_and(|count| count > 0), "{report}");
}

/// A script may be one line; the files that it includes are followed where a copy of them is given.
#[tokio::test(flavor = "multi_thread")]
async fn included_files_are_followed_where_their_text_is_given() {
    let world = World::with_sample_apps().await;
    world.change_script(ETL, |_| "$(Must_Include=lib://Scripts/load.qvs);\r\n".to_owned());
    let customers = Node::data_model(ETL, "Customers");
    let sources = || edges(&world).into_iter().filter(|edge| edge.to == customers).count();
    let report = world.extract(&[]).await;
    assert_eq!(sources(), 0);
    let open = report["coverage_by_app"][ETL]["open"].to_string();
    assert!(open.contains("lib://Scripts/load.qvs"), "{report}");

    let scripts = tempfile::tempdir().expect("a folder");
    let text =
        "\u{feff}LIB CONNECT TO 'CRM';\r\nCustomers: SQL SELECT Segment FROM public.customers;\r\n";
    std::fs::write(scripts.path().join("load.qvs"), text).expect("a file");
    let folder = scripts.path().to_str().expect("UTF-8").to_owned();
    world.change_config(|config| {
        config["extractor"]["includes"] = serde_json::json!({"lib://scripts/": folder});
    });
    // The option shapes the events: the app is read again without having changed.
    let report = world.extract(&[]).await;
    assert_eq!(sources(), 1, "{report}");
    assert_eq!(report["coverage_by_app"][ETL]["unresolved"], 0, "{report}");
}

/// What the engine remembers of the last reload stands in for a script that cannot be read.
#[tokio::test(flavor = "multi_thread")]
async fn the_engine_tells_of_an_app_whose_script_is_refused_or_gone() {
    let world = World::with_sample_apps().await;
    world.script_access(ETL, Some(ScriptAccess::LineageOnly));
    world.change_script(OVERVIEW, |_| String::new());
    let report = world.extract(&[]).await;
    let told = |app: &str| -> Vec<(Node, Node)> {
        let of_app = edges(&world).into_iter().filter(|edge| edge.app_id == app);
        let of_script = of_app.filter(|edge| edge.origin != Origin::ObjectProperties);
        let edges: Vec<Lineage> = of_script.collect();
        for edge in &edges {
            assert_eq!(edge.origin, Origin::EngineLineage, "{edge:?}");
            assert!(edge.columns.is_empty() && edge.statement.is_some(), "{edge:?}");
        }
        edges.into_iter().map(|edge| (edge.from, edge.to)).collect()
    };
    let etl = told(ETL);
    let dashboard = Node::dashboard(ETL);
    let reads = |table: &str| {
        etl.iter().any(|(from, to)| {
            matches!(from, Node::DatabaseTable(it) if it.table == table) && *to == dashboard
        })
    };
    assert!(reads("Orders") && reads("OrderLines"), "{etl:?}");
    assert!(etl.contains(&(dashboard, Node::file(ORDERS_QVD))), "{etl:?}");
    let overview = told(OVERVIEW);
    let read = (Node::file(ORDERS_QVD), Node::dashboard(OVERVIEW));
    assert!(overview.contains(&read), "{overview:?}");
    for app in [ETL, OVERVIEW] {
        let coverage = &report["coverage_by_app"][app];
        assert!(coverage["resolved"].as_u64().is_some_and(|count| count > 0), "{coverage}");
        let notices = report["notices"][app].to_string();
        assert!(notices.contains("what the engine remembers"), "{notices}");
    }
    world.load(&[]).await;
    // The script is back, and says more than that.
    world.script_access(ETL, None);
    world.extract(&[]).await;
    let back = edges(&world).into_iter().filter(|edge| edge.app_id == ETL);
    assert!(back.clone().all(|edge| edge.origin != Origin::EngineLineage));
    assert!(back.clone().any(|edge| edge.origin == Origin::LoadScript));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_a_run_did_not_live_to_write_are_written_by_the_next() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let whole = files(&world);
    assert!(whole.len() > 5, "{:?}", whole.keys());
    // As if the run had ended before it came to the files, and a stray one was left.
    for path in whole.keys() {
        world.broker.delete(Topic::DataModels, &schemas::key::file(world.service(), path), path);
    }
    assert!(files(&world).is_empty());
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], 0, "{report}");
    let again = files(&world);
    let content = |files: &BTreeMap<String, DataModel>| -> Vec<String> {
        files.values().map(|it| Event::DataModel(Box::new(it.clone())).content_hash()).collect()
    };
    assert_eq!(content(&again), content(&whole));
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
