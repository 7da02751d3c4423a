//! Questions to the server's search engine, which may be down while everything else works (seen): then
//! the answer is "unknown", not "nothing", and the engine is left in peace for a while.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::client::{Call, Client, Failure, Wanted};

/// The search engine behind the server.
#[derive(Debug, Default)]
pub(super) struct Search {
    down_since: Mutex<Option<Instant>>,
}

/// How long it is not asked after a failure.
const PEACE: Duration = Duration::from_secs(60);
/// Tries of one question.
const TRIES: u32 = 2;

/// What is looked at of an answer: tables come with all their columns.
const WANTED: Wanted =
    &["hits", "_source", "fullyQualifiedName", "deleted", "id", "email", "isBot"];

impl Search {
    /// The documents found (`_source`), best first; `None` when the engine does not work.
    pub(super) async fn hits(
        &self,
        client: &Client,
        path: &str,
        query: Vec<(&'static str, String)>,
    ) -> Result<Option<Vec<Value>>, Failure> {
        if self.down_since().is_some_and(|since| since.elapsed() < PEACE) {
            return Ok(None);
        }
        let call = Call {
            server_error_tries: Some(TRIES),
            wanted: Some(WANTED),
            ..Call::get(path.to_owned(), query)
        };
        match client.send(&call).await {
            Ok(mut answer) => {
                self.set_down(false);
                let hits = match answer.body.pointer_mut("/hits/hits").map(Value::take) {
                    Some(Value::Array(hits)) => hits,
                    _ => Vec::new(),
                };
                Ok(Some(
                    hits.into_iter()
                        .filter_map(|mut hit| Some(hit.get_mut("_source")?.take()))
                        .collect(),
                ))
            }
            Err(Failure::Refused(message) | Failure::Missing(message)) => {
                if self.down_since().is_none() {
                    tracing::warn!(
                        %message,
                        "OpenMetadata's search does not work; tables and owners that only it could \
                         find stay unknown for now"
                    );
                }
                self.set_down(true);
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }

    fn down_since(&self) -> Option<Instant> {
        *self.down_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_down(&self, down: bool) {
        *self.down_since.lock().unwrap_or_else(PoisonError::into_inner) = down.then(Instant::now);
    }
}

/// A value with what Lucene's query syntax gives a meaning escaped.
pub(super) fn escaped(value: &str) -> String {
    value
        .chars()
        .flat_map(|c| ":\"()[]{}~*?\\^!/ ".contains(c).then_some('\\').into_iter().chain([c]))
        .collect()
}
