//! What the analysis of one app's script says.

use std::borrow::Cow;
use std::sync::Arc;

/// The lineage of one app.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct App {
    /// Tables of the data model as the script leaves it; mapping tables, section access and
    /// dropped tables are none. In order of creation.
    pub tables: Vec<Table>,
    /// Files that the script stores.
    pub stores: Vec<Store>,
    /// External sources that the above refer to by index.
    pub sources: Vec<Source>,
    /// Every reference to a source and what became of it, in script order.
    pub references: Vec<Reference>,
    /// What was not understood or could not be resolved; failures are those that are problems.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether the script has a section access.
    pub has_section_access: bool,
    /// Fields that `DERIVE FIELDS` adds to the model, such as `Date.autoCalendar.Year`: they
    /// belong to no table's field list.
    pub derived_fields: Vec<DerivedField>,
}

/// A table of the data model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Name; `*` for the unknown tables that `BINARY` brings in.
    pub name: String,
    /// Fields in load order; the name `*` stands for those that a source has but nobody names.
    pub fields: Vec<Field>,
    /// External sources whose data flows in.
    pub sources: Vec<SourceUse>,
    /// Statements that made it, expanded, secrets masked; the first ones where there are many.
    pub statements: Vec<String>,
    /// `COMMENT TABLE`.
    pub comment: Option<String>,
    /// Whether a condition that only the reload decides may leave the table out.
    pub conditional: bool,
}

/// A field of a table or stored file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Field {
    /// Name, case-sensitive.
    pub name: String,
    /// The ways in which values come into it; empty when none come from outside.
    pub flows: Vec<Flow>,
    /// `COMMENT FIELD`.
    pub comment: Option<String>,
}

/// One way in which values come into a field.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flow {
    /// External columns, each once.
    pub origins: Vec<Origin>,
    /// Last expression on the way; `None` when values are taken as they are.
    pub expression: Option<String>,
    /// Temporary tables on the way.
    pub via: Vec<String>,
    /// How sure it is.
    pub resolution: Resolution,
}

/// A column of an external source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin {
    /// Index into [`App::sources`].
    pub source: usize,
    /// Table within an app that `BINARY` brought in.
    pub table: Option<String>,
    /// Column; `*` for all that are not named.
    pub column: String,
}

/// How a table or file uses a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceUse {
    /// Index into [`App::sources`].
    pub source: usize,
    /// Statement that reads it, expanded, secrets masked; shared by all sources of one statement.
    pub statement: Arc<str>,
    /// Its line in the script.
    pub line: u32,
    /// Temporary tables on the way.
    pub via: Vec<String>,
    /// How sure it is.
    pub resolution: Resolution,
    /// What says so.
    pub evidence: Evidence,
}

/// A file that the script writes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// Path as the script writes it, variables expanded, below what `DIRECTORY` set.
    pub path: String,
    /// Normalised path: what joins apps.
    pub normalised: String,
    /// Format as the script names it.
    pub format: Option<String>,
    /// Table that is stored.
    pub table: String,
    /// Fields of the file.
    pub fields: Vec<Field>,
    /// External sources whose data flows in.
    pub sources: Vec<SourceUse>,
    /// The `STORE` statement.
    pub statement: String,
    /// Its line in the script.
    pub line: u32,
}

/// Where data comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A table or view of a database.
    Table {
        /// Qlik data connection, or the connection text with secrets masked.
        connection: Option<String>,
        /// SQL dialect, when the connection tells: `mssql`, `postgres`, `oracle` …
        dialect: Option<String>,
        /// Database or catalogue, when the statement names it.
        database: Option<String>,
        /// Schema, when the statement names it.
        schema: Option<String>,
        /// Table or view.
        table: String,
    },
    /// A file, or what a file connection gives (web page, web file).
    File {
        /// Path as the script writes it, variables expanded, below what `DIRECTORY` set.
        path: String,
        /// Normalised path: two connections to one folder give one path.
        normalised: String,
        /// Format as the script names it.
        format: Option<String>,
        /// Data connection that the path is written with.
        connection: Option<String>,
    },
    /// Another app, through `BINARY`.
    App {
        /// Id or path as the script writes it.
        id: String,
    },
    /// A connection that has no tables, such as REST: the connection itself is the source.
    Connection {
        /// Qlik data connection.
        connection: String,
        /// Address that the statement gives, secrets masked.
        url: Option<String>,
    },
}

