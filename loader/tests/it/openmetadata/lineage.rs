//! Edges.

use loader::sink::Outcome;
use openmetadata_simulator::Kind;
use schemas::{
    Event,
    event::{DataType, Node},
};
use serde_json::{Value, json};

use super::{VERSIONS, World, apply, edge_tombstone, is_newer_or, site, upserts};

/// Columns that flow, and where to.
type Columns = Vec<(Vec<String>, String)>;
/// Ends and columns of an edge.
pub(super) type Edge = (String, String, Columns);

/// Edges between two entities as `(from FQN, to FQN, [(fromColumns, toColumn)])`.
pub(super) fn edges(world: &World) -> Vec<Edge> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let columns = |edge: &Value| {
        let mut columns: Vec<_> = edge["details"]["columnsLineage"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|column| {
                let from = column["fromColumns"].as_array().into_iter().flatten().map(text);
                (from.collect::<Vec<_>>(), text(&column["toColumn"]))
            })
            .collect();
        columns.sort();
        columns
    };
    let ours = world.server.edges();
    let ours = ours.iter().filter(|edge| edge["details"]["source"] != "ChildAssets");
    ours.map(|edge| {
        let end = |end: &Value| text(&end["fullyQualifiedName"]);
        (end(&edge["from"]), end(&edge["to"]), columns(edge))
    })
    .collect()
}

fn find<'a>(edges: &'a [Edge], from: &str, to: &str) -> &'a [(Vec<String>, String)] {
    let found = edges.iter().find(|(f, t, _)| f == from && t == to);
    &found.unwrap_or_else(|| panic!("no edge from {from} to {to} in {edges:?}")).2
}

#[tokio::test]
async fn a_site_has_its_edges_on_every_version() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        world.load(&site::site()).await;
        let edges = edges(&world);
        // Per app: table → master items, table → app, master items → app, file → table.
        assert_eq!(edges.len(), 8, "{edges:?}");
        let file = file_fqn();
        let to_app = find(&edges, "prod.model.app-1_Orders", "prod.app-1");
        let to_table = find(&edges, &file, "prod.model.app-1_Orders");
        // The stand-in takes columns to dashboards from 1.9 on.
        if is_newer_or(version, (1, 9)) {
            let id = format!("prod.model.app-1_Orders.{}", distinct("Id"));
            let expected: [(Vec<String>, String); 3] = [
                (vec!["prod.model.app-1_Orders.\"Order.Date\"".into()], "prod.app-1_c1".into()),
                (vec!["prod.model.app-1_Orders.Amount".into(), id], "prod.app-1_c1".into()),
                (vec!["prod.model.app-1_Orders.ID".into()], "prod.app-1_c2".into()),
            ];
            assert_eq!(to_app, expected);
            assert_eq!(to_table.len(), 2);
        } else {
            assert_eq!((to_app, to_table), ([].as_slice(), [].as_slice()));
        }
    }
}

pub(super) fn file_fqn() -> String {
    format!("prod.model.file_{}", schemas::hash::hex128(site::FILE.as_bytes()))
}

fn distinct(field: &str) -> String {
    let hash: String = schemas::hash::hex128(field.as_bytes()).chars().take(8).collect();
    format!("{field}_{hash}")
}

#[tokio::test]
async fn a_changed_chart_replaces_its_columns_only() {
    let world = World::new("1.12.6").await;
    let events = site::site();
    world.load(&events).await;
    let changed = site::edge(
        "app-1",
        Node::data_model("app-1", "Orders"),
        Node::chart("app-1", "c1"),
        vec![site::column(&["ID"], None)],
    );
    assert_eq!(world.load(std::slice::from_ref(&changed)).await, [Outcome::Updated]);
    let edges = edges(&world);
    let columns = find(&edges, "prod.model.app-1_Orders", "prod.app-1");
    let id = vec!["prod.model.app-1_Orders.ID".to_owned()];
    assert_eq!(
        columns,
        [(id.clone(), "prod.app-1_c1".to_owned()), (id, "prod.app-1_c2".to_owned())]
    );
    world.load_unchanged(&[changed]).await;
}

