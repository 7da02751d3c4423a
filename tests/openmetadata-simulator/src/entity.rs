//! Entities as they are kept.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use crate::json::Json;
use crate::kind::Kind;

/// A version: tenths, `1` is 0.1, `12` is 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32);

impl Version {
    pub(crate) const FIRST: Self = Self(1);

    /// After a compatible change.
    pub(crate) fn minor(self) -> Self {
        Self(self.0 + 1)
    }

    /// After an incompatible change (a column removed, a length reduced).
    pub(crate) fn major(self) -> Self {
        Self(self.0 + 10)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// An entity. Its place in the catalogue (listings, names) is kept by the store.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
    pub(crate) deleted: bool,
    pub(crate) version: Version,
    /// Milliseconds since 1970.
    pub(crate) updated_at: i64,
    pub(crate) updated_by: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) fqn: Arc<str>,
    pub(crate) display_name: Option<Box<str>>,
    pub(crate) description: Option<Box<str>>,
    /// Service, database, schema, classification or parent domain.
    pub(crate) parent: Option<Uuid>,
    /// Properties that are plain JSON, only those that are set; see [`Kind::plain`].
    pub(crate) plain: Vec<(&'static str, Json)>,
    /// Columns of tables and data models.
    pub(crate) columns: Vec<Column>,
    /// Of a dashboard.
    pub(crate) charts: Vec<Uuid>,
    /// Of a dashboard.
    pub(crate) data_models: Vec<Uuid>,
    /// Of a chart or data model: the dashboards that list it.
    pub(crate) dashboards: Vec<Uuid>,
    /// What few entities have.
    pub(crate) extras: Option<Box<Extras>>,
    /// What led to this version.
    pub(crate) change: Option<Box<Change>>,
    /// What the last write changed, without raising the version or with it.
    pub(crate) last_change: Option<Box<Change>>,
}

/// What few entities have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extras {
    pub(crate) owners: Vec<Uuid>,
    pub(crate) tags: Vec<Label>,
    pub(crate) domains: Vec<Uuid>,
    pub(crate) data_products: Vec<Uuid>,
    pub(crate) extension: Option<Json>,
    pub(crate) life_cycle: Option<Json>,
    pub(crate) certification: Option<Certification>,
}

/// The extras of an entity that has none.
static NONE: Extras = Extras {
    owners: Vec::new(),
    tags: Vec::new(),
    domains: Vec::new(),
    data_products: Vec::new(),
    extension: None,
    life_cycle: None,
    certification: None,
};

impl Entity {
    pub(crate) fn extras(&self) -> &Extras {
        self.extras.as_deref().unwrap_or(&NONE)
    }

    /// The plain property `name`.
    pub(crate) fn plain(&self, name: &str) -> Option<&Json> {
        self.plain.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub(crate) fn plain_text(&self, name: &str) -> Option<&str> {
        match self.plain(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn plain_flag(&self, name: &str) -> bool {
        matches!(self.plain(name), Some(Json::Bool(true)))
    }

    /// Whether a column, at any depth, has a name that breaks the server's FQN builder.
    pub(crate) fn is_poisoned(&self) -> bool {
        fn poisoned(columns: &[Column]) -> bool {
            columns.iter().any(|column| {
                (column.name.contains('"') && crate::fqn::quote(&column.name).is_err())
                    || column.children.as_deref().is_some_and(poisoned)
            })
        }
        poisoned(&self.columns)
    }
}

/// A tag on an entity or a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub(crate) fqn: Box<str>,
    pub(crate) source: &'static str,
    pub(crate) label_type: &'static str,
    pub(crate) state: &'static str,
}

/// `certification`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Certification {
    pub(crate) label: Label,
    pub(crate) applied: Option<i64>,
    pub(crate) expires: Option<i64>,
}

/// A column of a table or a data model.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Column {
    pub(crate) name: Box<str>,
    pub(crate) display_name: Option<Box<str>>,
    pub(crate) data_type: &'static str,
    pub(crate) array_data_type: Option<&'static str>,
    pub(crate) data_length: Option<i64>,
    pub(crate) precision: Option<i64>,
    pub(crate) scale: Option<i64>,
    pub(crate) data_type_display: Box<str>,
    pub(crate) description: Option<Box<str>>,
    /// `None` when none were given: old releases tell that apart from an empty list.
    pub(crate) tags: Option<Vec<Label>>,
    pub(crate) constraint: Option<&'static str>,
    pub(crate) ordinal_position: Option<i64>,
    pub(crate) json_schema: Option<Box<str>>,
    pub(crate) extension: Option<Json>,
    pub(crate) children: Option<Vec<Self>>,
}

impl Column {
    /// The FQN below `parent`. A name that cannot be quoted is taken as it is.
    pub(crate) fn fqn(&self, parent: &str) -> String {
        crate::fqn::join(parent, &self.name).unwrap_or_else(|_| format!("{parent}.{}", self.name))
    }
}

/// A change description: the names of the fields, not their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) previous: u32,
    pub(crate) added: Vec<Box<str>>,
    pub(crate) updated: Vec<Box<str>>,
    pub(crate) deleted: Vec<Box<str>>,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.updated.is_empty() && self.deleted.is_empty()
    }
}
