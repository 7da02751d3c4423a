//! Edges that were unresolved when their offsets were committed.

use std::time::Duration;

use loader::sink::Outcome;
use rdkafka::mocking::MockCoordinator;
use schemas::{Event, Topic};

use crate::{
    kafka::{Kafka, Running, chart, eventually, loaded_from, table},
    memory::{Memory, count, keys},
};

fn unresolved(sink: &Memory, edges: &[Event]) {
    for edge in edges {
        let reason = "no such table".to_owned();
        sink.answer(&edge.key(), Outcome::Unresolved { reason });
    }
}

fn resolved(sink: &Memory, edges: &[Event]) {
    edges.iter().for_each(|edge| sink.answer_as_usual(&edge.key()));
}

#[tokio::test]
async fn who_stays_picks_up_what_the_one_who_leaves_had_unresolved() {
    let kafka =
        Kafka::new(4, &["loader.shutdownDeadline=2s", "loader.revisitInterval=100ms"]).await;
    let (one, two) = (Memory::new(), Memory::new());
    let apps: Vec<String> = (0..12).map(|number| format!("app-{number}")).collect();
    let tables: Vec<_> = apps.iter().map(|app| table(app, "Orders")).collect();
    let edges: Vec<_> = apps.iter().map(|app| loaded_from("orders", app, "Orders")).collect();
    for sink in [&one, &two] {
        // One catalogue: what one has loaded the other one sees.
        tables.iter().for_each(|table| sink.put(&table.key()));
        unresolved(sink, &edges);
    }
    let assigned = |running: &Running| running.tally.assigned();
    let first = kafka.start(&one);
    eventually("the first assignment", async || assigned(&first) == 16).await;
    let second = kafka.start(&two);
    eventually("both", async || assigned(&first) == 8 && assigned(&second) == 8).await;
    kafka.write(&edges).await;
    let seen = |sink: &Memory| edges.iter().filter(|edge| sink.attempts(&edge.key()) > 0).count();
    eventually("all tried", async || seen(&one) + seen(&two) >= edges.len()).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    assert!(seen(&one) > 0 && seen(&two) > 0, "both have some");
    assert!(seen(&two) < edges.len());

    first.stop().await;
    eventually("the takeover", async || assigned(&second) == 16).await;
    eventually("the leaver's edges are tried", async || seen(&two) == edges.len()).await;
    assert!(keys(&edges).is_disjoint(&two.keys()), "there is no table yet");
    resolved(&two, &edges);
    eventually("loading", async || two.keys().is_superset(&keys(&edges))).await;
    let report = second.stop().await;
    assert_eq!((report.exit_code, report.total().dead), (0, 0), "{report:?}");
}

/// One broker, which has the edges, goes while they are read again.
#[tokio::test]
async fn loading_goes_on_when_the_brokers_do_not_give_unresolved_edges() {
    let mut kafka = Kafka::on_brokers(
        2,
        1,
        &["loader.batch.maxEvents=2", "loader.readAhead.maxEvents=2"],
        &Topic::ALL,
    )
    .await;
    // A client that does not know a topic looks for it after a second.
    kafka.settings.flow.recall_patience = Duration::from_secs(3);
    let Some(cluster) = kafka.mock() else { return };
    let names = &kafka.settings.kafka.topics;
    for topic in Topic::ALL {
        let broker = if topic == Topic::Lineage { 2 } else { 1 };
        cluster.partition_leader(&names.name(topic), 0, Some(broker)).expect("a leader");
    }
    let group = kafka.settings.flow.group_id.clone();
    cluster.coordinator(MockCoordinator::Group(group), 1).expect("a coordinator");

    // Large enough that few of them are fetched ahead.
    let edges: Vec<Event> = (0..20)
        .map(|number| {
            let Event::Lineage(mut edge) = loaded_from(&format!("t{number}"), "app", "Orders")
            else {
                panic!("an edge")
            };
            edge.statement = Some("x".repeat(200_000));
            Event::Lineage(edge)
        })
        .collect();
    let sink = Memory::new();
    sink.put(&table("app", "Orders").key());
    unresolved(&sink, &edges);
    kafka.write(&edges).await;
    let report = kafka.load(&sink).await;
    assert_eq!(report.total().unresolved, 20, "{report:?}");
    let new = chart("app", "c1", "Sales");
    kafka.write(std::slice::from_ref(&new)).await;

    let sink = Memory::new();
    sink.put(&table("app", "Orders").key());
    sink.allow(0);
    let running = kafka.start(&sink);
    // With an edge: charts wait until it is clear that no more of them come.
    sink.begun(1).await;
    cluster.broker_down(2).expect("down");
    sink.allow(usize::MAX);
    eventually("loading goes on", async || sink.keys().contains(&new.key())).await;
    let before = keys(&edges).intersection(&sink.keys()).count();
    assert!((1..edges.len()).contains(&before), "some edges could be read: {before}");

    // It comes back, and one of the edges is gone meanwhile.
    cluster.broker_up(2).expect("up");
    let (gone, stay) = edges.split_last().expect("some");
    kafka.delete(gone).await;
    eventually("the rest", async || sink.keys().is_superset(&keys(stay))).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    let report = running.stop().await;
    assert_eq!((report.exit_code, report.total().dead), (0, 0), "{report:?}");
    assert_eq!(count(&report, Topic::Lineage).read, 1, "{report:?}");
    assert!(!sink.keys().contains(&gone.key()), "a tombstone wins");
}
