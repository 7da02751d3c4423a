//! Something goes wrong, and nothing is lost.

use std::time::Duration;

use loader::sink::Outcome;
use schemas::Topic;

use crate::{
    kafka::{Kafka, app, chart, dashboard, eventually, table},
    memory::{Memory, count, keys},
};

#[tokio::test]
async fn what_waits_holds_back_its_offset_only_and_is_loaded_when_it_can_be() {
    let kafka = Kafka::new(1, &[]).await;
    let sink = Memory::new();
    let early = dashboard("app", &["c1"]);
    kafka.write(&[table("app", "t"), early.clone(), dashboard("other", &[])]).await;
    let running = kafka.start(&sink);
    eventually("waiting", async || sink.attempts(&early.key()) > 1).await;
    eventually("the others' commit", async || {
        kafka.committed().await.get(&(Topic::DataModels, 0)) == Some(&1)
    })
    .await;
    assert_eq!(sink.keys(), keys(&[table("app", "t"), dashboard("other", &[])]));
    assert_eq!(kafka.committed().await.get(&(Topic::Dashboards, 0)), None, "nothing past it");
    let waiting = running.tally.snapshot();
    assert_eq!(count(&waiting, Topic::Dashboards).waiting, 1);

    kafka.write(&[chart("app", "c1", "t")]).await;
    eventually("loading", async || sink.keys().contains(&early.key())).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    let report = running.stop().await;
    assert_eq!(count(&report, Topic::Dashboards).waiting, 0, "{report:?}");
    assert_eq!(report.total().dead, 0);
}

#[tokio::test]
async fn a_newer_version_takes_the_place_of_a_waiting_one() {
    let kafka = Kafka::new(1, &["loader.wait.timeout=1h"]).await;
    let sink = Memory::new();
    let (early, newer) = (dashboard("app", &["never"]), dashboard("app", &[]));
    kafka.write(std::slice::from_ref(&early)).await;
    let running = kafka.start(&sink);
    eventually("waiting", async || sink.attempts(&early.key()) > 0).await;
    kafka.write(&[newer]).await;
    eventually("loading", async || sink.keys().contains(&early.key())).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    let report = running.stop().await;
    let counts = count(&report, Topic::Dashboards);
    assert_eq!((counts.superseded, counts.created, counts.dead), (1, 1, 0), "{report:?}");
}

