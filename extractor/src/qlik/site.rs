//! The facade: a site's apps, and what one app holds.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::address::Address;
use super::call_error::CallError;
use super::class::{Class, chain};
use super::cloud::Tenant;
use super::counters::{Counters, Requests};
use super::data_model::MetadataService;
use super::feed::{self, Feed};
use super::http::{Http, RestError};
use super::limiter::Limiter;
use super::login::{Credentials, Login, LoginError};
use super::model::{AppContent, AppEntry, KnownTables};
use super::qrs;
use super::read::{self, AppError, ReadLimits};
use super::session::Session;
use super::settings::{Auth, Problem, Repository, Settings, name};
use super::tls;
use super::transport::{ConnectError, Transport};

/// A Qlik Sense site. Cheap to clone; clones share sessions' limits and the sign-in.
#[derive(Clone)]
pub struct Site {
    pub(super) inner: Arc<Inner>,
}

/// Why a site cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is signed in.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// There is no connection to the engine.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// A request to the engine has no result.
    #[error(transparent)]
    Call(#[from] CallError),
    /// A REST request has no answer.
    #[error(transparent)]
    Rest(#[from] RestError),
}

impl Error {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Login(error) => error.class(),
            Self::Connect(error) => error.class(),
            Self::Call(error) => error.class(),
            Self::Rest(error) => error.class(),
        }
    }
}

/// What all parts of a site share.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) login: Login,
    pub(super) limiter: Limiter,
    pub(super) with_data: Semaphore,
    pub(super) metadata: MetadataService,
    pub(super) address: Address,
    pub(super) transport: Transport,
    pub(super) repository: Option<qrs::Repository>,
    /// Qlik Cloud: lists apps instead of engine and repository.
    pub(super) tenant: Option<Tenant>,
    counters: Counters,
}

/// A session and who opened it.
pub(super) struct OpenSession {
    pub(super) session: Session,
    credentials: Arc<Credentials>,
}

