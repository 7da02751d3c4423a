//! Changes while the site runs, through the library and the admin interface.

use qlik_simulator::{Settings, Touch};
use serde_json::{Value, json};

use crate::client::{self, SALES, private};

#[tokio::test]
async fn apps_change_while_they_are_open() {
    let site = client::site().await;
    let control = site.control();
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let touch = Touch { reloaded: Some("2026-07-01T00:00:00.000Z".into()), modified: None };
    assert!(control.touch_app(SALES, touch));
    assert_eq!(client.notification().await, json!({"jsonrpc": "2.0", "change": [1]}));
    let layout = client.call(1, "GetAppLayout", json!([])).await;
    assert_eq!(layout["qLayout"]["qLastReloadTime"], "2026-07-01T00:00:00.000Z");
    assert!(control.hide_app(SALES, true));
    assert_eq!(client.error(1, "GetAppLayout", json!([])).await, 1003);
    let list = client.call(-1, "GetDocList", json!([])).await;
    assert_eq!(list["qDocList"].as_array().expect("a list").len(), 4);
    assert!(control.hide_app(SALES, false));
    client.call(1, "GetAppLayout", json!([])).await;
    assert!(control.remove_app(SALES));
    assert_eq!(client.end().await, None, "without a close frame");
    assert!(!control.touch_app(SALES, Touch::modified_now()));
}

#[tokio::test]
async fn statistics_start_anew() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.call(-1, "GetDocList", json!([])).await;
    assert_eq!(site.stats().requests_of("GetDocList"), 1);
    site.control().reset_stats();
    let stats = site.stats();
    assert_eq!(stats.requests_of("GetDocList"), 0);
    assert_eq!((stats.open_sockets, stats.open_sessions), (1, 1), "gauges stay");
}

#[tokio::test]
async fn the_admin_interface() {
    let site = client::start(Settings { admin_port: Some(0), ..Settings::default() }).await;
    let base = site.admin_url().expect("a URL");
    let http = reqwest::Client::new();
    let call = async |method: &str, path: &str, body: Value| {
        let method = method.parse().expect("a method");
        let request = http.request(method, format!("{base}{path}")).json(&body);
        let response = request.send().await.expect("a response");
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    };
    let (_, apps) = call("GET", "/apps", json!(null)).await;
    assert_eq!(apps.as_array().expect("a list").len(), 5);

    let bundle = json!({"app": {"qTitle": "New"}, "script": "Load 1 as A autogenerate 1;"});
    let (status, reply) = call("PUT", "/apps/new-app", bundle).await;
    assert_eq!(status, 200);
    let id = reply["ids"][0].as_str().expect("an id").to_owned();
    let (status, _) = call("PUT", "/apps/bad", json!({"site": {"unknown": 1}})).await;
    assert_eq!(status, 400);

    let app = format!("/apps/{id}");
    for (action, body, expected) in [
        ("rename", json!({"title": "Newer"}), 204),
        ("touch", json!({"reloaded": "2026-07-01T00:00:00.000Z"}), 204),
        ("deny-data", json!({"code": 4000}), 204),
        ("script-access", json!({"access": "denied"}), 204),
        ("hide", json!({}), 204),
        ("show", json!({}), 204),
        ("rename", json!({}), 422),
    ] {
        let (status, _) = call("POST", &format!("{app}/{action}"), body).await;
        assert_eq!(status, expected, "{action}");
    }
    let mut client = private(&site, &id).await;
    assert_eq!(client.error(-1, "OpenDoc", json!([id])).await, 4000);
    client.open(&id, true).await;
    let layout = client.call(1, "GetAppLayout", json!([])).await;
    assert_eq!(layout["qLayout"]["qTitle"], "Newer");
    assert_eq!(client.error(1, "GetScript", json!([])).await, 5);

    let fault =
        json!({"method": "GetAllInfos", "times": 1, "effect": {"kind": "error", "code": 15}});
    assert_eq!(call("POST", "/faults", fault).await.0, 204);
    assert_eq!(client.error(1, "GetAllInfos", json!([])).await, 15);
    assert_eq!(call("DELETE", "/faults", json!(null)).await.0, 204);

    let patch = json!({"rest": "cannot_get", "latencies": {"request_ms": 1}});
    let (_, behaviour) = call("PATCH", "/behaviour", patch).await;
    assert_eq!(behaviour["latencies"]["request_ms"], 1);
    assert_eq!(behaviour["latencies"]["round_trip_ms"], 0);
    assert_eq!(behaviour["out_of_order"], true);
    assert_eq!(call("PATCH", "/behaviour", json!({"speed": 9})).await.0, 400);
    client.call(1, "GetAllInfos", json!([])).await;

    let (_, stats) = call("GET", "/stats", json!(null)).await;
    assert_eq!(stats["opens"][&id], json!({"with_data": 0, "without_data": 1, "failed": 1}));
    assert_eq!(call("POST", "/drop-sockets", json!({})).await.1, json!({"dropped": 1}));
    assert_eq!(call("DELETE", &app, json!(null)).await.0, 204);
    assert_eq!(call("DELETE", &app, json!(null)).await.0, 404);
}

#[tokio::test]
async fn a_site_shuts_down() {
    let site = client::site().await;
    let address = client::authority(&site.engine_url()).to_owned();
    let mut client = private(&site, SALES).await;
    client.open(SALES, false).await;
    let stats = site.control();
    site.shutdown().await;
    assert_eq!(client.end().await, None);
    tokio::net::TcpStream::connect(address).await.expect_err("nobody listens");
    assert_eq!(stats.stats().open_with_data, 0, "sessions are gone");
}
