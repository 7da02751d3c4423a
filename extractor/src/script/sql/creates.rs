//! Statements that make tables: `CREATE TEMP TABLE t AS SELECT …`, `DECLARE @t TABLE (a INT)`.

use super::TableName;
use super::batch::{Statement, name as table_name};
use super::temporary::is_temporary;
use super::words::{Word, WordKind, any, close};
use crate::script::lex::part;

/// `CREATE TEMP TABLE t AS SELECT …`, `CREATE TABLE #t (a INT)`, `DECLARE @t TABLE (a INT)`.
pub(super) fn create(text: &str, words: &[Word<'_>]) -> Option<Statement> {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let (name, mut at, told) = if is(2, "table") || (is(2, "as") && is(3, "table")) {
        let at = if is(2, "as") { 4 } else { 3 };
        match words.get(1).filter(|it| it.text.starts_with('@')) {
            Some(variable) => (TableName::from_parts(vec![variable.text.to_owned()])?, at, true),
            None => created(words)?,
        }
    } else {
        created(words)?
    };
    if !told && !is_temporary(&name) {
        return None;
    }
    // Snowflake: a copy, or a table with the same columns and no rows.
    if is(at, "clone") {
        let (_, end) = table_name(words, at + 1)?;
        let source = part(text, words.get(at + 1)?.start, words.get(end - 1)?.end);
        let query = format!("SELECT * FROM {source}");
        return Some(Statement::Into { name, columns: Vec::new(), query, adds: false });
    }
    let mut columns = Vec::new();
    if is(at, "(") && !is(at + 1, "select") && !is(at + 1, "with") {
        let end = close(words, at)?;
        columns = definitions(words.get(at + 1..end)?);
        at = end + 1;
    }
    // Options may stand before the query, `ON COMMIT PRESERVE ROWS` among them; MySQL needs no `AS`.
    let query = words.iter().enumerate().skip(at).find(|(index, word)| {
        let behind =
            |texts: &[&str]| index.checked_sub(1).is_some_and(|before| any(words, before, texts));
        (word.is("select") || word.is("sel") || word.is("with"))
            && (*index == at
                || behind(&["as", "("])
                || (word.is("select") && !behind(&["for", "on"])))
    });
    let Some((index, query)) = query else {
        return Some(Statement::Declare { name, columns });
    };
    let end = match is(index - 1, "(") {
        true => words.get(close(words, index - 1)?)?.start,
        false => words.last()?.end,
    };
    let query = part(text, query.start, end).to_owned();
    Some(Statement::Into { name, columns, query, adds: false })
}

/// The name after `CREATE … TABLE`, the index after it and whether the words say that it is
/// temporary.
fn created(words: &[Word<'_>]) -> Option<(TableName, usize, bool)> {
    let table = words.iter().take(7).position(|word| word.is("table") || word.is("view"))?;
    // Spark keeps a view, or what a `CACHE TABLE` reads, as long as the connection.
    let told = words
        .get(..table)?
        .iter()
        .any(|word| ["temp", "temporary", "volatile", "cache"].iter().any(|each| word.is(each)));
    let exists = words.get(table + 1).is_some_and(|word| word.is("if"));
    let (name, at) = table_name(words, if exists { table + 4 } else { table + 1 })?;
    Some((name, at, told))
}

/// Names of the columns in `a INT NOT NULL, b DECIMAL(10, 2), PRIMARY KEY (a)`.
fn definitions(words: &[Word<'_>]) -> Vec<String> {
    const OTHERS: [&str; 7] =
        ["primary", "foreign", "unique", "constraint", "check", "index", "key"];
    let mut columns = Vec::new();
    let (mut depth, mut first) = (0_usize, true);
    for word in words {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && word.is(",") {
            first = true;
        } else if std::mem::take(&mut first) {
            let other = word.kind == WordKind::Bare && OTHERS.iter().any(|each| word.is(each));
            if word.is_name() && !other {
                columns.push(word.text.to_owned());
            }
        }
    }
    columns
}
