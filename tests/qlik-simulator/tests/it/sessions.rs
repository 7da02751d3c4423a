//! Sessions: shared, private, limited, outliving their sockets.

use serde_json::json;

use crate::client::{self, Client, SALES, eventually, private};

async fn state(client: &mut Client) -> String {
    let opening = client.notification().await;
    opening["params"]["qSessionState"].as_str().expect("a state").to_owned()
}

#[tokio::test]
async fn the_same_user_app_and_identity_share_a_session() {
    let site = client::site().await;
    let path = format!("/app/{SALES}");
    let mut first = Client::connect(&site, &path).await;
    assert_eq!(state(&mut first).await, "SESSION_CREATED");
    first.open(SALES, true).await;

    let mut second = Client::connect(&site, &path).await;
    assert_eq!(state(&mut second).await, "SESSION_ATTACHED");
    let document = second.call(-1, "GetActiveDoc", json!([])).await;
    assert_eq!(document["qReturn"]["qHandle"], 1);
    let layout = second.call(1, "GetAppLayout", json!([])).await;
    assert_eq!(layout["qLayout"]["qIsOpenedWithoutData"], true, "the mode of the first");
    assert_eq!(second.error(-1, "OpenDoc", json!([SALES, "", "", "", true])).await, 1002);
    assert_eq!(second.error(-1, "OpenDoc", json!([SALES, "", "", "", false])).await, 1009);

    // Session objects are shared, and so are their ids.
    let own = json!([{"qInfo": {"qId": "mine", "qType": "SheetList"}, "qAppObjectListDef": {"qType": "sheet"}}]);
    first.call(1, "CreateSessionObject", own.clone()).await;
    assert_eq!(second.error(1, "CreateSessionObject", own).await, 3);

    // Another user, another identity, another session header: other sessions.
    let other_user = [("X-Qlik-User", "UserDirectory=CORP; UserId=ben.osei")];
    let mut other = Client::try_connect(&site, &path, &other_user).await.expect("a socket");
    assert_eq!(state(&mut other).await, "SESSION_CREATED");
    let mut other = Client::connect(&site, &format!("{path}/identity/2")).await;
    assert_eq!(state(&mut other).await, "SESSION_CREATED");
    let header = [("X-Qlik-User", client::USER), ("X-Qlik-Session", "3")];
    let mut other = Client::try_connect(&site, &path, &header).await.expect("a socket");
    assert_eq!(state(&mut other).await, "SESSION_CREATED");
    let stats = site.stats();
    assert_eq!((stats.sessions_opened, stats.sessions_attached), (4, 1));
}

#[tokio::test]
async fn a_session_ends_with_its_last_socket_or_lives_on() {
    let site = client::site().await;
    let path = format!("/app/{SALES}/identity/a");
    let mut client = Client::connect(&site, &path).await;
    client.open(SALES, true).await;
    client.close().await;
    eventually(&site, |stats| stats.open_sessions == 0).await;
    let mut client = Client::connect(&site, &path).await;
    assert_eq!(state(&mut client).await, "SESSION_CREATED");
    client.close().await;

    let path = format!("/app/{SALES}/identity/b/ttl/600");
    let mut client = Client::connect(&site, &path).await;
    client.open(SALES, true).await;
    client.close().await;
    eventually(&site, |stats| stats.open_sockets == 0).await;
    let mut client = Client::connect(&site, &path).await;
    assert_eq!(state(&mut client).await, "SESSION_ATTACHED");
    client.call(-1, "GetActiveDoc", json!([])).await;
}

#[tokio::test]
async fn a_user_has_only_so_many_sessions() {
    let site = client::site().await;
    site.control().set_behaviour(|behaviour| behaviour.session_limit = Some(2));
    let first = private(&site, SALES).await;
    let _second = private(&site, SALES).await;
    let mut third = Client::connect(&site, &format!("/app/{SALES}/identity/3")).await;
    assert_eq!(state(&mut third).await, "SESSION_ERROR_LIMIT_EXCEEDED");
    assert_eq!(third.end().await, Some(1000), "and the engine closes");
    first.close().await;
    eventually(&site, |stats| stats.open_sessions == 1).await;
    let _third = private(&site, SALES).await;
    let stats = site.stats();
    assert_eq!((stats.max_open_sessions, stats.sessions_refused), (2, 1));
}

#[tokio::test]
async fn a_user_without_licence_opens_nothing() {
    let site = client::site().await;
    site.control().set_behaviour(|behaviour| {
        behaviour.unlicensed_users = vec!["CORP\\anna.keller".into()];
    });
    let mut client = Client::connect(&site, &format!("/app/{SALES}")).await;
    assert_eq!(state(&mut client).await, "SESSION_ERROR_NO_LICENSE");
    let mut client = private(&site, "engineData").await;
    client.call(-1, "GetDocList", json!([])).await;
    assert_eq!(client.error(-1, "OpenDoc", json!([SALES])).await, 5009);
}

#[tokio::test]
async fn requests_are_cancelled() {
    let site = client::site().await;
    let mut client = private(&site, SALES).await;
    client.open(SALES, true).await;
    // One that the engine works on for longer than this test waits, and one behind it.
    let slow = qlik_simulator::Effect::Delay { ms: 3_600_000 };
    site.control().add_fault(qlik_simulator::Fault::of_method("GetLayout", slow).times(1));
    let working = client.send(1, "GetLayout", json!([])).await;
    let waiting = client.send(1, "GetAppLayout", json!([])).await;
    for id in [waiting, working] {
        client.send(-1, "CancelRequest", json!({"qRequestId": id})).await;
    }
    for id in [working, waiting] {
        assert_eq!(client.reply(id).await["error"]["code"], 15);
    }
    client.call(1, "GetAppLayout", json!([])).await;
    assert_eq!(site.stats().cancelled, 2);
}
