//! What an extractor that follows the site notices: changes and deletions of the change feed, gaps in it,
//! and a site without one.

use std::{collections::BTreeSet, net::TcpListener, time::Duration};

use end_to_end::stage::{self, Ended};
use qlik_simulator::{Description, Effect, Fault};
use schemas::{
    Event, Topic,
    event::{Dashboard, Phase},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::Child,
};

use crate::world::World;

const FEED: &str = "GET /qrs/notification/changes";
/// What does not happen within this time does not happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// An extractor that follows the site of a world.
struct Following<'a> {
    world: &'a World,
    child: Child,
    admin: String,
}

impl<'a> Following<'a> {
    /// Returns once the first run has succeeded.
    async fn start(world: &'a World, scan_interval: &str) -> Self {
        let admin = {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            free.local_addr().expect("an address").to_string()
        };
        let settings = [
            format!("extractor.adminAddress={admin}"),
            format!("extractor.scanInterval={scan_interval}"),
            "extractor.feedInterval=100ms".to_owned(),
        ];
        let mut args: Vec<&str> = settings.iter().flat_map(|text| ["--set", text]).collect();
        args.extend(["run", "--follow"]);
        let child = stage::start("extractor", &world.config, &args);
        let following = Self { world, child, admin };
        following.until("ready", async || following.get("/readyz").await.0 == 200).await;
        following
    }

