//! SQL dialects: which one a connection speaks, and parsing with the one that fits.

use std::borrow::Cow;

use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::{
    AnsiDialect, BigQueryDialect, ClickHouseDialect, DatabricksDialect, Dialect, DuckDbDialect,
    GenericDialect, HiveDialect, MsSqlDialect, MySqlDialect, OracleDialect, PostgreSqlDialect,
    RedshiftSqlDialect, SQLiteDialect, SnowflakeDialect, TeradataDialect,
};
use sqlparser::parser::Parser;

use super::marks;
use super::words::{self, Word};

/// Deepest nesting that is parsed.
const MAX_DEPTH: usize = 60;

/// Statements longer than this are tried with fewer dialects.
const LONG: usize = 64 * 1024;

/// Dialect of a connection, from its connection string or connector: `mssql`, `oracle` …
pub(crate) fn dialect_of(connection: &str) -> Option<&'static str> {
    const MARKS: [(&str, &str); 41] = [
        // `qvsapsql…` would be taken for `psql`.
        ("qvsap", super::OPEN_SQL),
        ("sqloledb", "mssql"),
        ("msoledbsql", "mssql"),
        ("sqlncli", "mssql"),
        ("sql server", "mssql"),
        ("mssql", "mssql"),
        ("driver=azure", "mssql"),
        ("driver=azuresql", "mssql"),
        ("sqlserver", "mssql"),
        ("oraoledb", "oracle"),
        ("msdaora", "oracle"),
        ("oracle", "oracle"),
        ("postgres", "postgres"),
        ("psql", "postgres"),
        ("npgsql", "postgres"),
        ("redshift", "redshift"),
        ("mysql", "mysql"),
        ("mariadb", "mysql"),
        ("snowflake", "snowflake"),
        ("bigquery", "bigquery"),
        ("gbq", "bigquery"),
        ("databricks", "databricks"),
        ("spark", "databricks"),
        ("hive", "hive"),
        ("impala", "hive"),
        ("teradata", "teradata"),
        ("tdata", "teradata"),
        ("clickhouse", "clickhouse"),
        ("sqlite", "sqlite"),
        ("duckdb", "duckdb"),
        ("hdbodbc", "hana"),
        ("hana", "hana"),
        ("db2", "db2"),
        ("ibmda", "db2"),
        ("informix", "informix"),
        ("sybase", "sybase"),
        ("athena", "athena"),
        ("presto", "presto"),
        ("trino", "presto"),
        // Behind the drivers: a database may be named after them.
        ("salesforce", super::SOQL),
        ("soql", super::SOQL),
    ];
    let text = connection.to_ascii_lowercase();
    MARKS.iter().find(|(mark, _)| text.contains(mark)).map(|&(_, dialect)| dialect)
}

