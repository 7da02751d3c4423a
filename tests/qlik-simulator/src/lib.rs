//! A Qlik Sense site for tests and demonstrations, served from app bundles.
//!
//! A client finds what it would find on a client-managed site: the engine (JSON-RPC over websockets
//! with mutual TLS, with its notifications, sessions, replies out of order, stripped defaults), its
//! REST routes, and the repository (QRS); or all of it behind a virtual proxy. [`Control`] changes
//! the site while it runs and lays faults on it; [`Stats`] says what clients did.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use qlik_simulator::{Bundle, QlikSite, Settings};
//!
//! let apps = Bundle::load_folder("tests/sample-apps".as_ref())?;
//! let site = QlikSite::start(Settings { apps, ..Settings::default() }).await?;
//! println!("{} {}", site.engine_url(), site.certificates().client_pem());
//! site.shutdown().await;
//! # Ok(())
//! # }
//! ```

pub mod admin;
mod bundle;
mod certificates;
mod cloud;
mod content;
mod control;
mod data_model;
mod engine;
mod faults;
mod http;
mod proxy;
mod qrs;
mod rest;
mod serve;
mod settings;
mod site;
mod stats;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_rustls::TlsAcceptor;

pub use bundle::{Bundle, BundleError, Connection, LineageEntry, Person, SheetKeys, SiteKeys};
pub use certificates::{CertificateError, Certificates};
pub use control::{Control, Description, Touch};
pub use faults::{Effect, Fault};
pub use settings::{
    Behaviour, CloudSettings, Latencies, Mode, Opening, ProxySettings, Qrs, Rest, ScriptAccess,
    Settings,
};
pub use stats::{Opens, Stats};

use serve::Port;
use site::Site;

/// Why a site could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port could not be bound.
    #[error("listen on port {port} of {address} for the {purpose}")]
    Bind {
        /// Address.
        address: IpAddr,
        /// Port; 0 is a free one.
        port: u16,
        /// What it is for.
        purpose: &'static str,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// Certificates could not be made.
    #[error("prepare the site's certificates")]
    Certificates(#[from] CertificateError),
    /// The runtime ended meanwhile.
    #[error("generate certificates in the background")]
    Interrupted(#[source] tokio::task::JoinError),
    /// A bundle is not usable.
    #[error("prepare the site's apps")]
    Bundle(#[from] BundleError),
}

/// Starts sites.
pub struct QlikSite;

impl QlikSite {
    /// Starts a site; it listens when this returns.
    pub async fn start(mut settings: Settings) -> Result<Running, StartError> {
        let certificates = match settings.certificates.take() {
            Some(given) => given,
            None => {
                // Generating RSA keys takes a while.
                let host_name = settings.host_name.clone();
                let made = tokio::task::spawn_blocking(move || Certificates::shared(&host_name));
                made.await.map_err(StartError::Interrupted)??
            }
        };
        let (engine_tls, qrs_tls) = match settings.mode {
            Mode::Plain => (None, None),
            Mode::Certificates => {
                let config = Arc::new(certificates.mutual_tls()?);
                (Some(config.clone()), Some(config))
            }
            Mode::Proxy(_) | Mode::Cloud(_) => (
                Some(Arc::new(certificates.server_tls()?)),
                Some(Arc::new(certificates.mutual_tls()?)),
            ),
        };
        let address = settings.bind;
        let bind = async |port: u16, purpose: &'static str| {
            serve::bind(address, port).await.map_err(|source| StartError::Bind {
                address,
                port,
                purpose,
                source,
            })
        };
        let engine = bind(settings.engine_port, "engine").await?;
        let qrs = bind(settings.qrs_port, "repository").await?;
        let admin = match settings.admin_port {
            Some(port) => Some(bind(port, "admin interface").await?),
            None => None,
        };
        let local = |listener: &tokio::net::TcpListener, purpose| {
            listener.local_addr().map_err(|source| StartError::Bind {
                address,
                port: 0,
                purpose,
                source,
            })
        };
        let engine_address = local(&engine, "engine")?;
        let qrs_address = local(&qrs, "repository")?;
        let admin_address =
            admin.as_ref().map(|admin| local(admin, "admin interface")).transpose()?;

        let host = if settings.host_name == "localhost" {
            settings.host_name.clone()
        } else {
            address.to_string()
        };
        let site = Arc::new(Site::new(&mut settings)?);
        let control = Control { site: site.clone() };
        let acceptor = |config: Option<Arc<rustls::ServerConfig>>| config.map(TlsAcceptor::from);
        site.tasks.spawn(serve::accept(site.clone(), Port::Engine, engine, acceptor(engine_tls)));
        site.tasks.spawn(serve::accept(site.clone(), Port::Qrs, qrs, acceptor(qrs_tls)));
        if let Some(listener) = admin {
            let router = admin::router(control.clone());
            let shutdown = site.shutdown.clone();
            site.tasks.spawn(async move {
                let served = axum::serve(listener, router)
                    .with_graceful_shutdown(shutdown.cancelled_owned())
                    .await;
                if let Err(error) = served {
                    tracing::warn!(%error, "the admin interface ended");
                }
            });
        }
        Ok(Running {
            control,
            certificates,
            host,
            mode: settings.mode,
            engine_address,
            qrs_address,
            admin_address,
        })
    }
}

/// A running site. Dropping it shuts it down.
pub struct Running {
    control: Control,
    certificates: Certificates,
    host: String,
    mode: Mode,
    engine_address: SocketAddr,
    qrs_address: SocketAddr,
    admin_address: Option<SocketAddr>,
}

impl Running {
    /// Base of the engine's websockets, without a path: `wss://127.0.0.1:40123`, `ws://…` without
    /// TLS, and with the prefix behind a virtual proxy: `wss://127.0.0.1:40123/jwt`.
    pub fn engine_url(&self) -> String {
        let scheme = if self.mode == Mode::Plain { "ws" } else { "wss" };
        format!("{scheme}://{}:{}{}", self.host, self.engine_address.port(), self.prefix())
    }

    /// Base of HTTP on the engine's port (REST; `/qps` and `/qrs` behind a virtual proxy).
    pub fn rest_url(&self) -> String {
        let scheme = if self.mode == Mode::Plain { "http" } else { "https" };
        format!("{scheme}://{}:{}{}", self.host, self.engine_address.port(), self.prefix())
    }

    /// Base of the repository: `https://127.0.0.1:40124/qrs`.
    pub fn qrs_url(&self) -> String {
        let scheme = if self.mode == Mode::Plain { "http" } else { "https" };
        format!("{scheme}://{}:{}/qrs", self.host, self.qrs_address.port())
    }

    /// Base of the admin interface, when there is one.
    pub fn admin_url(&self) -> Option<String> {
        self.admin_address.map(|address| format!("http://{address}"))
    }

    /// The site's certificates.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// The handle that steers the site.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Statistics so far.
    pub fn stats(&self) -> Stats {
        self.control.stats()
    }

    /// Stops listening, breaks all connections and waits until everything has ended.
    pub async fn shutdown(self) {
        let site = self.control.site.clone();
        drop(self);
        site.tasks.close();
        site.tasks.wait().await;
    }

    fn prefix(&self) -> String {
        match &self.mode {
            Mode::Proxy(proxy) if !proxy.prefix.is_empty() => format!("/{}", proxy.prefix),
            _ => String::new(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.site.shutdown.cancel();
    }
}

/// Locks a mutex. Nothing that holds one of them can be left half done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
