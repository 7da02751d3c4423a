//! Behind a virtual proxy.

use qlik_simulator::{Mode, Person, ProxySettings, Running, Settings};
use reqwest::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use serde_json::{Value, json};

use crate::client::{self, Client, SALES, http, named};

const BEARER: &str = "Bearer example-token";

fn settings(csrf: bool) -> ProxySettings {
    ProxySettings {
        prefix: "jwt".into(),
        tokens: vec![("example-token".into(), Person::new("CORP", "anna.keller"))],
        user_header: Some("X-Sense-User".into()),
        csrf,
    }
}

async fn site(csrf: bool) -> Running {
    client::start(Settings { mode: Mode::Proxy(settings(csrf)), ..Settings::default() }).await
}

/// Cookie and csrf token of a new session.
async fn bootstrap(site: &Running) -> (String, String) {
    let response = http(site, &Mode::Plain)
        .get(format!("{}/qps/csrftoken", named(&site.rest_url())))
        .header(AUTHORIZATION, BEARER)
        .send()
        .await
        .expect("a response");
    let text = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).expect(name).to_owned()
    };
    let cookie = text(SET_COOKIE.as_str());
    let cookie = cookie.split(';').next().expect("a cookie").to_owned();
    assert!(cookie.starts_with("X-Qlik-Session-jwt="), "{cookie}");
    (cookie, text("qlik-csrf-token"))
}

#[tokio::test]
async fn a_bearer_token_opens_websockets_on_older_sites() {
    let site = site(false).await;
    let headers = [("Authorization", BEARER)];
    let path = format!("/app/{SALES}/identity/1");
    let mut client = Client::try_connect(&site, &path, &headers).await.expect("a socket");
    let first = client.notification().await;
    assert_eq!(first["method"], "OnAuthenticationInformation");
    assert_eq!(first["params"]["mustAuthenticate"], false);
    assert_eq!(first["params"]["userId"], "anna.keller");
    assert_eq!(client.notification().await["method"], "OnConnected");
    client.open(SALES, true).await;
    // Every socket with a fresh token burns a session.
    let _other = Client::try_connect(&site, &path, &headers).await.expect("a socket");
    assert_eq!(site.stats().proxy_sessions_opened, 2);

    let header = [("X-Sense-User", "CORP\\ben.osei")];
    let mut client = Client::try_connect(&site, "/app/", &header).await.expect("a socket");
    assert_eq!(client.notification().await["params"]["userId"], "ben.osei");

    let mut client = Client::try_connect(&site, "/app/", &[]).await.expect("a socket");
    let notification = client.notification().await;
    assert_eq!(notification["params"]["mustAuthenticate"], true);

    let url = format!("{}/qps/csrftoken", named(&site.rest_url()));
    let response = http(&site, &Mode::Plain).get(url).header(AUTHORIZATION, BEARER).send().await;
    assert_eq!(response.expect("a response").status(), 404, "there is no such route yet");
}

#[tokio::test]
async fn the_protection_of_websockets() {
    let site = site(true).await;
    let (cookie, token) = bootstrap(&site).await;
    let good = format!("/app/{SALES}?qlik-csrf-token={token}");
    for (path, headers) in [
        (good.as_str(), vec![]),
        (good.as_str(), vec![("Authorization", BEARER)]),
        (good.as_str(), vec![("Cookie", cookie.as_str()), ("Authorization", BEARER)]),
        ("/app/x?qlik-csrf-token=wrong", vec![("Cookie", cookie.as_str())]),
        ("/app/x", vec![("Cookie", cookie.as_str()), ("qlik-csrf-token", token.as_str())]),
    ] {
        let refused = Client::try_connect(&site, path, &headers).await;
        assert!(refused.is_err(), "{path} {headers:?}");
    }
    for _ in 0..3 {
        let headers = [("Cookie", cookie.as_str())];
        let mut client = Client::try_connect(&site, &good, &headers).await.expect("a socket");
        client.call(-1, "GetDocList", json!([])).await;
    }
    assert_eq!(site.stats().proxy_sessions_opened, 1, "one cookie is one session");
}

