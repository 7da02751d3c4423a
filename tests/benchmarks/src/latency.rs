//! From a change on the site to its event on the topic, while the extractor follows.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use qlik_simulator::Running;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use schemas::{
    Event, Topic,
    codec::{self, Frame},
};

use crate::{broker::Broker, extractor::Extractor};

/// A change that is not on the topic by then is lost.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two changes: not a divisor of the time between two looks at the feed.
const PAUSE: Duration = Duration::from_millis(270);

type Waiting = Arc<Mutex<HashMap<String, Instant>>>;

/// Seconds of each change, sorted.
pub(crate) async fn measure(
    site: &Running,
    broker: &Broker,
    extractor: &Extractor,
    changes: usize,
) -> anyhow::Result<Vec<f64>> {
    let child = extractor.start(&["run", "--follow"])?;
    let waiting = Waiting::default();
    let found = Arc::new(Mutex::new(Vec::new()));
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reader = {
        let consumer = consumer(broker)?;
        let (waiting, found, done) = (waiting.clone(), found.clone(), done.clone());
        tokio::task::spawn_blocking(move || watch(&consumer, &waiting, &found, &done))
    };
    // The run before the feed is followed: the feed is asked twice, once before the run.
    let begun = Instant::now();
    site.control().reset_stats();
    while site.stats().http_requests.get("GET /qrs/notification/changes").copied() < Some(2) {
        if begun.elapsed() > PATIENCE {
            bail!("the extractor does not follow:\n{}", extractor.last_words());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let apps = site.control().app_ids();
    for number in 0..changes {
        let app = &apps[number * 7919 % apps.len()];
        let title = format!("change {number}");
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(title.clone(), Instant::now());
        site.control().rename_app(app, &title);
        tokio::time::sleep(PAUSE).await;
    }
    let last = Instant::now();
    while !waiting.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
        if last.elapsed() > PATIENCE {
            bail!("changes did not arrive:\n{}", extractor.last_words());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    reader.await.context("the reader failed")?;
    drop(child);
    let mut seconds = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    seconds.sort_by(f64::total_cmp);
    Ok(seconds)
}

fn watch(
    consumer: &BaseConsumer,
    waiting: &Mutex<HashMap<String, Instant>>,
    found: &Mutex<Vec<f64>>,
    done: &std::sync::atomic::AtomicBool,
) {
    while !done.load(std::sync::atomic::Ordering::Relaxed) {
        let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else { continue };
        let Some(Ok(frame)) = message.payload().map(Frame::parse) else { continue };
        let Ok(Event::Dashboard(event)) = codec::decode(Topic::Dashboards, &frame, None) else {
            continue;
        };
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(changed) = waiting.remove(&event.title) {
            let seconds = changed.elapsed().as_secs_f64();
            found.lock().unwrap_or_else(PoisonError::into_inner).push(seconds);
        }
    }
}

/// Of the dashboards' topic, from its end.
fn consumer(broker: &Broker) -> anyhow::Result<BaseConsumer> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &broker.bootstrap)
        .set("group.id", "benchmark")
        .set("enable.auto.commit", "false")
        .create()?;
    let name = broker.topics.name(Topic::Dashboards);
    let mut places = TopicPartitionList::new();
    for partition in 0..broker.partitions() {
        places.add_partition_offset(&name, partition, Offset::End)?;
    }
    consumer.assign(&places)?;
    Ok(consumer)
}
