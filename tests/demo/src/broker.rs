//! The broker: librdkafka's in-process mock cluster, or a real one.

use anyhow::Context as _;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};
use schemas::{Topic, TopicNames};
use serde_json::{Value, json};

/// The mock silently keeps only the newest 5 MiB of a partition; the extractor stops well before.
pub(crate) const MAX_PARTITION_BYTES: u64 = 4 * 1024 * 1024;
/// Partitions of the embedded topics.
const PARTITIONS: i32 = 6;
/// What to tell when the site is too large for the mock.
pub(crate) const TOO_SMALL: &str = "\
The site has more to say than the embedded broker keeps (5 MiB a partition, silently).
Nothing was dropped: the extractor stopped before. Start a real broker with `docker compose up -d kafka`
and run `cargo demo --bootstrap-servers localhost:29092`, or run everything with `docker compose up`.";

/// A broker.
pub(crate) struct Broker {
    embedded: Option<MockCluster<'static, DefaultProducerContext>>,
    /// `host:port`.
    pub(crate) bootstrap: String,
    /// Topic names.
    pub(crate) topics: TopicNames,
}

impl Broker {
    /// The real broker `bootstrap`, else an embedded one with all topics.
    pub(crate) fn start(bootstrap: Option<&str>, prefix: &str) -> anyhow::Result<Self> {
        let topics = TopicNames::new(prefix).map_err(anyhow::Error::msg)?;
        if let Some(bootstrap) = bootstrap {
            return Ok(Self { embedded: None, bootstrap: bootstrap.to_owned(), topics });
        }
        let cluster = MockCluster::new(1).context("failed to start the embedded broker")?;
        for topic in Topic::ALL {
            cluster.create_topic(&topics.name(topic), PARTITIONS, 1)?;
        }
        let bootstrap = cluster.bootstrap_servers();
        Ok(Self { embedded: Some(cluster), bootstrap, topics })
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.embedded.is_some()
    }

    pub(crate) fn describe(&self) -> String {
        let kind = if self.is_embedded() { "embedded" } else { "real" };
        format!("{} ({kind})", self.bootstrap)
    }

    /// The `kafka:` block. The mock has no admin API: nothing can be created or described.
    pub(crate) fn config(&self, prefix: &str, registry: Option<&str>) -> Value {
        let mut config = json!({
            "bootstrapServers": self.bootstrap,
            "topicPrefix": prefix,
            "createTopics": !self.is_embedded(),
        });
        if self.is_embedded() {
            // The mock forgets a member that has left only when its session times out.
            config["properties"] = json!({"session.timeout.ms": 6000});
        }
        if let Some(url) = registry {
            config["schemaRegistry"] = json!({"url": url});
        }
        config
    }
}
