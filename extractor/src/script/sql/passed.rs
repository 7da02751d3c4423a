//! Reads what is passed to a connection: first as far as its text alone says, then with what is
//! known of the tables. The first part is most of the work and needs nothing around it, so that it
//! can be done ahead of the statement's turn.

use sqlparser::ast::Query;

use super::batch::{self, Batch};
use super::fallback::StandIns;
use super::open_sql::{self, Reading};
use super::prepare::{self, Prepared};
use super::words::{self, Word, any, outside};
use super::{
    Catalogue, SOQL, Select, Sql, aliases, crosstab, dates, dialect, fallback, procedure, resolve,
    rest, soql, spellings, written,
};
use crate::script::lex::part;

/// A statement that is passed to a connection, without a leading `SQL`.
#[derive(Debug)]
pub(crate) struct Passed {
    text: String,
    read: Option<Read>,
}

/// What was read, in the dialect that was assumed.
#[derive(Debug)]
struct Read {
    dialect: Option<&'static str>,
    batch: Batch,
    /// Of the whole text, when it is one statement.
    outline: Option<Outline>,
}

/// What a statement says by itself.
#[derive(Debug)]
pub(super) enum Outline {
    Known(Sql),
    /// A query whose columns may depend on what is known of its tables.
    Query(Box<Parsed>),
}

#[derive(Debug)]
pub(super) struct Parsed {
    query: Query,
    prepared: Prepared,
    dialect: Option<&'static str>,
    /// See [`Select::pair`].
    pair: Option<(String, String)>,
    /// Of a statement that had to be mended.
    stand_ins: Option<StandIns>,
}

/// Statements that read nothing for whoever passes them.
#[rustfmt::skip]
const NO_QUERIES: [&str; 41] = [
    "alter", "analyze", "begin", "cache", "clear", "collect", "comment", "commit", "create",
    "database", "deallocate", "declare", "delete", "drop", "grant", "insert", "install", "invalidate",
    "load", "lock", "merge", "msck", "optimize", "pragma", "put", "refresh", "rename", "repair",
    "replace", "reset", "revoke", "rollback", "set", "truncate", "uncache", "unload", "unset",
    "update", "upsert", "use", "vacuum",
];

const NO_ROWS: &str = "!EXECUTE_NON_SELECT_QUERY";

impl Passed {
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim_end();
        // How Qlik is told that there are no rows; the database never sees it.
        let start = text.len().saturating_sub(NO_ROWS.len());
        let told = text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(NO_ROWS));
        let text = part(text, 0, if told { start } else { text.len() });
        Self { text: dates::dates_quoted(text).into_owned(), read: None }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Reads it ahead, for a connection of this dialect.
    pub(crate) fn read_ahead(&mut self, dialect: Option<&'static str>) {
        let words = words::read(&self.text);
        let batch = batch::split(&self.text, &words);
        let is_one = batch.statements.is_empty();
        let outline = is_one.then(|| outline_of(&self.text, &words, dialect));
        self.read = Some(Read { dialect, batch, outline });
    }

    /// Its statements when it is a batch, its outline when it is not; each is told once.
    pub(super) fn take(&mut self, dialect: Option<&'static str>) -> (Batch, Option<Outline>) {
        if self.read.as_ref().is_none_or(|read| read.dialect != dialect) {
            self.read_ahead(dialect);
        }
        self.read.take().map(|read| (read.batch, read.outline)).unwrap_or_default()
    }
}

impl Outline {
    /// What the statement is, its columns resolved.
    pub(super) fn resolve(self, catalogue: &dyn Catalogue) -> Sql {
        match self {
            Self::Known(sql) => sql,
            Self::Query(parsed) => {
                let Parsed { query, prepared, dialect, pair, stand_ins } = *parsed;
                let mut select = resolve::resolve(&query, dialect, catalogue);
                if let Some(stand_ins) = &stand_ins {
                    stand_ins.restore(&mut select);
                }
                prepared.restore(&mut select);
                Sql::Select(Select { pair, fallback: stand_ins.is_some(), ..select })
            }
        }
    }
}

/// Reads a statement's text, without a leading `SQL`.
pub(crate) fn read(text: &str, dialect: Option<&'static str>, catalogue: &dyn Catalogue) -> Sql {
    outline(text, dialect).resolve(catalogue)
}

/// Whether a statement is Open SQL of SAP for certain, by its text alone.
pub(crate) fn is_open_sql(text: &str) -> bool {
    matches!(open_sql::read(text, &words::read(text), None), Reading::Open(_))
}

pub(super) fn outline(text: &str, dialect: Option<&'static str>) -> Outline {
    outline_of(text, &words::read(text), dialect)
}

