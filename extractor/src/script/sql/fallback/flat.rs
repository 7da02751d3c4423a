//! Tables and plain columns of a statement that could not be mended either, by its words alone.

use std::collections::BTreeSet;
use std::ops::Range;

use foldhash::HashMap;

use super::super::functions::is_made_of_arguments;
use super::super::words::WordKind;
use super::super::{Select, SelectColumn, Star, TableName, Unknown};
use super::alias::{AFTER_TABLE, is_hint};
use super::items::{first_item, item};
use super::shape::{Shape, is_clause_from};
use super::values::{self, Part};

/// Reads what can be read.
pub(super) fn read(shape: &Shape<'_>) -> Select {
    let mut reader = Reader {
        shape,
        select: Select::default(),
        ctes: cte_names(shape),
        known: HashMap::default(),
        aliases: HashMap::default(),
    };
    reader.tables();
    let words = shape.words;
    let select = &mut reader.select;
    if select.tables.is_empty()
        && select.unknown.is_empty()
        && let Some(from) = (0..words.len()).find(|index| is_clause_from(words, *index))
    {
        let end = words.len().min(from + 7);
        select.unknown.insert(Unknown::unseen(shape.spelled(&(from + 1..end))));
    }
    reader.columns();
    Select { fallback: true, ..reader.select }
}

struct Reader<'a> {
    shape: &'a Shape<'a>,
    select: Select,
    /// Names of common table expressions, lower-case.
    ctes: BTreeSet<String>,
    known: HashMap<TableName, usize>,
    /// Tables by their aliases and names, lower-case: the first that has one.
    aliases: HashMap<String, usize>,
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

/// Names that `WITH name AS (` or `WITH name (a, b) AS (` defines.
fn cte_names(shape: &Shape<'_>) -> BTreeSet<String> {
    let words = shape.words;
    if !words.iter().any(|word| word.is("with")) {
        return BTreeSet::new();
    }
    let is_cte = |at: &usize| {
        let listed = shape.close(at + 1).filter(|_| shape.is(at + 1, "("));
        let mut next = listed.map_or(at + 1, |close| close + 1);
        let told = shape.is(next, "as");
        while shape.any(next, &["as", "not", "materialized"]) {
            next += 1;
        }
        shape.is_name(*at) && told && shape.is(next, "(")
    };
    let found = (0..words.len()).filter(is_cte).filter_map(|at| shape.word(at));
    found.map(|word| word.text.to_lowercase()).collect()
}

