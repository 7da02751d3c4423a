//! What is remembered of the last reload by the engine (`GetLineage`) and by a tenant of Qlik Cloud
//! (reload metadata): files that were read and written, statements that were passed to databases.
//! The engine forgets sources of dropped tables, so this completes and checks the script, and never
//! stands against it.

use schemas::event::{Node, Origin, Resolution};
use serde_json::Value;

use super::{
    edges::{Edges, resolution},
    places::Places,
};
use crate::{
    map::json::{items, text},
    script::{self, Connections, DataConnection, glob},
};

/// The engine's lineage of an app.
#[derive(Debug, Default)]
pub(super) struct EngineLineage {
    /// Normalised paths that were read, sorted.
    pub(super) read: Vec<String>,
    /// Normalised paths that were stored, sorted.
    pub(super) stored: Vec<String>,
    /// Normalised path and text of each `STORE`.
    stores: Vec<(String, String)>,
}

/// Something that was read at the last reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read<'a> {
    /// A file.
    File(&'a str),
    /// What a statement asked a database for.
    Statement {
        /// Name of the connection, or its whole text; may be empty.
        connection: &'a str,
        /// The statement.
        text: &'a str,
    },
}

/// What was read from outside of the app, of the entries of `GetLineage`.
pub(crate) fn reads(entries: &[Value]) -> impl Iterator<Item = Read<'_>> {
    entries.iter().filter_map(|entry| {
        let (discriminator, statement) = parts(entry);
        if !statement.is_empty() {
            return Some(Read::Statement { connection: discriminator, text: statement });
        }
        let is_read = !discriminator.starts_with(STORE) && is_file(discriminator);
        is_read.then_some(Read::File(discriminator))
    })
}

/// Start of an entry that tells what was stored.
const STORE: &str = "STORE - ";

fn parts(entry: &Value) -> (&str, &str) {
    let part = |key: &str| text(entry, key).unwrap_or_default().trim();
    (part("qDiscriminator"), part("qStatement"))
}

/// What was read leads to the app as a whole, and the app to what it stored.
pub(super) fn add(
    edges: &mut Edges,
    app_id: &str,
    found: &script::App,
    places: &Places,
    engine: &EngineLineage,
) {
    let app = Node::dashboard(app_id);
    for used in found.tables.iter().flat_map(|table| &table.sources) {
        for node in places.nodes(used.source).0 {
            let Some(draft) = edges.of(&node, &app) else { continue };
            let how = resolution(used.resolution);
            draft.evidence(Origin::EngineLineage, how, &[], &used.statement);
        }
    }
    for (path, text) in &engine.stores {
        let Some(draft) = edges.of(&app, &Node::file(path)) else { continue };
        draft.evidence(Origin::EngineLineage, Resolution::Exact, &[], text);
    }
}

impl EngineLineage {
    /// Reads `qLineage`. Entries that name nothing outside of the app are left out.
    pub(super) fn of(entries: &[Value], connections: &Connections) -> Self {
        let mut lineage = Self::default();
        let normalise = |path: &str| connections.normalise(path).path;
        for entry in entries {
            if let (discriminator, "") = parts(entry)
                && let Some(target) = discriminator.strip_prefix(STORE)
            {
                let path = normalise(target_path(target));
                lineage.stored.push(path.clone());
                lineage.stores.push((path, format!("STORE INTO {target}")));
            }
        }
        lineage.read.extend(reads(entries).filter_map(|read| match read {
            Read::File(path) => Some(normalise(path)),
            Read::Statement { .. } => None,
        }));
        lineage.sorted()
    }

    /// The same with the statements of a reload (`{statements[{type, connection, tableName}]}`) as a
    /// tenant tells it. A file is named by its whole path in either member, or by connection and name.
    pub(super) fn with_reload(mut self, reload: &Value, connections: &Connections) -> Self {
        for statement in items(reload, "statements") {
            let named = |key: &str| text(statement, key).map(str::trim).unwrap_or_default();
            let (connection, table) = (named("connection"), named("tableName"));
            let path = match [connection, table].map(file_of) {
                [Some(path), _] | [_, Some(path)] if path.starts_with("lib://") => path.to_owned(),
                [Some(path), _] if table.is_empty() => path.to_owned(),
                [None, Some(file)]
                    if connections.find(connection).is_some_and(DataConnection::is_folder) =>
                {
                    format!("lib://{connection}/{file}")
                }
                _ => continue,
            };
            let path = connections.normalise(&path).path;
            match named("type").to_ascii_lowercase().as_str() {
                "store" => self.stored.push(path),
                _ => self.read.push(path),
            }
        }
        self.sorted()
    }