#[tokio::test]
async fn too_many_sessions_of_a_user() {
    let site = site(true).await;
    site.control().set_behaviour(|behaviour| behaviour.session_limit = Some(1));
    let (first, token) = bootstrap(&site).await;
    let (second, second_token) = bootstrap(&site).await;
    let path = |token: &str| format!("/app/{SALES}/identity/1?qlik-csrf-token={token}");
    let mut client = Client::try_connect(&site, &path(&second_token), &[("Cookie", &second)])
        .await
        .expect("a socket");
    let notification = client.notification().await;
    assert_eq!(notification["method"], "OnMaxParallelSessionsExceeded");
    assert_eq!(notification["params"]["severity"], "fatal");
    assert_eq!(client.end().await, Some(1000));
    let mut client =
        Client::try_connect(&site, &path(&token), &[("Cookie", &first)]).await.expect("a socket");
    client.call(-1, "GetDocList", json!([])).await;

    // Logging out ends all sessions of the user; the slot stays taken for a while.
    site.control().set_behaviour(|behaviour| behaviour.slot_cooldown_ms = 3_600_000);
    let url = format!("{}/qps/user", named(&site.rest_url()));
    let response = http(&site, &Mode::Plain)
        .delete(url)
        .header(COOKIE, &first)
        .header("qlik-csrf-token", &token)
        .send();
    assert_eq!(response.await.expect("a response").status(), 204);
    Client::try_connect(&site, &path(&token), &[("Cookie", &first)])
        .await
        .err()
        .expect("the cookie is worth nothing");
    let (third, token) = bootstrap(&site).await;
    let mut client =
        Client::try_connect(&site, &path(&token), &[("Cookie", &third)]).await.expect("a socket");
    assert_eq!(client.notification().await["method"], "OnMaxParallelSessionsExceeded");
}

#[tokio::test]
async fn after_a_ping_the_next_request_is_lost() {
    let site = site(false).await;
    let headers = [("Authorization", BEARER)];
    let mut client = Client::try_connect(&site, "/app/", &headers).await.expect("a socket");
    client.call(-1, "EngineVersion", json!([])).await;
    client.ping().await;
    let lost = client.send(-1, "EngineVersion", json!([])).await;
    client.call(-1, "EngineVersion", json!([])).await;
    assert!(!client.order.contains(&lost));
    let stats = site.stats();
    assert_eq!((stats.pings, stats.unanswered), (1, 1));
}

#[tokio::test]
async fn repository_and_rest_through_the_proxy() {
    let site = site(true).await;
    let (cookie, token) = bootstrap(&site).await;
    let client = http(&site, &Mode::Plain);
    let base = named(&site.rest_url());
    let get = async |path: &str, cookie: Option<&str>| {
        let mut request =
            client.get(format!("{base}{path}")).header("X-Qlik-Xrfkey", "abcdefghijklmnop");
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = request.send().await.expect("a response");
        (response.status().as_u16(), response.text().await.expect("a body"))
    };
    let apps = "/qrs/app/full?xrfkey=abcdefghijklmnop";
    assert_eq!(get(apps, None).await.0, 401);
    let (status, text) = get(apps, Some(&cookie)).await;
    assert_eq!(status, 200);
    let apps: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(apps.as_array().expect("a list").len(), 5);
    let metadata = format!("/api/v1/apps/{SALES}/data/metadata");
    assert_eq!(get(&metadata, Some(&cookie)).await.0, 200);
    assert_eq!(get("/qps/user", Some(&cookie)).await.0, 200);

    let post = async |token: Option<&str>| {
        let url = format!("{base}/qrs/app/table?xrfkey=abcdefghijklmnop");
        let mut request = client
            .post(url)
            .header(COOKIE, &cookie)
            .header("X-Qlik-Xrfkey", "abcdefghijklmnop")
            .json(&json!({"entity": "App", "columns": []}));
        if let Some(token) = token {
            request = request.header("qlik-csrf-token", token);
        }
        request.send().await.expect("a response").status().as_u16()
    };
    assert_eq!(post(None).await, 403);
    assert_eq!(post(Some(&token)).await, 200);

    let other = base.replace("/jwt", "/other");
    let response = client.get(format!("{other}/qps/csrftoken")).send().await.expect("a response");
    assert_eq!(response.status(), 400);
    assert!(response.text().await.expect("a body").len() > 80_000, "a large page");
}
