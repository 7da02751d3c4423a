//! A change that is put away for a while: its record without what was made of it, which takes many times
//! as much memory and is made again when it is tried again.

use schemas::Topic;

use super::{Waited, Work};
use crate::{offsets::Ticket, source::Record};

/// What a record takes besides its bytes: the key once more, and its places.
const OVERHEAD: usize = 500;

/// A change that is put away.
#[derive(Debug)]
pub struct Parked {
    /// The record: the newest known version of its key.
    pub record: Record,
    /// Offsets that are finished when it is.
    pub tickets: Vec<Ticket>,
    /// How long it has been waiting; `None` when nothing waits for it.
    pub waited: Option<Waited>,
}

impl Parked {
    /// Puts a change away. Its record no longer counts as read ahead.
    #[must_use]
    pub fn new(work: Work) -> Self {
        let Work { mut record, tickets, waited, .. } = work;
        record.held = None;
        Self { record, tickets, waited }
    }

    /// Topic of the change.
    #[must_use]
    pub fn topic(&self) -> Topic {
        self.record.at.topic
    }

    /// Bytes that it takes, about.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.record.bytes() + OVERHEAD
    }
}
