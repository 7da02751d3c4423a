//! One run, top to bottom: topics and state → list of apps → each app read, compared, published, its
//! dashboard event last → vanished apps → report. What cannot be read is reported and stays as it is.

use std::collections::{BTreeMap, HashSet};

use futures::{StreamExt as _, stream};
use schemas::{
    Event, Topic,
    config::Kafka,
    event::{Phase, Run},
    json,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, debug, field, info, info_span, warn};

use crate::{
    app::{self, App, Failure, VERSION},
    changes::{self, Deletable, Gaps, Settled, Vanished},
    cli::PlanFormat,
    config::Settings,
    error_chain,
    files::{self, Book},
    kafka, listed,
    map::Coverage,
    page::Graph,
    progress::{Clock, Progress},
    qlik::{
        self, AppError, Class, Site,
        model::{AppEntry, AppList},
    },
    records::{self, now},
    report::{Failed, Report},
    runtime::metrics::Metrics,
    scripts::Surroundings,
    state::{AppState, State, edge_key_hash},
    topics::Topics,
    writer::{Published, Writer},
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

/// Prints what a full run would publish, one JSON object a line or as one page.
///
/// # Errors
/// When the site cannot be used at all, or standard output is closed.
pub async fn plan(
    settings: &Settings,
    site: &Site,
    format: PlanFormat,
    cancel: &CancellationToken,
) -> Result<Report, Error> {
    let mut clock = Clock::start(settings, site);
    let fingerprint = app::fingerprint(settings);
    let apps = passing(settings, site.apps().await?, &mut clock.report);
    let around = &Surroundings::of(&apps, None);
    let mut files = Book::default();
    let mut read = stream::iter(&apps)
        .map(|entry| async move { (entry, app::read(settings, site, entry, around, cancel).await) })
        .buffer_unordered(settings.site.limits.sessions);
    let page = (format == PlanFormat::Html).then(|| Graph::new(&settings.service));
    let mut planned = Planned { out: std::io::stdout().lock(), settings, page };
    while let Some((entry, result)) = read.next().await {
        match result {
            Ok(app) => {
                clock.report.apps_read += 1;
                clock.report.notice(&entry.id, app.notices);
                clock.report.cover(&entry.id, app.coverage);
                files.replace(&entry.id, files::edges_of(&app.others), false);
                let dashboard = Event::Dashboard(Box::new(app.dashboard));
                let settled = Settled {
                    fingerprint: fingerprint.clone(),
                    listed_hash: listed::listed_hash(entry),
                    described_hash: listed::described_hash(entry),
                };
                // The order of a run: the dashboard event is the last of its app.
                for event in app.others.into_iter().chain([dashboard]) {
                    let settled = matches!(event, Event::Dashboard(_)).then_some(&settled);
                    planned.add(&mut clock.report, event, settled)?;
                }
            }
            Err(_) if cancel.is_cancelled() => {
                clock.report.error = Some("stopped before every app was read".to_owned());
                break;
            }
            Err(Failure::App(error)) if matches!(error.class(), Class::Setup | Class::SignIn) => {
                return Err(error.into());
            }
            Err(error) => fail(&mut clock.report, entry, error_chain(&error)),
        }
    }
    drop(read);
    clock.phase("apps");
    for paths in files.paths().chunks(FILES_AT_ONCE) {
        for change in files.changes(&settings.service, paths, now()) {
            if let files::Change::Write(model, _) = change {
                let event = Event::DataModel(model);
                planned.add(&mut clock.report, event, None)?;
            }
        }
    }
    planned.finish()?;
    clock.phase("files");
    clock.finish();
    Ok(clock.report)
}

/// Whether everything that is told of an app is in the topics already.
pub(crate) fn is_current(settings: &Settings, state: &State, entry: &AppEntry) -> bool {
    let Some(known) = state.apps.get(entry.id.as_str()) else { return false };
    let Some(marker) = &known.dashboard else { return false };
    let settled = settled(app::fingerprint(settings), entry, known);
    entry.modified_at.is_some() && settled.is_opened(marker) && settled.is_described(marker)
}

/// Headers of an app's marker. What was told before stays so when nothing is told now.
fn settled(fingerprint: String, entry: &AppEntry, known: &AppState) -> Settled {
    let published = || known.dashboard.as_ref().map(|marker| marker.described);
    let before = || published().filter(|hash| *hash != 0).map(|hash| format!("{hash:032x}"));
    Settled {
        fingerprint,
        listed_hash: listed::listed_hash(entry),
        described_hash: listed::described_hash(entry).or_else(before),
    }
}

/// Where a plan goes.
struct Planned<'a, W> {
    out: W,
    settings: &'a Settings,
    /// Instead of lines.
    page: Option<Graph>,
}

