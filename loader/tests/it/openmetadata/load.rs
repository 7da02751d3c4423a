//! Loading a site, once and again.

use loader::sink::{Outcome, openmetadata::OpenMetadataSink};
use openmetadata_simulator::{Kind, Seed};
use schemas::{Event, event::DataType};
use serde_json::{Value, json};

use super::{VERSIONS, World, apply, is_newer_or, site, upserts};

#[tokio::test]
async fn a_second_load_writes_nothing_on_any_version() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        world.server.seed(&Seed::default().user("dana", "dana@example.com")).expect("a seed");
        let events = site::site();
        let outcomes = world.load(&events).await;
        let created = outcomes.iter().filter(|outcome| **outcome == Outcome::Created).count();
        assert_eq!(created, events.len() - 2, "all but the memberships of charts");
        world.load_unchanged(&events).await;
        // Other batches, another order: the same.
        let mut reversed = events.clone();
        reversed.reverse();
        world.load_unchanged(&reversed).await;
        let sink = world.sink().await;
        world.server.clear_requests();
        for event in &events {
            let outcomes = apply(&sink, &upserts(std::slice::from_ref(event))).await;
            assert_eq!(outcomes, [Outcome::Unchanged], "{}", event.key());
        }
        assert_eq!(world.server.writes(), 0);
    }
}

#[tokio::test]
async fn event_by_event_and_in_one_batch_give_the_same() {
    for version in ["1.1.1", "1.2.5", "1.8.12", "1.12.6", "2.0.7"] {
        let events = site::site();
        let batch = World::new(version).await;
        batch.load(&events).await;
        let single = World::new(version).await;
        let sink = single.sink().await;
        // Edges last, so that nothing has to wait; the file comes before the edges that start at it.
        let mut ordered = events.clone();
        ordered.sort_by_key(|event| matches!(event, Event::Lineage(_)));
        for event in &ordered {
            apply(&sink, &upserts(std::slice::from_ref(event))).await;
        }
        // Once more from the beginning, as after a crash.
        single.load(&events).await;
        // Servers without `sourceHash` store the project of a data model when it is created, or never.
        let ignored: &[&str] =
            if is_newer_or(version, (1, 2)) { &["version"] } else { &["version", "project"] };
        let [single_end, batch_end] =
            [&single, &batch].map(|world| without(ignored, world.server.catalogue()));
        assert_eq!(single_end, batch_end, "{version}");
        single.load_unchanged(&events).await;
    }
}

/// Drops members, such as versions: an entity that is written in two steps has a higher one.
pub(super) fn without(ignored: &[&str], mut value: Value) -> Value {
    match &mut value {
        Value::Object(members) => {
            members.retain(|name, _| !ignored.contains(&name.as_str()));
            for member in members.values_mut() {
                *member = without(ignored, member.take());
            }
        }
        Value::Array(items) => {
            for item in items {
                *item = without(ignored, item.take());
            }
        }
        _ => {}
    }
    value
}

