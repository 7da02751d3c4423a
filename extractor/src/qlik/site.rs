//! The facade: a site's apps, and what one app holds.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Semaphore;
use tracing::instrument;
use uuid::Uuid;

use super::address::Address;
use super::call_error::CallError;
use super::certificate::{self, Description};
use super::class::{Class, chain};
use super::cloud::Tenant;
use super::counters::{Counters, Requests};
use super::data_model::{Metadata, MetadataService};
use super::engine::Engine;
use super::feed::{self, Feed};
use super::http::{Http, RestError};
use super::inventory::{self, DocList};
use super::limiter::Limiter;
use super::login::{Credentials, Login, LoginError};
use super::model::{AppContent, AppEntry, AppList};
use super::qrs;
use super::read::{self, AppError, ReadLimits};
use super::session::Session;
use super::settings::{Auth, Problem, Repository, Settings, name};
use super::tls;
use super::transport::{ConnectError, Transport};

/// Tries for the list of apps: the first, and after a lost connection or a busy server.
const LIST_TRIES: u32 = 3;

/// A Qlik Sense site. Cheap to clone; clones share sessions' limits and the sign-in.
#[derive(Clone)]
pub struct Site {
    inner: Arc<Inner>,
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

/// How a site serves data models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataModels {
    /// By REST under this path: the cheap way.
    Rest(&'static str),
    /// Not by REST: apps are opened with their data.
    OpenWithData,
    /// The app that was asked for has none; another one may tell.
    NotKnown,
}

/// What all parts of a site share.
pub(super) struct Inner {
    pub(super) settings: Settings,
    pub(super) login: Login,
    pub(super) limiter: Limiter,
    pub(super) with_data: Semaphore,
    pub(super) metadata: MetadataService,
    address: Address,
    transport: Transport,
    repository: Option<qrs::Repository>,
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

