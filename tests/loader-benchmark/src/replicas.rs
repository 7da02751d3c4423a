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
use extractor::kafka::{Partitions, Publisher, Record, ensure};
use loader::sink::Change;
use openmetadata_simulator::{Kind, Running};
use rdkafka::mocking::MockCluster;
use schemas::{
    Event, Topic, TopicNames,
    config::{Document, Kafka, Problems, RawKafka},
    headers,
};
use serde_json::{Value, json};

use crate::{
    count, say,
    site::{self, EVENTS_PER_APP, SERVICE},
    start,
};

/// Between two looks at the catalogue.
const LOOK: Duration = Duration::from_millis(50);
/// For the brokers to confirm what is written.
const DELIVERY: Duration = Duration::from_secs(60);

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
    let prefix = format!("bench{}.", uuid::Uuid::new_v4().simple());
    let mock = match arguments.bootstrap_servers {
        Some(_) => None,
        None => Some(mock(&prefix, arguments.partitions)?),
    };
    let own = mock.as_ref().map(MockCluster::bootstrap_servers);
    let servers = arguments.bootstrap_servers.clone().or(own).context("no broker")?;
    let block = json!({
        "bootstrapServers": servers,
        "topicPrefix": prefix,
        "partitions": arguments.partitions,
        "createTopics": mock.is_none(),
        "properties": {"session.timeout.ms": 6000},
    });
    write(&block, mock.is_some(), arguments).await?;
    let events = arguments.apps * EVENTS_PER_APP;
    let build = if cfg!(debug_assertions) { "debug" } else { "release" };
    say(&format!(
        "{} apps, {events} events, {} partitions, {} ms a request, {build} build",
        arguments.apps, arguments.partitions, arguments.latency
    ));
    let mut alone = None;
    for replicas in &arguments.replicas {
        let took = load(&block, arguments, *replicas).await?;
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

fn mock(
    prefix: &str,
    partitions: u32,
) -> anyhow::Result<MockCluster<'static, rdkafka::producer::DefaultProducerContext>> {
    let names = TopicNames::new(prefix).map_err(anyhow::Error::msg)?;
    let cluster = MockCluster::new(1).context("failed to start the embedded broker")?;
    for topic in Topic::ALL {
        cluster.create_topic(&names.name(topic), i32::try_from(partitions)?, 1)?;
    }
    Ok(cluster)
}

/// Writes all events, as an extractor does.
async fn write(block: &Value, is_mock: bool, arguments: &Replicas) -> anyhow::Result<()> {
    let kafka = settings(block)?;
    let partitions: Partitions = if is_mock {
        Topic::ALL.into_iter().map(|topic| (topic, arguments.partitions)).collect()
    } else {
        ensure(&kafka).await?
    };
    let publisher = Publisher::new(&kafka, partitions, DELIVERY).await?;
    for app in 0..arguments.apps {
        let events = site::app(app).into_iter().filter_map(|item| match item.change {
            Change::Upsert(event) => Some(record(*event)),
            Change::Delete { .. } => None,
        });
        publisher.publish(events.collect()).await?;
    }
    Ok(())
}

fn settings(block: &Value) -> anyhow::Result<Kafka> {
    let mut problems = Problems::default();
    let document = Document::parse(&json!({"kafka": block}).to_string(), &[])
        .map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let kafka = document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
    anyhow::ensure!(problems.list().is_empty(), "{problems}");
    Ok(kafka)
}

fn record(event: Event) -> Record {
    let hash = event.content_hash();
    let headers = headers::of_record(&headers::HeaderValues {
        service: SERVICE,
        topic: event.topic(),
        id: event.key(),
        time: "2026-01-01T00:00:00Z".to_owned(),
        run_id: "benchmark",
        event: Some(&event),
        content_hash: Some(&hash),
        extract_fingerprint: None,
        listed_hash: None,
        described_hash: None,
        edge: None,
    });
    Record {
        topic: event.topic(),
        key: event.key(),
        partition_text: event.partition_text().to_owned(),
        headers,
        event: Some(event),
    }
}

/// From the first write to the last: the time in which members find each other is not counted.
async fn load(block: &Value, arguments: &Replicas, replicas: usize) -> anyhow::Result<Duration> {
    let server = start("1.12.6".parse().map_err(anyhow::Error::msg)?, 0).await?;
    server.faults().set_latency(Duration::from_millis(arguments.latency));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("config.yaml");
    fs::write(&path, configuration(block, &server, replicas).to_string())?;
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

fn configuration(block: &Value, server: &Running, replicas: usize) -> Value {
    json!({
        "source": {
            "type": "qliksense",
            "serviceName": SERVICE,
            "serviceConnection": {"config": {
                "type": "QlikSense",
                "hostPort": "wss://qlik.example.com:4747",
                "displayUrl": "https://qlik.example.com",
            }},
            "sourceConfig": {"config": {"type": "DashboardMetadata"}},
        },
        "workflowConfig": {"openMetadataServerConfig": {
            "hostPort": server.url(),
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": server.token()},
        }},
        "kafka": block,
        "loader": {"groupId": format!("bench-{replicas}")},
    })
}
