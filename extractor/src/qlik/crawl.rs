//! One app's objects, read by their properties, so that no data need be loaded.
//!
//! ```text
//! OpenDoc ─┬─ GetAllInfos ── GetObject ── GetFullPropertyTree      for each sheet, masterobject
//!          │              └─ GetMeasure | GetDimension ── GetProperties   for each master item
//!          └─ GetAppLayout, script, variables, lists, connections, …
//! ```
//!
//! Everything is pipelined: four round trips, whatever the app's size. The children of a sheet come from
//! its property tree; the layout's `qChildList` exists only where a sheet asks for it.
//!
//! What is read is kept in [`Progress`], so that a lost connection costs only what was under way.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use serde_json::json;

use super::call_error::CallError;
use super::class::Class;
use super::engine::Doc;
use super::progress::{Kind, Outcome, Progress, Task};

/// Why an app's objects could not be read as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrawlError {
    /// A request failed that the app cannot do without.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An object that the user is shown may not be read, so what it holds is unknown.
    #[error("the {kind} `{id}` is listed for the user, but may not be read")]
    ObjectDenied {
        /// Type.
        kind: &'static str,
        /// Object id.
        id: String,
        /// The engine's answer.
        #[source]
        error: CallError,
    },
    /// The app is open in another mode than was asked for: the session is not only ours.
    #[error("the engine opened the app in another mode than was asked for")]
    OtherMode,
}

impl CrawlError {
    /// What can be done about it.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Call(error) => error.class(),
            Self::ObjectDenied { .. } => Class::Denied,
            Self::OtherMode => Class::Reconnect,
        }
    }
}

/// Reads what `progress` does not have yet.
pub(super) async fn crawl(doc: Doc<'_>, progress: &mut Progress) -> Result<(), CrawlError> {
    let mut running: FuturesUnordered<_> =
        progress.missing().into_iter().map(|task| run(doc, task)).collect();
    let mut lost = None;
    while let Some((task, result)) = running.next().await {
        match progress.store(task, result) {
            Ok(more) => running.extend(more.into_iter().map(|task| run(doc, task))),
            // When the session is gone, the rest ends at once too, and what had arrived is kept.
            Err(error @ CrawlError::Call(CallError::Session { .. })) => lost = Some(error),
            Err(error) => return Err(error),
        }
    }
    lost.map_or(Ok(()), Err)
}

async fn run(doc: Doc<'_>, task: Task) -> (Task, Result<Outcome, CallError>) {
    let result = ask(doc, &task).await;
    (task, result)
}

async fn ask(doc: Doc<'_>, task: &Task) -> Result<Outcome, CallError> {
    Ok(match task {
        Task::Layout => Outcome::One(doc.app_layout().await?),
        Task::Infos => Outcome::Many(doc.all_infos().await?),
        Task::Variables => {
            let properties = json!({
                "qInfo": {"qType": "VariableList"},
                "qVariableListDef": {
                    "qType": "variable", "qShowReserved": false, "qShowConfig": false, "qData": {}
                }
            });
            Outcome::Many(doc.list(properties, "/qVariableList/qItems").await?)
        }
        Task::List(kind) => {
            let properties = json!({
                "qInfo": {"qType": "ObjectList"},
                "qAppObjectListDef": {"qType": kind.name(), "qData": {}}
            });
            Outcome::Many(doc.list(properties, "/qAppObjectList/qItems").await?)
        }
        Task::Script => Outcome::Script(script(doc).await?),
        Task::Connections => Outcome::Many(doc.connections().await?),
        Task::Lineage => Outcome::Many(doc.lineage().await?),
        // Apps whose script was written by hand have none.
        Task::LoadModel => match doc.object("LoadModel").await {
            Ok(Some(handle)) => Outcome::One(doc.properties(handle).await?),
            Ok(None) => Outcome::Nothing,
            Err(error) if error.class() == Class::NotFound => Outcome::Nothing,
            Err(error) => return Err(error),
        },
        Task::Item((kind, id)) => {
            let handle = match kind {
                Kind::Sheet | Kind::MasterObject => doc.object(id).await?,
                Kind::Measure => doc.measure(id).await?,
                Kind::Dimension => doc.dimension(id).await?,
            };
            match (handle, kind) {
                (None, _) => Outcome::Nothing,
                (Some(handle), Kind::Sheet | Kind::MasterObject) => {
                    Outcome::One(doc.property_tree(handle).await?)
                }
                (Some(handle), Kind::Measure | Kind::Dimension) => {
                    Outcome::One(doc.properties(handle).await?)
                }
            }
        }
    })
}

/// The script by whichever method the user may use.
async fn script(doc: Doc<'_>) -> Result<Result<String, CallError>, CallError> {
    let refused = match doc.script().await {
        Ok(script) => return Ok(Ok(script)),
        Err(error) if error.is_answer() => error,
        Err(error) => return Err(error),
    };
    match doc.script_ex().await {
        Ok(script) => Ok(Ok(script)),
        Err(error) if error.is_answer() => Ok(Err(refused)),
        Err(error) => Err(error),
    }
}
