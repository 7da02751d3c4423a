//! What survives a crash: either stage killed in the middle and started again ends in the same state.

use std::time::Duration;

use end_to_end::stage;

use crate::world::{World, assert_same};

/// A stage that does nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts a stage and kills it as soon as `work` says that it has done at least `until`, which must
/// happen before it comes to its end.
async fn kill_at(
    stage: &str,
    args: &[&str],
    world: &World,
    until: usize,
    work: impl Fn() -> usize,
) {
    let mut child = stage::start(stage, &world.config, args);
    let began = work();
    let watched = async {
        while work() < until.max(began + 1) {
            let ended = child.try_wait().expect("its state");
            assert!(ended.is_none(), "{stage} ended at {} before {until}: {ended:?}", work());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, watched).await.expect("the stage works");
    assert!(child.try_wait().expect("its state").is_none(), "{stage} ended before it was killed");
    child.kill().await.expect("killed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_extractor_continues() {
    let undisturbed = World::with_sample_apps().await;
    undisturbed.extract(&[]).await;
    let all = undisturbed.broker.counter().written();

    let world = World::with_sample_apps().await;
    let records = world.broker.counter();
    world.slow_site(Duration::from_millis(5));
    for quarter in 1..4 {
        let until = all * quarter / 4;
        kill_at("extractor", &["run", "--once"], &world, until, || records.written()).await;
        assert!(records.written() < all, "the kill fell into the work");
    }
    world.slow_site(Duration::ZERO);
    world.extract(&[]).await;
    assert_eq!(world.topic_content(), undisturbed.topic_content());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_loader_continues() {
    let undisturbed = World::with_sample_apps().await;
    undisturbed.extract(&[]).await;
    undisturbed.load(&[]).await;
    let writes = |world: &World| usize::try_from(world.catalogue_writes()).expect("few");
    let all = writes(&undisturbed);

    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.slow_catalogue(Duration::from_millis(30));
    for quarter in 1..4 {
        let until = all * quarter / 4;
        kill_at("loader", &["run", "--until-end"], &world, until, || writes(&world)).await;
        assert!(writes(&world) < all, "the kill fell into the work: {} of {all}", writes(&world));
    }
    world.slow_catalogue(Duration::ZERO);
    world.load(&[]).await;
    assert_same(&world.catalogue_snapshot(), &undisturbed.catalogue_snapshot());
}
