//! What is applied together, and in which order. Pure: knows no sink and takes no clock.

mod batch;
mod parked;
mod revisit;
mod stages;
mod waiting;

use tokio::time::Instant;

pub use self::{
    batch::Batch,
    parked::Parked,
    revisit::Revisits,
    stages::{by_stage, stage},
    waiting::WaitingRoom,
};
use crate::{offsets::Ticket, sink::Item, source::Record};

/// A change on its way, with everything that depends on its end.
#[derive(Debug)]
pub struct Work {
    /// The change: the newest known version of its key.
    pub item: Item,
    /// The record it comes from, for the dead letters.
    pub record: Record,
    /// Offsets that are finished when this is: its own and those of the versions that it replaced.
    pub tickets: Vec<Ticket>,
    /// Set once it had to wait.
    pub waited: Option<Waited>,
}

/// How long a change has been waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waited {
    /// Since when.
    pub since: Instant,
    /// Attempts so far.
    pub attempts: u32,
    /// What is missing.
    pub reason: String,
}

/// An event that is given up.
#[derive(Debug)]
pub struct Burial {
    /// The record.
    pub record: Record,
    /// Offsets that are finished when it is in the dead letters.
    pub tickets: Vec<Ticket>,
    /// Where it failed: `decode`, `wait`, or the name of a stage.
    pub stage: &'static str,
    /// Why.
    pub reason: String,
}

#[cfg(test)]
pub(crate) mod testing {
    use schemas::{Event, Topic, event::Chart};

    use super::*;
    use crate::{offsets::Offsets, sink::Change, source::TopicPartition};

    /// What was put away, made again.
    pub(crate) fn again(parked: Parked) -> Work {
        let Parked { record, tickets, waited } = parked;
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        Work { tickets, waited, ..work(&key, record.offset, true, 1) }
    }

    /// A chart's upsert, or its delete, of `bytes` bytes and more.
    pub(crate) fn work(key: &str, offset: i64, upsert: bool, bytes: usize) -> Work {
        let at = TopicPartition { topic: Topic::Charts, partition: 0 };
        let mut offsets = Offsets::default();
        offsets.assign([at]);
        let change = match upsert {
            true => Change::Upsert(Box::new(Event::Chart(Box::<Chart>::default()))),
            false => Change::Delete { edge: None },
        };
        Work {
            item: Item { topic: Topic::Charts, key: key.to_owned(), content_hash: None, change },
            record: Record {
                at,
                offset,
                timestamp: None,
                key: Some(key.as_bytes().to_vec()),
                value: Some(vec![0; bytes]),
                headers: Vec::new(),
                held: None,
            },
            tickets: offsets.begin(at, offset).into_iter().collect(),
            waited: None,
        }
    }
}
