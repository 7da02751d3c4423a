//! The repository's change feed: which apps were added, changed or deleted. Pure; asking is in `qrs`.
//!
//! `GET /qrs/notification/changes?since=…&types=App` answers `[{changeType, id, type, changeDate,
//! object}]`. How long changes are kept is not documented, and a repository that was restarted may have
//! lost some.

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap};
use serde_json::Value;

use super::inventory::time;

/// One answer of the feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// Changes, as they came.
    pub changes: Vec<Change>,
    /// Entries that are not understood: something changed, and it is not known what.
    pub damaged: usize,
    /// The server's clock when it answered, milliseconds since the epoch, to the second.
    pub server_time: Option<i64>,
}

/// One change of an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Change {
    /// App id.
    pub app_id: String,
    /// Whether the app is gone; otherwise it was added or changed.
    pub deleted: bool,
    /// When, milliseconds since the epoch.
    pub at: Option<i64>,
}

/// A time as the feed takes it.
pub(super) fn since(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
        .to_string()
}

/// The `Date` of an answer.
pub(super) fn server_time(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(DATE)?.to_str().ok()?;
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(time.as_millisecond())
}

/// Reads an answer. Entries of other types than apps are left out.
pub(super) fn read(entries: &[Value], server_time: Option<i64>) -> Feed {
    let mut feed = Feed { server_time, ..Feed::default() };
    for entry in entries {
        let kind = entry.get("type").and_then(Value::as_str).unwrap_or("App");
        if !kind.eq_ignore_ascii_case("app") {
            continue;
        }
        let id = entry.get("id").and_then(Value::as_str).filter(|id| !id.trim().is_empty());
        match (id, deleted(entry.get("changeType"))) {
            (Some(id), Some(deleted)) => feed.changes.push(Change {
                app_id: id.to_owned(),
                deleted,
                at: time(entry.get("changeDate").and_then(Value::as_str)),
            }),
            _ => feed.damaged += 1,
        }
    }
    feed
}

/// Whether a change is a deletion: 1 added, 2 updated, 3 deleted, as numbers or by name. A kind that is
/// not known is worth a look at the app.
fn deleted(kind: Option<&Value>) -> Option<bool> {
    match kind? {
        Value::Number(number) => Some(number.as_u64() == Some(3)),
        Value::String(text) => {
            Some(text.trim() == "3" || text.trim().eq_ignore_ascii_case("delete"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_read_tolerantly() {
        let check = |entry: Value, expected: Option<(bool, Option<i64>)>| {
            let feed = read(std::slice::from_ref(&entry), None);
            let found = feed.changes.first().map(|change| (change.deleted, change.at));
            assert_eq!(found, expected, "{entry}");
            assert_eq!(feed.damaged, usize::from(expected.is_none()), "{entry}");
        };
        let date = "1970-01-01T00:00:01.000Z";
        check(
            json!({"changeType": 1, "id": "a", "type": "App", "changeDate": date}),
            Some((false, Some(1000))),
        );
        check(json!({"changeType": 2, "id": "a", "object": null}), Some((false, None)));
        check(json!({"changeType": 3, "id": "a", "type": "app"}), Some((true, None)));
        check(json!({"changeType": "Delete", "id": "a"}), Some((true, None)));
        check(json!({"changeType": 9, "id": "a"}), Some((false, None)));
        check(json!({"changeType": 2}), None);
        check(json!({"id": "a"}), None);
        check(json!(7), None);
    }

    #[test]
    fn other_types_are_left_out() {
        let feed = read(&[json!({"changeType": 3, "id": "a", "type": "Stream"})], Some(1));
        assert_eq!(feed, Feed { server_time: Some(1), ..Feed::default() });
    }

    #[test]
    fn times_as_the_repository_has_them() {
        assert_eq!(since(1_000), "1970-01-01T00:00:01.000Z");
        let mut headers = HeaderMap::new();
        assert_eq!(server_time(&headers), None);
        headers.insert(DATE, "Thu, 01 Jan 1970 00:00:01 GMT".parse().expect("a header"));
        assert_eq!(server_time(&headers), Some(1000));
    }
}
