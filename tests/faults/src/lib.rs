//! What must hold when something breaks. Both stages run as processes between the simulators; one
//! fault after the other is laid on them, and in the end topics and catalogue must be what an
//! undisturbed pipeline makes of the same site.

mod brokers;
mod catalogue;
mod loaders;
mod site;
pub mod soak;
mod surroundings;

use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use end_to_end::world::{World, assert_same};
use serde_json::Value;

/// How much is injected.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Whether the long part runs, too.
    pub long: bool,
    /// Times that each stage is killed, and loaders join and leave.
    pub rounds: u32,
    /// Seed of the random moments.
    pub seed: u64,
    /// Only faults whose name contains this, or one of these with commas between them.
    pub only: Option<String>,
    /// `kafka.sh`, which starts and stops real brokers.
    pub kafka: Option<PathBuf>,
    /// Faults at a time: most of a row is waiting. Those of real brokers come one after the other.
    pub at_a_time: usize,
}

/// How one fault ended.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the fault.
    pub fault: &'static str,
    /// What was injected.
    pub injected: String,
    /// What came of it, or why it was not done.
    pub result: Result<String, String>,
    /// How long it took.
    pub took: Duration,
}

/// What a fault needs.
#[derive(Clone)]
struct Setup {
    plan: Plan,
    expected: Arc<Expected>,
}

/// What an undisturbed pipeline makes of the sample apps.
struct Expected {
    topics: BTreeMap<String, String>,
    catalogue: Value,
}

/// What was injected, and what came of it. Panics when something does not hold.
type Outcome = (String, String);
type Running = Pin<Box<dyn Future<Output = Outcome>>>;

/// A fault by name; the long ones need real brokers, minutes, or what is rarely installed.
struct Fault {
    name: &'static str,
    is_long: bool,
    run: fn(Setup) -> Running,
}

macro_rules! faults {
    ($($name:literal, $long:literal, $run:path;)*) => {
        &[$(Fault { name: $name, is_long: $long, run: |setup| Box::pin($run(setup)) }),*]
    };
}

const FAULTS: &[Fault] = faults![
    "extractor killed (-9)", false, site::killed;
    "Qlik sockets dropped", false, site::sockets_dropped;
    "Qlik sessions refused", false, site::sessions_refused;
    "Qlik frames cut off", false, site::frames_cut;
    "loader killed (-9)", false, loaders::killed;
    "loaders join and leave", false, loaders::storm;
    "poison messages", false, loaders::poison;
    "OpenMetadata answers 429", false, catalogue::too_many;
    "OpenMetadata answers 500", false, catalogue::errors;
    "OpenMetadata answers 503", false, catalogue::unavailable;
    "OpenMetadata answers HTML", false, catalogue::page;
    "OpenMetadata is slow", false, catalogue::slow;
    "OpenMetadata does not answer", false, catalogue::silent;
    "token revoked", false, catalogue::token;
    "schema registry gone", false, surroundings::registry;
    "disk full for logs", false, surroundings::full_disk;
    "clock jumps", true, surroundings::clock;
    "broker restarts", true, brokers::restart;
    "broker gone for minutes", true, brokers::gone;
    "one of three brokers gone", true, brokers::one_of_three;
];

