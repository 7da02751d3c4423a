//! The report of a run: a table for people, JSON for scripts (`--report FILE`).

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use schemas::{
    Topic,
    event::{EventCount, FailedApp},
};
use serde::Serialize;

use crate::map::Coverage;

/// Failed apps in a run event; the report has all of them.
const MAX_FAILED_IN_EVENT: usize = 500;
/// Characters of a reason in a run event.
const MAX_REASON: usize = 500;

/// What a run did. The JSON of `--report` is this, with these names.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Site.
    pub service: String,
    /// Run, as in the header `run-id`.
    pub run_id: String,
    /// Start, RFC 3339.
    pub started_at: String,
    /// End, RFC 3339.
    pub ended_at: String,
    /// Seconds by phase: reading the topics, listing the apps, reading them, deleting.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Apps on the site that the user sees.
    pub apps_listed: usize,
    /// Of those, apps that the filters let through.
    pub apps_seen: usize,
    /// Apps opened and read whole.
    pub apps_read: usize,
    /// Apps not opened because nothing moved.
    pub apps_unchanged: usize,
    /// Apps that are gone.
    pub apps_deleted: usize,
    /// Apps that could not be read.
    pub apps_failed: Vec<Failed>,
    /// Events by topic.
    pub events: BTreeMap<&'static str, Counts>,
    /// Whether the site's list was read whole.
    pub list_complete: bool,
    /// Deletions that were refused because too many apps would vanish.
    pub deletions_refused: Option<String>,
    /// What was left out or guessed, by app; the empty key is the site.
    pub notices: BTreeMap<String, Vec<String>>,
    /// References to sources in the scripts of the apps that were read, in total.
    pub coverage: Coverage,
    /// The same by app, of apps whose script has any.
    pub coverage_by_app: BTreeMap<String, Coverage>,
    /// Why the run as a whole failed.
    pub error: Option<String>,
}

/// An app that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Id.
    pub app_id: String,
    /// Name.
    pub title: String,
    /// Why.
    pub reason: String,
}

/// Events of one topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Written because new or changed.
    pub published: u64,
    /// Not written because equal to what the topic holds.
    pub unchanged: u64,
    /// Tombstones.
    pub deleted: u64,
}

impl Report {
    /// Counts of a topic.
    pub fn counts(&mut self, topic: Topic) -> &mut Counts {
        self.events.entry(topic.suffix()).or_default()
    }

    /// Adds notices of an app (or of the site, with an empty id).
    pub fn notice(&mut self, app_id: &str, notices: impl IntoIterator<Item = String>) {
        let mut notices = notices.into_iter().peekable();
        if notices.peek().is_some() {
            self.notices.entry(app_id.to_owned()).or_default().extend(notices);
        }
    }

    /// Adds what became of the references of an app's script.
    pub fn cover(&mut self, app_id: &str, coverage: Option<Coverage>) {
        let Some(coverage) = coverage.filter(|coverage| coverage.references > 0) else { return };
        self.coverage.add(&coverage);
        self.coverage_by_app.insert(app_id.to_owned(), coverage);
    }

    /// Exit code of the run: 0 complete, 1 something failed, 4 a guard refused.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (&self.error, &self.deletions_refused) {
            (Some(_), _) => 1,
            (None, Some(_)) => 4,
            (None, None) => u8::from(!self.apps_failed.is_empty()),
        }
    }

    /// Counts for the run event.
    #[must_use]
    pub fn event_counts(&self) -> Vec<EventCount> {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let counts = self.events.iter().map(|(topic, counts)| EventCount {
            topic: (*topic).to_owned(),
            published: signed(counts.published),
            unchanged: signed(counts.unchanged),
            deleted: signed(counts.deleted),
        });
        counts.collect()
    }

    /// Failed apps for the run event, the first 500, reasons cut: a record must not
    /// outgrow what brokers take.
    #[must_use]
    pub fn failed_apps(&self) -> Vec<FailedApp> {
        let failed = self.apps_failed.iter().take(MAX_FAILED_IN_EVENT).map(|failed| FailedApp {
            app_id: failed.app_id.clone(),
            reason: failed.reason.chars().take(MAX_REASON).collect(),
        });
        failed.collect()
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "apps: {} listed, {} seen, {} read, {} unchanged, {} deleted, {} failed\n{:<12}{:>10}{:>11}{:>9}\n",
            self.apps_listed,
            self.apps_seen,
            self.apps_read,
            self.apps_unchanged,
            self.apps_deleted,
            self.apps_failed.len(),
            "events",
            "published",
            "unchanged",
            "deleted",
        );
        for topic in Topic::STATE {
            let counts = self.events.get(topic.suffix()).copied().unwrap_or_default();
            // Writing to a string cannot fail.
            writeln!(
                text,
                "{:<12}{:>10}{:>11}{:>9}",
                topic.suffix(),
                counts.published,
                counts.unchanged,
                counts.deleted
            )
            .ok();
        }
        let coverage = &self.coverage;
        if coverage.references > 0 {
            writeln!(
                text,
                "sources in scripts: {} references, {} resolved, {} ambiguous, {} unresolved, {} need none",
                coverage.references,
                coverage.resolved,
                coverage.ambiguous,
                coverage.unresolved,
                coverage.not_needed
            )
            .ok();
        }
        for Failed { app_id, title, reason } in &self.apps_failed {
            writeln!(text, "failed: {title} ({app_id}): {reason}").ok();
        }
        if let Some(reason) = &self.deletions_refused {
            writeln!(text, "deletions refused: {reason}").ok();
        }
        if let Some(error) = &self.error {
            writeln!(text, "the run failed: {error}").ok();
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
