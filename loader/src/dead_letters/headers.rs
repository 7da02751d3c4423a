//! Headers of dead letters. Pure.

use crate::plan::Burial;

/// Why the event was given up.
pub(super) const REASON: &str = "dead-letter-reason";
/// Where: `decode`, `wait`, `assets`, `dashboards`, `lineage`, `delete-lineage`, …
pub(super) const STAGE: &str = "dead-letter-stage";
/// Full name of the topic that it was read from.
pub(super) const TOPIC: &str = "dead-letter-topic";
/// Partition that it was read from.
pub(super) const PARTITION: &str = "dead-letter-partition";
/// Offset that it was read from.
pub(super) const OFFSET: &str = "dead-letter-offset";
/// When it was given up, RFC 3339.
pub(super) const TIME: &str = "dead-letter-time";
/// Size in bytes of the value when it was too large to be kept; absent otherwise.
pub(super) const OMITTED: &str = "dead-letter-value-omitted";

const PREFIX: &str = "dead-letter-";
/// Longer reasons (a server may answer with a page) are cut.
const MAX_REASON: usize = 8 * 1024;

/// Headers, in order: the record's own, then ours.
pub(super) fn of_letter(
    burial: &Burial,
    topic: &str,
    time: &str,
    without_own: bool,
    without_value: bool,
) -> Vec<(String, Option<Vec<u8>>)> {
    let record = &burial.record;
    let own = record.headers.iter().filter(|(name, _)| !without_own && !name.starts_with(PREFIX));
    let mut headers: Vec<_> = own.cloned().collect();
    let ours = [
        (REASON, shortened(&burial.reason).to_owned()),
        (STAGE, burial.stage.to_owned()),
        (TOPIC, topic.to_owned()),
        (PARTITION, record.at.partition.to_string()),
        (OFFSET, record.offset.to_string()),
        (TIME, time.to_owned()),
    ];
    headers.extend(ours.map(|(name, value)| (name.to_owned(), Some(value.into_bytes()))));
    if let (true, Some(value)) = (without_value, &record.value) {
        headers.push((OMITTED.to_owned(), Some(value.len().to_string().into_bytes())));
    }
    headers
}

/// The start of a text, at most [`MAX_REASON`] bytes.
fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_REASON);
    text.get(..end).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::work;

    fn burial(reason: &str) -> Burial {
        let mut record = work("k", 42, true, 10).record;
        record.headers = vec![
            ("run-id".to_owned(), Some(b"r".to_vec())),
            ("dead-letter-reason".to_owned(), Some(b"an earlier one".to_vec())),
            ("empty".to_owned(), None),
        ];
        Burial { record, tickets: Vec::new(), stage: "decode", reason: reason.to_owned() }
    }

    fn text(headers: &[(String, Option<Vec<u8>>)]) -> Vec<String> {
        let value = |value: &Option<Vec<u8>>| {
            value
                .as_deref()
                .map_or_else(|| "-".into(), |value| String::from_utf8_lossy(value).into_owned())
        };
        headers.iter().map(|(name, content)| format!("{name}={}", value(content))).collect()
    }

    #[test]
    fn own_headers_stay_and_ours_are_added_once() {
        let headers = of_letter(&burial("why"), "q.charts", "2026-01-01T00:00:00Z", false, false);
        assert_eq!(
            text(&headers),
            [
                "run-id=r",
                "empty=-",
                "dead-letter-reason=why",
                "dead-letter-stage=decode",
                "dead-letter-topic=q.charts",
                "dead-letter-partition=0",
                "dead-letter-offset=42",
                "dead-letter-time=2026-01-01T00:00:00Z",
            ]
        );
        let headers = text(&of_letter(&burial("why"), "t", "now", true, true));
        assert_eq!(headers[0], "dead-letter-reason=why");
        assert_eq!(headers.last().map(String::as_str), Some("dead-letter-value-omitted=10"));
    }

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let headers = of_letter(&burial(&"ü".repeat(MAX_REASON)), "t", "now", true, false);
        let reason = headers[0].1.as_deref().expect("reason");
        assert_eq!(std::str::from_utf8(reason).expect("UTF-8").len(), MAX_REASON);
    }
}
