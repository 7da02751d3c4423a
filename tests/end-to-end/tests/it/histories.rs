//! Whatever the order of events, the size of batches, the number of loaders and the moments at which they
//! are killed: real processes end in the same catalogue, entity by entity.
//!
//! `LOADER_HISTORIES` is the number of random histories (default 2), `LOADER_SEED` the first one's seed.

use std::time::Duration;

use end_to_end::{broker::Record, stage};
use schemas::Topic;
use tokio::process::Child;

use crate::world::{World, assert_same};

/// A loader that does nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Replicas at most; as many as topics have partitions.
const MAX_REPLICAS: u64 = 3;

/// The same numbers for the same seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).expect("less than a length")
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

fn start(world: &World, random: &mut Random) -> Child {
    let batch = [1, 7, 40, 500][random.index(4)];
    let batch = format!("loader.batch.maxEvents={batch}");
    stage::start("loader", &world.config, &["--set", &batch, "run"])
}

/// One history; how many processes were killed while there was work left.
async fn live(world: &World, all_writes: u64, random: &mut Random) -> usize {
    world.slow_catalogue(Duration::from_millis(10));
    let count = 1 + random.below(MAX_REPLICAS);
    let mut replicas: Vec<Child> = (0..count).map(|_| start(world, random)).collect();
    let mut moments: Vec<u64> = (0..=random.below(3)).map(|_| random.below(all_writes)).collect();
    moments.sort_unstable();
    for moment in &moments {
        let reached = async {
            while world.catalogue_writes() < *moment {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the loaders work");
        let victim = random.index(replicas.len());
        replicas[victim].kill().await.expect("killed");
        replicas[victim] = start(world, random);
    }
    // Some are killed at the end, too, and leave whatever they were at to the next.
    for mut replica in replicas {
        replica.kill().await.expect("killed");
    }
    world.slow_catalogue(Duration::ZERO);
    world.load(&[]).await;
    moments.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_history_of_real_loaders_ends_in_the_same_catalogue() {
    let plain = World::with_sample_apps().await;
    plain.extract(&[]).await;
    plain.load(&[]).await;
    let expected = plain.catalogue_snapshot();
    let all_writes = plain.catalogue_writes();
    let records: Vec<(Topic, Record)> = Topic::STATE
        .into_iter()
        .flat_map(|topic| plain.broker.records(topic).into_iter().map(move |r| (topic, r)))
        .collect();
    assert!(records.len() > 200, "{}", records.len());
    let first = setting("LOADER_SEED", 1);
    for seed in first..first + setting("LOADER_HISTORIES", 2) {
        let mut random = Random(seed);
        let mut order = records.clone();
        for last in (1..order.len()).rev() {
            order.swap(last, random.index(last + 1));
        }
        let world = World::with_sample_apps().await;
        if !world.broker.is_mock() {
            // Makes the topics; what follows are newer versions of the same.
            world.extract(&[]).await;
        }
        world.broker.copy(&order);
        let killed = live(&world, all_writes, &mut random).await;
        println!("LOADER_SEED={seed}: {killed} killed in the work");
        assert_same(&world.catalogue_snapshot(), &expected);
    }
}
