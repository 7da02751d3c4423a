//! The admin server: `/` is a page for people, `/healthz`, `/readyz` and `/metrics` are for Kubernetes and
//! Prometheus.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    http::{StatusCode, header},
    routing::get,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    metrics::{Member, exposition},
    page, shown,
};
use crate::{
    config::Settings,
    recent::Recent,
    report::{Tally, now},
    sink::Fatal,
};

/// Serves until `shutdown`. Ready means that partitions are assigned (or that there are none for this
/// member); alive means that the process answers.
///
/// # Errors
/// When the address cannot be bound.
pub async fn start(
    address: SocketAddr,
    tally: Arc<Tally>,
    settings: &Settings,
    shutdown: CancellationToken,
) -> Result<SocketAddr, Fatal> {
    let listener = tokio::net::TcpListener::bind(address).await.map_err(|error| Fatal {
        message: format!(
            "failed to listen on `{address}` (`loader.adminAddress`): {error}; is it in use?"
        ),
        exit_code: 2,
    })?;
    let bound = listener.local_addr().unwrap_or(address);
    let rows = shown::settings(settings);
    let (ready, metrics, seen) = (Arc::clone(&tally), Arc::clone(&tally), tally);
    let page = move || async move {
        let recent = seen.recent();
        let member = member(&seen, &recent);
        (page::HEADERS, page::render(member, &seen.snapshot(), &recent, &rows, &now()))
    };
    let routes = Router::new()
        .route("/", get(page))
        .route("/healthz", get(|| async { "ok\n" }))
        .route(
            "/readyz",
            get(|| async move {
                match ready.is_ready() {
                    true => (StatusCode::OK, "ready\n"),
                    false => (StatusCode::SERVICE_UNAVAILABLE, "not in the consumer group yet\n"),
                }
            }),
        )
        .route(
            "/metrics",
            get(|| async move {
                let member = member(&metrics, &metrics.recent());
                (HEADER, exposition(&metrics.snapshot(), member))
            }),
        );
    tokio::spawn(async move {
        let served =
            axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the admin server ended");
        }
    });
    info!(address = %bound, "admin server");
    Ok(bound)
}

/// Prometheus' text format.
const HEADER: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];

fn member(tally: &Tally, recent: &Recent) -> Member {
    Member { is_ready: tally.is_ready(), assigned: tally.assigned(), revisits: recent.revisits }
}
