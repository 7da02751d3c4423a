//! One run, top to bottom: topics and state → list of apps → each app read, compared, published, its
//! dashboard event last → vanished apps → report. What cannot be read is reported and stays as it is.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Mutex, PoisonError},
};

use futures::{StreamExt as _, stream};
use schemas::{
    Event, Topic,
    config::Kafka,
    event::{Phase, Run},
    json,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    app::{self, App, Failure, VERSION},
    changes::{self, Deletable, Gaps, Settled},
    config::Settings,
    error_chain,
    files::{self, Book},
    kafka::{self, Publisher},
    map::Coverage,
    progress::{Clock, Progress},
    qlik::{self, AppError, Class, Site, model::AppEntry},
    records::{self, now},
    report::{Failed, Report},
    scripts::Surroundings,
    state::{AppState, State, parse_hash},
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
    cancel: &CancellationToken,
) -> Result<Report, Error> {
    let mut clock = Clock::start(settings);
    let partitions = kafka::ensure(kafka).await?;
    let (state, files) = read_state(settings, kafka, &partitions).await?;
    clock.phase("state");
    info!(apps = state.apps.len(), "read what is published");
    let mut publisher =
        Publisher::new(kafka, partitions.clone(), settings.run.delivery_timeout).await?;
    if let Some(limit) = settings.run.max_partition_bytes {
        publisher = publisher.guarded(limit, state.bytes.clone());
    }
    let mut run = RunContext {
        settings,
        fingerprint: app::fingerprint(settings),
        repository_read: true,
        around: Surroundings::default(),
        files: Mutex::new(files),
        writer: Writer {
            service: &settings.service,
            run_id: clock.report.run_id.clone(),
            kafka,
            publisher,
            decoder: kafka::Decoder::new(kafka).map_err(kafka::Error::from)?,
        },
        site,
    };
    run.announce(&clock.report, Phase::Started, clock.started_at).await?;
    let result = run.all(&state, mode, cancel, &mut clock).await;
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
    result.map(|()| clock.report)
}

/// Prints what a full run would publish, one JSON object a line.
///
/// # Errors
/// When the site cannot be used at all, or standard output is closed.
pub async fn plan(
    settings: &Settings,
    site: &Site,
    cancel: &CancellationToken,
) -> Result<Report, Error> {
    let mut clock = Clock::start(settings);
    let fingerprint = app::fingerprint(settings);
    let (apps, _) = list(settings, site, &mut clock.report).await?;
    let around = &Surroundings::of(site, &apps).await;
    let mut files = Book::default();
    let mut read = stream::iter(&apps)
        .map(|entry| async move { (entry, app::read(settings, site, entry, around, cancel).await) })
        .buffer_unordered(settings.site.limits.sessions);
    let mut out = std::io::stdout().lock();
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
                    listed_hash: app::listed_hash(entry),
                };
                // The order of a run: the dashboard event is the last of its app.
                for event in app.others.into_iter().chain([dashboard]) {
                    let settled = matches!(event, Event::Dashboard(_)).then_some(&settled);
                    write_planned(&mut out, settings, &mut clock.report, event, settled)?;
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
                write_planned(&mut out, settings, &mut clock.report, event, None)?;
            }
        }
    }
    clock.phase("files");
    clock.finish();
    Ok(clock.report)
}

/// One line of a plan.
fn write_planned(
    out: &mut impl std::io::Write,
    settings: &Settings,
    report: &mut Report,
    event: Event,
    settled: Option<&Settled>,
) -> std::io::Result<()> {
    let topic = event.topic();
    report.counts(topic).published += 1;
    let content_hash = event.content_hash();
    let record = records::upsert(&settings.service, &report.run_id, event, &content_hash, settled);
    let headers: BTreeMap<_, _> =
        record.headers.iter().map(|(name, value)| (*name, value)).collect();
    let value = record.event.as_ref().map(json::readable);
    let line = serde_json::json!({"topic": settings.topics.name(topic), "key": record.key, "headers": headers, "value": value});
    writeln!(out, "{line}")
}

