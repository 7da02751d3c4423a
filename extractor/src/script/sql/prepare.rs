//! What has to be taken out of a statement's text before an SQL parser can read it, and put back
//! into the names that it found.

use super::words::{Word, WordKind, close, is, is_kind, outside, variable_end};
use super::{Select, hints};
use crate::script::lex::part;

/// Text for the parser, and what its stand-ins stand for.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) text: String,
    stand_ins: Vec<(String, String)>,
}

/// Start of the names that stand in for variables.
const STAND_IN: &str = "qlikx";

/// Whether a name only stands in for a variable.
pub(super) fn is_stand_in(name: &str) -> bool {
    name.strip_prefix(STAND_IN)
        .and_then(|rest| rest.strip_suffix('x'))
        .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Deepest chain of operators that goes to the parser. It builds a tree as deep as the chain, and
/// dropping that tree takes stack for each level.
const MAX_CHAIN: usize = 1500;

/// Longest statement that goes to the parser.
const MAX_TEXT: usize = 1 << 20;

/// Whether a statement would make a tree too deep for the stack.
pub(super) fn is_too_deep(words: &[Word<'_>]) -> bool {
    words.last().map_or(0, |last| last.end) > MAX_TEXT || is_deep_chain(words)
}

/// Whether operators between two commas chain too deep.
pub(super) fn is_deep_chain(words: &[Word<'_>]) -> bool {
    if words.len() <= MAX_CHAIN {
        return false;
    }
    let mut chain = 0_usize;
    for word in words {
        let operator = match word.kind {
            WordKind::Symbol => !matches!(word.text, "(" | ")" | "," | ";"),
            WordKind::Bare => [
                "and",
                "or",
                "union",
                "except",
                "intersect",
                "minus",
                "not",
                "is",
                "like",
                "collate",
                "at",
                "div",
                "mod",
                "xor",
                "ilike",
                "rlike",
                "regexp",
                "similar",
                "between",
                "overlaps",
            ]
            .iter()
            .any(|operator| word.text.eq_ignore_ascii_case(operator)),
            _ => false,
        };
        // A comma ends every chain.
        if word.is(",") {
            chain = 0;
        } else {
            chain += usize::from(operator);
        }
        if chain > MAX_CHAIN {
            return true;
        }
    }
    false
}

/// Replaces `$(…)` outside quotes by names, `name@link` by one name, and cuts what only Qlik's
/// connectors know (`WITH PROPERTIES (…)`).
pub(super) fn prepare(text: &str, words: &[Word<'_>]) -> Prepared {
    let end = tail(words).unwrap_or(text.len());
    let bytes = text.as_bytes();
    let mut prepared = Prepared { text: String::with_capacity(end), stand_ins: Vec::new() };
    let mut from = 0;
    // Open braces: whether each is that of an escape, `{oj …}`.
    let mut braces: Vec<bool> = Vec::new();
    for (index, word) in words.iter().enumerate() {
        if word.start >= end {
            break;
        }
        if word.is("sel") && starts_query(words, index) {
            // Teradata's short form.
            prepared.text.push_str(part(text, from, word.start));
            prepared.text.push_str("select");
            from = word.end;
        }
        // ODBC's escapes around outer joins and functions.
        if word.is("{") {
            let escape = words.get(index + 1).filter(|next| next.is("oj") || next.is("fn"));
            braces.push(escape.is_some());
            if let Some(next) = escape {
                prepared.text.push_str(part(text, from, word.start));
                from = next.end;
            }
        } else if word.is("}") && braces.pop() == Some(true) {
            prepared.text.push_str(part(text, from, word.start));
            from = word.end;
        }
        if let Some(last) = old_hint(words, index) {
            // `FROM t (NOLOCK)`
            if word.start >= from {
                prepared.text.push_str(part(text, from, word.start));
            }
            from = words.get(last).map_or(end, |close| close.end);
            continue;
        }
        if word.end <= from {
            continue;
        }
        if word.kind != WordKind::Bare || !word.text.contains(['@', '$']) {
            continue;
        }
        let mut at = word.start;
        while at < word.end {
            let link = bytes.get(at) == Some(&b'@') && {
                let quoted_before = at == word.start
                    && index > 0
                    && words.get(index - 1).is_some_and(|before| {
                        before.kind == WordKind::Quoted && before.end == word.start
                    });
                at > word.start || quoted_before
            };
            let variable = bytes.get(at..at + 2) == Some(b"$(");
            let stop = if variable { variable_end(bytes, at) } else { link.then_some(word.end) };
            let Some(stop) = stop else {
                at += 1;
                continue;
            };
            prepared.text.push_str(part(text, from, at));
            let original = part(text, at, stop);
            if variable || at > word.start {
                let stand_in = format!("{STAND_IN}{}x", prepared.stand_ins.len());
                prepared.text.push_str(&stand_in);
                prepared.stand_ins.push((stand_in, original.to_owned()));
            }
            from = stop;
            at = stop;
        }
    }
    prepared.text.push_str(part(text, from, end));
    prepared
}

/// Whether a query starts at an index: after common table expressions, too, and in a union.
fn starts_query(words: &[Word<'_>], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|before| words.get(before)) else { return true };
    let behind_with = before.is(")")
        && words.first().is_some_and(|first| first.is("with"))
        && !words.get(at + 1).is_some_and(|next| [",", ".", "from"].iter().any(|it| next.is(it)));
    let joins = ["(", "union", "all", "except", "minus", "intersect"];
    behind_with || joins.iter().any(|each| before.is(each))
}

/// Comparisons of ABAP, and of Teradata.
pub(super) fn comparison(word: &Word<'_>) -> Option<&'static str> {
    const SIGNS: [(&str, &str); 6] =
        [("eq", "="), ("ne", "<>"), ("lt", "<"), ("gt", ">"), ("le", "<="), ("ge", ">=")];
    SIGNS.iter().find(|(name, _)| word.is(name)).map(|(_, sign)| *sign)
}

/// Offset of what may follow a query and says nothing of its data: properties of Qlik's
/// connectors, hints, isolation levels.
fn tail(words: &[Word<'_>]) -> Option<usize> {
    const TAILS: [(&str, &str); 13] = [
        ("with", "properties"),
        ("optimize", "for"),
        ("with", "ur"),
        ("with", "cs"),
        ("with", "rs"),
        ("with", "rr"),
        ("with", "hint"),
        ("with", "parameters"),
        ("with", "range_restriction"),
        ("option", "("),
        ("for", "read"),
        ("for", "fetch"),
        ("for", "browse"),
    ];
    let start = outside(words, 0..words.len()).find(|&at| {
        TAILS.iter().any(|(a, b)| is(words, at, a) && is(words, at + 1, b))
            // Teradata's `SAMPLE 100`
            || (is(words, at, "sample") && is_kind(words, at + 1, WordKind::Number))
    })?;
    words.get(start).map(|word| word.start)
}

/// Index of the last word of a table hint without `WITH` that starts at an index.
fn old_hint(words: &[Word<'_>], at: usize) -> Option<usize> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    if !is(at, "(") {
        return None;
    }
    let before = at.checked_sub(1).and_then(|before| words.get(before))?;
    let lock =
        hints::LOCKS.iter().any(|hint| is(at + 1, hint)) && (is(at + 2, ")") || is(at + 2, ","));
    let index = is(at + 1, "index") && (is(at + 2, "=") || is(at + 2, "("));
    let is_hint = before.is_name() && !before.is("with") && (lock || index);
    if is_hint { close(words, at) } else { None }
}

/// What a variable stands for by its place in a statement.
enum Place {
    /// A value, a name, a condition: the stand-in is read as what it is.
    Operand,
    /// What may be left out: a clause, a further condition, a direction.
    Clause,
    Number,
    List,
}

fn place(words: &[Word<'_>], at: usize) -> Place {
    /// Words behind which an operand stands.
    const BEFORE: [&str; 35] = [
        "select",
        "distinct",
        "all",
        "where",
        "and",
        "or",
        "not",
        "on",
        "by",
        "having",
        "from",
        "join",
        "between",
        "like",
        "as",
        "case",
        "when",
        "then",
        "else",
        "union",
        "except",
        "intersect",
        "minus",
        "is",
        "using",
        "limit",
        "offset",
        "into",
        "over",
        "qualify",
        "escape",
        "any",
        "exists",
        "with",
        "lateral",
    ];
    let next = words.get(at + 1);
    let is_next = |texts: &[&str]| next.is_some_and(|next| texts.iter().any(|it| next.is(it)));
    let Some(before) = at.checked_sub(1).and_then(|before| words.get(before)) else {
        return Place::Operand;
    };
    if before.is("top")
        || (["first", "next"].iter().any(|it| before.is(it)) && is_next(&["rows", "row"]))
    {
        return Place::Number;
    }
    if before.is("in") {
        return if is_next(&["("]) { Place::Operand } else { Place::List };
    }
    let ends_operand = match before.kind {
        WordKind::Symbol => before.is(")"),
        WordKind::Bare => !BEFORE.iter().any(|word| before.is(word)),
        WordKind::Quoted | WordKind::Text | WordKind::Number => true,
    };
    if ends_operand && !is_next(&[".", "("]) { Place::Clause } else { Place::Operand }
}

impl Prepared {
    /// The text once more where the parser did not take the stand-ins for what they may be: a clause
    /// is left out, a number is one. `None` when there is nothing to change.
    pub(super) fn settled(&self) -> Option<String> {
        if self.stand_ins.is_empty() {
            return None;
        }
        let words = super::words::read(&self.text);
        let mut text = String::with_capacity(self.text.len());
        let mut from = 0;
        for (at, word) in words.iter().enumerate().filter(|(_, word)| is_stand_in(word.text)) {
            let written = match place(&words, at) {
                Place::Operand => continue,
                Place::Clause => String::new(),
                Place::Number => "1".to_owned(),
                Place::List => format!("({})", word.text),
            };
            text.push_str(part(&self.text, from, word.start));
            text.push_str(&written);
            from = word.end;
        }
        text.push_str(part(&self.text, from, self.text.len()));
        (from > 0).then_some(text)
    }

    /// Puts the originals back into names.
    pub(super) fn restore(&self, select: &mut Select) {
        if self.stand_ins.is_empty() {
            return;
        }
        let put_back = |text: &mut String| {
            for (stand_in, original) in &self.stand_ins {
                if text.contains(stand_in.as_str()) {
                    *text = text.replace(stand_in.as_str(), original);
                }
            }
        };
        for table in &mut select.tables {
            put_back(&mut table.table);
            table.schema.iter_mut().for_each(put_back);
            table.database.iter_mut().for_each(put_back);
        }
        for column in &mut select.columns {
            put_back(&mut column.name);
            column.expression.iter_mut().for_each(put_back);
            let origins = std::mem::take(&mut column.origins);
            column.origins = origins
                .into_iter()
                .map(|(table, mut column)| {
                    put_back(&mut column);
                    (table, column)
                })
                .collect();
        }
        select.first.iter_mut().for_each(put_back);
        select.notes.iter_mut().for_each(put_back);
    }
}
