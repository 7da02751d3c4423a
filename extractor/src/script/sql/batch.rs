//! Several statements in one text, as far as they make tables that live as long as the connection.

use super::TableName;
use super::temporary::is_temporary;
use super::words::{self, Word, close, is};
use super::{creates::create, variables, written};
use crate::script::lex::part;

/// A statement of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Statement {
    /// A query whose rows go into a table; `columns`: the table's, where they are named.
    Into {
        name: TableName,
        columns: Vec<String>,
        query: String,
        adds: bool,
    },
    /// A table without rows.
    Declare {
        name: TableName,
        columns: Vec<String>,
    },
    Drop(TableName),
    /// What an `UPDATE` puts into a table.
    Update {
        name: TableName,
        query: String,
    },
    Query(String),
    /// A query on the other way than the one before it.
    Else(String),
    Other,
}

/// Several statements.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) statements: Vec<Statement>,
    /// Whether one of two ways is taken within it.
    pub(super) has_branches: bool,
}

/// The statements of a text that makes or fills such tables, or sets variables by queries; none of
/// any other.
pub(super) fn split(text: &str, words: &[Word<'_>]) -> Batch {
    let tells = |word: &Word<'_>| {
        word.is_name() && (word.text.starts_with('#') || word.text.starts_with('@'))
            || ["temp", "temporary", "volatile", "into"].iter().any(|each| word.is(each))
    };
    // `IF (…)` is a function, unless it stands first.
    let branches = |at: usize| is(words, at, "if") && (at == 0 || !is(words, at + 1, "("));
    let verbs = ["cache", "update"];
    let is_told = verbs.iter().any(|verb| is(words, 0, verb))
        || words.iter().enumerate().any(|(at, word)| tells(word) || branches(at));
    if !is_told {
        return Batch::default();
    }
    let starts = starts(words);
    let ends = starts.iter().skip(1).copied().chain([words.len()]);
    let parts: Vec<&[Word<'_>]> =
        starts.iter().zip(ends).filter_map(|(&from, to)| words.get(from..to)).collect();
    let mut variables = variables::Variables::default();
    let mut statements = Vec::new();
    let mut otherwise = false;
    for part in &parts {
        let (part, leads_to_else) = trimmed(part);
        let statement = match variables.put_into(text, part) {
            Some(text) => statement(&text, &words::read(&text)),
            None => statement(text, part),
        };
        variables.learn(text, part);
        statements.push(match statement {
            Statement::Query(query) if std::mem::take(&mut otherwise) => Statement::Else(query),
            other => other,
        });
        otherwise |= leads_to_else;
    }
    let queries = |it: &Statement| matches!(it, Statement::Query(_) | Statement::Else(_));
    let makes = |it: &Statement| !queries(it) && *it != Statement::Other;
    // What only sets a variable is not the query whose rows come, nor is a condition.
    let leads = parts.iter().any(|words| assigns(words) || is(words, 0, "if"));
    let sets = (leads || variables.are_known()) && statements.iter().any(queries);
    if !sets && !statements.iter().any(makes) {
        return Batch::default();
    }
    Batch { statements, has_branches: has_branches(words) }
}

/// Indices of the words with which statements start. None needs a semicolon before it.
fn starts(words: &[Word<'_>]) -> Vec<usize> {
    const SETTINGS: [&str; 8] = [
        "nocount",
        "transaction",
        "datefirst",
        "dateformat",
        "language",
        "ansi_nulls",
        "ansi_warnings",
        "quoted_identifier",
    ];
    let is = |at: usize, text: &str| words::is(words, at, text);
    let any = |at: usize, texts: &[&str]| words::any(words, at, texts);
    let variable = |at: usize| words.get(at).is_some_and(|word| word.text.starts_with('@'));
    let is_after_as = |at: usize| at.checked_sub(1).is_some_and(|before| is(before, "as"));
    let is_target = |at: usize| words.get(at).is_some_and(Word::is_name);
    let mut starts = vec![0];
    // Whether the query of the statement at hand is still to come; of SQL Server's tables only
    // behind `AS`, as nothing ends a statement before the next.
    let mut awaits = any(0, &["with", "insert", "create", "cache"]);
    let mut behind_as = is(0, "create") && creates_hash(words, 0);
    for at in words::outside(words, 0..words.len()) {
        let continued =
            at > 0 && any(at - 1, &["union", "all", "except", "intersect", "minus", "distinct"]);
        let starting = match () {
            () if is(at, ";") => {
                awaits = false;
                false
            }
            () if any(at, &["select", "sel"]) => {
                let awaited = std::mem::take(&mut awaits) && (!behind_as || is_after_as(at));
                !(awaited || continued)
            }
            () if is(at, "values") => {
                awaits = false;
                false
            }
            () if is(at, "insert") && target(words, at).is_some() => {
                let own = awaits && !behind_as && !any(at.wrapping_sub(1), &["select"]);
                awaits = true;
                behind_as = false;
                !own
            }
            // `INSERT INTO #t EXEC procedure`
            () if any(at, &["exec", "execute"]) && awaits && !behind_as => {
                awaits = false;
                false
            }
            () if is(at, "with") && is(at + 2, "as") && is(at + 3, "(") => {
                let own = awaits && (!behind_as || is_after_as(at));
                awaits = true;
                behind_as = false;
                !own
            }
            () if is(at, "create")
                && any(
                    at + 1,
                    &[
                        "table",
                        "temp",
                        "temporary",
                        "global",
                        "local",
                        "volatile",
                        "multiset",
                        "set",
                        "or",
                    ],
                ) =>
            {
                awaits = true;
                behind_as = creates_hash(words, at);
                true
            }
            () => {
                const INDEX: [&str; 4] = ["index", "unique", "clustered", "nonclustered"];
                let clause = any(at.wrapping_sub(1), &["for", "on", "then", "key"])
                    // A column of that name.
                    || any(at.wrapping_sub(1), &["select", ",", "."]);
                let other = (is(at, "create") && any(at + 1, &INDEX))
                    || (any(at, &["update", "delete"]) && !clause && at > 0 && is_target(at + 1))
                    || (any(at, &["drop", "truncate"]) && is(at + 1, "table"))
                    || (is(at, "declare") && variable(at + 1))
                    || (is(at, "set") && (variable(at + 1) || any(at + 1, &SETTINGS)))
                    || (is(at, "if")
                        && (any(at + 1, &["object_id", "exists", "not"]) || variable(at + 1))
                        && !any(at.wrapping_sub(1), &["table", "view"]))
                    || (any(at, &["exec", "execute", "go"]) && at > 0 && !is(at - 1, "as"));
                if other {
                    awaits = false;
                }
                other
            }
        };
        if starting && starts.last() != Some(&at) {
            starts.push(at);
        }
    }
    starts
}

/// Whether a `CREATE … TABLE` at an index makes a table of SQL Server's.
fn creates_hash(words: &[Word<'_>], at: usize) -> bool {
    words.get(at + 1).is_some_and(|word| word.is("table"))
        && words.get(at + 2).is_some_and(|name| name.text.starts_with('#'))
}

/// Index of the name of the table that an `INSERT` at an index fills; `INTO` may be left out before
/// a temporary one.
fn target(words: &[Word<'_>], at: usize) -> Option<usize> {
    if words.get(at + 1)?.is("into") {
        return Some(at + 2);
    }
    let name = words.get(at + 1).filter(|word| word.is_name())?;
    (name.text.starts_with('#') || name.text.starts_with('@')).then_some(at + 1)
}

/// Whether a query only sets variables: `SELECT @n = COUNT(*) FROM t`.
fn assigns(words: &[Word<'_>]) -> bool {
    // `TOP (1)` may stand before it.
    const FIRST: usize = 8;
    let first = words.iter().take(FIRST).take_while(|word| !word.is(",") && !word.is("from"));
    let variable = first.into_iter().position(|word| word.text.starts_with('@'));
    let after = variable.and_then(|at| words.get(at + 1..)).unwrap_or_default();
    match after {
        [first, ..] if first.is("=") => true,
        // `@n += 1`
        [sign, second, ..] => second.is("=") && ["+", "-", "*"].iter().any(|it| sign.is(it)),
        _ => false,
    }
}

/// A statement without what leads to the next one, `END ELSE BEGIN`, and whether that has an `ELSE`.
fn trimmed<'a, 'w>(mut words: &'a [Word<'w>]) -> (&'a [Word<'w>], bool) {
    let count = |text: &str| words.iter().filter(|it| it.is(text)).count();
    // The end of a `CASE` stays.
    let mut ends = count("end").saturating_sub(count("case"));
    let mut has_else = false;
    while let Some((last, before)) = words.split_last() {
        if last.is("end") && ends > 0 {
            ends -= 1;
        } else if last.is("else") {
            has_else = true;
        } else if !(last.is("begin") || last.is(";")) {
            break;
        }
        words = before;
    }
    (words, has_else)
}

/// Whether one of two ways is taken within a batch: `IF … BEGIN … END ELSE BEGIN … END`.
fn has_branches(words: &[Word<'_>]) -> bool {
    const FIRST: [&str; 4] = ["begin", "select", "insert", "if"];
    words.windows(2).any(|pair| match pair {
        [first, second] => first.is("else") && FIRST.iter().any(|each| second.is(each)),
        _ => false,
    })
}

fn statement(text: &str, words: &[Word<'_>]) -> Statement {
    let words = match words.iter().position(|word| !word.is(";")) {
        Some(first) => words.get(first..).unwrap_or_default(),
        None => return Statement::Other,
    };
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let any = |at: usize, texts: &[&str]| texts.iter().any(|text| is(at, text));
    let made = if is(0, "select") && assigns(words) {
        None
    } else if any(0, &["select", "sel", "with"]) {
        query(text, words)
    } else if is(0, "insert") && target(words, 0).is_some() {
        insert(text, words, 0)
    } else if any(0, &["create", "declare", "cache"]) {
        create(text, words)
    } else if is(0, "update") {
        written::update(text, words).map(|(name, query)| Statement::Update { name, query })
    } else if is(0, "drop") && any(1, &["table", "view"]) {
        let from = if is(2, "if") { 4 } else { 2 };
        name(words, from).map(|(name, _)| Statement::Drop(name))
    } else {
        None
    };
    made.unwrap_or(Statement::Other)
}

/// `SELECT … INTO #t FROM …`, `SELECT … FROM … INTO TEMP t`, or a query that puts its rows nowhere.
fn query(text: &str, words: &[Word<'_>]) -> Option<Statement> {
    let whole = part(text, words.first()?.start, words.last()?.end);
    for at in words::outside(words, 0..words.len()) {
        let word = words.get(at)?;
        if word.is("insert") && at > 0 {
            // `WITH … INSERT INTO #t SELECT …`
            return insert(text, words, at);
        } else if word.is("into") {
            let kinds = ["temp", "temporary", "local", "global", "unlogged", "table"];
            let is_kind =
                |at: usize| kinds.iter().any(|it| words.get(at).is_some_and(|word| word.is(it)));
            let mut from = at + 1;
            while is_kind(from) {
                from += 1;
            }
            let told =
                words.get(at + 1..from)?.iter().any(|it| it.is("temp") || it.is("temporary"));
            let (name, mut end) = name(words, from)?;
            if !told && !is_temporary(&name) {
                break;
            }
            let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
            if is(end, "with") && is(end + 1, "no") && is(end + 2, "log") {
                end += 3;
            }
            let first = words.first()?.start;
            let after = words
                .get(end)
                .map_or("", |next| part(text, next.start, words.last().map_or(0, |last| last.end)));
            let query = format!("{} {after}", part(text, first, word.start));
            return Some(Statement::Into { name, columns: Vec::new(), query, adds: false });
        }
    }
    Some(Statement::Query(whole.to_owned()))
}

/// `INSERT INTO t (a, b) SELECT …`, whose common table expressions may stand before it.
fn insert(text: &str, words: &[Word<'_>], at: usize) -> Option<Statement> {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let (name, mut next) = name(words, target(words, at)?)?;
    let mut columns = Vec::new();
    if is(next, "(") && !is(next + 1, "select") {
        let end = close(words, next)?;
        columns = names(words.get(next + 1..end)?);
        next = end + 1;
    }
    let query = words.get(next)?;
    if !["select", "sel", "with", "(", "exec", "execute"].iter().any(|each| query.is(each)) {
        return None;
    }
    let first = words.first()?.start;
    let before = part(text, first, words.get(at)?.start);
    let query = format!("{before} {}", part(text, query.start, words.last()?.end));
    Some(Statement::Into { name, columns, query, adds: true })
}

/// A name at an index, and the index after it.
pub(super) fn name(words: &[Word<'_>], mut at: usize) -> Option<(TableName, usize)> {
    let mut parts = vec![words.get(at).filter(|word| word.is_name())?.text.to_owned()];
    at += 1;
    while words.get(at).is_some_and(|word| word.is(".")) {
        at += 1;
        match words.get(at).filter(|word| word.is_name()) {
            Some(word) => {
                parts.push(word.text.to_owned());
                at += 1;
            }
            None => parts.push(String::new()),
        }
    }
    Some((TableName::from_parts(parts)?, at))
}

/// Names between commas.
fn names(words: &[Word<'_>]) -> Vec<String> {
    words.iter().filter(|word| word.is_name()).map(|word| word.text.to_owned()).collect()
}