/// What one run works with.
struct RunContext<'a> {
    settings: &'a Settings,
    fingerprint: String,
    /// Whether the site's repository told owners and tags.
    repository_read: bool,
    around: Surroundings,
    /// What all apps say of data files. Locked for moments only.
    files: Mutex<Book>,
    writer: Writer<'a>,
    site: &'a Site,
}

/// What became of one app.
enum Outcome {
    Unchanged,
    Published {
        changes: Published,
        notices: Vec<String>,
        coverage: Option<Coverage>,
    },
    Failed(String),
    Cancelled,
    /// The run must not go on.
    Stop(Error),
}

impl RunContext<'_> {
    async fn all(
        &mut self,
        state: &State,
        mode: Mode,
        cancel: &CancellationToken,
        clock: &mut Clock,
    ) -> Result<(), Error> {
        let (apps, repository_read) = list(self.settings, self.site, &mut clock.report).await?;
        self.repository_read = repository_read;
        self.around = Surroundings::of(self.site, &apps).await;
        clock.phase("list");
        let run = &*self;
        info!(listed = clock.report.apps_listed, seen = apps.len(), "listed the apps of the site");

        let nothing = AppState::default();
        let mut results = stream::iter(&apps)
            .map(|entry| {
                let known = state.apps.get(entry.id.as_str()).unwrap_or(&nothing);
                async move { (entry, run.app(entry, known, mode, cancel).await) }
            })
            .buffer_unordered(self.settings.site.limits.sessions);
        let mut progress = Progress::new(apps.len());
        while let Some((entry, outcome)) = results.next().await {
            if let Outcome::Stop(error) = outcome {
                return Err(error);
            }
            count(&mut clock.report, entry, outcome);
            progress.step(&clock.report);
        }
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

    /// Writes the records of data files of which something new is said, and the tombstones of those
    /// that nobody speaks of any more.
    async fn write_files(&self, report: &mut Report) -> Result<(), Error> {
        let paths = self.files().paths();
        for paths in paths.chunks(FILES_AT_ONCE) {
            let changes = self.files().changes(&self.settings.service, paths, now());
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
                        let topic = Topic::DataModels;
                        deletes.push(changes::Deleted { topic, key, known: None });
                    }
                    files::Change::Gone(_) => {}
                }
            }
            let counts = report.counts(Topic::DataModels);
            counts.published += u64::try_from(upserts.len()).unwrap_or(u64::MAX);
            counts.deleted += u64::try_from(deletes.len()).unwrap_or(u64::MAX);
            self.writer.publish_files(upserts, &deletes).await?;
            let mut files = self.files();
            written.iter().for_each(|(path, hash)| files.written(path, hash.as_deref()));
        }
        Ok(())
    }

    fn files(&self) -> std::sync::MutexGuard<'_, Book> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads an app unless nothing moved, and publishes what changed.
    async fn app(
        &self,
        entry: &AppEntry,
        known: &AppState,
        mode: Mode,
        cancel: &CancellationToken,
    ) -> Outcome {
        if cancel.is_cancelled() {
            return Outcome::Cancelled;
        }
        if !mode.full && self.is_unchanged(entry, known) {
            return Outcome::Unchanged;
        }
        let mut app = match app::read(self.settings, self.site, entry, &self.around, cancel).await {
            Ok(app) => app,
            Err(_) if cancel.is_cancelled() => return Outcome::Cancelled,
            // It concerns the whole site: every other app would fail with it.
            Err(Failure::App(error)) if matches!(error.class(), Class::Setup | Class::SignIn) => {
                return Outcome::Stop(error.into());
            }
            Err(error) => return Outcome::Failed(error_chain(&error)),
        };
        app.gaps.listed = !self.repository_read;
        if app.gaps.any() && known.dashboard.is_some() {
            let Some(published) = self.writer.published_dashboard(known).await else {
                return Outcome::Failed(
                    "parts could not be read, and what is published of them neither".to_owned(),
                );
            };
            changes::carry_over(&mut app.dashboard, published, &app.gaps);
        }
        let mut settled = self.settled(entry);
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
            let files = self.files();
            changes.keep(|deleted| {
                let parts = schemas::key::parse(&self.settings.service, &deleted.key);
                deleted.topic == Topic::Lineage
                    && parts.is_some_and(|it| files.is_of_script(it.app_id, it.rest))
            });
        }
        match self.writer.publish(changes, &settled).await {
            Ok(changes) => {
                self.files().replace(&entry.id, edges, partly);
                let App { notices, coverage, .. } = app;
                Outcome::Published { changes, notices, coverage }
            }
            Err(error @ kafka::Error::PartitionFull { .. }) => Outcome::Stop(error.into()),
            Err(error) => Outcome::Failed(error_chain(&error)),
        }
    }

    /// Whether the topics hold this app as it is: its marker was written for what the lists say now,
    /// by the same extractor with the same options.
    fn is_unchanged(&self, entry: &AppEntry, known: &AppState) -> bool {
        let Some(marker) = &known.dashboard else { return false };
        let settled = self.settled(entry);
        entry.modified_at.is_some()
            && *marker.fingerprint == *settled.fingerprint
            && marker.listed == parse_hash(&settled.listed_hash)
    }

    fn settled(&self, entry: &AppEntry) -> Settled {
        Settled { fingerprint: self.fingerprint.clone(), listed_hash: app::listed_hash(entry) }
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
        let deletable = self.deletable(&Gaps::default());
        let vanished: Vec<_> = state
            .apps
            .iter()
            .filter(|(id, _)| !present.contains(id.as_ref()))
            .map(|(id, known)| {
                let deletes =
                    changes::of_vanished_app(&self.settings.service, id, known, deletable);
                (id, deletes)
            })
            // What the configuration keeps (`markDeleted…: false`) is not gone.
            .filter(|(_, deletes)| !deletes.is_empty())
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
        for (id, deletes) in vanished {
            self.writer.delete(&deletes).await?;
            self.files().forget(id);
            for deleted in &deletes {
                report.counts(deleted.topic).deleted += 1;
            }
            report.apps_deleted += 1;
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
            apps_unchanged: signed(report.apps_unchanged),
            apps_deleted: signed(report.apps_deleted),
            apps_failed: report.failed_apps(),
            events: report.event_counts(),
            list_complete: report.list_complete,
            error: report.error.clone(),
        };
        self.writer.announce(run).await
    }
}

