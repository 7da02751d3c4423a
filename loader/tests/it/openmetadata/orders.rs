//! Whatever the order, the batches, the number of loaders and the moments at which they are killed:
//! the same events end in the same catalogue.
//!
//! `LOADER_ORDERS` is the number of random histories (default 20), `LOADER_SEED` the first one's seed.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use futures::future::join_all;
use loader::sink::{Change, Item, Outcome, Stage, openmetadata::OpenMetadataSink};
use schemas::{
    Event, Topic,
    event::{DataType, Node},
    key,
};
use serde_json::{Value, json};

use super::{World, edge_tombstone, site, stage, tombstone, upserts};

const STAGES: [Stage; 6] = [
    Stage::Assets,
    Stage::Dashboards,
    Stage::Lineage,
    Stage::DeleteLineage,
    Stage::DeleteDashboards,
    Stage::DeleteAssets,
];

/// A file that two apps write.
const COPY: &str = "lib://data/copy.qvd";

/// The same numbers for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).expect("less than a usize")
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// All versions of all keys, those of one key in their order.
fn history() -> Vec<Item> {
    let mut events = site::site();
    events.extend(site::app("app-3"));
    // Two apps load one file into another: two events, one edge.
    let copy = site::changed(&events, &site::file().key(), |event| {
        let Event::DataModel(model) = event else { panic!("a file") };
        model.file.as_mut().expect("a file").path = COPY.into();
    });
    events.push(copy);
    for app in ["app-1", "app-2"] {
        let columns = vec![site::column(&["id"], Some("id"))];
        let mut edge = site::edge(app, Node::file(site::FILE), Node::file(COPY), columns);
        if let Event::Lineage(edge) = &mut edge {
            edge.statement = Some(format!("STORE by {app}"));
        }
        events.push(edge);
    }
    let mut items = upserts(&events);
    // Newer versions.
    let changed = [
        site::changed(&events, "prod/app-1", |event| {
            let Event::Dashboard(app) = event else { panic!("a dashboard") };
            app.title = "Renamed".into();
            app.tags = vec!["v2".into()];
        }),
        site::changed(&events, "prod/app-1/c1", |event| {
            let Event::Chart(chart) = event else { panic!("a chart") };
            chart.title = Some("Renamed too".into());
        }),
        site::changed(&events, "prod/app-2/Orders", |event| {
            let Event::DataModel(model) = event else { panic!("a table") };
            model.fields.push(site::field("New", DataType::Date));
        }),
    ];
    items.extend(upserts(&changed));
    // An app that goes, and one that goes and comes back.
    for (app, returns) in [("app-3", false), ("app-2", true)] {
        let is_of = |event: &&Event| {
            key::parse(super::SERVICE, &event.key()).is_some_and(|parts| parts.app_id == app)
        };
        let gone: Vec<Event> = events.iter().filter(is_of).cloned().collect();
        items.extend(gone.iter().map(|event| match event {
            Event::Lineage(_) => edge_tombstone(event, true),
            event => tombstone(event.topic(), &event.key()),
        }));
        if returns {
            let mut back = upserts(&gone);
            let newest = |item: &Item| changed.iter().find(|event| event.key() == item.key);
            for item in &mut back {
                if let Some(newest) = newest(item) {
                    *item = upserts(std::slice::from_ref(newest)).remove(0);
                }
            }
            items.extend(back);
        }
    }
    items
}

/// A random order in which the versions of each key keep theirs.
fn shuffled(history: &[Item], random: &mut Random) -> Vec<Item> {
    let mut places: Vec<usize> = (0..history.len()).collect();
    random.shuffle(&mut places);
    let id = |item: &Item| (item.topic, item.key.clone());
    let mut versions: HashMap<(Topic, String), Vec<usize>> = HashMap::new();
    for (index, item) in history.iter().enumerate().rev() {
        versions.entry(id(item)).or_default().push(index);
    }
    places
        .into_iter()
        .map(|place| {
            let of_key = versions.get_mut(&id(&history[place])).expect("has versions");
            history[of_key.pop().expect("one each")].clone()
        })
        .collect()
}

/// What a partition holds, and how far it is finished, as a consumer group knows it.
struct Partition {
    items: Vec<Item>,
    committed: usize,
}

