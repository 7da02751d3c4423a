//! What servers do at night.

use std::time::Duration;

use loader::sink::{Outcome, Stage};
use openmetadata_simulator::{Effect, Fault, Kind};
use schemas::Event;

use super::{World, apply, site, upserts};

fn status(status: u16) -> Effect {
    Effect::Status { status, retry_after: None }
}

#[tokio::test]
async fn trouble_is_waited_out_and_leaves_nothing_behind() {
    let calm = World::new("1.12.6").await;
    let events = site::site();
    calm.load(&events).await;
    let effects = [
        status(429),
        status(502),
        status(503),
        status(504),
        status(500),
        Effect::Drop,
        Effect::DropAfter,
        Effect::Cut,
        Effect::StatusAfter { status: 504 },
        Effect::StatusAfter { status: 409 },
        Effect::Html,
    ];
    for version in ["1.2.5", "1.8.12", "1.12.6"] {
        for effect in &effects {
            let world = World::new(version).await;
            let sink = world.sink().await;
            for method in ["GET", "PUT", "PATCH", "DELETE"] {
                for after in [0, 3, 9] {
                    let fault = Fault::once(effect.clone()).on(method, "/api/v1/").after(after);
                    world.server.faults().add(fault.times(2)).expect("a fault");
                }
            }
            let outcomes = apply(&sink, &upserts(&events)).await;
            for (event, outcome) in events.iter().zip(&outcomes) {
                assert!(
                    matches!(outcome, Outcome::Created | Outcome::Updated | Outcome::Unchanged),
                    "{version} {effect:?} {}: {outcome:?}",
                    event.key()
                );
            }
            assert!(sink.snapshot().retries > 0);
            world.server.faults().clear();
            world.load_unchanged(&events).await;
        }
    }
}

#[tokio::test]
async fn a_body_that_the_server_cannot_digest_is_given_up() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let fault = Fault::once(status(500)).containing("indigestible").times(10_000);
    world.server.faults().add(fault).expect("a fault");
    let events: Vec<Event> = (0..5)
        .map(|i| {
            let mut chart = site::chart("app-1", &format!("c{i}"));
            chart.title = Some(if i == 2 { "indigestible" } else { "fine" }.into());
            Event::Chart(Box::new(chart))
        })
        .collect();
    let outcomes = apply(&sink, &upserts(&events)).await;
    let Outcome::Rejected { reason } = &outcomes[2] else { panic!("{outcomes:?}") };
    assert!(reason.contains("500") && reason.contains("app-1_c2"), "{reason}");
    assert_eq!(world.server.entities(Kind::Chart).len(), 4);
}

#[tokio::test]
async fn a_server_that_fails_at_everything_is_waited_for() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    // More failures than tries of a body: the probe fails as well, so the body is not blamed.
    world.server.faults().add(Fault::once(status(500)).times(100)).expect("a fault");
    let events = site::app("app-1");
    let outcomes = apply(&sink, &upserts(&events[..3])).await;
    assert_eq!(outcomes, vec![Outcome::Created; 3]);
    assert_eq!(sink.snapshot().rejected, 0);
}

#[tokio::test]
async fn a_refused_token_is_tried_again_for_a_while_and_ends_everything_then() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let fault = Fault::once(status(401)).on("PUT", "/charts").times(5);
    world.server.faults().add(fault).expect("a fault");
    let events = upserts(&[Event::Chart(Box::new(site::chart("app-1", "c1")))]);
    assert_eq!(apply(&sink, &events).await, [Outcome::Created]);

    let mut settings = world.settings();
    settings.server.token_grace = Duration::from_millis(20);
    let stop = tokio_util::sync::CancellationToken::new();
    let sink = loader::sink::openmetadata::OpenMetadataSink::connect(settings, stop)
        .await
        .expect("the sink connects");
    let fault = Fault::once(status(401)).on("PUT", "").times(1_000_000);
    world.server.faults().add(fault).expect("a fault");
    let events = upserts(&[Event::Chart(Box::new(site::chart("app-1", "c2")))]);
    let fatal = sink.apply(Stage::Assets, &events).await.expect_err("fatal");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains("jwtToken"), "{}", fatal.message);
    assert!(!fatal.message.contains(world.server.token()), "{}", fatal.message);
}

#[tokio::test]
async fn a_denied_operation_ends_everything() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let fault = Fault::once(status(403)).on("PUT", "/charts").times(100);
    world.server.faults().add(fault).expect("a fault");
    let events = upserts(&[Event::Chart(Box::new(site::chart("app-1", "c1")))]);
    let fatal = sink.apply(Stage::Assets, &events).await.expect_err("fatal");
    assert_eq!(fatal.exit_code, 3);
    assert!(fatal.message.contains("does not allow"), "{}", fatal.message);
}

