//! Dead letters are listed, shown and retried.

use std::sync::Arc;

use loader::{
    commands,
    report::{Report, Tally},
    sink::Outcome,
};
use schemas::Topic;
use tokio_util::sync::CancellationToken;

use crate::{
    kafka::{Kafka, chart, dashboard},
    memory::{Memory, count},
};

async fn list(kafka: &Kafka, all: bool) -> Vec<(Option<String>, String)> {
    let letters = commands::list(&kafka.settings, all, &CancellationToken::new()).await;
    let letters = letters.expect("dead letters").into_iter();
    letters.map(|letter| (letter.key, letter.stage)).collect()
}

async fn retry(kafka: &Kafka, sink: &Arc<Memory>) -> Report {
    let tally = Arc::new(Tally::new("dead-letters retry", "prod"));
    let shutdown = CancellationToken::new();
    let retried = commands::retry(&kafka.settings, Arc::clone(sink), &tally, &shutdown);
    retried.await.expect("Kafka is there")
}

#[tokio::test]
async fn letters_hold_everything_and_are_retried_from_the_topics() {
    let kafka = Kafka::new(2, &[]).await;
    let sink = Memory::new();
    let rejected = Outcome::Rejected { reason: "400 no".to_owned() };
    let (one, two) = (chart("app", "c1", "first"), chart("app", "c2", "t"));
    sink.answer(&one.key(), rejected.clone());
    sink.answer(&two.key(), rejected);
    kafka.write(&[one.clone(), two.clone(), dashboard("app", &[])]).await;
    let poison_at = kafka.partition_of(&one);
    let offset = kafka
        .send(Topic::Charts, poison_at, Some(b"prod/app/c3"), Some(b"{}"), &[("x", "y")])
        .await;
    assert_eq!(list(&kafka, false).await, []);
    assert_eq!(kafka.load(&sink).await.total().dead, 3);

    let letters = commands::list(&kafka.settings, false, &CancellationToken::new()).await;
    let letters = letters.expect("dead letters");
    assert_eq!(letters.len(), 3);
    let poison = letters.iter().find(|letter| letter.stage == "decode").expect("poison");
    assert_eq!(poison.key.as_deref(), Some("prod/app/c3"));
    assert_eq!(poison.topic, kafka.settings.kafka.topics.name(Topic::Charts));
    assert_eq!((poison.partition, poison.offset), (Some(poison_at), Some(offset)));
    assert_eq!(poison.value_bytes, Some(2));
    assert!(poison.reason.contains("0x7b"), "{}", poison.reason);
    assert!(poison.time.parse::<jiff::Timestamp>().is_ok(), "{}", poison.time);
    assert_eq!(poison.record.at.partition, poison_at, "in the same partition as the record");
    let show = |id: &str| {
        let (id, settings) = (id.parse().expect("id"), kafka.settings.clone());
        async move {
            let shown = commands::show(&settings, id, &CancellationToken::new()).await;
            shown.map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"))
        }
    };
    let shown = show(&poison.id).await.expect("shown");
    assert_eq!((&shown["value"]["hex"], &shown["headers"]["x"]), (&"7b7d".into(), &"y".into()));
    let decoded = letters.iter().find(|letter| letter.key.as_ref() == Some(&one.key()));
    let shown = show(&decoded.expect("letter").id).await.expect("shown");
    assert_eq!(shown["value"]["title"], "first");
    assert_eq!(shown["reason"], "400 no");
    assert_eq!(show("0:4711").await.expect_err("none").exit_code, 1);
    assert_eq!(show("9:0").await.expect_err("none").exit_code, 1);

    // One is right by now, of another there is a newer version, the third stays broken.
    sink.answer_as_usual(&two.key());
    sink.answer_as_usual(&one.key());
    kafka.write(&[chart("app", "c1", "second")]).await;
    kafka.load(&sink).await;
    let committed = kafka.committed().await;
    let report = retry(&kafka, &sink).await;
    let counts = count(&report, Topic::Charts);
    assert_eq!((counts.created, counts.unchanged, counts.superseded), (1, 1, 1), "{report:?}");
    assert_eq!((counts.dead, report.exit_code), (1, 1), "{report:?}");
    assert_eq!(kafka.committed().await, committed, "the loader's own offsets stay");
    // The old version did not come back.
    let last = sink.applied().into_iter().rfind(|(_, key, _)| *key == one.key());
    assert_eq!(last.expect("applied").2, "unchanged");

    assert_eq!(list(&kafka, false).await, [(Some("prod/app/c3".to_owned()), "decode".to_owned())]);
    assert_eq!(list(&kafka, true).await.len(), 4);
}

#[tokio::test]
async fn nothing_to_retry_is_fine() {
    let kafka = Kafka::new(1, &[]).await;
    let report = retry(&kafka, &Memory::new()).await;
    assert_eq!((report.ended, report.exit_code), ("complete", 0));
}

#[tokio::test]
async fn a_letter_too_large_for_the_brokers_goes_without_its_value() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    let kafka = Kafka::new(1, &[]).await;
    let Some(cluster) = kafka.mock() else { return };
    let sink = Memory::new();
    let bad = chart("app", "c1", "t");
    sink.answer(&bad.key(), Outcome::Rejected { reason: "400 no".to_owned() });
    kafka.write(&[bad]).await;
    let too_large = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    cluster.request_errors(RDKafkaApiKey::Produce, &[too_large]);
    assert_eq!(kafka.load(&sink).await.total().dead, 1);
    let letters = commands::list(&kafka.settings, false, &CancellationToken::new()).await;
    let letter = letters.expect("dead letters").pop().expect("a letter");
    let headers = &letter.record.headers;
    let omitted = headers.iter().find(|(name, _)| name == "dead-letter-value-omitted");
    assert!(omitted.is_some(), "{headers:?}");
    assert!(letter.value_bytes > Some(10), "{letter:?}");
    // It is retried all the same: what counts is in the topics.
    sink.answer_as_usual("prod/app/c1");
    assert_eq!(retry(&kafka, &sink).await.total().created, 1);
}
