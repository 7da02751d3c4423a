//! Whether what `loader.tables` names is in OpenMetadata.

use super::Api;
use crate::{
    commands::Line,
    config::TableMapping,
    sink::{Fatal, openmetadata::fqn},
};

const WHAT: &str = "tables";

/// A line for each entry.
pub(super) async fn check(api: &Api<'_>, tables: &[TableMapping]) -> Vec<Line> {
    let mut lines = Vec::new();
    for entry in tables {
        lines.push(match look(api, entry).await {
            Ok(found) => Line::ok(WHAT, format!("`{}` → {found}", entry.connection)),
            Err(fatal) => Line::failed(WHAT, fatal),
        });
    }
    lines
}

/// What an entry names, if all of it is there.
async fn look(api: &Api<'_>, entry: &TableMapping) -> Result<String, Fatal> {
    let named = |name: &Option<String>| name.clone().filter(|name| !name.contains('*'));
    let mut parts = vec![("database service", "services/databaseServices", entry.service.clone())];
    let database = named(&entry.database);
    let schema = database.is_some().then(|| named(&entry.schema)).flatten();
    parts.extend(database.map(|name| ("database", "databases", name)));
    parts.extend(schema.map(|name| ("schema", "databaseSchemas", name)));
    let mut names: Vec<&str> = Vec::new();
    let mut found = String::new();
    for (kind, path, name) in &parts {
        names.push(name);
        found = fqn::join(&names);
        if api.ask(&format!("{path}{}", fqn::path(&["name", &found]))).await?.is_none() {
            return Err(Fatal {
                message: format!(
                    "`{}` → {kind} `{found}` is not in OpenMetadata, so no table of this connection is found; correct the entry of `loader.tables` (names are case-sensitive), or ingest it",
                    entry.connection
                ),
                exit_code: 1,
            });
        }
    }
    let kind = parts.last().map_or("", |(kind, ..)| *kind);
    Ok(format!("{kind} `{found}` is there"))
}
