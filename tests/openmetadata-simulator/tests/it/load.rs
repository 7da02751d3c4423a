//! How many entities it holds and how fast it takes them.
//!
//! Runs when `SIMULATOR_LOAD` says how many charts (e.g. 1000000); prints rates and memory, asserts on state only.

use std::time::Instant;

use openmetadata_simulator::{OpenMetadata, Settings};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_charts() {
    let Some(charts) =
        std::env::var("SIMULATOR_LOAD").ok().and_then(|text| text.parse::<usize>().ok())
    else {
        say("load: skipped, SIMULATOR_LOAD is not set");
        return;
    };
    let running = OpenMetadata::start(Settings { log_limit: 0, ..Settings::default() })
        .await
        .expect("started");
    let service = json!({"name": "q", "serviceType": "QlikSense"});
    assert_eq!(running.as_bot("PUT", "/services/dashboardServices", Some(&service)).0, 201);
    let chart = |number: usize| {
        json!({
            "name": format!("0cb6a9b5-3f0a-4e5c-9a55-0d5f0b1c{number:08}_visualization"), "displayName": "Sales by region",
            "description": "Sum({<Year={$(vYear)}>} Amount) by Region, and what else a chart says of itself",
            "sourceUrl": format!("https://qlik.example.org/sense/app/{number}/sheet/x/state/analysis"),
            "chartType": "Bar", "service": "q", "sourceHash": format!("{number:032}"),
        })
    };
    let before = running.entity_count();
    for (what, expected) in [("created", 201), ("unchanged", 200)] {
        let start = Instant::now();
        for number in 0..charts {
            assert_eq!(running.as_bot("PUT", "/charts", Some(&chart(number))).0, expected);
        }
        rate(what, charts, start);
    }
    assert_eq!(running.entity_count(), before + charts);
    let http = reqwest::Client::new();
    let some = charts.min(20_000);
    let start = Instant::now();
    let workers = (0..8).map(|worker| {
        let (http, url, token) =
            (http.clone(), format!("{}/v1/charts", running.url()), running.token().to_owned());
        tokio::spawn(async move {
            for number in (worker..some).step_by(8) {
                let request = http.put(&url).bearer_auth(&token).json(&chart(number));
                assert_eq!(request.send().await.expect("an answer").status(), 200);
            }
        })
    });
    for worker in workers.collect::<Vec<_>>() {
        worker.await.expect("finished");
    }
    rate("unchanged over HTTP, 8 connections, client included", some, start);
    let start = Instant::now();
    let (_, page) = running.as_bot("GET", "/charts?service=q&limit=1000&fields=sourceHash", None);
    assert_eq!(page["data"].as_array().map(Vec::len), Some(charts.min(1000)));
    rate("listed", charts.min(1000), start);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    say(status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default());
}

fn rate(what: &str, count: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("load: {count} {what} in {seconds:.2} s"));
}

#[expect(clippy::print_stdout, reason = "the figures are what the run is for")]
fn say(text: &str) {
    println!("{text}");
}