#[tokio::test]
async fn what_waited_too_long_goes_to_the_dead_letters() {
    let kafka = Kafka::new(1, &["loader.wait.timeout=1s"]).await;
    let sink = Memory::new();
    kafka.write(&[dashboard("app", &["never"]), dashboard("other", &[])]).await;
    let report = kafka.load(&sink).await;
    assert_eq!((report.ended, report.exit_code), ("complete", 1), "{report:?}");
    assert_eq!(sink.keys(), keys(&[dashboard("other", &[])]));
    let dead = &report.dead[0];
    assert_eq!((dead.key.as_str(), dead.stage), ("prod/app", Some("wait")));
    assert!(dead.reason.contains("`prod/app/never` is not there"), "{}", dead.reason);
    assert!(dead.reason.contains("loader.wait.timeout"), "{}", dead.reason);
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn poison_goes_to_the_dead_letters_and_the_rest_proceeds() {
    let kafka = Kafka::new(1, &[]).await;
    let good = chart("app", "c1", "t");
    kafka
        .send(Topic::Charts, 0, Some(b"prod/app/c0"), Some(b"{\"a\":1}"), &[("run-id", "r")])
        .await;
    kafka.send(Topic::Charts, 0, None, Some(&[0, 0, 0, 0, 7, 1, 2]), &[]).await;
    kafka.send(Topic::Dashboards, 0, Some(&[0xff, 0xfe]), None, &[]).await;
    kafka.write(std::slice::from_ref(&good)).await;
    let value = schemas::codec::encode(&good, schemas::codec::single_object_writer(Topic::Charts));
    kafka
        .send(Topic::Charts, 0, Some(b"prod/app/other"), Some(&value.expect("encodes")), &[])
        .await;

    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!(report.exit_code, 1, "{report:?}");
    assert_eq!(sink.keys(), keys(&[good]));
    assert_eq!(report.total().dead, 4, "{report:?}");
    assert_eq!(count(&report, Topic::Charts).dead, 3);
    assert!(report.dead.iter().all(|dead| dead.stage == Some("decode")), "{:?}", report.dead);
    assert_eq!(kafka.committed().await, kafka.ends().await);
    // Not again.
    assert_eq!(kafka.load(&sink).await.total().read, 0);
}

#[tokio::test]
async fn what_the_catalogue_refuses_goes_to_the_dead_letters() {
    let kafka = Kafka::new(1, &[]).await;
    let sink = Memory::new();
    let (bad, good) = (chart("app", "c1", "t"), chart("app", "c2", "t"));
    sink.answer(&bad.key(), Outcome::Rejected { reason: "400 too long".to_owned() });
    kafka.write(&[bad, good.clone()]).await;
    let report = kafka.load(&sink).await;
    assert_eq!(sink.keys(), keys(&[good]));
    let dead = &report.dead[0];
    assert_eq!((dead.stage, dead.reason.as_str()), (Some("assets"), "400 too long"));
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn unresolved_edges_are_listed_and_finished() {
    let kafka = Kafka::new(1, &[]).await;
    let sink = Memory::new();
    let events = app("app");
    let edge = &events[3];
    sink.answer(&edge.key(), Outcome::Unresolved { reason: "no table `x`".to_owned() });
    kafka.write(&events).await;
    let report = kafka.load(&sink).await;
    assert_eq!((report.exit_code, report.total().unresolved), (0, 1), "{report:?}");
    assert_eq!(report.unresolved[0].key, edge.key());
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn a_catalogue_that_is_away_costs_no_membership() {
    // librdkafka wants the poll interval to be at least the session timeout, here 6 s.
    let properties = "kafka.properties={session.timeout.ms: 6000, max.poll.interval.ms: 6000}";
    let kafka =
        Kafka::new(1, &[properties, "loader.shutdownDeadline=1s", "loader.batch.maxEvents=1"])
            .await;
    let sink = Memory::new();
    let events = app("app");
    kafka.write(&events).await;
    sink.allow(2);
    let running = kafka.start(&sink);
    sink.begun(3).await;
    // Longer than the group would stand silence. There is nothing to wait for but time.
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert!(running.tally.is_ready());
    sink.allow(usize::MAX);
    eventually("loading", async || sink.keys() == keys(&events)).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    running.stop().await;
    // A member that had been thrown out would have read them again.
    assert_eq!(sink.applied().len(), events.len());
}

#[tokio::test]
async fn a_stop_in_the_middle_commits_only_what_is_finished() {
    let kafka = Kafka::new(1, &["loader.batch.maxEvents=2", "loader.shutdownDeadline=500ms"]).await;
    let sink = Memory::new();
    let charts: Vec<_> = (0..6).map(|number| chart("app", &format!("c{number}"), "t")).collect();
    kafka.write(&charts).await;
    sink.allow(1);
    let running = kafka.start(&sink);
    sink.begun(2).await;
    let report = running.stop().await;
    assert_eq!((report.ended, report.exit_code), ("stopped", 0), "{report:?}");
    assert_eq!(kafka.committed().await.get(&(Topic::Charts, 0)), Some(&2));
    assert_eq!(report.partitions.iter().filter_map(|partition| partition.next).max(), Some(2));

    sink.allow(usize::MAX);
    kafka.load(&sink).await;
    let applied: Vec<_> = sink.applied().into_iter().map(|(_, key, _)| key).collect();
    let expected: Vec<_> = charts.iter().map(schemas::Event::key).collect();
    assert_eq!(applied, expected, "each once, in order");
}

#[tokio::test]
async fn a_stop_lets_what_is_in_progress_finish() {
    let kafka = Kafka::new(1, &["loader.batch.maxEvents=2"]).await;
    let sink = Memory::new();
    let charts: Vec<_> = (0..4).map(|number| chart("app", &format!("c{number}"), "t")).collect();
    kafka.write(&charts).await;
    sink.allow(0);
    let running = kafka.start(&sink);
    sink.begun(1).await;
    let (report, ()) = tokio::join!(running.stop(), async { sink.allow(usize::MAX) });
    assert_eq!((report.ended, report.exit_code), ("stopped", 0), "{report:?}");
    assert_eq!(sink.applied().len(), 2, "what was in progress, and nothing new");
    assert_eq!(kafka.committed().await.get(&(Topic::Charts, 0)), Some(&2));
}

#[tokio::test]
async fn a_refusal_stops_the_loader_and_moves_no_offset() {
    let kafka = Kafka::new(1, &[]).await;
    let sink = Memory::new();
    kafka.write(&app("app")).await;
    sink.fail(3);
    let report = kafka.load(&sink).await;
    assert_eq!((report.ended, report.exit_code), ("failed", 3), "{report:?}");
    assert_eq!(report.error.as_deref(), Some("the token is refused"));
    assert!(kafka.committed().await.is_empty());
}

#[tokio::test]
async fn more_than_the_buffer_holds_passes_through_it() {
    let limits = [
        "loader.readAhead={maxEvents: 7, maxMib: 1}",
        "loader.batch={maxEvents: 3, maxMib: 1, maxDelay: 10ms}",
        // Dashboards are written before their charts; almost all of them have to wait for room.
        "loader.wait={maxEvents: 2, retryInterval: 50ms}",
    ];
    let kafka = Kafka::new(2, &limits).await;
    let apps: Vec<String> = (0..40).map(|number| format!("app-{number}")).collect();
    let sink = Memory::new();
    let running = kafka.start(&sink);
    eventually("joining", async || running.tally.is_ready()).await;
    let dashboards: Vec<_> = apps.iter().map(|app| dashboard(app, &["c1"])).collect();
    let charts: Vec<_> = apps.iter().map(|app| chart(app, "c1", "t")).collect();
    kafka.write(&dashboards).await;
    kafka.write(&charts).await;
    let expected = keys(dashboards.iter().chain(&charts));
    eventually("loading", async || sink.keys() == expected).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    assert_eq!(running.stop().await.total().dead, 0);
}

#[tokio::test]
async fn an_unresolved_edge_is_loaded_when_its_table_appears() {
    let kafka = Kafka::new(1, &["loader.revisitInterval=100ms"]).await;
    let sink = Memory::new();
    let events = app("app");
    let edge = events[3].key();
    sink.answer(&edge, Outcome::Unresolved { reason: "no table `orders`".to_owned() });
    let running = kafka.start(&sink);
    kafka.write(&events).await;
    eventually("the edge is tried again and again", async || sink.attempts(&edge) >= 3).await;
    // Its offset is long finished, and it counts once.
    eventually("offsets are committed", async || kafka.committed().await == kafka.ends().await)
        .await;
    assert_eq!(count(&running.tally.snapshot(), Topic::Lineage).unresolved, 1);
    sink.answer_as_usual(&edge);
    eventually("the edge is loaded", async || sink.keys().contains(&edge)).await;
    let report = running.stop().await;
    let edges = count(&report, Topic::Lineage);
    assert_eq!((edges.read, edges.unresolved, edges.created), (1, 1, 1), "{report:?}");
}