/// Parses a query with the connection's dialect, then with those that its marks speak for, then
/// with others. `words`: those of the text, where they are there already.
pub(super) fn parse(
    text: &str,
    words: Option<&[Word<'_>]>,
    hint: Option<&'static str>,
) -> Option<Query> {
    // Trino's are read as JSON by the common dialect.
    let has_lambda =
        || words.map_or_else(|| marks::has_lambda(&words::read(text)), marks::has_lambda);
    let lambdas = matches!(hint, Some("presto" | "athena")) && has_lambda();
    let first = hint.filter(|_| !lambdas);
    if let Some(query) = first.and_then(|hint| parse_with(dialect(hint), text)) {
        return Some(query);
    }
    let words = words.map_or_else(|| words::read(text).into(), Cow::Borrowed);
    let most = if text.len() > LONG { 4 } else { usize::MAX };
    let mut candidates = candidates(text, &words, hint);
    if lambdas {
        // It quotes names as Trino does.
        candidates.insert(0, "duckdb");
    }
    candidates
        .into_iter()
        .take(most)
        .skip(usize::from(first.is_some()))
        .find_map(|name| parse_with(dialect(name), text))
}

/// Dialects that a statement may be written in, the likeliest first: that of the connection, if it
/// tells, those that the statement's marks speak for, and the others.
pub(super) fn candidates(
    text: &str,
    words: &[Word<'_>],
    hint: Option<&'static str>,
) -> Vec<&'static str> {
    let mut order: Vec<&'static str> = hint.into_iter().collect();
    order.extend(marks::dialects(text, words));
    order.extend([
        "generic",
        "postgres",
        "mssql",
        "oracle",
        "snowflake",
        "mysql",
        "bigquery",
        "databricks",
        "hive",
        "teradata",
        "redshift",
        "duckdb",
        "clickhouse",
        "sqlite",
        "ansi",
    ]);
    let comments = hint.map(has_hash_comments);
    if comments != Some(true) && marks::has_hashes(words, comments.is_none()) {
        // The rest of the line, the tables perhaps, would be a comment.
        order.retain(|name| !has_hash_comments(name));
    }
    let mut seen = Vec::new();
    order.retain(|name| {
        let is_new = !seen.contains(name);
        seen.push(*name);
        is_new
    });
    order
}

/// Whether `#` starts a comment in a dialect.
pub(super) fn has_hash_comments(name: &str) -> bool {
    dialect(name).supports_hash_comment()
}

/// Parses a query with one dialect.
pub(super) fn parse_as(name: &str, text: &str) -> Option<Query> {
    parse_with(dialect(name), text)
}

/// Joins of a statement at most. Joins without `ON` nest, one in the other, and the parser counts
/// everything that nests but these.
const MAX_JOINS: usize = 200;
/// Stack that so many of them take, generously: 50 KiB each in a program without optimisations.
const STACK: usize = 16 << 20;

/// How often the word stands in a text; in names and literals, too, which does no harm.
fn joins(text: &str) -> usize {
    text.as_bytes().windows(4).filter(|word| word.eq_ignore_ascii_case(b"join")).count()
}

fn parse_with(dialect: &dyn Dialect, text: &str) -> Option<Query> {
    match joins(text) {
        0..=10 => parse_here(dialect, text),
        11..=MAX_JOINS => stacker::grow(STACK, || parse_here(dialect, text)),
        _ => None,
    }
}

fn parse_here(dialect: &dyn Dialect, text: &str) -> Option<Query> {
    let statements = Parser::new(dialect)
        .with_recursion_limit(MAX_DEPTH)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements())
        .ok()?;
    statements.into_iter().find_map(|statement| match statement {
        Statement::Query(query) => Some(*query),
        _ => None,
    })
}

fn dialect(name: &str) -> &'static dyn Dialect {
    match name {
        "mssql" | "sybase" => &MsSqlDialect {},
        "postgres" => &PostgreSqlDialect {},
        "mysql" => &MySqlDialect {},
        "oracle" => &OracleDialect,
        "snowflake" => &SnowflakeDialect,
        "bigquery" => &BigQueryDialect,
        "databricks" => &DatabricksDialect,
        "hive" | "athena" => &HiveDialect {},
        "teradata" => &TeradataDialect,
        "redshift" => &RedshiftSqlDialect {},
        "duckdb" => &DuckDbDialect,
        "clickhouse" => &ClickHouseDialect {},
        "sqlite" => &SQLiteDialect {},
        "ansi" => &AnsiDialect {},
        _ => &GenericDialect {},
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a stack as small as a worker's; overflowing it would end the process.
    #[test]
    fn joins_without_conditions_nest_within_bounds() {
        let query = |joins: usize| format!("SELECT a FROM t{}", " LEFT JOIN u".repeat(joins));
        let parsed = |joins| {
            let text = query(joins);
            std::thread::scope(|scope| {
                let parse = || drop(parse(&text, None, None));
                let thread = std::thread::Builder::new().stack_size(2 << 20);
                thread.spawn_scoped(scope, parse).expect("a thread").join().is_ok()
            })
        };
        assert!([0, 10, 11, 200, 201, 5000].into_iter().all(parsed));
        let conditions = format!("SELECT a FROM t{}", " JOIN u ON t.a = u.a".repeat(150));
        assert!(parse(&conditions, None, None).is_some());
    }
}
