//! `extractor check`: every step, and what it says when something is wrong.

use end_to_end::stage::Ended;
use qlik_simulator::{Effect, Fault, Qrs, Rest, ScriptAccess};
use serde_json::json;

use crate::{site::Site, world::World};

/// The word (`ok`, `note`, `FAILED`, `skipped`) and the text of a step.
fn step<'a>(ended: &'a Ended, name: &str) -> Vec<(&'a str, &'a str)> {
    let lines = ended.stdout.lines().filter_map(|line| {
        let (word, rest) = line.split_at_checked(8)?;
        rest.starts_with(name).then_some((word.trim(), rest))
    });
    lines.collect()
}

fn check_step(ended: &Ended, name: &str, word: &str, words: &[&str]) {
    let found = step(ended, name);
    assert!(
        found
            .iter()
            .any(|(found, text)| *found == word && words.iter().all(|it| text.contains(it))),
        "no {word} {name} with {words:?} in\n{}\n{}",
        ended.stdout,
        ended.stderr
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_passes() {
    let world = World::with_sample_apps().await;
    let ended = world.command("extractor", &["check"]).await.with_code(0);
    for name in [
        "certificates",
        "resolve",
        "tcp",
        "tls",
        "websocket",
        "session",
        "list of apps",
        "open an app",
        "load script",
        "data model",
        "repository",
        "change feed",
        "brokers",
        "topics",
    ] {
        check_step(&ended, name, "ok", &[]);
        if name != "certificates" {
            assert!(step(&ended, name)[0].1.contains('('), "with its time: {}", ended.stdout);
        }
    }
    check_step(
        &ended,
        "certificates",
        "ok",
        &["CN=QlikClient", "valid from 2020-01-01 until 2120-01-01"],
    );
    check_step(&ended, "tls", "ok", &["qlik-server.corp.example", "TLSv1_", "2120"]);
    assert!(ended.stdout.contains("everything passed"), "{}", ended.stdout);
}

/// Without brokers the site is checked all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_with_the_place_to_change() {
    let mut site = Site::with_sample_apps().await;
    let console = "Qlik Management Console";
    site.running.control().set_behaviour(|behaviour| {
        behaviour.script_access = ScriptAccess::Denied;
        behaviour.rest = Rest::CannotGet;
        behaviour.qrs = Qrs::Refused;
    });
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "load script", "FAILED", &[console]);
    check_step(&ended, "data model", "ok", &["extractor.dataConcurrency"]);
    check_step(&ended, "repository", "FAILED", &["403", "extractor.repository", console]);
    check_step(&ended, "brokers", "FAILED", &["kafka.bootstrapServers"]);
    check_step(&ended, "topics", "skipped", &[]);

    site.running.control().set_behaviour(|behaviour| {
        behaviour.qrs = Qrs::Absent;
        behaviour.unlicensed_users = vec!["INTERNAL\\sa_api".to_owned()];
    });
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "repository", "FAILED", &["4242"]);
    check_step(&ended, "open an app", "FAILED", &["License management"]);

    site.running.control().set_behaviour(|behaviour| {
        behaviour.qrs = Qrs::Present;
        behaviour.unlicensed_users.clear();
        behaviour.session_limit = Some(0);
    });
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "session", "FAILED", &["extractor.concurrency", "five"]);
    check_step(&ended, "list of apps", "skipped", &[]);

    site.running.control().set_behaviour(|behaviour| behaviour.session_limit = None);
    let no_feed = Fault::of_method("GET /qrs/notification/changes", Effect::Error { code: 404 });
    site.running.control().add_fault(no_feed);
    for id in site.running.control().app_ids() {
        site.running.control().remove_app(&id);
    }
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "change feed", "note", &["scanning"]);
    check_step(&ended, "list of apps", "FAILED", &["no apps", "Streams"]);

    let certificates = site.connection()["certificates"].clone();
    site.connection()["certificates"]["rootCertificate"] =
        certificates["clientCertificate"].clone();
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "tls", "FAILED", &["rootCertificate", "CN=", console]);
    check_step(&ended, "websocket", "skipped", &[]);

    site.connection()["hostPort"] = "wss://127.0.0.1:9".into();
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "tcp", "FAILED", &["hostPort", "firewall"]);
    site.connection()["hostPort"] = "wss://no-such-host.invalid:4747".into();
    let ended = site.run(&["check"]).await.with_code(3);
    check_step(&ended, "resolve", "FAILED", &["hostPort", "no-such-host.invalid"]);
    check_step(&ended, "tls", "skipped", &[]);
    site.connection()["certificates"] = json!(null);
    assert!(site.run(&["check"]).await.with_code(2).stderr.contains("certificates"));
}
