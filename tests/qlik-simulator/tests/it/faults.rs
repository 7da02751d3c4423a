//! Faults and disturbances.

use qlik_simulator::{Effect, Fault, Qrs};
use serde_json::json;

use crate::client::{self, ETL, SALES, eventually, private};

#[tokio::test]
async fn errors_once_and_always() {
    let site = client::site().await;
    let control = site.control();
    control.add_fault(
        Fault {
            method: Some("GetAllInfos".into()),
            ..Fault::of_app(SALES, Effect::Error { code: 15 })
        }
        .times(1),
    );
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    assert_eq!(client.error(1, "GetAllInfos", json!([])).await, 15);
    client.call(1, "GetAllInfos", json!([])).await;

    control.add_fault(Fault::of_app(ETL, Effect::Error { code: 9003 }));
    for _ in 0..3 {
        let mut client = private(&site, ETL).await;
        assert_eq!(client.error(-1, "OpenDoc", json!([ETL])).await, 9003);
    }
    assert_eq!(site.stats().opens_of(ETL).failed, 3);
    control.clear_faults();
    private(&site, ETL).await.open(ETL, true).await;
}

#[tokio::test]
async fn requests_without_an_answer() {
    let site = client::site().await;
    site.control().add_fault(Fault::of_method("GetScript", Effect::NoAnswer).times(1));
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    let silent = client.send(1, "GetScript", json!([])).await;
    client.call(1, "GetAppLayout", json!([])).await;
    eventually(&site, |stats| stats.unanswered == 1).await;
    client.send(-1, "CancelRequest", json!([silent])).await;
    assert_eq!(client.reply(silent).await["error"]["code"], 15);
    client.call(1, "GetScript", json!([])).await;
}

#[tokio::test]
async fn connections_break_in_the_middle() {
    let site = client::site().await;
    let control = site.control();
    control.add_fault(Fault::of_app(SALES, Effect::DropSocket).after(3).times(1));
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    client.call(1, "GetAllInfos", json!([])).await;
    client.call(1, "GetAllInfos", json!([])).await;
    let id = client.send(1, "GetAllInfos", json!([])).await;
    assert_eq!(client.try_reply(id).await, Err(None), "without a close frame");

    let mut sales = private(&site, SALES).await;
    let mut etl = private(&site, "engineData").await;
    sales.open(SALES, true).await;
    etl.open(ETL, true).await;
    assert_eq!(control.drop_sockets(Some(ETL)), 1);
    assert_eq!(etl.end().await, None);
    sales.call(1, "GetAllInfos", json!([])).await;

    control.add_fault(Fault::of_app(SALES, Effect::CloseSocket { code: 4003 }).times(1));
    let id = sales.send(1, "GetAllInfos", json!([])).await;
    assert_eq!(sales.try_reply(id).await, Err(Some(4003)));
    eventually(&site, |stats| stats.open_sockets == 0 && stats.open_sessions == 0).await;
}

#[tokio::test]
async fn answers_that_are_no_json() {
    let site = client::site().await;
    site.control().add_fault(Fault::of_method("GetAppLayout", Effect::Malformed).times(1));
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    client.send(1, "GetAppLayout", json!([])).await;
    let text = client.text().await.expect("a frame");
    serde_json::from_str::<serde_json::Value>(&text).expect_err("half a reply");
}

#[tokio::test]
async fn the_repository_fails() {
    let site = client::site().await;
    let control = site.control();
    let route = "GET /qrs/app/full";
    control.add_fault(Fault::of_method(route, Effect::Error { code: 503 }).times(1));
    assert_eq!(client::qrs(&site, "/app/full").await.0, 503);
    assert_eq!(client::qrs(&site, "/app/full").await.0, 200);
    control.set_behaviour(|behaviour| behaviour.qrs = Qrs::Refused);
    assert_eq!(client::qrs(&site, "/app/full").await.0, 403);
    assert_eq!(site.stats().http_requests.get(route), Some(&3));

    control.set_behaviour(|behaviour| behaviour.qrs = Qrs::Absent);
    let request = client::http(&site, &qlik_simulator::Mode::Certificates)
        .get(format!("{}/about", client::named(&site.qrs_url())));
    request.send().await.expect_err("nobody is there");
}

#[tokio::test]
async fn notifications_reach_every_socket() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    let params = json!({"severity": "fatal", "message": "Session timed out"});
    assert_eq!(site.control().notify("OnSessionTimedOut", &params), 1);
    let notification = client.notification().await;
    assert_eq!(notification["method"], "OnSessionTimedOut");
    assert_eq!(client.end().await, Some(1000));
}
