//! What is read without opening apps: owners, streams, tags, and what a silent repository must not undo.

use std::collections::BTreeMap;

use qlik_simulator::{Description, Qrs, Rest, Touch};
use schemas::{Event, Topic, event::Dashboard};
use serde_json::json;

use crate::world::World;

fn dashboard(world: &World, app: &str) -> Dashboard {
    match world.broker.events(Topic::Dashboards).remove(&world.key(app)) {
        Some(Event::Dashboard(dashboard)) => *dashboard,
        other => panic!("no dashboard of {app}: {other:?}"),
    }
}

fn records(world: &World) -> [usize; 4] {
    Topic::STATE.map(|topic| world.broker.records(topic).len())
}

/// A change that only the management console makes.
fn description() -> Description {
    Description {
        stream: Some("Elsewhere".into()),
        tags: Some(vec!["Fresh".into()]),
        custom_properties: Some([("Level".to_owned(), vec!["Gold".to_owned()])].into()),
        ..Description::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_streams_change_without_opening() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let (app, other) = world.copy.clone().expect("the samples have a copy");
    let (before, other_before) = (dashboard(&world, &app), dashboard(&world, &other));
    assert_ne!(before.tags, ["Fresh"]);
    let count = records(&world);

    world.control().reset_stats();
    assert!(world.control().describe_app(&app, description()));
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_described"], json!(1), "{report}");
    assert_eq!(report["apps_read"], json!(0), "{report}");
    assert_eq!(world.control().stats().all_opens().without_data, 0);
    let after = dashboard(&world, &app);
    assert_eq!(after.tags, ["Fresh"]);
    assert_eq!(after.project.as_ref().map(|project| project.name.as_str()), Some("Elsewhere"));
    assert_eq!(after.custom_properties.len(), 1);
    // Everything that only the opened app tells is as it was.
    assert_eq!((&after.sheets, &after.script_hash), (&before.sheets, &before.script_hash));
    assert_eq!(dashboard(&world, &other), other_before);
    let [dashboards, rest @ ..] = records(&world);
    assert_eq!((dashboards, &rest[..]), (count[0] + 1, &count[1..]), "one record is written");

    // The marker is still valid, and the event is not written again.
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_unchanged"], json!(world.apps.len()), "{report}");
    let [dashboards, ..] = records(&world);
    assert_eq!(dashboards, count[0] + 1);

    // Opening the app comes to the same event.
    let report = world.extract(&["--full"]).await;
    assert_eq!(report["events"]["dashboards"]["published"], json!(0), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_repository_opens_nothing_and_takes_nothing_away() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let (app, _) = world.copy.clone().expect("the samples have a copy");
    let (before, count) = (dashboard(&world, &app), records(&world));
    assert!(before.owner.is_some() && !before.tags.is_empty());

    let control = world.control();
    control.reset_stats();
    control.set_behaviour(|behaviour| behaviour.qrs = Qrs::Refused);
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_unchanged"], json!(world.apps.len()), "{report}");
    assert_eq!(control.stats().all_opens().without_data, 0);
    assert_eq!(records(&world), count);

    // Even an app that is opened meanwhile keeps what only the repository tells.
    assert!(control.rename_app(&app, "Renamed"));
    assert!(control.describe_app(&app, description()));
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_read"], json!(1), "{report}");
    let renamed = dashboard(&world, &app);
    assert_eq!(renamed.title, "Renamed");
    assert_eq!((&renamed.owner, &renamed.tags), (&before.owner, &before.tags));

    // Once it speaks again, what it tells is taken over, without opening anything.
    control.set_behaviour(|behaviour| behaviour.qrs = Qrs::Present);
    let report = world.extract(&[]).await;
    assert_eq!(
        (&report["apps_described"], &report["apps_read"]),
        (&json!(1), &json!(0)),
        "{report}"
    );
    assert_eq!(dashboard(&world, &app).tags, ["Fresh"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_speaks_for_the_first_time_opens_nothing() {
    let world = World::with_sample_apps().await;
    let control = world.control();
    control.set_behaviour(|behaviour| behaviour.qrs = Qrs::Refused);
    world.extract(&[]).await;
    control.set_behaviour(|behaviour| behaviour.qrs = Qrs::Present);
    control.reset_stats();
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_described"], json!(world.apps.len()), "{report}");
    assert_eq!(control.stats().all_opens().without_data, 0);
    let (app, _) = world.copy.clone().expect("the samples have a copy");
    assert!(dashboard(&world, &app).owner.is_some());
}

/// Without REST the data model costs opening an app with its data: that is done when the app was reloaded,
/// not when its charts changed, by any process.
#[tokio::test(flavor = "multi_thread")]
async fn apps_are_opened_with_data_only_when_they_were_reloaded() {
    let world = World::with_sample_apps().await;
    let control = world.control();
    control.set_behaviour(|behaviour| behaviour.rest = Rest::CannotGet);
    world.extract(&[]).await;
    let (app, _) = world.copy.clone().expect("the samples have a copy");
    let content = world.topic_content();
    let opens = || control.stats().opens_of(&app);
    assert!(opens().with_data > 0);
    let extract = async |args: &[&str], read: usize, with_data: u64| {
        control.reset_stats();
        let report = world.extract(args).await;
        assert_eq!(report["apps_read"], json!(read), "{report}");
        assert_eq!((opens().without_data, opens().with_data), (1, with_data), "{args:?}");
        assert_eq!(control.stats().all_opens().with_data > 0, with_data > 0);
    };
    // Its data model is the published one, and what follows from it is as it was.
    assert!(control.touch_app(&app, Touch::modified_now()));
    extract(&[], 1, 0).await;
    let tables = |content: &BTreeMap<String, String>| {
        let of_reload = |key: &str| {
            key.starts_with("lineage")
                || key.starts_with("datamodels") && !key.ends_with("(master items)")
        };
        let kept = content.iter().filter(|(key, _)| of_reload(key));
        kept.map(|(key, hash)| (key.clone(), hash.clone())).collect::<Vec<_>>()
    };
    assert!(tables(&content).len() > 50);
    assert_eq!(tables(&world.topic_content()), tables(&content));
    // Other options may ask for tables that are not published.
    let filtered = "source.sourceConfig.config.dataModelFilterPattern={\"excludes\": [\"^none$\"]}";
    assert!(control.touch_app(&app, Touch::reloaded_now()));
    extract(&[], 1, 1).await;
    assert!(control.touch_app(&app, Touch::modified_now()));
    extract(&[], 1, 0).await;
    extract(&["--full"], world.apps.len(), 1).await;
    assert!(control.touch_app(&app, Touch::modified_now()));
    extract(&["--set", filtered], world.apps.len(), 1).await;
}
