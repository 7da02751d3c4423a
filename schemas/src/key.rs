//! Record keys: `<service>/<app id>[/<what>]`, or `<service>/file/<normalised path>`.
//!
//! Copies of an app share all sheet, object and table ids, so every identity contains the app id.

/// What stands in the place of an app id in the key of a data file.
pub const FILE: &str = "file";
/// Name of the data model that holds an app's master items.
pub const MASTER_ITEMS: &str = "(master items)";

/// Key of an app on the dashboard topic.
#[must_use]
pub fn dashboard(service: &str, app_id: &str) -> String {
    format!("{service}/{app_id}")
}

/// Key of a visualization on the chart topic.
#[must_use]
pub fn chart(service: &str, app_id: &str, object_id: &str) -> String {
    format!("{service}/{app_id}/{object_id}")
}

/// Key of a table, or of [`MASTER_ITEMS`], on the data model topic.
#[must_use]
pub fn table(service: &str, app_id: &str, table: &str) -> String {
    format!("{service}/{app_id}/{table}")
}

/// Key of a data file on the data model topic.
#[must_use]
pub fn file(service: &str, path: &str) -> String {
    format!("{service}/{FILE}/{path}")
}

/// Key of an edge on the lineage topic; `edge_hash` is [`Lineage::edge_hash`](crate::event::Lineage::edge_hash).
#[must_use]
pub fn edge(service: &str, app_id: &str, edge_hash: &str) -> String {
    format!("{service}/{app_id}/{edge_hash}")
}

/// A key taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The app, or [`FILE`].
    pub app_id: &'a str,
    /// What follows the app id; empty for a dashboard.
    pub rest: &'a str,
}

impl Parts<'_> {
    /// Text that decides the partition: the app id, or the path of a data file.
    #[must_use]
    pub fn partition_text(&self) -> &str {
        if self.app_id == FILE { self.rest } else { self.app_id }
    }
}

/// Takes a key apart; `None` when it does not belong to `service`.
#[must_use]
pub fn parse<'a>(service: &str, key: &'a str) -> Option<Parts<'a>> {
    let rest = key.strip_prefix(service)?.strip_prefix('/')?;
    let (app_id, rest) = rest.split_once('/').unwrap_or((rest, ""));
    (!app_id.is_empty()).then_some(Parts { app_id, rest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_apart_again() {
        let parse = |key: &'static str| parse("prod", key).map(|p| (p.app_id, p.rest));
        assert_eq!(parse("prod/app-1"), Some(("app-1", "")));
        assert_eq!(parse("prod/app-1/a/b"), Some(("app-1", "a/b")));
        assert_eq!(parse("prod/file/lib://x/y.qvd"), Some(("file", "lib://x/y.qvd")));
        assert_eq!(parse("production/app-1"), None);
        assert_eq!(parse("prod/"), None);
    }

    #[test]
    fn files_are_partitioned_by_path() {
        let key = file("prod", "lib://x/y.qvd");
        assert_eq!(
            super::parse("prod", &key).map(|p| p.partition_text().to_owned()).as_deref(),
            Some("lib://x/y.qvd")
        );
    }
}
