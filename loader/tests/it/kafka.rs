//! A mock cluster, records in it, and a loader that reads them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use loader::{
    commands,
    config::{self, Settings},
    report::{Report, Tally},
    sink::Fatal,
    source::{
        TopicPartition,
        seek::{From, committed, start_offsets},
    },
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    message::{Header, OwnedHeaders},
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};
use schemas::{
    Event, Topic, TopicNames, codec,
    event::{
        Chart, Dashboard, DataModel, DataModelKind, Lineage, Node, Origin, Resolution, Sheet,
        node::DatabaseTable,
    },
    headers, partition_for,
};
use tokio_util::sync::CancellationToken;

use crate::memory::Memory;

/// Nothing here takes longer; a machine under load does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Kafka {
    /// `None` with a real broker.
    pub(crate) cluster: Option<MockCluster<'static, DefaultProducerContext>>,
    pub(crate) servers: String,
    pub(crate) settings: Settings,
    writer: Writer,
    partitions: u32,
}

impl Kafka {
    /// A cluster with all topics of so many partitions, and the settings of a loader for the service `prod`.
    pub(crate) async fn new(partitions: u32, overrides: &[&str]) -> Self {
        Self::with_topics(partitions, overrides, &Topic::ALL).await
    }

    pub(crate) async fn with_topics(partitions: u32, overrides: &[&str], topics: &[Topic]) -> Self {
        Self::on_brokers(1, partitions, overrides, topics).await
    }

    /// On so many brokers, when it is the mock cluster.
    pub(crate) async fn on_brokers(
        brokers: i32,
        partitions: u32,
        overrides: &[&str],
        topics: &[Topic],
    ) -> Self {
        // `RUST_LOG=info` shows what the loaders say.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init().ok();
        let real = std::env::var("KAFKA_BOOTSTRAP").ok();
        let cluster = real.is_none().then(|| MockCluster::new(brokers).expect("mock cluster"));
        let servers =
            real.or_else(|| Some(cluster.as_ref()?.bootstrap_servers())).expect("servers");
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (prefix, group) =
            (format!("kafka.topicPrefix=t{id}."), format!("loader.groupId=g{id}"));
        let own = [&[prefix.as_str(), group.as_str()], overrides].concat();
        let settings = settings(&servers, &own);
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &servers).set("linger.ms", "0");
        let producer = config.create().expect("producer");
        let names = settings.kafka.topics.clone();
        let writer = Writer { producer, names, partitions };
        let kafka = Self { cluster, servers, settings, writer, partitions };
        kafka.create_topics(topics).await;
        kafka
    }

    /// The mock cluster; `None`, and says so, with a real broker.
    pub(crate) fn mock(&self) -> Option<&MockCluster<'static, DefaultProducerContext>> {
        if self.cluster.is_none() {
            println!("skipped: only the mock cluster can do this");
        }
        self.cluster.as_ref()
    }

    async fn create_topics(&self, topics: &[Topic]) {
        let count = i32::try_from(self.partitions).expect("few");
        let names = topics.iter().map(|topic| self.settings.kafka.topics.name(*topic));
        let names: Vec<String> = names.collect();
        match &self.cluster {
            Some(cluster) => {
                for name in &names {
                    cluster.create_topic(name, count, 1).expect("topic");
                }
            }
            None => {
                let mut config = ClientConfig::new();
                config.set("bootstrap.servers", &self.servers);
                let admin: AdminClient<DefaultClientContext> = config.create().expect("admin");
                let new: Vec<_> = names
                    .iter()
                    .map(|name| NewTopic::new(name, count, TopicReplication::Fixed(1)))
                    .collect();
                admin.create_topics(&new, &AdminOptions::new()).await.expect("topics");
            }
        }
    }

    pub(crate) async fn write(&self, events: &[Event]) {
        self.writer.write(events).await;
    }

    pub(crate) async fn delete(&self, event: &Event) {
        self.writer.delete(event).await;
    }

    pub(crate) async fn send(
        &self,
        topic: Topic,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> i64 {
        self.writer.send(topic, partition, key, value, headers).await
    }

    pub(crate) fn partition_of(&self, event: &Event) -> i32 {
        self.writer.partition_of(event)
    }

    /// Writes from elsewhere.
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    pub(crate) fn prefix(&self) -> String {
        let name = self.settings.kafka.topics.name(Topic::Charts);
        name.strip_suffix(Topic::Charts.suffix()).expect("a suffix").to_owned()
    }

    /// `run --until-end`.
    pub(crate) async fn load(&self, sink: &Arc<Memory>) -> Report {
        self.try_load(sink).await.expect("Kafka is there")
    }

    pub(crate) async fn try_load(&self, sink: &Arc<Memory>) -> Result<Report, Fatal> {
        let (tally, shutdown) = (Arc::new(Tally::new("run", "prod")), CancellationToken::new());
        let run = commands::run(&self.settings, Arc::clone(sink), true, &tally, &shutdown);
        tokio::time::timeout(PATIENCE, run).await.expect("the loader comes to an end")
    }

    /// `run`, in the background.
    pub(crate) fn start(&self, sink: &Arc<Memory>) -> Running {
        Running::start(self.settings.clone(), Arc::clone(sink))
    }

    /// Offsets that the loader committed, without partitions that it committed nothing of.
    pub(crate) async fn committed(&self) -> BTreeMap<(Topic, i32), i64> {
        let group = &self.settings.flow.group_id;
        let all = self.all_partitions();
        let offsets = committed(&self.settings.kafka, group, all, PATIENCE).await;
        let offsets = offsets.expect("committed offsets").into_iter();
        offsets.map(|(at, offset)| ((at.topic, at.partition), offset)).collect()
    }

    /// Ends of the state topics' partitions that hold something.
    pub(crate) async fn ends(&self) -> BTreeMap<(Topic, i32), i64> {
        let count = i32::try_from(self.partitions).expect("few");
        let topics = Topic::STATE.map(|topic| (topic, count)).into_iter().collect();
        let from = From::Offset { offset: i64::MAX, partition: None };
        let ends = start_offsets(&self.settings.kafka, &topics, from, PATIENCE).await;
        let ends = ends.expect("watermarks").into_iter().filter(|(_, end)| *end > 0);
        ends.map(|(at, end)| ((at.topic, at.partition), end)).collect()
    }

    fn all_partitions(&self) -> Vec<TopicPartition> {
        let count = i32::try_from(self.partitions).expect("few");
        let topics = Topic::STATE.into_iter();
        topics
            .flat_map(|topic| (0..count).map(move |partition| TopicPartition { topic, partition }))
            .collect()
    }
}

