//! `extractor run --follow`: one run over the whole site, then the repository's change feed.
//!
//! A scan (a run over the whole site, which opens only what moved) comes first, again every
//! `extractor.scanInterval`, and at once when changes may have been missed: the repository was away, an
//! entry was not understood, more changed than is worth looking at one by one. Without a feed only the
//! interval is left.

mod cursor;
mod retries;

use std::time::Duration;

use schemas::config::Kafka;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::{
    cursor::{Batch, Cursor},
    retries::Retries,
};
use crate::{
    app,
    config::Settings,
    error_chain,
    pipeline::{self, Changed, Error, Mode, Work},
    progress::Clock,
    qlik::{self, Change, Class, Feed, Site},
    records::now,
    report::Report,
    runtime::{admin::Readiness, metrics::Metrics},
    topics::Topics,
};

/// Apps of one look at the feed beyond which the site is listed instead.
const MAX_CHANGED: usize = 500;
/// How long the feed is trusted to remember: how long a repository keeps changes is not documented.
const MEMORY: Duration = Duration::from_secs(600);
/// Longest wait after something failed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Wait after the first failure; it doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What following works with.
pub(crate) struct Follower<'a> {
    settings: &'a Settings,
    kafka: &'a Kafka,
    site: &'a Site,
    metrics: &'a Metrics,
    readiness: &'a Readiness,
    cancel: &'a CancellationToken,
    /// Told of every run that ended.
    finished: &'a (dyn Fn(&Report, Kind) + Send + Sync),
    /// `None` before the first scan, and after Kafka failed.
    topics: Option<Topics>,
    retries: Retries,
    deletions: Deletions,
}

/// What a run was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The whole site.
    Scan,
    /// Apps of the change feed.
    Changes,
}

/// Deletions that the feed told since the last scan: together they may not be more than a scan's.
#[derive(Clone, Copy, Debug, Default)]
struct Deletions {
    known: usize,
    deleted: usize,
}

/// Why following the feed ended.
enum Next {
    /// The site has to be listed, now.
    Scan(&'static str),
    /// The interval is over.
    Due,
    Cancelled,
}

impl<'a> Follower<'a> {
    pub(crate) fn new(
        settings: &'a Settings,
        kafka: &'a Kafka,
        site: &'a Site,
        metrics: &'a Metrics,
        readiness: &'a Readiness,
        cancel: &'a CancellationToken,
        finished: &'a (dyn Fn(&Report, Kind) + Send + Sync),
    ) -> Self {
        Self {
            settings,
            kafka,
            site,
            metrics,
            readiness,
            cancel,
            finished,
            topics: None,
            retries: Retries::default(),
            deletions: Deletions::default(),
        }
    }

