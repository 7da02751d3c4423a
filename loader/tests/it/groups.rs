//! Several loaders in one group.

use std::collections::BTreeSet;

use crate::{
    kafka::{Kafka, Running, app, eventually},
    memory::{Memory, keys},
};

/// App ids of keys.
fn apps(keys: &BTreeSet<String>) -> BTreeSet<String> {
    keys.iter().filter_map(|key| key.split('/').nth(1)).map(str::to_owned).collect()
}

fn partitions(running: &Running) -> usize {
    running.tally.assigned()
}

#[tokio::test]
async fn two_members_share_the_partitions_and_take_over() {
    let kafka = Kafka::new(4, &["loader.shutdownDeadline=2s"]).await;
    let (one, two) = (Memory::new(), Memory::new());
    let first = kafka.start(&one);
    eventually("the first assignment", async || partitions(&first) == 16).await;
    let second = kafka.start(&two);
    eventually("the second assignment", async || {
        partitions(&first) == 8 && partitions(&second) == 8
    })
    .await;

    let ids: Vec<String> = (0..12).map(|number| format!("app-{number}")).collect();
    let events: Vec<_> = ids.iter().flat_map(|id| app(id)).collect();
    kafka.write(&events).await;
    eventually("loading", async || one.keys().len() + two.keys().len() >= events.len()).await;
    // Each app is seen whole by one member.
    assert!(apps(&one.keys()).is_disjoint(&apps(&two.keys())));
    assert!(!one.keys().is_empty() && !two.keys().is_empty());
    let all: BTreeSet<String> = one.keys().union(&two.keys()).cloned().collect();
    assert_eq!(all, keys(&events));
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;

    // One leaves; the other goes on where it was.
    first.stop().await;
    eventually("the takeover", async || partitions(&second) == 16).await;
    let more = app("app-99");
    kafka.write(&more).await;
    eventually("loading", async || two.keys().is_superset(&keys(&more))).await;
    let before = apps(&one.keys());
    second.stop().await;
    assert!(before.is_disjoint(&apps(&two.keys())), "nothing committed is read again");
    assert_eq!(kafka.committed().await, kafka.ends().await);
}

#[tokio::test]
async fn partitions_are_given_up_in_time_while_the_catalogue_is_away() {
    let kafka = Kafka::new(2, &["loader.shutdownDeadline=1s", "loader.batch.maxEvents=4"]).await;
    let sink = Memory::new();
    let events: Vec<_> = (0..6).flat_map(|number| app(&format!("app-{number}"))).collect();
    kafka.write(&events).await;
    sink.allow(1);
    let first = kafka.start(&sink);
    sink.begun(2).await;
    // Joining takes the partitions from the first, which is in the middle of a batch that hangs.
    let second = kafka.start(&sink);
    eventually("the rebalance", async || partitions(&first) == 4 && partitions(&second) == 4).await;
    sink.allow(usize::MAX);
    eventually("loading", async || sink.keys() == keys(&events)).await;
    eventually("the commit", async || kafka.committed().await == kafka.ends().await).await;
    let reports = [first.stop().await, second.stop().await];
    assert!(reports.iter().all(|report| report.exit_code == 0 && report.total().dead == 0));
    // The mock refuses commits during a rebalance (a broker takes them), so what was finished may have
    // come again; then there was nothing to do.
    let created = sink.applied().into_iter().filter(|(.., result)| *result == "created");
    assert_eq!(created.count(), events.len());
    assert!(sink.applied().iter().all(|(.., result)| matches!(*result, "created" | "unchanged")));
}
