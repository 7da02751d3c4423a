//! App bundles: one JSON file is one app.
//!
//! The shape is `{app, objects[], measures[], dimensions[], variables[], script, data_metadata}`:
//! `objects` are `GetFullPropertyTree` results (`{qProperty, qChildren[]}`) of sheets, masterobjects,
//! appprops and LoadModel; `measures` and `dimensions` are `GetProperties` results; `data_metadata`
//! is the reply of REST `data/metadata`, or null for an app that was never reloaded. What the site
//! and not the app file knows (stream, owner, tags, connections, …) is in the optional key `site`,
//! see [`SiteKeys`]. Everything is optional; unknown keys outside of `site` are ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One app as its file has it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Bundle {
    /// Stem of the file name; the app's id is derived from it unless `site.id` is there.
    #[serde(skip)]
    pub name: String,
    /// `GetAppProperties`: `qTitle`, `qLastReloadTime`, `qThumbnail`, description, …
    pub app: Map<String, Value>,
    /// Property trees of the app's objects.
    pub objects: Vec<Value>,
    /// Properties of master measures.
    pub measures: Vec<Value>,
    /// Properties of master dimensions.
    pub dimensions: Vec<Value>,
    /// Variables: `{qValue, qIsScriptCreated, qProperties: {qInfo, qName, qDefinition, …}}`.
    pub variables: Vec<Value>,
    /// Properties of bookmarks.
    pub bookmarks: Vec<Value>,
    /// Load script.
    pub script: String,
    /// Reply of REST `data/metadata`.
    pub data_metadata: Option<Value>,
    /// What the site knows of the app.
    pub site: SiteKeys,
}

/// What the site and not the app file knows of an app.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteKeys {
    /// App id; derived from the file name when absent.
    pub id: Option<String>,
    /// Title instead of `app.qTitle`; of use in [`SiteKeys::copies`].
    pub title: Option<String>,
    /// Name of the stream that the app is published to; absent: not published.
    pub stream: Option<String>,
    /// On Qlik Cloud the type of the space that `stream` names: `managed` (the default), `shared` or
    /// `data`. Apps are published in managed spaces only; without `stream` they are in a personal one.
    pub space_type: Option<String>,
    /// Owner; absent: a user `sa_repository` of `INTERNAL`.
    pub owner: Option<Person>,
    /// Tags by name.
    pub tags: Vec<String>,
    /// Custom properties by name, each with its values.
    pub custom_properties: BTreeMap<String, Vec<String>>,
    /// When the app was created (ISO); default `app.createdDate`, else a fixed date.
    pub created_date: Option<String>,
    /// When it was last changed (ISO); default `app.modifiedDate`, else its reload time.
    pub modified_date: Option<String>,
    /// When it was published (ISO); default its modification time.
    pub publish_time: Option<String>,
    /// When it was last reloaded (ISO); default `app.qLastReloadTime`.
    pub last_reload_time: Option<String>,
    /// On Qlik Cloud: when a reload after the last one that succeeded failed (ISO).
    pub failed_reload_time: Option<String>,
    /// Size of the app file in bytes; default from `data_metadata.static_byte_size`.
    pub file_size: Option<u64>,
    /// Data connections; the site has those of all its apps together.
    pub connections: Vec<Connection>,
    /// What `GetLineage` answers.
    pub lineage: Vec<LineageEntry>,
    /// Whether the script has section access.
    pub section_access: bool,
    /// Whom section access refuses the data: `DIRECTORY\user`, or `*` for everybody.
    pub denied_with_data: Vec<String>,
    /// What `GetTablesAndKeys` answers (`{qtr, qk}`); derived from `data_metadata` when absent.
    pub tables_and_keys: Option<Value>,
    /// What `GetFieldsFromExpression` answers, by expression; for others the fields whose names it has.
    pub fields_of_expressions: BTreeMap<String, Vec<String>>,
    /// Log of the last reload; the app's reload task offers it.
    pub script_log: Option<String>,
    /// What differs per sheet from its app: approved, published, owner.
    pub sheets: BTreeMap<String, SheetKeys>,
    /// Copies of the app: the same content under another id. Each is an object of these same keys,
    /// laid over those of the original (`id` and `title` at least).
    pub copies: Vec<Map<String, Value>>,
}

/// What the site knows of a sheet.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SheetKeys {
    /// Whether it belongs to the app as it was published; default as the app.
    pub approved: Option<bool>,
    /// Whether others see it; default as the app.
    pub published: Option<bool>,
    /// Owner; default the app's.
    pub owner: Option<Person>,
}

/// A user of the site.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Person {
    /// User directory.
    pub directory: String,
    /// User id within the directory.
    pub id: String,
    /// Display name; default the id.
    pub name: Option<String>,
    /// E-mail address, in the repository an attribute `Email` of the user.
    pub email: Option<String>,
}

