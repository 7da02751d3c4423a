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
    let mut cut_short = 0;
    for _ in 0..setup.plan.rounds {
        let mut child = stage::start("extractor", &world.config, &["run", "--once"]);
        let moment = Duration::from_millis(random.u64(0..RUN));
        match tokio::time::timeout(moment, child.wait()).await {
            Ok(_) => {}
            Err(_) => {
                child.kill().await.expect("killed");
                cut_short += 1;
            }
        }
    }
    world.slow_site(Duration::ZERO);
    let result = setup.settle(&world).await;
    assert!(cut_short > 0, "no run was cut short");
    (format!("{} starts, {cut_short} killed in the run", setup.plan.rounds), result)
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
