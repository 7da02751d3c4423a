//! How far a run is, and how long its phases took.

use std::time::{Duration, Instant};

use tracing::info;

use crate::{
    config::Settings,
    records::{now, now_text},
    report::Report,
};

/// A line about the progress is logged this often.
const EVERY: Duration = Duration::from_secs(10);

/// Logs how far the run is, now and then.
pub(crate) struct Progress {
    total: usize,
    done: usize,
    last: Instant,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        Self { total, done: 0, last: Instant::now() }
    }

    pub(crate) fn step(&mut self, report: &Report) {
        self.done += 1;
        if self.last.elapsed() >= EVERY || self.done == self.total {
            self.last = Instant::now();
            info!(
                done = self.done,
                of = self.total,
                read = report.apps_read,
                unchanged = report.apps_unchanged,
                failed = report.apps_failed.len(),
                "apps"
            );
        }
    }
}

/// A report with its times.
pub(crate) struct Clock {
    pub(crate) report: Report,
    pub(crate) started_at: i64,
    phase_start: Instant,
}

impl Clock {
    pub(crate) fn start(settings: &Settings) -> Self {
        let report = Report {
            service: settings.service.clone(),
            run_id: uuid::Uuid::now_v7().to_string(),
            started_at: now_text(),
            ..Report::default()
        };
        Self { report, started_at: now(), phase_start: Instant::now() }
    }

    pub(crate) fn phase(&mut self, name: &'static str) {
        self.report.seconds.insert(name, self.phase_start.elapsed().as_secs_f64());
        self.phase_start = Instant::now();
    }

    pub(crate) fn finish(&mut self) {
        self.report.ended_at = now_text();
    }
}
