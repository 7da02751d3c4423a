//! Faults of the loader, its group and what it reads.

use std::time::Duration;

use end_to_end::{stage, world::World};
use schemas::Topic;

use crate::{Outcome, Setup, terminate};

/// Longest time until a kill: joining the group takes about three seconds, loading the rest.
const RUN: u64 = 7000;
/// Longest time until the next loader joins or leaves.
const STORM: u64 = 2500;

pub(crate) async fn killed(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.slow_catalogue(Duration::from_millis(20));
    let mut random = setup.random();
    let (mut starts, mut kills) = (0, 0);
    while kills < setup.plan.rounds {
        let mut child = stage::start("loader", &world.config, &["run", "--until-end"]);
        let moment = Duration::from_millis(random.u64(0..RUN));
        if tokio::time::timeout(moment, child.wait()).await.is_err() {
            child.kill().await.expect("killed");
            kills += 1;
        }
        starts += 1;
        assert!(starts < 5 * setup.plan.rounds, "hardly any run is cut short");
    }
    let result = setup.settle(&world).await;
    (format!("{kills} kills in {starts} starts"), result)
}

/// One loader stays; others come and are killed or stopped.
pub(crate) async fn storm(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.slow_catalogue(Duration::from_millis(20));
    let mut random = setup.random();
    let run = || stage::start("loader", &world.config, &["run"]);
    let lasting = run();
    let mut others = Vec::new();
    for _ in 0..setup.plan.rounds {
        others.push(run());
        tokio::time::sleep(Duration::from_millis(random.u64(0..STORM))).await;
        if others.len() > 2 {
            let mut leaving = others.swap_remove(random.usize(0..others.len()));
            if random.bool() {
                leaving.kill().await.expect("killed");
            } else {
                terminate(leaving.id().expect("it runs")).await;
                drop(stage::finish(leaving).await.with_code(0));
            }
        }
    }
    for child in others.into_iter().chain([lasting]) {
        terminate(child.id().expect("it runs")).await;
        drop(stage::finish(child).await.with_code(0));
    }
    let result = setup.settle(&world).await;
    (format!("{} joins and leaves", setup.plan.rounds), result)
}

pub(crate) async fn poison(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    let mut random = setup.random();
    let huge: Vec<u8> = std::iter::repeat_with(|| random.u8(1..)).take(900_000).collect();
    let key = |name: &str| format!("{}/poison/{name}", world.service());
    // Topics are made by the first run over a real broker.
    world.extract(&[]).await;
    world.broker.poison(Topic::Charts, &key("bytes"), "poison", b"{\"not\": \"avro\"}");
    world.broker.poison(Topic::Charts, &key("truncated"), "poison", &[0xc3, 1, 2]);
    world.broker.poison(Topic::Charts, &key("schema"), "poison", &[0, 0, 1, 0x86, 0x9f, 2, 4, 6]);
    world.broker.poison(Topic::Charts, &key("huge"), "poison", &huge);
    let args = ["run", "--until-end"];
    let ended = stage::run("loader", &world.config, &args).await.with_code(1);
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    let letters = world.broker.records(Topic::DeadLetters).len();
    assert_eq!(letters, 4, "each is a dead letter");
    setup.check_catalogue(&world);
    // Neither stage minds what lies there from now on.
    world.extract(&[]).await;
    world.load(&[]).await;
    let result = setup.check_catalogue(&world);
    ("wrong bytes, cut, unknown schema id, 900 kB".to_owned(), format!("4 dead letters, {result}"))
}
