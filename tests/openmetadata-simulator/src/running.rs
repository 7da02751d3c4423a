//! A simulator that runs.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::INGESTION_BOT;
use crate::api::Api;
use crate::catalogue;
use crate::faults::Faults;
use crate::http::Request;
use crate::kind::Kind;
use crate::log::{Log, LoggedRequest};
use crate::seed::Seed;
use crate::server::{Port, Served, accept};
use crate::settings::Settings;

/// A stand-in for an OpenMetadata server.
#[derive(Debug)]
pub struct OpenMetadata;

/// Why a simulator cannot start or take its seed.
#[derive(Debug)]
pub enum Error {
    /// A port cannot be opened.
    Listen(SocketAddr, std::io::Error),
    /// A part of the seed is refused.
    Seed {
        /// The part.
        what: String,
        /// The server's answer.
        answer: String,
    },
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "cannot listen on `{address}`: {error}"),
            Self::Seed { what, answer } => write!(f, "cannot seed `{what}`: {answer}"),
        }
    }
}

impl std::error::Error for Error {}

/// A running simulator. It stops when it is dropped, and after [`Running::shutdown`].
#[derive(Debug)]
pub struct Running {
    served: Served,
    address: SocketAddr,
    admin_address: Option<SocketAddr>,
    admin_token: String,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl OpenMetadata {
    /// Starts a simulator.
    ///
    /// # Errors
    /// When a port cannot be opened.
    pub async fn start(settings: Settings) -> Result<Running, Error> {
        let (listener, address) = listen(settings.listen).await?;
        let admin = match settings.admin_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let latency = settings.latency;
        let log = Log::new(settings.log_limit, settings.log_body_limit);
        let api = Arc::new(Api::new(settings));
        let admin_token = {
            let state = &mut *api.state();
            match state.store.find(Kind::User, crate::api::ADMIN) {
                Some(user) => state.access.make_token(user),
                None => String::new(),
            }
        };
        let served =
            Served { faults: Faults::new(Arc::clone(&api), latency), log: Arc::new(log), api };
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(accept(listener, Port::Api, served.clone(), stop.clone(), tasks.clone()));
        let admin_address = admin.map(|(listener, address)| {
            tasks.spawn(accept(listener, Port::Admin, served.clone(), stop.clone(), tasks.clone()));
            address
        });
        Ok(Running { served, address, admin_address, admin_token, stop, tasks })
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |error| Error::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

impl Running {
    /// The base URL as a client is configured with it: `http://127.0.0.1:<port>/api`.
    pub fn url(&self) -> String {
        format!("http://{}/api", self.address)
    }

    /// Where the API listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where the admin port listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// The token of the ingestion bot.
    pub fn token(&self) -> &str {
        &self.served.api.settings.token
    }

    /// A token of the administrator.
    pub fn admin_token(&self) -> &str {
        &self.admin_token
    }

    /// The entities of a kind, deleted ones included, sorted by name, with every property.
    pub fn entities(&self, kind: Kind) -> Vec<Value> {
        catalogue::entities(&self.served.api, kind)
    }

    /// One entity with every property, deleted or not.
    pub fn entity(&self, kind: Kind, fqn: &str) -> Option<Value> {
        catalogue::entity(&self.served.api, kind, fqn)
    }

    /// Every lineage edge: `{from: {type, fullyQualifiedName}, to: …, details}`, sorted by the ends.
    pub fn edges(&self) -> Vec<Value> {
        catalogue::edges(&self.served.api)
    }

    /// The version of every entity, by `<type> <FQN>`.
    pub fn versions(&self) -> BTreeMap<String, String> {
        catalogue::versions(&self.served.api)
    }

    /// All entities and lineage edges for a comparison of end states: sorted, ids, times and authors left out,
    /// references as type and FQN. Versions are in: loading the same twice must not raise them.
    pub fn catalogue(&self) -> Value {
        catalogue::masked(&self.served.api)
    }

    /// How many entities there are, deleted ones and the server's own users included.
    pub fn entity_count(&self) -> usize {
        self.served.api.state().store.count()
    }

    /// The newest requests.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.served.log.requests()
    }

    /// How many requests there were, by method and path pattern: `PUT /charts`, `GET /charts/name/{fqn}`.
    pub fn request_counts(&self) -> BTreeMap<String, u64> {
        self.served.log.counts()
    }

    /// How many requests there were that could have changed something: all but GET and HEAD.
    pub fn writes(&self) -> u64 {
        let counts = self.request_counts();
        let reads = |key: &str| key.starts_with("GET ") || key.starts_with("HEAD ");
        counts.iter().filter(|(key, _)| !reads(key)).map(|(_, count)| count).sum()
    }

    /// Forgets the requests and their counts.
    pub fn clear_requests(&self) {
        self.served.log.clear();
    }

    /// The faults.
    pub fn faults(&self) -> &Faults {
        &self.served.faults
    }

    /// Puts a seed into the catalogue, as the administrator; what is there already is updated.
    ///
    /// # Errors
    /// When a part of it is refused.
    pub fn seed(&self, seed: &Seed) -> Result<(), Error> {
        for (kind, body) in seed.requests() {
            let (status, answer) =
                self.as_admin("PUT", &format!("/{}", kind.collection()), Some(&body));
            if status >= 300 {
                return Err(Error::Seed {
                    what: format!("{kind} {}", body["name"]),
                    answer: answer.to_string(),
                });
            }
        }
        Ok(())
    }

    /// Carries out a request as the administrator, without the network, uncounted and without faults: what a
    /// person does in the user interface. `path` is what follows `/api/v1`.
    pub fn as_admin(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call(method, path, body, &self.admin_token)
    }

    /// The same as the ingestion bot.
    pub fn as_bot(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call(method, path, body, self.token())
    }

    fn call(&self, method: &str, path: &str, body: Option<&Value>, token: &str) -> (u16, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let content_type =
            if method == "PATCH" { "application/json-patch+json" } else { "application/json" };
        let request = Request {
            method,
            path: &format!("/api/v1{path}"),
            query,
            token: Some(token),
            content_type: Some(content_type),
            if_match: None,
            host: &self.address.to_string(),
            body: body.as_bytes(),
        };
        let (answer, _) = self.served.api.answer(&request);
        let text = String::from_utf8_lossy(&answer.body);
        (
            answer.status,
            serde_json::from_str(&text).unwrap_or_else(|_| Value::String(text.into_owned())),
        )
    }

    /// Gives the ingestion bot another token and makes the server forget the old one at once.
    pub fn replace_token(&self, token: &str) {
        let state = &mut *self.served.api.state();
        if let Some(bot) = state.store.find(Kind::User, INGESTION_BOT) {
            state.access.forget(bot.id);
            state.access.set_token(bot, token);
        }
    }

    /// Stops accepting, lets running requests finish, and returns when every connection is closed.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