/// Runs the faults of a plan; `seen` is told of each row as it is there. The rows are in the order of
/// the plan.
pub async fn run(plan: &Plan, seen: impl Fn(&Row) + Sync) -> Vec<Row> {
    let undisturbed = World::with_sample_apps().await;
    undisturbed.extract(&[]).await;
    undisturbed.load(&[]).await;
    let expected = Expected {
        topics: undisturbed.topic_content(),
        catalogue: undisturbed.catalogue_snapshot(),
    };
    assert!(!expected.topics.is_empty(), "the sample apps lead to something");
    let setup = Setup { plan: plan.clone(), expected: Arc::new(expected) };
    let is_wanted = |fault: &&Fault| {
        let only = plan.only.as_ref();
        (plan.long || !fault.is_long)
            && only.is_none_or(|only| only.split(',').any(|part| fault.name.contains(part.trim())))
    };
    let wanted: Vec<&'static Fault> = FAULTS.iter().filter(is_wanted).collect();
    // Brokers on fixed ports, and three of them on one machine: nothing beside them.
    let (alone, together): (Vec<_>, Vec<_>) =
        wanted.iter().enumerate().partition(|(_, fault)| fault.name.contains("broker"));
    let mut rows = Vec::new();
    for (faults, threads) in [(together, plan.at_a_time.max(1)), (alone, 1)] {
        rows.extend(run_on(threads, &setup, faults.into(), &seen));
    }
    rows.sort_by_key(|(place, _)| *place);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Runs faults on so many threads: the mock broker keeps to the thread that it is made on.
fn run_on(
    threads: usize,
    setup: &Setup,
    faults: VecDeque<(usize, &&'static Fault)>,
    seen: &(impl Fn(&Row) + Sync),
) -> Vec<(usize, Row)> {
    let (waiting, rows) = (Mutex::new(faults), Mutex::new(Vec::new()));
    let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                while let Some((place, fault)) = next() {
                    let row = runtime.block_on(row(fault, setup));
                    seen(&row);
                    rows.lock().unwrap_or_else(PoisonError::into_inner).push((place, row));
                }
            });
        }
    });
    rows.into_inner().unwrap_or_else(PoisonError::into_inner)
}

async fn row(fault: &Fault, setup: &Setup) -> Row {
    let started = Instant::now();
    // A task of its own, so that its panic is a row.
    let tasks = tokio::task::LocalSet::new();
    let (run, setup) = (fault.run, setup.clone());
    let task = tasks.spawn_local(async move { run(setup).await });
    tasks.await;
    let (injected, result) = match task.await {
        Ok((injected, result)) => (injected, Ok(result)),
        Err(error) => (String::new(), Err(panic_text(error))),
    };
    Row { fault: fault.name, injected, result, took: started.elapsed() }
}

/// The rows as a table.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let mut text = format!("{:<30} | {:<46} | {:>6} | result\n", "fault", "injected", "s");
    for row in rows {
        let result = match &row.result {
            Ok(result) => result.clone(),
            Err(reason) => format!("FAILED: {reason}"),
        };
        let seconds = row.took.as_secs();
        text.push_str(&format!(
            "{:<30} | {:<46} | {seconds:>6} | {result}\n",
            row.fault, row.injected
        ));
    }
    text
}

fn panic_text(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => (*text).to_owned(),
            (None, None) => "panicked".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}

/// Asks a process to stop.
async fn terminate(pid: u32) {
    let pid = pid.to_string();
    let sent = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(sent.expect("kill runs").success(), "{pid} is gone");
}

impl Setup {
    /// Random numbers of a fault, the same for the same seed.
    fn random(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.plan.seed)
    }

    /// Takes the faults away, runs both stages to the end and compares.
    async fn settle(&self, world: &World) -> String {
        world.site().control().clear_faults();
        world.catalogue().faults().clear();
        world.catalogue().faults().set_latency(std::time::Duration::ZERO);
        world.extract(&[]).await;
        self.check_topics(world);
        world.load(&[]).await;
        self.check_catalogue(world)
    }

    /// Topics are what they should be.
    fn check_topics(&self, world: &World) {
        let found = world.topic_content();
        let differing: Vec<_> = found
            .iter()
            .filter(|(key, hash)| self.expected.topics.get(*key) != Some(hash))
            .map(|(key, _)| key)
            .chain(self.expected.topics.keys().filter(|key| !found.contains_key(*key)))
            .take(10)
            .collect();
        assert!(differing.is_empty(), "the topics differ: {differing:?}");
    }

    /// The catalogue is what it should be.
    fn check_catalogue(&self, world: &World) -> String {
        assert_same(&world.catalogue_snapshot(), &self.expected.catalogue);
        "same end state".to_owned()
    }
}
