//! How fast the loader's sink is against the stand-in for OpenMetadata: a first load and an unchanged
//! replay, each in a process of its own, with the raw HTTP rate of the same requests beside it.
//!
//! ```text
//! cargo run --release -p loader-benchmark -- --events 100000
//! cargo run --release -p loader-benchmark -- process
//! cargo run --release -p loader-benchmark -- replicas
//! ```
//!
//! Exits with 1 when a goal is missed and `--check` is given. The goals are for release builds:
//! a first load at 0.8 of the raw rate; an unchanged replay without a write, 50,000 events a second
//! of one core's time; 128 MiB with a million events.

mod load;
mod measure;
mod process;
mod raw;
mod replicas;
mod site;
mod topics;

use std::{collections::HashMap, path::PathBuf, process::Stdio};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use openmetadata_simulator::{Kind, OpenMetadata, Release, Running, Settings};
use serde::de::DeserializeOwned;

use crate::{
    load::Loaded,
    raw::{Recorded, Recording},
    site::Shape,
};

/// Share of the raw rate, events a second and core, MiB.
const GOALS: (f64, f64, u64) = (0.8, 50_000.0, 128);

/// Measures the loader's sink.
#[derive(Debug, Parser)]
struct Arguments {
    /// About how many events the site has.
    #[arg(long, default_value_t = 42_000)]
    events: usize,
    /// The release that the stand-in impersonates.
    #[arg(long, default_value = "1.12.6")]
    version: Release,
    /// Do not send the same requests raw: their bodies take more memory than a large site has.
    #[arg(long)]
    without_raw: bool,
    /// Exit with 1 when a goal is missed.
    #[arg(long)]
    check: bool,
    #[command(subcommand)]
    child: Option<Child>,
}

/// Another measurement, and what the program runs itself as.
#[derive(Debug, Subcommand)]
enum Child {
    /// A loader as a process: its memory with a large site.
    Process(process::Process),
    /// Several loaders of one group, as processes over a broker.
    Replicas(replicas::Replicas),
    /// Loads.
    #[command(hide = true)]
    Load {
        url: String,
        token: String,
        apps: usize,
        #[arg(long)]
        without_edges: bool,
    },
    /// Sends a recording.
    #[command(hide = true)]
    Raw { root: String, token: String, file: PathBuf },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.child {
        Some(Child::Load { url, token, apps, without_edges }) => {
            let loaded = load::load(&url, &token, apps, without_edges).await?;
            say(&serde_json::to_string(&loaded)?);
        }
        Some(Child::Raw { root, token, file }) => {
            say(&raw::send(&root, &token, &file).await?.to_string());
        }
        Some(Child::Process(arguments)) => process::measured(&arguments).await?,
        Some(Child::Replicas(arguments)) => replicas::measured(&arguments).await?,
        None => {
            let is_reached = measured(&arguments).await?;
            anyhow::ensure!(is_reached || !arguments.check, "a goal is missed");
        }
    }
    Ok(())
}

async fn measured(arguments: &Arguments) -> anyhow::Result<bool> {
    let per_app = Shape::default().events_per_app();
    let apps = (arguments.events / per_app).max(1);
    let recorded = if arguments.without_raw { 0 } else { usize::MAX };
    let server = start(arguments.version.clone(), recorded).await?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    say(&format!(
        "{apps} apps, {} events, OpenMetadata {}, {build} build",
        apps * per_app,
        arguments.version
    ));
    let first: Loaded = load(&server, apps, false).await?;
    tell("first load", &first);

    let share = match arguments.without_raw {
        true => None,
        false => Some(raw_share(arguments, &server, first.seconds).await?),
    };
    server.clear_requests();
    let again: Loaded = load(&server, apps, false).await?;
    tell("unchanged replay", &again);
    let entities: Loaded = load(&server, apps, true).await?;
    tell("  without lineage", &entities);
    let (goal_share, goal_rate, goal_mib) = GOALS;
    let rate = per_core(&again);
    let mut goals = Vec::new();
    goals.extend(share.map(|share| ("first load, share of the raw rate", share >= goal_share)));
    goals.extend([
        ("unchanged replay writes nothing", again.writes == 0 && again.created == 0),
        ("unchanged replay, events a second and core", rate >= goal_rate),
        ("memory", first.peak_mib.max(again.peak_mib) <= goal_mib),
    ]);
    for (goal, is_reached) in &goals {
        say(&format!("{} {goal}", if *is_reached { "reached" } else { "missed " }));
    }
    Ok(goals.iter().all(|(_, is_reached)| *is_reached))
}

