//! Open SQL, the SQL of ABAP, as Qlik's connectors for SAP take it: lists without commas, `a~b` for a
//! column `b` of `a`, comparisons by words, and clauses that say nothing of where values come from.

use std::collections::HashSet;

use super::prepare::comparison;
use super::spellings::is_operand;
use super::words::{Word, close};
use crate::script::lex::part;

/// What [`super::dialect_of`] calls it.
pub(crate) const NAME: &str = "sap";

/// What a statement is, by its text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Open SQL; the same in common SQL.
    Open(String),
    /// `SELECT a b FROM t`: two columns of Open SQL, or a column and its alias.
    Doubtful(String, String),
    Other,
}

/// Reads a statement. `dialect`: the connection's, if it tells.
pub(super) fn read(text: &str, words: &[Word<'_>], dialect: Option<&str>) -> Reading {
    if !words.first().is_some_and(|word| word.is("select")) {
        return Reading::Other;
    }
    // Newer releases take any expressions, between commas.
    let list = List::read(words).unwrap_or_else(|| List::of_expressions(words));
    let is_sap = dialect == Some(NAME);
    let may_be = is_sap || dialect.is_none();
    let sure = is_sap || (may_be && (list.missing.len() >= 2 || list.is_told));
    if !sure && !(may_be && (has_clause(words) || has_tilde(words))) {
        return match &list.pair {
            Some((first, second)) if may_be => {
                // Teradata compares by words, too, but is known by more than that.
                let compared = words.iter().skip(list.end).any(|word| comparison(word).is_some());
                if compared {
                    open(text, words, &list)
                } else {
                    Reading::Doubtful(first.clone(), second.clone())
                }
            }
            _ => Reading::Other,
        };
    }
    open(text, words, &list)
}

/// The list of a query, as far as it is one of Open SQL.
struct List {
    /// Indices of the words before which a comma is missing.
    missing: Vec<usize>,
    /// Two names and nothing else.
    pair: Option<(String, String)>,
    /// Whether an element has an alias or is told by its table, and no comma comes after it.
    is_told: bool,
    /// Index of `FROM`.
    end: usize,
}

impl List {
    fn of_expressions(words: &[Word<'_>]) -> Self {
        let end = words.iter().position(|word| word.is("from")).unwrap_or(words.len());
        Self { missing: Vec::new(), pair: None, is_told: false, end }
    }

    fn read(words: &[Word<'_>]) -> Option<Self> {
        // They do not stand between columns without a comma.
        const OTHERS: [&str; 24] = [
            "glob",
            "match",
            "regexp",
            "high_priority",
            "sql_calc_found_rows",
            "sql_no_cache",
            "distinctrow",
            "connect_by_root",
            "prior",
            "current",
            "unique",
            "into",
            "at",
            "collate",
            "interval",
            "over",
            "bulk",
            "straight_join",
            "mod",
            "div",
            "xor",
            "concat",
            "similar",
            "overlaps",
        ];
        const AGGREGATES: [&str; 5] = ["max", "min", "avg", "sum", "count"];
        let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
        let mut at = 1;
        while is(at, "distinct") || (is(at, "single") && is_single(words, at)) {
            at += 1;
        }
        let mut list = Self { missing: Vec::new(), pair: None, is_told: false, end: 0 };
        let mut names: Vec<&str> = Vec::new();
        let mut plain = true;
        let mut before_is_told = false;
        let mut comma = true;
        while !is(at, "from") {
            if let Some(end) = clause(words, at) {
                at = end + 1;
                continue;
            }
            if is(at, ",") && !comma {
                (at, comma, plain) = (at + 1, true, false);
                continue;
            }
            let word = words.get(at)?;
            if !comma {
                list.missing.push(at);
                list.is_told |= before_is_told;
            }
            comma = false;
            before_is_told = false;
            if is(at, "*") {
                // All columns: nothing else is in a list of Open SQL.
                let alone = list.missing.is_empty() && !is(at + 1, ",");
                (at, plain) = (clause(words, at + 1).unwrap_or(at) + 1, false);
                if !alone || !is(at, "from") {
                    return None;
                }
                continue;
            }
            let start = at;
            at = name_end(words, at)?;
            if at == start && (!is_operand(word) || OTHERS.iter().any(|other| word.is(other))) {
                return None;
            }
            plain &= at == start;
            if at == start && is(at + 1, "~") && name_end(words, at + 2).is_some() {
                at = name_end(words, at + 2)?;
                (plain, before_is_told) = (false, true);
            }
            if is(at + 1, "(") {
                if !AGGREGATES.iter().any(|name| word.is(name)) {
                    return None;
                }
                (at, plain) = (close(words, at + 1)?, false);
            }
            if is(at + 1, "as") {
                at = name_end(words, at + 2)?;
                (plain, before_is_told) = (false, true);
            }
            names.push(word.text);
            at += 1;
        }
        list.end = at;
        // A comma that came after elements without: no list of either kind.
        let commas = words.get(..at)?.iter().any(|word| word.is(","));
        if commas && !list.missing.is_empty() {
            return None;
        }
        if plain && let [first, second] = names.as_slice() {
            list.pair = Some(((*first).to_owned(), (*second).to_owned()));
        }
        Some(list)
    }
}

/// Index of the last word of a name, which may be in a namespace: `/BIC/PMATERIAL`.
fn name_end(words: &[Word<'_>], at: usize) -> Option<usize> {
    if words.get(at)?.is_name() {
        return Some(at);
    }
    let [slash, space, second, name] = words.get(at..at + 4)? else { return None };
    let touch = [slash, space, second, name].windows(2).all(|two| match two {
        [a, b] => a.end == b.start,
        _ => false,
    });
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    let divides = before.is_some_and(|it| it.end == slash.start && !it.is("~") && !it.is("("));
    let fits = !divides && slash.is("/") && space.is_name() && second.is("/") && name.is_name();
    (touch && fits).then_some(at + 3)
}

/// Whether `SINGLE` is the word for one row, and no column.
fn is_single(words: &[Word<'_>], at: usize) -> bool {
    let next = words.get(at + 1);
    next.is_some_and(|it| it.is("*") || (it.is_name() && !it.is("from") && !it.is("as")))
        || name_end(words, at + 1).is_some_and(|end| end > at + 1)
}

/// Whether a clause or a name stands in the statement that only Open SQL has. Others have `INTO
/// TABLE` too.
fn has_clause(words: &[Word<'_>]) -> bool {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let is_namespace = |at: usize| {
        (is(at, "from") || is(at, "join"))
            && name_end(words, at + 1).is_some_and(|end| end > at + 1)
    };
    let own = |at: usize| clause(words, at).is_some() && !(is(at, "into") && is(at + 1, "table"));
    // `SELECT single, id` and `SELECT single name, id` are columns of that name.
    let list = words.iter().take_while(|word| !word.is("from"));
    let has_comma = list.into_iter().any(|word| word.is(","));
    (is(1, "single") && is_single(words, 1) && !has_comma)
        || (1..words.len()).any(|at| own(at) || is_namespace(at))
}

/// Whether a name is qualified by a tilde: `a~b` of a table or alias `a`. To others it is an
/// operator.
fn has_tilde(words: &[Word<'_>]) -> bool {
    let mut tables: Option<HashSet<String>> = None;
    (1..words.len()).filter(|at| is_tilde(words, *at)).any(|at| {
        let tables = tables.get_or_insert_with(|| {
            let named = words.windows(2).filter_map(|pair| match pair {
                [before, name] if ["from", "join", "as"].iter().any(|each| before.is(each)) => {
                    Some(name.text.to_lowercase())
                }
                _ => None,
            });
            named.collect()
        });
        let qualifier = at.checked_sub(1).and_then(|before| words.get(before));
        qualifier.is_some_and(|it| tables.contains(&it.text.to_lowercase()))
    })
}

fn is_tilde(words: &[Word<'_>], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| words.get(before));
    match (before, words.get(at), words.get(at + 1)) {
        (Some(before), Some(tilde), Some(next)) => {
            let touch = before.end == tilde.start && tilde.end == next.start;
            // The column may be in a namespace.
            let name = next.is_name() || name_end(words, at + 1).is_some();
            tilde.is("~") && touch && before.is_name() && name
        }
        _ => false,
    }
}

/// Index of the last word of a clause that says nothing of values and that Open SQL alone has.
fn clause(words: &[Word<'_>], at: usize) -> Option<usize> {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    // A target may be declared where it stands: `INTO TABLE @DATA(lt)`.
    let target = |at: usize| match words.get(at) {
        Some(_) if is(at, "(") => close(words, at),
        Some(word) if word.is_name() && is(at + 1, "(") && word.text.starts_with('@') => {
            close(words, at + 1)
        }
        Some(word) if word.is_name() => Some(at),
        _ => None,
    };
    if is(at, "up") && is(at + 1, "to") && is(at + 3, "rows") {
        return Some(at + 3);
    }
    if (is(at, "client") && is(at + 1, "specified"))
        || (is(at, "bypassing") && is(at + 1, "buffer"))
    {
        return Some(at + 1);
    }
    if is(at, "for") && is(at + 1, "all") && is(at + 2, "entries") && is(at + 3, "in") {
        return target(at + 4);
    }
    if is(at, "into") || is(at, "appending") {
        let corresponding = is(at + 1, "corresponding") && is(at + 2, "fields") && is(at + 3, "of");
        let from = if corresponding { at + 4 } else { at + 1 };
        let table = is(from, "table");
        return target(from + usize::from(table)).filter(|_| table || corresponding);
    }
    None
}

/// The statement in common SQL.
fn open(text: &str, words: &[Word<'_>], list: &List) -> Reading {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    let mut out = String::with_capacity(text.len() + 2 * list.missing.len());
    let mut missing = list.missing.iter().copied().peekable();
    let mut from = 0;
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let mut last = at;
        let mut instead = None;
        if missing.next_if_eq(&at).is_some() {
            out.push_str(part(text, from, word.start));
            out.push_str(", ");
            from = word.start;
        }
        if let Some(end) = clause(words, at) {
            (last, instead) = (end, Some(String::new()));
        } else if at == 1 && is(at, "single") && is_single(words, at) {
            instead = Some(String::new());
        } else if is(at, "subselect") && is(at.wrapping_sub(1), "(") {
            instead = Some("select".to_owned());
        } else if is_tilde(words, at) {
            instead = Some(".".to_owned());
        } else if at > list.end
            && let Some(sign) = comparison(word)
        {
            instead = Some(sign.to_owned());
        } else if at > list.end && (is(at, "order") || is(at, "group")) && is(at + 1, "by") {
            // Lists without commas; what they say is no origin.
            (last, instead) = (sorting_end(words, at + 2), Some(String::new()));
        } else if let Some(end) = name_end(words, at).filter(|end| *end > at) {
            last = end;
            let name = words.get(end).map_or(word.end, |name| name.end);
            instead = Some(format!("\"{}\"", part(text, word.start, name)));
        }
        if let Some(instead) = instead {
            out.push_str(part(text, from, word.start));
            if instead.is_empty() {
                out.push(' ');
            }
            out.push_str(&instead);
            from = words.get(last).map_or(text.len(), |last| last.end);
        }
        at = last + 1;
    }
    out.push_str(part(text, from, text.len()));
    Reading::Open(out)
}

/// Index of the last word of a list after `ORDER BY` or `GROUP BY`.
fn sorting_end(words: &[Word<'_>], from: usize) -> usize {
    let mut depth = 0_usize;
    let end = words.iter().enumerate().skip(from).find_map(|(at, word)| {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") && depth > 0 {
            depth -= 1;
        } else if depth == 0
            && (word.is(")")
                || word.is("having")
                || word.is("order")
                || word.is("union")
                || clause(words, at).is_some())
        {
            return Some(at);
        }
        None
    });
    end.unwrap_or(words.len()) - 1
}

/// The object that a statement of SAP's other connectors reads: `EXTRACTOR name`, and the cube in
/// `SELECT PSEUDOMDX (… FROM (cube/query) …)`.
pub(super) fn object(text: &str, words: &[Word<'_>]) -> Option<String> {
    let is = |at: usize, text: &str| words.get(at).is_some_and(|word| word.is(text));
    if is(0, "extractor") {
        let end = name_end(words, 1).or_else(|| (words.len() > 1).then_some(1))?;
        let name = words.get(1..=end)?;
        let (first, last) = (name.first()?, name.last()?);
        let whole = part(text, first.start, last.end);
        let bare = if end > 1 { whole } else { first.text.trim_matches('\'') };
        return (bare.chars().any(char::is_alphanumeric)).then(|| bare.to_owned());
    }
    if is(0, "select") && is(1, "pseudomdx") {
        let from = (2..words.len()).find(|&at| is(at, "from") && is(at + 1, "("))?;
        let end = close(words, from + 1)?;
        let cube = part(text, words.get(from + 1)?.end, words.get(end)?.start).trim();
        return (!cube.is_empty()).then(|| cube.to_owned());
    }
    None
}