impl<W: std::io::Write> Planned<'_, W> {
    fn add(
        &mut self,
        report: &mut Report,
        event: Event,
        settled: Option<&Settled>,
    ) -> std::io::Result<()> {
        let topic = event.topic();
        report.counts(topic).published += 1;
        if let Some(page) = &mut self.page {
            page.add_event(&event);
            return Ok(());
        }
        let (hash, service) = (event.content_hash(), &self.settings.service);
        let record = records::upsert(service, &report.run_id, event, &hash, settled);
        let headers: BTreeMap<_, _> =
            record.headers.iter().map(|(name, value)| (*name, value)).collect();
        let value = record.event.as_ref().map(json::readable);
        let topic = self.settings.topics.name(topic);
        let line = serde_json::json!({"topic": topic, "key": record.key, "headers": headers, "value": value});
        writeln!(self.out, "{line}")
    }

    /// Writes the page.
    fn finish(mut self) -> std::io::Result<()> {
        match self.page.take() {
            Some(page) => writeln!(self.out, "{}", page.finished().to_html().trim_end()),
            None => Ok(()),
        }
    }
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

/// What became of one app.
enum Outcome {
    Unchanged,
    /// Not opened; its dashboard event was written again with what lists tell now.
    Described(Published),
    Published {
        changes: Published,
        notices: Vec<String>,
        coverage: Option<Coverage>,
    },
    /// Nothing is published of it, and the user may not open it.
    NotVisible,
    Failed(String),
    Cancelled,
    /// The run must not go on.
    Stop(Error),
}