#[tokio::test]
async fn an_unchanged_edge_is_known_by_what_is_stored() {
    for version in ["1.2.5", "1.8.12", "1.12.6"] {
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let sink = world.sink().await;
        let (edges, entities): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| matches!(event, Event::Lineage(_)));
        apply(&sink, &upserts(&entities)).await;
        world.server.clear_requests();
        let outcomes = apply(&sink, &upserts(&edges)).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Unchanged), "{outcomes:?}");
        let paths: std::collections::BTreeSet<_> =
            world.server.requests().into_iter().map(|request| request.path).collect();
        let asked: Vec<_> = paths.iter().filter(|path| !path.contains("/lineage/")).collect();
        assert_eq!(asked, Vec::<&String>::new(), "{version}: neither ends nor columns");
        // Per app: the dashboard, its master items, and its table that is loaded from a file.
        assert_eq!(paths.len(), 6, "{version}: {paths:?}");
        assert_eq!(world.server.requests().len(), 6, "{version}: each once");
    }
}

#[tokio::test]
async fn an_edge_of_all_columns_grows_with_its_ends() {
    let world = World::new("1.12.6").await;
    let model = |fields: &[&str]| {
        let fields = fields.iter().map(|name| site::field(name, DataType::String)).collect();
        Event::DataModel(Box::new(site::table("app-1", "T", fields)))
    };
    let all = vec![site::column(&["*"], Some("*"))];
    let edge = site::edge("app-1", Node::file(site::FILE), Node::data_model("app-1", "T"), all);
    world.load(&[site::file(), model(&["id"]), edge.clone()]).await;
    let columns = |world: &World| edges(world).first().map(|edge| edge.2.len());
    assert_eq!(columns(&world), Some(1));
    world.load_unchanged(std::slice::from_ref(&edge)).await;
    assert_eq!(world.load(&[model(&["id", "amount"]), edge]).await[1], Outcome::Updated);
    assert_eq!(columns(&world), Some(2));
}

#[tokio::test]
async fn many_charts_are_one_write() {
    let world = World::new("1.12.6").await;
    let charts: Vec<String> = (0..50).map(|i| format!("c{i}")).collect();
    let ids: Vec<&str> = charts.iter().map(String::as_str).collect();
    let mut events = vec![
        Event::DataModel(Box::new(site::table(
            "app-1",
            "T",
            vec![site::field("a", DataType::String)],
        ))),
        Event::Dashboard(Box::new(site::dashboard("app-1", &ids, &["T"]))),
    ];
    for id in &charts {
        events.push(Event::Chart(Box::new(site::chart("app-1", id))));
        let to = Node::chart("app-1", id);
        let columns = vec![site::column(&["a"], None)];
        events.push(site::edge("app-1", Node::data_model("app-1", "T"), to, columns));
    }
    world.load(&events).await;
    assert_eq!(world.server.request_counts().get("PUT /lineage"), Some(&1));
    assert_eq!(find(&edges(&world), "prod.model.app-1_T", "prod.app-1").len(), 50);
}

#[tokio::test]
async fn edges_of_people_are_left_alone() {
    for version in ["1.3.4", "1.12.6"] {
        let world = World::new(version).await;
        let events = site::site();
        let (lineage, entities): (Vec<_>, Vec<_>) =
            events.iter().cloned().partition(|event| matches!(event, Event::Lineage(_)));
        world.load(&entities).await;
        let reference = |kind, fqn: &str, entity_type: &str| json!({"id": world.entity(kind, fqn)["id"], "type": entity_type});
        let edge = json!({"edge": {
            "fromEntity": reference(Kind::DataModel, &file_fqn(), "dashboardDataModel"),
            "toEntity": reference(Kind::DataModel, "prod.model.app-1_Orders", "dashboardDataModel"),
            "lineageDetails": {"source": "Manual", "description": "drawn by hand"},
        }});
        assert_eq!(world.server.as_admin("PUT", "/lineage", Some(&edge)).0, 200);
        let drawn = |world: &World| {
            let edges = world.server.edges();
            edges.into_iter().find(|edge| edge["details"]["source"] == "Manual")
        };
        let before = drawn(&world);
        assert!(before.is_some());
        world.load(&lineage).await;
        assert_eq!(drawn(&world), before, "{version}");
        let tombstones: Vec<_> = lineage.iter().map(|edge| edge_tombstone(edge, true)).collect();
        apply(&world.sink().await, &tombstones).await;
        assert_eq!(drawn(&world), before, "{version}");
    }
}

