//! Topics with a generated site in them, and the configuration of loaders that read them.

use std::time::Duration;

use anyhow::Context as _;
use extractor::kafka::{Partitions, Publisher, Record, ensure};
use loader::sink::{Change, Item};
use openmetadata_simulator::Running;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use schemas::{
    Event, Topic, TopicNames,
    config::{Document, Kafka, Problems, RawKafka},
    headers,
};
use serde_json::{Value, json};

use crate::site::{self, SERVICE, Shape};

/// For the brokers to confirm what is written.
const DELIVERY: Duration = Duration::from_secs(60);

/// Topics of their own on a broker.
pub(crate) struct Topics {
    mock: Option<MockCluster<'static, DefaultProducerContext>>,
    block: Value,
    partitions: u32,
}

impl Topics {
    /// On the broker at `servers`, else on one in this process, which keeps 5 MiB (packed) of a partition.
    pub(crate) fn start(servers: Option<&str>, partitions: u32) -> anyhow::Result<Self> {
        let prefix = format!("bench{}.", uuid::Uuid::new_v4().simple());
        let mock = match servers {
            Some(_) => None,
            None => Some(mock(&prefix, partitions)?),
        };
        let own = mock.as_ref().map(MockCluster::bootstrap_servers);
        let servers = servers.map(str::to_owned).or(own).context("no broker")?;
        let block = json!({
            "bootstrapServers": servers,
            "topicPrefix": prefix,
            "partitions": partitions,
            "createTopics": mock.is_none(),
            "properties": {"session.timeout.ms": 6000},
        });
        Ok(Self { mock, block, partitions })
    }

    /// The `kafka:` block.
    pub(crate) fn block(&self) -> &Value {
        &self.block
    }

    /// Writes all events, as an extractor does; how many.
    pub(crate) async fn write(&self, shape: Shape, apps: usize) -> anyhow::Result<usize> {
        let kafka = settings(&self.block)?;
        let partitions: Partitions = match self.mock {
            Some(_) => Topic::ALL.into_iter().map(|topic| (topic, self.partitions)).collect(),
            None => ensure(&kafka).await?,
        };
        let publisher = Publisher::new(&kafka, partitions, DELIVERY).await?;
        let mut events = 0;
        // Not one by one: each call waits until the brokers confirm.
        let apps: Vec<usize> = (0..apps).collect();
        for apps in apps.chunks(200) {
            let items = apps.iter().flat_map(|app| site::app(shape, *app));
            let records: Vec<_> = items.filter_map(record).collect();
            events += records.len();
            publisher.publish(records).await?;
        }
        Ok(events)
    }
}

fn mock(
    prefix: &str,
    partitions: u32,
) -> anyhow::Result<MockCluster<'static, DefaultProducerContext>> {
    let names = TopicNames::new(prefix).map_err(anyhow::Error::msg)?;
    let cluster = MockCluster::new(1).context("failed to start the embedded broker")?;
    for topic in Topic::ALL {
        cluster.create_topic(&names.name(topic), i32::try_from(partitions)?, 1)?;
    }
    Ok(cluster)
}

fn settings(block: &Value) -> anyhow::Result<Kafka> {
    let mut problems = Problems::default();
    let document = Document::parse(&json!({"kafka": block}).to_string(), &[])
        .map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let kafka = document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
    anyhow::ensure!(problems.list().is_empty(), "{problems}");
    Ok(kafka)
}

fn record(item: Item) -> Option<Record> {
    let Change::Upsert(event) = item.change else { return None };
    let event: Event = *event;
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
    Some(Record {
        topic: event.topic(),
        key: event.key(),
        partition_text: event.partition_text().to_owned(),
        headers,
        event: Some(event),
    })
}

/// A loader's configuration, of a group of its own.
pub(crate) fn configuration(block: &Value, server: &Running, group_id: &str) -> Value {
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
        "loader": {"groupId": group_id},
    })
}
