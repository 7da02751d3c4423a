//! What the script alone does not tell: the log of the reload, included files, the engine.

use super::*;

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
