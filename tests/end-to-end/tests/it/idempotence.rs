//! What must not change: a second run, a second load, a load from the beginning.

use end_to_end::stage;
use schemas::Topic;
use serde_json::json;

use crate::world::{World, assert_same};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_writes_nothing() {
    let world = World::with_sample_apps().await;
    let first = world.extract(&[]).await;
    let count = || Topic::STATE.map(|topic| world.broker.records(topic).len());
    let before = count();
    assert!(before.iter().all(|count| *count > 0), "{first}");

    let second = world.extract(&[]).await;
    assert_eq!(count(), before, "{second}");
    assert_eq!(second["apps_unchanged"], json!(world.apps.len()), "{second}");
    assert_eq!(second["apps_read"], json!(0), "{second}");
    // The list is all that the engine is asked for.
    assert_eq!(second["requests"]["engine"], json!(1), "{second}");
    assert_eq!(second["requests"]["sessions"], json!(1), "{second}");
    for phase in ["state", "list", "apps", "deletions", "total"] {
        assert!(second["seconds"][phase].is_number(), "{phase}: {second}");
    }

    // Opening every app again comes to the same content.
    let full = world.extract(&["--full"]).await;
    assert_eq!(count(), before, "{full}");
    assert_eq!(full["apps_read"], json!(world.apps.len()), "{full}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_again_changes_no_version() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.load(&[]).await;
    let loaded = world.catalogue_snapshot();
    let writes = world.catalogue_writes();
    assert!(writes > 0);

    // The same group: nothing is left to read.
    world.load(&[]).await;
    assert_same(&world.catalogue_snapshot(), &loaded);
    assert_eq!(world.catalogue_writes(), writes);

    // A new group reads everything from the beginning.
    world.load(&["--set", "loader.groupId=another"]).await;
    assert_same(&world.catalogue_snapshot(), &loaded);
    assert_eq!(world.catalogue_writes(), writes, "a replay of unchanged events writes nothing");
}

/// The topics hold every version of everything: apps that were renamed, deleted and there again.
/// Loading them from the beginning must not go through all that a second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_not_lived_through_again() {
    let world = World::with_sample_apps().await;
    let (original, copy) = world.copy.clone().expect("the samples have a copy");
    let renamed = |title: &'static str| world.rename_app(&original, title);
    for change in [
        &(|| {}) as &dyn Fn(),
        &|| renamed("Another title"),
        &|| world.remove_app(&copy),
        &|| renamed("A third title"),
        &|| world.put_app_again(&original),
    ] {
        change();
        world.extract(&[]).await;
        world.load(&[]).await;
    }
    let key = world.key(&original);
    let dashboards = world.broker.records(Topic::Dashboards);
    let versions = dashboards.iter().filter(|record| record.key == key).count();
    assert!(versions > 2, "{versions} versions of `{key}`");
    let loaded = world.catalogue_snapshot();
    let writes = world.catalogue_writes();

    // Without the help of batches, which would keep the newest version only.
    let one_by_one = ["--set", "loader.batch.maxEvents=1"];
    let report =
        world.load(&[&one_by_one[..], &["--set", "loader.groupId=another"]].concat()).await;
    assert_same(&world.catalogue_snapshot(), &loaded);
    assert_eq!(world.catalogue_writes(), writes, "{report}");
    assert_ne!(report["totals"]["superseded"], json!(0), "{report}");
    world.loader(&[&["replay", "--from", "beginning"], &one_by_one[..]].concat()).await;
    world.loader(&[&["reconcile"], &one_by_one[..]].concat()).await;
    assert_same(&world.catalogue_snapshot(), &loaded);
    assert_eq!(world.catalogue_writes(), writes, "replay and reconcile");
}

/// Old servers, which have no hash to compare and other rules for nearly everything.
#[tokio::test(flavor = "multi_thread")]
async fn every_server_version_is_loaded_twice_without_a_change() {
    for version in
        ["1.1.1", "1.2.0-SNAPSHOT", "1.2.5", "1.4.8", "1.8.12", "1.9.17", "1.12.6", "2.0.7"]
    {
        let world = World::with_sample_apps_on(version).await;
        world.extract(&[]).await;
        world.load(&[]).await;
        assert_eq!(world.entities("dashboards").len(), world.apps.len(), "{version}");
        let loaded = world.catalogue_snapshot();
        world.load(&["--set", "loader.groupId=another"]).await;
        assert_same(&world.catalogue_snapshot(), &loaded);
    }
}

/// An app that is gone becomes tombstones, and is gone from the catalogue; the copy stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_app_is_deleted() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.load(&[]).await;
    let (_, copy) = world.copy.clone().expect("the samples have a copy");
    world.remove_app(&copy);
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_deleted"], json!(1), "{report}");
    world.load(&[]).await;
    let dashboards = world.entities("dashboards");
    assert!(!dashboards.contains_key(&copy));
    assert_eq!(dashboards.len(), world.apps.len() - 1);
    for kind in ["charts", "dashboard/datamodels"] {
        let left: Vec<_> =
            world.entities(kind).into_keys().filter(|name| name.starts_with(&copy)).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(world.broker.events(Topic::Charts).keys().all(|key| !key.contains(&copy)));
}

/// Commands that look print what they see and write nothing, not even the service.
#[tokio::test(flavor = "multi_thread")]
async fn looking_writes_nothing() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let empty = world.catalogue_snapshot();
    let look = async |args: &[&str]| stage::run("loader", &world.config, args).await.with_code(0);

    let replay = ["replay", "--from", "beginning", "--dry-run"];
    let text = look(&replay).await.stdout;
    let app = world.apps.keys().next().expect("an app");
    assert!(text.contains(&format!("+ dashboard {}.{app}\n", world.service())), "{text}");
    assert!(text.contains("+ lineage ") && text.contains("    displayName: "), "{text}");
    let lines = look(&[&replay[..], &["--json"]].concat()).await.stdout;
    for line in lines.lines() {
        let planned: serde_json::Value = serde_json::from_str(line).expect("JSON lines");
        assert_eq!(planned["change"], "create", "{planned}");
    }
    look(&["unresolved"]).await;
    look(&["reconcile", "--dry-run"]).await;
    assert_eq!(world.catalogue_writes(), 0);
    assert_same(&world.catalogue_snapshot(), &empty);

    // What is loaded needs no change.
    world.load(&[]).await;
    let writes = world.catalogue_writes();
    assert_eq!(look(&replay).await.stdout, "");
    assert_eq!(world.catalogue_writes(), writes);
}
