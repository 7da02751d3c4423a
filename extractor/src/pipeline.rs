//! One run, top to bottom: topics and state → list of apps → each app read, compared, published, its
//! dashboard event last → vanished apps → report. What cannot be read is reported and stays as it is.

mod deletions;
mod outage;
mod outcome;
mod plan;

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use schemas::{
    Topic,
    config::Kafka,
    event::{Phase, Run},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, field, info, info_span, warn};

use crate::{
    app::{self, VERSION},
    config::Settings,
    error_chain, files, kafka,
    map::AppNames,
    progress::{Clock, Progress},
    qlik::{
        self, AppError, Site,
        model::{AppEntry, AppList},
    },
    records::now,
    report::{Failed, Report},
    runtime::metrics::Metrics,
    scripts::Surroundings,
    state::{AppState, State},
    topics::Topics,
    writer::Writer,
};

pub use self::plan::plan;
pub(crate) use self::{deletions::refusal, outcome::is_current};
use self::{
    outage::Outage,
    outcome::{Outcome, count},
};

/// Records of data files that are compared and written at a time.
const FILES_AT_ONCE: usize = 5000;

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Kafka or the schema registry.
    #[error(transparent)]
    Kafka(#[from] kafka::Error),
    /// The Qlik site.
    #[error(transparent)]
    Site(#[from] qlik::Error),
    /// An app could not be read for a reason that concerns the whole site.
    #[error(transparent)]
    App(#[from] AppError),
    /// App after app failed.
    #[error(
        "the site has not worked for {seconds} s (`extractor.outageTimeout`): {apps} apps one after the other could not be read, the last one: {reason}; the run is given up, and the next one goes on where it ended"
    )]
    Outage {
        /// How many.
        apps: usize,
        /// For how long.
        seconds: u64,
        /// Why the last one failed.
        reason: String,
    },
    /// Standard output.
    #[error("failed to write to standard output")]
    Output(#[from] std::io::Error),
}

/// What a run may do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Open every app.
    pub full: bool,
    /// Delete whatever the share.
    pub allow_deletions: bool,
    /// Apps are named by the change feed, which names some that the user may not open.
    pub(crate) by_feed: bool,
}

/// What a run is about.
pub(crate) enum Work {
    /// Every app of the site, which may have been listed already.
    Site(Mode, Option<Result<AppList, qlik::Error>>),
    /// Apps that changed or are gone, as the change feed told.
    Changed(Changed),
}

/// Apps of the change feed.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    /// Apps to look at.
    pub(crate) apps: Vec<AppEntry>,
    /// Ids of apps that are certainly gone.
    pub(crate) gone: Vec<String>,
    /// Why other apps that are gone are not deleted now.
    pub(crate) refused: Option<String>,
}

/// Runs once against Kafka.
///
/// # Errors
/// When Kafka or the site cannot be used at all; everything smaller is in the report.
pub async fn run(
    settings: &Settings,
    kafka: &Kafka,
    site: &Site,
    mode: Mode,
    metrics: &Metrics,
    cancel: &CancellationToken,
) -> Result<Report, Error> {
    let mut clock = Clock::start(settings, site);
    metrics.progress(&clock.report);
    // The brokers are asked while the site is.
    let asked = async { tokio::join!(Topics::open(settings, kafka), site.apps()) };
    let (opened, listed) = asked.instrument(clock.span.clone()).await;
    let topics = opened.inspect_err(|error| metrics.not_begun(error_chain(error)))?;
    clock.phase("state");
    info!(apps = topics.state.apps.len(), "read what is published");
    let work = Work::Site(mode, Some(listed));
    run_on(settings, &topics, site, work, metrics, cancel, clock).await
}

/// Runs once on topics that are open.
pub(crate) async fn run_on(
    settings: &Settings,
    topics: &Topics,
    site: &Site,
    work: Work,
    metrics: &Metrics,
    cancel: &CancellationToken,
    clock: Clock,
) -> Result<Report, Error> {
    let span = clock.span.clone();
    span.record("by_feed", matches!(work, Work::Changed(_)));
    run_within(settings, topics, site, work, metrics, cancel, clock).instrument(span).await
}

