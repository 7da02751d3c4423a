//! The child that sends the same requests without thinking: the rate that HTTP and the server allow.

use std::{collections::HashMap, path::Path, time::Instant};

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Requests at a time, as the loader's default.
const AT_A_TIME: usize = 8;

/// A request of a load that was recorded.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) method: String,
    /// Path and query, as sent.
    pub(crate) path: String,
    pub(crate) body: String,
}

/// The recorded requests, and the qualified names of the ids in them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recording {
    pub(crate) requests: Vec<Recorded>,
    pub(crate) names: HashMap<String, String>,
}

/// Sends a recording to a fresh server; seconds.
pub(crate) async fn send(root: &str, token: &str, file: &Path) -> anyhow::Result<f64> {
    let text = std::fs::read(file).context("cannot read the recording")?;
    let Recording { requests, names } = serde_json::from_slice(&text)?;
    let http = reqwest::Client::new();
    let mut ids = HashMap::new();
    let mut seconds = 0.0;
    // What refers to something comes after it, as in the load: a new kind of request waits for the last.
    let kind = |request: &Recorded| {
        (request.method.clone(), request.path.split('/').take(5).collect::<Vec<_>>().join("/"))
    };
    for group in requests.chunk_by(|a, b| kind(a) == kind(b)) {
        let is_edge = group.iter().any(|request| request.path.contains("/lineage"));
        if is_edge && !group.iter().all(|request| translated(&request.path, &names, &ids).is_some())
        {
            ids = self::ids(&http, root, token).await?;
        }
        let ready: Vec<_> = group
            .iter()
            .map(|request| {
                let path = translated(&request.path, &names, &ids);
                let body = translated(&request.body, &names, &ids);
                let path = path.unwrap_or_else(|| request.path.clone());
                (&request.method, path, body.unwrap_or_else(|| request.body.clone()))
            })
            .collect();
        let begun = Instant::now();
        stream::iter(ready)
            .map(|(method, path, body)| {
                let request = http
                    .request(method.parse().unwrap_or_default(), format!("{root}{path}"))
                    .bearer_auth(token)
                    .header("content-type", "application/json")
                    .body(body);
                async move {
                    // The answer is read, as the loader does, and must be good where the recorded one was.
                    let answer = request.send().await?;
                    anyhow::ensure!(answer.status().as_u16() < 500, "{}", answer.status());
                    answer.bytes().await?;
                    Ok(())
                }
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        seconds += begun.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

/// A text with the ids of the recording replaced by those of this server; `None` when one is unknown.
fn translated(
    text: &str,
    names: &HashMap<String, String>,
    ids: &HashMap<String, String>,
) -> Option<String> {
    let mut result = text.to_owned();
    for (place, _) in text.match_indices('-').filter(|(place, _)| *place >= 8) {
        let Some(old) = text.get(place - 8..place + 28) else { continue };
        if let Some(name) = names.get(old) {
            result = result.replace(old, ids.get(name)?);
        }
    }
    Some(result)
}

/// Ids of the service's entities by qualified name.
async fn ids(
    http: &reqwest::Client,
    root: &str,
    token: &str,
) -> anyhow::Result<HashMap<String, String>> {
    let mut ids = HashMap::new();
    for kind in ["dashboards", "dashboard/datamodels"] {
        let url = format!("{root}/api/v1/{kind}?limit=1000000");
        let answer: Value = http.get(url).bearer_auth(token).send().await?.json().await?;
        for entity in answer.get("data").and_then(Value::as_array).into_iter().flatten() {
            let text = |name: &str| entity.get(name).and_then(Value::as_str).map(str::to_owned);
            if let (Some(id), Some(name)) = (text("id"), text("fullyQualifiedName")) {
                ids.insert(name, id);
            }
        }
    }
    Ok(ids)
}
