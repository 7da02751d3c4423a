//! Reading once more what was committed though it is not over: edges whose table was not in the catalogue.
//!
//! Their offsets are committed, since nothing waits for them, so a process that starts would know nothing
//! of them. Each offset of a partition of edges is therefore committed with a note, which says where the
//! first of them is, and its next owner reads from there. The brokers keep the note as long as the offset.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::Instant;

use super::{Config, Error, Event, Record, Source, Span, Start, TopicPartition};

/// Begin of a note.
const NOTE: &str = "unresolved=";
/// What follows it when there are none.
const NONE: &str = "none";

/// The note that says where the first unresolved edge of a partition is.
#[must_use]
pub fn note(first: Option<i64>) -> String {
    format!("{NOTE}{}", first.map_or_else(|| NONE.to_owned(), |offset| offset.to_string()))
}

/// Where the first unresolved edge before `until` is, as a note says it. Without a note, which no older
/// version has written, that may be anywhere.
pub(super) fn unresolved_from(note: &str, until: i64) -> i64 {
    match note.strip_prefix(NOTE) {
        Some(NONE) => until,
        Some(offset) => offset.parse().unwrap_or(0),
        None => 0,
    }
}

/// A consumer of what is to be read once more.
pub struct Recall {
    source: Source,
    /// Partitions that are not read to the end of their spans.
    missing: BTreeSet<TopicPartition>,
    patience: Duration,
    /// When it is overdue; `None` once that was told.
    overdue_at: Option<Instant>,
}

/// What it tells.
#[derive(Debug)]
pub enum Recalled {
    /// A record before the committed offset.
    Record(Box<Record>),
    /// The brokers have given nothing for too long; told once. Records may still come.
    Overdue,
    /// There are no more; with a reason when there might have been.
    Over(Option<String>),
}

impl Recall {
    /// Starts to read. It never joins the group, and is overdue when nothing comes for `patience`.
    pub(super) fn start(
        config: &Config,
        spans: BTreeMap<TopicPartition, Span>,
        patience: Duration,
    ) -> Result<Self, Error> {
        let missing = spans.keys().copied().collect();
        let source = Source::start(&Config {
            group_id: format!("{}.recall", config.group_id),
            group_instance_id: None,
            start: Start::At(spans),
            stop_at_end: true,
            ..config.clone()
        })?;
        Ok(Self { source, missing, patience, overdue_at: Some(Instant::now() + patience) })
    }

    /// What is not read yet.
    pub fn missing(&self) -> impl Iterator<Item = TopicPartition> + '_ {
        self.missing.iter().copied()
    }

    /// The next record. Cancel safe.
    pub async fn next(&mut self) -> Recalled {
        while !self.missing.is_empty() {
            let event = tokio::select! {
                biased;
                event = self.source.next() => event,
                () = until(self.overdue_at) => {
                    // What has been read and is not applied yet may be all that may be read ahead.
                    if self.source.spent().events == 0 {
                        self.overdue_at = None;
                        return Recalled::Overdue;
                    }
                    self.come();
                    continue;
                }
            };
            match event {
                Some(Event::Record(record)) => {
                    self.come();
                    return Recalled::Record(Box::new(record));
                }
                Some(Event::End(at)) => {
                    self.missing.remove(&at);
                }
                Some(Event::Assigned(_) | Event::Revoked { .. }) => {}
                Some(Event::Failed(failure)) => {
                    return Recalled::Over(Some(crate::error_text(&failure)));
                }
                None => return Recalled::Over(Some("the reader ended".to_owned())),
            }
        }
        Recalled::Over(None)
    }

    /// Something came.
    fn come(&mut self) {
        if let Some(overdue_at) = &mut self.overdue_at {
            *overdue_at = Instant::now() + self.patience;
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_where_to_begin() {
        let check = |note: &str, expected: i64| assert_eq!(unresolved_from(note, 90), expected);
        check(&note(None), 90);
        check(&note(Some(17)), 17);
        check("", 0);
        check("unresolved=soon", 0);
        check("written by somebody else", 0);
    }
}
