//! What Prometheus is told at `/metrics`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use schemas::Topic;

use super::history::History;
use crate::{qlik::Site, records::now, report::Report};

/// What becomes of apps; every metric has all of its labels from the start, so that the first increase
/// counts as one.
const APP_RESULTS: [&str; 5] = ["read", "unchanged", "described", "failed", "deleted"];
const EVENT_RESULTS: [&str; 3] = ["published", "unchanged", "deleted"];
const RUN_RESULTS: [&str; 3] = ["completed", "failed", "refused"];

/// Counts of the process so far. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    site: Option<Site>,
    /// Start of the process, milliseconds since the epoch.
    started: i64,
    /// For people.
    history: History,
    /// Of runs that have ended.
    finished: Totals,
    /// Of the run that goes on.
    current: Totals,
    runs: BTreeMap<&'static str, u64>,
    /// Seconds by phase of the last run that looked at the whole site.
    seconds: BTreeMap<&'static str, f64>,
    /// Apps that the last list had and the filters let through.
    apps_seen: usize,
    /// End of the last run without an error, milliseconds since the epoch.
    last_success: Option<i64>,
    feed: Option<FeedState>,
}

/// Where the change feed is read, milliseconds since the epoch.
#[derive(Clone, Copy, Debug)]
pub(super) struct FeedState {
    /// By the server's clock: everything before it has been seen.
    pub(super) position: i64,
    /// By our clock: when the feed answered last.
    pub(super) answered: i64,
}

/// What the admin page shows of the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) history: History,
    pub(super) feed: Option<FeedState>,
    pub(super) last_success: Option<i64>,
    pub(super) started: i64,
}

#[derive(Clone, Default)]
struct Totals {
    apps: BTreeMap<&'static str, u64>,
    events: BTreeMap<(&'static str, &'static str), u64>,
}

impl Totals {
    fn of(report: &Report) -> Self {
        let apps = [
            ("read", report.apps_read),
            ("unchanged", report.apps_unchanged),
            ("described", report.apps_described),
            ("failed", report.failed_count()),
            ("deleted", report.apps_deleted),
        ];
        let mut totals = Self::default();
        for (result, count) in apps {
            totals.apps.insert(result, u64::try_from(count).unwrap_or(u64::MAX));
        }
        for (topic, counts) in &report.events {
            totals.events.insert((topic, "published"), counts.published);
            totals.events.insert((topic, "unchanged"), counts.unchanged);
            totals.events.insert((topic, "deleted"), counts.deleted);
        }
        totals
    }

    fn add(&mut self, other: &Self) {
        for (result, count) in &other.apps {
            *self.apps.entry(result).or_default() += count;
        }
        for (event, count) in &other.events {
            *self.events.entry(*event).or_default() += count;
        }
    }
}

impl Metrics {
    /// Of a process that reads this site.
    #[must_use]
    pub fn new(site: &Site) -> Self {
        let metrics = Self::default();
        metrics.inner().site = Some(site.clone());
        metrics.inner().started = now();
        metrics
    }

    /// Takes in how far the run that goes on is.
    pub(crate) fn progress(&self, report: &Report) {
        let mut inner = self.inner();
        inner.current = Totals::of(report);
        inner.history.progress(report);
    }

    /// Takes in a run that has ended.
    pub(crate) fn finished(&self, report: &Report) {
        let mut inner = self.inner();
        inner.current = Totals::default();
        inner.finished.add(&Totals::of(report));
        inner.history.finished(report);
        let result = match (&report.error, &report.deletions_refused) {
            (Some(_), _) => "failed",
            (None, Some(_)) => "refused",
            (None, None) => "completed",
        };
        *inner.runs.entry(result).or_default() += 1;
        if report.error.is_none() {
            inner.last_success = Some(now());
        }
        // A run over a few apps of the change feed says nothing of how long the site takes.
        if report.seconds.contains_key("list") {
            inner.seconds.clone_from(&report.seconds);
            inner.apps_seen = report.apps_seen;
        }
    }

    /// Counts a run that could not even begin.
    pub(crate) fn not_begun(&self, error: String) {
        let mut inner = self.inner();
        *inner.runs.entry("failed").or_default() += 1;
        inner.history.not_begun(error);
    }

    /// Takes in where the change feed is read; `None` when it is not.
    pub(crate) fn feed(&self, position: Option<i64>) {
        self.inner().feed = position.map(|position| FeedState { position, answered: now() });
    }

    /// For the admin page.
    pub(super) fn seen(&self) -> Seen {
        let inner = self.inner();
        Seen {
            history: inner.history.clone(),
            feed: inner.feed,
            last_success: inner.last_success,
            started: inner.started,
        }
    }

