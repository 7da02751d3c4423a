//! Record headers: CloudEvents' Kafka binding in binary mode, and our own.

use crate::{Event, Topic, event::Origin};

/// Version of the CloudEvents specification.
pub const SPEC_VERSION: &str = "ce_specversion";
/// Unique id of the record.
pub const ID: &str = "ce_id";
/// The site: `/qlik/<service>`.
pub const SOURCE: &str = "ce_source";
/// Kind of the event, such as `qlik.metadata.dashboard.upserted`.
pub const TYPE: &str = "ce_type";
/// When the record was written, RFC 3339.
pub const TIME: &str = "ce_time";
/// Media type of the value.
pub const CONTENT_TYPE: &str = "content-type";
/// [`Event::content_hash`]: 32 hex digits; absent on tombstones.
pub const CONTENT_HASH: &str = "content-hash";
/// Id of the extractor run that wrote the record.
pub const RUN_ID: &str = "run-id";
/// On dashboards: extractor version and every option that shapes an app's events, hashed.
pub const EXTRACT_FINGERPRINT: &str = "extract-fingerprint";
/// On dashboards: the app's times as the site lists them, hashed; when they have not moved the app need
/// not be opened.
pub const LISTED_HASH: &str = "listed-hash";
/// On dashboards: what the site tells of the app without opening it (title, stream, owner, tags …),
/// hashed; when it moves the event is written again without opening the app.
pub const DESCRIBED_HASH: &str = "described-hash";
/// On tombstones of lineage: `{"from": …, "to": …}`, since a hash cannot be read backwards.
pub const EDGE: &str = "edge";

/// On edges that a script tells: [`Origin`] by its symbol, so that a reader
/// finds them among the many edges of objects without decoding all.
pub const ORIGIN: &str = "origin";

/// What the headers of one record are made of.
#[derive(Clone, Debug)]
pub struct HeaderValues<'a> {
    /// Configured service name.
    pub service: &'a str,
    /// Topic the record goes to.
    pub topic: Topic,
    /// Unique id of the record.
    pub id: String,
    /// Now, RFC 3339.
    pub time: String,
    /// Id of the run.
    pub run_id: &'a str,
    /// The event; `None` for a tombstone.
    pub event: Option<&'a Event>,
    /// [`Event::content_hash`] of `event`.
    pub content_hash: Option<&'a str>,
    /// On dashboards only.
    pub extract_fingerprint: Option<&'a str>,
    /// On dashboards only.
    pub listed_hash: Option<&'a str>,
    /// On dashboards only.
    pub described_hash: Option<&'a str>,
    /// On tombstones of lineage only: the edge as JSON.
    pub edge: Option<&'a str>,
}

/// Headers of one record, in a fixed order.
#[must_use]
pub fn of_record(values: &HeaderValues<'_>) -> Vec<(&'static str, String)> {
    let kind = match values.topic {
        Topic::Dashboards => "dashboard",
        Topic::Charts => "chart",
        Topic::DataModels => "datamodel",
        Topic::Lineage => "lineage",
        Topic::Runs => "run",
        Topic::DeadLetters => "deadletter",
    };
    let change = match values.event {
        Some(Event::Run(run)) => run.phase.as_str(),
        Some(_) => "upserted",
        None => "deleted",
    };
    let mut headers = vec![
        (SPEC_VERSION, "1.0".to_owned()),
        (ID, values.id.clone()),
        (SOURCE, format!("/qlik/{}", values.service)),
        (TYPE, format!("qlik.metadata.{kind}.{change}")),
        (TIME, values.time.clone()),
        (RUN_ID, values.run_id.to_owned()),
    ];
    if values.event.is_some() {
        headers.push((CONTENT_TYPE, "application/avro".to_owned()));
    }
    if let Some(Event::Lineage(edge)) = values.event
        && edge.origin != Origin::ObjectProperties
    {
        headers.push((ORIGIN, edge.origin.as_str().to_owned()));
    }
    let optional = [
        (CONTENT_HASH, values.content_hash),
        (EXTRACT_FINGERPRINT, values.extract_fingerprint),
        (LISTED_HASH, values.listed_hash),
        (DESCRIBED_HASH, values.described_hash),
        (EDGE, values.edge),
    ];
    headers
        .extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?.to_owned()))));
    headers
}
