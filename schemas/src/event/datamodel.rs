use serde::{Deserialize, Serialize};

use super::Millis;
use crate::key;

/// A table of an app, an app's master items, or a data file. Schema `avro/datamodel.avsc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/datamodel.avsc")]
pub struct DataModel {
    pub service: String,
    pub app_id: Option<String>,
    pub observed_at: Millis,
    pub modified_at: Option<Millis>,
    pub kind: DataModelKind,
    pub table: Option<String>,
    pub file: Option<File>,
    pub fields: Vec<Field>,
    pub rows: Option<i64>,
    pub comment: Option<String>,
    pub statement: Option<String>,
}

impl DataModel {
    /// Key of the record.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.file {
            Some(file) => key::file(&self.service, &file.path),
            None => key::table(
                &self.service,
                self.app_id.as_deref().unwrap_or_default(),
                self.table.as_deref().unwrap_or_default(),
            ),
        }
    }

    /// Text whose hash is the partition: the app id, or the path of a file.
    #[must_use]
    pub fn partition_text(&self) -> &str {
        match &self.file {
            Some(file) => &file.path,
            None => self.app_id.as_deref().unwrap_or_default(),
        }
    }
}

/// What a data model is. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/datamodel.avsc")]
pub enum DataModelKind {
    #[default]
    Table,
    File,
    MasterItems,
}

/// A data file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/datamodel.avsc")]
pub struct File {
    pub path: String,
    pub format: Option<String>,
    pub connection: Option<String>,
}

/// A field of a table or file, or a master item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/datamodel.avsc")]
pub struct Field {
    pub name: String,
    pub data_type: DataType,
    pub qlik_tags: Vec<String>,
    pub key_type: Option<KeyType>,
    pub comment: Option<String>,
    pub distinct_values: Option<i64>,
    pub hidden: Option<bool>,
    pub expression: Option<String>,
}

/// Type of a field. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/datamodel.avsc")]
pub enum DataType {
    #[default]
    Unknown,
    String,
    Integer,
    Double,
    Date,
    Timestamp,
    Time,
    Interval,
    Boolean,
    Measure,
    Dimension,
}

/// Key role of a field. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/datamodel.avsc")]
pub enum KeyType {
    #[default]
    NotKey,
    AnyKey,
    PrimaryKey,
    PerfectKey,
}
