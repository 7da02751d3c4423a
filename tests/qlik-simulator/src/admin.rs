//! The admin interface of the program: HTTP without authentication, on a port of its own.
//!
//! | route | does |
//! |---|---|
//! | `GET /stats` | statistics ([`crate::Stats`]) |
//! | `DELETE /stats` | starts them anew |
//! | `GET /apps` | ids of all apps |
//! | `PUT /apps/{name}` | adds or replaces the app(s) of the bundle in the body; `{name}` stands for the file's stem; answers the ids |
//! | `DELETE /apps/{id}` | removes an app |
//! | `POST /apps/{id}/rename` | `{"title": "…"}` |
//! | `POST /apps/{id}/touch` | `{"modified": "…", "reloaded": "…"}`, both optional; `{}` is modified now |
//! | `POST /apps/{id}/describe` | `{"owner": {…}, "stream": "…", "tags": […], "custom_properties": {…}}`, all optional; no time of the app moves |
//! | `DELETE /changes` | the change feed forgets everything so far |
//! | `POST /apps/{id}/hide`, `/show` | takes the app from every list, or gives it back |
//! | `POST /apps/{id}/deny-data` | `{"code": 4000}`, or `{"code": null}` |
//! | `POST /apps/{id}/script-access` | `{"access": "full" \| "read_only" \| "denied" \| null}` |
//! | `GET /behaviour` | behaviour now ([`crate::Behaviour`]) |
//! | `PATCH /behaviour` | changes the members in the body, nested ones too |
//! | `POST /faults` | lays a fault on the site ([`crate::Fault`]), for example `{"app": "…", "method": "GetLayout", "times": 1, "effect": {"kind": "error", "code": 15}}` |
//! | `DELETE /faults` | takes all faults away |
//! | `POST /drop-sockets` | breaks connections: `{"app": "…"}` or `{}` for all |
//! | `POST /notify` | `{"method": "OnSessionTimedOut", "params": {"severity": "fatal", "message": "…"}}` to every socket |
//! | `POST /end-proxy-sessions` | ends all proxy sessions |

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::control::{Control, Description, Touch};
use crate::faults::Fault;
use crate::settings::{Behaviour, ScriptAccess};

/// Largest bundle that is accepted.
const MAX_BUNDLE: usize = 256 << 20;

/// The routes.
pub(crate) fn router(control: Control) -> Router {
    Router::new()
        .route("/stats", get(stats).delete(reset_stats))
        .route("/apps", get(apps))
        .route("/apps/{id}", put(put_app).delete(remove_app))
        .route("/apps/{id}/rename", post(rename))
        .route("/apps/{id}/touch", post(touch))
        .route("/apps/{id}/describe", post(describe))
        .route("/changes", delete(forget_changes))
        .route("/apps/{id}/hide", post(hide))
        .route("/apps/{id}/show", post(show))
        .route("/apps/{id}/deny-data", post(deny_data))
        .route("/apps/{id}/script-access", post(script_access))
        .route("/behaviour", get(behaviour).patch(change_behaviour))
        .route("/faults", post(add_fault).delete(clear_faults))
        .route("/drop-sockets", post(drop_sockets))
        .route("/notify", post(notify))
        .route("/end-proxy-sessions", post(end_proxy_sessions))
        .layer(DefaultBodyLimit::max(MAX_BUNDLE))
        .with_state(control)
}

fn known(known: bool) -> StatusCode {
    if known { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}

async fn stats(State(control): State<Control>) -> Json<crate::Stats> {
    Json(control.stats())
}

async fn reset_stats(State(control): State<Control>) -> StatusCode {
    control.reset_stats();
    StatusCode::NO_CONTENT
}

async fn apps(State(control): State<Control>) -> Json<Vec<String>> {
    Json(control.app_ids())
}

async fn put_app(
    State(control): State<Control>,
    Path(name): Path<String>,
    body: String,
) -> Response {
    match Bundle::from_json(&name, &body).and_then(|bundle| control.put_app(bundle)) {
        Ok(ids) => Json(json!({"ids": ids})).into_response(),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            (StatusCode::BAD_REQUEST, format!("{error}: {}", cause.unwrap_or_default()))
                .into_response()
        }
    }
}

async fn remove_app(State(control): State<Control>, Path(id): Path<String>) -> StatusCode {
    known(control.remove_app(&id))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rename {
    title: String,
}

async fn rename(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(body): Json<Rename>,
) -> StatusCode {
    known(control.rename_app(&id, &body.title))
}

async fn touch(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(body): Json<Touch>,
) -> StatusCode {
    let touch = if body == Touch::default() { Touch::modified_now() } else { body };
    known(control.touch_app(&id, touch))
}

async fn describe(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(body): Json<Description>,
) -> StatusCode {
    known(control.describe_app(&id, body))
}

async fn forget_changes(State(control): State<Control>) -> StatusCode {
    control.forget_changes();
    StatusCode::NO_CONTENT
}

async fn hide(State(control): State<Control>, Path(id): Path<String>) -> StatusCode {
    known(control.hide_app(&id, true))
}

async fn show(State(control): State<Control>, Path(id): Path<String>) -> StatusCode {
    known(control.hide_app(&id, false))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DenyData {
    code: Option<i64>,
}

async fn deny_data(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(body): Json<DenyData>,
) -> StatusCode {
    known(control.deny_data(&id, body.code))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Access {
    access: Option<ScriptAccess>,
}

async fn script_access(
    State(control): State<Control>,
    Path(id): Path<String>,
    Json(body): Json<Access>,
) -> StatusCode {
    known(control.set_script_access(&id, body.access))
}

async fn behaviour(State(control): State<Control>) -> Json<Behaviour> {
    Json(control.behaviour())
}

async fn change_behaviour(State(control): State<Control>, Json(patch): Json<Value>) -> Response {
    let changed = serde_json::to_value(control.behaviour()).and_then(|mut value| {
        merge(&mut value, patch);
        serde_json::from_value::<Behaviour>(value)
    });
    match changed {
        Ok(changed) => {
            control.set_behaviour(|behaviour| *behaviour = changed.clone());
            Json(changed).into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

/// Members of objects one by one; everything else is replaced.
fn merge(value: &mut Value, patch: Value) {
    match (value, patch) {
        (Value::Object(value), Value::Object(patch)) => {
            for (key, patch) in patch {
                merge(value.entry(key).or_insert(Value::Null), patch);
            }
        }
        (value, patch) => *value = patch,
    }
}

async fn add_fault(State(control): State<Control>, Json(fault): Json<Fault>) -> StatusCode {
    control.add_fault(fault);
    StatusCode::NO_CONTENT
}

async fn clear_faults(State(control): State<Control>) -> StatusCode {
    control.clear_faults();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DropSockets {
    app: Option<String>,
}

async fn drop_sockets(
    State(control): State<Control>,
    Json(body): Json<DropSockets>,
) -> Json<Value> {
    Json(json!({"dropped": control.drop_sockets(body.app.as_deref())}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notify {
    method: String,
    #[serde(default)]
    params: Value,
}

async fn notify(State(control): State<Control>, Json(body): Json<Notify>) -> Json<Value> {
    Json(json!({"sockets": control.notify(&body.method, &body.params)}))
}

async fn end_proxy_sessions(State(control): State<Control>) -> StatusCode {
    control.end_proxy_sessions();
    StatusCode::NO_CONTENT
}
