//! The broker: librdkafka's mock cluster in this process, or a real one. Topics get a prefix of their own.

use anyhow::Context as _;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use schemas::{Topic, TopicNames};
use serde_json::{Value, json};

/// The mock silently keeps only the newest 5 MiB of a partition; the extractor stops before.
const MAX_PARTITION_BYTES: u64 = 4_500_000;

/// A broker with topics of its own.
pub(crate) struct Broker {
    mock: Option<MockCluster<'static, DefaultProducerContext>>,
    /// `host:port`.
    pub(crate) bootstrap: String,
    /// Names of the topics.
    pub(crate) topics: TopicNames,
    prefix: String,
    partitions: u16,
}

impl Broker {
    /// The real broker `bootstrap`, else a mock.
    pub(crate) fn start(bootstrap: Option<&str>, partitions: u16) -> anyhow::Result<Self> {
        let prefix = format!("benchmark.{}.", uuid::Uuid::new_v4().simple());
        let topics = TopicNames::new(&prefix).map_err(anyhow::Error::msg)?;
        let (mock, bootstrap) = match bootstrap {
            Some(bootstrap) => (None, bootstrap.to_owned()),
            None => {
                let mock = MockCluster::new(1).context("failed to start the in-process broker")?;
                for topic in Topic::ALL {
                    mock.create_topic(&topics.name(topic), i32::from(partitions), 1)?;
                }
                let bootstrap = mock.bootstrap_servers();
                (Some(mock), bootstrap)
            }
        };
        Ok(Self { mock, bootstrap, topics, prefix, partitions })
    }

    /// Partitions of every topic.
    pub(crate) fn partitions(&self) -> i32 {
        i32::from(self.partitions)
    }

    /// The `kafka:` block. The mock has no admin API: nothing can be created or described.
    pub(crate) fn config(&self) -> Value {
        json!({
            "bootstrapServers": self.bootstrap,
            "topicPrefix": self.prefix,
            "partitions": self.partitions,
            "createTopics": self.mock.is_none(),
        })
    }

    /// `extractor.maxPartitionBytes`, where the broker keeps less than everything.
    pub(crate) fn max_partition_bytes(&self) -> Option<u64> {
        self.mock.is_some().then_some(MAX_PARTITION_BYTES)
    }
}