    /// Follows until cancelled. `mode` is for the first scan that succeeds.
    ///
    /// # Errors
    /// A mistake in the configuration; everything else is tried again.
    pub(crate) async fn run(&mut self, mut mode: Mode) -> Result<(), Error> {
        let (mut failures, mut early) = (0, 0);
        while !self.cancel.is_cancelled() {
            // Where the feed stands before the site is listed, so that nothing in between is missed.
            let cursor = self.cursor().await;
            let begun = Instant::now();
            match self.scan(mode).await {
                Ok(()) => failures = 0,
                Err(Error::Kafka(error)) if error.is_misconfiguration() => {
                    return Err(error.into());
                }
                Err(error) => {
                    failures += 1;
                    let wait = backoff(failures);
                    warn!(
                        error = error_chain(&error),
                        seconds = wait.as_secs(),
                        "the run failed; it is tried again"
                    );
                    self.sleep(wait).await;
                    continue;
                }
            }
            mode = Mode::default();
            if cursor.is_some() && begun.elapsed() > MEMORY {
                info!(
                    "the run took longer than the change feed is trusted to remember: listing again"
                );
                continue;
            }
            let followed = Instant::now();
            match self.follow(cursor).await {
                Next::Cancelled => break,
                Next::Due => early = 0,
                Next::Scan(reason) => {
                    // A repository that comes and goes must not have the site listed all the time.
                    early = if followed.elapsed() > LONGEST_WAIT { 0 } else { early + 1 };
                    info!(reason, "listing the site, because changes may have been missed");
                    if early > 1 {
                        self.sleep(backoff(early - 1)).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// One run over the whole site.
    async fn scan(&mut self, mode: Mode) -> Result<(), Error> {
        let result = self.scan_once(mode).await;
        if result.is_err() {
            self.readiness.set(false);
        }
        result
    }

    async fn scan_once(&mut self, mode: Mode) -> Result<(), Error> {
        let mut clock = Clock::start(self.settings, self.site);
        self.metrics.progress(&clock.report);
        let opened = match self.topics.take() {
            Some(mut topics) => topics.catch_up().await.map(|()| topics),
            None => Topics::open(self.settings, self.kafka).await,
        };
        let topics = opened.inspect_err(|error| self.metrics.not_begun(error_chain(error)))?;
        clock.phase("state");
        let work = Work::Site(mode, None);
        let report = self.run_on(topics, work, clock).await?;
        self.readiness.set(report.exit_code() <= 1);
        (self.finished)(&report, Kind::Scan);
        self.retries = Retries::default();
        let known = self.topics.as_ref().map_or(0, |topics| topics.state.apps.len());
        self.deletions = Deletions { known, deleted: 0 };
        Ok(())
    }

    /// Runs on topics that are open, and takes in at once what was written, so that the next change need
    /// not wait for it. They stay open when the site failed; after an error of Kafka they are opened anew by
    /// the next scan.
    async fn run_on(
        &mut self,
        mut topics: Topics,
        work: Work,
        clock: Clock,
    ) -> Result<Report, Error> {
        let result = pipeline::run_on(
            self.settings,
            &topics,
            self.site,
            work,
            self.metrics,
            self.cancel,
            clock,
        )
        .await;
        if !matches!(result, Err(Error::Kafka(_))) {
            match topics.catch_up().await {
                Ok(()) => self.topics = Some(topics),
                Err(error) => warn!(
                    error = error_chain(&error),
                    "what was written could not be read back; the topics are read anew"
                ),
            }
        }
        result
    }

    /// Where the feed stands now; `None` when there is none to follow.
    async fn cursor(&self) -> Option<Cursor> {
        let started = now();
        match self.site.changes(started).await {
            Ok(Some(feed)) => Some(Cursor::new(feed.server_time.unwrap_or(started))),
            Ok(None) => {
                info!("the site has no repository, so the change feed is not followed");
                None
            }
            Err(error) => {
                warn!(
                    error = error_chain(&error),
                    "the change feed cannot be followed; changes are found every `extractor.scanInterval`"
                );
                None
            }
        }
    }

    /// Looks at the feed until the site has to be listed again.
    async fn follow(&mut self, cursor: Option<Cursor>) -> Next {
        let due = Instant::now() + self.settings.run.scan_interval;
        self.metrics.feed(cursor.as_ref().map(Cursor::position));
        let Some(mut cursor) = cursor else {
            self.sleep_until(due).await;
            return if self.cancel.is_cancelled() { Next::Cancelled } else { Next::Due };
        };
        let mut answered = Instant::now();
        let mut asked = answered;
        let mut failures = 0;
        loop {
            // From one question to the next, however long the changes of the first one took.
            let next = match failures {
                0 => asked + self.settings.run.feed_interval,
                failures => Instant::now() + backoff(failures).max(self.settings.run.feed_interval),
            };
            self.sleep_until(next.min(due)).await;
            if self.cancel.is_cancelled() {
                return Next::Cancelled;
            }
            if Instant::now() >= due {
                return Next::Due;
            }
            asked = Instant::now();
            let feed = match self.site.changes(cursor.since()).await {
                Ok(feed) => feed.unwrap_or_default(),
                Err(error) if is_refused(&error) => {
                    warn!(
                        error = error_chain(&error),
                        "the change feed can no longer be followed; changes are found every `extractor.scanInterval`"
                    );
                    self.metrics.feed(None);
                    self.sleep_until(due).await;
                    return if self.cancel.is_cancelled() { Next::Cancelled } else { Next::Due };
                }
                Err(error) => {
                    failures += 1;
                    warn!(error = error_chain(&error), failures, "the change feed does not answer");
                    continue;
                }
            };
            if failures > 0 {
                // It may have been restarted, and have forgotten what it had not told.
                return Next::Scan("the change feed did not answer for a while");
            }
            if answered.elapsed() > MEMORY {
                return Next::Scan("the change feed was not asked for a long time");
            }
            answered = Instant::now();
            if let Some(next) = self.take(&mut cursor, feed).await {
                return next;
            }
            self.metrics.feed(Some(cursor.position()));
        }
    }

    /// Acts on one answer of the feed.
    async fn take(&mut self, cursor: &mut Cursor, feed: Feed) -> Option<Next> {
        let Feed { changes, damaged, server_time } = feed;
        if damaged > 0 {
            return Some(Next::Scan("the change feed told what is not understood"));
        }
        let mut batch = cursor.take(changes, server_time.unwrap_or_else(now));
        batch.changed.extend(self.retries.due(Instant::now()));
        if batch.changed.len() + batch.deleted.len() > MAX_CHANGED {
            return Some(Next::Scan("very much has changed"));
        }
        if batch.is_empty() {
            return None;
        }
        if self.topics.is_none() {
            return Some(Next::Scan("the topics have to be read anew"));
        }
        debug!(?batch, "the change feed");
        match self.changes(batch).await {
            Ok(()) => None,
            Err(error) => {
                warn!(error = error_chain(&error), "changes could not be followed");
                Some(Next::Scan("changes could not be followed"))
            }
        }
    }

    /// Reads the apps that changed, deletes those that are gone.
    async fn changes(&mut self, batch: Batch) -> Result<(), Error> {
        let ids: Vec<String> = batch.changed.iter().chain(&batch.deleted).cloned().collect();
        let told = self.site.apps_by_id(&ids).await?;
        let Some(topics) = self.topics.take() else { return Ok(()) };
        let mut work = Changed::default();
        for entry in told {
            // An app that is told of is there, whatever was said before.
            let was_deleted = batch.deleted.contains(&entry.id);
            if !app::passes(&self.settings.scope, &entry) {
                work.gone.push(entry.id);
            } else {
                let entry = app::scoped(&self.settings.scope, entry);
                if was_deleted || !pipeline::is_current(self.settings, &topics.state, &entry) {
                    work.apps.push(entry);
                }
            }
        }
        let told: Vec<&String> = work.apps.iter().map(|entry| &entry.id).collect();
        let deleted =
            batch.deleted.iter().filter(|id| !told.contains(id) && !work.gone.contains(id));
        let deleted: Vec<String> = deleted.cloned().collect();
        work.gone.extend(deleted);
        work.gone.retain(|id| topics.state.apps.contains_key(id.as_str()));
        if !self.settings.run.delete_dashboards {
            work.gone.clear();
        }
        self.guard(&mut work);
        if work.apps.is_empty() && work.gone.is_empty() && work.refused.is_none() {
            self.retries.note(&ids, &[], Instant::now());
            self.topics = Some(topics);
            return Ok(());
        }
        let clock = Clock::start(self.settings, self.site);
        let report = self.run_on(topics, Work::Changed(work), clock).await?;
        self.deletions.deleted += report.apps_deleted;
        let failed: Vec<&str> =
            report.apps_failed.iter().map(|failed| failed.app_id.as_str()).collect();
        self.retries.note(&ids, &failed, Instant::now());
        (self.finished)(&report, Kind::Changes);
        Ok(())
    }

    /// Takes deletions out of `work` that are too many since the last scan.
    fn guard(&self, work: &mut Changed) {
        let vanished = self.deletions.deleted + work.gone.len();
        let share = self.settings.run.max_deleted_share;
        if work.gone.is_empty() {
            return;
        }
        if let Some(refusal) = pipeline::refusal(vanished, self.deletions.known, share) {
            warn!(refusal, "deletions that the change feed told are left to the next scan");
            work.gone.clear();
            work.refused = Some(refusal);
        }
    }

    async fn sleep(&self, time: Duration) {
        self.sleep_until(Instant::now() + time).await;
    }

    async fn sleep_until(&self, time: Instant) {
        tokio::select! {
            () = tokio::time::sleep_until(time) => {}
            () = self.cancel.cancelled() => {}
        }
    }
}

/// Whether the site says that there is no feed for us, and not only that it cannot answer now.
fn is_refused(error: &qlik::Error) -> bool {
    matches!(error.class(), Class::Denied | Class::NotFound | Class::Missing | Class::Setup)
}

fn backoff(failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LONGEST_WAIT)
}
