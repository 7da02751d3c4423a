//! Events and deletions → records with their headers.

use schemas::{Event, Topic, headers, json, key};

use crate::{changes::Settled, kafka::Record};

/// The record of an event; `settled` with dashboards only.
pub(crate) fn upsert(
    service: &str,
    run_id: &str,
    event: Event,
    content_hash: &str,
    settled: Option<&Settled>,
) -> Record {
    let topic = event.topic();
    let headers = headers::of_record(&headers::HeaderValues {
        service,
        topic,
        id: uuid::Uuid::now_v7().to_string(),
        time: now_text(),
        run_id,
        event: Some(&event),
        content_hash: Some(content_hash),
        extract_fingerprint: settled.map(|settled| settled.fingerprint.as_str()),
        listed_hash: settled.map(|settled| settled.listed_hash.as_str()),
        described_hash: settled.and_then(|settled| settled.described_hash.as_deref()),
        edge: None,
    });
    Record {
        topic,
        key: event.key(),
        partition_text: event.partition_text().to_owned(),
        headers,
        event: Some(event),
    }
}

/// The tombstone of a record that is gone; `edge` is what it said when it was an edge.
pub(crate) fn tombstone(
    service: &str,
    run_id: &str,
    topic: Topic,
    key: &str,
    edge: Option<&str>,
) -> Record {
    let headers = headers::of_record(&headers::HeaderValues {
        service,
        topic,
        id: uuid::Uuid::now_v7().to_string(),
        time: now_text(),
        run_id,
        event: None,
        content_hash: None,
        extract_fingerprint: None,
        listed_hash: None,
        described_hash: None,
        edge,
    });
    let parts = key::parse(service, key);
    let partition_text = parts.map_or_else(String::new, |parts| parts.partition_text().to_owned());
    Record { topic, key: key.to_owned(), partition_text, headers, event: None }
}

/// Now, in milliseconds since the epoch.
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Now, RFC 3339.
pub(crate) fn now_text() -> String {
    json::rfc3339(now()).unwrap_or_default()
}
