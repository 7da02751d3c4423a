//! The list of apps, and what the repository adds to it.

use extractor::qlik::model::Owner;
use extractor::qlik::settings::Repository;
use extractor::qlik::{Class, Settings};
use serde_json::{Value, json};

use super::server::{APP, Behaviour, Http, Out, Server};
use super::{plain, repository, site};

type Answer = (u16, Vec<(&'static str, String)>, String);

const OTHER: &str = "66666666-7777-8888-9999-000000000000";

fn ok(body: &Value) -> Answer {
    (200, vec![("content-type", "application/json".to_owned())], body.to_string())
}

fn qrs_app(id: &str, owner: &str) -> Value {
    json!({
        "id": id, "name": "Sales", "published": true, "fileSize": 7,
        "owner": {"id": owner, "userId": "dana", "userDirectory": "CORP", "name": "Dana Q"},
        "stream": {"id": "s", "name": "Finance"}, "tags": [{"name": "Certified"}],
        "customProperties": [{"value": "Yes", "definition": {"name": "Reviewed"}}]
    })
}

fn qrs_user(id: &str) -> Value {
    json!({"id": id, "attributes": [{"attributeType": "Email", "attributeValue": format!("{id}@corp")}]})
}

/// Entities that a filter names, or all but cut at `cap`.
fn cut(http: &Http, entities: &[Value], cap: usize) -> Value {
    match http.target.split_once("filter=") {
        Some((_, filter)) => entities
            .iter()
            .filter(|entity| {
                filter.contains(&format!("id%20eq%20{}", entity["id"].as_str().unwrap()))
            })
            .cloned()
            .collect(),
        None => entities.iter().take(cap).cloned().collect(),
    }
}

/// A repository that cuts its lists.
fn qrs(apps: Vec<Value>, users: Vec<Value>, cap: usize) -> impl Fn(&Http) -> Answer {
    move |http| {
        if http.header("x-qlik-xrfkey") != Some("0123456789abcdef")
            || !http.target.contains("xrfkey=0123456789abcdef")
        {
            return (400, Vec::new(), String::new());
        }
        match http.path() {
            "/qrs/about" => ok(&json!({"buildVersion": "31.62.0.0"})),
            "/qrs/app/count" => ok(&json!({"value": apps.len()})),
            "/qrs/app/full" => ok(&cut(http, &apps, cap)),
            "/qrs/user/count" => ok(&json!(users.len())),
            "/qrs/user/full" => ok(&cut(http, &users, cap)),
            _ => (404, Vec::new(), String::new()),
        }
    }
}

async fn start(
    docs: Vec<&'static str>,
    rest: impl Fn(&Http) -> Answer + Send + Sync + 'static,
) -> (Server, Settings) {
    let server = Server::start(Behaviour {
        quirk: Box::new(move |call| {
            let list: Vec<Value> = docs.iter().map(|id| json!({"qDocId": id})).collect();
            (call.method == "GetDocList").then(|| vec![Out::Result(json!({"qDocList": list}))])
        }),
        rest: Box::new(rest),
        ..Behaviour::default()
    })
    .await;
    let mut settings = plain(&server);
    settings.repository = repository(&server);
    (server, settings)
}

#[tokio::test]
async fn the_repository_adds_to_the_engines_list() {
    let repository =
        qrs(vec![qrs_app(APP, "u1"), qrs_app("not ours", "u2")], vec![qrs_user("u1")], 9);
    let (server, settings) = start(vec![APP, OTHER], repository).await;
    let site = site(settings);
    let list = site.apps().await.unwrap();
    assert!(list.complete && list.repository_read);
    assert_eq!(list.notices, [""; 0]);
    assert_eq!(list.apps.iter().map(|app| app.id.as_str()).collect::<Vec<_>>(), [APP, OTHER]);
    let app = &list.apps[0];
    assert_eq!(
        app.owner,
        Some(Owner {
            id: Some("dana".to_owned()),
            directory: Some("CORP".to_owned()),
            name: Some("Dana Q".to_owned()),
            email: Some("u1@corp".to_owned()),
        })
    );
    assert_eq!((app.title.as_str(), app.tags.as_slice()), ("Sales", &["Certified".to_owned()][..]));
    assert_eq!(app.custom_properties, [("Reviewed".to_owned(), "Yes".to_owned())]);
    assert_eq!(app.project, Some((Some("s".to_owned()), "Finance".to_owned())));
    assert_eq!((app.published, app.size_bytes), (Some(true), Some(7)));
    assert_eq!(list.apps[1].owner, None);
    server.see(|seen| assert!(seen.sessions[0].target.starts_with("/app/engineData/identity/")));
    assert_eq!(site.probe_engine().await.unwrap().as_deref(), Some("12.2528.0"));
    assert_eq!(site.probe_repository().await.unwrap().as_deref(), Some("31.62.0.0"));
}

#[tokio::test]
async fn a_list_that_is_cut_is_completed() {
    let ids: Vec<&'static str> = (0..250)
        .map(|n| &*Box::leak(format!("{n:08}-0000-0000-0000-000000000000").into_boxed_str()))
        .collect();
    let apps = ids.iter().map(|id| qrs_app(id, &format!("user-of-{id}"))).collect();
    let users = ids.iter().map(|id| qrs_user(&format!("user-of-{id}"))).collect();
    let (_server, settings) = start(ids.clone(), qrs(apps, users, 100)).await;
    let list = site(settings).apps().await.unwrap();
    assert_eq!(list.notices, [""; 0]);
    for (app, id) in list.apps.iter().zip(ids) {
        let email = app.owner.as_ref().and_then(|owner| owner.email.clone());
        assert_eq!(email, Some(format!("user-of-{id}@corp")));
    }
}

#[tokio::test]
async fn a_repository_that_refuses_is_a_notice() {
    let html = || (200, vec![("content-type", "text/html".to_owned())], "<html>".to_owned());
    for refusal in [|| (403, Vec::new(), String::new()), || (503, Vec::new(), String::new()), html]
    {
        let (_server, settings) = start(vec![APP], move |_| refusal()).await;
        let list = site(settings).apps().await.unwrap();
        assert!(list.complete && !list.repository_read);
        assert_eq!(list.apps.len(), 1);
        assert!(list.notices[0].contains("extractor.repositoryUrl"), "{:?}", list.notices);
    }
    // Nobody listens there.
    let (_server, mut settings) = start(vec![APP], |_| ok(&json!(0))).await;
    settings.repository = Repository::At("http://localhost:1".to_owned());
    let list = site(settings).apps().await.unwrap();
    assert_eq!((list.complete, list.repository_read, list.notices.len()), (true, false, 1));
}

#[tokio::test]
async fn users_that_may_not_be_read_cost_only_their_addresses() {
    for (status, known) in [(403, true), (503, false)] {
        let repository = qrs(vec![qrs_app(APP, "u1")], Vec::new(), 9);
        let (_server, settings) = start(vec![APP], move |http| {
            if http.path().starts_with("/qrs/user") {
                return (status, Vec::new(), String::new());
            }
            repository(http)
        })
        .await;
        let list = site(settings).apps().await.unwrap();
        let owner = list.apps[0].owner.clone().unwrap();
        assert_eq!((owner.id.as_deref(), owner.email), (Some("dana"), None));
        assert_eq!((list.repository_read, list.notices.len()), (known, 1));
    }
}

#[tokio::test]
async fn an_entry_that_is_not_understood_costs_only_itself() {
    let apps = vec![json!({"id": 7}), qrs_app(APP, "u1")];
    let (_server, settings) = start(vec![APP], qrs(apps, vec![qrs_user("u1")], 9)).await;
    let list = site(settings).apps().await.unwrap();
    assert!(list.apps[0].owner.is_some());
    assert_eq!(list.notices, ["1 apps of the repository are not understood"]);
}

#[tokio::test]
async fn an_odd_answer_is_not_an_empty_site() {
    let server = Server::start(Behaviour {
        quirk: Box::new(|call| (call.method == "GetDocList").then(|| vec![Out::Result(json!({}))])),
        ..Behaviour::default()
    })
    .await;
    assert_eq!(site(plain(&server)).apps().await.unwrap_err().class(), Class::Failed);
}

#[tokio::test]
async fn a_list_that_breaks_off_is_read_again() {
    let server = Server::start(Behaviour {
        quirk: Box::new(|call| {
            (call.method == "GetDocList" && call.session < 3).then(|| vec![Out::Drop])
        }),
        ..Behaviour::default()
    })
    .await;
    let list = site(plain(&server)).apps().await.unwrap();
    assert_eq!((list.complete, list.apps.len(), server.sessions()), (true, 1, 3));
}
