//! Faults of the extractor and of what it reads.

use std::time::Duration;

use end_to_end::{stage, world::World};
use qlik_simulator::{Effect, Fault};

use crate::{Outcome, Setup};

/// Longest time until a kill; a run over the slowed site takes about this long.
const RUN: u64 = 2500;

/// Sockets that are broken at most in a run, which tries again a few times only.
const MOST_DROPPED: usize = 10;

pub(crate) async fn killed(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    world.slow_site(Duration::from_millis(15));
    let mut random = setup.random();
    let (mut starts, mut kills) = (0, 0);
    while kills < setup.plan.rounds {
        // A run that has nothing to do would be over before it is killed.
        let args = ["run", "--once", "--full"];
        let mut child = stage::start("extractor", &world.config, &args);
        let moment = Duration::from_millis(random.u64(0..RUN));
        if tokio::time::timeout(moment, child.wait()).await.is_err() {
            child.kill().await.expect("killed");
            kills += 1;
        }
        starts += 1;
        assert!(starts < 5 * setup.plan.rounds, "hardly any run is cut short");
    }
    world.slow_site(Duration::ZERO);
    let result = setup.settle(&world).await;
    (format!("{kills} kills in {starts} starts"), result)
}

pub(crate) async fn sockets_dropped(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    world.slow_site(Duration::from_millis(15));
    let child = stage::start("extractor", &world.config, &["run", "--once"]);
    let control = world.site().control();
    let run = tokio::spawn(stage::finish(child));
    let mut dropped = 0;
    while !run.is_finished() && dropped < MOST_DROPPED {
        tokio::time::sleep(Duration::from_millis(150)).await;
        dropped += control.drop_sockets(None);
    }
    let ended = run.await.expect("it ends");
    assert!(matches!(ended.code, Some(0 | 1 | 3)), "{ended:?}");
    assert!(dropped > 0, "nothing was dropped");
    let result = setup.settle(&world).await;
    (
        format!("{dropped} sockets broken"),
        format!("exit {:?}, then {result}", ended.code.unwrap_or(-1)),
    )
}

async fn with_fault(setup: &Setup, fault: Fault) -> (Option<i32>, String) {
    let world = World::with_sample_apps().await;
    world.site().control().add_fault(fault);
    let ended = stage::run("extractor", &world.config, &["run", "--once"]).await;
    assert!(matches!(ended.code, Some(0 | 1 | 3)), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    (ended.code, setup.settle(&world).await)
}

pub(crate) async fn sessions_refused(setup: Setup) -> Outcome {
    // 4003: the engine is ending.
    let fault = Fault::of_method("OpenDoc", Effect::CloseSocket { code: 4003 }).times(4);
    let (closed, _) = with_fault(&setup, fault).await;
    // 5005: no licence pass or too many sessions.
    let fault = Fault::of_method("OpenDoc", Effect::Error { code: 5005 }).times(4);
    let (refused, result) = with_fault(&setup, fault).await;
    let codes = format!("exit {}, {}", closed.unwrap_or(-1), refused.unwrap_or(-1));
    ("4 opens closed, 4 refused".to_owned(), format!("{codes}, then {result}"))
}

pub(crate) async fn frames_cut(setup: Setup) -> Outcome {
    let fault = Fault::of_method("GetAppLayout", Effect::Malformed).times(2);
    let (code, result) = with_fault(&setup, fault).await;
    (
        "2 answers cut in the middle".to_owned(),
        format!("exit {}, then {result}", code.unwrap_or(-1)),
    )
}
