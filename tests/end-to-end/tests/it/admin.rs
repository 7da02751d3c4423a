//! What the pages of the admin ports show, looked at by a browser where there is one.

use std::time::Duration;

use end_to_end::admin::{Serving, browse};
use openmetadata_simulator::Seed;
use qlik_simulator::{Effect, Fault};
use schemas::Topic;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_extractor_shows_what_failed() {
    let world = World::with_sample_apps().await;
    let (app, _) = world.copy.clone().expect("the samples have a copy");
    let control = world.control();
    assert!(control.rename_app(&app, "<b>Sales</b> & more"));
    control.add_fault(Fault::of_app(app.clone(), Effect::Error { code: 1003 }));
    let serving = Serving::start("extractor", &world.config, &["run", "--follow"]);
    let html = serving.until("/", &app).await;
    serving.until("/", "the change feed is followed").await;
    assert!(html.contains("&lt;b&gt;Sales&lt;/b&gt; &amp; more"), "{html}");
    for text in ["qlik_test", "Runs over the whole site", "wss://", "user: none"] {
        // The last one is on no page: what is looked for can be missing.
        assert_eq!(html.contains(text), text != "user: none", "{text} in {html}");
    }
    if let Some(dom) = browse(&serving.url) {
        assert!(dom.contains(&format!("<td>{app}</td>")), "{dom}");
        assert!(dom.contains("<td>&lt;b&gt;Sales&lt;/b&gt; &amp; more</td>"), "{dom}");
        assert!(dom.contains("the change feed is followed"), "{dom}");
    }
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_loader_shows_lag_dead_letters_and_settings() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let key = world.key("<i>broken</i>");
    world.broker.write(Topic::Charts, &key, "broken", Some(b"no Avro at all"));
    let serving = Serving::start("loader", &world.config, &["run"]);
    // Read to the end: nothing lags in the row of the dashboards, every one of them is created.
    let done = format!("<td>dashboards</td><td>0</td><td>{0}</td><td>{0}</td>", world.apps.len());
    serving.until("/", &done).await;
    let html = serving.until("/", "&lt;i&gt;broken&lt;/i&gt;").await;
    assert!(html.contains("<td>decode</td>"), "{html}");
    let secret = world.secret();
    assert!(!html.contains(secret), "the token is on the page");
    if let Some(dom) = browse(&serving.url) {
        assert!(dom.contains(&done), "{dom}");
        assert!(dom.contains("&lt;i&gt;broken&lt;/i&gt;"), "{dom}");
        assert!(dom.contains("jwtToken") && !dom.contains(secret), "{dom}");
    }
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_the_loader_shows_what_an_earlier_one_left_unresolved() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let first = world.load(&[]).await;
    let count = first["events"]["lineage"]["unresolved"].as_u64().expect("a number");
    assert!(count > 0, "{first}");
    let args = ["run", "--set", "loader.revisitInterval=2s"];
    let serving = Serving::start("loader", &world.config, &args);
    let html = serving.until("/", &format!("{count} are tried again")).await;
    let table = html.split("<h2>Tables that are not in OpenMetadata</h2>").nth(1).expect("a part");
    let table = table.split("<h2>").next().expect("its text");
    assert_eq!(table.matches("customers").count(), 1, "{table}");
    world.seed(
        &Seed::default()
            .database_service("crm", "Postgres", "crm.alpine-outdoor.example:5432", "crm")
            .table("crm.crm.public.customers", &["customer_id"]),
    );
    let gone = async {
        while serving.get("/").await.contains("customers") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), gone).await.expect("the edge is resolved");
    let html = serving.until("/", "are tried again").await;
    assert!(html.contains("account_managers"), "the others stay: {html}");
    serving.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_json_on_request() {
    let world = World::with_sample_apps().await;
    let extracted =
        world.command("extractor", &["--log-format", "json", "run", "--once", "--full"]).await;
    let loaded = world.command("loader", &["--log-format", "json", "run", "--until-end"]).await;
    for ended in [extracted.with_code(0), loaded.with_code(0)] {
        // The table at the end is for people, logs or not.
        let lines: Vec<serde_json::Value> =
            ended.stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        assert!(lines.len() > 2, "{}", ended.stderr);
        for line in &lines {
            for field in ["timestamp", "level", "message"] {
                assert!(line[field].is_string(), "no {field} in {line}");
            }
        }
        let looks_like_text = |line: &str| line.contains(" INFO ") || line.contains(" WARN ");
        assert!(!ended.stderr.lines().any(looks_like_text), "{}", ended.stderr);
    }
}
