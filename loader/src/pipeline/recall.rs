//! Edges that an earlier owner of their partition left unresolved, read again before anything else.

use std::collections::BTreeMap;

use schemas::{Event, event::Node};
use tracing::{info, warn};

use super::Pipeline;
use crate::{
    decode::Decoded,
    error_text,
    plan::Work,
    sink::{Change, Item, MetadataSink},
    source::{Recall, Recalled, Record, Span, TopicPartition},
};

impl<S: MetadataSink> Pipeline<S> {
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
        match self.parts.source.recall(spans) {
            Ok(recall) => self.recalling = Some(recall),
            Err(error) => not_recalled(&error_text(&error)),
        }
    }

    pub(super) fn on_recalled(&mut self, recalled: Recalled) {
        match recalled {
            Recalled::Record(record) => self.recalled.push_back(*record),
            Recalled::Over(reason) => {
                self.recalling = None;
                match reason {
                    Some(reason) => not_recalled(&reason),
                    None => self.open_edges.all_recalled(),
                }
            }
        }
    }

    pub(super) fn decode_recalled(&mut self, record: Record) {
        if self.superseded.contains(record.at, record.offset) {
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
