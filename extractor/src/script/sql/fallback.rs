//! Tables and plain columns of a statement that no parser took.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::expression::is_pseudo;
use super::functions::{is_made_of_arguments, is_unit, takes_unit};
use super::words::{Word, WordKind};
use super::{Select, SelectColumn, Star, TableName, Unknown};

/// Reads what can be read.
pub(super) fn read(words: &[Word<'_>]) -> Select {
    let mut select = Select { fallback: true, ..Select::default() };
    let ctes = cte_names(words);
    // One entry per open parenthesis: whether it holds a query of its own, and whether it stands in
    // the tables of the query around it.
    let mut queries = vec![(true, false)];
    let mut aliases: Vec<(String, usize)> = Vec::new();
    let mut known = HashMap::default();
    let before = |index: usize| index.checked_sub(1).and_then(|before| words.get(before));
    let is_query = |queries: &[(bool, bool)]| queries.last().is_some_and(|(query, _)| *query);
    let mut in_from = false;
    let mut index = 0;
    while let Some(word) = words.get(index) {
        let mut next = index + 1;
        if word.is("(") {
            let query = words
                .get(index + 1)
                .is_some_and(|inner| inner.is("select") || inner.is("with") || inner.is("("));
            queries.push((query || in_from, in_from));
        } else if word.is(")") {
            if queries.len() > 1
                && let Some((_, around)) = queries.pop()
            {
                in_from = around;
            }
        } else if is_clause_from(words, index) && is_query(&queries) {
            in_from = true;
            next = table(words, index + 1, &ctes, &mut select, &mut known, &mut aliases);
        } else if (word.is("join") && !before(index).is_some_and(|it| it.is("array")))
            || word.is("apply")
            || (word.is(",") && in_from && is_query(&queries))
        {
            next = table(words, index + 1, &ctes, &mut select, &mut known, &mut aliases);
        } else if CLAUSES.iter().any(|clause| word.is(clause)) {
            in_from = false;
        }
        index = next.max(index + 1);
    }
    if select.tables.is_empty()
        && select.unknown.is_empty()
        && let Some(from) = (0..words.len()).find(|index| is_clause_from(words, *index))
    {
        let rest = words.get(from + 1..).unwrap_or_default();
        let rest: Vec<&str> = rest.iter().take(6).map(|word| word.text).collect();
        let reason = "the SQL could not be parsed, and no table is seen in it".to_owned();
        select.unknown.insert(Unknown { name: rest.join(" "), reason });
    }
    columns(words, &mut select, &aliases);
    select
}

/// Whether a word is the `FROM` before tables, and not that of `IS DISTINCT FROM b`.
fn is_clause_from(words: &[Word<'_>], at: usize) -> bool {
    let is = |index: Option<usize>, text: &str| {
        index.and_then(|index| words.get(index)).is_some_and(|word| word.is(text))
    };
    let compares = is(at.checked_sub(1), "distinct")
        && (is(at.checked_sub(2), "is") || is(at.checked_sub(2), "not"));
    is(Some(at), "from") && !compares
}

const CLAUSES: [&str; 16] = [
    "select",
    "where",
    "group",
    "order",
    "having",
    "on",
    "union",
    "limit",
    "qualify",
    "window",
    "set",
    "except",
    "intersect",
    "minus",
    "connect",
    "fetch",
];

/// Words that may follow a table and are no alias of it.
const AFTER_TABLE: [&str; 22] = [
    "where", "group", "order", "having", "on", "union", "limit", "join", "inner", "left", "right",
    "full", "outer", "cross", "natural", "using", "with", "as", "qualify", "for", "fetch", "final",
];

/// Names that `WITH name AS (` defines.
fn cte_names(words: &[Word<'_>]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if !words.iter().any(|word| word.is("with")) {
        return names;
    }
    for three in words.windows(3) {
        if let [name, r#as, open] = three
            && name.is_name()
            && r#as.is("as")
            && open.is("(")
        {
            names.insert(name.text.to_lowercase());
        }
    }
    names
}

/// Reads a table's name at an index; the index after it and its alias.
fn table(
    words: &[Word<'_>],
    mut at: usize,
    ctes: &BTreeSet<String>,
    select: &mut Select,
    known: &mut HashMap<TableName, usize>,
    aliases: &mut Vec<(String, usize)>,
) -> usize {
    let skip = ["only", "lateral", "outer", "table"];
    while words.get(at).is_some_and(|word| skip.iter().any(|each| word.is(each))) {
        at += 1;
    }
    let mut parts: Vec<String> = Vec::new();
    while let Some(word) = words.get(at).filter(|word| word.is_name()) {
        if parts.is_empty() && CLAUSES.iter().any(|clause| word.is(clause)) {
            return at;
        }
        parts.push(word.text.to_owned());
        at += 1;
        let mut dots = 0;
        // `library/file` is how DB2 for i writes it.
        while words.get(at).is_some_and(|dot| dot.is(".") || dot.is("/")) {
            at += 1;
            dots += 1;
        }
        if dots == 0 {
            break;
        }
        // `db..table`: the schema left out.
        parts.extend((1..dots).map(|_| String::new()));
    }
    if parts.is_empty() {
        return at;
    }
    let lower: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    // Oracle's table of one row counts as one that the statement makes.
    let is_cte =
        lower.len() == 1 && lower.first().is_some_and(|name| name == "dual" || ctes.contains(name));
    let is_function = words.get(at).is_some_and(|word| word.is("("))
        && lower.first().is_none_or(|schema| !schema.starts_with("_sys_bic"))
        && words.get(at + 1).is_none_or(|it| it.text.trim_matches('\'') != "PLACEHOLDER");
    let mut index = None;
    if is_function && !is_cte && !lower.last().is_some_and(|name| is_made_of_arguments(name)) {
        let literal = words.get(at + 1).filter(|word| word.kind == WordKind::Text);
        let literal = literal.map(|word| word.text.trim_matches('\''));
        select.unknown.insert(Unknown::function(&parts.join("."), literal));
    }
    if !is_cte
        && !is_function
        && let Some(name) = TableName::from_parts(parts)
    {
        if select.first.is_none() {
            select.first = Some(name.table.clone());
        }
        index = Some(*known.entry(name).or_insert_with_key(|name| {
            select.tables.push(name.clone());
            select.tables.len() - 1
        }));
    }
    let mut alias_at = at + usize::from(words.get(at).is_some_and(|word| word.is("as")));
    let alias = words
        .get(alias_at)
        .filter(|word| word.is_name() && !AFTER_TABLE.iter().any(|after| word.is(after)));
    if let Some(index) = index {
        match alias {
            Some(alias) => {
                aliases.push((alias.text.to_lowercase(), index));
                alias_at += 1;
            }
            None => alias_at = at,
        }
        if let Some(name) = lower.last() {
            aliases.push((name.clone(), index));
        }
        return alias_at.max(at);
    }
    at
}

/// Columns of the outermost select list: those whose table is certain.
fn columns(words: &[Word<'_>], select: &mut Select, aliases: &[(String, usize)]) {
    let Some(start) = words.iter().position(|word| word.is("select") || word.is("sel")) else {
        return;
    };
    // With common table expressions the first list is not the result's.
    let simple = !words.iter().any(|word| {
        word.is("with") && words.first().is_some_and(|first| first.start == word.start)
    });
    if !simple {
        return;
    }
    let mut depth = 0_usize;
    let mut items: Vec<(usize, usize)> = Vec::new();
    let mut from = start + 1;
    while words.get(from).is_some_and(|word| word.is("distinct") || word.is("all")) {
        from += 1;
    }
    if words.get(from).is_some_and(|word| word.is("top")) {
        // `TOP 10`, `TOP (10) PERCENT`
        from += 2;
        while words
            .get(from)
            .is_some_and(|word| word.kind == WordKind::Number || word.is(")") || word.is("percent"))
        {
            from += 1;
        }
    }
    let mut end = words.len();
    for (index, word) in words.iter().enumerate().skip(from) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && word.is(",") {
            items.push((from, index));
            from = index + 1;
        } else if depth == 0 && is_clause_from(words, index) {
            end = index;
            break;
        }
    }
    items.push((from, end));
    for (from, to) in items {
        item(words.get(from..to).unwrap_or_default(), select, aliases);
    }
}

fn item(words: &[Word<'_>], select: &mut Select, aliases: &[(String, usize)]) {
    let Some(last) = words.last() else { return };
    if last.is("*") {
        let qualifier = words.first().filter(|_| words.len() == 3);
        for table in 0..select.tables.len() {
            let named = qualifier
                .is_none_or(|qualifier| aliases.contains(&(qualifier.text.to_lowercase(), table)));
            if named {
                let side = (qualifier.is_none() && select.tables.len() > 1).then_some((1, table));
                select.stars.push(Star { table, side, ..Star::default() });
            }
        }
        return;
    }
    let has_as = words.len() > 2 && words.get(words.len() - 2).is_some_and(|word| word.is("as"));
    let bare_alias = !has_as
        && words.len() > 1
        && last.is_name()
        && words.get(words.len() - 2).is_some_and(|before| {
            before.is_name()
                || before.is(")")
                || matches!(before.kind, WordKind::Text | WordKind::Number)
        });
    let body = if has_as {
        words.get(..words.len() - 2)
    } else if bare_alias {
        words.get(..words.len() - 1)
    } else {
        Some(words)
    };
    let body = body.unwrap_or_default();
    let mut origins = BTreeSet::new();
    let single_table = select.tables.len() == 1;
    let nested = body.iter().any(|word| word.is("select"));
    let parameters = parameters(body);
    // What decides between values is no origin.
    let mut condition = false;
    for (index, word) in body.iter().enumerate() {
        if word.is("case") || word.is("when") {
            condition = true;
        } else if word.is("then") || word.is("else") || word.is("end") {
            condition = false;
        }
        let after = |text: &str| body.get(index + 1).is_some_and(|next| next.is(text));
        let before_dot = index > 0 && body.get(index - 1).is_some_and(|before| before.is("."));
        if nested
            || condition
            || !word.is_name()
            || after("(")
            || after(".")
            || after("from")
            || is_keyword(word)
            || in_type(body, index)
        {
            continue;
        }
        if before_dot {
            let qualifier = index.checked_sub(2).and_then(|at| body.get(at));
            let table = qualifier.and_then(|qualifier| {
                let name = qualifier.text.to_lowercase();
                aliases.iter().find(|(alias, _)| *alias == name).map(|&(_, table)| table)
            });
            origins.extend(table.map(|table| (table, word.text.to_owned())));
        } else if single_table && !parameters.contains(word.text) && !is_syntax(body, index) {
            origins.insert((0, word.text.to_owned()));
        }
    }
    let plain = body.iter().all(|word| word.is_name() || word.is("."));
    let text =
        |words: &[Word<'_>]| words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
    let name = if has_as || bare_alias || plain { last.text.to_owned() } else { text(body) };
    let expression = (!plain).then(|| text(body));
    select.columns.push(SelectColumn { name, origins, expression });
}

/// Whether a word is of a type: `CAST(x AS type …)`.
fn in_type(body: &[Word<'_>], at: usize) -> bool {
    let before = body.get(..at).unwrap_or_default();
    let mut depth = 0_usize;
    for word in before.iter().rev().take(16) {
        if word.is(")") {
            depth += 1;
        } else if word.is("(") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && word.is("as") {
            return true;
        }
    }
    false
}

/// Parameters of lambdas: `x -> …`. A literal after the arrow is a key of JSON.
fn parameters<'a>(body: &[Word<'a>]) -> BTreeSet<&'a str> {
    body.windows(4)
        .filter_map(|four| match four {
            [name, minus, greater, next] if minus.is("-") && greater.is(">") => {
                (name.kind == WordKind::Bare && next.kind != WordKind::Text).then_some(name.text)
            }
            _ => None,
        })
        .collect()
}

/// Whether a word stands next to another word or a literal: of a syntax that is not known, either
/// may be a keyword.
fn is_syntax(body: &[Word<'_>], at: usize) -> bool {
    let beside = |word: &&Word<'_>| {
        word.is("case")
            || matches!(word.kind, WordKind::Text | WordKind::Number)
            || (word.is_name() && !is_keyword(word))
    };
    let before = at.checked_sub(1).and_then(|before| body.get(before));
    let next = body.get(at + 1);
    let call = at.checked_sub(2).and_then(|call| body.get(call));
    let unit = call.is_some_and(|call| takes_unit(call.text))
        && body.get(at).is_some_and(|word| is_unit(word.text));
    let pseudo = body.get(at).is_some_and(|it| it.kind == WordKind::Bare && is_pseudo(it.text));
    unit || pseudo || before.filter(beside).is_some() || next.filter(beside).is_some()
}

fn is_keyword(word: &Word<'_>) -> bool {
    const WORDS: [&str; 26] = [
        "concat",
        "from",
        "case",
        "when",
        "then",
        "else",
        "end",
        "and",
        "or",
        "not",
        "is",
        "null",
        "in",
        "like",
        "between",
        "as",
        "over",
        "partition",
        "by",
        "order",
        "distinct",
        "interval",
        "asc",
        "desc",
        "top",
        "using",
    ];
    word.kind == WordKind::Bare && WORDS.iter().any(|keyword| word.is(keyword))
}
