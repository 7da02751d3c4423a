//! How far a run is, and how long its phases took: a bar on a terminal, log lines otherwise.

use std::{
    io::{self, Write},
    sync::LazyLock,
    time::{Duration, Instant},
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing::{Span, field, info, info_span};

use crate::{
    config::Settings,
    qlik::{Requests, Site},
    records::{now, now_text},
    report::Report,
};

/// A line about the progress is logged this often where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Where bars are drawn: standard error, nowhere when it is no terminal.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Draws no bar from now on: whoever reads the log reads JSON.
pub(crate) fn never_draw() {
    BARS.set_draw_target(ProgressDrawTarget::hidden());
}

/// Standard error for whole lines; a bar is taken away for the moment and drawn again below them.
pub(crate) struct AboveBar;

impl Write for AboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write_all(bytes)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Shows how far the run is.
pub(crate) struct Progress {
    total: usize,
    done: usize,
    last: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(total: usize) -> Self {
        let bar = (!BARS.is_hidden() && total > 0).then(|| {
            let length = u64::try_from(total).unwrap_or(u64::MAX);
            let template = "{bar:30} {pos}/{len} apps, {msg}, {elapsed} (about {eta} left)";
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            BARS.add(ProgressBar::new(length).with_style(style))
        });
        Self { total, done: 0, last: Instant::now(), bar }
    }

    pub(crate) fn step(&mut self, report: &Report) {
        self.done += 1;
        if let Some(bar) = &self.bar {
            bar.set_message(format!(
                "{} read, {} unchanged, {} failed",
                report.apps_read,
                report.apps_unchanged + report.apps_described,
                report.failed_count()
            ));
            bar.inc(1);
        } else if self.last.elapsed() >= EVERY || self.done == self.total {
            self.last = Instant::now();
            info!(
                done = self.done,
                of = self.total,
                read = report.apps_read,
                unchanged = report.apps_unchanged,
                described = report.apps_described,
                failed = report.failed_count(),
                "apps"
            );
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            BARS.remove(bar);
        }
    }
}

/// A report with its times and the requests of its run.
pub(crate) struct Clock {
    pub(crate) report: Report,
    /// For everything that the run does.
    pub(crate) span: Span,
    pub(crate) started_at: i64,
    start: Instant,
    phase_start: Instant,
    site: Site,
    before: Requests,
}

impl Clock {
    pub(crate) fn start(settings: &Settings, site: &Site) -> Self {
        let report = Report {
            service: settings.service.clone(),
            run_id: uuid::Uuid::now_v7().to_string(),
            started_at: now_text(),
            ..Report::default()
        };
        let start = Instant::now();
        let (site, before) = (site.clone(), site.requests());
        let (run_id, service) = (&report.run_id, &report.service);
        let span = info_span!("run", run_id, service, by_feed = field::Empty);
        Self { report, span, started_at: now(), start, phase_start: start, site, before }
    }

    pub(crate) fn phase(&mut self, name: &'static str) {
        self.report.seconds.insert(name, self.phase_start.elapsed().as_secs_f64());
        self.phase_start = Instant::now();
    }

    pub(crate) fn finish(&mut self) {
        self.report.ended_at = now_text();
        self.report.seconds.insert("total", self.start.elapsed().as_secs_f64());
        self.report.requests = self.site.requests().since(self.before);
    }
}
