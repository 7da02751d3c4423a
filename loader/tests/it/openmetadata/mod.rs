//! The OpenMetadata sink against a server that behaves like real ones, in every generation.

mod connect;
mod deletes;
mod edits;
mod faults;
mod lineage;
mod load;
mod looking;
mod matrix;
mod orders;
mod pitfalls;
mod site;
mod tables;
mod tls;

use std::time::Duration;

use loader::sink::{
    Change, Item, Outcome, Stage,
    openmetadata::{
        OpenMetadataSink, Settings,
        settings::{LoadSettings, ServerSettings, ServiceKind, ServiceSettings, TableSettings},
    },
};
use openmetadata_simulator::{Kind, OpenMetadata, Running, Settings as Simulated};
use schemas::{Event, Topic, event::Node};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// One version of every generation that differs in what matters here.
const VERSIONS: [&str; 12] = [
    "1.1.1",
    "1.2.0-SNAPSHOT",
    "1.2.5",
    "1.3.4",
    "1.4.8",
    "1.6.13",
    "1.8.12",
    "1.9.17",
    "1.11.14",
    "1.12.6",
    "1.13.6",
    "2.0.7",
];

const SERVICE: &str = "prod";

/// A server, and how sinks are connected to it.
struct World {
    server: Running,
    load: LoadSettings,
    tables: TableSettings,
}

impl World {
    async fn new(version: &str) -> Self {
        let release = version.parse().expect("a known release");
        let server =
            OpenMetadata::start(Simulated::of_release(release)).await.expect("a free port");
        Self { server, load: LoadSettings::default(), tables: TableSettings::default() }
    }

    fn settings(&self) -> Settings {
        let token = Some(self.server.token().to_owned().into());
        Settings {
            server: ServerSettings {
                backoff: (Duration::from_millis(1), Duration::from_millis(5)),
                ..ServerSettings::new(self.server.url(), token)
            },
            service: ServiceSettings {
                name: SERVICE.to_owned(),
                kind: ServiceKind::QlikSense,
                host_port: Some("wss://qlik.example.com:4747".to_owned()),
                display_url: Some("https://qlik.example.com".to_owned()),
            },
            tables: self.tables.clone(),
            load: self.load.clone(),
        }
    }

    /// A sink of a process that just started.
    async fn sink(&self) -> OpenMetadataSink {
        OpenMetadataSink::connect(self.settings(), CancellationToken::new())
            .await
            .expect("the sink connects")
    }

    /// Loads events with a new sink and expects that none is left over.
    async fn load(&self, events: &[Event]) -> Vec<Outcome> {
        let outcomes = apply(&self.sink().await, &upserts(events)).await;
        for (event, outcome) in events.iter().zip(&outcomes) {
            let done = matches!(outcome, Outcome::Created | Outcome::Updated | Outcome::Unchanged);
            assert!(done, "{}: {outcome:?}", event.key());
        }
        outcomes
    }

    /// Loads events and expects that nothing is written and nothing changes.
    async fn load_unchanged(&self, events: &[Event]) {
        let before = self.server.catalogue();
        self.server.clear_requests();
        let outcomes = self.load(events).await;
        let written: Vec<_> = self
            .server
            .requests()
            .into_iter()
            .filter(|request| request.method != "GET")
            .map(|request| format!("{} {} {}", request.method, request.path, request.body))
            .collect();
        assert_eq!(written, Vec::<String>::new());
        assert!(outcomes.iter().all(|outcome| *outcome == Outcome::Unchanged), "{outcomes:?}");
        assert_eq!(self.server.catalogue(), before);
    }

    fn entity(&self, kind: Kind, fqn: &str) -> Value {
        self.server.entity(kind, fqn).unwrap_or_else(|| panic!("no {kind} `{fqn}`"))
    }

    /// What a person does to an entity.
    fn person_edits(&self, kind: Kind, fqn: &str, patch: &Value) {
        let id = self.entity(kind, fqn)["id"].as_str().expect("an id").to_owned();
        let path = format!("/{}/{id}", collection(kind));
        let (status, answer) = self.server.as_admin("PATCH", &path, Some(patch));
        assert_eq!(status, 200, "{answer}");
    }
}

fn collection(kind: Kind) -> &'static str {
    match kind {
        Kind::Dashboard => "dashboards",
        Kind::Chart => "charts",
        Kind::DataModel => "dashboard/datamodels",
        _ => panic!("not an entity of ours"),
    }
}

fn upserts(events: &[Event]) -> Vec<Item> {
    events
        .iter()
        .map(|event| Item {
            topic: event.topic(),
            key: event.key(),
            content_hash: Some(event.content_hash()),
            change: Change::Upsert(Box::new(event.clone())),
        })
        .collect()
}

fn tombstone(topic: Topic, key: &str) -> Item {
    Item { topic, key: key.to_owned(), content_hash: None, change: Change::Delete { edge: None } }
}

fn edge_tombstone(event: &Event, with_header: bool) -> Item {
    let Event::Lineage(edge) = event else { panic!("an edge") };
    let ends: (Node, Node) = (edge.from.clone(), edge.to.clone());
    Item {
        change: Change::Delete { edge: with_header.then_some(ends) },
        ..tombstone(Topic::Lineage, &event.key())
    }
}

/// The stage that a change belongs to.
fn stage(item: &Item) -> Stage {
    let is_delete = matches!(item.change, Change::Delete { .. });
    match (item.topic, is_delete) {
        (Topic::Dashboards, false) => Stage::Dashboards,
        (Topic::Lineage, false) => Stage::Lineage,
        (_, false) => Stage::Assets,
        (Topic::Lineage, true) => Stage::DeleteLineage,
        (Topic::Dashboards, true) => Stage::DeleteDashboards,
        (_, true) => Stage::DeleteAssets,
    }
}

/// Applies a batch stage by stage as the pipeline does, what waits once more.
async fn apply(sink: &OpenMetadataSink, items: &[Item]) -> Vec<Outcome> {
    sink.observe(items);
    let mut outcomes: Vec<Option<Outcome>> = vec![None; items.len()];
    for _ in 0..2 {
        for wanted in [
            Stage::Assets,
            Stage::Dashboards,
            Stage::Lineage,
            Stage::DeleteLineage,
            Stage::DeleteDashboards,
            Stage::DeleteAssets,
        ] {
            let is_open =
                |outcome: &Option<Outcome>| matches!(outcome, None | Some(Outcome::Waiting { .. }));
            let (places, batch): (Vec<_>, Vec<_>) = items
                .iter()
                .enumerate()
                .filter(|(place, item)| stage(item) == wanted && is_open(&outcomes[*place]))
                .map(|(place, item)| (place, item.clone()))
                .unzip();
            let results = sink.apply(wanted, &batch).await.expect("nothing fatal");
            assert_eq!(results.len(), batch.len());
            for (place, result) in places.into_iter().zip(results) {
                outcomes[place] = Some(result);
            }
        }
    }
    outcomes.into_iter().map(|outcome| outcome.expect("an outcome")).collect()
}

fn is_newer_or(version: &str, line: (u32, u32)) -> bool {
    let version: loader::sink::openmetadata::version::Version = version.parse().expect("a version");
    version.line >= line
}
