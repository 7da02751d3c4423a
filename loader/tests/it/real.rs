//! What the mock cluster cannot do: only with `KAFKA_BOOTSTRAP`.

use std::{sync::Arc, time::Duration};

use loader::{
    commands::{self, Replay},
    report::Tally,
    source::seek::From,
};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use schemas::{Topic, codec};
use tokio_util::sync::CancellationToken;

use crate::{
    kafka::{Kafka, PATIENCE, chart},
    memory::{Memory, keys},
};

fn is_real() -> bool {
    let real = std::env::var_os("KAFKA_BOOTSTRAP").is_some();
    if !real {
        println!("skipped: needs a real broker, `KAFKA_BOOTSTRAP=host:port`");
    }
    real
}

#[tokio::test]
async fn the_end_is_found_where_the_last_offsets_hold_no_records() {
    if !is_real() {
        return;
    }
    let kafka = Kafka::new(1, &[]).await;
    let name = kafka.settings.kafka.topics.name(Topic::Charts);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.servers).set("transactional.id", &name);
    let producer: BaseProducer = config.create().expect("producer");
    producer.init_transactions(PATIENCE).expect("transactions");
    let write = |object: &str, commit: bool| {
        let event = chart("app", object, "t");
        let value = codec::encode(&event, codec::single_object_writer(Topic::Charts));
        let (key, value) = (event.key(), value.expect("encodes"));
        producer.begin_transaction().expect("begun");
        producer.send(BaseRecord::to(&name).partition(0).key(&key).payload(&value)).expect("sent");
        if commit {
            producer.commit_transaction(PATIENCE).expect("committed");
        } else {
            producer.flush(PATIENCE).expect("flushed");
            producer.abort_transaction(PATIENCE).expect("aborted");
        }
    };
    write("c1", true);
    write("c2", false);
    let ends = kafka.ends().await;
    assert_eq!(ends.get(&(Topic::Charts, 0)), Some(&4), "two records, two markers");

    let sink = Memory::new();
    let report = kafka.load(&sink).await;
    assert_eq!((report.ended, report.exit_code), ("complete", 0), "{report:?}");
    assert_eq!(sink.keys(), keys(&[chart("app", "c1", "")]), "what was aborted is not loaded");
    assert_eq!(kafka.committed().await.get(&(Topic::Charts, 0)), Some(&1));
    assert_eq!(kafka.load(&sink).await.total().read, 0);
}

#[tokio::test]
async fn events_are_replayed_from_a_time() {
    if !is_real() {
        return;
    }
    let kafka = Kafka::new(2, &[]).await;
    kafka.write(&[chart("one", "c1", "t"), chart("two", "c1", "t")]).await;
    // Times of records are milliseconds; the next ones must be later.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let time = jiff::Timestamp::now();
    tokio::time::sleep(Duration::from_millis(20)).await;
    kafka.write(&[chart("three", "c1", "t")]).await;
    let sink = Memory::new();
    let replay = async |time: jiff::Timestamp| {
        let from: From = time.to_string().parse().expect("a time");
        let what = Replay { from, topics: Vec::new(), keys: Vec::new() };
        let (tally, shutdown) = (Arc::new(Tally::new("replay", "prod")), CancellationToken::new());
        commands::replay(&kafka.settings, Arc::clone(&sink), what, &tally, &shutdown).await
    };
    let report = replay(time).await.expect("Kafka is there");
    assert_eq!((report.exit_code, report.total().read), (0, 1), "{report:?}");
    assert_eq!(sink.keys(), keys(&[chart("three", "c1", "")]));
    let later = jiff::Timestamp::now() + Duration::from_secs(3600);
    let report = replay(later).await.expect("Kafka is there");
    assert_eq!((report.exit_code, report.total().read), (1, 0), "{report:?}");
}

#[tokio::test]
async fn the_topic_of_dead_letters_is_created() {
    if !is_real() {
        return;
    }
    let kafka = Kafka::with_topics(1, &["kafka.partitions=3"], &Topic::STATE).await;
    kafka.send(Topic::Charts, 0, Some(b"prod/app/c1"), Some(b"{}"), &[]).await;
    let report = kafka.load(&Memory::new()).await;
    assert_eq!((report.exit_code, report.total().dead), (1, 1), "{report:?}");
    let letters = commands::list(&kafka.settings, false, &CancellationToken::new()).await;
    assert_eq!(letters.expect("dead letters").len(), 1);
    let found = loader::source::find_topics(&kafka.settings.kafka, PATIENCE).await;
    assert_eq!(found.expect("topics").partitions.get(&Topic::DeadLetters), Some(&3));
}
