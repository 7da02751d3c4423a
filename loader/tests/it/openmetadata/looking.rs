//! A sink that only looks.

use std::sync::{Arc, Mutex};

use loader::sink::{
    Outcome, Planned, PlannedChange,
    openmetadata::{Alive, OpenMetadataSink},
};
use openmetadata_simulator::Kind;
use schemas::{Event, event::Node};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::{VERSIONS, World, apply, edge_tombstone, site, tombstone, upserts};

type Plans = Arc<Mutex<Vec<Planned>>>;

async fn look(world: &World) -> (OpenMetadataSink, Plans) {
    let plans = Plans::default();
    let told = Arc::clone(&plans);
    let mut settings = world.settings();
    settings.load.wait_for_columns = false;
    let watcher =
        Arc::new(move |planned: &Planned| told.lock().expect("lock").push(planned.clone()));
    let sink = OpenMetadataSink::connect_to_look(settings, CancellationToken::new(), watcher).await;
    (sink.expect("the sink connects"), plans)
}

/// Takes what was told: sign, kind and name, sorted.
fn told(plans: &Plans) -> Vec<(PlannedChange, String)> {
    let plans = std::mem::take(&mut *plans.lock().expect("lock"));
    let mut told: Vec<_> = plans
        .into_iter()
        .map(|planned| (planned.change, format!("{} {}", planned.kind, planned.name)))
        .collect();
    told.sort_by(|a, b| a.1.cmp(&b.1));
    told
}

#[tokio::test]
async fn nothing_is_written_and_outcomes_are_those_of_writing() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        let events = site::site();
        let before = world.server.catalogue();
        // There is not even a service.
        let (sink, plans) = look(&world).await;
        let outcomes = apply(&sink, &upserts(&events)).await;
        assert_eq!((world.server.catalogue(), world.server.writes()), (before, 0), "{version}");
        assert_eq!(sink.strays(&Alive::default()).await.expect("nothing").total, 0);
        let planned = told(&plans);
        assert!(planned.iter().all(|(change, _)| *change == PlannedChange::Create), "{planned:?}");
        // Two apps, three charts and three models each, the file, four edges an app.
        assert_eq!(planned.len(), 2 + 6 + 7 + 8, "{planned:#?}");

        let loaded = world.load(&events).await;
        assert_eq!(outcomes, loaded, "{version}");

        // Loaded: nothing would be written any more.
        let (sink, plans) = look(&world).await;
        let writes = world.server.writes();
        let outcomes = apply(&sink, &upserts(&events)).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Unchanged), "{outcomes:?}");
        assert_eq!(told(&plans), []);

        // Deletes, in an order of their own.
        let gone: Vec<_> = site::app("app-1")
            .iter()
            .map(|event| match event {
                Event::Lineage(_) => edge_tombstone(event, true),
                event => tombstone(event.topic(), &event.key()),
            })
            .collect();
        let before = world.server.catalogue();
        let outcomes = apply(&sink, &gone).await;
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Deleted), "{outcomes:?}");
        let entities = told(&plans).into_iter().filter(|(_, name)| !name.starts_with("lineage"));
        assert!(entities.clone().all(|(change, _)| change == PlannedChange::Delete));
        assert_eq!(entities.count(), 7, "{version}");
        assert_eq!(
            (world.server.catalogue(), world.server.writes()),
            (before, writes),
            "{version}"
        );
    }
}

#[tokio::test]
async fn differences_are_told_value_by_value() {
    let world = World::new("1.12.6").await;
    let events = site::site();
    world.load(&events).await;
    let person = json!([{"op": "add", "path": "/displayName", "value": "A person's"}]);
    world.person_edits(Kind::Chart, "prod.app-1_c1", &person);
    let changed = site::changed(&events, "prod/app-1/c1", |event| {
        let Event::Chart(chart) = event else { panic!("a chart") };
        chart.title = Some("New title".into());
        chart.description = Some("New text".into());
    });
    let (sink, plans) = look(&world).await;
    let outcomes = apply(&sink, &upserts(&[changed])).await;
    assert_eq!(outcomes, [Outcome::Updated]);
    let plans = plans.lock().expect("lock").clone();
    let [planned] = plans.as_slice() else { panic!("{plans:?}") };
    assert_eq!((planned.kind, planned.name.as_str()), ("chart", "prod.app-1_c1"));
    let fields: Vec<_> = planned.fields.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["description"], "the person's name stays: {planned:?}");
    assert!(planned.fields[0].to.as_str().is_some_and(|text| text.contains("New text")));
}

#[tokio::test]
async fn a_missing_reference_is_said() {
    let world = World::new("1.12.6").await;
    let (sink, plans) = look(&world).await;
    let edge = site::edge(
        "app-1",
        Node::data_model("app-1", "Nowhere"),
        Node::data_model("app-1", "Orders"),
        Vec::new(),
    );
    let outcomes = apply(&sink, &upserts(&[edge])).await;
    let Outcome::Waiting { reason } = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(reason.contains("prod.model.app-1_Orders"), "{reason}");
    assert_eq!(told(&plans), []);
}
