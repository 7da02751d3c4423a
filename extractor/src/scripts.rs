//! An app's load script through the script engine, with all that the site knows around it.

use std::{collections::HashSet, sync::Arc};

use schemas::event::Origin;
use serde_json::Value;
use tokio::sync::OnceCell;
use tracing::warn;

use crate::{
    config::Settings,
    includes::Includes,
    map::{AppNames, Read, reads},
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
    pub(crate) names: Arc<AppNames>,
    /// Files that scripts include.
    includes: Arc<Includes>,
    /// The site's data connections, in the shape of `GetConnections`; asked for with the first script.
    connections: OnceCell<Arc<[Value]>>,
}

/// A script as the engine understands it.
#[derive(Debug)]
pub(crate) struct Analysis {
    pub(crate) found: script::App,
    pub(crate) connections: Connections,
    /// What the statements were read from: the script, the data manager's model, or what the engine
    /// remembers of the last reload.
    pub(crate) origin: Origin,
}

/// Longest text that is made of the data manager's model or the engine's lineage.
const MAX_MODEL_TEXT: usize = 8 << 20;

impl Surroundings {
    /// With these apps and the included files that the settings name.
    pub(crate) fn of(names: Arc<AppNames>, settings: &Settings) -> Self {
        let includes = Arc::new(settings.includes.clone());
        Self { names, includes, connections: OnceCell::new() }
    }

