//! What the repository adds to load scripts: the log of the last reload, and the site's data
//! connections.

use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::Value;

use super::{Repository, XRF_HEADER, XRF_KEY};
use crate::qlik::{
    class::Class,
    http::{Answer, RestError},
    inventory,
    login::Login,
};

/// Waits before a log is asked for again: right after its reference was given it is not there yet.
const WAITS: [Duration; 3] =
    [Duration::from_millis(250), Duration::from_secs(1), Duration::from_secs(3)];
/// Milliseconds by which the times of a task and of the app that it reloads may differ.
const TOLERANCE: i64 = 120_000;

impl Repository {
    /// Log of an app's last reload (`extractor` may be told its time in `reloaded_at`); `None` when
    /// no task made that reload, or it left no log.
    pub(in crate::qlik) async fn script_log(
        &self,
        login: &Login,
        app_id: &str,
        reloaded_at: Option<i64>,
    ) -> Result<Option<String>, RestError> {
        let filter = format!("app.id eq {app_id}");
        let tasks: Vec<Value> =
            self.get_json(login, "/qrs/reloadtask/full", &[("filter", &filter)]).await?;
        let Some(run) = last_run(&tasks, reloaded_at) else { return Ok(None) };
        let Some(reference) = self.log_reference(login, &run).await? else { return Ok(None) };
        let path = format!("/qrs/download/reloadtask/{reference}/scriptlog.txt");
        let mut waits = WAITS.iter();
        loop {
            match self.whole(login, &path, &[]).await {
                Ok(answer) if answer.is_html() => return Ok(None),
                Ok(answer) => return Ok(Some(String::from_utf8_lossy(&answer.body).into_owned())),
                Err(RestError::Status { status: 404, .. }) => match waits.next() {
                    Some(wait) => tokio::time::sleep(*wait).await,
                    None => return Ok(None),
                },
                Err(error) => return Err(error),
            }
        }
    }

    /// The data connections that the user may see, in the shape of the engine's `GetConnections`.
    /// The answer holds user names and passwords; nothing but name, type and string is kept.
    pub(in crate::qlik) async fn data_connections(
        &self,
        login: &Login,
    ) -> Result<Vec<Value>, RestError> {
        let entries: Vec<Value> = self.get_json(login, "/qrs/dataconnection/full", &[]).await?;
        let kept = |entry: Value| {
            serde_json::json!({
                "qName": entry.get("name"),
                "qType": entry.get("type"),
                "qConnectionString": entry.get("connectionstring"),
            })
        };
        Ok(entries.into_iter().map(kept).collect())
    }

