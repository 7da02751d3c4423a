//! SQL inside a script: which tables a statement reads and which columns its result takes from
//! them. Parsed with the connection's dialect first, then with others; when none fits, a tolerant
//! reading finds tables and plain columns and says so ([`Select::fallback`]).

mod aliases;
mod arguments;
mod batch;
mod calls;
mod clauses;
mod clickhouse;
mod creates;
mod crosstab;
mod ctes;
mod dates;
mod dialect;
mod expression;
mod fallback;
mod flashback;
mod from;
mod functions;
mod hana;
mod hints;
mod informix;
mod joins;
mod keywords;
mod made;
mod marks;
mod names;
mod open_sql;
mod passed;
mod pipes;
mod pivot;
mod prepare;
mod procedure;
mod remote;
mod resolve;
mod rest;
mod rows;
mod scope;
mod soql;
mod spellings;
mod temporary;
mod teradata;
mod variables;
mod wildcards;
mod words;
mod written;

use std::collections::BTreeSet;

pub(crate) use dialect::dialect_of;
pub(crate) use open_sql::NAME as OPEN_SQL;
pub(crate) use passed::{Passed, is_open_sql, read};
pub(crate) use temporary::Temporaries;

/// The language of Salesforce's connector, as [`dialect_of`] calls it.
pub(crate) const SOQL: &str = "soql";

/// What a statement passed to a connection is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sql {
    Select(Select),
    /// A statement of the REST connector: its columns, by name and as the service calls them.
    Rest {
        columns: Vec<(String, String)>,
        url: Option<String>,
    },
    /// Statements that make tables which live as long as the connection, and give no rows: what
    /// they read.
    Made(Select),
    /// A procedure or another statement that names no table it reads.
    Procedure(String),
    /// A statement that gives no rows, and why nothing of it can be seen if someone wants some.
    Nothing(String),
}

/// A `SELECT` with its tables and result columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Select {
    pub(crate) tables: Vec<TableName>,
    /// What it reads besides and cannot be told: table functions.
    pub(crate) unknown: BTreeSet<Unknown>,
    pub(crate) columns: Vec<SelectColumn>,
    /// `*`: all columns of these tables.
    pub(crate) stars: Vec<Star>,
    /// Name of the first table after `FROM`, the default name of the result.
    pub(crate) first: Option<String>,
    /// Whether it could not be parsed.
    pub(crate) fallback: bool,
    /// What could not be resolved.
    pub(crate) notes: Vec<String>,
    /// `SELECT a b FROM t`: what was taken for a column and its alias, and may be two columns of
    /// Open SQL.
    pub(crate) pair: Option<(String, String)>,
}

/// A table as the statement names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TableName {
    pub(crate) database: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
}

impl Select {
    fn column(&self, name: &str) -> Option<&SelectColumn> {
        self.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// All columns of one table.
    fn whole(table: String) -> Self {
        let name = TableName { table: table.clone(), ..TableName::default() };
        let star = Star { table: 0, ..Star::default() };
        Self { tables: vec![name], stars: vec![star], first: Some(table), ..Self::default() }
    }
}

impl TableName {
    fn from_parts(mut parts: Vec<String>) -> Option<Self> {
        let table = parts.pop().filter(|table| !table.is_empty())?;
        let schema = parts.pop().filter(|schema| !schema.is_empty());
        // A linked server before the database stays part of its name.
        let database = parts.join(".");
        Some(Self { database: (!database.is_empty()).then_some(database), schema, table })
    }
}

/// Something in a `FROM` that is no table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unknown {
    pub(crate) name: String,
    /// Why it is not known what it reads.
    pub(crate) reason: String,
}

impl Unknown {
    /// A function that gives rows, with its first argument where that is a literal.
    fn function(name: &str, literal: Option<&str>) -> Self {
        let reason = match literal.filter(|_| functions::reads_file(name)) {
            Some(path) => format!("it reads the file `{path}` where the database runs"),
            None => "a function of the database: what it reads is not in the script".to_owned(),
        };
        Self { name: name.to_owned(), reason }
    }

    /// Words where a table stands.
    fn unseen(name: String) -> Self {
        let reason = "the SQL could not be parsed, and no table is seen in it".to_owned();
        Self { name, reason }
    }
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SelectColumn {
    pub(crate) name: String,
    /// Tables by index, and their columns.
    pub(crate) origins: BTreeSet<(usize, String)>,
    /// Expression; `None` for a column as it is.
    pub(crate) expression: Option<String>,
}

/// All columns of a table but some.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Star {
    pub(crate) table: usize,
    /// Which join it took part in and on which side; none of a table on its own, or put below
    /// others by a union.
    pub(crate) side: Option<(u32, usize)>,
    pub(crate) except: BTreeSet<String>,
}

/// Whether a table is known to have a column, from other statements of the script.
pub(crate) trait Catalogue {
    fn has(&self, table: &TableName, column: &str) -> bool;

    /// Whether all its columns are known and this is none of them.
    fn lacks(&self, _table: &TableName, _column: &str) -> bool {
        false
    }
}

#[cfg(test)]
mod tests;
