//! `extractor schemas check|register` against a stand-in, for what a real registry does not do on
//! demand, and against a real one with users and TLS.

use std::{
    env,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
};
use end_to_end::stage;
use qlik_simulator::Certificates;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{tls::OverTls, world::World};

const SECRET: &str = "hunter2-registry";

/// How the stand-in behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    /// Nothing is registered, everything is allowed.
    #[default]
    Empty,
    /// Everything is registered.
    Full,
    /// Versions that ours does not fit.
    Incompatible,
    /// Levels may not be changed.
    NoLevels,
    /// 503.
    Away,
    /// 503 for the first two requests.
    Starting,
    /// A web page for everything.
    Page,
    /// Not found, in HTTP's words.
    WrongPath,
}

#[derive(Clone, Default)]
struct StandIn {
    kind: Kind,
    /// `Authorization` that is asked for.
    authorization: Option<String>,
    /// `METHOD /path` of every request that came through.
    seen: Arc<Mutex<Vec<String>>>,
}

async fn answer(State(stand_in): State<StandIn>, request: Request) -> Response {
    let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if stand_in.authorization.as_deref().is_some_and(|wanted| given != Some(wanted)) {
        // As Apicurio does for a wrong password.
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let mut seen = stand_in.seen.lock().expect("not poisoned");
    seen.push(format!("{method} {path}"));
    let said = |status: u16, code: u32, message: &str| {
        let status = StatusCode::from_u16(status).expect("a status");
        (status, Json(json!({"error_code": code, "message": message}))).into_response()
    };
    let steps: Vec<&str> = path.split('/').skip(1).collect();
    match (stand_in.kind, method.as_str(), steps.as_slice()) {
        (Kind::Away, ..) => said(503, 50003, "not the leader"),
        (Kind::Starting, ..) if seen.len() <= 2 => said(503, 50003, "not the leader"),
        (Kind::Page, ..) => Html("<html>welcome</html>").into_response(),
        (Kind::WrongPath, ..) => said(404, 404, "HTTP 404 Not Found"),
        (Kind::Full, "POST", ["subjects", _]) => {
            Json(json!({"id": 7, "version": 1})).into_response()
        }
        (_, "POST", ["subjects", _]) => said(404, 40401, "Subject not found."),
        (Kind::NoLevels, "PUT", ["config", _]) => said(403, 40301, "User may not change levels"),
        (_, "PUT", ["config", _]) => Json(json!({"compatibility": "x"})).into_response(),
        (Kind::Incompatible, "POST", ["compatibility", ..]) => {
            let body = json!({"is_compatible": false, "messages": ["reader's field is missing"]});
            Json(body).into_response()
        }
        (_, "POST", ["compatibility", ..]) => said(404, 40401, "Subject not found."),
        (_, "POST", ["subjects", _, "versions"]) => Json(json!({"id": 7})).into_response(),
        _ => said(404, 404, "HTTP 404 Not Found"),
    }
}

impl StandIn {
    fn of(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    fn routes(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = self.routes();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    /// Requests that write.
    fn writes(&self) -> usize {
        let seen = self.seen.lock().expect("not poisoned");
        let is_write = |line: &&String| {
            line.starts_with("PUT")
                || line.ends_with("/versions")
                    && line.contains("/subjects/")
                    && !line.contains("/compatibility/")
        };
        seen.iter().filter(is_write).count()
    }
}

/// Runs `extractor schemas …`; the secret must not show.
async fn schemas(world: &World, command: &str, registry: Value) -> stage::Ended {
    world.change_config(|config| config["kafka"]["schemaRegistry"] = registry);
    let ended = stage::run("extractor", &world.config, &["schemas", command]).await;
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!said.contains(SECRET) && !said.contains("PRIVATE KEY"), "a secret: {said}");
    assert!(!said.contains("panicked"), "{said}");
    ended
}

/// Runs a command against a stand-in: exit code, words that it says, writes that it leads to.
async fn check(world: &World, kind: Kind, command: &str, code: i32, words: &[&str], writes: usize) {
    println!("{kind:?} {command}");
    let stand_in = StandIn::of(kind);
    let url = stand_in.serve().await;
    let ended = schemas(world, command, json!({"url": url})).await.with_code(code);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    for word in words {
        assert!(said.contains(word), "{kind:?}: no `{word}` in {said}");
    }
    assert_eq!(stand_in.writes(), writes, "{kind:?}: {:?}", stand_in.seen);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_checked_before_they_are_registered() {
    let world = World::with_sample_apps().await;
    // Five topics; the level and the schema of each are written.
    check(&world, Kind::Empty, "register", 0, &["registered with id 7"], 10).await;
    check(&world, Kind::Empty, "check", 0, &["not registered yet"], 0).await;
    check(&world, Kind::Full, "register", 0, &["already there with id 7"], 0).await;
    check(&world, Kind::NoLevels, "register", 0, &["WARN", "User may not change levels"], 10).await;
    // The level is written, the schema is not.
    let words = ["NOT registered", "reader's field is missing"];
    check(&world, Kind::Incompatible, "register", 1, &words, 5).await;
    check(&world, Kind::Incompatible, "check", 1, &["NOT compatible"], 0).await;
    for command in ["check", "register"] {
        check(&world, Kind::Away, command, 3, &["503", "not the leader"], 0).await;
        let words = ["not a schema registry's", "kafka.schemaRegistry.url"];
        check(&world, Kind::Page, command, 3, &words, 0).await;
        check(&world, Kind::WrongPath, command, 3, &["404"], 0).await;
    }
    let nowhere = json!({"url": "http://127.0.0.1:9"});
    let ended = schemas(&world, "check", nowhere).await.with_code(3);
    assert!(ended.stderr.contains("kafka.schemaRegistry.url"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn subjects_are_named_as_configured() {
    let world = World::with_sample_apps().await;
    let prefix = &world.broker.prefix;
    for (naming, subject) in [
        ("topic", format!("{prefix}dashboards-value")),
        ("record", "qlik.metadata.Dashboard".to_owned()),
        ("topicRecord", format!("{prefix}dashboards-qlik.metadata.Dashboard")),
    ] {
        let stand_in = StandIn::default();
        let registry = json!({"url": stand_in.serve().await, "subjectNaming": naming});
        drop(schemas(&world, "register", registry).await.with_code(0));
        let seen = stand_in.seen.lock().expect("not poisoned");
        let wanted = format!("POST /subjects/{subject}/versions");
        assert!(seen.contains(&wanted), "no {wanted} in {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_starts_is_waited_for() {
    let world = World::with_sample_apps().await;
    let stand_in = StandIn::of(Kind::Starting);
    let url = stand_in.serve().await;
    world.change_config(|config| config["kafka"]["schemaRegistry"] = json!({"url": url}));
    let report = world.extract(&[]).await;
    assert_eq!(report["error"], Value::Null, "{report}");
    assert!(stand_in.writes() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn bearer_tokens_and_passwords() {
    let world = World::with_sample_apps().await;
    let basic = "Basic cWxpazpodW50ZXIyLXJlZ2lzdHJ5"; // qlik:hunter2-registry
    for (wanted, right, wrong) in [
        (
            format!("Bearer {SECRET}"),
            json!({"bearerToken": SECRET}),
            json!({"bearerToken": format!("{SECRET}x")}),
        ),
        (
            basic.to_owned(),
            json!({"username": "qlik", "password": SECRET}),
            json!({"username": "qlik", "password": format!("{SECRET}x")}),
        ),
    ] {
        let stand_in = StandIn { authorization: Some(wanted), ..StandIn::of(Kind::Full) };
        let url = stand_in.serve().await;
        for (mut credentials, code) in [(right, 0), (wrong, 3), (json!({}), 3)] {
            credentials["url"] = url.clone().into();
            let ended = schemas(&world, "check", credentials).await;
            // Only the stand-in's `check` of a subject says that there is none.
            let ended = ended.with_code(code);
            let told = ended.stderr.contains("check the credentials in `kafka.schemaRegistry`");
            assert_eq!(told, code == 3, "{}", ended.stderr);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mutual_tls() {
    let world = World::with_sample_apps().await;
    let made = Certificates::shared("localhost").expect("certificates");
    let other = Certificates::shared("other.example.com").expect("certificates");
    let tls = made.mutual_tls().expect("settings");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let routes = StandIn::of(Kind::Full).routes();
    let listener = OverTls(listener, TlsAcceptor::from(Arc::new(tls)));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let url = format!("https://localhost:{port}");
    let certificates = |root: &Certificates, client: Option<&Certificates>| {
        json!({
            "url": url,
            "timeout": "5s",
            "caCertificate": root.root_pem(),
            "clientCertificate": client.map(Certificates::client_pem),
            "clientKey": client.map(Certificates::client_key_pkcs8_pem),
        })
    };
    for (registry, code) in [
        (certificates(&made, Some(&made)), 0),
        (certificates(&made, None), 3),
        (certificates(&made, Some(&other)), 3),
        (certificates(&other, Some(&made)), 3),
    ] {
        let ended = schemas(&world, "register", registry).await.with_code(code);
        assert_eq!(
            ended.stderr.contains("kafka.schemaRegistry.url"),
            code == 3,
            "{}",
            ended.stderr
        );
    }
}

/// A real registry with users, over HTTP and TLS.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_registry_with_users() {
    let variable = |name: &str| env::var(format!("GUARDED_REGISTRY_{name}")).ok();
    let (Some(url), Some(https), Some(ca), Some(password)) =
        (variable("URL"), variable("HTTPS_URL"), variable("CA"), variable("PASSWORD"))
    else {
        println!("skipped: GUARDED_REGISTRY_URL, _HTTPS_URL, _CA and _PASSWORD name no registry");
        return;
    };
    let world = World::with_sample_apps().await;
    let as_user = |user: &str, password: &str| json!({"url": https, "caCertificate": ca, "username": user, "password": password});
    let said = |ended: &stage::Ended, word: &str| ended.stdout.matches(word).count();
    // Who may read only cannot register what is new, and can use what is there.
    drop(schemas(&world, "register", as_user("reader", &password)).await.with_code(3));
    let ended = schemas(&world, "check", as_user("qlik", &password)).await.with_code(0);
    assert_eq!(said(&ended, "not registered yet"), 5, "{}", ended.stdout);
    let ended = schemas(&world, "register", as_user("qlik", &password)).await.with_code(0);
    assert_eq!(said(&ended, ": registered with id"), 5, "{}", ended.stdout);
    let ended = schemas(&world, "register", as_user("reader", &password)).await.with_code(0);
    assert_eq!(said(&ended, "already there"), 5, "{}", ended.stdout);
    let ended = schemas(&world, "check", as_user("qlik", &password)).await.with_code(0);
    assert_eq!(said(&ended, ": compatible"), 5, "{}", ended.stdout);

    let told = "check the credentials in `kafka.schemaRegistry`";
    let ended = schemas(&world, "check", as_user("qlik", SECRET)).await.with_code(3);
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let ended = schemas(&world, "check", json!({"url": url})).await.with_code(3);
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    // Its authority is not one of the machine's.
    let untrusting = json!({"url": https, "username": "qlik", "password": password});
    drop(schemas(&world, "check", untrusting).await.with_code(3));

    // Both stages with it, over whatever broker there is.
    let registry = as_user("qlik", &password);
    world.change_config(|config| config["kafka"]["schemaRegistry"] = registry);
    world.extract(&[]).await;
    world.load(&[]).await;
    assert_eq!(world.entities("dashboards").len(), world.apps.len());
}