    fn sorted(mut self) -> Self {
        for paths in [&mut self.read, &mut self.stored] {
            paths.sort_unstable();
            paths.dedup();
        }
        self
    }

    /// Files that were read and that a path with wildcards or unresolved parts can mean.
    pub(super) fn read_as(&self, path: &str) -> Vec<&str> {
        meeting(&self.read, path)
    }

    /// Files that were stored and that such a path can mean.
    pub(super) fn stored_as(&self, path: &str) -> Vec<&str> {
        meeting(&self.stored, path)
    }
}

fn meeting<'p>(paths: &'p [String], path: &str) -> Vec<&'p str> {
    if glob::is_unresolved(path) && !glob::says_enough(path) {
        return Vec::new();
    }
    let prefix = glob::literal_prefix(path);
    let is_met = |known: &&str| known.starts_with(prefix) && glob::can_meet(path, known);
    paths.iter().map(String::as_str).filter(is_met).collect()
}

/// `[lib://X/y.qvd] (qvd)`: the path.
fn target_path(target: &str) -> &str {
    let target = target.trim();
    let quoted = |open: char, close: char| target.strip_prefix(open)?.split(close).next();
    quoted('[', ']')
        .or_else(|| quoted('"', '"'))
        .or_else(|| quoted('\'', '\''))
        .unwrap_or_else(|| target.rsplit_once(" (").map_or(target, |(path, _)| path))
        .trim()
}

/// The file that a name of reload metadata means, be it written as in the engine's lineage.
fn file_of(name: &str) -> Option<&str> {
    let name = name.strip_prefix("STORE - ").map_or(name, target_path);
    is_file(name).then_some(name)
}

/// Whether an entry without a statement is a file: not inline data, generated rows, a table of the
/// model, or a connection string.
fn is_file(discriminator: &str) -> bool {
    let upper = discriminator.to_ascii_uppercase();
    let inside = upper.is_empty()
        || upper == "INLINE"
        || upper.ends_with(".INLINE")
        || upper.starts_with("AUTOGENERATE")
        || upper.starts_with("RESIDENT ");
    let is_path = discriminator.contains(['/', '\\']) || discriminator.contains('.');
    !inside && is_path && !(discriminator.contains('=') && discriminator.contains(';'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_told_apart() {
        let entry = |discriminator: &str, statement: &str| json!({"qDiscriminator": discriminator, "qStatement": statement});
        let lineage = EngineLineage::of(
            &[
                entry("lib://Q/Sales_2024.qvd", ""),
                entry("lib://q/sales_2024.qvd", ""),
                entry("INLINE", ""),
                entry("C:\\x\\2b.inline", ""),
                entry("AUTOGENERATE(26)", ""),
                entry("RESIDENT Orders", ""),
                entry("STORE - [lib://Q/Out.qvd] (qvd)", ""),
                entry("STORE - lib://Q/out 2.csv (txt)", ""),
                entry("Provider=SQLOLEDB.1;Data Source=h.example", ""),
                entry("Dw", "SQL SELECT * FROM t"),
                json!({"qDiscriminator": 5}),
                json!(null),
            ],
            &Connections::default(),
        );
        assert_eq!(lineage.read, ["lib://q/sales_2024.qvd"]);
        assert_eq!(lineage.stored, ["lib://q/out 2.csv", "lib://q/out.qvd"]);
        assert_eq!(lineage.read_as("lib://q/sales_*.qvd"), ["lib://q/sales_2024.qvd"]);
        assert_eq!(lineage.read_as("lib://q/sales_$(vyear).qvd"), ["lib://q/sales_2024.qvd"]);
        assert!(lineage.read_as("lib://q/$(v).qvd").is_empty());
        assert!(lineage.read_as("lib://q/stock_*.qvd").is_empty());
    }
}