impl Partition {
    /// Loads from the committed offset to the end, in batches, as the pipeline does: the newest version
    /// of a key takes the older ones' place, what waits is tried again with the next batch.
    async fn load(&mut self, sink: &OpenMetadataSink, batch: usize) {
        let mut is_done = vec![false; self.items.len()];
        is_done[..self.committed].fill(true);
        let mut next = self.committed;
        let mut waiting: Vec<usize> = Vec::new();
        while next < self.items.len() || !waiting.is_empty() {
            let mut newest: BTreeMap<(Topic, &str), Vec<usize>> = BTreeMap::new();
            let end = (next + batch).min(self.items.len());
            for index in waiting.drain(..).chain(next..end) {
                let item = &self.items[index];
                newest.entry((item.topic, &item.key)).or_default().push(index);
            }
            next = end;
            let works: Vec<Vec<usize>> = newest.into_values().collect();
            let of = |work: &Vec<usize>| self.items[*work.iter().max().expect("one")].clone();
            let batch: Vec<Item> = works.iter().map(of).collect();
            sink.observe(&batch);
            for wanted in STAGES {
                let (works, batch): (Vec<_>, Vec<_>) = works
                    .iter()
                    .zip(&batch)
                    .filter(|(_, item)| stage(item) == wanted)
                    .map(|(work, item)| (work, item.clone()))
                    .unzip();
                let outcomes = sink.apply(wanted, &batch).await.expect("nothing fatal");
                for ((work, item), outcome) in works.into_iter().zip(&batch).zip(outcomes) {
                    match outcome {
                        Outcome::Waiting { .. } => waiting.extend(work),
                        Outcome::Rejected { reason } => panic!("{}: {reason}", item.key),
                        Outcome::Unresolved { reason } => panic!("{}: {reason}", item.key),
                        _ => work.iter().for_each(|index| is_done[*index] = true),
                    }
                }
            }
            self.committed = is_done.iter().position(|done| !done).unwrap_or(is_done.len());
            if next == self.items.len() && !waiting.is_empty() {
                // For what other loaders have still to write.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
}

/// Live entities, and edges between them, without versions: two writes give a higher one than one.
fn end_state(world: &World) -> Value {
    let mut catalogue = super::load::without(&["version"], world.server.catalogue());
    let mut live = Vec::new();
    for list in catalogue["entities"].as_object_mut().expect("by type").values_mut() {
        let list = list.as_array_mut().expect("a list");
        list.retain(|entity| entity["deleted"] != json!(true));
        live.extend(list.iter().map(|entity| entity["fullyQualifiedName"].clone()));
    }
    let is_live = |end: &Value| live.contains(&end["fullyQualifiedName"]);
    catalogue["lineage"]
        .as_array_mut()
        .expect("a list")
        .retain(|edge| is_live(&edge["from"]) && is_live(&edge["to"]));
    // A tag stays when nothing has it any more.
    if let Some(entities) = catalogue["entities"].as_object_mut() {
        entities.retain(|kind, _| kind != "tag");
    }
    catalogue
}

/// The newest version of every key, in no more than one batch.
async fn plainly(version: &str, history: &[Item]) -> Value {
    let mut newest: BTreeMap<(Topic, String), Item> = BTreeMap::new();
    for item in history {
        newest.insert((item.topic, item.key.clone()), item.clone());
    }
    let items: Vec<Item> =
        newest.into_values().filter(|item| matches!(item.change, Change::Upsert(_))).collect();
    let world = World::new(version).await;
    Partition { items, committed: 0 }.load(&world.sink().await, 1000).await;
    end_state(&world)
}

/// One random history: order, batch size, number of loaders, moments of death.
async fn random_history(version: &str, history: &[Item], seed: u64) -> Value {
    let mut random = Random(seed);
    let world = World::new(version).await;
    let loaders = 1 + random.below(3);
    let mut shares: Vec<Vec<Item>> = vec![Vec::new(); loaders];
    for item in shuffled(history, &mut random) {
        let parts = key::parse(super::SERVICE, &item.key).expect("a key");
        // Everything of an app is in one partition; files are wherever they are.
        let place = parts.app_id.bytes().map(usize::from).sum::<usize>() % loaders;
        shares[place].push(item);
    }
    let partitions = shares.into_iter().map(|items| {
        let batch = [1, 3, 17, 1000][random.below(4)];
        let mut deaths: Vec<u64> = (0..random.below(4)).map(|_| 1 + random.next() % 150).collect();
        deaths.sort_unstable();
        (Partition { items, committed: 0 }, batch, deaths)
    });
    let world = &world;
    let loads = partitions.map(async |(mut partition, batch, deaths)| {
        for death in deaths {
            let sink = world.sink().await;
            // Dropped in the middle, as by kill -9, when the server has seen so many writes.
            let killed = async {
                while world.server.writes() < death {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                biased;
                () = killed => {}
                () = partition.load(&sink, batch) => {}
            }
        }
        partition.load(&world.sink().await, batch).await;
    });
    join_all(loads.collect::<Vec<_>>()).await;
    end_state(world)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// Where two values differ, for people.
fn differences(left: &Value, right: &Value, path: &str, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            let names: std::collections::BTreeSet<_> = a.keys().chain(b.keys()).collect();
            for name in names {
                differences(&left[name], &right[name], &format!("{path}/{name}"), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{path}/{index}"), found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{path}: {left} instead of {right}")),
    }
}

#[tokio::test]
async fn every_history_ends_in_the_same_catalogue() {
    let history = history();
    let first = setting("LOADER_SEED", 1);
    let versions = ["1.12.6", "2.0.7", "1.8.12", "1.9.17"];
    let mut expected: HashMap<&str, Value> = HashMap::new();
    for version in versions {
        expected.insert(version, plainly(version, &history).await);
    }
    for seed in first..first + setting("LOADER_ORDERS", 20) {
        let version = versions[usize::try_from(seed).expect("small") % versions.len()];
        let ended = random_history(version, &history, seed).await;
        let mut found = Vec::new();
        differences(&ended, &expected[version], "", &mut found);
        assert!(found.is_empty(), "LOADER_SEED={seed} on {version}:\n{}", found.join("\n"));
    }
}
