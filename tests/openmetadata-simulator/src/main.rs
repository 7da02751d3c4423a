//! `openmetadata-simulator`: see `--help`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use openmetadata_simulator::{DEFAULT_TOKEN, OpenMetadata, Release, Seed, Settings};

/// A stand-in for an OpenMetadata server: strict request bodies, versions, soft deletes, lineage, bulk and search as
/// the real releases answer them, in memory.
///
/// Faults are set with `PUT /simulator/faults` (a JSON list), switches with `PUT /simulator/switches`; what was
/// asked and stored is under `GET /simulator/requests`, `/counts`, `/versions`, `/catalogue`.
#[derive(Debug, Parser)]
#[command(name = "openmetadata-simulator", disable_version_flag = true)]
struct Arguments {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:8585")]
    listen: SocketAddr,
    /// Where the admin port (`/ping`, `/healthcheck`) listens.
    #[arg(long)]
    admin_listen: Option<SocketAddr>,
    /// The release to impersonate: 1.1.1 to 2.0.7, or 1.2.0-SNAPSHOT.
    #[arg(long, default_value = "1.12.6")]
    version: Release,
    /// The token of the ingestion bot.
    #[arg(long, default_value = DEFAULT_TOKEN)]
    token: String,
    /// A JSON file with what the catalogue holds at the start (databaseServices, tables, users, teams, domains,
    /// classifications).
    #[arg(long)]
    seed: Option<PathBuf>,
    /// What links in answers start with; by default the `Host` of the request.
    #[arg(long)]
    public_url: Option<String>,
    /// How long every request waits, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency: u64,
    /// How many requests the log keeps.
    #[arg(long, default_value_t = 10_000)]
    log_limit: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let seed = match &arguments.seed {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("cannot read the seed `{}`", path.display()))?;
            serde_json::from_str(&text)
                .with_context(|| format!("cannot understand the seed `{}`", path.display()))?
        }
        None => Seed::default(),
    };
    let running = OpenMetadata::start(Settings {
        listen: arguments.listen,
        admin_listen: arguments.admin_listen,
        release: arguments.version,
        token: arguments.token,
        public_url: arguments.public_url,
        latency: Duration::from_millis(arguments.latency),
        log_limit: arguments.log_limit,
        ..Settings::default()
    })
    .await?;
    running.seed(&seed)?;
    say(&running.url());
    told_to_stop().await.context("cannot wait for the signal to stop")?;
    running.shutdown().await;
    Ok(())
}

/// Resolves on SIGTERM and on an interrupt from the keyboard.
async fn told_to_stop() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        // The order does not matter: either ends the program.
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

/// The base URL is what a script that starts the program waits for.
#[expect(
    clippy::print_stdout,
    reason = "standard output is the program's answer to whoever started it"
)]
fn say(url: &str) {
    println!("{url}");
}
