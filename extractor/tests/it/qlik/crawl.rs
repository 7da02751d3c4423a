//! Reading one app: order of messages, errors, lost connections.

use std::time::Duration;

use extractor::qlik::model::{AppContent, UnreadableObject, Variable};
use extractor::qlik::{AppError, Class, ReadLimits};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::server::{APP, Behaviour, Call, Out, Server, connected, notification};
use super::{app, chain, limits, plain, site};

/// Reads the app from a server with a quirk.
async fn read(
    quirk: impl Fn(&Call) -> Option<Vec<Out>> + Send + Sync + 'static,
) -> (Result<AppContent, AppError>, Server) {
    let server = Server::start(Behaviour { quirk: Box::new(quirk), ..Behaviour::default() }).await;
    let content = site(plain(&server)).read_app(&app(), &limits()).await;
    (content, server)
}

fn ids(values: &[Value]) -> Vec<&str> {
    values
        .iter()
        .filter_map(|value| {
            value.pointer("/qProperty/qInfo/qId").or_else(|| value.pointer("/qInfo/qId"))?.as_str()
        })
        .collect()
}

/// The app of the test server, as a whole.
fn check_whole(content: &AppContent) {
    assert_eq!(content.layout["qTitle"], "Sales");
    assert_eq!(ids(&content.objects), ["sheet1", "sheet2", "master1"]);
    assert_eq!(ids(&content.measures), ["m1"]);
    assert_eq!(ids(&content.dimensions), ["d1"]);
    assert_eq!(content.object_meta["sheet1"], json!({"published": true}));
    let variable = |name: &str, definition: &str| Variable {
        name: name.to_owned(),
        definition: definition.to_owned(),
    };
    assert_eq!(content.variables, [variable("vYear", "=Year(Today())"), variable("vEmpty", "")]);
    assert_eq!(content.script.as_deref(), Some("LOAD 1 AS a AUTOGENERATE 1;"));
    assert_eq!(content.connections, [json!({"qName": "c"})]);
    assert_eq!(content.lineage, [json!({"qDiscriminator": "INLINE"})]);
    assert_eq!(content.load_model["qInfo"]["qId"], "LoadModel");
    assert_eq!(content.unreadable, []);
}

#[tokio::test]
async fn an_app_is_read_whole_without_its_data() {
    let (content, server) = read(|_| None).await;
    let content = content.unwrap();
    check_whole(&content);
    assert_eq!(content.notices, [""; 0]);
    server.see(|seen| {
        let open = seen.calls.iter().find(|call| call.method == "OpenDoc").unwrap();
        assert_eq!(open.params, json!([APP, "", "", "", true]));
        let target = &seen.sessions[0].target;
        assert!(target.starts_with(&format!("/app/{APP}/identity/")), "{target}");
        assert!(target.ends_with("/ttl/5"), "{target}");
        // Every session had its goodbye.
        assert_eq!(seen.closed, seen.sessions.len());
    });
}

#[tokio::test]
async fn notifications_come_at_any_time() {
    let between = || {
        vec![
            Out::Text(connected("SESSION_CREATED")),
            Out::Text(json!({"change": [1, 2]}).to_string()),
            Out::Text(notification("OnLicenseAccessDenied", &json!({"severity": "warning"}))),
            Out::Usual,
            Out::Text(json!({"jsonrpc": "2.0", "id": 999_999, "result": {}}).to_string()),
            Out::Text(json!({"suspend": [1]}).to_string()),
        ]
    };
    let server = Server::start(Behaviour {
        // Nothing at first: `OnConnected` comes after the first request.
        greeting: Box::new(|_| Vec::new()),
        quirk: Box::new(move |_| Some(between())),
        ..Behaviour::default()
    })
    .await;
    check_whole(&site(plain(&server)).read_app(&app(), &limits()).await.unwrap());
}

#[tokio::test]
async fn replies_come_in_any_order() {
    let (content, _server) = read(|call| match (call.method.as_str(), call.nth % 2) {
        // Each pair in reverse.
        ("GetObject" | "GetFullPropertyTree", 1) => Some(vec![Out::Later]),
        ("GetAllInfos", _) => Some(vec![Out::Later]),
        _ => None,
    })
    .await;
    check_whole(&content.unwrap());
}

