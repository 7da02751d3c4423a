//! From records to the batch: the newest versions, decoded.

use schemas::Topic;
use tokio::time::Instant;

use super::Pipeline;
use crate::{
    decode::Decoded,
    plan::{Burial, Parked, Work},
    sink::MetadataSink,
};

impl<S: MetadataSink> Pipeline<S> {
    /// Decodes what has been read, as far as the batch has room and schemas are known.
    pub(super) fn decode(&mut self) {
        if self.surveying.is_some() {
            return;
        }
        while !self.batch.is_full() && self.fetching.is_none() {
            if let Some(record) = self.recalled.pop_front() {
                self.decode_recalled(record);
                continue;
            }
            let Some((record, ticket)) = self.undecoded.pop_front() else { return };
            self.before_decoding(&record);
            if self.superseded.contains(record.at, record.offset) {
                self.parts.tally.count(record.at.topic, |counts| counts.superseded += 1);
                self.offsets.done(ticket);
                // What is recalled lies before it.
                if self.recalling.is_none() && self.recalled.is_empty() {
                    self.superseded.forget_read(record.at, record.offset);
                }
                continue;
            }
            match self.parts.decoder.decode(&record) {
                Decoded::Item(item) => {
                    let tickets = vec![ticket];
                    self.collect(Work { item: *item, record, tickets, waited: None });
                }
                Decoded::Foreign => {
                    self.parts.tally.count(record.at.topic, |counts| counts.skipped += 1);
                    self.offsets.done(ticket);
                }
                Decoded::Broken(reason) => {
                    let tickets = vec![ticket];
                    self.give_up_event(Burial { record, tickets, stage: "decode", reason });
                }
                Decoded::NeedsSchema(id) => {
                    // Those behind it wait as well: versions of one key must stay in order.
                    self.undecoded.push_front((record, ticket));
                    self.need_schema(id);
                }
            }
        }
    }

    /// Makes of a record once more what it was when it was put away.
    pub(super) fn unpark(&mut self, parked: Parked) -> Option<Work> {
        let Parked { record, tickets, waited } = parked;
        let reason = match self.parts.decoder.decode(&record) {
            Decoded::Item(item) => return Some(Work { item: *item, record, tickets, waited }),
            // Only when a thousand others came meanwhile.
            Decoded::NeedsSchema(id) => format!("schema {id} is not known any more"),
            Decoded::Foreign => "it is of another service now".to_owned(),
            Decoded::Broken(reason) => reason,
        };
        self.give_up_event(Burial { record, tickets, stage: "decode", reason });
        None
    }

    /// Puts a change into the batch, in place of older versions that have not been applied.
    pub(super) fn collect(&mut self, mut work: Work) {
        let topic = work.item.topic;
        let older = self.room.take(topic, &work.item.key);
        if topic == Topic::Lineage {
            self.revisits.forget(&work.item.key);
        }
        let mut superseded = u64::from(older.is_some());
        work.tickets.extend(older.into_iter().flat_map(|older| older.tickets));
        superseded += u64::from(self.batch.add(work, Instant::now()));
        self.parts.tally.count(topic, |counts| counts.superseded += superseded);
    }
}
