//! What some databases spell in a way of their own and the parser does not know, put the common way.
//! Only what says nothing of where values come from is left out.

use std::collections::BTreeMap;

use super::prepare::comparison;
use super::words::{MAX_CALL, Word, WordKind, close, is};
use super::{
    arguments, clauses, clickhouse, crosstab, flashback, hana, hints, informix, joins, marks, soql,
    teradata,
};
use crate::script::lex::part;

/// The text with common spellings; `None` when it has no other.
pub(super) fn common(text: &str, words: &[Word<'_>], dialect: Option<&str>) -> Option<String> {
    let teradata = dialect == Some("teradata") || teradata::speaks(words);
    let named_final = clickhouse::names_final(words);
    let hana = dialect == Some("hana");
    let walked = clauses::walked(words);
    let soql = dialect == Some(super::SOQL);
    let any = |at: usize| {
        let it = spelling(words, at).or_else(|| library(text, words, at));
        let it = it.or_else(|| lateral_view(text, words, at));
        let it = it.or_else(|| Some((flashback::clause(words, at)?, String::new())));
        let it = it.or_else(|| Some((hints::clause(words, at)?, String::new())));
        let it = it.or_else(|| joins::spelling(words, at));
        let it = it.or_else(|| crosstab::nested(text, words, at));
        let it = it.or_else(|| arguments::spelling(words, at));
        let it = it.or_else(|| clauses::spelling(text, words, at));
        let it = it.or_else(|| hana::spelling(text, words, at, hana));
        let it = it.or_else(|| informix::spelling(words, at));
        let it = it.or_else(|| clickhouse::spelling(words, at, named_final));
        it.or_else(|| teradata::spelling(words, at, teradata))
    };
    replace(text, words, |at| {
        if soql {
            return soql::spelling(words, at);
        }
        if !walked.is_empty()
            && let Some(walk) = clauses::walk(words, at, &walked)
        {
            return Some(walk);
        }
        if may_start(words, at) {
            return any(at);
        }
        debug_assert!(any(at).is_none(), "{:?} starts a spelling", words.get(at));
        None
    })
}

/// Words that some spelling starts with, in order.
#[rustfmt::skip]
const STARTS: [&str; 108] = [
    "all", "any", "apply", "approximate", "as", "asc", "asof", "asymmetric", "at", "ccsid",
    "character", "columns", "concat", "connect_by_root", "containing", "content", "current",
    "cycle", "day", "days", "default", "desc", "distribute", "document", "eq", "error", "exact",
    "exception", "final", "first", "format", "fraction", "from", "ge", "global", "gt", "hash",
    "holdlock", "hour", "hours", "identifier", "interval", "keep", "lateral", "le",
    "locate_regexpr", "loop", "lt", "many", "map", "merge", "microsecond", "microseconds",
    "minute", "minutes", "mod", "model", "month", "months", "name", "ne", "new", "next",
    "nocycle", "noholdlock", "not", "null", "occurrences_regexpr", "old", "on", "one",
    "opendatasource", "outer", "parse", "partition", "previous", "remote", "replace_regexpr",
    "reset", "returning", "row", "rows", "sample", "search", "second", "seconds", "siblings",
    "skip", "sort", "sounds", "starting", "subpartition", "substr", "substr_regexpr",
    "substring_regexpr", "symmetric", "table", "timeseries", "title", "trim", "try_parse",
    "unique", "units", "using", "versions", "with", "year", "years",
];

/// Whether a spelling may start at an index: hardly any word of a statement does, and each is asked.
fn may_start(words: &[Word<'_>], at: usize) -> bool {
    let Some(word) = words.get(at) else { return false };
    let is_library = || words.get(at + 1).is_some_and(|next| next.is("/"));
    match word.kind {
        WordKind::Number | WordKind::Text => false,
        // A hint of Impala's may look like a name.
        WordKind::Quoted => {
            is_library() || at.checked_sub(1).is_some_and(|it| is(words, it, "join"))
        }
        WordKind::Symbol => matches!(word.text, "(" | "," | "[" | ":" | "*" | "=" | "{" | "^"),
        WordKind::Bare => {
            let letters = || word.text.bytes().map(|byte| byte.to_ascii_lowercase());
            STARTS.binary_search_by(|start| start.bytes().cmp(letters())).is_ok() || is_library()
        }
    }
}

/// The text with `CONVERT(type, value, style)` as `CAST(value AS type)`; `None` when it has none.
pub(super) fn casts(text: &str, words: &[Word<'_>]) -> Option<String> {
    let comma_or_end = |from: usize| {
        let mut depth = 0_usize;
        words.iter().enumerate().skip(from).take(MAX_CALL).find_map(|(index, word)| {
            if word.is("(") {
                depth += 1;
            } else if word.is(")") && depth > 0 {
                depth -= 1;
            } else if depth == 0 && (word.is(")") || word.is(",")) {
                return Some(index);
            }
            None
        })
    };
    // Ends of values, and what stands there instead of the rest of the call.
    let mut ends: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    replace(text, words, |at| {
        if let Some(end) = ends.remove(&at) {
            return Some(end);
        }
        let comma = marks::type_first(words, at)?;
        let end = comma_or_end(comma + 1)?;
        let last = close(words, at + 1)?;
        let type_start = words.get(at + 2)?.start;
        let r#type = part(text, type_start, words.get(comma)?.start).trim();
        ends.insert(end, (last, format!("AS {type})")));
        Some((comma, "CAST(".to_owned()))
    })
}

/// The text with some runs of words replaced: for the index of a first word, that of the last one
/// and what stands for them.
fn replace(
    text: &str,
    words: &[Word<'_>],
    mut instead: impl FnMut(usize) -> Option<(usize, String)>,
) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    let mut index = 0;
    while index < words.len() {
        let Some((end, replacement)) = instead(index) else {
            index += 1;
            continue;
        };
        let (Some(first), Some(last)) = (words.get(index), words.get(end)) else { break };
        out.push_str(part(text, from, first.start));
        out.push(' ');
        out.push_str(&replacement);
        out.push(' ');
        from = last.end;
        index = end + 1;
    }
    if from == 0 {
        return None;
    }
    out.push_str(part(text, from, text.len()));
    Some(out)
}

/// DB2 for i: `FROM LIBRARY/FILE`.
fn library(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let three = words.get(at..at + 3)?;
    let [library, slash, file] = three else { return None };
    // `@stage/folder/file` is one of Snowflake's.
    let is_path = library.is_name()
        && !library.text.starts_with('@')
        && slash.is("/")
        && file.is_name()
        && library.end == slash.start
        && slash.end == file.start;
    if !is_path || !stands_for_table(words, at) {
        return None;
    }
    let name = |word: &Word<'_>| part(text, word.start, word.end).to_owned();
    Some((at + 2, format!("{}.{}", name(library), name(file))))
}

/// Whether the word at an index is where `FROM` has a table.
pub(super) fn stands_for_table(words: &[Word<'_>], at: usize) -> bool {
    let before = words.get(..at).unwrap_or_default();
    if before.last().is_some_and(|word| word.is("from") || word.is("join")) {
        return true;
    }
    // `FROM A/B X, C/D Y`
    before.last().is_some_and(|word| word.is(","))
        && before
            .iter()
            .rev()
            .take(12)
            .find(|word| {
                !(word.is_name() || [",", "/", ".", ":"].iter().any(|it| word.is(it)))
                    || word.is("from")
            })
            .is_some_and(|word| word.is("from"))
}

/// Hive and Spark: `LATERAL VIEW OUTER explode(list) view AS element`, which may stand between
/// joins.
fn lateral_view(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    const ENDS: [&str; 17] = [
        "lateral",
        "join",
        "inner",
        "left",
        "right",
        "full",
        "cross",
        "semi",
        "anti",
        "where",
        "group",
        "having",
        "order",
        "union",
        "limit",
        "cluster",
        "distribute",
    ];
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let name = |index: usize| {
        let word = words.get(index).filter(|word| word.is_name() && !word.is("as"))?;
        (!ENDS.iter().any(|end| word.is(end))).then(|| part(text, word.start, word.end))
    };
    if !(is(at, "lateral") && is(at + 1, "view")) {
        return None;
    }
    let function = at + 2 + usize::from(is(at + 2, "outer"));
    let open = (function..function + 4).find(|&index| is(index, "("))?;
    let mut end = close(words, open)?;
    let call = part(text, words.get(function)?.start, words.get(end)?.end);
    let view = name(end + 1);
    end += usize::from(view.is_some());
    let mut columns = Vec::new();
    if is(end + 1, "as") {
        while let Some(column) = name(end + 2).filter(|_| is(end + 1, "as") || is(end + 1, ",")) {
            columns.push(column);
            end += 2;
        }
    }
    let alias = match (view, columns.as_slice()) {
        (Some(view), []) => format!(" AS {view}"),
        (Some(view), columns) => format!(" AS {view}({})", columns.join(", ")),
        (None, []) => String::new(),
        (None, columns) => format!(" AS lateral_view({})", columns.join(", ")),
    };
    Some((end, format!("CROSS JOIN LATERAL {call}{alias}")))
}

/// Index of the last word of a spelling that starts at an index, and what stands for it.
fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let any = |index: usize, texts: &[&str]| texts.iter().any(|text| is(index, text));
    let before = |texts: &[&str]| at.checked_sub(1).is_some_and(|index| any(index, texts));
    let nothing = |end: usize| Some((end, String::new()));
    // Oracle: `SELECT UNIQUE`, `KEEP (DENSE_RANK LAST ORDER BY d)`, `ON OVERFLOW TRUNCATE '…'`.
    if is(at, "unique") && before(&["select"]) {
        return Some((at, "distinct".to_owned()));
    }
    if is(at, "keep") && is(at + 1, "(") && is(at + 2, "dense_rank") {
        return nothing(close(words, at + 1)?);
    }
    if is(at, "on") && is(at + 1, "overflow") && any(at + 2, &["truncate", "error"]) {
        let end = (at + 3..at + 16).find(|&end| is(end, ")"))?;
        return nothing(end - 1);
    }
    // DB2: `FROM a, TABLE (SELECT …) b`
    if is(at, "table") && is(at + 1, "(") && is(at + 2, "select") && before(&["from", "join", ","])
    {
        return Some((at, "lateral".to_owned()));
    }
    if is(at, "connect_by_root") && words.get(at + 1).is_some_and(Word::is_name) {
        return nothing(at);
    }
    // Snowflake: `IDENTIFIER('db.schema.table')`, `TABLE('db.schema.table')`.
    let is_text = |index: usize| words.get(index).is_some_and(|it| it.kind == WordKind::Text);
    if (is(at, "identifier") || (is(at, "table") && before(&["from", "join", ","])))
        && is(at + 1, "(")
        && is_text(at + 2)
        && is(at + 3, ")")
    {
        return Some((at + 3, words.get(at + 2)?.text.trim_matches('\'').to_owned()));
    }
    // Oracle: `ORDER SIBLINGS BY`, `CONNECT BY NOCYCLE`, the cells of a `MODEL`.
    if (is(at, "siblings") && before(&["order"])) || (is(at, "nocycle") && before(&["by"])) {
        return nothing(at);
    }
    const MODEL: [&str; 7] =
        ["partition", "dimension", "reference", "ignore", "keep", "unique", "return"];
    if is(at, "model") && any(at + 1, &MODEL) {
        return nothing(model(words, at));
    }
    // `CAST(a AS VARCHAR(10) CHARACTER SET LATIN)`
    if is(at, "character") && is(at + 1, "set") && words.get(at + 2).is_some_and(Word::is_name) {
        return nothing(at + 2);
    }
    // DB2: `CURRENT DATE - 30 DAYS`, `CURRENT SERVER`.
    const REGISTERS: [&str; 8] =
        ["date", "time", "timestamp", "user", "server", "schema", "sqlid", "path"];
    if is(at, "current") && any(at + 1, &REGISTERS) && !is(at + 2, "zone") && !before(&["."]) {
        return Some((at + 1, format!("current_{}", words.get(at + 1)?.text)));
    }
    const UNITS: [&str; 14] = [
        "year",
        "years",
        "month",
        "months",
        "day",
        "days",
        "hour",
        "hours",
        "minute",
        "minutes",
        "second",
        "seconds",
        "microsecond",
        "microseconds",
    ];
    let counted = at.checked_sub(2).is_some_and(|sign| any(sign, &["+", "-"]))
        && words.get(at - 1).is_some_and(|word| word.kind == WordKind::Number)
        // `INTERVAL -1 DAY` is everybody's.
        && !at.checked_sub(3).is_some_and(|interval| is(interval, "interval"));
    if counted && any(at, &UNITS) {
        return nothing(at);
    }
    let left = at.checked_sub(1).and_then(|index| words.get(index));
    // Behind ODBC's `{fn` is a call.
    let left = left.filter(|it| it.is(")") || it.is("]") || (is_operand(it) && !it.is("fn")));
    let right = words.get(at + 1).filter(|it| is_operand(it));
    let touches = words.get(at).zip(words.get(at + 1)).is_some_and(|(a, b)| a.end == b.start);
    // DB2: `a CONCAT b`. Teradata: `a MOD b`, `a ** b`, `a NE 3`. Sybase: `a *= b`.
    // `d MOD (e)`, but `TOP 10 mod (d, 2)`.
    let left_is_column = left.is_some_and(|it| it.kind != WordKind::Number);
    let parenthesis = left_is_column && is(at, "mod") && is(at + 1, "(");
    if left.is_some() && (right.is_some() || parenthesis) && any(at, &["concat", "mod"]) {
        return Some((at, if is(at, "mod") { "%" } else { "||" }.to_owned()));
    }
    if left.is_some() && is(at, "*") && any(at + 1, &["*", "="]) && touches {
        return Some((at + 1, if is(at + 1, "*") { "*" } else { "=" }.to_owned()));
    }
    if left.is_some() && is(at, "=") && is(at + 1, "*") && touches {
        return Some((at + 1, "=".to_owned()));
    }
    if left.is_some()
        && let Some(sign) = words.get(at).and_then(comparison)
        && right.is_some_and(|it| matches!(it.kind, WordKind::Number | WordKind::Text))
    {
        return Some((at, sign.to_owned()));
    }
    // `NTH_VALUE(a, 2) FROM FIRST OVER (…)`
    let over = ["over", "respect", "ignore"];
    if is(at, "from") && any(at + 1, &["first", "last"]) && any(at + 2, &over) && before(&[")"]) {
        return nothing(at + 1);
    }
    // SQL Server: `INNER HASH JOIN`.
    if any(at, &["loop", "hash", "merge", "remote"])
        && is(at + 1, "join")
        && before(&["inner", "left", "right", "full", "outer"])
    {
        return nothing(at);
    }
    None
}

/// Last word of a `MODEL` clause: an `ORDER BY` after it stays.
fn model(words: &[Word<'_>], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(at) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            if depth == 0 {
                return index - 1;
            }
            depth -= 1;
        } else if depth == 0 && word.is("order") {
            return index - 1;
        }
    }
    words.len() - 1
}

/// Whether a word can be a column or a value: it is no keyword that stands next to one.
pub(super) fn is_operand(word: &Word<'_>) -> bool {
    const KEYWORDS: [&str; 49] = [
        "select", "sel", "distinct", "all", "as", "from", "where", "and", "or", "not", "on", "by",
        "when", "then", "else", "case", "end", "in", "is", "like", "ilike", "rlike", "regexp",
        "between", "having", "group", "order", "union", "join", "left", "right", "inner", "full",
        "cross", "outer", "natural", "qualify", "over", "top", "values", "with", "using", "cast",
        "set", "limit", "fetch", "for", "asc", "desc",
    ];
    match word.kind {
        WordKind::Symbol => false,
        WordKind::Bare => !KEYWORDS.iter().any(|keyword| word.is(keyword)),
        WordKind::Quoted | WordKind::Text | WordKind::Number => true,
    }
}

#[cfg(test)]
mod tests;
