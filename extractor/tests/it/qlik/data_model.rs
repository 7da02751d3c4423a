//! The data model: REST where the site has it, the app opened with data where not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use extractor::qlik::DataModels;
use extractor::qlik::model::{AppContent, AppEntry, DataModelSource};
use serde_json::{Value, json};

use super::server::{APP, Behaviour, Call, Out, Server};
use super::{app, limits, plain, site};

type Answer = (u16, Vec<(&'static str, String)>, String);

fn json_answer(status: u16, body: &Value) -> Answer {
    (status, vec![("content-type", "application/json".to_owned())], body.to_string())
}

fn metadata() -> Value {
    json!({"fields": [{"name": "F"}], "tables": [{"name": "T"}]})
}

async fn start(
    rest: impl Fn(&str) -> Answer + Send + Sync + 'static,
    quirk: impl Fn(&Call) -> Option<Vec<Out>> + Send + Sync + 'static,
) -> Server {
    Server::start(Behaviour {
        rest: Box::new(move |http| rest(http.path())),
        quirk: Box::new(quirk),
        ..Behaviour::default()
    })
    .await
}

async fn read(server: &Server) -> AppContent {
    site(plain(server)).read_app(&app(), &limits()).await.unwrap()
}

fn tables() -> DataModelSource {
    DataModelSource::TablesAndKeys(json!({"qtr": [{"qName": "T"}], "qk": []}))
}

#[tokio::test]
async fn rest_is_found_under_either_path_and_remembered() {
    for serving in ["/api/v1/apps", "/v1/apps"] {
        let server = start(
            move |path| {
                if path == format!("{serving}/{APP}/data/metadata") {
                    json_answer(200, &metadata())
                } else {
                    (404, Vec::new(), "Cannot GET it".to_owned())
                }
            },
            |_| None,
        )
        .await;
        let site = site(plain(&server));
        for _ in 0..2 {
            let content = site.read_app(&app(), &limits()).await.unwrap();
            assert_eq!(content.data_model, DataModelSource::Metadata(metadata()));
            assert_eq!(content.notices, [""; 0]);
        }
        assert_eq!(site.probe_data_models(APP).await.unwrap(), DataModels::Rest(serving));
        // Never opened with data.
        assert_eq!(server.sessions(), 2);
        let wrong = server
            .see(|seen| seen.rest.iter().filter(|http| !http.target.starts_with(serving)).count());
        assert!(wrong <= 1, "asked {wrong} times where nothing is");
    }
}

#[tokio::test]
async fn without_rest_the_app_is_opened_with_its_data() {
    let html =
        || (200, vec![("content-type", "text/html".to_owned())], "<!DOCTYPE html>".to_owned());
    for answer in [html, || (404, Vec::new(), "Cannot GET it".to_owned())] {
        let server = start(move |_| answer(), |_| None).await;
        let site = site(plain(&server));
        for _ in 0..2 {
            let content = site.read_app(&app(), &limits()).await.unwrap();
            assert_eq!(content.data_model, tables());
        }
        assert_eq!(server.sessions(), 4);
        // Both paths, once for the whole site.
        assert_eq!(server.see(|seen| seen.rest.len()), 2);
        assert_eq!(site.probe_data_models(APP).await.unwrap(), DataModels::OpenWithData);
    }
}

#[tokio::test]
async fn one_app_without_metadata_says_nothing_of_the_site() {
    for nothing in [json_answer(404, &json!({"errors": []})), json_answer(200, &json!({}))] {
        let server = start(
            move |path| {
                if path.contains("/other/") {
                    json_answer(200, &metadata())
                } else {
                    nothing.clone()
                }
            },
            |_| None,
        )
        .await;
        let site = site(plain(&server));
        let content = site.read_app(&app(), &limits()).await.unwrap();
        assert_eq!(content.data_model, tables());
        let other = AppEntry { id: "other".to_owned(), ..app() };
        let content = site.read_app(&other, &limits()).await.unwrap();
        assert_eq!(content.data_model, DataModelSource::Metadata(metadata()));
    }
}

#[tokio::test]
async fn an_app_that_was_never_reloaded_has_no_data_model() {
    let server = start(|_| json_answer(200, &metadata()), |_| None).await;
    let never = AppEntry { last_reload_at: None, ..app() };
    let content = site(plain(&server)).read_app(&never, &limits()).await.unwrap();
    assert_eq!(content.data_model, DataModelSource::Absent);
    assert_eq!((server.see(|seen| seen.rest.len()), server.sessions()), (0, 1));

    // The engine knows better than a list without times.
    let server = start(
        |_| json_answer(200, &metadata()),
        |call| {
            (call.method == "GetAppLayout").then(|| {
                vec![Out::Result(json!({"qLayout": {
                    "qIsOpenedWithoutData": true, "qLastReloadTime": "2026-01-02T03:04:05.006Z"
                }}))]
            })
        },
    )
    .await;
    let content = site(plain(&server)).read_app(&never, &limits()).await.unwrap();
    assert_eq!(content.data_model, DataModelSource::Metadata(metadata()));
}

#[tokio::test]
async fn section_access_keeps_the_app_and_says_that_the_model_is_unknown() {
    for code in [4000, 12004] {
        let server = start(
            |_| (404, Vec::new(), "Cannot GET it".to_owned()),
            move |call| {
                (call.method == "OpenDoc" && call.params[4] == false)
                    .then(|| vec![Out::Error(code)])
            },
        )
        .await;
        let content = read(&server).await;
        assert_eq!(content.objects.len(), 3);
        let DataModelSource::Unreadable { reason, transient: false } = &content.data_model else {
            panic!("{:?}", content.data_model);
        };
        assert!(reason.contains(&code.to_string()), "{reason}");
        assert!(content.notices[0].contains(reason.as_str()), "{:?}", content.notices);
    }
}

#[tokio::test]
async fn a_server_in_trouble_makes_the_model_unknown_for_now() {
    // REST is known to work, so the app is not opened with its data instead.
    let server = start(
        |path| {
            if path.contains("/other/") {
                (503, Vec::new(), String::new())
            } else {
                json_answer(200, &metadata())
            }
        },
        |_| None,
    )
    .await;
    let site = site(plain(&server));
    site.read_app(&app(), &limits()).await.unwrap();
    let other = AppEntry { id: "other".to_owned(), ..app() };
    let content = site.read_app(&other, &limits()).await.unwrap();
    let DataModelSource::Unreadable { transient: true, .. } = content.data_model else {
        panic!("{:?}", content.data_model);
    };
    assert_eq!(server.sessions(), 2);
}

#[tokio::test]
async fn a_session_without_data_is_not_taken_for_an_empty_model() {
    // The first session with data was attached to one without.
    let server = start(
        |_| (404, Vec::new(), "Cannot GET it".to_owned()),
        |call| match (call.session, call.method.as_str()) {
            (2, "GetAppLayout") => {
                Some(vec![Out::Result(json!({"qLayout": {"qIsOpenedWithoutData": true}}))])
            }
            (3, "GetTablesAndKeys") => Some(vec![Out::Result(json!({"qtr": [], "qk": []}))]),
            _ => None,
        },
    )
    .await;
    assert_eq!(read(&server).await.data_model, tables());
    assert_eq!(server.sessions(), 4);
}

#[tokio::test]
async fn an_app_reloaded_with_an_empty_script_has_an_empty_model() {
    let empty = json!({"qtr": [], "qk": []});
    let answer = empty.clone();
    let server = start(
        |_| (404, Vec::new(), "Cannot GET it".to_owned()),
        move |call| match (call.session, call.method.as_str()) {
            (2, "GetAppLayout") => Some(vec![Out::Result(json!({"qLayout": {"qTitle": "Sales"}}))]),
            (2, "GetTablesAndKeys") => Some(vec![Out::Result(answer.clone())]),
            _ => None,
        },
    )
    .await;
    assert_eq!(read(&server).await.data_model, DataModelSource::TablesAndKeys(empty));
}

#[tokio::test]
async fn few_apps_are_open_with_data_at_a_time() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let most_seen = most.clone();
    let server = start(
        |_| (404, Vec::new(), "Cannot GET it".to_owned()),
        move |call| {
            match call.method.as_str() {
                "OpenDoc" if call.params[4] == false => {
                    most_seen.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                }
                "GetTablesAndKeys" => {
                    open.fetch_sub(1, Ordering::SeqCst);
                }
                _ => {}
            }
            None
        },
    )
    .await;
    let mut settings = plain(&server);
    settings.limits.sessions_with_data = 1;
    let site = site(settings);
    let apps: Vec<AppEntry> =
        (0..6).map(|number| AppEntry { id: number.to_string(), ..app() }).collect();
    let limits = limits();
    let read = apps.iter().map(|app| site.read_app(app, &limits));
    for content in futures::future::join_all(read).await {
        assert_eq!(content.unwrap().data_model, tables());
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}
