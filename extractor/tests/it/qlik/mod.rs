//! The Qlik client against a small server with real sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod certificates;
mod cloud;
mod connecting;
mod crawl;
mod data_model;
mod feed;
mod inventory;
mod login;
mod server;

use std::time::Duration;

use extractor::qlik::model::AppEntry;
use extractor::qlik::settings::{Auth, Repository, Timeouts};
use extractor::qlik::{ReadLimits, Settings, Site};
use tokio_util::sync::CancellationToken;

/// Settings for a server without TLS; waits are too short to notice.
fn plain(server: &server::Server) -> Settings {
    fast(Settings::new(format!("ws://localhost:{}", server.port()), Auth::None))
}

fn fast(mut settings: Settings) -> Settings {
    settings.timeouts = Timeouts {
        session_limit_backoff: Duration::from_millis(1),
        retry: Duration::from_millis(1),
        ..Timeouts::default()
    };
    settings
}

fn site(settings: Settings) -> Site {
    Site::new(settings).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The server's one app, reloaded.
fn app() -> AppEntry {
    AppEntry {
        id: server::APP.to_owned(),
        title: "Sales".to_owned(),
        last_reload_at: Some(1),
        ..AppEntry::default()
    }
}

/// Time enough.
fn limits() -> ReadLimits {
    ReadLimits { deadline: Duration::from_secs(120), cancel: CancellationToken::new() }
}

/// Repository of the same server.
fn repository(server: &server::Server) -> Repository {
    Repository::At(format!("http://localhost:{}", server.port()))
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
