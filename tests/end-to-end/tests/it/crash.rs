//! What survives a crash: either stage killed in the middle and started again ends in the same state.

use std::time::Duration;

use end_to_end::stage;

use crate::world::{World, assert_same};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_extractor_continues() {
    let undisturbed = World::with_sample_apps().await;
    undisturbed.extract(&[]).await;

    let world = World::with_sample_apps().await;
    world.slow_site(Duration::from_millis(20));
    for round in 0..4 {
        let mut child = stage::start("extractor", &world.config, &["run", "--once"]);
        // Another moment each time; where it falls does not matter for the end.
        tokio::time::sleep(Duration::from_millis(300 + 250 * round)).await;
        child.kill().await.expect("killed or already gone");
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

    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.slow_catalogue(Duration::from_millis(30));
    for round in 0..3 {
        let mut child = stage::start("loader", &world.config, &["run", "--until-end"]);
        tokio::time::sleep(Duration::from_millis(3500 + 400 * round)).await;
        child.kill().await.expect("killed or already gone");
    }
    world.slow_catalogue(Duration::ZERO);
    world.load(&[]).await;
    assert_same(&world.catalogue_snapshot(), &undisturbed.catalogue_snapshot());
}