#[tokio::test]
async fn an_aborted_request_is_sent_again_three_times() {
    let aborted = |times: usize| {
        move |call: &Call| {
            (call.method == "GetAllInfos" && call.nth <= times).then(|| vec![Out::Error(15)])
        }
    };
    let (content, server) = read(aborted(3)).await;
    check_whole(&content.unwrap());
    assert_eq!(server.sessions(), 2);
    let (content, _server) = read(aborted(usize::MAX)).await;
    let error = content.unwrap_err();
    assert!(error.reason().contains("`GetAllInfos` failed: error 15"), "{}", error.reason());
}

#[tokio::test]
async fn what_is_listed_and_not_there_is_left_out() {
    let (content, _server) = read(|call| {
        if call.method == "GetObject" && call.params == json!(["sheet1"]) {
            return Some(vec![Out::Result(json!({"qReturn": {"qType": null, "qHandle": null}}))]);
        }
        (call.method == "GetMeasure").then(|| vec![Out::Error(2)])
    })
    .await;
    let content = content.unwrap();
    assert_eq!(ids(&content.objects), ["sheet2", "master1"]);
    assert_eq!(ids(&content.measures), [""; 0]);
    assert_eq!(content.unreadable, []);
    assert_eq!(
        content.notices,
        [
            "the sheet `sheet1` is listed, but not there",
            "the measure `m1` is listed, but not there"
        ]
    );
}

#[tokio::test]
async fn an_object_that_cannot_be_read_is_named_and_kept() {
    let (content, _server) = read(|call| {
        (call.method == "GetFullPropertyTree" && call.object == "master1")
            .then(|| vec![Out::Error(7005)])
    })
    .await;
    let content = content.unwrap();
    assert_eq!(ids(&content.objects), ["sheet1", "sheet2"]);
    let reason = "`GetFullPropertyTree` failed: error 7005: No".to_owned();
    assert_eq!(
        content.unreadable,
        [UnreadableObject { id: "master1".to_owned(), kind: "masterobject", reason }]
    );
    assert!(content.notices[0].contains("`master1`"), "{:?}", content.notices);
}

#[tokio::test]
async fn a_sheet_that_is_shown_and_denied_fails_the_app() {
    let denied = |id: &'static str| {
        move |call: &Call| {
            if call.method == "GetAllInfos" {
                return Some(vec![Out::Result(json!({"qInfos": [
                    {"qId": "sheet1", "qType": "sheet"}, {"qId": "private", "qType": "sheet"}
                ]}))]);
            }
            (call.method == "GetObject" && call.params == json!([id])).then(|| vec![Out::Error(5)])
        }
    };
    let (content, _server) = read(denied("sheet1")).await;
    let error = content.unwrap_err();
    assert_eq!(error.class(), Class::Denied);
    assert!(error.reason().contains("`sheet1`"), "{}", error.reason());

    // Somebody's private sheet is in no list of ours. The list shows `sheet2`, which the infos do not.
    let (content, _server) = read(denied("private")).await;
    let content = content.unwrap();
    assert_eq!(ids(&content.objects), ["sheet1", "sheet2"]);
    assert_eq!(content.unreadable, []);
}

#[tokio::test]
async fn without_its_objects_an_app_has_failed() {
    for out in [json!({}), json!({"qInfos": null}), json!(null)] {
        let (content, _server) = read(move |call| {
            (call.method == "GetAllInfos").then(|| vec![Out::Result(out.clone())])
        })
        .await;
        assert_eq!(content.unwrap_err().class(), Class::Failed);
    }
}

#[tokio::test]
async fn the_script_is_read_by_whichever_method_is_allowed() {
    let (content, _server) = read(|call| match call.method.as_str() {
        "GetScript" => Some(vec![Out::Error(5)]),
        "GetScriptEx" => Some(vec![Out::Result(json!({"qScript": {"qScript": "EXIT SCRIPT;"}}))]),
        _ => None,
    })
    .await;
    let content = content.unwrap();
    assert_eq!(content.script.as_deref(), Some("EXIT SCRIPT;"));
    assert_eq!(content.notices, [""; 0]);
}

#[tokio::test]
async fn parts_that_are_not_allowed_are_notices() {
    let (content, _server) = read(|call| match call.method.as_str() {
        "GetScript" | "GetScriptEx" | "GetConnections" => Some(vec![Out::Error(5)]),
        "GetLineage" => Some(vec![Out::Error(-32601)]),
        "GetAppLayout" if call.session == 1 => Some(vec![Out::Error(5)]),
        "GetLayout" if call.object == "variables" => Some(vec![Out::Error(5)]),
        _ => None,
    })
    .await;
    let content = content.unwrap();
    assert_eq!(ids(&content.objects), ["sheet1", "sheet2", "master1"]);
    assert_eq!((content.script, content.layout), (None, Value::Null));
    assert_eq!((content.connections.len(), content.lineage.len()), (0, 0));
    let mut notices = content.notices;
    notices.sort();
    let beginnings = [
        "the app's own properties could not be read",
        "the data connections could not be read",
        "the engine's lineage could not be read",
        "the script may not be read",
        "the variables could not be read",
    ];
    assert_eq!(notices.len(), beginnings.len(), "{notices:?}");
    for (notice, beginning) in notices.iter().zip(beginnings) {
        assert!(notice.starts_with(beginning), "{notice}");
    }
}

