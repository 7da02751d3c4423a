//! An app's data model: engine REST where the site has it, `GetTablesAndKeys` where not.
//!
//! REST (`data/metadata`) is served from what the last reload wrote, so it costs the server nothing. Not
//! every site has it, under either of two paths; which one is found out once and remembered. Without it
//! the app must be opened with its data, which costs the server the app's size in memory.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tracing::instrument;

use super::address::{Address, encode_component};
use super::call_error::CallError;
use super::class::Class;
use super::engine::Doc;
use super::http::{Answer, Http, RestError};
use super::login::Login;

/// Paths that serve it: behind a proxy and in the cloud, and by the engine itself.
const PATHS: [&str; 2] = ["/api/v1/apps", "/v1/apps"];
/// Apps with data for which every path must have had nothing, before a site counts as not serving it.
/// One such app proves nothing: old apps have no metadata until they are reloaded.
const MISSES: u32 = 5;

/// What REST says of one app's data model.
#[derive(Debug)]
pub(super) enum Metadata {
    /// This.
    Found(Value),
    /// This app has none, or the site has no such service.
    NotThere,
    /// The service is there and did not answer this time.
    Trouble(RestError),
}

/// Whether a site serves `data/metadata`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    /// Not known yet: how many apps had nothing under any path.
    Unknown { misses: u32 },
    /// Under this path.
    At(&'static str),
    /// No.
    None,
}

/// Reader of `data/metadata`, for all apps of a site.
pub(super) struct MetadataService {
    http: Http,
    address: Address,
    limit: Duration,
    state: Mutex<Service>,
    /// Whether an app was asked for; held while the first is, so that the others know what it found.
    asked: tokio::sync::Mutex<bool>,
}

/// What one path answered.
enum Probe {
    Found(Value),
    /// The path exists, but there is nothing of this app.
    NoMetadata,
    /// The path does not exist.
    NoService,
}

impl MetadataService {
    /// Nothing is sent before the first [`MetadataService::read`].
    pub(super) fn new(http: Http, address: Address, limit: Duration) -> Self {
        Self {
            http,
            address,
            limit,
            state: Mutex::new(Service::Unknown { misses: 0 }),
            asked: tokio::sync::Mutex::new(false),
        }
    }

    /// Reads an app's metadata. Sign-in errors count as trouble.
    #[instrument(name = "rest: data model", level = "info", skip_all)]
    pub(super) async fn read(&self, login: &Login, app: &str) -> Metadata {
        if matches!(self.state(), Service::Unknown { .. }) {
            let mut asked = self.asked.lock().await;
            if !*asked {
                let found = self.discover(login, app).await;
                *asked = true;
                return found;
            }
        }
        match self.state() {
            Service::None => Metadata::NotThere,
            Service::At(path) => match self.probe_known(login, path, app).await {
                Ok(Probe::Found(value)) => Metadata::Found(value),
                Ok(Probe::NoMetadata | Probe::NoService) => Metadata::NotThere,
                Err(error) => Metadata::Trouble(error),
            },
            Service::Unknown { .. } => self.discover(login, app).await,
        }
    }

    /// Where the site serves it, for `check`: the path, `Some(None)` for not at all, `None` for not known.
    pub(super) fn path(&self) -> Option<Option<&'static str>> {
        match self.state() {
            Service::Unknown { .. } => None,
            Service::At(path) => Some(Some(path)),
            Service::None => Some(None),
        }
    }

    fn state(&self) -> Service {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn discover(&self, login: &Login, app: &str) -> Metadata {
        let mut exists_somewhere = false;
        for path in PATHS {
            match self.probe(login, path, app).await {
                Ok(Probe::Found(value)) => {
                    self.found(path);
                    return Metadata::Found(value);
                }
                Ok(Probe::NoMetadata) => exists_somewhere = true,
                Ok(Probe::NoService) => {}
                // A login page, although we are signed in: nothing answers to the path itself.
                Err(error) if error.class() == Class::SignIn => {}
                // Nothing is concluded from a server in trouble; whoever asks decides what to do.
                Err(error) => return Metadata::Trouble(error),
            }
        }
        self.miss(exists_somewhere);
        Metadata::NotThere
    }

    fn miss(&self, exists_somewhere: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Service::Unknown { misses } = *state {
            let misses = misses + 1;
            *state = if !exists_somewhere || misses >= MISSES {
                tracing::info!(
                    "the site does not serve data models by REST; apps are opened with data"
                );
                Service::None
            } else {
                Service::Unknown { misses }
            };
        }
    }

    fn found(&self, path: &'static str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != Service::At(path) {
            tracing::info!(path, "the site serves data models by REST");
            *state = Service::At(path);
        }
    }

    /// Asks a path that has worked; a session that has expired since is renewed once.
    async fn probe_known(&self, login: &Login, path: &str, app: &str) -> Result<Probe, RestError> {
        let result = self.probe(login, path, app).await;
        if matches!(&result, Err(error) if error.class() == Class::SignIn)
            && let Ok(credentials) = login.credentials().await
            && login.forget(&credentials).await
        {
            return self.probe(login, path, app).await;
        }
        result
    }

    async fn probe(&self, login: &Login, path: &str, app: &str) -> Result<Probe, RestError> {
        let what = format!("{path}/{app}/data/metadata");
        let credentials = login.credentials().await.map_err(|error| RestError::Connection {
            what: what.clone(),
            reason: error.to_string(),
        })?;
        let url = self.address.rest(&format!("{path}/{}/data/metadata", encode_component(app)));
        let answer =
            self.http.get(&what, &url, &[], credentials.rest_headers(), self.limit).await?;
        judge(&what, &answer)
    }
}

