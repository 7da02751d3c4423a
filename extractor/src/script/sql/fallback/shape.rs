//! What the words of a statement alone say of its shape: which brackets belong together, which of
//! them hold queries, and where clauses start.

use std::collections::HashSet;
use std::ops::Range;

use super::super::words::{Word, WordKind};
use crate::script::lex::part;

/// Words of a statement with their brackets.
pub(super) struct Shape<'a> {
    pub(super) text: &'a str,
    pub(super) words: &'a [Word<'a>],
    brackets: Vec<Bracket>,
    /// Names before a dot, lower-case: of tables and their aliases, and of schemas.
    qualifiers: HashSet<String>,
}

/// What is known of a word that is a bracket; nothing of any other.
#[derive(Clone, Copy, Default)]
struct Bracket {
    /// Index of the other one.
    other: Option<usize>,
    /// Parts between commas directly inside.
    parts: usize,
    /// Whether it opens a query.
    query: bool,
}

impl<'a> Shape<'a> {
    pub(super) fn new(text: &'a str, words: &'a [Word<'a>]) -> Self {
        let mut shape =
            Self { text, words, brackets: paired(words), qualifiers: HashSet::default() };
        shape.qualifiers = words
            .windows(2)
            .filter_map(|pair| match pair {
                [name, dot] if name.is_name() && dot.is(".") => Some(name.text.to_lowercase()),
                _ => None,
            })
            .collect();
        // From the end: whether `((` opens a query depends on what the second one opens.
        for at in (0..words.len()).rev() {
            let query = shape.opens_query(at);
            if let Some(bracket) = shape.brackets.get_mut(at) {
                bracket.query = query;
            }
        }
        shape
    }

    fn opens_query(&self, at: usize) -> bool {
        let Some(close) = self.close(at).filter(|_| self.is(at, "(")) else { return false };
        if self.any(at + 1, &["select", "sel"]) {
            return true;
        }
        if self.is(at + 1, "with") {
            // `t (WITH NOLOCK)` is none.
            return self.is(at + 2, "recursive")
                || (self.is_name(at + 2) && (self.is(at + 3, "as") || self.is(at + 3, "(")));
        }
        let inner = self.close(at + 1).filter(|_| self.is_query(at + 1));
        inner.is_some_and(|inner| inner + 1 == close || self.set_operation(inner + 1).is_some())
    }

    pub(super) fn word(&self, at: usize) -> Option<&Word<'a>> {
        self.words.get(at)
    }

    pub(super) fn is(&self, at: usize, text: &str) -> bool {
        self.words.get(at).is_some_and(|word| word.is(text))
    }

    pub(super) fn any(&self, at: usize, texts: &[&str]) -> bool {
        self.words.get(at).is_some_and(|word| texts.iter().any(|text| word.is(text)))
    }

    pub(super) fn is_name(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(Word::is_name)
    }

    pub(super) fn is_kind(&self, at: usize, kind: WordKind) -> bool {
        self.words.get(at).is_some_and(|word| word.kind == kind)
    }

