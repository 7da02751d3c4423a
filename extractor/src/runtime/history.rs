//! The run that goes on and the last ones, for people. Bounded, whatever happens. Pure.

use std::collections::VecDeque;

use crate::report::{Failed, Report};

/// Runs of each kind that are kept: handfuls of changes must not push out the runs over the whole site.
const MAX_RUNS: usize = 20;
/// Failed apps of a run that are kept; the report has more.
const MAX_FAILED: usize = 20;

/// Runs, the newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    pub(super) current: Option<Row>,
    /// Over the whole site.
    pub(super) whole: VecDeque<Row>,
    /// Over what the change feed told.
    pub(super) changes: VecDeque<Row>,
}

/// A run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) run_id: String,
    /// RFC 3339.
    pub(super) started_at: String,
    pub(super) by_feed: bool,
    /// `None` while it goes on.
    pub(super) seconds: Option<f64>,
    pub(super) seen: usize,
    pub(super) read: usize,
    pub(super) unchanged: usize,
    pub(super) described: usize,
    pub(super) deleted: usize,
    pub(super) failed_count: usize,
    pub(super) published: u64,
    pub(super) tombstones: u64,
    pub(super) list_complete: bool,
    pub(super) refused: Option<String>,
    pub(super) error: Option<String>,
    /// The first of them.
    pub(super) failed: Vec<Failed>,
}

impl Row {
    /// Takes in how far the run is. Called for every app, so what is known is not copied again.
    fn update(&mut self, report: &Report) {
        self.seen = report.apps_seen;
        self.read = report.apps_read;
        self.unchanged = report.apps_unchanged;
        self.described = report.apps_described;
        self.deleted = report.apps_deleted;
        self.failed_count = report.failed_count();
        self.published = report.events.values().map(|counts| counts.published).sum();
        self.tombstones = report.events.values().map(|counts| counts.deleted).sum();
        self.list_complete = report.list_complete;
        let new = report.apps_failed.iter().take(MAX_FAILED).skip(self.failed.len());
        self.failed.extend(new.cloned());
    }

    /// Apps that are dealt with.
    pub(super) fn done(&self) -> usize {
        self.read + self.unchanged + self.described + self.failed_count
    }
}

impl History {
    pub(super) fn progress(&mut self, report: &Report) {
        let current = match &mut self.current {
            Some(current) if current.run_id == report.run_id => current,
            other => other.insert(Row {
                run_id: report.run_id.clone(),
                started_at: report.started_at.clone(),
                by_feed: report.by_feed,
                ..Row::default()
            }),
        };
        current.update(report);
    }

    pub(super) fn finished(&mut self, report: &Report) {
        self.progress(report);
        let Some(mut row) = self.current.take() else { return };
        row.seconds = Some(report.seconds.get("total").copied().unwrap_or_default());
        row.refused.clone_from(&report.deletions_refused);
        row.error.clone_from(&report.error);
        self.add(row);
    }

    /// A run that could not begin.
    pub(super) fn not_begun(&mut self, error: String) {
        let row = self.current.take().unwrap_or_default();
        self.add(Row { error: Some(error), ..row });
    }

    /// Adds a run that is over.
    fn add(&mut self, row: Row) {
        let rows = if row.by_feed { &mut self.changes } else { &mut self.whole };
        rows.push_front(row);
        rows.truncate(MAX_RUNS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(id: usize, by_feed: bool) -> Report {
        Report { run_id: format!("run {id}"), by_feed, apps_seen: 100, ..Report::default() }
    }

    #[test]
    fn a_run_goes_on_and_is_over() {
        let mut history = History::default();
        let mut report = report(1, false);
        history.progress(&report);
        for number in 0..50 {
            report.fail(Failed {
                app_id: number.to_string(),
                title: "t".into(),
                reason: "r".into(),
            });
            history.progress(&report);
        }
        let current = history.current.as_ref().expect("it goes on");
        assert_eq!((current.done(), current.failed.len()), (50, MAX_FAILED));
        assert_eq!(current.failed[7].app_id, "7");
        report.error = Some("why".into());
        report.seconds.insert("total", 2.5);
        history.finished(&report);
        assert_eq!(history.current, None);
        assert_eq!(history.whole[0].error.as_deref(), Some("why"));
        assert_eq!(history.whole[0].seconds, Some(2.5));
    }

    #[test]
    fn changes_do_not_push_out_runs_over_the_whole_site() {
        let mut history = History::default();
        history.finished(&report(0, false));
        (1..100).for_each(|id| history.finished(&report(id, true)));
        assert_eq!((history.whole.len(), history.changes.len()), (1, MAX_RUNS));
        assert_eq!(history.changes[0].run_id, "run 99");
        history.progress(&report(100, false));
        history.not_begun("no broker".into());
        assert_eq!(history.whole[0].error.as_deref(), Some("no broker"));
        assert_eq!((&*history.whole[0].run_id, &history.current), ("run 100", &None));
    }
}
