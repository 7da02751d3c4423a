//! Deletes, and what comes back.

use loader::sink::{
    Outcome,
    openmetadata::{Alive, Stray},
};
use openmetadata_simulator::{Kind, Running};
use schemas::{Event, Topic, event::Node};
use serde_json::{Value, json};

use super::{
    VERSIONS, World, apply, edge_tombstone, is_newer_or, lineage, load::names, site, tombstone,
    upserts,
};

/// Tombstones for everything of an app.
fn tombstones(events: &[Event], with_header: bool) -> Vec<loader::sink::Item> {
    events
        .iter()
        .map(|event| match event {
            Event::Lineage(_) => edge_tombstone(event, with_header),
            event => tombstone(event.topic(), &event.key()),
        })
        .collect()
}

fn live(server: &Running, kind: Kind) -> Vec<String> {
    server
        .entities(kind)
        .iter()
        .filter(|entity| entity["deleted"] != json!(true))
        .filter_map(|entity| entity["fullyQualifiedName"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn an_app_goes_and_comes_back() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        world.person_edits(
            Kind::Chart,
            "prod.app-1_c1",
            &json!([{"op": "add", "path": "/description", "value": "A person's"}]),
        );
        let before = world.server.edges().len();
        let gone = tombstones(&site::app("app-1"), true);
        let outcomes = apply(&world.sink().await, &gone).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Deleted), "{outcomes:?}");
        for kind in [Kind::Dashboard, Kind::Chart, Kind::DataModel] {
            let live = live(&world.server, kind);
            assert!(live.iter().all(|fqn| !fqn.contains("app-1")), "{version} {live:?}");
            assert!(live.iter().any(|fqn| fqn.contains("app-2")), "{version} {live:?}");
        }
        assert_eq!(world.server.edges().len(), before / 2, "{version}");

        // Once more: nothing to write.
        let catalogue = world.server.catalogue();
        world.server.clear_requests();
        apply(&world.sink().await, &gone).await;
        assert_eq!(world.server.catalogue(), catalogue, "{version}");

        // And back: what people wrote is still there.
        world.load(&events).await;
        let app = world.entity(Kind::Dashboard, "prod.app-1");
        assert_eq!(names(&app["charts"]).len(), 3, "{version}");
        assert_eq!(app["deleted"], json!(false), "{version}");
        let chart = world.entity(Kind::Chart, "prod.app-1_c1");
        assert_eq!(
            (&chart["deleted"], &chart["description"]),
            (&json!(false), &json!("A person's"))
        );
        assert_eq!(world.server.edges().len(), before, "{version}");
        world.load_unchanged(&events).await;
    }
}

#[tokio::test]
async fn hard_deletes_are_final() {
    for version in ["1.2.5", "1.12.6"] {
        let mut world = World::new(version).await;
        world.load.hard_delete = true;
        let events = site::site();
        world.load(&events).await;
        apply(&world.sink().await, &tombstones(&site::app("app-1"), true)).await;
        for kind in [Kind::Dashboard, Kind::Chart, Kind::DataModel] {
            let all = world.server.entities(kind);
            assert!(all.iter().all(|e| !e["name"].as_str().unwrap_or_default().contains("app-1")));
        }
        // In the same process, too, it can come back.
        let sink = world.sink().await;
        apply(&sink, &upserts(&events)).await;
        apply(&sink, &tombstones(&site::app("app-2"), true)).await;
        let outcomes = apply(&sink, &upserts(&site::app("app-2"))).await;
        assert_eq!(outcomes[6], Outcome::Created);
        world.load_unchanged(&events).await;
    }
}

#[tokio::test]
async fn an_app_that_goes_and_comes_in_one_process() {
    for version in ["1.2.0-SNAPSHOT", "1.8.12", "1.12.6", "2.0.7"] {
        let world = World::new(version).await;
        let events = site::site();
        let sink = world.sink().await;
        apply(&sink, &upserts(&events)).await;
        apply(&sink, &tombstones(&site::app("app-1"), true)).await;
        let outcomes = apply(&sink, &upserts(&events)).await;
        assert!(outcomes.iter().all(|o| !matches!(o, Outcome::Waiting { .. })), "{outcomes:?}");
        let app = world.entity(Kind::Dashboard, "prod.app-1");
        assert_eq!(names(&app["charts"]).len(), 3, "{version}");
        world.load_unchanged(&events).await;
    }
}

#[tokio::test]
async fn edges_go_by_header_or_by_hash() {
    for version in ["1.2.5", "1.12.6", "2.0.7"] {
        for with_header in [true, false] {
            let world = World::new(version).await;
            let events = site::app("app-1");
            world.load(&[events.clone(), vec![site::file()]].concat()).await;
            let sink = world.sink().await;
            let edges: Vec<_> =
                events.iter().filter(|event| matches!(event, Event::Lineage(_))).collect();
            for edge in &edges {
                let outcomes = apply(&sink, &[edge_tombstone(edge, with_header)]).await;
                assert_eq!(outcomes, [Outcome::Deleted]);
            }
            assert_eq!(world.server.edges(), Vec::<Value>::new(), "{version} {with_header}");
        }
    }
}