/// Judges an answer of a path that may or may not exist.
fn judge(what: &str, answer: &Answer) -> Result<Probe, RestError> {
    let status = answer.status;
    let error = RestError::Status { what: what.to_owned(), status };
    match status {
        200..=299 => {}
        405 | 501 => return Ok(Probe::NoService),
        _ if matches!(error.class(), Class::Later | Class::SignIn) => return Err(error),
        _ if answer.is_html() || cannot_get(&answer.body) => return Ok(Probe::NoService),
        // JSON, or nothing: something knows the path.
        _ => return Ok(Probe::NoMetadata),
    }
    if answer.is_html() {
        return Ok(Probe::NoService);
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(value) if has_tables(&value) || has_reload(&value) => Ok(Probe::Found(value)),
        // "No metadata" of some versions.
        Ok(Value::Object(_)) => Ok(Probe::NoMetadata),
        _ => Ok(Probe::NoService),
    }
}

/// How Node's web servers, which Qlik's proxies are, answer to a path they do not have.
fn cannot_get(body: &[u8]) -> bool {
    body.starts_with(b"Cannot GET")
}

fn has_tables(metadata: &Value) -> bool {
    ["tables", "fields"].iter().any(|key| {
        metadata.get(key).and_then(Value::as_array).is_some_and(|items| !items.is_empty())
    })
}

/// Whether a reload wrote it, be it one of a script that loads nothing. What some versions answer
/// instead of "no metadata" has no measurements of a reload.
fn has_reload(metadata: &Value) -> bool {
    metadata.get("reload_meta").and_then(Value::as_object).is_some_and(|reload| {
        reload.values().any(|value| match value {
            Value::Number(number) => number.as_f64() != Some(0.0),
            Value::Object(members) => !members.is_empty(),
            _ => false,
        })
    })
}

/// What an app that should be open with data has.
pub(super) enum Tables {
    /// Its data model.
    Model(Value),
    /// No table although the engine says that there is data: what a session answers that is attached
    /// to one without data, or an app whose script loads nothing. The same twice is the truth.
    Suspect(Value),
    /// The app is open without data.
    WithoutData,
}

/// Reads the data model of an app that should be open with data.
pub(super) async fn tables_and_keys(doc: Doc<'_>) -> Result<Tables, CallError> {
    let layout = doc.app_layout().await?;
    let flag = |key: &str| layout.get(key).and_then(Value::as_bool) == Some(true);
    if flag("qIsOpenedWithoutData") {
        return Ok(Tables::WithoutData);
    }
    let model = doc.tables_and_keys().await?;
    let empty = |key: &str| model.get(key).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if empty("qtr") && empty("qk") && flag("qHasData") {
        return Ok(Tables::Suspect(model));
    }
    Ok(Tables::Model(model))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

    use super::*;

    fn check(status: u16, content_type: &'static str, body: &str, expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        let answer = Answer { status, headers, body: body.as_bytes().to_vec() };
        let found = match judge("x", &answer) {
            Ok(Probe::Found(_)) => "found",
            Ok(Probe::NoMetadata) => "no metadata",
            Ok(Probe::NoService) => "no service",
            Err(_) => "trouble",
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn answers_are_judged() {
        let json = "application/json; charset=utf-8";
        check(200, json, r#"{"tables":[{"name":"T"}],"fields":[]}"#, "found");
        check(200, json, r#"{"fields":[{"name":"F"}]}"#, "found");
        check(200, json, r#"{"tables":[],"fields":[]}"#, "no metadata");
        check(200, json, "{}", "no metadata");
        check(200, json, "", "no service");
        check(200, json, "[]", "no service");
        check(200, "text/html", "<!DOCTYPE html>", "no service");
        check(200, "text/plain", "\r\n <html>", "no service");
        check(302, "text/plain", "", "trouble");
        check(401, json, "{}", "trouble");
        check(405, json, "{}", "no service");
        check(403, json, r#"{"errors":[]}"#, "no metadata");
        check(404, json, r#"{"errors":[]}"#, "no metadata");
        check(404, "text/plain", "", "no metadata");
        check(404, "text/html", "Cannot GET /api/v1/apps", "no service");
        check(404, "text/plain", "Cannot GET /api/v1/apps", "no service");
        check(400, "text/html", "<html>", "no service");
        check(429, json, "{}", "trouble");
        check(503, "text/html", "<html>", "trouble");
    }
}