async fn run_within(
    settings: &Settings,
    topics: &Topics,
    site: &Site,
    work: Work,
    metrics: &Metrics,
    cancel: &CancellationToken,
    mut clock: Clock,
) -> Result<Report, Error> {
    let run = RunContext {
        settings,
        fingerprint: app::fingerprint(settings),
        topics,
        writer: Writer {
            service: &settings.service,
            run_id: clock.report.run_id.clone(),
            publisher: topics.publisher.clone(),
            rereader: topics.rereader.clone(),
            decoder: &topics.decoder,
        },
        site,
        metrics,
    };
    clock.report.by_feed = matches!(work, Work::Changed(_));
    let announced = run.announce(&clock.report, Phase::Started, clock.started_at).await;
    announced.inspect_err(|error| metrics.not_begun(error_chain(error)))?;
    metrics.progress(&clock.report);
    let result = match work {
        Work::Site(mode, listed) => run.all(&topics.state, mode, listed, cancel, &mut clock).await,
        Work::Changed(changed) => run.changed(&topics.state, changed, cancel, &mut clock).await,
    };
    clock.finish();
    let phase = if result.is_ok() && clock.report.error.is_none() {
        Phase::Completed
    } else {
        Phase::Failed
    };
    if let Err(error) = &result {
        clock.report.error = Some(error_chain(error));
    }
    if let Err(error) = run.announce(&clock.report, phase, clock.started_at).await {
        warn!(
            error = error_chain(&error),
            "could not write the end of the run to the topic of runs"
        );
    }
    run.writer.publisher.flush(settings.run.delivery_timeout).await.ok();
    metrics.finished(&clock.report);
    result.map(|()| clock.report)
}

/// What one run works with.
struct RunContext<'a> {
    settings: &'a Settings,
    fingerprint: String,
    topics: &'a Topics,
    writer: Writer<'a>,
    site: &'a Site,
    metrics: &'a Metrics,
}

