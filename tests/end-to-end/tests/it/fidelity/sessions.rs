//! Sessions, sockets and time: what is tried again, and what costs one app only.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_private_and_do_not_linger() {
    let site = Site::with_sample_apps().await;
    behave(&site, |behaviour| behaviour.linger_ms = Some(1_800_000));
    site.plan().await;
    site.plan().await;
    let stats = site.running.stats();
    assert_eq!((stats.sessions_attached, stats.pings), (0, 0), "{stats:?}");
    assert!(stats.sessions_opened > 8, "{stats:?}");
    // With the ttl of the URL they are gone soon, whatever the site does with others.
    let gone = async {
        while site.running.stats().open_sessions > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), gone).await.expect("sessions end");
}

/// The session that should open the app with its data is attached to the one that had it open without,
/// which would answer an empty data model and no error: it is left for a session of our own.
#[tokio::test(flavor = "multi_thread")]
async fn an_attached_session_is_left() {
    let children = json!([object("c", "barchart", json!({"qHyperCubeDef": cube("A", "Sum(B)")}))]);
    let site = Site::with_app(app_with(children)).await;
    behave(&site, |behaviour| behaviour.rest = Rest::CannotGet);
    let calm = content(&site.plan().await);
    site.running.control().reset_stats();
    // The list of apps, the objects, the data model.
    behave(&site, |behaviour| behaviour.identities_overlooked = 3);
    assert_eq!(content(&site.plan().await), calm);
    let stats = site.running.stats();
    assert_eq!(stats.sessions_attached, 1, "{stats:?}");
    assert!(calm.get("qlik_test/app/T").is_some(), "{calm}");
}

#[tokio::test(flavor = "multi_thread")]
async fn order_of_replies_and_pushed_frames_do_not_matter() {
    let site = Site::with_sample_apps().await;
    behave(&site, |behaviour| {
        behaviour.out_of_order = false;
        behaviour.push_changes = false;
    });
    let calm = content(&site.plan().await);
    behave(&site, |behaviour| {
        behaviour.out_of_order = true;
        behaviour.push_changes = true;
        behaviour.opening = Opening::AfterFirstReply;
        behaviour.latencies = Latencies { round_trip_ms: 3, ..Latencies::default() };
    });
    assert_eq!(content(&site.plan().await), calm);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_limit_lowers_the_parallelism_and_everything_arrives() {
    let mut site =
        Site::start(Settings { apps: site::sample_apps(), copies: 4, ..Settings::default() }).await;
    site.config["extractor"]["concurrency"] = 4.into();
    site.config["extractor"]["sessionTtl"] = 1.into();
    site.config["extractor"]["sessionLimitBackoff"] = "2s".into();
    behave(&site, |behaviour| behaviour.session_limit = Some(2));
    let limited = site.plan().await;
    let stats = site.running.stats();
    assert!(stats.sessions_refused > 0, "{stats:?}");
    assert_eq!(limited.report["apps_failed"], json!([]), "{}", limited.report);
    behave(&site, |behaviour| behaviour.session_limit = None);
    assert_eq!(content(&site.plan().await), content(&limited));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_aborted_request_is_repeated() {
    let site = Site::with_sample_apps().await;
    let calm = content(&site.plan().await);
    for method in ["OpenDoc", "GetAllInfos", "GetFullPropertyTree", "GetScript", "GetDocList"] {
        let aborted = Fault::of_method(method, Effect::Error { code: 15 });
        site.running.control().add_fault(aborted.times(2));
    }
    assert_eq!(content(&site.plan().await), calm);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_breaks_in_mid_crawl_is_resumed() {
    let site = Site::with_sample_apps().await;
    let calm = content(&site.plan().await);
    for effect in [Effect::DropSocket, Effect::CloseSocket { code: 4003 }] {
        let broken = Fault::of_method("GetFullPropertyTree", effect).after(2).times(1);
        site.running.control().add_fault(broken);
        let plan = site.plan().await;
        assert_eq!(content(&plan), calm);
    }
    let site_wide = Fault::of_method("GetDocList", Effect::DropSocket).times(1);
    site.running.control().add_fault(site_wide);
    assert_eq!(content(&site.plan().await), calm);
}

/// One app that hangs costs itself only, and is not waited for longer than it may take.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_never_answers_has_a_deadline() {
    let mut site = Site::with_sample_apps().await;
    let ids: Vec<String> = site::sample_apps().iter().map(Bundle::id).collect();
    site.config["extractor"]["appDeadline"] = "10s".into();
    let stuck = Fault {
        method: Some("GetAllInfos".to_owned()),
        ..Fault::of_app(&*ids[0], Effect::NoAnswer)
    };
    site.running.control().add_fault(stuck);
    let plan = site.plan_with_code(1).await;
    assert_eq!(plan.keys(&ids[0]).len(), 0);
    assert!(ids[1..].iter().all(|id| !plan.keys(id).is_empty()));
    let failed = plan.report["apps_failed"].to_string();
    assert!(failed.contains(&ids[0]) && failed.contains("extractor.appDeadline"), "{failed}");
}
