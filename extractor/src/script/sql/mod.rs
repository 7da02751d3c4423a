//! SQL inside a script: which tables a statement reads and which columns its result takes from
//! them. Parsed with the connection's dialect first, then with others; when none fits, a tolerant
//! reading finds tables and plain columns and says so ([`Select::fallback`]).

mod batch;
mod calls;
mod clickhouse;
mod dates;
mod dialect;
mod expression;
mod fallback;
mod flashback;
mod from;
mod functions;
mod informix;
mod marks;
mod names;
mod open_sql;
mod pivot;
mod prepare;
mod procedure;
mod remote;
mod resolve;
mod rest;
mod rows;
mod scope;
mod spellings;
mod temporary;
mod teradata;
mod words;

use std::collections::BTreeSet;

pub(crate) use dates::dates_quoted;
pub(crate) use dialect::dialect_of;
pub(crate) use open_sql::NAME as OPEN_SQL;
use open_sql::Reading;
use sqlparser::ast::Query;
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

/// Reads a statement's text, without a leading `SQL`.
pub(crate) fn read(text: &str, dialect: Option<&str>, catalogue: &dyn Catalogue) -> Sql {
    let words = words::read(text);
    if let Some(rest) = rest::read(&words) {
        return rest;
    }
    let first = words.iter().find(|word| !word.is("(")).map_or("", |word| word.text);
    if let Some(object) = open_sql::object(text, &words) {
        return Sql::Select(Select::whole(object));
    }
    if !["select", "with", "sel", "from", "values"]
        .iter()
        .any(|verb| first.eq_ignore_ascii_case(verb))
    {
        if let Some(start) = query_after(first, &words) {
            return read(text.get(start..).unwrap_or_default(), dialect, catalogue);
        }
        return match procedure::read(&words) {
            _ if words.is_empty() => Sql::Procedure("the statement is empty".to_owned()),
            Some(procedure::Call::Query(query)) => read(&query, dialect, catalogue),
            Some(procedure::Call::Procedure(name)) => Sql::Procedure(format!(
                "stored procedure `{name}`: what it reads is not in the script"
            )),
            None => Sql::Procedure(format!("`{first}` names no table to read")),
        };
    }
    match open_sql::read(text, &words, dialect) {
        Reading::Open(common) => {
            Sql::Select(read_spelled(&common, &words::read(&common), dialect, catalogue))
        }
        Reading::Doubtful(first, second) => {
            let select = read_spelled(text, &words, dialect, catalogue);
            Sql::Select(Select { pair: Some((first, second)), ..select })
        }
        Reading::Other => Sql::Select(read_spelled(text, &words, dialect, catalogue)),
    }
}

/// Whether a statement is Open SQL of SAP for certain, by its text alone.
pub(crate) fn is_open_sql(text: &str) -> bool {
    matches!(open_sql::read(text, &words::read(text), None), Reading::Open(_))
}

fn read_spelled(
    text: &str,
    words: &[words::Word<'_>],
    dialect: Option<&str>,
    catalogue: &dyn Catalogue,
) -> Select {
    match spellings::common(text, words, dialect) {
        Some(common) => read_query(&common, &words::read(&common), dialect, catalogue),
        None => read_query(text, words, dialect, catalogue),
    }
}

fn read_query(
    text: &str,
    words: &[words::Word<'_>],
    dialect: Option<&str>,
    catalogue: &dyn Catalogue,
) -> Select {
    let prepared = prepare::prepare(text, words);
    let resolve = |query: Query| resolve::resolve(&query, dialect, catalogue);
    let mut select = if prepare::is_too_deep(words) {
        None
    } else if dialect != Some("mysql")
        && let Some(casts) = spellings::casts(text, words)
    {
        // Others take the type for a column.
        match dialect::parse_as("mssql", &prepared.text) {
            Some(query) => Some(resolve(query)),
            None => return read_query(&casts, &words::read(&casts), dialect, catalogue),
        }
    } else {
        dialect::parse(&prepared.text, dialect).map(resolve)
    }
    .unwrap_or_else(|| fallback::read(words));
    prepared.restore(&mut select);
    select
}

/// Offset of the query that follows settings in one batch: `SET NOCOUNT ON SELECT …`,
/// `DECLARE @d date = … SELECT …`, `LOCKING ROW FOR ACCESS SELECT …`; a call counts as one.
fn query_after(first: &str, words: &[words::Word<'_>]) -> Option<usize> {
    const SETTINGS: [&str; 5] = ["set", "declare", "use", "locking", "lock"];
    const STARTS: [&str; 5] = ["select", "with", "sel", "exec", "execute"];
    if !SETTINGS.iter().any(|verb| first.eq_ignore_ascii_case(verb)) {
        return None;
    }
    let mut depth = 0_usize;
    for word in words {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && STARTS.iter().any(|start| word.is(start)) {
            return Some(word.start);
        }
    }
    None
}

#[cfg(test)]
mod tests;