    async fn connections(&self, site: &Site) -> Arc<[Value]> {
        let asked = self.connections.get_or_init(|| async {
            let mut seen = HashSet::new();
            let all = site.data_connections().await.into_iter();
            all.filter(|connection| seen.insert(connection.to_string())).collect()
        });
        asked.await.clone()
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
    let written = content.script.clone().filter(|text| !text.trim().is_empty());
    let (text, origin, log) = match written {
        Some(text) => (text, Origin::LoadScript, site.script_log(entry).await),
        // An app whose script may not be read, or was taken off, may still have the model that its
        // script was generated from, and the engine remembers what it read.
        None => match data_manager_script(&content.load_model) {
            Some(text) => (text, Origin::DataManager, None),
            None => match engine_script(&content.lineage) {
                Some(text) => (text, Origin::EngineLineage, None),
                None => (content.script.clone()?, Origin::LoadScript, None),
            },
        },
    };
    let id = entry.id.clone();
    // What the app's user may use, then what only the repository tells.
    let (own, of_site) = (content.connections.clone(), around.connections(site).await);
    let includes = around.includes.clone();
    let variables = content.variables.iter();
    let variables: Vec<(String, String)> =
        variables.map(|it| (it.name.clone(), it.definition.clone())).collect();
    let analysis = tokio::task::spawn_blocking(move || {
        let connections = own.into_iter().chain(of_site.iter().cloned()).collect();
        let connections = Connections::from_reply(&Value::Array(connections));
        let script = Script {
            name: &id,
            text: &text,
            log: log.as_deref().filter(|log| script::is_log_of(log, &text)),
            variables: &variables,
        };
        let includes = |path: &str| includes.text(path);
        let context = Context { includes: &includes, ..Context::new(&connections) };
        let found = script::analyse_one_with(&script, &context);
        Analysis { found, connections, origin }
    });
    match analysis.await {
        Ok(analysis) => Some(analysis),
        Err(error) => {
            warn!(app = entry.id, %error, "the analysis of a script was lost");
            None
        }
    }
}

/// The statements of the data manager's model (`LoadModel`) as a script; `None` when it has none.
fn data_manager_script(model: &Value) -> Option<String> {
    let mut script = String::new();
    for table in model.get("tables").and_then(Value::as_array).into_iter().flatten() {
        let text = |key: &str| {
            let text = table.get(key).and_then(Value::as_str).map(str::trim);
            text.filter(|text| !text.is_empty())
        };
        let name = text("tableAlias").or_else(|| text("tableName"));
        let statement = text("loadSelectStatement").or_else(|| text("selectStatement"));
        let (Some(name), Some(statement)) = (name, statement) else { continue };
        if let Some(connection) = text("dataconnectorName") {
            let space = text("dataconnectorPrefix").unwrap_or_default();
            script.push_str(&format!(
                "LIB CONNECT TO [{}];\n",
                quoted(&format!("{space}{connection}"))
            ));
        }
        script.push_str(&format!("[{}]:\n{};\n", quoted(name), without_end(statement)));
        if script.len() > MAX_MODEL_TEXT {
            break;
        }
    }
    (!script.is_empty()).then_some(script)
}

/// The reads of the engine's lineage (`GetLineage`) as a script, a table each; `None` when it names
/// none. What they were made into, the engine does not say.
fn engine_script(lineage: &[Value]) -> Option<String> {
    let mut script = String::new();
    for (index, read) in reads(lineage).enumerate() {
        let label = format!("[{}]:\n", index + 1);
        match read {
            Read::File(path) => {
                script.push_str(&format!("{label}NOCONCATENATE LOAD * FROM [{}];\n", quoted(path)));
            }
            Read::Statement { connection, text } => {
                if !connection.is_empty() {
                    // Older connections are told by their whole text.
                    let kind = if connection.contains('=') { "OLEDB" } else { "LIB" };
                    script.push_str(&format!("{kind} CONNECT TO [{}];\n", quoted(connection)));
                }
                script.push_str(&format!("{label}{};\n", without_end(text)));
            }
        }
        if script.len() > MAX_MODEL_TEXT {
            break;
        }
    }
    (!script.is_empty()).then_some(script)
}

/// A statement without the semicolons at its end.
fn without_end(statement: &str) -> &str {
    statement.trim_end_matches(|each: char| each == ';' || each.is_whitespace())
}

/// A name as it stands between brackets.
fn quoted(name: &str) -> String {
    name.replace(']', "]]")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{data_manager_script, engine_script};

    #[test]
    fn the_model_of_the_data_manager_becomes_a_script() {
        let model = json!({"tables": [
            {"dataconnectorName": "Dw", "dataconnectorPrefix": "Space:", "tableName": "t", "tableAlias": "A]b",
             "selectStatement": "SELECT x\nFROM t;\n"},
            {"tableName": "File", "selectStatement": "LOAD [id] FROM [lib://F/x.xlsx]\n(ooxml);\n"},
            {"tableName": "nothing"},
            5,
        ]});
        let expected = "LIB CONNECT TO [Space:Dw];\n[A]]b]:\nSELECT x\nFROM t;\n\
                        [File]:\nLOAD [id] FROM [lib://F/x.xlsx]\n(ooxml);\n";
        assert_eq!(data_manager_script(&model).as_deref(), Some(expected));
        assert_eq!(data_manager_script(&json!({"tables": null})), None);
        assert_eq!(data_manager_script(&json!(null)), None);
    }

    #[test]
    fn what_the_engine_remembers_becomes_a_script() {
        let entry = |discriminator: &str, statement: &str| json!({"qDiscriminator": discriminator, "qStatement": statement});
        let lineage = [
            entry("lib://Q/a]b.qvd", ""),
            entry("INLINE", ""),
            entry("STORE - [lib://Q/out.qvd] (qvd)", ""),
            entry("Dw", "LOAD *, now(1) as Ts;SQL SELECT * FROM t; "),
            entry("Provider=SQLOLEDB.1;Data Source=h", "SQL SELECT a FROM u"),
            entry("", "SQL SELECT b FROM v"),
        ];
        let expected = "[1]:\nNOCONCATENATE LOAD * FROM [lib://Q/a]]b.qvd];\n\
                        LIB CONNECT TO [Dw];\n[2]:\nLOAD *, now(1) as Ts;SQL SELECT * FROM t;\n\
                        OLEDB CONNECT TO [Provider=SQLOLEDB.1;Data Source=h];\n[3]:\nSQL SELECT a FROM u;\n\
                        [4]:\nSQL SELECT b FROM v;\n";
        assert_eq!(engine_script(&lineage).as_deref(), Some(expected));
        assert_eq!(engine_script(&lineage[1..3]), None);
    }
}