/// Apps that the filters let through, and whether the repository's part of the list can be relied on.
async fn list(
    settings: &Settings,
    site: &Site,
    report: &mut Report,
) -> Result<(Vec<AppEntry>, bool), Error> {
    let list = site.apps().await?;
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
    Ok((apps, list.repository_read || !settings.site.repository))
}

async fn read_state(
    settings: &Settings,
    kafka: &Kafka,
    partitions: &kafka::Partitions,
) -> Result<(State, Book), kafka::Error> {
    let (kafka, partitions, service) =
        (kafka.clone(), partitions.clone(), settings.service.clone());
    let read = tokio::task::spawn_blocking(move || {
        let (mut state, mut files) = (State::default(), Book::default());
        kafka::read_state(&kafka, &partitions, |stored| {
            state.take(&service, &stored);
            files.take(&service, &stored);
        })?;
        Ok((state, files))
    });
    read.await.map_err(|_| kafka::Error::Interrupted)?
}

/// Why so many deletions are refused; `None` when they are not. One app may always vanish, unless it
/// was the last: a site that shows nothing any more has hardly been emptied.
fn refusal(vanished: usize, known: usize, max_share: f64) -> Option<String> {
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
        Outcome::Failed(reason) => fail(report, entry, reason),
        Outcome::Published { changes, notices, coverage } => {
            report.apps_read += 1;
            report.cover(&entry.id, coverage);
            report.notice(&entry.id, notices);
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
    }
}

fn fail(report: &mut Report, entry: &AppEntry, reason: String) {
    warn!(
        app = entry.id,
        title = entry.title,
        reason,
        "could not read an app; what is published of it stays"
    );
    report.apps_failed.push(Failed {
        app_id: entry.id.clone(),
        title: entry.title.clone(),
        reason,
    });
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
