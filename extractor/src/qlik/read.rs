//! One app, with everything that can be tried again tried again.
//!
//! First the objects, on a session without data; what was read is kept when the connection is lost and
//! read on over a new session, once. Then the data model: by REST, or on a session with data, of which
//! only few run at a time.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::instrument;

use super::call_error::{CallError, SessionError};
use super::class::{Class, chain};
use super::cloud::Tenant;
use super::crawl::{CrawlError, crawl};
use super::data_model::{self, Metadata, Tables};
use super::engine::{Engine, Mode};
use super::inventory;
use super::model::{AppContent, AppEntry, DataModelSource, KnownTables};
use super::progress::Progress;
use super::rpc::EngineError;
use super::settings::name;
use super::site::{Error, Inner};

/// Sessions with a new identity, after the engine attached us to one that existed.
const IDENTITIES: u32 = 3;
/// New sessions after a lost connection.
const RESUMES: u32 = 1;
/// Refusals because of too many sessions. The wait between them is a setting.
const REFUSALS: u32 = 5;
/// Waits before trying a site in trouble again, in units of the setting.
const WAITS: [u32; 2] = [1, 4];
/// Milliseconds by which a list and the app itself may tell the same reload apart.
const SAME_RELOAD: u64 = 1000;

/// Bounds on reading one app.
#[derive(Clone, Debug)]
pub struct ReadLimits {
    /// Time for one app. Waiting for one's turn does not count.
    pub deadline: Duration,
    /// Gives the app up at once.
    pub cancel: CancellationToken,
}

/// An app that could not be read; nothing is known of it.
#[derive(Debug, thiserror::Error)]
#[error("the app `{title}` ({id}) could not be read")]
pub struct AppError {
    /// App id.
    pub id: String,
    /// Name.
    pub title: String,
    /// Why.
    #[source]
    pub failure: AppFailure,
}

