//! Reading once more what was committed though it is not over: edges whose table was not in the catalogue.
//!
//! Their offsets are committed, since nothing waits for them, so a process that starts would know nothing
//! of them. Each offset of a partition of edges is therefore committed with a note, which says where the
//! first of them is, and its next owner reads from there. The brokers keep the note as long as the offset.

use std::collections::BTreeMap;

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
    spans: BTreeMap<TopicPartition, Span>,
}

/// What it tells.
#[derive(Debug)]
pub enum Recalled {
    /// A record before the committed offset.
    Record(Box<Record>),
    /// There are no more; with a reason when there might have been.
    Over(Option<String>),
}

impl Recall {
    /// Starts to read. It never joins the group.
    pub(super) fn start(
        config: &Config,
        spans: BTreeMap<TopicPartition, Span>,
    ) -> Result<Self, Error> {
        let start = spans.iter().map(|(at, span)| (*at, span.from)).collect();
        let source = Source::start(&Config {
            group_id: format!("{}.recall", config.group_id),
            group_instance_id: None,
            start: Start::At(start),
            stop_at_end: true,
            ..config.clone()
        })?;
        Ok(Self { source, spans })
    }

    /// The next record. Cancel safe.
    pub async fn next(&mut self) -> Recalled {
        while !self.spans.is_empty() {
            match self.source.next().await {
                Some(Event::Record(record)) => match self.spans.get(&record.at) {
                    Some(span) if record.offset < span.until => {
                        if record.offset + 1 == span.until {
                            self.spans.remove(&record.at);
                        }
                        return Recalled::Record(Box::new(record));
                    }
                    Some(_) => {
                        self.spans.remove(&record.at);
                    }
                    None => {}
                },
                Some(Event::End(at)) => {
                    self.spans.remove(&at);
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
