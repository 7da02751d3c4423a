//! What real servers do that nobody would guess, one test each. Others are where they belong: names that
//! poison a model and columns that differ in case (`load`, `lineage`), deletes that take charts along and
//! dashboards that come back without them (`deletes`), chart PUTs that unlink, tags that only merge,
//! domains, data products and certification (`edits`), refused tokens and 409 (`faults`).

use loader::sink::Outcome;
use openmetadata_simulator::Kind;
use schemas::Event;

use super::{World, apply, site, upserts};

/// Without its search engine 1.12.6 stores an edge and answers 500.
#[tokio::test]
async fn an_edge_that_is_stored_with_an_error_is_stored() {
    for version in ["1.8.12", "1.12.6", "2.0.7"] {
        let world = World::new(version).await;
        let events = site::site();
        let (edges, entities): (Vec<_>, Vec<_>) =
            events.iter().cloned().partition(|event| matches!(event, Event::Lineage(_)));
        world.load(&entities).await;
        world.server.faults().set_search_engine(false);
        let outcomes = apply(&world.sink().await, &upserts(&edges)).await;
        let is_done = |outcome: &Outcome| matches!(outcome, Outcome::Created | Outcome::Unchanged);
        assert!(outcomes.iter().all(is_done), "{version}: {outcomes:?}");
        world.server.faults().set_search_engine(true);
        world.load_unchanged(&events).await;
    }
}

/// A PUT's answer shows values that a server does not compare and therefore does not store.
#[tokio::test]
async fn what_servers_do_not_compare_is_stored_all_the_same() {
    for version in ["1.3.4", "1.8.12", "1.12.6", "2.0.7"] {
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let moved = site::changed(&events, "prod/app-1", |event| {
            let Event::Dashboard(app) = event else { panic!("a dashboard") };
            app.project.as_mut().expect("has one").name = "Sales".into();
        });
        let outcomes = apply(&world.sink().await, &upserts(&[moved])).await;
        assert_eq!(outcomes, [Outcome::Updated], "{version}");
        for (kind, fqn) in
            [(Kind::Dashboard, "prod.app-1"), (Kind::DataModel, "prod.model.app-1_Orders")]
        {
            assert_eq!(world.entity(kind, fqn)["project"], "Sales", "{version} {fqn}");
        }
        let other = world.entity(Kind::DataModel, "prod.model.app-2_Orders");
        assert_eq!(other["project"], "Finance", "{version}: the copy stays where it is");
    }
}

/// Every good row of a bulk request has status 200, created or not.
#[tokio::test]
async fn rows_are_told_apart_although_all_say_200() {
    let world = World::new("1.12.6").await;
    let events = site::site();
    let outcomes = world.load(&events).await;
    let is_entity = |event: &Event| !matches!(event, Event::Lineage(_));
    let entities = events.iter().zip(&outcomes).filter(|(event, _)| is_entity(event));
    assert!(entities.clone().all(|(_, outcome)| *outcome == Outcome::Created), "{outcomes:?}");
    let charts: Vec<Event> = ["c1", "c2", "c3"]
        .iter()
        .map(|id| {
            site::changed(&events, &format!("prod/app-1/{id}"), |event| {
                let Event::Chart(chart) = event else { panic!("a chart") };
                chart.url = Some("https://elsewhere.example.com".into());
            })
        })
        .collect();
    let new = Event::Chart(Box::new(site::chart("app-1", "new")));
    let mixed = [charts, vec![new]].concat();
    let outcomes = apply(&world.sink().await, &upserts(&mixed)).await;
    let [updated @ .., created] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert!(updated.iter().all(|outcome| *outcome == Outcome::Updated), "{outcomes:?}");
    assert_eq!(*created, Outcome::Created);
}