/// Why an app could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AppFailure {
    /// No session, or none that worked.
    #[error(transparent)]
    Site(#[from] Error),
    /// Its objects could not be read as a whole.
    #[error(transparent)]
    Crawl(#[from] CrawlError),
    /// It took too long.
    #[error("not done within {deadline:?}; raise `{}`", name::APP_DEADLINE)]
    Deadline {
        /// The time it had.
        deadline: Duration,
    },
    /// It was given up.
    #[error("cancelled")]
    Cancelled,
}

impl AppError {
    /// What can be done about it. [`Class::Setup`] and [`Class::SignIn`] concern the whole site.
    #[must_use]
    pub fn class(&self) -> Class {
        self.failure.class()
    }

    /// Why, in one line with all causes, for reports. Holds no secrets.
    #[must_use]
    pub fn reason(&self) -> String {
        chain(&self.failure)
    }
}

impl AppFailure {
    fn class(&self) -> Class {
        match self {
            Self::Site(error) => error.class(),
            Self::Crawl(error) => error.class(),
            Self::Deadline { .. } | Self::Cancelled => Class::Later,
        }
    }

    fn call_error(&self) -> Option<&CallError> {
        match self {
            Self::Site(Error::Call(error)) | Self::Crawl(CrawlError::Call(error)) => Some(error),
            _ => None,
        }
    }

    /// Whether the session was not ours alone, so that what was read over it may be of another state.
    fn is_foreign_session(&self) -> bool {
        if matches!(self, Self::Crawl(CrawlError::OtherMode)) {
            return true;
        }
        match self.call_error() {
            Some(CallError::Session { error: SessionError::Attached, .. }) => true,
            Some(CallError::Engine { error, .. }) => matches!(
                error.code,
                EngineError::APP_ALREADY_OPEN | EngineError::APP_OPEN_IN_OTHER_MODE
            ),
            _ => false,
        }
    }
}

/// Reads an app.
pub(super) async fn read_app(
    site: &Inner,
    app: &AppEntry,
    limits: &ReadLimits,
    known: Option<KnownTables>,
) -> Result<AppContent, AppError> {
    let result = tokio::select! {
        biased;
        () = limits.cancel.cancelled() => Err(AppFailure::Cancelled),
        result = read(site, app, limits.deadline, known) => result,
    };
    result.map_err(|failure| AppError { id: app.id.clone(), title: app.title.clone(), failure })
}

async fn read(
    site: &Inner,
    app: &AppEntry,
    deadline: Duration,
    known: Option<KnownTables>,
) -> Result<AppContent, AppFailure> {
    let mut clock = Clock { total: deadline, spent: Duration::ZERO };
    let progress = read_objects(site, app, &mut clock).await?;
    let reloaded_at = inventory::time(progress.last_reload_time()).or(app.last_reload_at);
    let reloaded = reloaded_at.is_some() || progress.has_data();
    let mut content = progress.finish()?;
    if reloaded {
        // It may have been reloaded since the list was read.
        let known = known.filter(|known| {
            reloaded_at.is_some_and(|time| time.abs_diff(known.reloaded_at) < SAME_RELOAD)
        });
        content.data_model = read_data_model(site, app, known, &mut clock).await;
        if let DataModelSource::Unreadable { reason, .. } = &content.data_model {
            content.notices.push(format!("the data model could not be read: {reason}"));
        }
        if let Some(tenant) = &site.tenant {
            read_reload(site, tenant, &app.id, &mut content).await;
        }
    }
    Ok(content)
}

/// What a tenant tells of the last reload; without it the app is complete all the same.
async fn read_reload(site: &Inner, tenant: &Tenant, app: &str, content: &mut AppContent) {
    match tenant.last_reload(&site.login, app).await {
        Ok(reload) => {
            content.reload = reload.success;
            content.notices.extend(reload.failed_at.map(|time| {
                format!("its last reload, which ended at {time}, failed; its data is older")
            }));
        }
        Err(error) if matches!(error.class(), Class::Denied | Class::Missing) => {}
        Err(error) => content
            .notices
            .push(format!("what the last reload read and wrote is not known: {}", chain(&error))),
    }
}

async fn read_objects(
    site: &Inner,
    app: &AppEntry,
    clock: &mut Clock,
) -> Result<Progress, AppFailure> {
    let mut progress = Progress::default();
    let mut retries = Retries::new(site.settings.timeouts.retry);
    let mut other_modes = 0;
    loop {
        let permit = site.limiter.acquire().await;
        let failure = match clock.run(objects_once(site, app, &mut progress)).await {
            Ok(()) => {
                permit.succeeded();
                return Ok(progress);
            }
            Err(failure) => failure,
        };
        match failure.class() {
            Class::SessionLimit => permit.refused(),
            _ => drop(permit),
        }
        if failure.is_foreign_session() {
            progress = Progress::default();
        }
        if matches!(failure, AppFailure::Crawl(CrawlError::OtherMode)) {
            other_modes += 1;
            // An engine that always opens with data (or never says) still has the objects.
            progress.any_mode = other_modes >= 2;
        }
        clock.wait(retries.next(failure)?).await?;
    }
}

#[instrument(name = "engine: objects", level = "info", skip_all)]
async fn objects_once(
    site: &Inner,
    app: &AppEntry,
    progress: &mut Progress,
) -> Result<(), AppFailure> {
    let open = site.open_session(Some(&app.id)).await?;
    let result = async {
        let engine = Engine::new(&open.session, &site.settings.timeouts);
        let doc = engine.open(&app.id, Mode::WithoutData).await.map_err(CrawlError::Call)?;
        crawl(doc, progress).await
    }
    .await;
    site.close_session(open, result.as_ref().err().map(CrawlError::class)).await;
    Ok(result?)
}

async fn read_data_model(
    site: &Inner,
    app: &AppEntry,
    known: Option<KnownTables>,
    clock: &mut Clock,
) -> DataModelSource {
    let mut waits = WAITS.iter().map(|wait| site.settings.timeouts.retry.saturating_mul(*wait));
    loop {
        let error = match site.metadata.read(&site.login, &app.id).await {
            Metadata::Found(value) => return DataModelSource::Metadata(value),
            Metadata::NotThere => break,
            Metadata::Trouble(error) => error,
        };
        let transient = error.class() == Class::Later;
        match waits.next() {
            Some(wait) if transient => {
                if clock.wait(wait).await.is_err() {
                    break;
                }
            }
            // Where REST is known to work, a busy server is not loaded with the whole app on top.
            _ if matches!(site.metadata.path(), Some(Some(_))) => {
                return DataModelSource::Unreadable { reason: chain(&error), transient: true };
            }
            _ => break,
        }
    }
    if let Some(known) = known {
        return DataModelSource::TablesAndKeys(known.reply);
    }
    match read_tables(site, app, clock).await {
        Ok(model) => DataModelSource::TablesAndKeys(model),
        Err(failure) => DataModelSource::Unreadable {
            reason: chain(&failure),
            transient: matches!(
                failure.class(),
                Class::Later | Class::Reconnect | Class::SessionLimit | Class::SignIn
            ),
        },
    }
}

async fn read_tables(
    site: &Inner,
    app: &AppEntry,
    clock: &mut Clock,
) -> Result<serde_json::Value, AppFailure> {
    let mut retries = Retries::new(site.settings.timeouts.retry);
    let mut suspected = false;
    loop {
        // Data first: who holds a session never waits for data.
        let _place = site.with_data.acquire().await.map_err(|_| AppFailure::Cancelled)?;
        let permit = site.limiter.acquire().await;
        let failure = match clock.run(tables_once(site, app)).await {
            Ok(Tables::Suspect(_)) if !suspected => {
                suspected = true;
                continue;
            }
            Ok(Tables::Model(model) | Tables::Suspect(model)) => {
                permit.succeeded();
                return Ok(model);
            }
            Ok(Tables::WithoutData) => CrawlError::OtherMode.into(),
            Err(failure) => failure,
        };
        match failure.class() {
            Class::SessionLimit => permit.refused(),
            _ => drop(permit),
        }
        // An app that does not open in time is not opened again at once: it costs the server most.
        if matches!(failure.call_error(), Some(CallError::Timeout { .. })) {
            return Err(failure);
        }
        clock.wait(retries.next(failure)?).await?;
    }
}

#[instrument(name = "engine: tables", level = "info", skip_all)]
async fn tables_once(site: &Inner, app: &AppEntry) -> Result<Tables, AppFailure> {
    let open = site.open_session(Some(&app.id)).await?;
    let result = async {
        let engine = Engine::new(&open.session, &site.settings.timeouts);
        let doc = engine.open(&app.id, Mode::WithData).await?;
        Ok(data_model::tables_and_keys(doc).await?)
    }
    .await;
    site.close_session(open, result.as_ref().err().map(CrawlError::class)).await;
    Ok(result?)
}

/// Asks the engine which fields expressions read. Once: it is a cross-check that may be left out.
pub(super) async fn fields_of_expressions(
    site: &Inner,
    app: &AppEntry,
    expressions: &[String],
    limits: &ReadLimits,
) -> Result<Vec<Option<Vec<String>>>, AppError> {
    let mut clock = Clock { total: limits.deadline, spent: Duration::ZERO };
    let ask = async {
        // Data first: who holds a session never waits for data.
        let _place = site.with_data.acquire().await.map_err(|_| AppFailure::Cancelled)?;
        let permit = site.limiter.acquire().await;
        let result = clock.run(fields_once(site, app, expressions)).await;
        match &result {
            Ok(_) => permit.succeeded(),
            Err(failure) if failure.class() == Class::SessionLimit => permit.refused(),
            Err(_) => drop(permit),
        }
        result
    };
    let result = tokio::select! {
        biased;
        () = limits.cancel.cancelled() => Err(AppFailure::Cancelled),
        result = ask => result,
    };
    result.map_err(|failure| AppError { id: app.id.clone(), title: app.title.clone(), failure })
}

#[instrument(name = "engine: expressions", level = "info", skip_all)]
async fn fields_once(
    site: &Inner,
    app: &AppEntry,
    expressions: &[String],
) -> Result<Vec<Option<Vec<String>>>, AppFailure> {
    let open = site.open_session(Some(&app.id)).await?;
    let result = async {
        let engine = Engine::new(&open.session, &site.settings.timeouts);
        let doc = engine.open(&app.id, Mode::WithData).await?;
        // Attached to a session without data it would answer without fields.
        let layout = doc.app_layout().await?;
        if layout.get("qIsOpenedWithoutData").and_then(serde_json::Value::as_bool) == Some(true) {
            return Err(CrawlError::OtherMode);
        }
        let asked = expressions.iter().map(|expression| doc.fields_of(expression));
        Ok(futures::future::try_join_all(asked).await?)
    }
    .await;
    site.close_session(open, result.as_ref().err().map(CrawlError::class)).await;
    Ok(result?)
}

/// Time spent on an app, without the time it waited for its turn.
struct Clock {
    total: Duration,
    spent: Duration,
}

impl Clock {
    async fn run<T>(
        &mut self,
        work: impl Future<Output = Result<T, AppFailure>>,
    ) -> Result<T, AppFailure> {
        let started = Instant::now();
        let left = self.total.saturating_sub(self.spent);
        let result = timeout(left, work).await;
        self.spent += started.elapsed();
        result.unwrap_or(Err(AppFailure::Deadline { deadline: self.total }))
    }

    async fn wait(&mut self, time: Duration) -> Result<(), AppFailure> {
        self.run(async {
            sleep(time).await;
            Ok(())
        })
        .await
    }
}

/// What was tried again so far.
struct Retries {
    unit: Duration,
    identities: u32,
    resumes: u32,
    refusals: u32,
    sign_ins: u32,
    waits: usize,
}

impl Retries {
    fn new(unit: Duration) -> Self {
        Self { unit, identities: 0, resumes: 0, refusals: 0, sign_ins: 0, waits: 0 }
    }

    /// How long to wait before the next try; the failure itself when there is none.
    fn next(&mut self, failure: AppFailure) -> Result<Duration, AppFailure> {
        let count = |counter: &mut u32, most: u32| {
            *counter += 1;
            (*counter <= most).then_some(Duration::ZERO)
        };
        let wait = match failure.class() {
            _ if matches!(failure, AppFailure::Deadline { .. } | AppFailure::Cancelled) => None,
            Class::Reconnect if failure.is_foreign_session() => {
                count(&mut self.identities, IDENTITIES)
            }
            Class::Reconnect => count(&mut self.resumes, RESUMES),
            // The wait is the limiter's.
            Class::SessionLimit => count(&mut self.refusals, REFUSALS),
            Class::SignIn => count(&mut self.sign_ins, 1),
            Class::Later | Class::Repeat => {
                self.waits += 1;
                WAITS.get(self.waits - 1).map(|wait| self.unit.saturating_mul(*wait))
            }
            Class::Missing | Class::Denied | Class::NotFound | Class::Setup | Class::Failed => None,
        };
        match wait {
            Some(wait) => {
                tracing::debug!(error = %chain(&failure), ?wait, "an app is tried again");
                Ok(wait)
            }
            None => Err(failure),
        }
    }
}