#[tokio::test]
async fn what_people_find() {
    let world = World::new("1.12.6").await;
    world.server.seed(&Seed::default().user("dana", "dana@example.com")).expect("a seed");
    world.load(&site::site()).await;

    let service = world.entity(Kind::DashboardService, "prod");
    assert_eq!(service["serviceType"], "QlikSense");

    let app = world.entity(Kind::Dashboard, "prod.app-1");
    assert_eq!(app["displayName"], "App app-1");
    assert_eq!(app["description"], "All sales");
    assert_eq!(app["project"], "Finance");
    assert_eq!(app["sourceUrl"], "https://qlik.example.com/sense/app/app-1");
    assert_eq!(names(&app["charts"]), ["prod.app-1_c1", "prod.app-1_c2", "prod.app-1_c3"]);
    assert_eq!(
        names(&app["dataModels"]),
        [
            "prod.model.\"app-1_Sales.2020/Q1\"",
            "prod.model.app-1_(master items)",
            "prod.model.app-1_Orders",
        ]
    );
    assert_eq!(tags(&app), ["Qlik.\"v1.0\"", "Qlik.Env: Prod"]);
    assert_eq!(app["owners"][0]["name"], "dana");
    assert_eq!(app["lifeCycle"]["updated"]["timestamp"], 5000);

    let chart = world.entity(Kind::Chart, "prod.app-1_c1");
    assert_eq!(chart["displayName"], "Chart c1");
    assert_eq!(chart["chartType"], "Gauge");
    let description = chart["description"].as_str().expect("a description");
    assert!(description.contains("Revenue: `Sum({<Year={2020}>} Amount)`"), "{description}");
    assert!(description.contains("Region: `Region`"), "{description}");
    let untitled = world.entity(Kind::Chart, "prod.app-1_c2");
    assert_eq!(untitled["displayName"], "Overview: Revenue by Region");

    let model = world.entity(Kind::DataModel, "prod.model.app-1_Orders");
    assert_eq!(model["displayName"], "Orders");
    assert_eq!(model["project"], "Finance");
    assert_eq!(model["sql"], "Orders: LOAD * FROM x;");
    let columns: Vec<_> = model["columns"].as_array().expect("columns").iter().collect();
    assert_eq!(columns.len(), 5);
    assert_eq!(columns[0]["name"], "ID");
    assert_eq!(columns[1]["displayName"], "Id");
    assert_ne!(columns[1]["name"], "Id");
    assert_eq!(columns[2]["description"], "Net");
    assert_eq!(
        columns[4]["name"],
        "Say __reserved__quote__hi__reserved__quote__ __reserved__arrow__ x__reserved__colon__y"
    );
    let items = world.entity(Kind::DataModel, "prod.model.app-1_(master items)");
    assert_eq!(items["displayName"], "Master items");
    assert_eq!(items["columns"][0]["dataType"], "MEASURE");
    assert_eq!(items["columns"][0]["description"], "`Sum(Amount)`");
}

pub(super) fn names(references: &Value) -> Vec<&str> {
    let mut names: Vec<_> = references
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|reference| reference["fullyQualifiedName"].as_str())
        .collect();
    names.sort_unstable();
    names
}

pub(super) fn tags(entity: &Value) -> Vec<&str> {
    let mut tags: Vec<_> = entity["tags"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|tag| tag["tagFQN"].as_str())
        .collect();
    tags.sort_unstable();
    tags
}

#[tokio::test]
async fn changes_arrive_on_every_version() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        world
            .server
            .seed(&Seed::default().user("dana", "dana@example.com").user("eve", "eve@example.com"))
            .expect("a seed");
        let events = site::site();
        world.load(&events).await;
        let new_events = vec![
            site::changed(&events, "prod/app-1", |event| {
                let Event::Dashboard(app) = event else { return };
                app.title = "Renamed".into();
                app.description = Some("New text".into());
                app.tags = vec!["v2".into()];
                app.url = Some("https://elsewhere".into());
                if let Some(owner) = &mut app.owner {
                    owner.id = Some("eve".into());
                    owner.email = Some("eve@example.com".into());
                }
                app.sheets[0].chart_ids = vec!["c1".into()];
                app.last_reload_at = Some(6000);
            }),
            site::changed(&events, "prod/app-1/c1", |event| {
                let Event::Chart(chart) = event else { return };
                chart.measures[0].expression = "Avg(Amount)".into();
                chart.title = Some("Average".into());
            }),
            site::changed(&events, "prod/app-1/Orders", |event| {
                let Event::DataModel(model) = event else { return };
                model.fields[2].comment = Some("Gross".into());
                model.fields.push(site::field("New", DataType::Boolean));
                model.fields.remove(0);
            }),
        ];
        let outcomes = world.load(&new_events).await;
        assert_eq!(outcomes, vec![Outcome::Updated; 3]);

        let app = world.entity(Kind::Dashboard, "prod.app-1");
        assert_eq!(app["displayName"], "Renamed");
        assert_eq!(app["description"], "New text");
        assert_eq!(tags(&app), ["Qlik.Env: Prod", "Qlik.v2"].map(|tag| narrow(version, tag)));
        assert_eq!(names(&app["charts"]), ["prod.app-1_c1"]);
        let owners = if is_newer_or(version, (1, 5)) { &app["owners"][0] } else { &app["owner"] };
        assert_eq!(owners["name"], "eve");
        let chart = world.entity(Kind::Chart, "prod.app-1_c1");
        assert_eq!(chart["displayName"], "Average");
        assert!(chart["description"].as_str().is_some_and(|text| text.contains("Avg(Amount)")));
        let model = world.entity(Kind::DataModel, "prod.model.app-1_Orders");
        let columns = model["columns"].as_array().expect("columns");
        assert_eq!(columns.len(), 5);
        let amount = columns.iter().find(|column| column["name"] == "Amount").expect("Amount");
        assert_eq!(amount["description"], "Gross");
        world.load_unchanged(&new_events).await;
        // The other app of the same name is another one.
        assert_eq!(world.entity(Kind::Dashboard, "prod.app-2")["displayName"], "App app-2");
    }
}