    /// Prometheus' text format.
    #[must_use]
    pub fn exposition(&self) -> String {
        let inner = self.inner();
        let mut all = inner.finished.clone();
        all.add(&inner.current);
        let mut text = Exposition::default();
        text.head("extractor_apps_total", "counter", "Apps looked at, by what became of them.");
        for result in APP_RESULTS {
            let count = all.apps.get(result).copied().unwrap_or_default();
            text.line(&format!("extractor_apps_total{{result=\"{result}\"}} {count}"));
        }
        text.head("extractor_events_total", "counter", "Events, by topic and what became of them.");
        for topic in Topic::STATE.map(Topic::suffix) {
            for result in EVENT_RESULTS {
                let count = all.events.get(&(topic, result)).copied().unwrap_or_default();
                text.line(&format!(
                    "extractor_events_total{{topic=\"{topic}\",result=\"{result}\"}} {count}"
                ));
            }
        }
        text.head("extractor_runs_total", "counter", "Runs that ended, by how.");
        for result in RUN_RESULTS {
            let count = inner.runs.get(result).copied().unwrap_or_default();
            text.line(&format!("extractor_runs_total{{result=\"{result}\"}} {count}"));
        }
        text.head(
            "extractor_apps_seen",
            "gauge",
            "Apps of the last list that the filters let through.",
        );
        text.line(&format!("extractor_apps_seen {}", inner.apps_seen));
        text.head(
            "extractor_run_seconds",
            "gauge",
            "Duration of the last run over the whole site, by phase.",
        );
        for (phase, seconds) in &inner.seconds {
            text.line(&format!("extractor_run_seconds{{phase=\"{phase}\"}} {seconds}"));
        }
        text.head("extractor_start_timestamp_seconds", "gauge", "Start of the process.");
        text.line(&format!("extractor_start_timestamp_seconds {}", inner.started / 1000));
        if let Some(time) = inner.last_success {
            text.head(
                "extractor_last_success_timestamp_seconds",
                "gauge",
                "End of the last run without an error.",
            );
            text.line(&format!("extractor_last_success_timestamp_seconds {}", time / 1000));
        }
        if let Some(feed) = inner.feed {
            text.head(
                "extractor_feed_position_timestamp_seconds",
                "gauge",
                "Time, by the repository's clock, up to which its change feed has been read.",
            );
            text.line(&format!(
                "extractor_feed_position_timestamp_seconds {}",
                feed.position / 1000
            ));
            text.head(
                "extractor_feed_lag_seconds",
                "gauge",
                "Time since the change feed answered last.",
            );
            let lag = now().saturating_sub(feed.answered).max(0) / 1000;
            text.line(&format!("extractor_feed_lag_seconds {lag}"));
        }
        if let Some(site) = &inner.site {
            text.of_site(site);
        }
        text.0
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(&format!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: &str) {
        // Writing to a string cannot fail.
        writeln!(self.0, "{line}").ok();
    }

    fn of_site(&mut self, site: &Site) {
        let requests = site.requests();
        self.head("extractor_requests_total", "counter", "Requests to the site, by whom they ask.");
        for (target, count) in [
            ("engine", requests.engine),
            ("repository", requests.repository),
            ("rest", requests.rest),
        ] {
            self.line(&format!("extractor_requests_total{{target=\"{target}\"}} {count}"));
        }
        self.head("extractor_sessions_total", "counter", "Engine sessions opened.");
        self.line(&format!("extractor_sessions_total {}", requests.sessions));
        self.head("extractor_open_sessions", "gauge", "Engine sessions that are open.");
        self.line(&format!("extractor_open_sessions {}", site.open_sessions()));
        self.head(
            "extractor_sessions_allowed",
            "gauge",
            "Engine sessions at a time: fewer than configured after the site refused one.",
        );
        self.line(&format!("extractor_sessions_allowed {}", site.sessions_allowed()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut report = Report { apps_read: 2, apps_seen: 3, ..Report::default() };
        report.counts(Topic::Charts).published = 5;
        report.seconds.insert("list", 0.5);
        report
    }

    fn check(metrics: &Metrics, line: &str) {
        let text = metrics.exposition();
        assert!(text.lines().any(|found| found == line), "{line} is missing in\n{text}");
    }

    #[test]
    fn runs_add_up_and_the_one_that_goes_on_counts() {
        let metrics = Metrics::default();
        metrics.progress(&report());
        check(&metrics, "extractor_apps_total{result=\"read\"} 2");
        metrics.finished(&report());
        check(&metrics, "extractor_apps_total{result=\"read\"} 2");
        metrics.progress(&report());
        check(&metrics, "extractor_apps_total{result=\"read\"} 4");
        check(&metrics, "extractor_events_total{topic=\"charts\",result=\"published\"} 10");
        check(&metrics, "extractor_runs_total{result=\"completed\"} 1");
        check(&metrics, "extractor_run_seconds{phase=\"list\"} 0.5");
        check(&metrics, "extractor_apps_seen 3");
    }

    #[test]
    fn a_failed_run_is_no_success() {
        let metrics = Metrics::default();
        metrics.finished(&Report { error: Some("x".into()), ..report() });
        check(&metrics, "extractor_runs_total{result=\"failed\"} 1");
        assert!(!metrics.exposition().contains("last_success"));
    }

    #[test]
    fn the_feed_shows_while_it_is_read() {
        let metrics = Metrics::default();
        assert!(!metrics.exposition().contains("extractor_feed"));
        metrics.feed(Some(7_000));
        check(&metrics, "extractor_feed_position_timestamp_seconds 7");
        metrics.feed(None);
        assert!(!metrics.exposition().contains("extractor_feed"));
    }
}
