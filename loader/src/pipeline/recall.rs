//! Edges that an earlier owner of their partition left unresolved, read again beside what is new. An edge
//! that came in a newer version, or was removed, meanwhile is left as that says.
//!
//! When the brokers do not give them for a while, a pass that comes to an end does not wait for them.

use std::collections::{BTreeMap, HashSet};

use schemas::{Event, Topic, event::Node};
use tracing::{info, warn};

use super::Pipeline;
use crate::{
    decode::Decoded,
    error_text,
    plan::Work,
    sink::{Change, Item, MetadataSink},
    source::{Recall, Recalled, Record, Span, TopicPartition},
};

/// Most keys remembered, some 34 bytes each.
const MAX_NEWER: usize = 200_000;

/// What was loaded during a recall: hashes of the keys of edges, which nothing that is recalled may
/// replace.
#[derive(Debug, Default)]
pub(super) struct Newer {
    keys: HashSet<u128>,
    /// Whether the brokers have given nothing for too long.
    is_overdue: bool,
}

impl Newer {
    /// Remembers a key; `false` when there are too many.
    fn add(&mut self, key: &[u8]) -> bool {
        self.keys.insert(schemas::hash::of_bytes(key));
        self.keys.len() <= MAX_NEWER
    }

    fn contains(&self, key: &[u8]) -> bool {
        self.keys.contains(&schemas::hash::of_bytes(key))
    }
}

impl<S: MetadataSink> Pipeline<S> {
    /// Whether a pass that has read everything else is not over yet.
    pub(super) fn waits_for_recall(&self) -> bool {
        self.recalling.is_some() && self.newer.as_ref().is_none_or(|newer| !newer.is_overdue)
    }

    /// A record is about to be decoded that is not recalled.
    pub(super) fn before_decoding(&mut self, record: &Record) {
        if self.recalling.is_none() {
            self.newer = None;
        }
        if record.at.topic != Topic::Lineage {
            return;
        }
        let (Some(newer), Some(key)) = (&mut self.newer, &record.key) else { return };
        if !newer.add(key) {
            self.end_recall();
            not_recalled("there were too many others before they were read");
        }
    }

    /// What was not recalled stays noted as not over.
    fn end_recall(&mut self) {
        self.recalling = None;
        self.recalled.clear();
        self.newer = None;
    }

    pub(super) fn start_recall(&mut self, mut spans: BTreeMap<TopicPartition, Span>) {
        self.open_edges.recalling(&spans);
        spans.retain(|_, span| span.from < span.until);
        if spans.is_empty() {
            return;
        }
        let records: i64 = spans.values().map(|span| span.until - span.from).sum();
        info!(
            partitions = spans.len(),
            records, "reading edges again that were unresolved when they were loaded"
        );
        match self.parts.source.recall(spans, self.parts.flow.recall_patience) {
            Ok(recall) => {
                self.recalling = Some(recall);
                self.newer = Some(Newer::default());
            }
            Err(error) => not_recalled(&error_text(&error)),
        }
    }

    pub(super) fn on_recalled(&mut self, recalled: Recalled) {
        match recalled {
            Recalled::Record(record) => self.recalled.push_back(*record),
            Recalled::Overdue => {
                let missing = self.recalling.iter().flat_map(|recall| recall.missing());
                let missing: Vec<_> =
                    missing.map(|at| format!("{}/{}", at.topic, at.partition)).collect();
                warn!(
                    partitions = missing.join(", "),
                    "the brokers do not give the edges that were unresolved when they were loaded; they are tried again as soon as the brokers give them, or by the next start"
                );
                if let Some(newer) = &mut self.newer {
                    newer.is_overdue = true;
                }
            }
            Recalled::Over(reason) => {
                // What was read of it is still to be decoded, with what is newer in mind.
                self.recalling = None;
                match reason {
                    Some(reason) => not_recalled(&reason),
                    None => self.open_edges.all_recalled(),
                }
            }
        }
    }

    pub(super) fn decode_recalled(&mut self, record: Record) {
        let is_newer_known = match (&self.newer, &record.key) {
            (Some(newer), Some(key)) => newer.contains(key),
            _ => false,
        };
        if is_newer_known || self.superseded.contains(record.at, record.offset) {
            return;
        }
        match self.parts.decoder.decode(&record) {
            Decoded::Item(item) if may_be_unresolved(&item) => {
                self.open_edges.add(&item.key, record.at, record.offset);
                self.collect(Work { item: *item, record, tickets: Vec::new(), waited: None });
            }
            // Broken ones are in the dead letters already.
            Decoded::Item(_) | Decoded::Foreign | Decoded::Broken(_) => {}
            Decoded::NeedsSchema(id) => {
                self.recalled.push_front(record);
                self.need_schema(id);
            }
        }
    }
}

fn not_recalled(reason: &str) {
    warn!(
        reason,
        "edges that were unresolved when they were loaded could not be read again; the next start tries it"
    );
}

/// Only tables of databases come from elsewhere.
fn may_be_unresolved(item: &Item) -> bool {
    let Change::Upsert(event) = &item.change else { return false };
    let is_table = |node: &Node| matches!(node, Node::DatabaseTable(_));
    matches!(&**event, Event::Lineage(edge) if is_table(&edge.from) || is_table(&edge.to))
}

/// What is read again next; waits forever when nothing is.
pub(super) async fn next(recalling: &mut Option<Recall>) -> Recalled {
    match recalling {
        Some(recall) => recall.next().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_keys_are_known_and_bounded() {
        let mut newer = Newer::default();
        assert!(newer.add(b"a"));
        assert!(newer.contains(b"a") && !newer.contains(b"b"));
        let key = |number: usize| number.to_be_bytes();
        assert!((1..MAX_NEWER).all(|number| newer.add(&key(number))));
        assert!(newer.add(b"a"), "known already");
        assert!(!newer.add(b"one too many"));
    }
}
