use serde::{Deserialize, Serialize};

use super::Millis;

/// Start or end of an extractor run. Schema `avro/run.avsc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/run.avsc")]
pub struct Run {
    pub service: String,
    pub observed_at: Millis,
    pub phase: Phase,
    pub run_id: String,
    pub started_at: Millis,
    pub ended_at: Option<Millis>,
    pub extractor_version: String,
    pub apps_seen: i64,
    pub apps_read: i64,
    pub apps_unchanged: i64,
    pub apps_deleted: i64,
    pub apps_failed: Vec<FailedApp>,
    pub events: Vec<EventCount>,
    pub list_complete: bool,
    pub error: Option<String>,
}

/// Phase of a run. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/run.avsc")]
pub enum Phase {
    #[default]
    Started,
    Completed,
    Failed,
}

impl Phase {
    /// Lower-case name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Number of events of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/run.avsc")]
pub struct EventCount {
    pub topic: String,
    pub published: i64,
    pub unchanged: i64,
    pub deleted: i64,
}

/// An app that could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/run.avsc")]
pub struct FailedApp {
    pub app_id: String,
    pub reason: String,
}