impl Person {
    /// A user without name and address.
    pub fn new(directory: impl Into<String>, id: impl Into<String>) -> Self {
        Self { directory: directory.into(), id: id.into(), name: None, email: None }
    }

    /// `DIRECTORY\user`.
    pub fn account(&self) -> String {
        format!("{}\\{}", self.directory, self.id)
    }

    pub(crate) fn display_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

/// A data connection.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Connection {
    /// Name, as `LIB CONNECT TO` and `lib://` use it.
    pub name: String,
    /// `folder`, `internet`, `ODBC`, `OLEDB`, or a connector's program (`QvOdbcConnectorPackage.exe`).
    pub r#type: String,
    /// Connection string; may hold secrets, as real ones do.
    pub connection_string: String,
    /// User name, which the repository (not the engine) gives away.
    pub username: String,
    /// Password, which the repository (not the engine) gives away.
    pub password: String,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("name", &self.name)
            .field("type", &self.r#type)
            .finish_non_exhaustive()
    }
}

/// An entry of `GetLineage`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineageEntry {
    /// Where the data came from or went to.
    pub discriminator: String,
    /// The statement.
    pub statement: String,
}

/// Why bundles could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file or folder could not be read.
    #[error("read the app bundle(s) at `{}`", path.display())]
    Read {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        #[source]
        source: std::io::Error,
    },
    /// A file is not a bundle.
    #[error("parse the app bundle `{name}`")]
    Parse {
        /// File or name.
        name: String,
        /// Cause with its place.
        #[source]
        source: serde_json::Error,
    },
    /// A copy's keys are not site keys.
    #[error("read `site.copies[{index}]` of the app bundle `{name}`")]
    Copy {
        /// File or name.
        name: String,
        /// Position of the copy.
        index: usize,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
}

impl Bundle {
    /// Reads a bundle from JSON text; `name` stands for the stem of its file.
    pub fn from_json(name: &str, text: &str) -> Result<Self, BundleError> {
        let failed = |source| BundleError::Parse { name: name.to_owned(), source };
        if !text.trim_start().starts_with('{') {
            // A list would pass for the members in their order.
            return Err(failed(serde::de::Error::custom("a bundle is an object")));
        }
        let mut bundle: Self = serde_json::from_str(text).map_err(failed)?;
        bundle.name = name.to_owned();
        bundle.copy_keys()?;
        Ok(bundle)
    }

    /// Reads one bundle file.
    pub fn load_file(path: &Path) -> Result<Self, BundleError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| BundleError::Read { path: path.to_owned(), source })?;
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        Self::from_json(&name, text.trim_start_matches('\u{feff}'))
    }

    /// Reads every `*.json` of a folder, in the order of their names.
    pub fn load_folder(path: &Path) -> Result<Vec<Self>, BundleError> {
        let failed = |source| BundleError::Read { path: path.to_owned(), source };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            if file.extension().is_some_and(|extension| extension == "json") {
                files.push(file);
            }
        }
        files.sort();
        files.iter().map(|file| Self::load_file(file)).collect()
    }

    /// The app's id: as given, else a GUID derived from the bundle's name.
    pub fn id(&self) -> String {
        self.site.id.clone().unwrap_or_else(|| derived_id("app", &self.name))
    }

    /// The app's title.
    pub fn title(&self) -> String {
        let own = || self.app.get("qTitle").and_then(Value::as_str).map(str::to_owned);
        self.site.title.clone().or_else(own).unwrap_or_else(|| self.name.clone())
    }

    /// The site keys of the app's copies, each complete.
    pub(crate) fn copy_keys(&self) -> Result<Vec<SiteKeys>, BundleError> {
        let mut all = Vec::with_capacity(self.site.copies.len());
        for (index, copy) in self.site.copies.iter().enumerate() {
            let failed = |source| BundleError::Copy { name: self.name.clone(), index, source };
            let original = SiteKeys { copies: Vec::new(), id: None, ..self.site.clone() };
            let mut keys = serde_json::to_value(original).map_err(failed)?;
            if let Value::Object(keys) = &mut keys {
                keys.extend(copy.clone());
            }
            let mut keys: SiteKeys = serde_json::from_value(keys).map_err(failed)?;
            let position = format!("{}/{index}", self.name);
            keys.id.get_or_insert_with(|| derived_id("app", &position));
            all.push(keys);
        }
        Ok(all)
    }
}

/// A GUID that is the same for the same kind and name in every run.
pub(crate) fn derived_id(kind: &str, name: &str) -> String {
    let text = format!("qlik-simulator/{kind}/{name}");
    uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}
