//! A site that keeps changing, an extractor that keeps looking, two loaders, and kills at random
//! moments; in the end the catalogue must be what a fresh load of the same topics makes.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use end_to_end::{
    stage,
    world::{World, assert_same},
};
use tokio::process::Child;

/// How long, and how rough.
#[derive(Clone, Debug)]
pub struct Soak {
    /// How long the site changes.
    pub lasts: Duration,
    /// Seed of what changes and who is killed.
    pub seed: u64,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Changes of the site.
    pub changes: u32,
    /// Processes killed by process name.
    pub kills: BTreeMap<&'static str, u32>,
    /// Resident memory in KiB by process name, in the order of time.
    pub memory: BTreeMap<&'static str, Vec<u64>>,
}

/// Between two changes of the site.
const CHANGE: Duration = Duration::from_secs(1);
/// One second in so many, one of the processes is killed.
const KILL_ONE_IN: u32 = 20;
/// Growth of a process that lives on, from the median of its second quarter to that of its last: noise of
/// the allocator is less, a leak of a few KiB a second in half an hour is more.
const GROWTH: f64 = 1.25;

/// A stage that is started again when it is killed.
struct Kept {
    name: &'static str,
    stage: &'static str,
    args: &'static [&'static str],
    child: Child,
}

impl Kept {
    fn start(
        world: &World,
        name: &'static str,
        stage: &'static str,
        args: &'static [&'static str],
    ) -> Self {
        Self { name, stage, args, child: spawn(world, name, stage, args) }
    }

    async fn kill(&mut self, world: &World) {
        self.child.kill().await.expect("killed");
        self.child = spawn(world, self.name, self.stage, self.args);
    }

    /// Resident memory in KiB.
    fn memory(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

/// Starts a stage with its output in a file: nobody reads a pipe that long.
fn spawn(world: &World, name: &str, stage: &str, args: &[&str]) -> Child {
    let log = world.folder().join(format!("{name}.log"));
    let open = || fs::OpenOptions::new().create(true).append(true).open(&log).expect("a log");
    let mut command = stage::command(stage, &world.config, args);
    command.stdout(open()).stderr(open()).spawn().expect("it starts")
}

/// Runs it.
///
/// # Panics
/// When the end state is wrong, a stage ended by itself, or memory grew.
pub async fn soak(soak: &Soak, mut tell: impl FnMut(&str)) -> Seen {
    let mut world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let mut random = fastrand::Rng::with_seed(soak.seed);
    let run: &[&str] = &["run"];
    let mut kept = [
        Kept::start(&world, "extractor", "extractor", &["run", "--follow"]),
        Kept::start(&world, "loader 1", "loader", run),
        Kept::start(&world, "loader 2", "loader", run),
    ];
    let mut seen = Seen::default();
    let ids = world.site().control().app_ids();
    let mut removed: Vec<String> = Vec::new();
    let started = Instant::now();
    let mut told = 0;
    while started.elapsed() < soak.lasts {
        tokio::time::sleep(CHANGE).await;
        change(&world, &ids, &mut removed, &mut random);
        seen.changes += 1;
        for each in &mut kept {
            let ended = each.child.try_wait().expect("a child");
            assert!(
                ended.is_none(),
                "{} ended by itself: {ended:?}\n{}",
                each.name,
                log(&world, each.name)
            );
            if let Some(memory) = each.memory() {
                seen.memory.entry(each.name).or_default().push(memory);
            }
        }
        // One loader is never killed, so that its memory can be watched.
        if random.u32(0..KILL_ONE_IN) == 0 {
            let victim = &mut kept[[0, 2][random.usize(0..2)]];
            victim.kill(&world).await;
            *seen.kills.entry(victim.name).or_default() += 1;
        }
        let minutes = started.elapsed().as_secs() / 60;
        if minutes > told {
            told = minutes;
            tell(&format!("{minutes} min: {} changes, kills {:?}", seen.changes, seen.kills));
        }
    }
    for each in kept {
        let pid = each.child.id().expect("it runs");
        crate::terminate(pid).await;
        let ended = stage::finish_child(each.child).await;
        assert_eq!(ended, Some(0), "{}\n{}", each.name, log(&world, each.name));
    }
    for id in removed {
        world.put_app_again(&id);
    }
    world.extract(&["--allow-deletions"]).await;
    world.load(&[]).await;
    check_fresh(&mut world).await;
    for (name, memory) in &seen.memory {
        assert!(growth(memory) < GROWTH, "the memory of {name} grew: {memory:?}");
    }
    seen
}

/// Renames an app, takes one away, or puts one back.
fn change(world: &World, ids: &[String], removed: &mut Vec<String>, random: &mut fastrand::Rng) {
    let id = &ids[random.usize(0..ids.len())];
    match random.u8(0..10) {
        0 if removed.is_empty() => {
            // A copy goes and comes with its original.
            let Some((original, _)) = &world.copy else { return };
            if world.site().control().remove_app(original) {
                removed.push(original.clone());
            }
        }
        1 | 2 => {
            if let Some(id) = removed.pop() {
                world.put_app_again(&id);
            }
        }
        _ if !removed.contains(id) => world.rename_app(id, &format!("Title {}", random.u32(..))),
        _ => {}
    }
}

/// A new catalogue, loaded from the beginning, has the same names, titles and links. Versions tell of
/// the changes on the way and may differ.
async fn check_fresh(world: &mut World) {
    let state = |world: &World| {
        let strip = |mut entity: serde_json::Value| {
            let fields = [
                "id",
                "version",
                "updatedAt",
                "changeDescription",
                "incrementalChangeDescription",
                "href",
                "createdAt",
                "createdBy",
                "updatedBy",
            ];
            strip_all(&mut entity, &fields);
            entity
        };
        let kinds = ["dashboards", "charts", "dashboard/datamodels"].map(|kind| {
            let entities = world.entities(kind).into_iter().map(|(name, it)| (name, strip(it)));
            serde_json::Value::Object(entities.collect())
        });
        let mut edges: Vec<_> = world.catalogue_edges().into_iter().map(strip).collect();
        edges.sort_by_key(ToString::to_string);
        serde_json::Value::Array(kinds.into_iter().chain([edges.into()]).collect())
    };
    let worn = state(world);
    world.renew_catalogue().await;
    world.loader(&["replay", "--from", "beginning"]).await;
    assert_same(&worn, &state(world));
}

fn strip_all(value: &mut serde_json::Value, fields: &[&str]) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|name, _| !fields.contains(&name.as_str()));
            members.values_mut().for_each(|member| strip_all(member, fields));
        }
        serde_json::Value::Array(list) => {
            list.iter_mut().for_each(|member| strip_all(member, fields));
        }
        _ => {}
    }
}

