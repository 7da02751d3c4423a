//! What people edit in OpenMetadata stays, whatever Qlik says next, on every version; what we wrote
//! follows Qlik.

use loader::sink::Outcome;
use openmetadata_simulator::{Kind, Seed};
use schemas::Event;
use serde_json::{Value, json};

use super::{
    VERSIONS, World, apply, is_newer_or,
    load::{names, tags},
    site, upserts,
};

fn edited_events(events: &[Event]) -> Vec<Event> {
    vec![
        site::changed(events, "prod/app-1", |event| {
            let Event::Dashboard(app) = event else { return };
            app.title = "From Qlik".into();
            app.description = Some("From Qlik".into());
            app.last_reload_at = Some(9000);
            if let Some(owner) = &mut app.owner {
                owner.id = Some("eve".into());
                owner.email = Some("eve@example.com".into());
            }
        }),
        site::changed(events, "prod/app-1/c1", |event| {
            let Event::Chart(chart) = event else { return };
            chart.title = Some("From Qlik".into());
            chart.description = Some("From Qlik".into());
        }),
        site::changed(events, "prod/app-1/Orders", |event| {
            let Event::DataModel(model) = event else { return };
            model.comment = Some("From Qlik".into());
            model.fields[2].comment = Some("From Qlik".into());
            model.fields[3].comment = Some("From Qlik".into());
        }),
    ]
}

fn owner(world: &World, name: &str) -> Value {
    json!({"id": world.entity(Kind::User, name)["id"], "type": "user"})
}

fn owner_name(entity: &Value) -> Value {
    let first = entity["owners"].get(0).unwrap_or_else(|| &entity["owner"]);
    first["name"].clone()
}

#[tokio::test]
async fn what_people_edited_survives_on_every_version() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        world
            .server
            .seed(
                &Seed::default()
                    .user("dana", "dana@example.com")
                    .user("eve", "eve@example.com")
                    .user("zoe", "zoe@example.com"),
            )
            .expect("a seed");
        let events = site::site();
        world.load(&events).await;
        let zoe = owner(&world, "zoe");
        let owners = if is_newer_or(version, (1, 5)) {
            json!({"op": "add", "path": "/owners", "value": [zoe]})
        } else {
            json!({"op": "add", "path": "/owner", "value": zoe})
        };
        let text = |path: &str| json!({"op": "add", "path": path, "value": "A person's"});
        let tag = json!({"tagFQN": "Qlik.Board", "source": "Classification",
                         "labelType": "Manual", "state": "Confirmed"});
        world.person_edits(
            Kind::Dashboard,
            "prod.app-1",
            &json!([
                text("/description"),
                text("/displayName"),
                owners,
                {"op": "add", "path": "/tags/-", "value": tag},
            ]),
        );
        world.person_edits(
            Kind::Chart,
            "prod.app-1_c1",
            &json!([text("/description"), text("/displayName")]),
        );
        world.person_edits(
            Kind::DataModel,
            "prod.model.app-1_Orders",
            &json!([text("/description"), text("/columns/2/description")]),
        );

        // Loading the same again leaves it as it is.
        let app = world.entity(Kind::Dashboard, "prod.app-1");
        world.load(&events).await;
        assert_eq!(world.entity(Kind::Dashboard, "prod.app-1")["version"], app["version"]);
        world.load_unchanged(&events).await;

        // And so does whatever Qlik says next.
        let new = edited_events(&events);
        world.load(&new).await;
        for _ in 0..2 {
            let app = world.entity(Kind::Dashboard, "prod.app-1");
            assert_eq!(app["description"], "A person's");
            assert_eq!(app["displayName"], "A person's");
            assert_eq!(owner_name(&app), "zoe");
            assert!(tags(&app).contains(&"Qlik.Board"));
            assert_eq!(app["lifeCycle"]["updated"]["timestamp"].as_i64().unwrap_or(9000), 9000);
            let chart = world.entity(Kind::Chart, "prod.app-1_c1");
            assert_eq!(chart["description"], "A person's");
            assert_eq!(chart["displayName"], "A person's");
            let model = world.entity(Kind::DataModel, "prod.model.app-1_Orders");
            assert_eq!(model["description"], "A person's");
            assert_eq!(model["columns"][2]["description"], "A person's");
            // This one nobody had edited.
            assert_eq!(model["columns"][3]["description"], "From Qlik");
            // Back and forth: the person's stays.
            world.load(&events).await;
            world.load(&new).await;
        }
        world.load_unchanged(&new).await;
    }
}

#[tokio::test]
async fn what_we_wrote_follows_qlik_again_and_again() {
    for version in VERSIONS {
        println!("{version}");
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let new = edited_events(&events);
        for round in 0..3 {
            world.load(&new).await;
            let app = world.entity(Kind::Dashboard, "prod.app-1");
            assert_eq!(
                (&app["displayName"], &app["description"]),
                (&json!("From Qlik"), &json!("From Qlik")),
                "{round}"
            );
            let model = world.entity(Kind::DataModel, "prod.model.app-1_Orders");
            assert_eq!(model["description"], "From Qlik");
            assert_eq!(model["columns"][2]["description"], "From Qlik");
            world.load(&events).await;
            let app = world.entity(Kind::Dashboard, "prod.app-1");
            assert_eq!(app["displayName"], "App app-1");
            assert_eq!(app["description"], "All sales");
            let model = world.entity(Kind::DataModel, "prod.model.app-1_Orders");
            assert_eq!(model["description"], Value::Null, "{round}");
            assert_eq!(model["columns"][2]["description"], "Net");
        }
    }
}

