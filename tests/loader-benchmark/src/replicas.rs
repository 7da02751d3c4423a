//! How much faster several loaders are: 1, 2, 4 processes of one consumer group, each time with a group and
//! a catalogue of its own, over the same topics. The catalogue takes its time for every request, as a real
//! server does; it has no other limit, which a real server has.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use clap::Args;
use end_to_end::stage;
use openmetadata_simulator::Kind;
use serde_json::Value;

use crate::{
    count, say,
    site::Shape,
    start,
    topics::{self, Topics},
};

/// Between two looks at the catalogue.
const LOOK: Duration = Duration::from_millis(50);

/// Measures several loaders of one group.
#[derive(Debug, Args)]
pub(crate) struct Replicas {
    /// Numbers of loaders.
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    replicas: Vec<usize>,
    /// Apps on the topics.
    #[arg(long, default_value_t = 120)]
    apps: usize,
    /// Partitions of every topic.
    #[arg(long, default_value_t = 12)]
    partitions: u32,
    /// Milliseconds of every request to the catalogue.
    #[arg(long, default_value_t = 50)]
    latency: u64,
    /// A Kafka broker; default: one in this process, for 5 MiB a partition.
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
}

/// Prints a line for each number of loaders.
pub(crate) async fn measured(arguments: &Replicas) -> anyhow::Result<()> {
    let topics = Topics::start(arguments.bootstrap_servers.as_deref(), arguments.partitions)?;
    let events = topics.write(Shape::default(), arguments.apps).await?;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    say(&format!(
        "{} apps, {events} events, {} partitions, {} ms a request, {build} build",
        arguments.apps, arguments.partitions, arguments.latency
    ));
    let mut alone = None;
    for replicas in &arguments.replicas {
        let took = load(topics.block(), arguments, *replicas).await?;
        let rate = count(events) / took.as_secs_f64();
        let alone = *alone.get_or_insert(rate);
        say(&format!(
            "{replicas:>2} loaders: {:>6.1} s, {rate:>6.0} events/s, {:.1} times the first",
            took.as_secs_f64(),
            rate / alone
        ));
    }
    Ok(())
}

/// From the first write to the last: the time in which members find each other is not counted.
async fn load(block: &Value, arguments: &Replicas, replicas: usize) -> anyhow::Result<Duration> {
    let server = start("1.12.6".parse().map_err(anyhow::Error::msg)?, 0).await?;
    server.faults().set_latency(Duration::from_millis(arguments.latency));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("config.yaml");
    fs::write(
        &path,
        topics::configuration(block, &server, &format!("bench-{replicas}")).to_string(),
    )?;
    let loaders = (0..replicas).map(|_| {
        tokio::spawn(stage::finish(stage::start("loader", &path, &["run", "--until-end"])))
    });
    let loaders: Vec<_> = loaders.collect();
    let (mut first, mut last, mut writes) = (None, Instant::now(), server.writes());
    while !loaders.iter().all(tokio::task::JoinHandle::is_finished) {
        tokio::time::sleep(LOOK).await;
        let now = server.writes();
        if now > writes {
            (writes, last) = (now, Instant::now());
            first.get_or_insert(last);
        }
    }
    for loader in loaders {
        let ended = loader.await?;
        anyhow::ensure!(ended.code == Some(0), "a loader ended with {:?}", ended);
    }
    let dashboards = server.entities(Kind::Dashboard).len();
    anyhow::ensure!(dashboards == arguments.apps, "{dashboards} dashboards");
    Ok(last.duration_since(first.context("nothing was written")?))
}
