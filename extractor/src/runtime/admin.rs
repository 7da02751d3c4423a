//! The admin server: `/` is a page for people, `/healthz` answers while the process lives, `/readyz` once a run over the whole
//! site has succeeded and as long as the last one did, `/metrics` is for Prometheus.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{metrics::Metrics, page, shown};
use crate::{config::Settings, records::now};

/// Whether the last run over the whole site succeeded; shared with the admin server. Apps that could
/// not be read do not make it unready, a site or a broker that cannot be used does.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Notes how a run ended.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Serves until cancelled; returns the address that was bound.
///
/// # Errors
/// When the address cannot be bound.
pub async fn serve(
    address: SocketAddr,
    readiness: Readiness,
    metrics: Metrics,
    settings: &Settings,
    cancel: CancellationToken,
) -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    info!(address = %bound, "admin server");
    let (service, rows) = (settings.service.clone(), shown::settings(settings));
    let (seen, ready) = (metrics.clone(), readiness.clone());
    let page = move || async move {
        (page::HEADERS, page::render(&service, ready.get(), &seen.seen(), &rows, now()))
    };
    let exposition = move || async move {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.exposition())
    };
    let routes = Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(exposition))
        .with_state(readiness);
    tokio::spawn(async move {
        let stopped = cancel.cancelled_owned();
        if let Err(error) = axum::serve(listener, routes).with_graceful_shutdown(stopped).await {
            warn!(%error, "the admin server ended");
        }
    });
    Ok(bound)
}

async fn readyz(State(readiness): State<Readiness>) -> (StatusCode, &'static str) {
    if readiness.get() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no successful run yet, or the last one failed\n")
    }
}
