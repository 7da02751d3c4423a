//! Qlik Cloud: a tenant's apps.

use extractor::qlik::model::{AppEntry, Owner};
use extractor::qlik::settings::{Auth, name};
use extractor::qlik::tls::Verification;
use extractor::qlik::{Class, Settings, Site};
use serde_json::{Value, json};

use super::certificates::Authority;
use super::server::{Behaviour, Http, Server};
use super::{app, chain, fast, limits, site};

type Answer = (u16, Vec<(&'static str, String)>, String);

/// 2026-01-02T03:04:05.006Z.
const TIME: i64 = 1_767_323_045_006;
const TIME_TEXT: &str = "2026-01-02T03:04:05.006Z";

fn ok(body: &Value) -> Answer {
    (200, vec![("content-type", "application/json".to_owned())], body.to_string())
}

async fn start(rest: impl Fn(&Http, usize) -> Answer + Send + Sync + 'static) -> (Server, Site) {
    let authority = Authority::new();
    let tls = authority.tls(&authority.server("localhost"), false);
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(Behaviour {
        tls: Some(tls),
        rest: Box::new(move |http| {
            if http.header("authorization") != Some("Bearer key") {
                return (401, Vec::new(), String::new());
            }
            rest(http, asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst))
        }),
        ..Behaviour::default()
    })
    .await;
    let url = format!("https://localhost:{}", server.port());
    let mut settings = fast(Settings::new(url, Auth::Bearer("key".into())));
    settings.root_certificates = Some(authority.root());
    (server, site(settings))
}

fn item(id: &str) -> Value {
    json!({"id": format!("item of {id}"), "resourceId": id, "name": id})
}

/// A tenant with `items`, two to a page.
fn tenant(items: Vec<Value>) -> impl Fn(&Http, usize) -> Answer {
    move |http, _| match http.path() {
        "/api/v1/items" => {
            assert!(http.target.contains("resourceType=app"), "{}", http.target);
            let from: usize = match http.target.split_once("next=") {
                Some((_, cursor)) => cursor.parse().unwrap(),
                None => 0,
            };
            let page: Vec<Value> = items.iter().skip(from).take(2).cloned().collect();
            let host = http.header("host").unwrap();
            let next = (from + 2 < items.len())
                .then(|| format!("https://{host}/api/v1/items?resourceType=app&next={}", from + 2));
            ok(&json!({"data": page, "links": {"next": {"href": next}}}))
        }
        "/api/v1/spaces" => ok(&json!({"data": [{"id": "s1", "name": "Finance"}], "links": {}})),
        "/api/v1/users/me" => ok(&json!({"id": "me"})),
        "/api/v1/users/u1" => {
            ok(&json!({"id": "u1", "name": "Dana Q", "email": "d@corp", "subject": "auth0|7"}))
        }
        _ => (404, Vec::new(), String::new()),
    }
}

#[tokio::test]
async fn apps_come_with_space_and_owner_from_every_page() {
    let first = json!({
        "id": "x", "resourceId": "a", "name": "Sales", "description": "", "spaceId": "s1",
        "ownerId": "u1", "resourceCreatedAt": TIME_TEXT, "resourceUpdatedAt": TIME_TEXT,
        "resourceReloadEndTime": TIME_TEXT, "resourceSize": {"appFile": 7, "appMemory": 9},
        "meta": {"tags": [{"id": "t", "name": "Certified"}]},
        "resourceAttributes": {"published": false, "publishTime": TIME_TEXT, "hasSectionAccess": true}
    });
    let gone = json!({"resourceId": "b", "ownerId": "gone", "spaceId": "hidden"});
    let items = vec![first, gone, item("c"), item("d"), item("e"), item("a")];
    let (server, site) = start(tenant(items)).await;
    let list = site.apps().await.unwrap();
    assert!(list.complete && list.repository_read);
    assert_eq!(list.notices, [""; 0]);
    let ids: Vec<&str> = list.apps.iter().map(|app| app.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e"]);
    assert_eq!(
        list.apps[0],
        AppEntry {
            id: "a".to_owned(),
            title: "Sales".to_owned(),
            described: true,
            published: Some(true),
            project: Some((Some("s1".to_owned()), "Finance".to_owned())),
            owner: Some(Owner {
                id: Some("auth0|7".to_owned()),
                directory: None,
                name: Some("Dana Q".to_owned()),
                email: Some("d@corp".to_owned()),
            }),
            tags: vec!["Certified".to_owned()],
            created_at: Some(TIME),
            modified_at: Some(TIME),
            published_at: Some(TIME),
            last_reload_at: Some(TIME),
            size_bytes: Some(7),
            has_section_access: Some(true),
            ..AppEntry::default()
        }
    );
    assert_eq!(list.apps[1].project, Some((Some("hidden".to_owned()), "hidden".to_owned())));
    assert_eq!(list.apps[1].owner.as_ref().unwrap().id.as_deref(), Some("gone"));
    assert_eq!((list.apps[2].published, &list.apps[2].project), (Some(false), &None));
    assert_eq!(server.sessions(), 0);
    assert_eq!(site.probe_engine().await.unwrap(), None);
}

#[tokio::test]
async fn an_app_is_read_over_the_same_websocket() {
    let (server, site) = start(tenant(Vec::new())).await;
    let content = site.read_app(&app(), &limits()).await.unwrap();
    assert_eq!(content.objects.len(), 3);
    server.see(|seen| {
        assert_eq!(seen.sessions[0].header("authorization"), Some("Bearer key"));
        assert_eq!(seen.sessions[0].header("cookie"), None);
    });
}

#[tokio::test]
async fn a_tenant_that_has_had_enough_is_waited_for() {
    let healthy = tenant(vec![item("a"), item("b"), item("c")]);
    let (_server, site) = start(move |http, nth| {
        if nth % 2 == 0 {
            (429, vec![("retry-after", "0".to_owned())], String::new())
        } else {
            healthy(http, nth)
        }
    })
    .await;
    let list = site.apps().await.unwrap();
    assert_eq!((list.complete, list.apps.len()), (true, 3));
}

#[tokio::test]
async fn a_page_that_does_not_come_is_no_list() {
    let healthy = tenant(vec![item("a"), item("b"), item("c")]);
    let (_server, site) = start(move |http, nth| {
        if http.target.contains("next=") {
            (500, Vec::new(), String::new())
        } else {
            healthy(http, nth)
        }
    })
    .await;
    assert_eq!(site.apps().await.unwrap_err().class(), Class::Later);
}

#[tokio::test]
async fn the_key_goes_to_no_other_server() {
    let (_server, site) = start(|_, _| {
        let next = "https://elsewhere.example.com/api/v1/items";
        ok(&json!({"data": [], "links": {"next": {"href": next}}}))
    })
    .await;
    let error = site.apps().await.unwrap_err();
    assert!(chain(&error).contains("another server"), "{}", chain(&error));
}

#[tokio::test]
async fn what_is_not_understood_is_said() {
    let items = vec![json!({"name": "without an id"}), item("b")];
    let broken = tenant(items);
    let (_server, site) = start(move |http, nth| match http.path() {
        "/api/v1/spaces" => (403, Vec::new(), String::new()),
        _ => broken(http, nth),
    })
    .await;
    let list = site.apps().await.unwrap();
    assert_eq!((list.complete, list.apps.len(), list.notices.len()), (false, 1, 2));
}

#[tokio::test]
async fn a_key_that_is_refused_names_its_setting() {
    let authority = Authority::new();
    let tls = authority.tls(&authority.server("localhost"), false);
    let server = Server::start(Behaviour {
        tls: Some(tls),
        rest: Box::new(|_| (401, Vec::new(), String::new())),
        ..Behaviour::default()
    })
    .await;
    let url = format!("https://localhost:{}", server.port());
    let mut settings = fast(Settings::new(url, Auth::Bearer("key".into())));
    settings.root_certificates = Some(authority.root());
    let error = site(settings).apps().await.unwrap_err();
    assert_eq!(error.class(), Class::SignIn);
    assert!(chain(&error).contains(name::TOKEN), "{}", chain(&error));
}

/// Owners are looked up one by one while they are few, else in the list of all; and not at all when
/// nobody wants them.
#[tokio::test]
async fn owners_are_looked_up_in_few_requests() {
    let check = async |owners: usize, wanted: bool, listed: bool, singly: usize| {
        let items = (0..owners).map(|nth| {
            json!({"resourceId": format!("a{nth}"), "name": "x", "ownerId": format!("o{nth}")})
        });
        let items: Value = items.collect();
        let (server, _) = start(move |http, _| match http.path() {
            "/api/v1/items" => ok(&json!({"data": items, "links": {}})),
            "/api/v1/spaces" => ok(&json!({"data": [], "links": {}})),
            "/api/v1/users" => {
                let users: Value =
                    (0..owners).map(|nth| json!({"id": format!("o{nth}"), "name": "N"})).collect();
                ok(&json!({"data": users, "links": {}}))
            }
            path => ok(&json!({"id": path.rsplit('/').next(), "name": "N"})),
        })
        .await;
        let mut settings = server_settings(&server);
        settings.owners = wanted;
        let list = site(settings).apps().await.unwrap();
        let named = list.apps.iter().filter(|app| {
            app.owner.as_ref().is_some_and(|owner| owner.name.as_deref() == Some("N"))
        });
        assert_eq!(named.count(), if wanted { owners } else { 0 });
        server.see(|seen| {
            let of = |test: &dyn Fn(&str) -> bool| {
                seen.rest.iter().filter(|http| test(http.path())).count()
            };
            assert_eq!(of(&|path| path == "/api/v1/users") > 0, listed);
            assert_eq!(of(&|path| path.starts_with("/api/v1/users/")), singly);
        });
    };
    check(3, true, false, 3).await;
    check(3, false, false, 0).await;
    check(201, true, true, 0).await;
}

/// Settings for a server that `start` made; its certificate is not looked at.
fn server_settings(server: &Server) -> Settings {
    let url = format!("https://localhost:{}", server.port());
    let mut settings = fast(Settings::new(url, Auth::Bearer("key".into())));
    settings.verification = Verification::Off;
    settings
}

#[tokio::test]
async fn the_last_reload_that_succeeded_comes_with_the_app() {
    let healthy = tenant(Vec::new());
    let (_server, site) = start(move |http, nth| {
        if !http.path().ends_with("/reloads/metadata/") {
            return healthy(http, nth);
        }
        ok(&json!({"data": [
            {"reloadId": "old", "endTime": "2026-01-01T00:00:00Z", "success": true},
            {"reloadId": "last", "endTime": "2026-01-02T00:00:00Z", "success": true,
                "statements": [{"type": "Load", "connection": "dwh", "tableName": "orders"}]},
            {"reloadId": "failed", "endTime": "2026-01-03T00:00:00Z", "success": false},
        ]}))
    })
    .await;
    let content = site.read_app(&app(), &limits()).await.unwrap();
    assert_eq!(content.reload["reloadId"], "last");
    assert_eq!(content.reload["statements"][0]["connection"], "dwh");
    let failed = |notice: &&String| notice.contains("2026-01-03T00:00:00Z");
    assert_eq!(content.notices.iter().filter(failed).count(), 1, "{:?}", content.notices);
}

#[tokio::test]
async fn an_app_whose_reloads_are_not_known_is_read_all_the_same() {
    for (status, notices) in [(403, 0), (404, 0), (500, 1)] {
        let healthy = tenant(Vec::new());
        let (_server, site) = start(move |http, nth| {
            if http.path().ends_with("/reloads/metadata/") {
                (status, Vec::new(), String::new())
            } else {
                healthy(http, nth)
            }
        })
        .await;
        let content = site.read_app(&app(), &limits()).await.unwrap();
        assert_eq!(content.reload, Value::Null, "{status}");
        let about = |notice: &&String| notice.contains("reload");
        assert_eq!(content.notices.iter().filter(about).count(), notices, "{:?}", content.notices);
    }
}
