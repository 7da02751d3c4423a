//! What a command did: counted while it goes on, written as JSON at its end (`--report FILE`).

mod tally;

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use schemas::Topic;
use serde::Serialize;

pub use self::tally::Tally;
use crate::sink::{Figures, Stage};

/// The JSON of `--report`, with these names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// `run`, `replay`, `reconcile`, `unresolved` or `dead-letters retry`.
    pub command: String,
    /// Site.
    pub service: String,
    /// Start, RFC 3339.
    pub started_at: String,
    /// End, RFC 3339.
    pub ended_at: String,
    /// `complete` (everything there was is done), `stopped` (by a signal) or `failed`.
    pub ended: &'static str,
    /// Why it failed.
    pub error: Option<String>,
    /// Exit code of the process.
    pub exit_code: u8,
    /// Events by topic.
    pub events: BTreeMap<&'static str, Counts>,
    /// Seconds that the sink took, by stage.
    pub seconds: BTreeMap<&'static str, f64>,
    /// What the catalogue was asked.
    pub catalogue: Figures,
    /// Records of each topic that were not read yet, as last known; metrics only.
    #[serde(skip)]
    pub lag: BTreeMap<&'static str, u64>,
    /// How far each partition was read and finished.
    pub partitions: Vec<Partition>,
    /// Events that still waited at the end (they will be read again), the first 1000.
    pub waiting: Vec<Entry>,
    /// Events that went to the dead letters, the first 1000.
    pub dead: Vec<Entry>,
    /// Edges whose table is not in the catalogue, the first 1000.
    pub unresolved: Vec<Entry>,
    /// `reconcile` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconciled: Option<Reconciled>,
}

/// What `reconcile` found in the catalogue.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reconciled {
    /// Whether it only looked: nothing is removed, and what the topics hold is read but not compared with
    /// the catalogue.
    pub dry_run: bool,
    /// Entities of the service.
    pub entities: usize,
    /// Events that the edges of a loader around them hold: several may speak of one edge.
    pub edges: usize,
    /// Those of both that no topic knows, in the order of their removal.
    pub strays: Vec<serde_json::Value>,
    /// How many of these were removed.
    pub removed: usize,
    /// Why they were not.
    pub refused: Option<String>,
}

impl Reconciled {
    /// What a dry run found. Counts by topic would say of every event that it changes nothing.
    fn describe_dry_run(&self, read: u64, text: &mut String) {
        let Self { entities, edges, strays, refused, .. } = self;
        let found = strays.len();
        // Writing to a string cannot fail.
        writeln!(text, "dry run: nothing was written; {read} records of the topics were read").ok();
        writeln!(
            text,
            "would remove: {found} of {entities} entities and {edges} edges in the catalogue, which are in no topic"
        )
        .ok();
        writeln!(
            text,
            "would load: not compared; `loader replay --from beginning --dry-run` lists it"
        )
        .ok();
        if let Some(refused) = refused {
            writeln!(text, "would be refused: {refused}").ok();
        }
    }
}

/// Events of one topic. Every event read is counted once among the others, but for those whose version
/// was replaced by a newer one before it was applied (`superseded`), those left for the next time, and
/// those that a dry run of `reconcile` does not compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records read.
    pub read: u64,
    /// New entities or edges.
    pub created: u64,
    /// Changed ones.
    pub updated: u64,
    /// Nothing to write.
    pub unchanged: u64,
    /// Values that stayed although Qlik says something else, because a person edited them; edges that
    /// somebody else drew. Their events are among the others.
    pub kept: u64,
    /// Removed ones, or not there any more.
    pub deleted: u64,
    /// Edges whose table is not in the catalogue.
    pub unresolved: u64,
    /// Waiting at the end for what they refer to.
    pub waiting: u64,
    /// Gone to the dead letters.
    pub dead: u64,
    /// Of other services, or not asked for (`replay --key`).
    pub skipped: u64,
    /// Replaced by a newer version before they were applied.
    pub superseded: u64,
}

impl Counts {
    /// All counts with their names, in the order in which people read them.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 11] {
        [
            ("read", self.read),
            ("created", self.created),
            ("updated", self.updated),
            ("unchanged", self.unchanged),
            ("kept", self.kept),
            ("deleted", self.deleted),
            ("unresolved", self.unresolved),
            ("waiting", self.waiting),
            ("dead", self.dead),
            ("skipped", self.skipped),
            ("superseded", self.superseded),
        ]
    }
}

/// One event of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Topic, without its prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// Key.
    pub key: String,
    /// Where it failed, in the list of dead letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stage: Option<&'static str>,
    /// Why.
    pub reason: String,
}

/// How far a partition was read and finished.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Topic, without its prefix.
    pub topic: &'static str,
    /// Partition.
    pub partition: i32,
    /// First offset read; `null` when nothing was.
    pub first: Option<i64>,
    /// Every record before this offset is finished.
    pub next: Option<i64>,
    /// Records read and not finished.
    pub unfinished: usize,
}

impl Report {
    /// Counts of all topics together.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.events.values().fold(Counts::default(), |sum, counts| Counts {
            read: sum.read + counts.read,
            created: sum.created + counts.created,
            updated: sum.updated + counts.updated,
            unchanged: sum.unchanged + counts.unchanged,
            kept: sum.kept + counts.kept,
            deleted: sum.deleted + counts.deleted,
            unresolved: sum.unresolved + counts.unresolved,
            waiting: sum.waiting + counts.waiting,
            dead: sum.dead + counts.dead,
            skipped: sum.skipped + counts.skipped,
            superseded: sum.superseded + counts.superseded,
        })
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = String::new();
        if let Some(found) = self.reconciled.as_ref().filter(|found| found.dry_run) {
            found.describe_dry_run(self.total().read, &mut text);
            return text;
        }
        let mut line = |first: &str, cells: [String; 11]| {
            // Writing to a string cannot fail.
            write!(text, "{first:<11}").ok();
            for cell in cells {
                write!(text, "{cell:>11}").ok();
            }
            text.push('\n');
        };
        line("events", Counts::default().named().map(|(name, _)| name.to_owned()));
        for topic in Topic::STATE {
            let counts = self.events.get(topic.suffix()).copied().unwrap_or_default();
            line(topic.suffix(), counts.named().map(|(_, count)| count.to_string()));
        }
        for Entry { topic, key, reason, .. } in &self.dead {
            writeln!(text, "dead: {topic} {key}: {reason}").ok();
        }
        if let Some(Reconciled { entities, edges, strays, removed, refused, .. }) = &self.reconciled
        {
            let found = strays.len();
            writeln!(text, "{entities} entities and {edges} edges, {found} of them in no topic, {removed} removed")
                .ok();
            if let Some(refused) = refused {
                writeln!(text, "refused: {refused}").ok();
            }
        }
        if let Some(error) = &self.error {
            writeln!(text, "failed: {error}").ok();
        }
        text
    }

    /// Writes the JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        std::fs::write(path, text + "\n")
    }
}

/// Now, in RFC 3339.
pub(crate) fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}

/// Name of a stage in reports, metrics and dead letters.
#[must_use]
pub fn stage_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Assets => "assets",
        Stage::Dashboards => "dashboards",
        Stage::Lineage => "lineage",
        Stage::DeleteLineage => "delete-lineage",
        Stage::DeleteDashboards => "delete-dashboards",
        Stage::DeleteAssets => "delete-assets",
    }
}