impl Outcome {
    /// Tells the app's span.
    fn record(&self, span: &Span) {
        let (name, status) = match self {
            Self::Unchanged => ("unchanged", "OK"),
            Self::Described(_) => ("described", "OK"),
            Self::Published { .. } => ("read", "OK"),
            Self::NotVisible => ("not visible", "OK"),
            Self::Cancelled => ("cancelled", "OK"),
            Self::Failed(_) => ("failed", "ERROR"),
            Self::Stop(_) => ("stop", "ERROR"),
        };
        span.record("outcome", name).record("otel.status_code", status);
    }
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
        let around = Surroundings::of(&apps, None);
        self.topics.remember_names(&around.names);
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
        let around = Surroundings::of(&apps, Some(self.topics.names()));
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
                    let outcome = self.app(entry, around, known, mode, cancel).await;
                    outcome.record(&Span::current());
                    (entry, outcome)
                };
                looked_at.instrument(span)
            })
            .buffer_unordered(self.settings.site.limits.sessions.saturating_mul(2));
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
                    files::Change::Write(model, hash) => {
                        written.push((model.partition_text().to_owned(), Some(hash.clone())));
                        upserts.push((Event::DataModel(model), hash));
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

    /// Reads an app unless nothing moved, and publishes what changed.
    async fn app(
        &self,
        entry: &AppEntry,
        around: &Surroundings,
        known: &AppState,
        mode: Mode,
        cancel: &CancellationToken,
    ) -> Outcome {
        if cancel.is_cancelled() {
            return Outcome::Cancelled;
        }
        if !mode.full
            && let Some(outcome) = self.without_opening(entry, known).await
        {
            return outcome;
        }
        let mut app = match app::read(self.settings, self.site, entry, around, cancel).await {
            Ok(app) => app,
            Err(_) if cancel.is_cancelled() => return Outcome::Cancelled,
            // It concerns the whole site: every other app would fail with it.
            Err(Failure::App(error)) if matches!(error.class(), Class::Setup | Class::SignIn) => {
                return Outcome::Stop(error.into());
            }
            Err(Failure::App(error))
                if mode.by_feed
                    && known.dashboard.is_none()
                    && matches!(error.class(), Class::Denied | Class::NotFound) =>
            {
                return Outcome::NotVisible;
            }
            Err(error) => return Outcome::Failed(error_chain(&error)),
        };
        app.gaps.described = !entry.described;
        if app.gaps.any() && known.dashboard.is_some() {
            let Some(published) = self.writer.published_dashboard(known).await else {
                return Outcome::Failed(
                    "parts could not be read, and what is published of them neither".to_owned(),
                );
            };
            changes::carry_over(&mut app.dashboard, published, &app.gaps);
        }
        let mut settled = self.settled(entry, known);
        if app.gaps.passing {
            settled = settled.unsettled();
        }
        let edges = files::edges_of(&app.others);
        let deletable = self.deletable(&app.gaps);
        let partly = app.gaps.script || !deletable.lineage;
        let mut changes = changes::of_app(
            &self.settings.service,
            known,
            Event::Dashboard(Box::new(app.dashboard)),
            app.others,
            &settled,
            deletable,
        );
        if app.gaps.script {
            let edges = self.topics.files().of_script(&entry.id);
            let records = edges.iter().filter_map(|edge| known.record(edge_key_hash(*edge)));
            changes.keep(&records.map(|known| known.place).collect());
        }
        match self.writer.publish(changes, &settled).await {
            Ok(changes) => {
                self.topics.files().replace(&entry.id, edges, partly);
                let App { notices, coverage, .. } = app;
                Outcome::Published { changes, notices, coverage }
            }
            Err(error @ kafka::Error::PartitionFull { .. }) => Outcome::Stop(error.into()),
            Err(error) => Outcome::Failed(error_chain(&error)),
        }
    }

    /// What can be done without opening the app; `None` when it has to be opened. It need not be when
    /// its marker was written for the times that are listed now, by the same extractor with the same
    /// options.
    async fn without_opening(&self, entry: &AppEntry, known: &AppState) -> Option<Outcome> {
        let marker = known.dashboard.as_ref()?;
        let settled = self.settled(entry, known);
        if entry.modified_at.is_none() || !settled.is_opened(marker) {
            return None;
        }
        if settled.is_described(marker) {
            return Some(Outcome::Unchanged);
        }
        // What cannot be read again is made again.
        let mut dashboard = self.writer.published_dashboard(known).await?;
        dashboard.observed_at = now();
        listed::describe(&mut dashboard, entry);
        let event = Event::Dashboard(Box::new(dashboard));
        let changes = changes::of_described_app(known, event, &settled);
        Some(match self.writer.publish(changes, &settled).await {
            Ok(changes) => Outcome::Described(changes),
            Err(error @ kafka::Error::PartitionFull { .. }) => Outcome::Stop(error.into()),
            Err(error) => Outcome::Failed(error_chain(&error)),
        })
    }

    fn settled(&self, entry: &AppEntry, known: &AppState) -> Settled {
        settled(self.fingerprint.clone(), entry, known)
    }

    fn deletable(&self, gaps: &Gaps) -> Deletable {
        Deletable {
            dashboards: self.settings.run.delete_dashboards,
            charts: self.settings.run.delete_charts && gaps.objects.is_empty(),
            data_models: self.settings.run.delete_data_models && !gaps.data_model,
            lineage: !gaps.data_model && gaps.objects.is_empty(),
        }
    }

    /// Tombstones for apps that the site's whole list does not have, unless they are too many.
    async fn delete_vanished(
        &self,
        state: &State,
        apps: &[AppEntry],
        mode: Mode,
        report: &mut Report,
    ) -> Result<(), Error> {
        if !self.settings.run.delete_dashboards {
            return Ok(());
        }
        let present: HashSet<&str> = apps.iter().map(|entry| entry.id.as_str()).collect();
        let vanished: Vec<&str> = state
            .apps
            .iter()
            .filter(|(id, _)| !present.contains(id.as_ref()))
            // What the configuration keeps (`markDeleted…: false`) is not gone.
            .filter(|(id, known)| self.vanished(id, known).is_some())
            .map(|(id, _)| id.as_ref())
            .collect();
        if vanished.is_empty() {
            return Ok(());
        }
        if !report.list_complete {
            warn!(
                apps = vanished.len(),
                "apps are missing, but the site's list was not read whole: nothing is deleted"
            );
            return Ok(());
        }
        let max_share = self.settings.run.max_deleted_share;
        if let Some(refusal) = refusal(vanished.len(), state.apps.len(), max_share)
            && !mode.allow_deletions
        {
            warn!(refusal, "deletions refused");
            report.deletions_refused = Some(refusal);
            return Ok(());
        }
        self.delete(state, vanished.into_iter(), report).await
    }

    /// Tombstones for apps that are gone.
    async fn delete(
        &self,
        state: &State,
        ids: impl Iterator<Item = &str>,
        report: &mut Report,
    ) -> Result<(), Error> {
        for id in ids {
            let Some(vanished) = state.apps.get(id).and_then(|known| self.vanished(id, known))
            else {
                continue;
            };
            let topics = self.writer.delete(vanished).await?;
            self.topics.files().forget(id);
            for topic in topics {
                report.counts(topic).deleted += 1;
            }
            report.apps_deleted += 1;
            self.metrics.progress(report);
        }
        Ok(())
    }

    fn vanished(&self, id: &str, known: &AppState) -> Option<Vanished> {
        let deletable = self.deletable(&Gaps::default());
        changes::of_vanished_app(&self.settings.service, id, known, deletable)
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

/// Why so many deletions are refused; `None` when they are not. One app may always vanish, unless it
/// was the last: a site that shows nothing any more has hardly been emptied.
pub(crate) fn refusal(vanished: usize, known: usize, max_share: f64) -> Option<String> {
    #[expect(clippy::cast_precision_loss, reason = "a share need not be exact")]
    let share = vanished as f64 / known.max(1) as f64;
    let is_too_much = share > max_share && (vanished > 1 || vanished == known);
    is_too_much.then(|| {
        format!(
            "{vanished} of {known} published apps are not on the site any more, more than `extractor.maxDeletedShare` ({max_share}) allows; if the user lost access, restore it; if they are really gone, run once with `--allow-deletions`"
        )
    })
}

fn count(report: &mut Report, entry: &AppEntry, outcome: Outcome) {
    match outcome {
        Outcome::Unchanged => report.apps_unchanged += 1,
        Outcome::Cancelled | Outcome::Stop(_) => {}
        Outcome::NotVisible => {
            debug!(app = entry.id, "an app of the change feed may not be opened");
        }
        Outcome::Described(changes) => {
            report.apps_described += 1;
            count_events(report, changes);
        }
        Outcome::Failed(reason) => fail(report, entry, reason),
        Outcome::Published { changes, notices, coverage } => {
            report.apps_read += 1;
            report.cover(&entry.id, coverage);
            report.notice(&entry.id, notices);
            count_events(report, changes);
        }
    }
}

fn count_events(report: &mut Report, changes: Published) {
    for topic in changes.upserts {
        report.counts(topic).published += 1;
    }
    for topic in changes.deletes {
        report.counts(topic).deleted += 1;
    }
    for topic in changes.unchanged {
        report.counts(topic).unchanged += 1;
    }
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

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn deletions_are_refused_beyond_the_share() {
        let check = |vanished, known, max_share, refused: bool| {
            let refusal = refusal(vanished, known, max_share);
            assert_eq!(
                refusal.is_some(),
                refused,
                "{vanished} of {known}, {max_share}: {refusal:?}"
            );
        };
        check(1, 100, 0.5, false);
        check(50, 100, 0.5, false);
        check(51, 100, 0.5, true);
        check(1, 2, 0.3, false);
        check(1, 1, 0.5, true);
        check(2, 3, 0.5, true);
        check(3, 3, 1.0, false);
        check(5, 100, 0.0, true);
    }
}
