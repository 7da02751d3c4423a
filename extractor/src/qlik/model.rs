//! What the client hands over: Qlik's own shapes where mapping needs all of them, typed where not.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the site's lists (engine doc list, QRS, Qlik Cloud items) say of an app without opening it.
/// Times are milliseconds since the epoch; Qlik's null date (1753-01-01) is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppEntry {
    /// App id.
    pub id: String,
    /// Name.
    pub title: String,
    /// Description, not empty.
    pub description: Option<String>,
    /// Whether it is published; `None` when no list says so.
    pub published: Option<bool>,
    /// Stream or space: id and name.
    pub project: Option<(Option<String>, String)>,
    /// Whether everything that only the repository (or the tenant) tells was read: owner, tags and
    /// custom properties. When not, their absence here says nothing.
    pub described: bool,
    /// Owner (QRS or Cloud only).
    pub owner: Option<Owner>,
    /// Names of tags (QRS only).
    pub tags: Vec<String>,
    /// Custom properties, name and value (QRS only).
    pub custom_properties: Vec<(String, String)>,
    /// When it was created.
    pub created_at: Option<i64>,
    /// When it was last changed.
    pub modified_at: Option<i64>,
    /// When it was published.
    pub published_at: Option<i64>,
    /// When it was last reloaded.
    pub last_reload_at: Option<i64>,
    /// Size of the app file in bytes.
    pub size_bytes: Option<i64>,
    /// Whether it has section access.
    pub has_section_access: Option<bool>,
}

/// Owner of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// User id within the directory.
    pub id: Option<String>,
    /// User directory.
    pub directory: Option<String>,
    /// Display name.
    pub name: Option<String>,
    /// E-mail address.
    pub email: Option<String>,
}

/// The site's apps.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AppList {
    /// Apps that the configured user sees.
    pub apps: Vec<AppEntry>,
    /// Whether the list was read whole. Deletions may be concluded only then.
    pub complete: bool,
    /// Whether owners, tags and custom properties were read. When not, their absence says nothing.
    pub repository_read: bool,
    /// What could not be read (QRS refused, say), for the report.
    pub notices: Vec<String>,
}

/// What was read of one app.
#[derive(Clone, Debug, Default)]
pub struct AppContent {
    /// `qLayout` of `GetAppLayout`; `Null` when it failed.
    pub layout: Value,
    /// `GetFullPropertyTree` results (`{qProperty, qChildren}`) of every sheet and masterobject.
    pub objects: Vec<Value>,
    /// `qMeta` of app-level objects by id (published, approved, modifiedDate), where a list gave it.
    pub object_meta: BTreeMap<String, Value>,
    /// `GetProperties` results of master measures (`{qInfo, qMeasure, qMetaDef}`).
    pub measures: Vec<Value>,
    /// `GetProperties` results of master dimensions (`{qInfo, qDim, qMetaDef}`).
    pub dimensions: Vec<Value>,
    /// Variables: name and definition.
    pub variables: Vec<Variable>,
    /// Load script; `None` when it may not be read.
    pub script: Option<String>,
    /// The data model.
    pub data_model: DataModelSource,
    /// `qConnections` of `GetConnections` (name, type, connection string); empty when not allowed.
    pub connections: Vec<Value>,
    /// `qLineage` of `GetLineage`; empty when not allowed.
    pub lineage: Vec<Value>,
    /// The last reload as a tenant of Qlik Cloud tells it (`{reloadId, statements[{type, connection,
    /// tableName, …}], includeFiles[]}`); `Null` elsewhere.
    pub reload: Value,
    /// The `LoadModel` object's properties; `Null` when the app has none.
    pub load_model: Value,
    /// Objects that exist and could not be read: what was published of them must stay as it is.
    pub unreadable: Vec<UnreadableObject>,
    /// Parts that could not be read and why; the app is complete but for these.
    pub notices: Vec<String>,
}

/// An object that exists and could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadableObject {
    /// Object id.
    pub id: String,
    /// Type: `sheet`, `masterobject`, `measure` or `dimension`.
    pub kind: &'static str,
    /// Why.
    pub reason: String,
}

/// A variable of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Definition as written.
    pub definition: String,
}

/// The data model of an app as it was read before. Without REST the app is not opened with its data for
/// it again while its reload time is this.
#[derive(Clone, Debug, PartialEq)]
pub struct KnownTables {
    /// Reload time that the data model is of.
    pub reloaded_at: i64,
    /// As `GetTablesAndKeys` would reply.
    pub reply: Value,
}

/// Where the data model comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DataModelSource {
    /// Nothing: the app was never reloaded.
    #[default]
    Absent,
    /// Reply of REST `data/metadata`.
    Metadata(Value),
    /// Reply of `GetTablesAndKeys` (`{qtr, qk}`) on the app opened with data.
    TablesAndKeys(Value),
    /// There is one, and it could not be read: what was published of it must stay as it is.
    Unreadable {
        /// Why.
        reason: String,
        /// Whether it may work at another time (the server was busy, say); then the app should be read
        /// again although neither its modification nor its reload time moves.
        transient: bool,
    },
}