impl Reader<'_> {
    /// Finds tables wherever they stand.
    fn tables(&mut self) {
        let shape = self.shape;
        // One entry per open parenthesis: whether tables may stand in it, and whether it stands
        // among the tables of the query around it.
        let mut queries = vec![(true, false)];
        let mut in_from = false;
        let mut index = 0;
        while let Some(word) = shape.word(index) {
            let is_query = queries.last().is_some_and(|(query, _)| *query);
            let before = |texts: &[&str]| index > 0 && shape.any(index - 1, texts);
            let mut next = index + 1;
            if word.is("(") {
                const TABLE: [&str; 8] =
                    ["from", "join", "apply", ",", "(", "lateral", "outer", "only"];
                let query = shape.any(next, &["select", "sel", "with", "("]);
                let tables = in_from && before(&TABLE);
                queries.push((query || tables, in_from));
                in_from &= tables;
                if tables && !query {
                    next = self.table(next);
                }
            } else if word.is(")") {
                if queries.len() > 1
                    && let Some((_, around)) = queries.pop()
                {
                    in_from = around;
                }
            } else if is_clause_from(shape.words, index) && is_query && !before(&["rows"]) {
                in_from = true;
                next = self.table(next);
            } else if (word.is("join") && !before(&["array"]))
                || word.is("apply")
                || (word.is(",") && in_from && is_query)
            {
                next = self.table(next);
            } else if CLAUSES.iter().any(|clause| word.is(clause)) {
                in_from = false;
            }
            index = next.max(index + 1);
        }
    }

    /// Reads a table's name at an index; the index after it and its alias.
    fn table(&mut self, mut at: usize) -> usize {
        let shape = self.shape;
        let end = shape.words.len();
        while shape.any(at, &["only", "lateral", "outer", "table"]) {
            at += 1;
        }
        if is_hint(shape, at, end) {
            at += 1;
        }
        // DB2: `FINAL TABLE (UPDATE t SET …)`
        if shape.any(at, &["final", "old", "new"]) && shape.is(at + 1, "table") {
            at += 3;
            at += usize::from(shape.any(at, &["update", "insert", "delete", "merge"]));
            at += usize::from(shape.any(at, &["into", "from"]));
        }
        if CLAUSES.iter().any(|clause| shape.is(at, clause))
            || (shape.is(at, "rows") && shape.is(at + 1, "from"))
        {
            return at;
        }
        let start = at;
        let mut parts: Vec<String> = Vec::new();
        while let Some(word) = shape.word(at).filter(|word| word.is_name()) {
            parts.push(word.text.to_owned());
            at += 1;
            let mut dots = 0;
            // `library/file` is how DB2 for i writes it.
            while shape.any(at, &[".", "/"]) {
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
        let first = lower.first().map_or("", String::as_str);
        // Oracle's table of one row counts as one that the statement makes, and so does
        // `FROM t a, a.items`.
        let is_made = match lower.len() {
            1 => first == "dual" || self.ctes.contains(first),
            _ => self.aliases.contains_key(first) && shape.qualifies(start),
        };
        let placeholder =
            shape.word(at + 1).is_some_and(|it| it.text.trim_matches('\'') == "PLACEHOLDER");
        let is_function = shape.is(at, "(") && !first.starts_with("_sys_bic") && !placeholder;
        if is_function && !is_made && !lower.last().is_some_and(|name| is_made_of_arguments(name)) {
            let literal = shape.word(at + 1).filter(|word| word.kind == WordKind::Text);
            let literal = literal.map(|word| word.text.trim_matches('\''));
            self.select.unknown.insert(Unknown::function(&parts.join("."), literal));
        }
        if is_made || is_function {
            return at;
        }
        let Some(name) = TableName::from_parts(parts) else { return at };
        let select = &mut self.select;
        select.first.get_or_insert_with(|| name.table.clone());
        let index = *self.known.entry(name).or_insert_with_key(|name| {
            select.tables.push(name.clone());
            select.tables.len() - 1
        });
        let alias_at = at + usize::from(shape.is(at, "as"));
        let alias = shape
            .word(alias_at)
            .filter(|word| word.is_name() && !AFTER_TABLE.iter().any(|after| word.is(after)));
        if let Some(alias) = alias {
            self.aliases.entry(alias.text.to_lowercase()).or_insert(index);
            at = alias_at + 1;
        }
        if let Some(name) = lower.into_iter().next_back() {
            self.aliases.entry(name).or_insert(index);
        }
        at
    }

    /// Columns of the outermost select list: those whose table is certain.
    fn columns(&mut self) {
        let shape = self.shape;
        let end = shape.words.len();
        // With common table expressions the first list is not the result's.
        if shape.is(0, "with") {
            return;
        }
        let start = (0..end).find(|at| shape.any(*at, &["select", "sel"]));
        let Some(start) = start.map(|start| first_item(shape, start + 1, end)) else { return };
        let to = shape.top(start..end).find(|at| is_clause_from(shape.words, *at));
        for range in shape.split(start..to.unwrap_or(end)) {
            self.item(&range);
        }
    }

    fn item(&mut self, range: &Range<usize>) {
        let shape = self.shape;
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return;
        };
        let select = &mut self.select;
        let of = |at: usize| {
            let name = shape.word(at)?.text.to_lowercase();
            self.aliases.get(&name).copied()
        };
        if shape.is(last, "*") && (range.len() == 1 || shape.is(last - 1, ".")) {
            let named = (range.len() == 3).then(|| of(range.start));
            for table in 0..select.tables.len() {
                if named.is_none_or(|named| named == Some(table)) {
                    let side = (named.is_none() && select.tables.len() > 1).then_some((1, table));
                    select.stars.push(Star { table, side, ..Star::default() });
                }
            }
            return;
        }
        let item = item(shape, range);
        let single_table = select.tables.len() == 1;
        let mut origins = BTreeSet::new();
        let nested = item.body.clone().any(|at| shape.is(at, "select"));
        for part in values::parts(shape, &item.body) {
            let Part::Column(path) = part else { continue };
            let table = match path.len() {
                _ if nested => None,
                1 => Some(0).filter(|_| single_table),
                _ => path.end.checked_sub(3).and_then(of),
            };
            let name = path.end.checked_sub(1).and_then(|at| shape.word(at));
            origins.extend(table.zip(name).map(|(table, name)| (table, name.text.to_owned())));
        }
        let plain = shape.path(item.body.start, item.body.end) == Some(item.body.end);
        let name = item.name.unwrap_or_else(|| shape.spelled(range));
        let expression = (!plain).then(|| shape.spelled(&item.body));
        select.columns.push(SelectColumn { name, origins, expression });
    }
}
