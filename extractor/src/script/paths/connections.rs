//! Data connections as the engine lists them (`GetConnections`).

use std::collections::HashMap;

use serde_json::Value;

/// The data connections that a user may use.
#[derive(Clone, Debug, Default)]
pub struct Connections {
    list: Vec<DataConnection>,
    /// Lower-case name → index; names without their owner too.
    names: HashMap<String, usize>,
}

/// A data connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataConnection {
    /// Name; on QSEoW often with its owner: `Sales (DOMAIN_user)`.
    pub name: String,
    /// `folder`, `internet`, `ODBC`, `OLEDB`, or a connector's program.
    pub kind: String,
    /// Connection string. May hold secrets: not for display.
    pub text: String,
}

impl Connections {
    /// Reads the engine's `GetConnections` reply, `{"qConnections": […]}`, or the list alone.
    /// What is not a connection is left out.
    #[must_use]
    pub fn from_reply(reply: &Value) -> Self {
        let list = reply.get("qConnections").unwrap_or(reply);
        let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
        Self::new(list.iter().filter_map(|each| {
            let text = |key: &str| each.get(key).and_then(Value::as_str).unwrap_or_default();
            let name = text("qName");
            (!name.is_empty()).then(|| DataConnection {
                name: name.to_owned(),
                kind: text("qType").to_owned(),
                text: text("qConnectionString").to_owned(),
            })
        }))
    }

    /// A list of connections.
    #[must_use]
    pub fn new(list: impl IntoIterator<Item = DataConnection>) -> Self {
        let list: Vec<DataConnection> = list.into_iter().collect();
        let mut names = HashMap::new();
        for (index, connection) in list.iter().enumerate() {
            names.entry(connection.name.to_lowercase()).or_insert(index);
        }
        // A full name counts more than another's name without its owner.
        for (index, connection) in list.iter().enumerate() {
            let short = without_owner(&connection.name).to_lowercase();
            names.entry(short).or_insert(index);
        }
        Self { list, names }
    }

    /// The connection of that name; letters' case and an owner suffix on either side do not count.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&DataConnection> {
        let name = name.trim();
        let index = self
            .names
            .get(&name.to_lowercase())
            .or_else(|| self.names.get(&without_owner(name).to_lowercase()))?;
        self.list.get(*index)
    }
}

impl DataConnection {
    /// Whether it stands for a folder of files.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.root().is_some()
    }

    /// The folder that the connection stands for.
    pub(super) fn root(&self) -> Option<String> {
        let text = self.text.trim().trim_matches('"');
        if self.kind.eq_ignore_ascii_case("folder") {
            return (!text.is_empty()).then(|| text.to_owned());
        }
        // `CUSTOM CONNECT TO "provider=qix-datafiles.exe;path=space:datafiles;"`
        if text.to_ascii_lowercase().contains("qix-datafiles") {
            let path = self.property("path")?;
            return Some(format!("datafiles:/{}", path.trim_end_matches(':')));
        }
        let is_path = super::starts_with_drive(text) || text.starts_with("\\\\");
        is_path.then(|| text.to_owned())
    }

    /// A property of the connection string (`key=value;`), whatever its case.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<String> {
        property(&self.text, key)
    }
}

/// A property of a connection string.
pub(crate) fn property(text: &str, key: &str) -> Option<String> {
    let inner = text.split_once(" TO ").map_or(text, |(_, rest)| rest);
    inner
        .trim()
        .trim_matches(['"', '\'', '[', ']'])
        .split(';')
        .filter_map(|part| part.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case(key))
        .map(|(_, value)| value.trim().trim_matches('"').to_owned())
        .filter(|value| !value.is_empty())
}

/// A name without an owner suffix ` (DOMAIN_user)`.
fn without_owner(name: &str) -> &str {
    match name.strip_suffix(')').and_then(|inner| inner.rsplit_once(" (")) {
        Some((short, owner)) if owner.contains('_') && !owner.contains(' ') => short,
        _ => name,
    }
}