#[tokio::test]
async fn an_app_without_data_manager_has_no_load_model() {
    for out in [json!({"qReturn": {"qType": null}}), json!({})] {
        let (content, _server) = read(move |call| {
            (call.params == json!(["LoadModel"])).then(|| vec![Out::Result(out.clone())])
        })
        .await;
        let content = content.unwrap();
        assert_eq!(content.load_model, Value::Null);
        assert_eq!(content.notices, [""; 0]);
    }
}

#[tokio::test]
async fn a_lost_connection_is_resumed_once() {
    let dropped = |how: fn() -> Out, sessions: usize| {
        move |call: &Call| {
            (call.session <= sessions && call.method == "GetFullPropertyTree" && call.nth == 2)
                .then(|| vec![how()])
        }
    };
    for how in [|| Out::Drop, || Out::Close(1001), || Out::Close(4003)] {
        let (content, server) = read(dropped(how, 1)).await;
        check_whole(&content.unwrap());
        // What was read is not asked for again: the third session is for the data model.
        assert_eq!((server.sessions(), server.count("GetFullPropertyTree", "sheet1")), (3, 1));
        assert_eq!(server.count("GetScript", ""), 1);
        let identities = server.see(|seen| {
            let mut targets: Vec<_> =
                seen.sessions.iter().map(|http| http.target.clone()).collect();
            targets.sort();
            targets.dedup();
            targets.len()
        });
        assert_eq!(identities, 3);
    }
    let (content, server) = read(dropped(|| Out::Drop, 2)).await;
    let error = content.unwrap_err();
    assert_eq!((error.class(), server.sessions()), (Class::Reconnect, 2));
    assert!(error.reason().contains("the connection was lost"), "{}", error.reason());
}

#[tokio::test]
async fn an_attached_session_is_left_for_a_new_one() {
    let server = Server::start(Behaviour {
        greeting: Box::new(|session| {
            let state = if session <= 2 { "SESSION_ATTACHED" } else { "SESSION_CREATED" };
            vec![Out::Text(connected(state))]
        }),
        ..Behaviour::default()
    })
    .await;
    check_whole(&site(plain(&server)).read_app(&app(), &limits()).await.unwrap());
    assert_eq!(server.sessions(), 4);
}

#[tokio::test]
async fn an_app_that_is_open_already_is_left_for_a_new_session() {
    for code in [1002, 1009] {
        let (content, server) = read(move |call| {
            (call.method == "OpenDoc" && call.session == 1).then(|| vec![Out::Error(code)])
        })
        .await;
        check_whole(&content.unwrap());
        assert_eq!(server.sessions(), 3);
    }
}

#[tokio::test]
async fn the_mode_is_compared_with_what_was_asked() {
    let with_data = |sessions: usize| {
        move |call: &Call| {
            (call.method == "GetAppLayout" && call.session <= sessions)
                .then(|| vec![Out::Result(json!({"qLayout": {"qTitle": "Sales"}}))])
        }
    };
    let (content, server) = read(with_data(1)).await;
    check_whole(&content.unwrap());
    assert_eq!(server.sessions(), 3);
    // An engine that cannot open without data still has the objects.
    let (content, _server) = read(with_data(usize::MAX)).await;
    check_whole(&content.unwrap());
}

#[tokio::test]
async fn too_many_sessions_are_waited_out_with_fewer() {
    let server = Server::start(Behaviour {
        greeting: Box::new(|session| {
            vec![Out::Text(if session <= 2 {
                let message = json!({"severity": "fatal", "message": "too many"});
                notification("OnMaxParallelSessionsExceeded", &message)
            } else {
                connected("SESSION_CREATED")
            })]
        }),
        ..Behaviour::default()
    })
    .await;
    let mut settings = plain(&server);
    // Sessions end with their sockets, so that there is nothing to wait for.
    settings.limits.session_ttl = 0;
    let site = site(settings);
    assert_eq!(site.sessions_allowed(), 4);
    check_whole(&site.read_app(&app(), &limits()).await.unwrap());
    assert_eq!(site.sessions_allowed(), 1);
    assert_eq!(server.sessions(), 4);
}