#[tokio::test]
async fn links_tags_domains_and_the_like_of_others_survive() {
    for version in ["1.4.8", "1.8.12", "1.9.17", "1.12.6", "2.0.7"] {
        println!("{version}");
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let many = is_newer_or(version, (1, 9));
        let domain = json!({"name": "Sales", "domainType": "Aggregate", "description": "d"});
        assert!(world.server.as_admin("PUT", "/domains", Some(&domain)).0 < 300);
        let mut product = json!({"name": "Reports", "description": "d"});
        if many {
            product["domains"] = json!(["Sales"]);
        } else {
            product["domain"] = json!("Sales");
        }
        let (status, answer) = world.server.as_admin("PUT", "/dataProducts", Some(&product));
        assert!(status < 300, "{answer}");
        let reference = |kind, fqn: &str, entity_type: &str| json!({"id": world.entity(kind, fqn)["id"], "type": entity_type});
        let domain = reference(Kind::Domain, "Sales", "domain");
        let (path, value) = if many { ("/domains", json!([domain])) } else { ("/domain", domain) };
        let product = reference(Kind::DataProduct, "Reports", "dataProduct");
        for (kind, fqn) in [
            (Kind::Dashboard, "prod.app-1"),
            (Kind::Chart, "prod.app-1_c1"),
            (Kind::DataModel, "prod.model.app-1_Orders"),
        ] {
            world.person_edits(
                kind,
                fqn,
                &json!([
                    {"op": "add", "path": path, "value": value},
                    {"op": "add", "path": "/dataProducts", "value": [product]},
                ]),
            );
        }
        if is_newer_or(version, (1, 8)) {
            let label = json!({"tagFQN": "Certification.Gold", "source": "Classification",
                               "labelType": "Manual", "state": "Confirmed"});
            world.person_edits(
                Kind::Dashboard,
                "prod.app-1",
                &json!([{"op": "add", "path": "/certification", "value":
                    {"tagLabel": label, "appliedDate": 1, "expiryDate": 9}}]),
            );
        }
        let new = edited_events(&events);
        world.load(&new).await;
        for (kind, fqn) in [
            (Kind::Dashboard, "prod.app-1"),
            (Kind::Chart, "prod.app-1_c1"),
            (Kind::DataModel, "prod.model.app-1_Orders"),
        ] {
            let entity = world.entity(kind, fqn);
            assert_eq!(names(&entity["dataProducts"]), ["Reports"], "{version} {fqn}");
            let domain = if many { &entity["domains"][0] } else { &entity["domain"] };
            assert_eq!(domain["fullyQualifiedName"], "Sales", "{version} {fqn}");
        }
        let app = world.entity(Kind::Dashboard, "prod.app-1");
        if is_newer_or(version, (1, 8)) {
            assert_eq!(app["certification"]["tagLabel"]["tagFQN"], "Certification.Gold");
        }
        assert_eq!(names(&app["charts"]).len(), 3, "{version}");
        world.load_unchanged(&new).await;
    }
}

#[tokio::test]
async fn a_rewritten_chart_stays_on_its_dashboard() {
    for version in VERSIONS {
        let world = World::new(version).await;
        let events = site::site();
        world.load(&events).await;
        let before = world.entity(Kind::Dashboard, "prod.app-1");
        let new = edited_events(&events).remove(1);
        world.load(&[new]).await;
        let after = world.entity(Kind::Dashboard, "prod.app-1");
        assert_eq!(names(&after["charts"]), names(&before["charts"]), "{version}");
        assert_eq!(after["version"], before["version"], "{version}");
    }
}

#[tokio::test]
async fn override_metadata_writes_over_people() {
    for version in ["1.2.0-SNAPSHOT", "1.8.12", "1.12.6", "2.0.7"] {
        let mut world = World::new(version).await;
        world.load.override_metadata = true;
        let events = site::site();
        world.load(&events).await;
        let text = |path: &str| json!({"op": "add", "path": path, "value": "A person's"});
        world.person_edits(
            Kind::Dashboard,
            "prod.app-1",
            &json!([text("/description"), text("/displayName")]),
        );
        let new = edited_events(&events);
        world.load(&new).await;
        let app = world.entity(Kind::Dashboard, "prod.app-1");
        assert_eq!(app["description"], "From Qlik", "{version}");
        assert_eq!(app["displayName"], "From Qlik", "{version}");
    }
}

#[tokio::test]
async fn kept_values_are_counted() {
    let world = World::new("1.12.6").await;
    let events = site::site();
    world.load(&events).await;
    let text = |path: &str| json!({"op": "add", "path": path, "value": "A person's"});
    world.person_edits(
        Kind::Chart,
        "prod.app-1_c1",
        &json!([text("/description"), text("/displayName")]),
    );
    let sink = world.sink().await;
    apply(&sink, &upserts(&edited_events(&events)[1..2])).await;
    assert_eq!(sink.snapshot().kept, 2);
}

#[tokio::test]
async fn an_entity_of_another_tool_is_taken_over_carefully() {
    let world = World::new("1.12.6").await;
    world.sink().await;
    let body = json!({"name": "app-1_c1", "service": "prod", "displayName": "Theirs",
                      "description": "Theirs", "sourceHash": "d41d8cd98f00b204e9800998ecf8427e"});
    assert!(world.server.as_bot("PUT", "/charts", Some(&body)).0 < 300);
    let events = site::site();
    let outcomes = world.load(&events).await;
    assert_eq!(outcomes[3], Outcome::Updated);
    let chart = world.entity(Kind::Chart, "prod.app-1_c1");
    assert_eq!(
        (&chart["displayName"], &chart["description"]),
        (&json!("Theirs"), &json!("Theirs"))
    );
    assert_eq!(chart["chartType"], "Gauge");
    world.load_unchanged(&events).await;
}
