//! What has to be taken out of a statement's text before an SQL parser can read it, and put back
//! into the names that it found.

use super::Select;
use super::words::{Word, WordKind, variable_end};

/// Text for the parser, and what its stand-ins stand for.
pub(super) struct Prepared {
    pub(super) text: String,
    stand_ins: Vec<(String, String)>,
}

/// Deepest chain of operators that goes to the parser. It builds a tree as deep as the chain, and
/// dropping that tree takes stack for each level.
const MAX_CHAIN: usize = 1500;

/// Longest statement that goes to the parser.
const MAX_TEXT: usize = 1 << 20;

/// Whether a statement would make a tree too deep for the stack.
pub(super) fn is_too_deep(words: &[Word<'_>]) -> bool {
    let text = words.last().map_or(0, |last| last.end);
    let mut chain = 0_usize;
    for word in words {
        let operator = match word.kind {
            WordKind::Symbol => matches!(
                word.text,
                "+" | "-" | "*" | "/" | "|" | "=" | "&" | ":" | "[" | "." | "<" | ">"
            ),
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
    text > MAX_TEXT
}

/// Replaces `$(…)` outside quotes by names, `name@link` by one name, and cuts what only Qlik's
/// connectors know (`WITH PROPERTIES (…)`).
pub(super) fn prepare(text: &str, words: &[Word<'_>]) -> Prepared {
    let end = properties(words).unwrap_or(text.len());
    let bytes = text.as_bytes();
    let mut prepared = Prepared { text: String::with_capacity(end), stand_ins: Vec::new() };
    let mut from = 0;
    for (index, word) in words.iter().enumerate() {
        if word.start >= end {
            break;
        }
        if word.kind != WordKind::Bare {
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
            prepared.text.push_str(crate::script::lex::part(text, from, at));
            let original = crate::script::lex::part(text, at, stop);
            if variable || at > word.start {
                let stand_in = format!("qlikx{}x", prepared.stand_ins.len());
                prepared.text.push_str(&stand_in);
                prepared.stand_ins.push((stand_in, original.to_owned()));
            }
            from = stop;
            at = stop;
        }
    }
    prepared.text.push_str(crate::script::lex::part(text, from, end));
    prepared
}

/// Offset of a trailing `WITH PROPERTIES (`.
fn properties(words: &[Word<'_>]) -> Option<usize> {
    words
        .windows(3)
        .find(|three| matches!(three, [a, b, c] if a.is("with") && b.is("properties") && c.is("(")))
        .and_then(|three| three.first())
        .map(|word| word.start)
}

impl Prepared {
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
