//! Writes the events of every topic as JSON lines, for looking at.

use std::{collections::BTreeSet, fs, io::Write as _, path::Path, time::Duration};

use anyhow::Context as _;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
};
use schemas::{
    Topic,
    codec::{self, Frame},
    json,
};
use serde_json::{Value, json};

use crate::broker::Broker;

/// One file a topic below `output`: `events/<topic>.jsonl`, a record a line.
pub(crate) fn write(broker: &Broker, output: &Path) -> anyhow::Result<()> {
    let folder = output.join("events");
    fs::create_dir_all(&folder)?;
    for topic in Topic::STATE {
        let path = folder.join(format!("{topic}.jsonl"));
        let mut file = std::io::BufWriter::new(fs::File::create(&path)?);
        read(broker, topic, |key, value| {
            let value = value.map_or(Value::Null, |value| decode(topic, value));
            Ok(writeln!(file, "{}", json!({"key": key, "value": value}))?)
        })
        .with_context(|| format!("failed to read the topic `{}`", broker.topics.name(topic)))?;
    }
    Ok(())
}

fn decode(topic: Topic, value: &[u8]) -> Value {
    let event = Frame::parse(value).ok().and_then(|frame| codec::decode(topic, &frame, None).ok());
    event.map_or(Value::Null, |event| json::readable(&event))
}

fn read(
    broker: &Broker,
    topic: Topic,
    mut visit: impl FnMut(&str, Option<&[u8]>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = broker.topics.name(topic);
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &broker.bootstrap)
        .set("group.id", "demo-look")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()?;
    let metadata = consumer.fetch_metadata(Some(&name), Duration::from_secs(30))?;
    let count = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    let mut open: BTreeSet<i32> = (0..i32::try_from(count)?).collect();
    let mut places = TopicPartitionList::new();
    for &partition in &open {
        places.add_partition_offset(&name, partition, Offset::Beginning)?;
    }
    consumer.assign(&places)?;
    while !open.is_empty() {
        match consumer.poll(Duration::from_secs(30)) {
            Some(Ok(message)) => {
                let key = String::from_utf8_lossy(message.key().unwrap_or_default());
                visit(&key, message.payload())?;
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => drop(open.remove(&partition)),
            Some(Err(error)) => return Err(error.into()),
            None => anyhow::bail!("no answer for 30 s"),
        }
    }
    Ok(())
}
