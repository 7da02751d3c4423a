//! The catalogue becomes what the topics say.

use std::sync::Arc;

use loader::{
    commands::{self, Catalogue as _, Reconcile},
    report::{Reconciled, Report, Tally},
    sink::{Fatal, Inventory},
    wire::OpenMetadata,
};
use openmetadata_simulator::{Kind, OpenMetadata as Simulator, Settings as Simulated};
use schemas::Topic;
use tokio_util::sync::CancellationToken;

use crate::{
    kafka::{Kafka, app, chart, settings},
    memory::{Memory, keys},
};

const CAREFULLY: Reconcile = Reconcile { dry_run: false, allow_deletions: false };

async fn reconcile<S: Inventory>(
    kafka: &Kafka,
    sink: &Arc<S>,
    how: Reconcile,
) -> Result<Report, Fatal> {
    let (tally, shutdown) = (Arc::new(Tally::new("reconcile", "prod")), CancellationToken::new());
    commands::reconcile(&kafka.settings, Arc::clone(sink), how, &tally, &shutdown).await
}

fn found(report: &Report) -> &Reconciled {
    report.reconciled.as_ref().expect("the catalogue was looked at")
}

#[tokio::test]
async fn what_is_missing_is_loaded_and_what_no_topic_knows_is_removed() {
    let kafka = Kafka::new(2, &[]).await;
    let events = app("app");
    kafka.write(&events).await;
    // A record that cannot be read is known all the same; so is another's entity not ours to judge.
    kafka.send(Topic::Charts, 0, Some(b"prod/app/broken"), Some(b"{}"), &[]).await;
    let sink = Memory::new();
    sink.put("prod/app/broken");
    sink.put("prod/gone/c1");
    let report = reconcile(&kafka, &sink, CAREFULLY).await.expect("Kafka is there");
    assert_eq!((report.ended, report.exit_code), ("complete", 1), "the broken one: {report:?}");
    assert_eq!(report.total().created, events.len() as u64);
    assert_eq!((found(&report).entities, found(&report).removed), (7, 1), "{report:?}");
    let mut expected = keys(&events);
    expected.insert("prod/app/broken".to_owned());
    assert_eq!(sink.keys(), expected);
    assert!(kafka.committed().await.is_empty());

    // Deleted events leave nothing behind, and nothing is left to do.
    for event in &events {
        kafka.delete(event).await;
    }
    let report = reconcile(&kafka, &sink, CAREFULLY).await.expect("Kafka is there");
    assert_eq!(found(&report).strays.len(), 0, "{report:?}");
    assert_eq!(sink.keys().into_iter().collect::<Vec<_>>(), ["prod/app/broken"]);
}

#[tokio::test]
async fn a_dry_run_touches_nothing() {
    let kafka = Kafka::new(1, &[]).await;
    kafka.write(&app("app")).await;
    let sink = Memory::new();
    sink.put("prod/gone/c1");
    let how = Reconcile { dry_run: true, ..CAREFULLY };
    let report = reconcile(&kafka, &sink, how).await.expect("Kafka is there");
    assert_eq!(found(&report).strays, ["prod/gone/c1"]);
    // One of one is more than the guard lets through, and the dry run says so.
    assert_eq!((found(&report).removed, report.exit_code), (0, 4), "{report:?}");
    assert!(found(&report).refused.is_some() && report.table().contains("refused"), "{report:?}");
    // What the topics hold was not compared, and nothing claims that it was.
    assert_eq!((report.total().read, report.total().unchanged), (5, 0), "{report:?}");
    let table = report.table();
    assert!(table.contains("would remove: 1 of 1 entities and 0 edges"), "{table}");
    assert!(table.contains("would load: not compared"), "{table}");
    let how = Reconcile { dry_run: true, allow_deletions: true };
    let report = reconcile(&kafka, &sink, how).await.expect("Kafka is there");
    assert_eq!((found(&report).removed, report.exit_code), (0, 0), "{report:?}");
    assert_eq!(sink.keys().len(), 1);
    assert!(sink.applied().is_empty());
}

