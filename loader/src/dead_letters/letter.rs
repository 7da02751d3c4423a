//! Dead letters as they are read back.

use schemas::{Topic, TopicNames};
use serde::Serialize;

use super::headers;
use crate::source::{Record, TopicPartition};

/// A dead letter. As JSON it is a line of `dead-letters list --json`.
#[derive(Debug, Serialize)]
pub struct Letter {
    /// `partition:offset` in the topic of dead letters.
    pub id: String,
    /// When the event was given up, RFC 3339; empty when the header is missing.
    pub time: String,
    /// Full name of the topic that it was read from.
    pub topic: String,
    /// Partition that it was read from.
    pub partition: Option<i32>,
    /// Offset that it was read from.
    pub offset: Option<i64>,
    /// Key; bytes that are no UTF-8 are replaced. `None` when the record had none.
    pub key: Option<String>,
    /// Where it failed.
    pub stage: String,
    /// Why.
    pub reason: String,
    /// Bytes of the value; `None` in a tombstone.
    pub value_bytes: Option<usize>,
    /// The record itself.
    #[serde(skip)]
    pub record: Record,
}

impl Letter {
    /// Reads a record of the topic of dead letters. Foreign records there are letters with empty fields.
    #[must_use]
    pub fn parse(record: Record) -> Self {
        let text = |name: &str| record.header(name).unwrap_or_default().to_owned();
        let omitted = record.header(headers::OMITTED).and_then(|text| text.parse().ok());
        Self {
            id: format!("{}:{}", record.at.partition, record.offset),
            time: text(headers::TIME),
            topic: text(headers::TOPIC),
            partition: record.header(headers::PARTITION).and_then(|text| text.parse().ok()),
            offset: record.header(headers::OFFSET).and_then(|text| text.parse().ok()),
            key: record.key.as_deref().map(|key| String::from_utf8_lossy(key).into_owned()),
            stage: text(headers::STAGE),
            reason: text(headers::REASON),
            value_bytes: record.value.as_ref().map(Vec::len).or(omitted),
            record,
        }
    }

    /// Where the event was read from, when it was one of the state topics.
    #[must_use]
    pub fn origin(&self, names: &TopicNames) -> Option<(TopicPartition, i64)> {
        let topic = names.topic(&self.topic).filter(|topic| Topic::STATE.contains(topic))?;
        Some((TopicPartition { topic, partition: self.partition? }, self.offset?))
    }
}
