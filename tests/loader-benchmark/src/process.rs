//! A loader as a process, with its Kafka client: what it uses while it loads a large site once fresh and once
//! unchanged, stage by stage. Its memory is looked at from outside.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use end_to_end::stage;
use openmetadata_simulator::Running;
use serde_json::Value;

use crate::{
    measure::{self, Memory},
    say, site, start,
    topics::{self, Topics},
};

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// MiB.
const GOAL: u64 = 128;

/// Measures a loader as a process.
#[derive(Debug, Args)]
pub(crate) struct Process {
    /// About how many events the site has.
    #[arg(long, default_value_t = 1_000_000)]
    events: usize,
    /// Fields of every table: as many columns an edge of a script may have.
    #[arg(long, default_value_t = 40)]
    fields: usize,
    /// Partitions of every topic.
    #[arg(long, default_value_t = 12)]
    partitions: u32,
    /// A Kafka broker; default: one in this process, for 5 MiB a partition.
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
    /// Another loader than that of this build.
    #[arg(long, value_name = "FILE")]
    loader: Option<PathBuf>,
    /// A file for a line of every look: run, seconds, records read by topic, KiB.
    #[arg(long, value_name = "FILE")]
    curve: Option<PathBuf>,
    /// A file for the loader's log.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Exit with 1 when the goal is missed.
    #[arg(long)]
    check: bool,
}

/// Prints a line for each stage of each run.
pub(crate) async fn measured(arguments: &Process) -> anyhow::Result<()> {
    let topics = Topics::start(arguments.bootstrap_servers.as_deref(), arguments.partitions)?;
    let shape = site::Shape { fields: arguments.fields, has_scripts: true };
    let apps = (arguments.events / shape.events_per_app()).max(1);
    let events = topics.write(shape, apps).await?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    say(&format!(
        "{apps} apps, {events} events, {} fields a table, {} partitions, {build} build",
        arguments.fields, arguments.partitions
    ));
    let server = start("1.12.6".parse().map_err(anyhow::Error::msg)?, 0).await?;
    server.seed(&site::databases(shape)).context("the tables of databases are refused")?;
    let mut curve = String::new();
    let mut most = 0;
    for run in ["first load", "unchanged replay"] {
        server.clear_requests();
        let block = topics.block();
        let mut config = topics::configuration(block, &server, &run.replace(' ', "-"));
        let program = arguments.loader.clone().unwrap_or_else(|| stage::binary("loader"));
        let watched = Watched { run, program, log: arguments.log.as_deref(), server: &server };
        most = most.max(watched.to_the_end(&mut config, &mut curve).await?);
    }
    if let Some(file) = &arguments.curve {
        fs::write(file, curve).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    let is_reached = most <= GOAL;
    say(&format!(
        "{} memory of a process: {most} MiB",
        if is_reached { "reached" } else { "missed " }
    ));
    anyhow::ensure!(is_reached || !arguments.check, "a goal is missed");
    Ok(())
}

/// A loader that is looked at.
struct Watched<'a> {
    run: &'a str,
    program: PathBuf,
    log: Option<&'a Path>,
    server: &'a Running,
}

impl Watched<'_> {
    /// Runs it to its end; the most memory that it had, in MiB.
    async fn to_the_end(&self, config: &mut Value, curve: &mut String) -> anyhow::Result<u64> {
        let address = free_address()?;
        config["loader"]["adminAddress"] = address.as_str().into();
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("config.yaml");
        fs::write(&path, config.to_string())?;
        let mut command = tokio::process::Command::new(&self.program);
        command.arg("--config").arg(&path).args(["run", "--until-end"]).kill_on_drop(true);
        let own_log = folder.path().join("log");
        let log = self.log.unwrap_or(&own_log);
        command.stdout(File::create(log)?).stderr(File::options().append(true).open(log)?);
        let (begun, writes) = (Instant::now(), self.server.writes());
        let mut child = command.spawn().context("the loader does not start")?;
        let pid = child.id().context("the loader ended at once")?;
        let http = reqwest::Client::new();
        let mut stages: Vec<Stage> = Vec::new();
        let mut most = 0;
        let ended = loop {
            if let Some(ended) = child.try_wait()? {
                break ended;
            }
            if let Some(Memory { now, peak }) = measure::memory(pid) {
                most = peak;
                let read = read_by_topic(&http, &address).await.unwrap_or_default();
                let name = stage_of(&read, stages.last());
                let (seconds, cpu) =
                    (begun.elapsed().as_secs_f64(), measure::cpu(pid).as_secs_f64());
                curve.push_str(&format!("{}\t{seconds:.1}\t{read:?}\t{now}\n", self.run));
                match stages.last_mut().filter(|stage| stage.name == name) {
                    Some(stage) => stage.look(seconds, cpu, now),
                    None => stages.push(Stage::new(name, seconds, cpu, now)),
                }
            }
            tokio::time::sleep(LOOK).await;
        };
        if !ended.success() {
            anyhow::bail!("the loader ended with {ended}:\n{}", fs::read_to_string(log)?);
        }
        say(&format!(
            "{}: {:.0} s, {} writes, {} MiB at most",
            self.run,
            begun.elapsed().as_secs_f64(),
            self.server.writes() - writes,
            most / 1024
        ));
        for stage in &stages {
            say(&stage.line());
        }
        Ok(most / 1024)
    }
}

/// What was seen while a topic was read.
struct Stage {
    name: String,
    /// Seconds since the start and of computing, at its first and its last look.
    seconds: (f64, f64),
    cpu: (f64, f64),
    /// KiB at the first and the last look, and the most.
    memory: (u64, u64, u64),
}

impl Stage {
    fn new(name: String, seconds: f64, cpu: f64, now: u64) -> Self {
        Self { name, seconds: (seconds, seconds), cpu: (cpu, cpu), memory: (now, now, now) }
    }

    fn look(&mut self, seconds: f64, cpu: f64, now: u64) {
        self.seconds.1 = seconds;
        self.cpu.1 = cpu;
        self.memory = (self.memory.0, now, self.memory.2.max(now));
    }

    fn line(&self) -> String {
        let (first, last, most) = self.memory;
        format!(
            "  {:<12}{:>6.0} s, {:>6.0} s of a core, MiB: {} at the start, {} at the end, {} at most",
            self.name,
            self.seconds.1 - self.seconds.0,
            self.cpu.1 - self.cpu.0,
            first / 1024,
            last / 1024,
            most / 1024,
        )
    }
}

/// Topics are read one after the other; before the first record, keys are.
fn stage_of(read: &BTreeMap<String, u64>, last: Option<&Stage>) -> String {
    let any = |topic: &str| read.get(topic).is_some_and(|count| *count > 0);
    let reached = ["lineage", "dashboards", "charts", "datamodels"].into_iter().find(|t| any(t));
    match (reached, last) {
        (Some("charts" | "datamodels"), _) => "assets".to_owned(),
        (Some(topic), _) => topic.to_owned(),
        (None, Some(last)) => last.name.clone(),
        (None, None) => "keys".to_owned(),
    }
}

async fn read_by_topic(
    http: &reqwest::Client,
    address: &str,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let text = http.get(format!("http://{address}/metrics")).send().await?.text().await?;
    let counts = text.lines().filter_map(|line| {
        let rest = line.strip_prefix("loader_records_read_total{topic=\"")?;
        let (topic, count) = rest.split_once("\"} ")?;
        Some((topic.to_owned(), count.parse().ok()?))
    });
    Ok(counts.collect())
}

/// A port that nobody has at the moment.
fn free_address() -> anyhow::Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}