/// Writes records.
#[derive(Clone)]
pub(crate) struct Writer {
    producer: FutureProducer,
    names: TopicNames,
    partitions: u32,
}

impl Writer {
    pub(crate) async fn write(&self, events: &[Event]) {
        for event in events {
            let value = codec::encode(event, codec::single_object_writer(event.topic()));
            let hash = event.content_hash();
            self.send(
                event.topic(),
                self.partition_of(event),
                Some(event.key().as_bytes()),
                Some(&value.expect("encodes")),
                &[(headers::CONTENT_HASH, hash.as_str())],
            )
            .await;
        }
    }

    pub(crate) async fn delete(&self, event: &Event) {
        let edge = match event {
            Event::Lineage(edge) => edge.edge_json(),
            _ => String::new(),
        };
        let headers: &[(&str, &str)] =
            if edge.is_empty() { &[] } else { &[(headers::EDGE, edge.as_str())] };
        let partition = self.partition_of(event);
        self.send(event.topic(), partition, Some(event.key().as_bytes()), None, headers).await;
    }

    pub(crate) async fn send(
        &self,
        topic: Topic,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[(&str, &str)],
    ) -> i64 {
        let name = self.names.name(topic);
        let headers = headers.iter().fold(OwnedHeaders::new(), |headers, (key, value)| {
            headers.insert(Header { key, value: Some(*value) })
        });
        let mut record: FutureRecord<'_, [u8], [u8]> =
            FutureRecord::to(&name).partition(partition).headers(headers);
        record.key = key;
        record.payload = value;
        self.producer.send(record, PATIENCE).await.expect("written").offset
    }

    pub(crate) fn partition_of(&self, event: &Event) -> i32 {
        i32::try_from(partition_for(event.partition_text(), self.partitions)).expect("few")
    }
}

