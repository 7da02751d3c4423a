//! The change feed, and single apps as the repository tells of them.

use extractor::qlik::{Change, Class, Site};
use serde_json::{Value, json};

use super::server::{APP, Behaviour, Http, Server};
use super::{plain, repository, site};

type Answer = (u16, Vec<(&'static str, String)>, String);

fn ok(body: &Value) -> Answer {
    let date = "Thu, 01 Jan 1970 01:00:00 GMT".to_owned();
    (200, vec![("content-type", "application/json".to_owned()), ("date", date)], body.to_string())
}

async fn start(rest: impl Fn(&Http) -> Answer + Send + Sync + 'static) -> (Server, Site) {
    let server = Server::start(Behaviour { rest: Box::new(rest), ..Behaviour::default() }).await;
    let mut settings = plain(&server);
    settings.repository = repository(&server);
    let site = site(settings);
    (server, site)
}

#[tokio::test]
async fn changes_are_read_with_the_servers_time() {
    let (server, site) = start(|_| {
        ok(&json!([
            {"changeType": 2, "id": APP, "type": "App", "changeDate": "1970-01-01T00:59:59.000Z"},
            {"changeType": 3, "id": "gone", "type": "App", "object": null},
            {"changeType": 3, "id": "stream", "type": "Stream"},
            {"changeType": null, "id": "?", "type": "App"}
        ]))
    })
    .await;
    let feed = site.changes(1_500).await.unwrap().unwrap();
    assert_eq!(feed.server_time, Some(3_600_000));
    assert_eq!(feed.damaged, 1);
    let change = |id: &str, deleted, at| Change { app_id: id.to_owned(), deleted, at };
    assert_eq!(feed.changes, [change(APP, false, Some(3_599_000)), change("gone", true, None)]);
    server.see(|seen| {
        let target = &seen.rest[0].target;
        assert!(target.starts_with("/qrs/notification/changes?"), "{target}");
        assert!(target.contains("since=1970-01-01T00%3A00%3A01.500Z"), "{target}");
        assert!(target.contains("types=App"), "{target}");
        assert_eq!(seen.rest.len(), 1);
    });
    let requests = site.requests();
    assert_eq!((requests.repository, requests.engine, requests.sessions), (1, 0, 0));
}

#[tokio::test]
async fn a_feed_that_is_not_there_says_so() {
    for (status, class) in
        [(404, Class::NotFound), (403, Class::Denied), (503, Class::Later), (200, Class::Failed)]
    {
        let (_server, site) = start(move |_| (status, Vec::new(), "<html>".to_owned())).await;
        assert_eq!(site.changes(0).await.unwrap_err().class(), class, "{status}");
    }
    // No repository: nothing to ask.
    let server = Server::start(Behaviour::default()).await;
    let mut settings = plain(&server);
    settings.repository = extractor::qlik::settings::Repository::Off;
    assert_eq!(super::site(settings).changes(0).await.unwrap(), None);
}

fn app(id: &str) -> Value {
    json!({
        "id": id, "name": "Sales", "published": true, "publishTime": "1753-01-01T00:00:00.000Z",
        "modifiedDate": "1970-01-01T00:00:02.000Z", "lastReloadTime": "1970-01-01T00:00:01.000Z",
        "owner": {"id": "u", "userId": "dana", "userDirectory": "CORP", "name": "Dana"},
        "stream": {"id": "s", "name": "Finance"}, "tags": [{"name": "Certified"}]
    })
}

#[tokio::test]
async fn single_apps_come_as_the_list_has_them() {
    let (server, site) = start(|http| match http.path() {
        "/qrs/app/full" => ok(&json!([app(APP)])),
        "/qrs/user/full" => ok(&json!([{"id": "u", "attributes": [
            {"attributeType": "Email", "attributeValue": "d@corp"}]}])),
        _ => (404, Vec::new(), String::new()),
    })
    .await;
    let apps = site.apps_by_id(&[APP.to_owned(), "gone".to_owned()]).await.unwrap();
    let [app] = apps.as_slice() else { panic!("{apps:?}") };
    assert_eq!((app.id.as_str(), app.title.as_str(), app.described), (APP, "Sales", true));
    assert_eq!((app.modified_at, app.last_reload_at), (Some(2_000), Some(1_000)));
    assert_eq!((app.published, app.published_at), (Some(true), None));
    assert_eq!(app.project, Some((Some("s".to_owned()), "Finance".to_owned())));
    assert_eq!(app.owner.as_ref().unwrap().email.as_deref(), Some("d@corp"));
    server.see(|seen| {
        assert!(seen.rest[0].target.contains("id%20eq%20gone"), "{}", seen.rest[0].target);
        assert!(seen.rest.iter().all(|http| !http.target.contains("count")), "no whole lists");
    });
}

/// Users that cannot be read now are no reason to take addresses away.
#[tokio::test]
async fn single_apps_without_users() {
    for (status, described) in [(403, true), (503, false)] {
        let (_server, site) = start(move |http| match http.path() {
            "/qrs/app/full" => ok(&json!([app(APP)])),
            _ => (status, Vec::new(), String::new()),
        })
        .await;
        let apps = site.apps_by_id(&[APP.to_owned()]).await.unwrap();
        assert_eq!(apps[0].described, described, "{status}");
    }
}