    /// The name under which a log is kept for download; newer versions know it by the execution,
    /// older ones by the file.
    async fn log_reference(
        &self,
        login: &Login,
        run: &TaskRun,
    ) -> Result<Option<String>, RestError> {
        let ways = [
            ("scriptlogfile", "executionResultId", run.execution.as_deref()),
            ("scriptlog", "fileReferenceId", run.file.as_deref()),
        ];
        for (way, key, id) in ways {
            let Some(id) = id else { continue };
            let path = format!("/qrs/reloadtask/{}/{way}", run.task);
            match self.ask(login, &path, (key, id)).await {
                Ok(answer) => {
                    if let Some(reference) = reference(&answer.body) {
                        return Ok(Some(reference));
                    }
                }
                Err(error) if error.class() == Class::NotFound => {}
                Err(RestError::Status { status: 400 | 405, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn ask(
        &self,
        login: &Login,
        path: &str,
        parameter: (&str, &str),
    ) -> Result<Answer, RestError> {
        let credentials = login.credentials().await.map_err(|error| RestError::Connection {
            what: path.to_owned(),
            reason: error.to_string(),
        })?;
        let mut headers = credentials.rest_headers();
        headers.insert(XRF_HEADER, HeaderValue::from_static(XRF_KEY));
        let query = [("xrfkey", XRF_KEY), parameter];
        let answer =
            self.http.get(path, &self.address.rest(path), &query, headers, self.limit).await?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(RestError::Status { what: path.to_owned(), status: answer.status })
        }
    }
}

/// The last execution of a reload task.
#[derive(Debug, PartialEq, Eq)]
struct TaskRun {
    task: String,
    execution: Option<String>,
    file: Option<String>,
}

/// The execution, of all tasks that reload an app, that made its last reload.
fn last_run(tasks: &[Value], reloaded_at: Option<i64>) -> Option<TaskRun> {
    let runs = tasks.iter().filter_map(|task| {
        let result = task.pointer("/operational/lastExecutionResult")?;
        let text = |key: &str| result.get(key).and_then(Value::as_str);
        let time = |key: &str| inventory::time(text(key));
        if result.get("scriptLogAvailable").and_then(Value::as_bool) == Some(false) {
            return None;
        }
        let (start, stop) = (time("startTime"), time("stopTime"));
        // The app was reloaded by somebody else since, or the task has not run to its end.
        let fits = reloaded_at.is_none_or(|at| {
            start.is_none_or(|start| start - TOLERANCE <= at)
                && stop.is_none_or(|stop| at <= stop + TOLERANCE)
        });
        let id = |key: &str| {
            let id = text(key).filter(|id| is_id(id) && !id.bytes().all(|b| b"0-".contains(&b)));
            id.map(str::to_owned)
        };
        let run = TaskRun {
            task: task.get("id").and_then(Value::as_str).filter(|id| is_id(id))?.to_owned(),
            execution: id("id"),
            file: id("fileReferenceID"),
        };
        fits.then_some((stop, run))
    });
    runs.max_by_key(|(stop, _)| *stop).map(|(_, run)| run)
}

/// `"guid"`, `guid` or `{"value": "guid"}`.
fn reference(body: &[u8]) -> Option<String> {
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(Value::String(text)) => text,
        Ok(value) => value.get("value")?.as_str()?.to_owned(),
        Err(_) => std::str::from_utf8(body).ok()?.trim().to_owned(),
    };
    is_id(&text).then_some(text)
}

/// Whether a text can stand in a path as it is.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn task(id: &str, start: &str, stop: &str, has_log: bool) -> Value {
        json!({"id": id, "operational": {"lastExecutionResult": {
            "id": format!("{id}-e"), "fileReferenceID": "00000000-0000-0000-0000-000000000000",
            "startTime": start, "stopTime": stop, "scriptLogAvailable": has_log,
        }}})
    }

    #[test]
    fn the_execution_of_the_last_reload_is_found() {
        let early = task("a", "2026-05-03T03:00:00.000Z", "2026-05-03T03:10:00.000Z", true);
        let late = task("b", "2026-05-04T03:00:00.000Z", "2026-05-04T03:10:00.000Z", true);
        let silent = task("c", "2026-05-04T03:00:00.000Z", "2026-05-04T03:12:00.000Z", false);
        let tasks = [early, late, silent, json!({}), json!(null)];
        let check = |reloaded_at: Option<&str>, expected: Option<&str>| {
            let run = last_run(&tasks, inventory::time(reloaded_at));
            assert_eq!(run.map(|run| run.task).as_deref(), expected, "{reloaded_at:?}");
        };
        check(None, Some("b"));
        check(Some("2026-05-04T03:09:58.000Z"), Some("b"));
        check(Some("2026-05-03T03:09:58.000Z"), Some("a"));
        check(Some("2026-05-04T12:00:00.000Z"), None);
        let run = last_run(&tasks, None).expect("a run");
        assert_eq!((run.execution.as_deref(), run.file), (Some("b-e"), None));
    }

    #[test]
    fn references_are_read_in_every_shape_and_never_change_the_path() {
        let check = |body: &str, expected: Option<&str>| {
            assert_eq!(reference(body.as_bytes()).as_deref(), expected, "{body}");
        };
        check("\"ab-1\"", Some("ab-1"));
        check("ab-1\r\n", Some("ab-1"));
        check("{\"value\": \"ab-1\"}", Some("ab-1"));
        check("{\"value\": \"../x\"}", None);
        check("<html>", None);
        check("", None);
    }
}