impl Site {
    /// Prepares a site; nothing is contacted.
    ///
    /// # Errors
    /// Everything that is wrong with the settings.
    pub fn new(mut settings: Settings) -> Result<Self, Vec<Problem>> {
        let problems = settings.problems();
        if !problems.is_empty() {
            return Err(problems);
        }
        let problem = |setting, message| vec![Problem { setting, message }];
        let address = Address::parse(&settings.engine_url)
            .map_err(|message| problem(name::HOST_PORT, message))?;
        if let Auth::Jwt(token) = &settings.auth
            && is_cloud(&address)
        {
            settings.auth = Auth::Bearer(token.clone());
        }
        let tls = tls::client_config(&settings)
            .map_err(|error| problem(error.setting(), error.to_string()))?;
        let (timeouts, limits) = (settings.timeouts, settings.limits);
        let counters = Counters::default();
        let http = Http::new(&tls, &timeouts, limits.message_bytes, counters.clone())
            .map_err(|error| problem(name::HOST_PORT, error.to_string()))?;
        let repository = repository_address(&settings, &address)
            .map_err(|message| problem(name::REPOSITORY_URL, message))?
            .map(|address| qrs::Repository::new(http.clone(), address, timeouts.list()));
        let tenant = matches!(settings.auth, Auth::Bearer(_))
            .then(|| Tenant::new(http.clone(), address.clone(), &settings));
        let login =
            Login::new(settings.auth.clone(), address.clone(), http.clone(), timeouts.connect);
        let transport = Transport {
            tls,
            connect_timeout: timeouts.connect,
            message_bytes: limits.message_bytes,
        };
        let inner = Inner {
            login,
            limiter: Limiter::new(
                limits.sessions,
                timeouts.session_limit_backoff,
                Duration::from_secs(u64::from(limits.session_ttl)),
            ),
            with_data: Semaphore::new(limits.sessions_with_data.clamp(1, Semaphore::MAX_PERMITS)),
            metadata: MetadataService::new(http, address.clone(), timeouts.request),
            address,
            transport,
            repository,
            tenant,
            counters,
            settings,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Reads one app whole: objects, script, data model.
    ///
    /// # Errors
    /// Something of it may be missing; what was published of it must stay as it is.
    pub async fn read_app(
        &self,
        app: &AppEntry,
        limits: &ReadLimits,
    ) -> Result<AppContent, AppError> {
        read::read_app(&self.inner, app, limits, None).await
    }

    /// The same for an app that was read before, with what is known of its data model.
    ///
    /// # Errors
    /// As [`Site::read_app`].
    pub async fn read_app_again(
        &self,
        app: &AppEntry,
        limits: &ReadLimits,
        known: Option<KnownTables>,
    ) -> Result<AppContent, AppError> {
        read::read_app(&self.inner, app, limits, known).await
    }

    /// What the engine says that expressions read, in their order; `None` where it does not say. Opens the
    /// app with its data, since fields are not there without.
    ///
    /// # Errors
    /// The app cannot be opened with data, the engine is too old, or it takes too long.
    pub async fn fields_of_expressions(
        &self,
        app: &AppEntry,
        expressions: &[String],
        limits: &ReadLimits,
    ) -> Result<Vec<Option<Vec<String>>>, AppError> {
        read::fields_of_expressions(&self.inner, app, expressions, limits).await
    }

    /// Whether apps may have to be opened with their data: the site does not serve data models by REST,
    /// or that is not known yet.
    #[must_use]
    pub fn may_open_with_data(&self) -> bool {
        !matches!(self.inner.metadata.path(), Some(Some(_)))
    }

    /// Log of an app's last reload; `None` when there is none, no repository, or it refuses.
    pub async fn script_log(&self, app: &AppEntry) -> Option<String> {
        let repository = self.inner.repository.as_ref()?;
        let read = repository.script_log(&self.inner.login, &app.id, app.last_reload_at).await;
        read.unwrap_or_else(|error| {
            tracing::debug!(app = app.id, error = %chain(&error), "no script log");
            None
        })
    }

    /// The site's data connections as `GetConnections` gives them, from the repository; none when
    /// there is no repository or it refuses.
    pub async fn data_connections(&self) -> Vec<serde_json::Value> {
        let Some(repository) = &self.inner.repository else { return Vec::new() };
        let read = repository.data_connections(&self.inner.login).await;
        read.unwrap_or_else(|error| {
            tracing::debug!(error = %chain(&error), "no data connections of the repository");
            Vec::new()
        })
    }

    /// Engine sessions that are used at a time now: fewer than the setting after the site refused one.
    #[must_use]
    pub fn sessions_allowed(&self) -> usize {
        self.inner.limiter.allowed()
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> Requests {
        self.inner.counters.requests()
    }

    /// Engine sessions that are open now.
    #[must_use]
    pub fn open_sessions(&self) -> u64 {
        self.inner.counters.open_sessions()
    }

    /// What the repository's change feed tells of apps since a time, in milliseconds since the epoch;
    /// `None` when the site has no repository to ask.
    ///
    /// # Errors
    /// The repository cannot be reached, has no feed, or refuses the user.
    pub async fn changes(&self, since: i64) -> Result<Option<Feed>, Error> {
        let Some(repository) = &self.inner.repository else { return Ok(None) };
        Ok(Some(repository.changes(&self.inner.login, &feed::since(since)).await?))
    }
}

impl Inner {
    /// Opens a session for an app, or for none in particular, that nobody else shares. Signs in again
    /// once when the server no longer accepts the sign-in.
    pub(super) async fn open_session(&self, app: Option<&str>) -> Result<OpenSession, Error> {
        let mut renewed = false;
        loop {
            let credentials = self.login.credentials().await?;
            let identity = Uuid::new_v4().simple().to_string();
            let ttl = self.settings.limits.session_ttl;
            let url = self.address.session(app, &identity, ttl, credentials.csrf_token());
            let headers = credentials.socket_headers();
            // TLS and the upgrade make a large future; boxed, so that callers' are small.
            match self.transport.connect(&self.address, &url, &headers).boxed().await {
                Ok(socket) => {
                    let limits = &self.settings.limits;
                    let session = Session::start(
                        socket,
                        limits.requests_in_flight,
                        limits.message_bytes,
                        self.counters.clone(),
                    );
                    return Ok(OpenSession { session, credentials });
                }
                Err(error) => {
                    let expired = matches!(error.class(), Class::SignIn | Class::Denied);
                    if renewed || !expired || !self.login.forget(&credentials).await {
                        return Err(error.into());
                    }
                    renewed = true;
                }
            }
        }
    }

    /// Closes a session; `ended` is the class of the error that it ended with.
    pub(super) async fn close_session(&self, open: OpenSession, ended: Option<Class>) {
        if ended == Some(Class::SignIn) {
            self.login.forget(&open.credentials).await;
        }
        open.session.close().await;
    }
}

/// Whether a host is a tenant of Qlik Cloud, where a token is a key for every request.
fn is_cloud(address: &Address) -> bool {
    let host = address.host();
    [".qlikcloud.com", ".qlikcloudgov.com"].iter().any(|domain| host.ends_with(domain))
}

/// Where the repository is; `None` when there is none to ask (Desktop, cloud, switched off).
fn repository_address(settings: &Settings, engine: &Address) -> Result<Option<Address>, String> {
    match (&settings.repository, &settings.auth) {
        (Repository::Off, _) | (Repository::Usual, Auth::None | Auth::Bearer(_)) => Ok(None),
        (Repository::At(url), _) => Address::parse(url).map(Some),
        (Repository::Usual, Auth::Certificate { .. }) if engine.prefix().is_empty() => {
            Ok(Some(engine.direct_repository()))
        }
        (Repository::Usual, _) => Ok(Some(engine.clone())),
    }
}
