//! Virtual proxies: one sign-in for every socket and request.

use extractor::qlik::settings::{Auth, Repository, name};
use extractor::qlik::{Class, Settings};
use serde_json::json;

use super::certificates::Authority;
use super::server::{Behaviour, Http, Server};
use super::{app, chain, fast, limits, site};

type Answer = (u16, Vec<(&'static str, String)>, String);

/// A virtual proxy `/jwt`, and settings for it.
async fn start(
    auth: Auth,
    rest: impl Fn(&Http) -> Answer + Send + Sync + 'static,
    upgrade: impl Fn(&Http, usize) -> u16 + Send + Sync + 'static,
) -> (Server, Settings) {
    let authority = Authority::new();
    let tls = authority.tls(&authority.server("localhost"), false);
    let server = Server::start(Behaviour {
        tls: Some(tls),
        rest: Box::new(rest),
        upgrade: Box::new(upgrade),
        ..Behaviour::default()
    })
    .await;
    let url = format!("https://localhost:{}/jwt", server.port());
    let mut settings = fast(Settings::new(url, auth));
    settings.root_certificates = Some(authority.root());
    (server, settings)
}

fn jwt() -> Auth {
    Auth::Jwt("hunter2".into())
}

/// A proxy that signs bearers in, with a new session each time.
fn proxy(http: &Http) -> Answer {
    match http.path() {
        "/jwt/qps/csrftoken" if http.header("authorization") == Some("Bearer hunter2") => (
            200,
            vec![
                ("set-cookie", "X-Qlik-Session-jwt=abc; Path=/; Secure".to_owned()),
                ("qlik-csrf-token", "to+ken".to_owned()),
            ],
            String::new(),
        ),
        "/jwt/qrs/app/count" | "/jwt/qrs/user/count" => (200, Vec::new(), "0".to_owned()),
        "/jwt/qrs/app/full" | "/jwt/qrs/user/full" => (200, Vec::new(), "[]".to_owned()),
        "/jwt/api/v1/apps/11111111-2222-3333-4444-555555555555/data/metadata" => {
            (200, Vec::new(), json!({"tables": [{"name": "T"}]}).to_string())
        }
        _ => (401, Vec::new(), String::new()),
    }
}

fn sign_ins(server: &Server) -> usize {
    server.see(|seen| seen.rest.iter().filter(|http| http.path().ends_with("csrftoken")).count())
}

#[tokio::test]
async fn one_sign_in_serves_everything() {
    let (server, settings) = start(jwt(), proxy, |_, _| 101).await;
    let site = site(settings);
    let list = site.apps().await.unwrap();
    assert!(list.repository_read, "{:?}", list.notices);
    let (app, limits) = (app(), limits());
    let (one, two) = tokio::join!(site.read_app(&app, &limits), site.read_app(&app, &limits));
    one.unwrap();
    two.unwrap();
    assert_eq!(sign_ins(&server), 1);
    server.see(|seen| {
        assert_eq!(seen.sessions.len(), 3);
        for socket in &seen.sessions {
            assert_eq!(socket.header("cookie"), Some("X-Qlik-Session-jwt=abc"));
            assert_eq!(socket.header("authorization"), None);
            assert!(socket.target.ends_with("?qlik-csrf-token=to%2Bken"), "{}", socket.target);
            let origin = format!("https://localhost:{}", server.port());
            assert_eq!(socket.header("origin"), Some(origin.as_str()));
        }
        for request in seen.rest.iter().filter(|http| !http.path().ends_with("csrftoken")) {
            assert_eq!(request.header("cookie"), Some("X-Qlik-Session-jwt=abc"));
            assert_eq!(request.header("qlik-csrf-token"), Some("to+ken"));
            assert_eq!(request.header("authorization"), None);
        }
    });
}

#[tokio::test]
async fn an_older_proxy_gives_a_cookie_on_any_request() {
    let rest = |http: &Http| match http.path() {
        "/jwt/qrs/about" if http.header("x-sense-user") == Some("CORP\\dana") => {
            (200, vec![("set-cookie", "X-Qlik-Session=old".to_owned())], "{}".to_owned())
        }
        _ => (404, Vec::new(), String::new()),
    };
    let auth = Auth::Header { name: "X-Sense-User".to_owned(), value: "CORP\\dana".to_owned() };
    let (server, settings) = start(auth, rest, |_, _| 101).await;
    site(settings).probe_engine().await.unwrap();
    server.see(|seen| {
        assert_eq!(seen.sessions[0].header("cookie"), Some("X-Qlik-Session=old"));
        assert_eq!(seen.sessions[0].header("x-sense-user"), None);
        assert!(!seen.sessions[0].target.contains("csrf"), "{}", seen.sessions[0].target);
    });
}

#[tokio::test]
async fn without_a_cookie_the_credential_itself_is_sent() {
    let rest = |_: &Http| (404, Vec::new(), String::new());
    let (server, settings) = start(jwt(), rest, |_, _| 101).await;
    site(settings).probe_engine().await.unwrap();
    server.see(|seen| {
        assert_eq!(seen.sessions[0].header("authorization"), Some("Bearer hunter2"));
    });
}

#[tokio::test]
async fn a_cookie_from_elsewhere_is_used_as_it_is() {
    let auth = Auth::Cookie("X-Qlik-Session=mine".into());
    let rest = |http: &Http| match http.header("cookie") {
        Some("X-Qlik-Session=mine") => {
            (204, vec![("qlik-csrf-token", "token".to_owned())], String::new())
        }
        _ => (401, Vec::new(), String::new()),
    };
    let (server, settings) = start(auth, rest, |_, _| 101).await;
    site(settings).probe_engine().await.unwrap();
    server.see(|seen| {
        assert_eq!(seen.sessions[0].header("cookie"), Some("X-Qlik-Session=mine"));
        assert!(seen.sessions[0].target.ends_with("?qlik-csrf-token=token"));
    });
}

#[tokio::test]
async fn an_expired_session_is_renewed_once() {
    let (server, settings) =
        start(jwt(), proxy, |_, session| if session == 2 { 401 } else { 101 }).await;
    let site = site(settings);
    site.probe_engine().await.unwrap();
    site.probe_engine().await.unwrap();
    assert_eq!((sign_ins(&server), server.sessions()), (2, 3));

    let (server, settings) = start(jwt(), proxy, |_, _| 401).await;
    let error = self::site(settings).probe_engine().await.unwrap_err();
    assert_eq!((error.class(), sign_ins(&server), server.sessions()), (Class::SignIn, 2, 2));
}

#[tokio::test]
async fn a_refused_sign_in_names_the_setting_and_not_the_secret() {
    for (status, word) in
        [(401, name::TOKEN), (403, name::HOST_PORT), (400, name::HOST_PORT), (302, name::TOKEN)]
    {
        let rest = move |_: &Http| (status, Vec::new(), String::new());
        let (server, mut settings) = start(jwt(), rest, |_, _| 101).await;
        settings.repository = Repository::Off;
        let error = site(settings).apps().await.unwrap_err();
        let text = format!("{} {error:?}", chain(&error));
        assert_eq!(error.class(), Class::Setup, "{text}");
        assert!(text.contains(word), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(server.sessions(), 0);
    }
}

#[tokio::test]
async fn tls_errors_of_rest_requests_are_explained_too() {
    let (_server, mut settings) = start(jwt(), proxy, |_, _| 101).await;
    settings.root_certificates = Some(Authority::named("other-CA").root());
    let error = site(settings).probe_engine().await.unwrap_err();
    assert_eq!(error.class(), Class::Setup);
    assert!(chain(&error).contains(name::ROOT_CERTIFICATE), "{}", chain(&error));
}