#[tokio::test]
async fn who_has_no_licence_is_told_so_at_once() {
    let server = Server::start(Behaviour {
        greeting: Box::new(|_| vec![Out::Text(connected("SESSION_ERROR_NO_LICENSE"))]),
        ..Behaviour::default()
    })
    .await;
    let error = site(plain(&server)).read_app(&app(), &limits()).await.unwrap_err();
    assert_eq!((error.class(), server.sessions()), (Class::Setup, 1));
    assert!(chain(&error).contains("SESSION_ERROR_NO_LICENSE"), "{}", chain(&error));
    assert!(chain(&error).contains("userId"), "{}", chain(&error));
}

#[tokio::test]
async fn a_request_without_answer_is_cancelled_and_its_late_reply_dropped() {
    let server = Server::start(Behaviour {
        quirk: Box::new(|call| match (call.method.as_str(), call.session) {
            ("GetAllInfos", 1) => Some(Vec::new()),
            _ => None,
        }),
        ..Behaviour::default()
    })
    .await;
    let mut settings = plain(&server);
    settings.timeouts.request = Duration::from_millis(300);
    check_whole(&site(settings).read_app(&app(), &limits()).await.unwrap());
    server.see(|seen| {
        let asked = seen.calls.iter().find(|call| call.method == "GetAllInfos").unwrap();
        let cancelled = seen.calls.iter().find(|call| call.method == "CancelRequest").unwrap();
        assert_eq!(cancelled.params, json!([asked.id]));
    });
}

#[tokio::test]
async fn an_app_has_a_deadline_and_can_be_cancelled() {
    let silent = || Behaviour { quirk: Box::new(|_| Some(Vec::new())), ..Behaviour::default() };
    let server = Server::start(silent()).await;
    let cancel = CancellationToken::new();
    let short = ReadLimits { deadline: Duration::from_millis(100), cancel: cancel.clone() };
    let error = site(plain(&server)).read_app(&app(), &short).await.unwrap_err();
    assert!(error.reason().contains("extractor.appDeadline"), "{}", error.reason());

    let long = ReadLimits { cancel: cancel.clone(), ..limits() };
    cancel.cancel();
    let error = site(plain(&server)).read_app(&app(), &long).await.unwrap_err();
    assert_eq!(error.reason(), "cancelled");
}

#[tokio::test]
async fn a_message_that_is_too_large_names_the_setting() {
    let server = Server::start(Behaviour {
        quirk: Box::new(|call| {
            (call.method == "GetScript")
                .then(|| vec![Out::Result(json!({"qScript": "x".repeat(100_000)}))])
        }),
        ..Behaviour::default()
    })
    .await;
    let mut settings = plain(&server);
    settings.limits.message_bytes = 50_000;
    let error = site(settings).read_app(&app(), &limits()).await.unwrap_err();
    assert_eq!((error.class(), server.sessions()), (Class::Failed, 1));
    assert!(error.reason().contains("extractor.maxMessageMib"), "{}", error.reason());
}

#[tokio::test]
async fn requests_in_flight_are_bounded() {
    // An engine that answers nothing once the app is open shows how much is sent at once.
    let server = Server::start(Behaviour {
        quirk: Box::new(|call| (call.method != "OpenDoc").then(Vec::new)),
        ..Behaviour::default()
    })
    .await;
    let mut settings = plain(&server);
    settings.limits.requests_in_flight = 3;
    let short = ReadLimits { deadline: Duration::from_secs(1), ..limits() };
    site(settings).read_app(&app(), &short).await.unwrap_err();
    let unanswered = |call: &&Call| !matches!(call.method.as_str(), "OpenDoc" | "CancelRequest");
    assert_eq!(server.see(|seen| seen.calls.iter().filter(unanswered).count()), 3);
}

#[tokio::test]
async fn odd_texts_do_not_spoil_an_app() {
    let (content, _server) = read(|call| {
        (call.method == "GetScript").then(|| {
            let id = call.id;
            vec![Out::Text(format!(
                r#"{{"jsonrpc":"2.0","id":{id},"result":{{"qScript":"a","qScript":"b\ud83d","n":"NaN"}}}}"#
            ))]
        })
    })
    .await;
    assert_eq!(content.unwrap().script.as_deref(), Some("b\u{FFFD}"));
}