#[tokio::test]
async fn a_chart_takes_only_its_own_columns_along() {
    let world = World::new("1.12.6").await;
    let events = site::app("app-1");
    world.load(&[events.clone(), vec![site::file()]].concat()).await;
    let to_c1 = events.iter().find(|event| {
        matches!(event, Event::Lineage(edge)
            if edge.to == schemas::event::Node::chart("app-1", "c1")
                && edge.from == schemas::event::Node::data_model("app-1", "Orders"))
    });
    let tombstone = edge_tombstone(to_c1.expect("an edge"), true);
    apply(&world.sink().await, &[tombstone]).await;
    let edges = world.server.edges();
    let edge = edges
        .iter()
        .find(|edge| {
            edge["from"]["fullyQualifiedName"] == "prod.model.app-1_Orders"
                && edge["to"]["type"] == "dashboard"
        })
        .expect("the edge of the other chart");
    let columns = edge["details"]["columnsLineage"].as_array().expect("columns");
    assert_eq!(columns.len(), 1);
    assert_eq!(columns[0]["toColumn"], "prod.app-1_c2");
}

#[tokio::test]
async fn strays_are_what_no_topic_knows() {
    let world = World::new("1.12.6").await;
    let events = site::site();
    world.load(&events).await;
    let other = json!({"name": "other", "serviceType": "QlikSense"});
    world.server.as_admin("PUT", "/services/dashboardServices", Some(&other));
    world.server.as_admin("PUT", "/charts", Some(&json!({"name": "theirs", "service": "other"})));

    let sink = world.sink().await;
    let mut alive = Alive::default();
    for event in site::app("app-1").iter().chain([&site::file()]) {
        sink.add_alive(&mut alive, event.topic(), &event.key());
    }
    let strays = sink.strays(&alive).await.expect("a list");
    assert_eq!((strays.total, strays.strays.len()), (15, 7));
    for stray in &strays.strays {
        let Stray::Entity { name, .. } = stray else { panic!("{stray:?}") };
        assert!(name.starts_with("app-2"), "{stray:?}");
        sink.remove(stray).await.expect("no trouble");
    }
    assert_eq!(sink.strays(&alive).await.expect("a list").strays, []);
    assert_eq!(live(&world.server, Kind::Dashboard), ["prod.app-1"]);
    assert!(live(&world.server, Kind::Chart).contains(&"other.theirs".to_owned()));
}

#[tokio::test]
async fn stray_edges_are_what_no_topic_knows() {
    for version in VERSIONS.into_iter().filter(|version| is_newer_or(version, (1, 2))) {
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let id = |kind, fqn: &str| world.entity(kind, fqn)["id"].clone();
        let orders = |app: &str| format!("prod.model.{app}_Orders");
        let model = |app: &str| json!({"id": id(Kind::DataModel, &orders(app)), "type": "dashboardDataModel"});
        // Drawn by a person, and without an event by a loader of old.
        let drawn = |source: &str, from: Value, to: Value| json!({"edge": {"fromEntity": from, "toEntity": to, "lineageDetails": {"source": source}}});
        let by_person = drawn("Manual", model("app-1"), model("app-2"));
        world.server.as_admin("PUT", "/lineage", Some(&by_person));
        let before = world.server.catalogue();

        // Everything is known: nothing is a stray.
        let sink = world.sink().await;
        let mut alive = Alive::default();
        let is_gone = |event: &Event| {
            matches!(event, Event::Lineage(edge) if edge.app_id == "app-1"
            && (edge.to == Node::chart("app-1", "c2") || edge.from == Node::file(site::FILE)))
        };
        for event in events.iter().filter(|event| !is_gone(event)) {
            sink.add_alive(&mut alive, event.topic(), &event.key());
        }
        let mut all = Alive::default();
        for event in &events {
            sink.add_alive(&mut all, event.topic(), &event.key());
        }
        assert_eq!(sink.stray_edges(&all).await.expect("edges").strays, [], "{version}");

        // Two events are in no topic.
        let found = sink.stray_edges(&alive).await.expect("edges");
        assert_eq!(found.strays.len(), 2, "{version}: {found:?}");
        assert_eq!(world.server.catalogue(), before, "looking writes nothing");
        for stray in &found.strays {
            assert!(sink.is_stray(&alive, stray) && !sink.is_stray(&all, stray));
            assert!(sink.remove(stray).await.expect("no trouble"), "{version}: {stray:?}");
        }
        assert_eq!(sink.stray_edges(&alive).await.expect("edges").strays, [], "{version}");
        let edges = lineage::edges(&world);
        let has = |from: &str, to: &str| edges.iter().any(|(f, t, _)| f == from && t == to);
        assert!(!has(&lineage::file_fqn(), &orders("app-1")), "{version}");
        assert!(has(&lineage::file_fqn(), &orders("app-2")), "{version}");
        assert!(has(&orders("app-1"), &orders("app-2")), "{version}: a person's");

        // The next load brings back what topics have.
        world.load(&events).await;
        world.load_unchanged(&events).await;
    }
}

#[tokio::test]
async fn keys_of_other_services_are_refused() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    for topic in Topic::STATE {
        let outcomes = apply(&sink, &[tombstone(topic, "other/app-1")]).await;
        assert!(matches!(outcomes[0], Outcome::Rejected { .. }), "{topic}");
    }
}
