//! What real servers do that nobody would guess, one test each. Others are where they belong: names that
//! poison a model and columns that differ in case (`load`, `lineage`), deletes that take charts along and
//! dashboards that come back without them (`deletes`), chart PUTs that unlink, tags that only merge,
//! domains, data products and certification (`edits`), refused tokens and 409 (`faults`).

use loader::sink::Outcome;
use openmetadata_simulator::Kind;
use schemas::{
    Event,
    event::{DataType, Node},
};

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

/// A site as nobody would make it: a table of 2,000 columns of which many differ in case, blanks or quotes
/// only, names at and beyond every limit, apps and charts that all have the same title.
#[tokio::test]
async fn a_hostile_site_is_loaded_whole_and_is_unchanged_then() {
    let mut fields = Vec::new();
    for number in 0..400 {
        for name in ["Amount", "AMOUNT", "amount", "Amount \"net\"", "Am.ount::>"] {
            fields.push(site::field(&format!("{name} {number}"), DataType::Double));
        }
    }
    let long = "Ä".repeat(300);
    for name in [long.as_str(), " ", "\t", "\n", "\u{0}", "$(x)", "'", "*", "a/b%2F", "😀"] {
        fields.push(site::field(name, DataType::String));
    }
    let read: Vec<String> = fields.iter().map(|field| field.name.clone()).collect();
    let tables = ["Wide", "wide", "WIDE \"x\"", long.as_str()];
    let mut events = Vec::new();
    for app in ["twin-1", "twin-2"] {
        for table in tables {
            let model = site::table(app, table, fields.clone());
            events.push(Event::DataModel(Box::new(model)));
        }
        let mut charts = Vec::new();
        for object in ["c1", "C1", "c 1", "c\"1\"", long.as_str()] {
            let mut chart = site::chart(app, object);
            chart.title = Some("The same".into());
            charts.push(object);
            events.push(Event::Chart(Box::new(chart)));
        }
        let mut dashboard = site::dashboard(app, &charts, &tables);
        dashboard.title = "The same".into();
        events.push(Event::Dashboard(Box::new(dashboard)));
        let names: Vec<&str> = read.iter().map(String::as_str).collect();
        let (from, to) = (Node::data_model(app, "Wide"), Node::chart(app, "C1"));
        events.push(site::edge(app, from, to, vec![site::column(&names, None)]));
    }
    for version in ["1.2.5", "1.8.12", "1.12.6", "2.0.7"] {
        let world = World::new(version).await;
        world.load(&events).await;
        world.load_unchanged(&events).await;
        let count = |kind| world.server.entities(kind).len();
        let counts = [Kind::Dashboard, Kind::DataModel, Kind::Chart].map(count);
        assert_eq!(counts, [2, 8, 10], "{version}: nothing is lost and nothing is one");
        for model in world.server.entities(Kind::DataModel) {
            let columns = model["columns"].as_array().expect("columns");
            let mut names: Vec<String> = columns
                .iter()
                .map(|c| c["name"].as_str().expect("a name").to_lowercase())
                .collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), columns.len(), "{version}: columns that the server mixes up");
            assert!(columns.len() >= 2_000, "{version}: {}", columns.len());
        }
        assert_eq!(world.server.edges().len(), 2, "{version}");
    }
}