impl RunContext<'_> {
    async fn all(
        &self,
        state: &State,
        mode: Mode,
        listed: Option<Result<AppList, qlik::Error>>,
        cancel: &CancellationToken,
        clock: &mut Clock,
    ) -> Result<(), Error> {
        let listed = match listed {
            Some(listed) => listed,
            None => self.site.apps().await,
        };
        let apps = passing(self.settings, listed?, &mut clock.report);
        let names = Arc::new(names(&apps));
        self.topics.set_names(names.clone());
        let around = Surroundings::of(names, self.settings);
        clock.phase("list");
        info!(listed = clock.report.apps_listed, seen = apps.len(), "listed the apps of the site");
        self.each(&apps, &around, state, mode, cancel, clock).await?;
        clock.phase("apps");
        if cancel.is_cancelled() {
            clock.report.error = Some("stopped before every app was read".to_owned());
            return Ok(());
        }
        self.delete_vanished(state, &apps, mode, &mut clock.report).await?;
        clock.phase("deletions");
        self.write_files(&mut clock.report).await?;
        clock.phase("files");
        Ok(())
    }

    /// The same for apps of the change feed; those that are gone are known to be.
    async fn changed(
        &self,
        state: &State,
        changed: Changed,
        cancel: &CancellationToken,
        clock: &mut Clock,
    ) -> Result<(), Error> {
        let Changed { apps, gone, refused } = changed;
        clock.report.apps_seen = apps.len();
        clock.report.deletions_refused = refused;
        // A script may name an app that has not changed.
        let around = Surroundings::of(self.topics.add_names(&apps), self.settings);
        let mode = Mode { by_feed: true, ..Mode::default() };
        self.each(&apps, &around, state, mode, cancel, clock).await?;
        clock.phase("apps");
        self.delete(state, gone.iter().map(String::as_str), &mut clock.report).await?;
        clock.phase("deletions");
        if cancel.is_cancelled() {
            clock.report.error = Some("stopped before every app was read".to_owned());
            return Ok(());
        }
        self.write_files(&mut clock.report).await?;
        clock.phase("files");
        Ok(())
    }

    /// Looks at apps: twice as many at a time as there may be sessions, so that sessions do not stand
    /// idle while other apps are mapped, published or wait for a REST answer. Memory grows with them.
    async fn each(
        &self,
        apps: &[AppEntry],
        around: &Surroundings,
        state: &State,
        mode: Mode,
        cancel: &CancellationToken,
        clock: &mut Clock,
    ) -> Result<(), Error> {
        let nothing = AppState::default();
        let at_a_time = self.settings.site.limits.sessions.saturating_mul(2);
        let outage = &Outage::new(self.settings, self.site, at_a_time);
        let mut results = stream::iter(apps)
            .map(|entry| {
                let known = state.apps.get(entry.id.as_str()).unwrap_or(&nothing);
                let span = info_span!(
                    "app",
                    app = entry.id,
                    outcome = field::Empty,
                    otel.status_code = field::Empty
                );
                let looked_at = async move {
                    let outcome = self.app(entry, around, known, mode, outage, cancel).await;
                    outcome.record(&Span::current());
                    (entry, outcome)
                };
                looked_at.instrument(span)
            })
            .buffer_unordered(at_a_time);
        let mut progress = Progress::new(apps.len());
        while let Some((entry, outcome)) = results.next().await {
            if let Outcome::Stop(error) = outcome {
                return Err(error);
            }
            count(&mut clock.report, entry, outcome);
            progress.step(&clock.report);
            self.metrics.progress(&clock.report);
        }
        Ok(())
    }

    /// Writes the records of data files of which something new is said, and the tombstones of those
    /// that nobody speaks of any more.
    async fn write_files(&self, report: &mut Report) -> Result<(), Error> {
        let paths = self.topics.files().paths();
        for paths in paths.chunks(FILES_AT_ONCE) {
            let changes = self.topics.files().changes(&self.settings.service, paths, now());
            let mut written = Vec::new();
            let (mut upserts, mut deletes) = (Vec::new(), Vec::new());
            for change in changes {
                match change {
                    files::Change::Unchanged => report.counts(Topic::DataModels).unchanged += 1,
                    files::Change::Write(event, hash) => {
                        written.push((event.partition_text().to_owned(), Some(hash.clone())));
                        upserts.push((event, hash));
                    }
                    files::Change::Gone(key) if self.settings.run.delete_data_models => {
                        let parts = schemas::key::parse(&self.settings.service, &key);
                        written.extend(parts.map(|parts| (parts.rest.to_owned(), None)));
                        deletes.push(key);
                    }
                    files::Change::Gone(_) => {}
                }
            }
            let counts = report.counts(Topic::DataModels);
            counts.published += u64::try_from(upserts.len()).unwrap_or(u64::MAX);
            counts.deleted += u64::try_from(deletes.len()).unwrap_or(u64::MAX);
            self.writer.publish_files(upserts, &deletes).await?;
            let mut files = self.topics.files();
            written.iter().for_each(|(path, hash)| files.written(path, hash.as_deref()));
        }
        Ok(())
    }

    /// Writes the start or the end of the run.
    async fn announce(
        &self,
        report: &Report,
        phase: Phase,
        started_at: i64,
    ) -> Result<(), kafka::Error> {
        let signed = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let run = Run {
            service: self.settings.service.clone(),
            observed_at: now(),
            phase,
            run_id: self.writer.run_id.clone(),
            started_at,
            ended_at: (phase != Phase::Started).then(now),
            extractor_version: VERSION.to_owned(),
            apps_seen: signed(report.apps_seen),
            apps_read: signed(report.apps_read),
            apps_unchanged: signed(report.apps_unchanged + report.apps_described),
            apps_deleted: signed(report.apps_deleted),
            apps_failed: report.failed_apps(),
            events: report.event_counts(),
            list_complete: report.list_complete,
            error: report.error.clone(),
        };
        self.writer.announce(run).await
    }
}

/// What scripts may call these apps.
fn names(apps: &[AppEntry]) -> AppNames {
    AppNames::new(apps.iter().map(|app| (app.id.as_str(), app.title.as_str())))
}

/// Apps that the filters let through.
fn passing(settings: &Settings, list: AppList, report: &mut Report) -> Vec<AppEntry> {
    report.apps_listed = list.apps.len();
    report.list_complete = list.complete;
    for notice in &list.notices {
        warn!(notice, "the site's lists");
    }
    report.notice("", list.notices);
    let mut apps = list.apps;
    apps.retain(|entry| app::passes(&settings.scope, entry));
    let apps: Vec<_> = apps.into_iter().map(|entry| app::scoped(&settings.scope, entry)).collect();
    report.apps_seen = apps.len();
    apps
}

fn fail(report: &mut Report, entry: &AppEntry, reason: String) {
    warn!(
        app = entry.id,
        title = entry.title,
        reason,
        "could not read an app; what is published of it stays"
    );
    report.fail(Failed { app_id: entry.id.clone(), title: entry.title.clone(), reason });
}