pub(crate) fn settings(servers: &str, overrides: &[&str]) -> Settings {
    let text = format!(
        "
source: {{serviceName: prod}}
workflowConfig: {{openMetadataServerConfig: {{hostPort: http://localhost:1/api, authProvider: no-auth}}}}
kafka:
  bootstrapServers: \"{servers}\"
  properties: {{session.timeout.ms: 6000}}
loader:
  batch: {{maxDelay: 100ms}}
  wait: {{retryInterval: 100ms}}
  commitInterval: 200ms
"
    );
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    config::parse(&text, &overrides).expect("valid settings")
}

/// A loader in the background.
pub(crate) struct Running {
    pub(crate) tally: Arc<Tally>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<Result<Report, Fatal>>,
}

impl Running {
    pub(crate) fn start(settings: Settings, sink: Arc<Memory>) -> Self {
        let tally = Arc::new(Tally::new("run", "prod"));
        let shutdown = CancellationToken::new();
        let (counted, stopped) = (Arc::clone(&tally), shutdown.clone());
        let task =
            tokio::spawn(
                async move { commands::run(&settings, sink, false, &counted, &stopped).await },
            );
        Self { tally, shutdown, task }
    }

    /// SIGTERM.
    pub(crate) async fn stop(self) -> Report {
        self.shutdown.cancel();
        self.ended().await
    }

    pub(crate) async fn ended(self) -> Report {
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("the loader stops").expect("no panic").expect("Kafka is there")
    }
}

/// Waits until something is true.
pub(crate) async fn eventually(what: &str, mut is_true: impl AsyncFnMut() -> bool) {
    let waited = async {
        while !is_true().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, waited).await.is_err() {
        panic!("{what} did not happen");
    }
}

pub(crate) fn chart(app: &str, object: &str, title: &str) -> Event {
    Event::Chart(Box::new(Chart {
        service: "prod".to_owned(),
        app_id: app.to_owned(),
        object_id: object.to_owned(),
        title: Some(title.to_owned()),
        visualization: "barchart".to_owned(),
        ..Chart::default()
    }))
}

pub(crate) fn table(app: &str, name: &str) -> Event {
    Event::DataModel(Box::new(DataModel {
        service: "prod".to_owned(),
        app_id: Some(app.to_owned()),
        kind: DataModelKind::Table,
        table: Some(name.to_owned()),
        ..DataModel::default()
    }))
}

/// An app whose only sheet has these charts.
pub(crate) fn dashboard(app: &str, charts: &[&str]) -> Event {
    let chart_ids = charts.iter().map(|&id| id.to_owned()).collect();
    Event::Dashboard(Box::new(Dashboard {
        service: "prod".to_owned(),
        app_id: app.to_owned(),
        title: format!("App {app}"),
        sheets: vec![Sheet { id: "sheet".to_owned(), chart_ids, ..Sheet::default() }],
        ..Dashboard::default()
    }))
}

/// Table → chart of an app.
pub(crate) fn edge(app: &str, name: &str, object: &str) -> Event {
    Event::Lineage(Box::new(Lineage {
        service: "prod".to_owned(),
        app_id: app.to_owned(),
        observed_at: 0,
        modified_at: None,
        from: Node::data_model(app, name),
        to: Node::chart(app, object),
        columns: Vec::new(),
        origin: Origin::ObjectProperties,
        resolution: Resolution::Exact,
        via: Vec::new(),
        statement: None,
    }))
}

/// From a table of a database to a table of an app.
pub(crate) fn loaded_from(database_table: &str, app: &str, table: &str) -> Event {
    let Event::Lineage(mut edge) = edge(app, table, "") else { panic!("an edge") };
    let from = DatabaseTable { table: database_table.to_owned(), ..DatabaseTable::default() };
    edge.to = std::mem::replace(&mut edge.from, Node::DatabaseTable(from));
    Event::Lineage(edge)
}

/// Everything of an app, in the order in which the extractor writes it.
pub(crate) fn app(id: &str) -> Vec<Event> {
    vec![
        table(id, "Orders"),
        chart(id, "c1", "Sales"),
        chart(id, "c2", "Costs"),
        edge(id, "Orders", "c1"),
        dashboard(id, &["c1", "c2"]),
    ]
}
