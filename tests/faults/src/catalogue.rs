//! Faults of OpenMetadata.

use std::time::Duration;

use end_to_end::{stage, world::World};
use openmetadata_simulator::{Effect, Fault};

use crate::{Outcome, Setup};

/// Loads while faults are laid on the catalogue, and then without; says how the first run ended.
async fn load_with(setup: &Setup, faults: Vec<Fault>, codes: &[i32]) -> String {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    for fault in faults {
        world.catalogue().faults().add(fault).expect("a fault");
    }
    let args = ["--set", "loader.requestTimeout=3s", "run", "--until-end"];
    let ended = stage::run("loader", &world.config, &args).await;
    let code = ended.code.unwrap_or(-1);
    assert!(codes.contains(&code), "{ended:?}");
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    format!("exit {code}, then {}", setup.settle(&world).await)
}

fn status(status: u16, retry_after: Option<u64>) -> Fault {
    Fault::once(Effect::Status { status, retry_after })
}

pub(crate) async fn too_many(setup: Setup) -> Outcome {
    // Each is followed by a longer wait, where they meet the same request.
    let result = load_with(&setup, vec![status(429, Some(1)).after(5).times(4)], &[0]).await;
    ("4 requests, Retry-After 1 s".to_owned(), result)
}

pub(crate) async fn errors(setup: Setup) -> Outcome {
    let before = status(500, None).after(5).times(4);
    let stored = Fault::once(Effect::StatusAfter { status: 500 }).on("PUT", "lineage").times(4);
    // A 500 that comes again and again for one body is that body's fault: a dead letter is allowed.
    let result = load_with(&setup, vec![before, stored], &[0]).await;
    ("4 requests, 4 edges stored all the same".to_owned(), result)
}

pub(crate) async fn unavailable(setup: Setup) -> Outcome {
    let result = load_with(&setup, vec![status(503, None).after(5).times(5)], &[0]).await;
    ("5 requests".to_owned(), result)
}

pub(crate) async fn page(setup: Setup) -> Outcome {
    let fault = Fault::once(Effect::Html).after(20).times(5);
    let result = load_with(&setup, vec![fault], &[0, 3]).await;
    ("5 requests in the middle of a run".to_owned(), result)
}

pub(crate) async fn slow(setup: Setup) -> Outcome {
    let fault = Fault::once(Effect::Slow { millis: 1500 }).after(5).times(6);
    let result = load_with(&setup, vec![fault], &[0]).await;
    ("6 answers after 1.5 s".to_owned(), result)
}

pub(crate) async fn silent(setup: Setup) -> Outcome {
    let late = Fault::once(Effect::Slow { millis: 10_000 }).after(5).times(2);
    let dropped = Fault::once(Effect::Drop).after(8).times(3);
    let carried_out = Fault::once(Effect::DropAfter).after(12).times(3);
    let result = load_with(&setup, vec![late, dropped, carried_out], &[0]).await;
    ("2 never, 3 connections closed before, 3 after".to_owned(), result)
}

pub(crate) async fn token(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.slow_catalogue(Duration::from_millis(50));
    let args = ["--set", "loader.tokenGrace=1s", "run", "--until-end"];
    let running = tokio::spawn(stage::finish(stage::start("loader", &world.config, &args)));
    // In the middle: when something was written.
    while world.catalogue_writes() < 10 && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!running.is_finished(), "the run was over before");
    world.catalogue().replace_token("another-token");
    let ended = running.await.expect("it ends").with_code(3);
    assert!(ended.stderr.contains("jwtToken"), "{}", ended.stderr);
    world.change_config(|config| {
        config["workflowConfig"]["openMetadataServerConfig"]["securityConfig"]["jwtToken"] =
            "another-token".into();
    });
    let result = setup.settle(&world).await;
    ("in the middle of a run".to_owned(), format!("exit 3, with the new token {result}"))
}