    /// Whether a name stands before a dot anywhere in the statement.
    pub(super) fn qualifies(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|it| self.qualifiers.contains(&it.text.to_lowercase()))
    }

    /// Index of the bracket that closes the one at an index.
    pub(super) fn close(&self, at: usize) -> Option<usize> {
        self.brackets.get(at)?.other.filter(|other| *other > at)
    }

    /// Index of the bracket that opens what the one at an index closes.
    pub(super) fn open(&self, at: usize) -> Option<usize> {
        self.brackets.get(at)?.other.filter(|other| *other < at)
    }

    /// Parts between commas directly inside the bracket at an index.
    pub(super) fn parts(&self, at: usize) -> usize {
        self.brackets.get(at).map_or(0, |bracket| bracket.parts)
    }

    /// Whether the parenthesis at an index holds a query.
    pub(super) fn is_query(&self, at: usize) -> bool {
        self.brackets.get(at).is_some_and(|bracket| bracket.query)
    }

    /// Text of some words.
    pub(super) fn slice(&self, range: &Range<usize>) -> &'a str {
        let (Some(first), Some(last)) =
            (self.words.get(range.start), self.words.get(range.end.wrapping_sub(1)))
        else {
            return "";
        };
        part(self.text, first.start, last.end.max(first.start))
    }

    /// Words one after the other, as the name of what has no other.
    pub(super) fn spelled(&self, range: &Range<usize>) -> String {
        let words = self.words.get(range.clone()).unwrap_or_default();
        words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ")
    }

    /// Indices of words that stand in no brackets but those around all of them; an opening bracket
    /// stands for what it holds.
    pub(super) fn top(&self, range: Range<usize>) -> impl Iterator<Item = usize> + '_ {
        let mut at = range.start;
        std::iter::from_fn(move || {
            let here = (at < range.end).then_some(at)?;
            at = self.after(here, range.end);
            Some(here)
        })
    }

    /// Index after a word, or after the brackets that it opens.
    pub(super) fn after(&self, at: usize, end: usize) -> usize {
        self.close(at).filter(|close| *close < end).map_or(at, |close| close) + 1
    }

    /// Parts between commas that stand in no brackets.
    pub(super) fn split(&self, range: Range<usize>) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = range.start;
        // Salesforce: `TYPEOF What WHEN Account THEN Phone, Fax END`.
        let mut typeof_open = false;
        for at in self.top(range.clone()) {
            if self.is(at, "typeof") && !self.is(at + 1, "(") {
                typeof_open = true;
            } else if self.is(at, "end") {
                typeof_open = false;
            } else if self.is(at, ",") && !typeof_open {
                parts.push(start..at);
                start = at + 1;
            }
        }
        if start < range.end || !parts.is_empty() {
            parts.push(start..range.end);
        }
        parts
    }

    /// End of a dotted name at an index, the index after it; none where no name is.
    pub(super) fn path(&self, at: usize, end: usize) -> Option<usize> {
        let mut last = at;
        if at >= end || !self.is_name(at) {
            return None;
        }
        loop {
            // `db..table`: the schema left out.
            let mut next = last + 1;
            while next < end && self.is(next, ".") {
                next += 1;
            }
            if next == last + 1 || next >= end || !self.is_name(next) {
                return Some(last + 1);
            }
            last = next;
        }
    }

    /// For a `UNION` or its like at an index: how others write it, and where the query after it
    /// starts.
    pub(super) fn set_operation(&self, at: usize) -> Option<(&'static str, usize)> {
        const KINDS: [(&str, &str); 4] = [
            ("union", " UNION ALL "),
            ("except", " EXCEPT "),
            ("minus", " EXCEPT "),
            ("intersect", " INTERSECT "),
        ];
        let (_, written) = KINDS.iter().find(|(name, _)| self.is(at, name))?;
        let mut next = at + 1;
        while self.any(next, &["all", "distinct", "strict", "by", "name", "corresponding"]) {
            next += 1;
        }
        let query = self.any(next, &["select", "sel", "values", "with", "from"])
            || (self.is(next, "table") && self.is_name(next + 1))
            || (self.is(next, "(") && self.close(next).is_none_or(|_| self.is_query(next)));
        query.then_some((written, next))
    }
}

/// Whether a word is the `FROM` before tables, and not that of `IS DISTINCT FROM b`.
pub(super) fn is_clause_from(words: &[Word<'_>], at: usize) -> bool {
    let is = |index: Option<usize>, text: &str| {
        index.and_then(|index| words.get(index)).is_some_and(|word| word.is(text))
    };
    let compares = is(at.checked_sub(1), "distinct")
        && (is(at.checked_sub(2), "is") || is(at.checked_sub(2), "not"));
    is(Some(at), "from") && !compares
}

/// Brackets that belong together. One that is never closed holds nothing.
fn paired(words: &[Word<'_>]) -> Vec<Bracket> {
    const KINDS: [(&str, &str); 3] = [("(", ")"), ("[", "]"), ("{", "}")];
    let mut brackets = vec![Bracket::default(); words.len()];
    let mut open: Vec<(usize, usize, usize)> = Vec::new();
    let mut waiting = [0_usize; KINDS.len()];
    for (at, word) in words.iter().enumerate().filter(|(_, word)| word.kind == WordKind::Symbol) {
        if word.text == "," {
            if let Some((_, _, parts)) = open.last_mut() {
                *parts += 1;
            }
        } else if let Some(kind) = KINDS.iter().position(|(open, _)| *open == word.text) {
            open.push((at, kind, 1));
            if let Some(count) = waiting.get_mut(kind) {
                *count += 1;
            }
        } else if let Some(kind) = KINDS.iter().position(|(_, close)| *close == word.text)
            && waiting.get(kind).is_some_and(|count| *count > 0)
        {
            while let Some((start, other, parts)) = open.pop() {
                if let Some(count) = waiting.get_mut(other) {
                    *count -= 1;
                }
                if other != kind {
                    continue;
                }
                if let Some(bracket) = brackets.get_mut(start) {
                    let parts = if start + 1 == at { 0 } else { parts };
                    *bracket = Bracket { other: Some(at), parts, query: false };
                }
                if let Some(bracket) = brackets.get_mut(at) {
                    bracket.other = Some(start);
                }
                break;
            }
        }
    }
    brackets
}