/// Sends what the server was asked to a fresh one, without thinking; the load's share of that rate.
async fn raw_share(arguments: &Arguments, server: &Running, load: f64) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recording.json");
    std::fs::write(&file, serde_json::to_vec(&recording(server))?)?;
    let fresh = start(arguments.version.clone(), 0).await?;
    let root = fresh.url().trim_end_matches("/api").to_owned();
    let path = file.to_string_lossy().into_owned();
    let seconds: f64 = child(&["raw", &root, fresh.token(), &path]).await?;
    let share = seconds / load;
    say(&format!(
        "{:<24}{seconds:>8.2} s: the load is at {share:.2} of the raw rate",
        "  the same, raw"
    ));
    Ok(share)
}

fn per_core(loaded: &Loaded) -> f64 {
    count(loaded.events) / loaded.cpu_seconds.max(0.01)
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn count(events: usize) -> f64 {
    events as f64
}

fn tell(what: &str, loaded: &Loaded) {
    let Loaded { events, seconds, requests, writes, peak_mib, .. } = loaded;
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let per_event = *requests as f64 / count(*events);
    say(&format!(
        "{what:<24}{seconds:>8.2} s: {:.0} events/s, {:.0} events/s and core, {per_event:.3} requests an event, {writes} writes, {peak_mib} MiB",
        count(*events) / seconds,
        per_core(loaded),
    ));
}

async fn start(release: Release, body_limit: usize) -> anyhow::Result<Running> {
    let log_limit = if body_limit == 0 { 0 } else { usize::MAX };
    let settings =
        Settings { log_limit, log_body_limit: body_limit, ..Settings::of_release(release) };
    OpenMetadata::start(settings).await.context("the stand-in does not start")
}

async fn load(server: &Running, apps: usize, without_edges: bool) -> anyhow::Result<Loaded> {
    let (url, apps) = (server.url(), apps.to_string());
    let mut arguments = vec!["load", &url, server.token(), &apps];
    arguments.extend(without_edges.then_some("--without-edges"));
    child(&arguments).await
}

/// What the server was asked, and whose ids are in that.
fn recording(server: &Running) -> Recording {
    let requests = server.requests().into_iter().map(|request| Recorded {
        method: request.method,
        path: request.path,
        body: request.body,
    });
    let mut names = HashMap::new();
    for kind in [Kind::Dashboard, Kind::DataModel] {
        for entity in server.entities(kind) {
            let text = |name: &str| entity.get(name)?.as_str().map(str::to_owned);
            if let (Some(id), Some(name)) = (text("id"), text("fullyQualifiedName")) {
                names.insert(id, name);
            }
        }
    }
    Recording { requests: requests.collect(), names }
}

/// Runs this program as something else and reads what it says.
async fn child<T: DeserializeOwned>(arguments: &[&str]) -> anyhow::Result<T> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .args(arguments)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await?;
    anyhow::ensure!(
        output.status.success(),
        "`{}` ended with {}",
        arguments.join(" "),
        output.status
    );
    serde_json::from_slice(&output.stdout).context("the child says something else")
}

#[expect(clippy::print_stdout, reason = "the figures are what the program is for")]
fn say(text: &str) {
    println!("{text}");
}