impl App {
    /// References that stay open and that no diagnostic speaks of, as notices: what was not found
    /// and why.
    pub fn open_references(&self) -> impl Iterator<Item = Diagnostic> {
        self.references.iter().filter_map(|reference| {
            let Reference { line, name, status, .. } = reference;
            let (Status::Ambiguous(why) | Status::Unresolved(why)) = status else { return None };
            let said = |it: &Diagnostic| it.line == *line && it.message.contains(name.as_str());
            let is_said = !name.is_empty() && self.diagnostics.iter().any(said);
            let message = format!("`{name}` is unresolved: {why}");
            let severity = Severity::Notice;
            (!is_said).then_some(Diagnostic { line: *line, column: 1, message, severity })
        })
    }
}

impl Diagnostic {
    /// Whether a statement was not understood, or contradicts the script.
    #[must_use]
    pub fn is_problem(&self) -> bool {
        self.severity == Severity::Problem
    }
}

impl Source {
    /// The name by which a reader knows it: `database.schema.table`, path, app id, connection.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Self::Table { database: Some(database), schema: None, table, .. } => {
                format!("{database}..{table}").into()
            }
            Self::Table { database, schema, table, .. } => {
                let parts = [database.as_deref(), schema.as_deref(), Some(table.as_str())];
                parts.into_iter().flatten().collect::<Vec<_>>().join(".").into()
            }
            Self::File { path, .. } => path.into(),
            Self::App { id } => id.into(),
            Self::Connection { connection, .. } => connection.into(),
        }
    }
}

/// How sure something is; the least sure is the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resolution {
    /// As written.
    #[default]
    Exact,
    /// Through variables.
    Expanded,
    /// By a tolerant reading of a statement that could not be parsed.
    Fallback,
}

/// What says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// The load script.
    #[default]
    Script,
    /// The log of the last reload.
    Log,
}

/// A reference to a source and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Line of the statement in the script, from 1.
    pub line: u32,
    /// What is referred to.
    pub kind: ReferenceKind,
    /// Its name as the statement gives it, variables expanded.
    pub name: String,
    /// What became of it.
    pub status: Status,
}

/// What a statement refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReferenceKind {
    /// A file.
    File,
    /// A database table.
    Table,
    /// A table of the model, or a mapping table.
    Resident,
    /// Inline data or generated rows.
    Script,
    /// Another app.
    App,
    /// A connection without tables, or a procedure.
    Connection,
    /// An included file.
    Include,
}

/// What became of a reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Known.
    Resolved,
    /// It could be several; none is chosen.
    Ambiguous(String),
    /// Not known, and why.
    Unresolved(String),
    /// There is nothing outside to resolve: inline data, generated rows, tables of the model.
    NotNeeded,
}

/// A message for the reader of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Line in the script, from 1; of the `$(Include=…)` for what an included file holds.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// What is the matter.
    pub message: String,
    /// Whether it is a failure.
    pub severity: Severity,
}

/// How a message is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Severity {
    /// A statement was not understood, or contradicts the script.
    #[default]
    Problem,
    /// What only a reload can tell, or what lineage has no use for.
    Notice,
}

/// A field that `DERIVE FIELDS` adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DerivedField {
    /// Full name, such as `Date.autoCalendar.Year`.
    pub name: String,
    /// Field that it is derived from.
    pub field: String,
}