    /// The site's apps. A repository that refuses or cannot be reached is a notice, not an error.
    ///
    /// # Errors
    /// The engine cannot be reached or does not list apps.
    #[instrument(name = "list of apps", level = "info", skip_all)]
    pub async fn apps(&self) -> Result<AppList, Error> {
        if let Some(tenant) = &self.inner.tenant {
            return self.cloud_apps(tenant).await;
        }
        let list = self.inner.doc_list().await?;
        let mut apps = AppList { apps: list.apps, complete: true, ..AppList::default() };
        if list.damaged > 0 {
            apps.complete = false;
            apps.notices.push(format!("{} apps are listed without an id", list.damaged));
        }
        match &self.inner.repository {
            Some(repository) => self.add_repository(repository, &mut apps).await,
            // Nothing more will ever be told.
            None => apps.apps.iter_mut().for_each(|app| app.described = true),
        }
        Ok(apps)
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
        read::read_app(&self.inner, app, limits).await
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

    /// Connects to the engine and asks its version (`None`: too old to say). For `check`.
    ///
    /// # Errors
    /// The engine cannot be reached, or refuses the user.
    pub async fn probe_engine(&self) -> Result<Option<String>, Error> {
        if let Some(tenant) = &self.inner.tenant {
            // A tenant's engine opens sessions for apps only.
            tenant.probe(&self.inner.login).await?;
            return Ok(None);
        }
        let permit = self.inner.limiter.acquire().await;
        let open = self.inner.open_session(None).await?;
        let engine = Engine::new(&open.session, &self.inner.settings.timeouts);
        let result = engine.version().await;
        self.inner.close_session(open, result.as_ref().err().map(CallError::class)).await;
        drop(permit);
        Ok(result?)
    }

    /// Asks the repository its version; `None` when it is not used. For `check`.
    ///
    /// # Errors
    /// It cannot be reached, or refuses the user.
    pub async fn probe_repository(&self) -> Result<Option<String>, Error> {
        match &self.inner.repository {
            Some(repository) => Ok(Some(repository.version(&self.inner.login).await?)),
            None => Ok(None),
        }
    }

    /// Finds out how the site serves data models, with an app that was reloaded. For `check`.
    ///
    /// # Errors
    /// The REST service is there and does not answer.
    pub async fn probe_data_models(&self, app_id: &str) -> Result<DataModels, Error> {
        let found = self.inner.metadata.read(&self.inner.login, app_id).await;
        if let Metadata::Trouble(error) = found {
            return Err(error.into());
        }
        Ok(match self.inner.metadata.path() {
            Some(Some(path)) => DataModels::Rest(path),
            Some(None) => DataModels::OpenWithData,
            None => DataModels::NotKnown,
        })
    }

    /// How the engine is reached.
    pub(super) fn transport(&self) -> (&Transport, &Address) {
        (&self.inner.transport, &self.inner.address)
    }

    /// The repository, where there is one to ask.
    pub(super) fn repository(&self) -> Option<&qrs::Repository> {
        self.inner.repository.as_ref()
    }

    /// Who we are.
    pub(super) fn login(&self) -> &Login {
        &self.inner.login
    }

    /// Opens a session for no app in particular and closes it.
    pub(super) async fn open_and_close(&self) -> Result<(), Error> {
        let permit = self.inner.limiter.acquire().await;
        let open = self.inner.open_session(None).await?;
        self.inner.close_session(open, None).await;
        drop(permit);
        Ok(())
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

    /// What the repository tells of these apps, as [`Self::apps`] would list them; those that it does
    /// not tell are missing.
    ///
    /// # Errors
    /// The repository cannot be reached or refuses the user.
    pub async fn apps_by_id(&self, ids: &[String]) -> Result<Vec<AppEntry>, Error> {
        let Some(repository) = &self.inner.repository else { return Ok(Vec::new()) };
        let login = &self.inner.login;
        let read = repository.apps_by_id(login, ids).await?;
        let owners = inventory::owner_ids(&read.entries);
        let users = repository.users_by_id(login, &owners).await;
        // As for the whole list: who may not read users never may.
        let is_told = match &users {
            Ok(_) => true,
            Err(error) => {
                matches!(error.class(), Class::Denied | Class::NotFound | Class::Missing)
            }
        };
        let mut apps = inventory::of_repository(read.entries, &users.unwrap_or_default());
        apps.iter_mut().for_each(|app| app.described = is_told);
        Ok(apps)
    }

    /// What the certificates of the settings say of themselves, with the setting each is from.
    #[must_use]
    pub fn certificates(&self) -> Vec<(&'static str, Description)> {
        let settings = &self.inner.settings;
        let client = match &settings.auth {
            Auth::Certificate { certificate, .. } => Some(certificate),
            _ => None,
        };
        [
            (name::CLIENT_CERTIFICATE, client),
            (name::ROOT_CERTIFICATE, settings.root_certificates.as_ref()),
        ]
        .into_iter()
        .filter_map(|(setting, text)| Some((setting, certificate::describe_all(text?).ok()?)))
        .flat_map(|(setting, all)| all.into_iter().map(move |one| (setting, one)))
        .collect()
    }

    async fn cloud_apps(&self, tenant: &Tenant) -> Result<AppList, Error> {
        let list = tenant.apps(&self.inner.login).await?;
        let mut apps = AppList {
            apps: list.apps,
            complete: list.damaged == 0,
            repository_read: list.owners_read,
            notices: list.notices,
        };
        apps.apps.iter_mut().for_each(|app| app.described = list.owners_read);
        if list.damaged > 0 {
            apps.notices.push(format!("{} apps of the tenant are not understood", list.damaged));
        }
        Ok(apps)
    }

    /// Adds what the repository knows, or says why not.
    async fn add_repository(&self, repository: &qrs::Repository, list: &mut AppList) {
        let login = &self.inner.login;
        let ids: Vec<String> = list.apps.iter().map(|app| app.id.clone()).collect();
        let read = match repository.apps(login, &ids).await {
            Ok(read) => read,
            Err(error) => {
                list.notices.push(format!(
                    "owners, tags and custom properties are not known, because the repository could \
                     not be read: {}; check `{}`",
                    chain(&error),
                    name::REPOSITORY_URL
                ));
                return;
            }
        };
        list.repository_read = true;
        if read.damaged > 0 {
            list.notices
                .push(format!("{} apps of the repository are not understood", read.damaged));
        }
        let owners = inventory::owner_ids(&read.entries);
        let users = match repository.users(login, &owners).await {
            Ok(users) => users,
            Err(error) => {
                // A user who may not read users never may; anything else is better next time.
                list.repository_read =
                    matches!(error.class(), Class::Denied | Class::NotFound | Class::Missing);
                list.notices.push(format!(
                    "e-mail addresses of owners are not known, because users could not be read: {}",
                    chain(&error)
                ));
                std::collections::HashMap::new()
            }
        };
        inventory::add_repository(&mut list.apps, read.entries, &users);
        if !list.repository_read {
            list.apps.iter_mut().for_each(|app| app.described = false);
        }
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

    async fn doc_list(&self) -> Result<DocList, Error> {
        let mut tries = 0;
        loop {
            let permit = self.limiter.acquire().await;
            let error = match self.doc_list_once().await {
                Ok(list) => {
                    permit.succeeded();
                    return Ok(list);
                }
                Err(error) => error,
            };
            tries += 1;
            let class = error.class();
            match class {
                Class::SessionLimit => permit.refused(),
                _ => drop(permit),
            }
            let again = matches!(
                class,
                Class::Later
                    | Class::Reconnect
                    | Class::SessionLimit
                    | Class::SignIn
                    | Class::Repeat
            );
            if !again || tries >= LIST_TRIES {
                return Err(error);
            }
            tracing::warn!(error = %chain(&error), "the list of apps could not be read; trying again");
            if class == Class::Later {
                tokio::time::sleep(self.settings.timeouts.retry).await;
            }
        }
    }

    async fn doc_list_once(&self) -> Result<DocList, Error> {
        let open = self.open_session(None).await?;
        let engine = Engine::new(&open.session, &self.settings.timeouts);
        let result = engine.doc_list().await;
        self.close_session(open, result.as_ref().err().map(CallError::class)).await;
        Ok(result?)
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
