//! The report of a run: a table for people, JSON for scripts (`--report FILE`).

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use schemas::{
    Topic,
    event::{EventCount, FailedApp},
};
use serde::Serialize;

pub use crate::cross_check::CrossCheck;
use crate::{map::Coverage, qlik::Requests};

/// Failed apps in a run event; the report has more of them.
const MAX_FAILED_IN_EVENT: usize = 500;
/// Characters of a reason in a run event.
const MAX_REASON_IN_EVENT: usize = 500;
/// Failed apps in a report; the rest is counted. With [`MAX_TEXT`] it bounds the memory of a run.
const MAX_FAILED: usize = 5_000;
/// Notices in a report, of all apps together; the rest is counted.
const MAX_NOTICES: usize = 10_000;
/// References to sources that are not resolved, in a report, of all apps together.
const MAX_OPEN_REFERENCES: usize = 10_000;
/// Characters of a reason or a notice in a report.
const MAX_TEXT: usize = 1_000;
/// Failed apps in the table for people.
const MAX_FAILED_IN_TABLE: usize = 20;

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
    /// Seconds by phase: `state` (reading the topics while the apps are listed), `list` (what is left of listing), `apps` (reading them),
    /// `deletions`, `total`.
    pub seconds: BTreeMap<&'static str, f64>,
    /// Apps on the site that the user sees.
    pub apps_listed: usize,
    /// Of those, apps that the filters let through.
    pub apps_seen: usize,
    /// Apps opened and read whole.
    pub apps_read: usize,
    /// Apps not opened because nothing moved.
    pub apps_unchanged: usize,
    /// Apps not opened, whose event was written again with another title, stream, owner, tag or custom
    /// property.
    pub apps_described: usize,
    /// Apps that are gone.
    pub apps_deleted: usize,
    /// Apps that could not be read, the first 5,000.
    pub apps_failed: Vec<Failed>,
    /// Further ones.
    pub apps_failed_left_out: usize,
    /// Events by topic.
    pub events: BTreeMap<&'static str, Counts>,
    /// Whether the site's list was read whole.
    pub list_complete: bool,
    /// Whether the change feed told what the run is about.
    #[serde(skip)]
    pub(crate) by_feed: bool,
    /// Deletions that were refused because too many apps would vanish.
    pub deletions_refused: Option<String>,
    /// What was left out or guessed, by app; the empty key is the site. The first 10,000.
    pub notices: BTreeMap<String, Vec<String>>,
    /// Further ones.
    pub notices_left_out: usize,
    #[serde(skip)]
    pub(crate) notices_kept: usize,
    /// References to sources in the scripts of the apps that were read, in total.
    pub coverage: Coverage,
    /// The same by app, of apps whose script has any.
    pub coverage_by_app: BTreeMap<String, Coverage>,
    /// Expressions that were compared with what the engine says (`extractor.checkExpressions`).
    pub expressions: CrossCheck,
    #[serde(skip)]
    pub(crate) open_references_kept: usize,
    /// Requests to the site.
    pub requests: Requests,
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
        for notice in notices {
            if self.notices_kept >= MAX_NOTICES {
                self.notices_left_out += 1;
                continue;
            }
            self.notices_kept += 1;
            self.notices.entry(app_id.to_owned()).or_default().push(cut(notice));
        }
    }

    /// Adds what became of the references of an app's script.
    pub fn cover(&mut self, app_id: &str, coverage: Option<Coverage>) {
        let Some(mut coverage) = coverage.filter(|coverage| coverage.references > 0) else {
            return;
        };
        self.coverage.add(&coverage);
        coverage.open.truncate(MAX_OPEN_REFERENCES.saturating_sub(self.open_references_kept));
        self.open_references_kept += coverage.open.len();
        self.coverage_by_app.insert(app_id.to_owned(), coverage);
    }

    /// Adds an app that could not be read.
    pub fn fail(&mut self, failed: Failed) {
        if self.apps_failed.len() < MAX_FAILED {
            self.apps_failed.push(Failed { reason: cut(failed.reason), ..failed });
        } else {
            self.apps_failed_left_out += 1;
        }
    }

    /// Apps that could not be read.
    #[must_use]
    pub fn failed_count(&self) -> usize {
        self.apps_failed.len() + self.apps_failed_left_out
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
            reason: failed.reason.chars().take(MAX_REASON_IN_EVENT).collect(),
        });
        failed.collect()
    }

    /// For people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "apps: {} listed, {} seen, {} read, {} unchanged, {} described anew, {} deleted, {} failed\n{:<12}{:>10}{:>11}{:>9}\n",
            self.apps_listed,
            self.apps_seen,
            self.apps_read,
            self.apps_unchanged,
            self.apps_described,
            self.apps_deleted,
            self.failed_count(),
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
        let CrossCheck { checked, differing } = self.expressions;
        if checked > 0 {
            writeln!(text, "expressions: {checked} checked with the engine, {differing} differ")
                .ok();
        }
        let seconds = self.seconds.iter().map(|(phase, seconds)| format!("{phase} {seconds:.1}"));
        let seconds: Vec<_> = seconds.collect();
        if !seconds.is_empty() {
            writeln!(text, "seconds: {}", seconds.join(", ")).ok();
        }
        let Requests { engine, repository, rest, sessions } = self.requests;
        writeln!(
            text,
            "requests: {engine} engine, {repository} repository, {rest} REST; {sessions} sessions"
        )
        .ok();
        for Failed { app_id, title, reason } in self.apps_failed.iter().take(MAX_FAILED_IN_TABLE) {
            writeln!(text, "failed: {title} ({app_id}): {reason}").ok();
        }
        if let Some(more) =
            self.failed_count().checked_sub(MAX_FAILED_IN_TABLE).filter(|it| *it > 0)
        {
            writeln!(text, "failed: {more} more apps; `--report FILE` lists them").ok();
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

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some(_) => text.chars().take(MAX_TEXT).chain(['…']).collect(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded_and_the_rest_is_counted() {
        let mut report = Report::default();
        for number in 0..MAX_NOTICES + 7 {
            report.notice(&(number % 3).to_string(), ["x".repeat(2 * MAX_TEXT)]);
        }
        for number in 0..MAX_FAILED + 3 {
            let app_id = number.to_string();
            report.fail(Failed { app_id, title: "t".into(), reason: "y".repeat(2 * MAX_TEXT) });
        }
        assert_eq!(report.notices.values().map(Vec::len).sum::<usize>(), MAX_NOTICES);
        assert_eq!(report.notices_left_out, 7);
        assert!(report.notices.values().flatten().all(|text| text.chars().count() == MAX_TEXT + 1));
        assert_eq!((report.apps_failed.len(), report.apps_failed_left_out), (MAX_FAILED, 3));
        assert_eq!(report.failed_count(), MAX_FAILED + 3);
        assert_eq!(report.failed_apps().len(), MAX_FAILED_IN_EVENT);
        let table = report.table();
        assert_eq!(table.lines().filter(|line| line.starts_with("failed:")).count(), 21, "{table}");
    }

    #[test]
    fn short_texts_stay_whole() {
        let mut report = Report::default();
        report.notice("a", ["ä".repeat(MAX_TEXT)]);
        assert_eq!(report.notices["a"], ["ä".repeat(MAX_TEXT)]);
    }

    #[test]
    fn phases_and_requests_are_shown() {
        let mut report = Report::default();
        report.seconds.insert("list", 1.25);
        report.requests = Requests { engine: 12, repository: 3, rest: 4, sessions: 5 };
        report.expressions = CrossCheck { checked: 3, differing: 1 };
        let table = report.table();
        assert!(table.contains("expressions: 3 checked with the engine, 1 differ"), "{table}");
        assert!(table.contains("seconds: list 1.2"), "{table}");
        assert!(table.contains("12 engine, 3 repository, 4 REST; 5 sessions"), "{table}");
    }
}
