//! An app's load script through the script engine, with all that the site knows around it.

use serde_json::Value;
use tracing::warn;

use crate::{
    map::AppNames,
    qlik::{
        Site,
        model::{AppContent, AppEntry},
    },
    script::{self, Connections, Context, Script},
};

/// What the scripts of a run are analysed with, beside their own app.
#[derive(Debug, Default)]
pub(crate) struct Surroundings {
    /// The apps that `BINARY` may mean.
    pub(crate) names: AppNames,
    /// The site's data connections, in the shape of `GetConnections`.
    connections: Vec<Value>,
}

/// A script as the engine understands it.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) found: script::App,
    pub(crate) connections: Connections,
}

impl Surroundings {
    /// Of a site with these apps.
    pub(crate) async fn of(site: &Site, apps: &[AppEntry]) -> Self {
        let names = AppNames::new(apps.iter().map(|app| (app.id.as_str(), app.title.as_str())));
        Self { names, connections: site.data_connections().await }
    }
}

/// Analyses an app's script away from the threads that serve connections; `None` when there is none
/// to read, or the engine failed.
pub(crate) async fn analyse(
    site: &Site,
    entry: &AppEntry,
    content: &AppContent,
    around: &Surroundings,
) -> Option<Analysis> {
    let text = content.script.clone()?;
    let log = site.script_log(entry).await;
    let id = entry.id.clone();
    // What the app's user may use, then what only the repository tells.
    let connections = content.connections.iter().chain(&around.connections).cloned();
    let connections = Value::Array(connections.collect());
    let variables = content.variables.iter();
    let variables: Vec<(String, String)> =
        variables.map(|it| (it.name.clone(), it.definition.clone())).collect();
    let analysis = tokio::task::spawn_blocking(move || {
        let connections = Connections::from_reply(&connections);
        let script = Script {
            name: &id,
            text: &text,
            log: log.as_deref().filter(|log| script::is_log_of(log, &text)),
            variables: &variables,
        };
        let found = script::analyse_one_with(&script, &Context::new(&connections));
        Analysis { found, connections }
    });
    match analysis.await {
        Ok(analysis) => Some(analysis),
        Err(error) => {
            warn!(app = entry.id, %error, "the analysis of a script was lost");
            None
        }
    }
}
