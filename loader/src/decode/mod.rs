//! From a record to a change. No I/O: what the schema registry must be asked for is said, asked by
//! [`schemas`], and told back.

pub mod schemas;

use ::schemas::{
    Event, Topic, codec,
    codec::{Frame, WriterId},
    event::Node,
    headers, key,
};
use serde::Deserialize;

use self::schemas::{Known, Schemas};
use crate::{
    error_text,
    sink::{Change, Item},
    source::Record,
};

/// What a record is.
#[derive(Debug, PartialEq)]
pub enum Decoded {
    /// A change of ours.
    Item(Box<Item>),
    /// An event of another service in the same topics.
    Foreign,
    /// No event, for this reason.
    Broken(String),
    /// Unknown until the registry has been asked for this schema.
    NeedsSchema(u32),
}

/// Decodes records of one service.
#[derive(Debug)]
pub struct Decoder {
    service: String,
    /// Schemas of the registry; without one, ids are read as the newest version.
    pub schemas: Option<Schemas>,
}

/// The `edge` header of lineage tombstones.
#[derive(Deserialize)]
struct Edge {
    from: Node,
    to: Node,
}

impl Decoder {
    /// A decoder for the events of `service`.
    #[must_use]
    pub fn new(service: &str, schemas: Option<Schemas>) -> Self {
        Self { service: service.to_owned(), schemas }
    }

    /// Decodes a record.
    #[must_use]
    pub fn decode(&self, record: &Record) -> Decoded {
        let key = record.key.as_deref().map(std::str::from_utf8);
        let Some(value) = record.value.as_deref() else {
            return match key {
                Some(Ok(key)) => self.tombstone(record, key),
                Some(Err(_)) => Decoded::Broken("the key is not UTF-8".to_owned()),
                None => Decoded::Broken("the record has neither key nor value".to_owned()),
            };
        };
        let event = match self.event(record.at.topic, value) {
            Ok(event) => event,
            Err(Undecoded::NeedsSchema(id)) => return Decoded::NeedsSchema(id),
            // Others look after their own broken records.
            Err(Undecoded::Broken(_)) if matches!(key, Some(Ok(key)) if self.is_foreign(key)) => {
                return Decoded::Foreign;
            }
            Err(Undecoded::Broken(reason)) => return Decoded::Broken(reason),
        };
        if service(&event) != self.service {
            return Decoded::Foreign;
        }
        let expected = event.key();
        match key {
            Some(Ok(key)) if key == expected => {}
            Some(Ok(key)) => {
                return Decoded::Broken(format!(
                    "the key `{key}` does not fit the event, whose key is `{expected}`"
                ));
            }
            Some(Err(_)) => return Decoded::Broken("the key is not UTF-8".to_owned()),
            None => return Decoded::Broken("the record has no key".to_owned()),
        }
        let hash = record.header(headers::CONTENT_HASH).filter(|hash| !hash.is_empty());
        Decoded::Item(Box::new(Item {
            topic: record.at.topic,
            key: expected,
            content_hash: Some(hash.map_or_else(|| event.content_hash(), str::to_owned)),
            change: Change::Upsert(Box::new(event)),
        }))
    }

    fn tombstone(&self, record: &Record, key: &str) -> Decoded {
        let topic = record.at.topic;
        let Some(parts) = key::parse(&self.service, key) else {
            return if self.is_foreign(key) {
                Decoded::Foreign
            } else {
                Decoded::Broken(format!("the key `{key}` of the tombstone names no app"))
            };
        };
        // Dashboards are named by their app alone, everything else by something in it.
        if (topic == Topic::Dashboards) != parts.rest.is_empty() {
            return Decoded::Broken(format!(
                "the key `{key}` of the tombstone is none of the topic `{topic}`"
            ));
        }
        let edge = record.header(headers::EDGE).filter(|_| topic == Topic::Lineage);
        // A header that cannot be read is as good as none: the sink finds the edge otherwise or says so.
        let edge = edge.and_then(|text| serde_json::from_str::<Edge>(text).ok());
        Decoded::Item(Box::new(Item {
            topic,
            key: key.to_owned(),
            content_hash: None,
            change: Change::Delete { edge: edge.map(|edge| (edge.from, edge.to)) },
        }))
    }

    fn event(&self, topic: Topic, value: &[u8]) -> Result<Event, Undecoded> {
        let broken = |error: &dyn std::error::Error| Undecoded::Broken(error_text(error));
        let frame = Frame::parse(value).map_err(|error| broken(&error))?;
        let schema = match (frame.writer, &self.schemas) {
            (WriterId::Registry(id), Some(schemas)) => match schemas.get(id) {
                Some(Known::Schema(schema)) => Some(schema),
                Some(Known::Missing(reason)) => return Err(Undecoded::Broken(reason.clone())),
                None => return Err(Undecoded::NeedsSchema(id)),
            },
            _ => None,
        };
        codec::decode(topic, &frame, schema).map_err(|error| broken(&error))
    }

    /// Whether a key is of the form of another service's.
    fn is_foreign(&self, key: &str) -> bool {
        let ours = key.strip_prefix(&self.service).is_some_and(|rest| rest.starts_with('/'));
        !ours && key.split_once('/').is_some_and(|(service, _)| !service.is_empty())
    }
}

enum Undecoded {
    NeedsSchema(u32),
    Broken(String),
}

fn service(event: &Event) -> &str {
    match event {
        Event::Dashboard(e) => &e.service,
        Event::Chart(e) => &e.service,
        Event::DataModel(e) => &e.service,
        Event::Lineage(e) => &e.service,
        Event::Run(e) => &e.service,
    }
}

#[cfg(test)]
mod tests;
