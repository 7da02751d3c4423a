//! Everything goes well.

use schemas::Topic;

use crate::{
    kafka::{Kafka, app, chart, dashboard, edge, eventually, table},
    memory::{Memory, count, keys},
};

#[tokio::test]
async fn everything_in_the_topics_is_loaded_in_order_and_once() {
    let kafka = Kafka::new(3, &[]).await;
    let events: Vec<_> = (0..20).flat_map(|number| app(&format!("app-{number}"))).collect();
    kafka.write(&events).await;
    let sink = Memory::new();

    let report = kafka.load(&sink).await;
    assert_eq!((report.ended, report.exit_code), ("complete", 0), "{report:?}");
    assert_eq!(sink.keys(), keys(&events));
    assert_eq!(count(&report, Topic::Charts).created, 40);
    assert_eq!(count(&report, Topic::Dashboards).created, 20);
    assert_eq!(count(&report, Topic::Lineage).created, 20);
    assert_eq!(report.total().created, 100);
    // What is referred to is read first: nothing had to wait.
    assert_eq!(events.iter().map(|event| sink.attempts(&event.key())).max(), Some(1));
    assert_eq!(kafka.committed().await, kafka.ends().await);

    // Again, and with something new: nothing is applied twice.
    let new = chart("app-3", "c1", "Sales by region");
    kafka.write(std::slice::from_ref(&new)).await;
    kafka.delete(&table("app-4", "Orders")).await;
    kafka.delete(&edge("app-4", "Orders", "c1")).await;
    let report = kafka.load(&sink).await;
    assert_eq!(report.total().read, 3, "{report:?}");
    let again: Vec<_> = sink.applied().split_off(100);
    let again: Vec<_> = again.iter().map(|(_, key, result)| (key.as_str(), *result)).collect();
    assert_eq!(
        again,
        [
            (new.key().as_str(), "updated"),
            (edge("app-4", "Orders", "c1").key().as_str(), "deleted"),
            (table("app-4", "Orders").key().as_str(), "deleted"),
        ]
    );
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn the_newest_version_of_a_key_wins() {
    let kafka = Kafka::new(1, &[]).await;
    for title in ["a", "b", "c"] {
        kafka.write(&[chart("app", "c1", title)]).await;
    }
    kafka.write(&[chart("app", "c2", "gone"), chart("app", "c3", "deleted and there again")]).await;
    kafka.delete(&chart("app", "c2", "")).await;
    kafka.delete(&chart("app", "c3", "")).await;
    kafka.write(&[chart("app", "c3", "deleted and there again")]).await;
    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    let counts = count(&report, Topic::Charts);
    assert_eq!((counts.read, counts.superseded), (8, 5), "{report:?}");
    assert_eq!((counts.created, counts.deleted), (2, 1), "{report:?}");
    assert_eq!(sink.keys(), keys(&[chart("app", "c1", ""), chart("app", "c3", "")]));
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn a_backlog_is_loaded_in_its_newest_versions_however_small_the_batches() {
    let kafka = Kafka::new(2, &["loader.batch.maxEvents=1"]).await;
    for title in ["a", "b", "c"] {
        kafka.write(&app("app")).await;
        kafka.write(&[chart("app", "c1", title), chart("app", "c3", title)]).await;
        kafka.delete(&chart("app", "c3", "")).await;
    }
    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!(report.total().read, 24, "{report:?}");
    assert_eq!(report.total().superseded, 18, "{report:?}");
    let mut applied: Vec<_> = sink.applied().into_iter().map(|(_, key, _)| key).collect();
    applied.sort_unstable();
    let every_key = [app("app"), vec![chart("app", "c3", "")]].concat();
    let every_key: Vec<_> = keys(&every_key).into_iter().collect();
    assert_eq!(applied, every_key, "each key once");
    assert_eq!(sink.keys(), keys(&app("app")));
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn events_of_other_services_are_counted_and_skipped() {
    let kafka = Kafka::new(1, &[]).await;
    let mut other = chart("app", "c1", "t");
    if let schemas::Event::Chart(chart) = &mut other {
        chart.service = "test".to_owned();
    }
    kafka.write(&[other, chart("app", "c1", "t")]).await;
    kafka.send(Topic::Dashboards, 0, Some(b"test/app"), None, &[]).await;
    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!((report.total().skipped, report.total().created), (2, 1), "{report:?}");
    assert_eq!(sink.keys(), keys(&[chart("app", "c1", "")]));
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn a_running_loader_loads_what_comes() {
    let kafka = Kafka::new(2, &[]).await;
    let sink = Memory::new();
    let running = kafka.start(&sink);
    for number in 0..3 {
        let events = app(&format!("app-{number}"));
        kafka.write(&events).await;
        eventually("loading", async || sink.keys().is_superset(&keys(&events))).await;
    }
    assert!(running.tally.is_ready());
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    let report = running.stop().await;
    assert_eq!((report.ended, report.exit_code), ("stopped", 0), "{report:?}");
    assert_eq!(report.total().created, 15);
}

#[tokio::test]
async fn topics_that_are_not_there_yet() {
    let mut kafka = Kafka::new(1, &[]).await;
    kafka.write(&[dashboard("app", &[])]).await;
    // The topics of this prefix exist; those of another do not.
    let elsewhere = ["kafka.topicPrefix=nowhere.", "kafka.createTopics=false"];
    kafka.settings = crate::kafka::settings(&kafka.servers, &elsewhere);
    let fatal = kafka.try_load(&Memory::new()).await.expect_err("no topics");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains("`nowhere.dashboards`"), "{fatal}");
    assert!(fatal.message.contains("kafka.topicPrefix"), "{fatal}");
}