#[tokio::test]
async fn a_server_without_bulk_requests_gets_single_ones() {
    let world = World::new("1.12.6").await;
    let sink = world.sink().await;
    let fault = Fault::once(status(404)).on("PUT", "/bulk$").times(1_000_000);
    world.server.faults().add(fault).expect("a fault");
    let charts: Vec<Event> =
        (0..20).map(|i| Event::Chart(Box::new(site::chart("app-1", &format!("c{i}"))))).collect();
    assert_eq!(apply(&sink, &upserts(&charts)).await, vec![Outcome::Created; 20]);
    assert_eq!(world.server.request_counts().get("PUT /charts/bulk"), Some(&1));
}

#[tokio::test]
async fn a_stop_ends_the_wait() {
    let world = World::new("1.12.6").await;
    let stop = tokio_util::sync::CancellationToken::new();
    let sink =
        loader::sink::openmetadata::OpenMetadataSink::connect(world.settings(), stop.clone())
            .await
            .expect("the sink connects");
    let fault = Fault::once(status(503)).on("PUT", "").times(1_000_000);
    world.server.faults().add(fault).expect("a fault");
    let events = upserts(&site::app("app-1"));
    let (outcomes, ()) = tokio::join!(sink.apply(Stage::Assets, &events[..3]), async {
        while sink.snapshot().retries < 3 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    let outcomes = outcomes.expect("not fatal");
    assert!(outcomes.iter().all(|o| matches!(o, Outcome::Waiting { .. })), "{outcomes:?}");
}

#[tokio::test]
async fn a_killed_load_is_finished_by_the_next() {
    for version in ["1.2.0-SNAPSHOT", "1.8.12", "1.12.6", "2.0.7"] {
        let calm = World::new(version).await;
        let events = site::site();
        calm.load(&events).await;
        for requests in [1, 4, 9, 17, 30] {
            let world = World::new(version).await;
            let sink = world.sink().await;
            let before = sink.snapshot().requests;
            let items = upserts(&events);
            // Dropped in the middle, as by kill -9.
            tokio::select! {
                biased;
                () = async {
                    while sink.snapshot().requests < before + requests {
                        tokio::task::yield_now().await;
                    }
                } => {}
                _ = apply(&sink, &items) => {}
            }
            drop(sink);
            world.load(&events).await;
            world.load_unchanged(&events).await;
        }
    }
}

#[tokio::test]
async fn two_loaders_at_once_agree() {
    let world = World::new("1.12.6").await;
    let events = site::site();
    let items = upserts(&events);
    let (first, second) = (world.sink().await, world.sink().await);
    tokio::join!(apply(&first, &items), apply(&second, &items));
    world.load(&events).await;
    world.load_unchanged(&events).await;
}

/// Observed at the server: so much lies at least between the refusal and the next try. The pauses of the
/// loader itself are some milliseconds here.
#[tokio::test]
async fn the_pause_that_the_server_asks_for_is_kept() {
    let check = async |effect: Effect, at_least: u64| {
        let world = World::new("1.12.6").await;
        let sink = world.sink().await;
        let fault = Fault::once(effect.clone()).on("PUT", "/charts");
        world.server.faults().add(fault).expect("a fault");
        let chart = upserts(&[Event::Chart(Box::new(site::chart("app-1", "c1")))]);
        assert_eq!(apply(&sink, &chart).await, [Outcome::Created], "{effect:?}");
        let requests = world.server.requests();
        let tries: Vec<_> =
            requests.iter().filter(|r| r.path.contains("/charts") && r.method == "PUT").collect();
        let [refused, done] = tries.as_slice() else { panic!("two tries: {tries:?}") };
        assert_eq!((refused.status.map(|s| s >= 400), done.status), (Some(true), Some(201)));
        let pause = done.at_millis - refused.at_millis;
        assert!(pause >= at_least, "{effect:?}: only {pause} ms");
    };
    tokio::join!(
        check(Effect::Status { status: 429, retry_after: Some(1) }, 990),
        check(Effect::Status { status: 503, retry_after: Some(1) }, 990),
        // Dates have whole seconds, so one may be missing.
        check(Effect::StatusUntil { status: 429, seconds: 3 }, 1990),
        check(Effect::StatusUntil { status: 503, seconds: 3 }, 1990),
    );
}
