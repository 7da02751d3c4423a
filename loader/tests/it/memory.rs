//! A catalogue in memory. As OpenMetadata does, it wants what is referred to first.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    pin::Pin,
    sync::{Arc, Mutex},
};

use loader::sink::{Change, Fatal, Inventory, Item, MetadataSink, Outcome, Stage};
use schemas::{Event, Topic, event::Node, key};
use tokio::sync::watch;

pub(crate) struct Memory {
    state: Mutex<State>,
    /// Calls that get through; further ones wait, as for a server that is away.
    allowed: watch::Sender<usize>,
    /// Calls that have begun.
    begun: watch::Sender<usize>,
    meanwhile: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

#[derive(Default)]
struct State {
    entities: BTreeMap<String, String>,
    applied: Vec<(Stage, String, &'static str)>,
    answers: HashMap<String, Outcome>,
    fatal: Option<u8>,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        let (allowed, begun) = (watch::Sender::new(usize::MAX), watch::Sender::new(0));
        Arc::new(Self { state: Mutex::default(), allowed, begun, meanwhile: Mutex::default() })
    }

    /// Somebody else's entity.
    pub(crate) fn put(&self, key: &str) {
        self.state.lock().expect("lock").entities.insert(key.to_owned(), String::new());
    }

    /// Happens while the catalogue is listed for the first time.
    pub(crate) fn meanwhile(&self, what: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().expect("lock") = Some(Box::pin(what));
    }

    /// Lets so many calls through, counted from the first one there was.
    pub(crate) fn allow(&self, calls: usize) {
        self.allowed.send_replace(calls);
    }

    /// Keys that it holds.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.state.lock().expect("lock").entities.keys().cloned().collect()
    }

    /// What was applied: stage, key and result, in order. Attempts that were told to wait are left out.
    pub(crate) fn applied(&self) -> Vec<(Stage, String, &'static str)> {
        let state = self.state.lock().expect("lock");
        state.applied.iter().filter(|(.., result)| *result != "waiting").cloned().collect()
    }

    /// Attempts at a key, those told to wait included.
    pub(crate) fn attempts(&self, key: &str) -> usize {
        let state = self.state.lock().expect("lock");
        state.applied.iter().filter(|(_, applied, _)| applied == key).count()
    }

    /// From now on a key gets this answer.
    pub(crate) fn answer(&self, key: &str, outcome: Outcome) {
        self.state.lock().expect("lock").answers.insert(key.to_owned(), outcome);
    }

    /// From now on a key gets the usual answer again.
    pub(crate) fn answer_as_usual(&self, key: &str) {
        self.state.lock().expect("lock").answers.remove(key);
    }

    /// From now on everything fails.
    pub(crate) fn fail(&self, exit_code: u8) {
        self.state.lock().expect("lock").fatal = Some(exit_code);
    }

    /// Waits until so many calls have begun.
    pub(crate) async fn begun(&self, calls: usize) {
        let mut begun = self.begun.subscribe();
        begun.wait_for(|count| *count >= calls).await.expect("sender is alive");
    }
}

impl MetadataSink for Memory {
    async fn apply(&self, stage: Stage, items: &[Item]) -> Result<Vec<Outcome>, Fatal> {
        let mut call = 0;
        self.begun.send_modify(|count| {
            *count += 1;
            call = *count;
        });
        let mut allowed = self.allowed.subscribe();
        allowed.wait_for(|allowed| call <= *allowed).await.expect("sender is alive");
        let mut state = self.state.lock().expect("lock");
        if let Some(exit_code) = state.fatal {
            return Err(Fatal { message: "the token is refused".to_owned(), exit_code });
        }
        Ok(items.iter().map(|item| state.apply(stage, item)).collect())
    }
}

impl Inventory for Memory {
    type Alive = BTreeSet<String>;
    type Stray = String;

    fn add_alive(&self, alive: &mut BTreeSet<String>, _: Topic, key: &str) {
        alive.insert(key.to_owned());
    }

    async fn strays(&self, alive: &BTreeSet<String>) -> Result<(usize, Vec<String>), Fatal> {
        // What happens while the catalogue is being listed.
        let meanwhile = self.meanwhile.lock().expect("lock").take();
        if let Some(meanwhile) = meanwhile {
            meanwhile.await;
        }
        let keys = self.keys();
        Ok((keys.len(), keys.into_iter().filter(|key| !alive.contains(key)).collect()))
    }

    async fn stray_edges(&self, _: &BTreeSet<String>) -> Result<(usize, Vec<String>), Fatal> {
        // An edge is an entry like any other here.
        Ok((0, Vec::new()))
    }

    fn is_stray(&self, alive: &BTreeSet<String>, stray: &String) -> bool {
        !alive.contains(stray)
    }

    async fn remove(&self, stray: &String) -> Result<bool, Fatal> {
        Ok(self.state.lock().expect("lock").entities.remove(stray).is_some())
    }
}

impl State {
    fn apply(&mut self, stage: Stage, item: &Item) -> Outcome {
        let outcome = match self.answers.get(&item.key) {
            Some(answer) => answer.clone(),
            None => self.outcome(item),
        };
        let result = match &outcome {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Unchanged => "unchanged",
            Outcome::Deleted => "deleted",
            Outcome::Unresolved { .. } => "unresolved",
            Outcome::Waiting { .. } => "waiting",
            Outcome::Rejected { .. } => "rejected",
        };
        self.applied.push((stage, item.key.clone(), result));
        outcome
    }

    fn outcome(&mut self, item: &Item) -> Outcome {
        let Change::Upsert(event) = &item.change else {
            assert_eq!(item.content_hash, None);
            self.entities.remove(&item.key);
            return Outcome::Deleted;
        };
        if let Some(missing) =
            references(event).into_iter().find(|key| !self.entities.contains_key(key))
        {
            return Outcome::Waiting { reason: format!("`{missing}` is not there") };
        }
        let hash = item.content_hash.clone().expect("upserts have hashes");
        assert_eq!(event.topic(), item.topic);
        match self.entities.insert(item.key.clone(), hash.clone()) {
            None => Outcome::Created,
            Some(known) if known == hash => Outcome::Unchanged,
            Some(_) => Outcome::Updated,
        }
    }
}

/// Keys of what an event refers to.
fn references(event: &Event) -> Vec<String> {
    let node = |node: &Node| match node {
        Node::DataModel(end) => Some(key::table("prod", &end.app_id, &end.table)),
        Node::Chart(end) => Some(key::chart("prod", &end.app_id, &end.object_id)),
        Node::Dashboard(end) => Some(key::dashboard("prod", &end.app_id)),
        Node::DataFile(end) => Some(key::file("prod", &end.path)),
        Node::DatabaseTable(_) => None,
    };
    match event {
        Event::Dashboard(app) => {
            let charts = app.sheets.iter().flat_map(|sheet| &sheet.chart_ids);
            charts.map(|id| key::chart("prod", &app.app_id, id)).collect()
        }
        Event::Lineage(edge) => [&edge.from, &edge.to].into_iter().filter_map(node).collect(),
        Event::Chart(_) | Event::DataModel(_) | Event::Run(_) => Vec::new(),
    }
}

/// Keys of some events.
pub(crate) fn keys<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeSet<String> {
    events.into_iter().map(Event::key).collect()
}

/// Results of one kind.
pub(crate) fn count(report: &loader::report::Report, topic: Topic) -> loader::report::Counts {
    report.events.get(topic.suffix()).copied().unwrap_or_default()
}