    /// Waits until something is so.
    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        assert!(waited.await.is_ok(), "never: {what}\n{}", self.get("/metrics").await.1);
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let Ok(mut socket) = TcpStream::connect(&self.admin).await else {
            return (0, String::new());
        };
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        if socket.write_all(request.as_bytes()).await.is_err()
            || socket.read_to_string(&mut answer).await.is_err()
        {
            return (0, String::new());
        }
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or(0), answer)
    }

    async fn metric(&self, name: &str) -> Option<f64> {
        let (_, text) = self.get("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        line.trim().parse().ok()
    }

    fn dashboard(&self, app: &str) -> Option<Dashboard> {
        match self.world.broker.events(Topic::Dashboards).remove(&self.world.key(app)) {
            Some(Event::Dashboard(dashboard)) => Some(*dashboard),
            _ => None,
        }
    }

    async fn until_titled(&self, app: &str, title: &str) {
        let is_titled = async || self.dashboard(app).is_some_and(|it| it.title == title);
        self.until(title, is_titled).await;
    }

    async fn end(self) -> Ended {
        let id = self.child.id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
        stage::finish(self.child).await.with_code(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_and_deletions_are_followed() {
    let world = World::with_sample_apps().await;
    let (app, copy) = world.copy.clone().expect("the samples have a copy");
    let following = Following::start(&world, "1h").await;
    assert_eq!(world.broker.events(Topic::Dashboards).len(), world.apps.len());
    let control = world.control();
    control.reset_stats();

    assert!(control.rename_app(&app, "Another title"));
    following.until_titled(&app, "Another title").await;
    assert_eq!(control.stats().opens.keys().collect::<Vec<_>>(), [&app], "nothing else is opened");

    // What only the repository tells opens nothing.
    control.reset_stats();
    let tags = Description { tags: Some(vec!["Fresh".into()]), ..Description::default() };
    assert!(control.describe_app(&app, tags));
    following
        .until("tags", async || following.dashboard(&app).is_some_and(|it| it.tags == ["Fresh"]))
        .await;
    assert!(control.stats().opens.is_empty());

    // A deletion of the feed is certain: everything of the app goes, nothing of its copy.
    world.remove_app(&copy);
    following.until("gone", async || following.dashboard(&copy).is_none()).await;
    for topic in Topic::STATE {
        following
            .until("all of it gone", async || {
                world.broker.events(topic).keys().all(|key| !key.contains(&copy))
            })
            .await;
    }
    assert!(world.broker.events(Topic::Charts).keys().any(|key| key.contains(&app)));

    // A site where nothing happens is asked for the feed and for nothing else.
    control.reset_stats();
    following
        .until("idle", async || control.stats().http_requests.get(FEED).is_some_and(|it| *it > 5))
        .await;
    let stats = control.stats();
    assert_eq!(stats.http_requests.keys().collect::<Vec<_>>(), [FEED]);
    assert!(stats.requests.is_empty(), "{:?}", stats.requests);

    assert_eq!(following.metric("extractor_apps_total{result=\"deleted\"}").await, Some(1.0));
    assert_eq!(following.metric("extractor_apps_total{result=\"described\"}").await, Some(1.0));
    assert!(following.metric("extractor_feed_lag_seconds").await.is_some());
    assert_eq!(following.metric("extractor_open_sessions").await, Some(0.0));
    let ended = following.end().await;
    assert!(ended.stderr.contains("followed changes"), "{}", ended.stderr);

    // Every run has a start and an end on the topic of runs, and a plain run finds nothing to do.
    let runs: Vec<_> = world.broker.records(Topic::Runs);
    let phases: BTreeSet<_> = runs.iter().map(|record| &record.headers["run-id"]).collect();
    assert_eq!(runs.len(), 2 * phases.len());
    let report = world.extract(&[]).await;
    assert_eq!(report["apps_unchanged"], serde_json::json!(world.apps.len() - 1), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_app_is_read() {
    let world = World::with_sample_apps().await;
    let (_, copy) = world.copy.clone().expect("the samples have a copy");
    let control = world.control();
    control.hide_app(&copy, true);
    let following = Following::start(&world, "1h").await;
    assert!(following.dashboard(&copy).is_none());
    control.hide_app(&copy, false);
    assert!(control.rename_app(&copy, "Here now"));
    following.until_titled(&copy, "Here now").await;
    following.end().await;
}

/// The repository is restarted and has forgotten a change: the list finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_feed_is_bridged_by_a_list() {
    let world = World::with_sample_apps().await;
    let (app, _) = world.copy.clone().expect("the samples have a copy");
    let following = Following::start(&world, "1h").await;
    let control = world.control();
    control.add_fault(Fault::of_method(FEED, Effect::Error { code: 503 }));
    assert!(control.rename_app(&app, "Behind the gap"));
    control.reset_stats();
    following.until("asked", async || control.stats().http_requests.contains_key(FEED)).await;
    control.forget_changes();
    control.clear_faults();
    following.until_titled(&app, "Behind the gap").await;

    // The feed is followed again.
    assert!(control.rename_app(&app, "And on"));
    following.until_titled(&app, "And on").await;
    following.end().await;
}

/// A connection that breaks is a gap as well; what the site does not tell (access given) is found by
/// the list.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_a_gap() {
    let world = World::with_sample_apps().await;
    let (_, copy) = world.copy.clone().expect("the samples have a copy");
    let control = world.control();
    control.hide_app(&copy, true);
    let following = Following::start(&world, "1h").await;
    control.hide_app(&copy, false);
    control.add_fault(Fault::of_method(FEED, Effect::DropSocket).times(1));
    following.until("listed again", async || following.dashboard(&copy).is_some()).await;
    following.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_feed_the_site_is_listed_again_and_again() {
    for code in [404, 403] {
        let world = World::with_sample_apps().await;
        let (app, _) = world.copy.clone().expect("the samples have a copy");
        let control = world.control();
        control.add_fault(Fault::of_method(FEED, Effect::Error { code }));
        let following = Following::start(&world, "500ms").await;
        assert!(control.rename_app(&app, "Found by a list"));
        following.until_titled(&app, "Found by a list").await;
        assert_eq!(following.metric("extractor_feed_lag_seconds").await, None, "{code}");
        // Once there is a feed it is followed.
        control.clear_faults();
        following
            .until("followed", async || {
                following.metric("extractor_feed_lag_seconds").await.is_some()
            })
            .await;
        following.end().await;
    }
}

/// A feed that tells of nearly everything being deleted is not believed blindly.
#[tokio::test(flavor = "multi_thread")]
async fn the_guard_holds_for_the_feed() {
    let world = World::with_sample_apps().await;
    let following = Following::start(&world, "1h").await;
    for app in world.apps.keys().skip(1) {
        world.remove_app(app);
    }
    let refused = "extractor_runs_total{result=\"refused\"}";
    following.until("refused", async || following.metric(refused).await.is_some()).await;
    // One may always vanish, and may have been told of before the others.
    let left = world.broker.events(Topic::Dashboards).len();
    assert!(left >= world.apps.len() - 1, "{left}");
    following.end().await;
    let report = world.broker.events(Topic::Runs);
    assert!(!report.is_empty());
}

/// An app that cannot be read when it changes is read later.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_app_is_tried_again() {
    let world = World::with_sample_apps().await;
    let (app, _) = world.copy.clone().expect("the samples have a copy");
    let following = Following::start(&world, "1h").await;
    let control = world.control();
    control.add_fault(Fault::of_app(app.clone(), Effect::Error { code: 1003 }));
    assert!(control.rename_app(&app, "At the second try"));
    let failed = "extractor_apps_total{result=\"failed\"}";
    following
        .until("failed", async || following.metric(failed).await.is_some_and(|it| it > 0.0))
        .await;
    assert_ne!(following.dashboard(&app).expect("it stays").title, "At the second try");
    assert_eq!(following.get("/readyz").await.0, 200, "one app does not make it unready");
    control.clear_faults();
    following.until_titled(&app, "At the second try").await;
    following.end().await;
    let runs = world.broker.records(Topic::Runs);
    assert!(
        runs.iter().any(|record| record.headers["ce_type"].ends_with(Phase::Completed.as_str()))
    );
}
