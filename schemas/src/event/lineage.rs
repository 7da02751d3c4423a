use serde::{Deserialize, Serialize};

use super::Millis;
use crate::hash;

/// An edge along which data flows. Schema `avro/lineage.avsc`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/lineage.avsc")]
pub struct Lineage {
    pub service: String,
    pub app_id: String,
    pub observed_at: Millis,
    pub modified_at: Option<Millis>,
    pub from: Node,
    pub to: Node,
    pub columns: Vec<ColumnLineage>,
    pub origin: Origin,
    pub resolution: Resolution,
    pub via: Vec<String>,
    pub statement: Option<String>,
}

impl Lineage {
    /// The ends as the `edge` header of a tombstone carries them: `{"from":…,"to":…}`.
    #[must_use]
    pub fn edge_json(&self) -> String {
        serde_json::json!({"from": self.from, "to": self.to}).to_string()
    }

    /// Stable hash of `from` and `to`: 32 hex digits, last part of the key.
    #[must_use]
    pub fn edge_hash(&self) -> String {
        hash::of_json(&serde_json::json!({"from": self.from, "to": self.to}))
    }
}

/// One end of an edge.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node {
    /// A data file.
    DataFile(node::DataFile),
    /// A table of an app, or its master items.
    DataModel(node::DataModel),
    /// A visualization.
    Chart(node::Chart),
    /// An app.
    Dashboard(node::Dashboard),
    /// A table of a database. Last, as in the Avro union: resolution takes the first record that a
    /// value fits, and this one's optional members would take in an app's table.
    DatabaseTable(node::DatabaseTable),
}

impl Node {
    /// A table of an app, or its [`MASTER_ITEMS`](crate::key::MASTER_ITEMS).
    #[must_use]
    pub fn data_model(app_id: &str, table: &str) -> Self {
        Self::DataModel(node::DataModel { app_id: app_id.to_owned(), table: table.to_owned() })
    }

    /// A visualization.
    #[must_use]
    pub fn chart(app_id: &str, object_id: &str) -> Self {
        Self::Chart(node::Chart { app_id: app_id.to_owned(), object_id: object_id.to_owned() })
    }

    /// An app.
    #[must_use]
    pub fn dashboard(app_id: &str) -> Self {
        Self::Dashboard(node::Dashboard { app_id: app_id.to_owned() })
    }

    /// A data file.
    #[must_use]
    pub fn file(path: &str) -> Self {
        Self::DataFile(node::DataFile { path: path.to_owned() })
    }
}

/// The kinds of ends (Avro namespace `qlik.metadata.node`). Unknown members are refused because
/// the kinds are told apart by their members alone.
#[expect(missing_docs, reason = "documented in avro/lineage.avsc")]
pub mod node {
    use serde::{Deserialize, Serialize};

    /// A table of a database.
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
    )]
    #[serde(deny_unknown_fields)]
    pub struct DatabaseTable {
        pub connection: Option<String>,
        pub dialect: Option<String>,
        pub host: Option<String>,
        pub port: Option<i32>,
        pub database: Option<String>,
        pub schema: Option<String>,
        pub table: String,
    }

    /// A data file.
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
    )]
    #[serde(deny_unknown_fields)]
    pub struct DataFile {
        pub path: String,
    }

    /// A table of an app, or its master items.
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
    )]
    #[serde(deny_unknown_fields)]
    pub struct DataModel {
        pub app_id: String,
        pub table: String,
    }

    /// A visualization.
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
    )]
    #[serde(deny_unknown_fields)]
    pub struct Chart {
        pub app_id: String,
        pub object_id: String,
    }

    /// An app.
    #[derive(
        Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
    )]
    #[serde(deny_unknown_fields)]
    pub struct Dashboard {
        pub app_id: String,
    }
}

/// How values of one column come about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/lineage.avsc")]
pub struct ColumnLineage {
    pub from_columns: Vec<String>,
    pub to_column: Option<String>,
    pub expression: Option<String>,
}

/// What an edge was read from. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/lineage.avsc")]
pub enum Origin {
    #[default]
    LoadScript,
    ScriptLog,
    EngineLineage,
    DataManager,
    ObjectProperties,
}

impl Origin {
    /// The Avro symbol.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoadScript => "LOAD_SCRIPT",
            Self::ScriptLog => "SCRIPT_LOG",
            Self::EngineLineage => "ENGINE_LINEAGE",
            Self::DataManager => "DATA_MANAGER",
            Self::ObjectProperties => "OBJECT_PROPERTIES",
        }
    }
}

/// How sure an edge is. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/lineage.avsc")]
pub enum Resolution {
    #[default]
    Exact,
    Expanded,
    Fallback,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_told_apart_by_their_members() {
        let ends = [
            Node::DatabaseTable(node::DatabaseTable { table: "t".into(), ..Default::default() }),
            Node::file("x.qvd"),
            Node::data_model("a", "t"),
            Node::chart("a", "o"),
            Node::dashboard("a"),
        ];
        for end in ends {
            let json = serde_json::to_value(&end).expect("plain data");
            assert_eq!(serde_json::from_value::<Node>(json).expect("same data"), end);
        }
    }
}
