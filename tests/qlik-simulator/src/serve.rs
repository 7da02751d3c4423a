//! Listening: TCP, TLS, HTTP/1.1, and what each port answers.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::bundle::Person;
use crate::engine::{self, Endpoint, Start, parse_user};
use crate::http::{self, header_text};
use crate::settings::{Mode, Qrs};
use crate::site::Site;
use crate::{cloud, proxy, qrs, rest};

/// Connections of one port at the same time; more wait to be accepted.
const MAX_CONNECTIONS: usize = 8192;

/// How long a TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(15);

/// What listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Port {
    /// The engine, or the proxy in its place.
    Engine,
    /// The repository.
    Qrs,
}

/// Binds a port.
pub(crate) async fn bind(address: IpAddr, port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::new(address, port)).await
}

/// Accepts connections until the site shuts down.
pub(crate) async fn accept(
    site: Arc<Site>,
    port: Port,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = site.shutdown.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: give others the time to close some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (task, tls) = (site.clone(), tls.clone());
        site.tasks.spawn(async move {
            let shutdown = task.shutdown.clone();
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = connection(task, port, stream, tls) => {}
            }
            drop(slot);
        });
    }
}

async fn connection(site: Arc<Site>, port: Port, stream: TcpStream, tls: Option<TlsAcceptor>) {
    let has_repository =
        site.behaviour().qrs != Qrs::Absent && !matches!(site.mode, Mode::Cloud(_));
    if port == Port::Qrs && !has_repository {
        return;
    }
    stream.set_nodelay(true).ok();
    let Some(tls) = tls else { return http1(site, port, stream).await };
    match tokio::time::timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => http1(site, port, stream).await,
        Ok(Err(error)) => tracing::debug!(%error, ?port, "refused a TLS connection"),
        Err(_) => tracing::debug!(?port, "a TLS handshake took too long"),
    }
}

async fn http1<S>(site: Arc<Site>, port: Port, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let site = site.clone();
        async move { Ok::<_, Infallible>(answer(&site, port, request.map(Body::new)).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, ?port, "a connection ended");
    }
}

async fn answer(site: &Arc<Site>, port: Port, request: Request<Body>) -> Response<Body> {
    if let (Port::Engine, Mode::Proxy(settings)) = (port, &site.mode) {
        return proxy::handle(site, settings, request).await;
    }
    if let (Port::Engine, Mode::Cloud(settings)) = (port, &site.mode) {
        return cloud::handle(site, settings, request).await;
    }
    let Some(user) = user(site, &request) else { return http::empty(StatusCode::FORBIDDEN) };
    let path = request.uri().path().to_owned();
    if port == Port::Qrs {
        return qrs::handle(site, &path, request).await;
    }
    if engine::is_upgrade(request.headers()) {
        return match Endpoint::parse(&path) {
            Some(endpoint) => engine::upgrade(site, request, endpoint, Start::User(user)),
            None => http::empty(StatusCode::NOT_FOUND),
        };
    }
    match rest::route(&path) {
        Some((id, part)) if request.method() == Method::GET => {
            rest::answer(site, &path, id, part).await
        }
        _ => http::cannot_get(&path),
    }
}

/// Behind a certificate the header says who asks; without TLS there is one user.
fn user(site: &Site, request: &Request<Body>) -> Option<Person> {
    match site.mode {
        Mode::Plain => Some(Person::new("PERSONAL", "me")),
        Mode::Certificates | Mode::Proxy(_) | Mode::Cloud(_) => {
            header_text(request.headers(), "x-qlik-user").and_then(parse_user)
        }
    }
}
