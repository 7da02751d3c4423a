//! Passes over the topics that are no member of the group.

use std::sync::Arc;

use loader::{
    commands::{self, Replay},
    filter::KeyPattern,
    report::{Report, Tally},
    sink::Outcome,
    source::seek::From,
};
use schemas::Topic;
use tokio_util::sync::CancellationToken;

use crate::{
    kafka::{Kafka, app, chart},
    memory::{Memory, keys},
};

async fn replay(
    kafka: &Kafka,
    sink: &Arc<Memory>,
    from: From,
    topics: &[Topic],
    key: &[&str],
) -> Report {
    let patterns = key.iter().map(|text| text.parse::<KeyPattern>().expect("pattern"));
    let what = Replay { from, topics: topics.to_vec(), keys: patterns.collect() };
    let (tally, shutdown) = (Arc::new(Tally::new("replay", "prod")), CancellationToken::new());
    let replayed = commands::replay(&kafka.settings, Arc::clone(sink), what, &tally, &shutdown);
    replayed.await.expect("Kafka is there")
}

#[tokio::test]
async fn events_are_loaded_again_without_touching_the_group() {
    let kafka = Kafka::new(2, &[]).await;
    let (one, two) = (app("one"), app("two"));
    kafka.write(&one).await;
    kafka.write(&two).await;
    let all = keys(one.iter().chain(&two));

    let sink = Memory::new();
    let report = replay(&kafka, &sink, From::Beginning, &[], &[]).await;
    assert_eq!((report.ended, report.exit_code), ("complete", 0), "{report:?}");
    assert_eq!(sink.keys(), all);
    assert!(kafka.committed().await.is_empty());

    // One app.
    let sink = Memory::new();
    let report = replay(&kafka, &sink, From::Beginning, &[], &["prod/two", "prod/two/*"]).await;
    assert_eq!((report.exit_code, report.total().skipped), (0, 5), "{report:?}");
    assert_eq!(sink.keys(), keys(&two));

    // One topic, from an offset that only one partition has.
    let sink = Memory::new();
    let partition = kafka.partition_of(&one[1]);
    let from = From::Offset { offset: 1, partition: Some(partition) };
    let report = replay(&kafka, &sink, from, &[Topic::Charts], &["prod/one/*"]).await;
    assert_eq!(report.exit_code, 0, "{report:?}");
    assert_eq!(report.partitions.len(), 1, "{report:?}");
    assert!(sink.keys().is_subset(&keys(&one)));
}

#[tokio::test]
async fn a_replay_that_matches_nothing_is_no_success() {
    let kafka = Kafka::new(1, &[]).await;
    kafka.write(&[chart("app", "c1", "t")]).await;
    let sink = Memory::new();
    let report = replay(&kafka, &sink, From::Beginning, &[], &["prod/nothing"]).await;
    assert_eq!((report.ended, report.exit_code), ("complete", 1), "{report:?}");
    assert!(report.error.expect("reason").contains("nothing matched"));
    // Beyond the end there is nothing; in particular not everything.
    let beyond = From::Offset { offset: 9, partition: None };
    let report = replay(&kafka, &sink, beyond, &[], &[]).await;
    assert_eq!((report.exit_code, report.total().read), (1, 0), "{report:?}");
    assert!(sink.applied().is_empty());
}

#[tokio::test]
async fn what_fails_in_a_replay_is_reported_and_writes_no_letter() {
    let kafka = Kafka::new(1, &[]).await;
    let sink = Memory::new();
    kafka.write(&[chart("app", "c1", "t")]).await;
    sink.answer("prod/app/c1", Outcome::Rejected { reason: "400 no".to_owned() });
    let report = replay(&kafka, &sink, From::Beginning, &[], &[]).await;
    assert_eq!((report.exit_code, report.total().dead), (1, 1), "{report:?}");
    let letters = commands::list(&kafka.settings, true, &CancellationToken::new()).await;
    assert!(letters.expect("list").is_empty());
}

#[tokio::test]
async fn unresolved_edges_are_tried_again_and_the_rest_is_listed() {
    let kafka = Kafka::new(1, &[]).await;
    let sink = Memory::new();
    let (one, two) = (app("one"), app("two"));
    let unresolved = Outcome::Unresolved { reason: "no table `orders`".to_owned() };
    for edge in [&one[3], &two[3]] {
        sink.answer(&edge.key(), unresolved.clone());
    }
    kafka.write(&one).await;
    kafka.write(&two).await;
    kafka.load(&sink).await;
    sink.answer_as_usual(&two[3].key());
    let (tally, shutdown) = (Arc::new(Tally::new("unresolved", "prod")), CancellationToken::new());
    let report = commands::unresolved(&kafka.settings, Arc::clone(&sink), &tally, &shutdown).await;
    let report = report.expect("Kafka is there");
    assert_eq!((report.total().created, report.total().unresolved), (1, 1), "{report:?}");
    assert_eq!(report.unresolved[0].key, one[3].key());
    assert_eq!(report.unresolved[0].reason, "no table `orders`");

    // What would wait is listed as well, and is nobody's failure.
    let waits = Outcome::Waiting { reason: "no dashboard".to_owned() };
    sink.answer(&two[3].key(), waits);
    let tally = Arc::new(Tally::new("unresolved", "prod"));
    let report = commands::unresolved(&kafka.settings, Arc::clone(&sink), &tally, &shutdown).await;
    let report = report.expect("Kafka is there");
    assert_eq!((report.exit_code, report.total().dead, report.unresolved.len()), (0, 0, 2));
    let reasons: Vec<_> = report.unresolved.iter().map(|entry| entry.reason.as_str()).collect();
    assert!(reasons.contains(&"no dashboard"), "{report:?}");
}