fn outline_of(text: &str, words: &[Word<'_>], dialect: Option<&'static str>) -> Outline {
    let dialect = dialect.or_else(|| soql::speaks(words).then_some(SOQL));
    if let Some(rest) = rest::read(words) {
        return Outline::Known(rest);
    }
    let first = words.iter().find(|word| !word.is("(")).map_or("", |word| word.text);
    if let Some(object) = open_sql::object(text, words) {
        return Outline::Known(Sql::Select(Select::whole(object)));
    }
    if let Some(query) = crosstab::query(text, words).or_else(|| written::rows(text, words)) {
        return outline(&query, dialect);
    }
    if !["select", "with", "sel", "from", "values"]
        .iter()
        .any(|verb| first.eq_ignore_ascii_case(verb))
    {
        if let Some(start) = query_after(first, words) {
            return outline(text.get(start..).unwrap_or_default(), dialect);
        }
        return Outline::Known(Sql::Procedure(match procedure::read(words) {
            _ if words.is_empty() => "the statement is empty".to_owned(),
            Some(procedure::Call::Query(query)) => return outline(&query, dialect),
            Some(procedure::Call::Procedure(name)) => {
                format!("stored procedure `{name}`: what it reads is not in the script")
            }
            None => {
                let reason = format!("`{first}` names no table to read");
                // The database's own catalogue.
                let own = ["sqltables", "sqlcolumns", "sqltypes"];
                if own.iter().any(|verb| first.eq_ignore_ascii_case(verb)) {
                    return Outline::Known(Sql::Made(Select::default()));
                }
                let gives_none = NO_QUERIES.iter().any(|verb| first.eq_ignore_ascii_case(verb));
                return Outline::Known(match gives_none {
                    true => Sql::Nothing(reason),
                    false => Sql::Procedure(reason),
                });
            }
        }));
    }
    match open_sql::read(text, words, dialect) {
        Reading::Open(common) => spelled(&common, &words::read(&common), dialect, None),
        Reading::Doubtful(first, second) => spelled(text, words, dialect, Some((first, second))),
        Reading::Other => spelled(text, words, dialect, None),
    }
}

fn spelled(
    text: &str,
    words: &[Word<'_>],
    dialect: Option<&'static str>,
    pair: Option<(String, String)>,
) -> Outline {
    if let Some(expanded) = aliases::expanded(text, words) {
        return spelled(&expanded, &words::read(&expanded), dialect, pair);
    }
    if dialect == Some("clickhouse")
        && let Some(calls) = aliases::conditions(text, words)
    {
        return with_common(&calls, &words::read(&calls), dialect, pair);
    }
    with_common(text, words, dialect, pair)
}

fn with_common(
    text: &str,
    words: &[Word<'_>],
    dialect: Option<&'static str>,
    pair: Option<(String, String)>,
) -> Outline {
    match spellings::common(text, words, dialect) {
        Some(common) => query(&common, &words::read(&common), dialect, pair),
        None => query(text, words, dialect, pair),
    }
}

fn query(
    text: &str,
    words: &[Word<'_>],
    dialect: Option<&'static str>,
    pair: Option<(String, String)>,
) -> Outline {
    let prepared = prepare::prepare(text, words);
    let parsed = if prepare::is_too_deep(words) {
        None
    } else if dialect != Some("mysql")
        && let Some(casts) = spellings::casts(text, words)
    {
        // Others take the type for a column.
        match dialect::parse_as("mssql", &prepared.text) {
            Some(query) => Some(query),
            None => return query(&casts, &words::read(&casts), dialect, pair),
        }
    } else {
        let same = (prepared.text == text).then_some(words);
        dialect::parse(&prepared.text, same, dialect)
            .or_else(|| dialect::parse(&prepared.settled()?, None, dialect))
    };
    let mended = || fallback::mend(&prepared.text, dialect);
    let mended = || mended().map(|(query, stand_ins)| (query, Some(stand_ins)));
    match parsed.map(|query| (query, None)).or_else(mended) {
        Some((query, stand_ins)) => {
            Outline::Query(Box::new(Parsed { query, prepared, dialect, pair, stand_ins }))
        }
        None => {
            let mut select = fallback::read(&prepared.text, dialect);
            prepared.restore(&mut select);
            Outline::Known(Sql::Select(Select { pair, ..select }))
        }
    }
}

/// Offset of the query that follows settings in one batch: `SET NOCOUNT ON SELECT …`,
/// `DECLARE @d date = … SELECT …`, `LOCKING ROW FOR ACCESS SELECT …`; a call counts as one.
fn query_after(first: &str, words: &[Word<'_>]) -> Option<usize> {
    const SETTINGS: [&str; 5] = ["set", "declare", "use", "locking", "lock"];
    const STARTS: [&str; 5] = ["select", "with", "sel", "exec", "execute"];
    if !SETTINGS.iter().any(|verb| first.eq_ignore_ascii_case(verb)) {
        return None;
    }
    let start = outside(words, 0..words.len()).find(|&at| any(words, at, &STARTS))?;
    words.get(start).map(|word| word.start)
}