#[tokio::test]
async fn the_guard_refuses_to_remove_too_much() {
    let kafka = Kafka::new(1, &[]).await;
    kafka.write(&[chart("app", "c1", "t")]).await;
    let sink = Memory::new();
    sink.put("prod/gone/c1");
    let report = reconcile(&kafka, &sink, CAREFULLY).await.expect("Kafka is there");
    assert_eq!((report.exit_code, found(&report).removed), (4, 0), "{report:?}");
    let refused = found(&report).refused.as_deref().expect("a reason");
    assert!(refused.contains("loader.maxDeletedShare") && refused.contains("1 of 2"), "{refused}");
    assert_eq!(sink.keys().len(), 2, "what was missing is loaded");
    let how = Reconcile { allow_deletions: true, ..CAREFULLY };
    let report = reconcile(&kafka, &sink, how).await.expect("Kafka is there");
    assert_eq!((report.exit_code, found(&report).removed), (0, 1), "{report:?}");
}

#[tokio::test]
async fn a_missing_topic_is_no_reason_to_delete() {
    let topics = [Topic::Dashboards, Topic::DataModels, Topic::Lineage, Topic::DeadLetters];
    let kafka = Kafka::with_topics(1, &[], &topics).await;
    let sink = Memory::new();
    sink.put("prod/app/c1");
    let fatal = reconcile(&kafka, &sink, CAREFULLY).await.expect_err("no charts");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains(&kafka.settings.kafka.topics.name(Topic::Charts)), "{fatal}");
    assert_eq!(sink.keys().len(), 1);
}

#[tokio::test]
async fn what_others_load_meanwhile_is_no_stray() {
    let kafka = Kafka::new(1, &[]).await;
    kafka.write(&app("app")).await;
    let sink = Memory::new();
    // After the topics were read and before the catalogue is listed, a running loader applies an event.
    let (written, loader) = (kafka.writer(), Arc::clone(&sink));
    let new = chart("app", "new", "t");
    let key = new.key();
    sink.meanwhile(async move {
        written.write(std::slice::from_ref(&new)).await;
        loader.put(&new.key());
    });
    let report = reconcile(&kafka, &sink, CAREFULLY).await.expect("Kafka is there");
    assert_eq!(found(&report).strays.len(), 0, "{report:?}");
    assert!(sink.keys().contains(&key));
}

#[tokio::test]
async fn a_service_of_open_metadata_is_reconciled() {
    let server = Simulator::start(Simulated::of_release("1.12.6".parse().expect("a release")));
    let server = server.await.expect("a free port");
    let catalogue = "workflowConfig.openMetadataServerConfig";
    let mut kafka = Kafka::new(2, &[]).await;
    let names = format!("kafka.topicPrefix={}", kafka.prefix());
    let url = format!("{catalogue}.hostPort={}", server.url());
    let token = format!("{catalogue}.securityConfig.jwtToken={}", server.token());
    kafka.settings = settings(&kafka.servers, &[&names, &url, &token]);
    let (one, two) = (app("one"), app("two"));
    kafka.write(&one).await;
    kafka.write(&two).await;
    let connect = async || OpenMetadata.connect(&kafka.settings).await.map(Arc::new);
    let sink = connect().await.expect("connected");
    let report = reconcile(&kafka, &sink, CAREFULLY).await.expect("Kafka is there");
    assert_eq!((report.exit_code, found(&report).entities), (0, 8), "{report:?}");

    // An app that the topics have forgotten, tombstones and all: other topics, one app.
    let other = Kafka::new(2, &[]).await;
    other.write(&one).await;
    let names = format!("kafka.topicPrefix={}", other.prefix());
    kafka.settings = settings(&other.servers, &[&names, &url, &token]);
    let sink = Arc::new(OpenMetadata.connect(&kafka.settings).await.expect("connected"));
    let report = reconcile(&kafka, &sink, CAREFULLY).await.expect("Kafka is there");
    // Three entities and the dashboard, and the edge between them.
    assert_eq!((report.exit_code, found(&report).strays.len()), (4, 5), "half of them: {report:?}");
    assert_eq!((found(&report).entities, found(&report).edges), (8, 2), "{report:?}");
    let how = Reconcile { allow_deletions: true, ..CAREFULLY };
    let report = reconcile(&kafka, &sink, how).await.expect("Kafka is there");
    assert_eq!(report.exit_code, 0, "{report:?}");
    let charts = server.entities(Kind::Chart);
    let alive = charts.iter().filter(|chart| chart["deleted"] != true);
    assert_eq!((charts.len(), alive.count()), (4, 2), "deleted softly");
    let edges = server.edges();
    let ours = edges.iter().filter(|edge| edge["details"]["source"] == "DashboardLineage");
    assert_eq!(ours.count(), 1, "{edges:?}");
}