/// Up to 1.2 a colon is no character of a name.
fn narrow(version: &str, tag: &str) -> String {
    if is_newer_or(version, (1, 3)) || !tag.contains(':') {
        return tag.to_owned();
    }
    let name = tag.strip_prefix("Qlik.").unwrap_or(tag);
    format!("Qlik.{}_{}", name.replace(':', "_"), schemas::hash::hex128(name.as_bytes()))
}

#[tokio::test]
async fn a_dashboard_waits_for_its_charts() {
    for version in ["1.2.5", "1.12.6"] {
        let world = World::new(version).await;
        let sink = world.sink().await;
        let events = site::app("app-1");
        let (dashboards, others): (Vec<_>, Vec<_>) =
            events.iter().cloned().partition(|event| matches!(event, Event::Dashboard(_)));
        let outcomes = apply(&sink, &upserts(&dashboards)).await;
        assert!(matches!(&outcomes[0], Outcome::Waiting { reason } if reason.contains("app-1_c2")));
        assert!(world.server.entity(Kind::Dashboard, "prod.app-1").is_none());
        apply(&sink, &upserts(&others)).await;
        assert_eq!(apply(&sink, &upserts(&dashboards)).await, [Outcome::Created]);
    }
}

#[tokio::test]
async fn one_bad_row_does_not_spoil_the_others() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    // The server refuses every request with this text, alone or among others.
    let fault = openmetadata_simulator::Fault::once(openmetadata_simulator::Effect::Status {
        status: 400,
        retry_after: None,
    });
    world.server.faults().add(fault.containing("poison").times(1000)).expect("a fault");
    let charts: Vec<Event> = (0..20)
        .map(|i| {
            let mut chart = site::chart("app-1", &format!("c{i}"));
            if i == 7 {
                chart.title = Some("poison".into());
            }
            Event::Chart(Box::new(chart))
        })
        .collect();
    let outcomes = apply(&sink, &upserts(&charts)).await;
    for (i, outcome) in outcomes.iter().enumerate() {
        match outcome {
            Outcome::Rejected { reason } if i == 7 => assert!(reason.contains("app-1_c7")),
            outcome => assert_eq!((i != 7, outcome), (true, &Outcome::Created)),
        }
    }
    assert_eq!(world.server.entities(Kind::Chart).len(), 19);
    assert_eq!(sink.snapshot().rejected, 1);
}

#[tokio::test]
async fn many_entities_share_requests_where_the_server_has_that() {
    let charts: Vec<Event> =
        (0..250).map(|i| Event::Chart(Box::new(site::chart("app-1", &format!("c{i}"))))).collect();
    for (version, expected) in [("1.12.6", 3), ("1.8.12", 250)] {
        let world = World::new(version).await;
        let sink = world.sink().await;
        apply(&sink, &upserts(&charts)).await;
        let counts = world.server.request_counts();
        let puts: u64 = counts
            .iter()
            .filter(|(key, _)| key.starts_with("PUT /charts"))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(puts, expected, "{version}: {counts:?}");
        world.load_unchanged(&charts).await;
    }
}