#[tokio::test]
async fn two_apps_that_write_one_file_share_an_edge() {
    let world = World::new("1.12.6").await;
    let other = "lib://data/raw.csv";
    let raw = match site::file() {
        Event::DataModel(mut model) => {
            model.file = Some(schemas::event::File { path: other.into(), ..Default::default() });
            Event::DataModel(model)
        }
        _ => panic!("a file"),
    };
    let edge = |app: &str, column: &str| {
        let columns = vec![site::column(&[column], Some(column))];
        site::edge(app, Node::file(other), Node::file(site::FILE), columns)
    };
    let (first, second) = (edge("app-1", "id"), edge("app-2", "amount"));
    let events = vec![site::file(), raw, first.clone(), second.clone()];
    world.load(&events).await;
    let columns = |world: &World| edges(world).first().map(|edge| edge.2.len());
    assert_eq!(columns(&world), Some(2));
    world.load_unchanged(&events).await;
    world.load_unchanged(std::slice::from_ref(&second)).await;
    apply(&world.sink().await, &[edge_tombstone(&first, true)]).await;
    assert_eq!(edges(&world).len(), 1);
    world.load(std::slice::from_ref(&second)).await;
    assert_eq!(columns(&world), Some(1));
    apply(&world.sink().await, &[edge_tombstone(&second, true)]).await;
    assert_eq!(edges(&world), []);
}

#[tokio::test]
async fn an_edge_waits_for_its_ends_and_their_columns() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let events = site::app("app-1");
    let edge = events[7].clone();
    let wait = |outcomes: Vec<Outcome>| match outcomes.as_slice() {
        [Outcome::Waiting { reason }] => reason.clone(),
        other => panic!("{other:?}"),
    };
    let items = upserts(std::slice::from_ref(&edge));
    let once = async || sink.apply(loader::sink::Stage::Lineage, &items).await.expect("no trouble");
    assert!(wait(once().await).contains("is not in OpenMetadata yet"));
    let narrow = site::changed(&events, "prod/app-1/Orders", |event| {
        let Event::DataModel(model) = event else { return };
        model.fields.truncate(1);
    });
    apply(&sink, &upserts(&[narrow, events[2].clone()])).await;
    // The table has no such column yet: the edge waits once for it.
    assert!(wait(once().await).contains("columns"));
    apply(&sink, &upserts(&events[..3])).await;
    assert_eq!(once().await, [Outcome::Created]);
    assert_eq!(sink.snapshot().columns_dropped, 0);
    // A column that does not come is left out.
    let odd = site::edge(
        "app-1",
        Node::data_model("app-1", "Orders"),
        Node::data_model("app-1", "(master items)"),
        vec![site::column(&["Amount", "nope"], Some("Revenue"))],
    );
    assert_eq!(apply(&sink, &upserts(&[odd])).await, [Outcome::Unchanged]);
    assert_eq!(sink.snapshot().columns_dropped, 1);
}

#[tokio::test]
async fn an_edge_to_a_chart_waits_until_the_dashboard_has_it() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let events = site::app("app-1");
    let without_c1 = site::changed(&events, "prod/app-1", |event| {
        let Event::Dashboard(app) = event else { return };
        app.sheets[0].chart_ids = vec!["c2".into()];
    });
    let mut first = events[..6].to_vec();
    first.push(without_c1);
    apply(&sink, &upserts(&first)).await;
    let edge = upserts(&events[8..9]);
    assert!(matches!(apply(&sink, &edge).await[0], Outcome::Waiting { .. }));
    apply(&sink, &upserts(&events[6..7])).await;
    assert_eq!(apply(&sink, &edge).await, [Outcome::Created]);
}
