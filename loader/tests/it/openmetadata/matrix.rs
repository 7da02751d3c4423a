//! Every value that a person may edit × every version × what may happen to the entity afterwards:
//! nothing that a person wrote is lost.

use std::collections::BTreeSet;

use openmetadata_simulator::Kind;
use schemas::Event;
use serde_json::{Value, json};

use super::{VERSIONS, World, apply, edge_tombstone, is_newer_or, site, tombstone, upserts};

/// A value that a person edited.
struct Edit {
    kind: Kind,
    fqn: &'static str,
    /// Key of the entity's event.
    key: &'static str,
    /// Where the value is in the entity.
    at: &'static str,
    patch: Value,
    expected: Value,
    /// First version that has it.
    since: (u32, u32),
}

fn edits() -> Vec<Edit> {
    let text = |kind, fqn, key, member: &str, at| Edit {
        kind,
        fqn,
        key,
        at,
        patch: json!([{"op": "add", "path": format!("/{member}"), "value": "A person's"}]),
        expected: json!("A person's"),
        since: (1, 1),
    };
    let mut edits = Vec::new();
    for (kind, fqn, key) in [
        (Kind::Dashboard, "prod.app-1", "prod/app-1"),
        (Kind::Chart, "prod.app-1_c1", "prod/app-1/c1"),
        (Kind::DataModel, "prod.model.app-1_Orders", "prod/app-1/Orders"),
    ] {
        edits.push(text(kind, fqn, key, "description", "/description"));
        edits.push(text(kind, fqn, key, "displayName", "/displayName"));
        // Tags of others stay beside ours, wherever they stand.
        let label = json!({"tagFQN": "PII.Sensitive", "source": "Classification",
            "labelType": "Manual", "state": "Confirmed"});
        edits.push(Edit {
            patch: json!([{"op": "add", "path": "/tags/0", "value": label}]),
            expected: json!("PII.Sensitive"),
            ..text(kind, fqn, key, "tags", "/tags")
        });
    }
    let (fqn, key) = ("prod.model.app-1_Orders", "prod/app-1/Orders");
    for member in ["description", "displayName"] {
        let path = format!("columns/2/{member}");
        let at = if member == "description" {
            "/columns/2/description"
        } else {
            "/columns/2/displayName"
        };
        edits.push(text(Kind::DataModel, fqn, key, &path, at));
    }
    edits
}

/// What may happen to the entity after the edit.
const EVENTS: [&str; 6] =
    ["again", "changed", "changed twice", "moved to another stream", "away and back", "emptied"];

fn changed(events: &[Event], key: &str, round: usize) -> Event {
    let text = Some(format!("Qlik's text {round}"));
    site::changed(events, key, |event| match event {
        Event::Dashboard(app) => {
            app.title = format!("Qlik's title {round}");
            app.description.clone_from(&text);
            app.tags = vec![format!("t{round}")];
        }
        Event::Chart(chart) => {
            chart.title = Some(format!("Qlik's title {round}"));
            chart.description.clone_from(&text);
            chart.tags = vec![format!("t{round}")];
        }
        Event::DataModel(model) => {
            model.comment.clone_from(&text);
            for field in &mut model.fields {
                field.comment.clone_from(&text);
            }
        }
        Event::Lineage(_) | Event::Run(_) => panic!("an entity"),
    })
}

fn emptied(events: &[Event], key: &str) -> Event {
    site::changed(events, key, |event| match event {
        Event::Dashboard(app) => {
            app.description = None;
            app.tags.clear();
            app.custom_properties.clear();
        }
        Event::Chart(chart) => {
            chart.title = None;
            chart.description = None;
            chart.tags.clear();
            chart.measures.clear();
            chart.dimensions.clear();
        }
        Event::DataModel(model) => {
            model.comment = None;
            model.statement = None;
            model.fields.iter_mut().for_each(|field| field.comment = None);
        }
        Event::Lineage(_) | Event::Run(_) => panic!("an entity"),
    })
}

async fn happens(world: &World, what: &str, events: &[Event], keys: &BTreeSet<&str>) {
    let all = |change: &dyn Fn(&str) -> Event| -> Vec<_> {
        upserts(&keys.iter().map(|key| change(key)).collect::<Vec<_>>())
    };
    let sink = world.sink().await;
    match what {
        "again" => drop(apply(&sink, &upserts(events)).await),
        "changed" => drop(apply(&sink, &all(&|key| changed(events, key, 1))).await),
        "changed twice" => {
            for round in [1, 2] {
                apply(&sink, &all(&|key| changed(events, key, round))).await;
            }
        }
        "moved to another stream" => {
            let moved = site::changed(events, "prod/app-1", |event| {
                let Event::Dashboard(app) = event else { panic!("a dashboard") };
                app.project.as_mut().expect("has one").name = "Sales".into();
            });
            apply(&sink, &upserts(&[moved])).await;
        }
        "away and back" => {
            let gone: Vec<_> = events
                .iter()
                .map(|event| match event {
                    Event::Lineage(_) => edge_tombstone(event, true),
                    event => tombstone(event.topic(), &event.key()),
                })
                .collect();
            apply(&sink, &gone).await;
            world.load(events).await;
        }
        "emptied" => drop(apply(&sink, &all(&|key| emptied(events, key))).await),
        other => panic!("{other}"),
    }
    // A process of today that looks at all of it again.
    world.load(events).await;
}

#[tokio::test]
async fn nothing_that_a_person_wrote_is_lost() {
    let (events, edits) = (site::app("app-1"), edits());
    let mut checked = 0;
    for version in VERSIONS {
        for what in EVENTS {
            let world = World::new(version).await;
            let classification = json!({"name": "PII", "description": "theirs"});
            world.server.as_admin("PUT", "/classifications", Some(&classification));
            let tag =
                json!({"classification": "PII", "name": "Sensitive", "description": "theirs"});
            world.server.as_admin("PUT", "/tags", Some(&tag));
            let events = [events.clone(), vec![site::file()]].concat();
            world.load(&events).await;
            for edit in edits.iter().filter(|edit| is_newer_or(version, edit.since)) {
                world.person_edits(edit.kind, edit.fqn, &edit.patch);
            }
            let keys = edits.iter().map(|edit| edit.key).collect();
            Box::pin(happens(&world, what, &events, &keys)).await;
            for edit in edits.iter().filter(|edit| is_newer_or(version, edit.since)) {
                let entity = world.entity(edit.kind, edit.fqn);
                let found = entity.pointer(edit.at).cloned().unwrap_or_default();
                let is_there = match &found {
                    Value::Array(tags) => tags.iter().any(|tag| tag["tagFQN"] == edit.expected),
                    value => *value == edit.expected,
                };
                assert!(is_there, "{version}, {what}: {} {}: {found}", edit.fqn, edit.at);
                checked += 1;
            }
        }
    }
    assert_eq!(checked, VERSIONS.len() * EVENTS.len() * edits.len());
}