fn log(world: &World, name: &str) -> String {
    let text = fs::read_to_string(world.folder().join(format!("{name}.log"))).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}

/// The last quarter's median over the second's.
fn growth(memory: &[u64]) -> f64 {
    let quarter = memory.len() / 4;
    let median = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part.get(part.len() / 2).copied().unwrap_or(1).max(1)
    };
    let of = |from: usize| median(memory.get(from..from + quarter).unwrap_or_default());
    let (early, late) = (of(quarter), of(3 * quarter));
    f64::from(u32::try_from(late).unwrap_or(u32::MAX))
        / f64::from(u32::try_from(early).unwrap_or(1))
}

impl Seen {
    /// As a table.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!(
            "{} changes of the site\n{:<12} | {:>5} | {:>10} | {:>10} | {:>10} | growth\n",
            self.changes, "process", "kills", "first KiB", "last KiB", "most KiB"
        );
        for (name, memory) in &self.memory {
            let kills = self.kills.get(name).copied().unwrap_or(0);
            let (first, last) = (memory.first().unwrap_or(&0), memory.last().unwrap_or(&0));
            let most = memory.iter().max().unwrap_or(&0);
            text.push_str(&format!(
                "{name:<12} | {kills:>5} | {first:>10} | {last:>10} | {most:>10} | {:.2}\n",
                growth(memory)
            ));
        }
        text.push_str("the catalogue is what a fresh load makes\n");
        text
    }
}