#[tokio::test]
async fn foreign_events_are_refused() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let mut chart = site::chart("app-1", "c1");
    chart.service = "other".into();
    let outcomes = apply(&sink, &upserts(&[Event::Chart(Box::new(chart))])).await;
    assert!(matches!(outcomes[0], Outcome::Rejected { .. }));
    assert_eq!(world.server.entities(Kind::Chart), Vec::<Value>::new());
}

#[tokio::test]
async fn a_chart_that_somebody_deleted_is_linked_again() {
    for (version, hard) in [("1.2.5", true), ("1.12.6", true), ("1.12.6", false), ("2.0.7", true)] {
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let fqns = ["prod.app-1_c1", "prod.app-2_c1"];
        for fqn in fqns {
            let chart = world.entity(Kind::Chart, fqn);
            let id = chart["id"].as_str().expect("an id");
            let path = format!("/charts/{id}?hardDelete={hard}");
            assert_eq!(world.server.as_admin("DELETE", &path, None).0, 200);
        }
        world.load(&events).await;
        for (fqn, app) in fqns.into_iter().zip(["prod.app-1", "prod.app-2"]) {
            let app = world.entity(Kind::Dashboard, app);
            assert!(names(&app["charts"]).contains(&fqn), "{version} {hard}");
            assert_eq!(world.entity(Kind::Chart, fqn)["deleted"], json!(false));
        }
        world.load_unchanged(&events).await;
    }
}

#[tokio::test]
async fn a_service_with_a_dot_in_its_name() {
    for version in ["1.2.5", "1.8.12", "1.12.6", "2.0.7"] {
        let world = World::new(version).await;
        let rename = |text: &str| text.replacen("prod/", "q.prod/", 1);
        let events: Vec<Event> = site::site()
            .into_iter()
            .map(|mut event| {
                match &mut event {
                    Event::Dashboard(e) => {
                        e.service = "q.prod".into();
                        for key in &mut e.data_model_keys {
                            *key = rename(key);
                        }
                    }
                    Event::Chart(e) => e.service = "q.prod".into(),
                    Event::DataModel(e) => e.service = "q.prod".into(),
                    Event::Lineage(e) => e.service = "q.prod".into(),
                    Event::Run(_) => {}
                }
                event
            })
            .collect();
        let mut settings = world.settings();
        settings.service.name = "q.prod".to_owned();
        let load = async || {
            let stop = tokio_util::sync::CancellationToken::new();
            let connected = OpenMetadataSink::connect(settings.clone(), stop).await;
            apply(&connected.expect("the sink connects"), &upserts(&events)).await
        };
        let outcomes = load().await;
        assert!(
            !outcomes
                .iter()
                .any(|o| matches!(o, Outcome::Waiting { .. } | Outcome::Rejected { .. })),
            "{outcomes:?}"
        );
        world.server.clear_requests();
        assert_eq!(load().await, vec![Outcome::Unchanged; events.len()], "{version}");
        assert_eq!(world.server.writes(), 0, "{version}");
    }
}

#[tokio::test]
async fn a_sink_can_be_shared_by_tasks() {
    let world = World::new("1.12.6").await;
    let sink = std::sync::Arc::new(world.sink().await);
    let tasks: Vec<_> = ["app-1", "app-2", "app-3"]
        .into_iter()
        .map(|app| {
            let sink = std::sync::Arc::clone(&sink);
            tokio::spawn(async move { apply(&sink, &upserts(&site::app(app)[..7])).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic"), vec![Outcome::Created; 7]);
    }
}

#[tokio::test]
async fn owners_without_a_user_are_counted_once() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    apply(&sink, &upserts(&site::site())).await;
    assert_eq!(sink.snapshot().owners_unmatched, 1);
    assert_eq!(world.entity(Kind::Dashboard, "prod.app-1")["owners"], json!([]));
}
