//! Variables of a batch whose values are queried: `SELECT @m = MAX(k) FROM t`.

use std::collections::HashMap;
use std::ops::Range;

use super::words::{Word, WordKind, any, between, is, is_kind, items, outside};
use crate::script::lex::part;

/// Variables that are followed at most, and the longest query for one.
const MAX_VARIABLES: usize = 50;
const MAX_QUERY: usize = 4096;
/// Longest statement that comes of putting queries in.
const MAX_TEXT: usize = 64 * 1024;

/// The query for each variable's value, by lower-case name.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: HashMap<String, String>,
}

impl Variables {
    pub(super) fn are_known(&self) -> bool {
        !self.values.is_empty()
    }

    /// The text of a statement with queries for the variables whose values it selects; `None` when
    /// it stays as it is.
    pub(super) fn put_into(&self, text: &str, words: &[Word<'_>]) -> Option<String> {
        const CLAUSES: [&str; 7] = ["from", "where", "group", "order", "having", "union", "into"];
        if self.values.is_empty() {
            return None;
        }
        let mut out = String::new();
        let mut from = words.first()?.start;
        // Whether each open parenthesis is in the list of a query.
        let mut lists = vec![false];
        for (at, word) in words.iter().enumerate() {
            let is_list = lists.last().copied().unwrap_or_default();
            if word.is("(") {
                // `TOP (@n)` takes a number.
                lists.push(is_list && !(at > 0 && is(words, at - 1, "top")));
            } else if word.is(")") && lists.len() > 1 {
                lists.pop();
            } else if let Some(list) = lists.last_mut() {
                *list = word.is("select") || (is_list && !CLAUSES.iter().any(|it| word.is(it)));
            }
            let variable = word.text.starts_with('@') && is_list;
            let value = variable.then(|| self.values.get(&word.text.to_lowercase())).flatten();
            let signs = usize::from(any(words, at + 1, &["+", "-", "*"]));
            let is_set = is(words, at + 1 + signs, "=");
            let Some(value) = value.filter(|_| !(is_set || at > 0 && is(words, at - 1, "top")))
            else {
                continue;
            };
            out.push_str(part(text, from, word.start));
            out.push_str(value);
            from = word.end;
            if out.len() > MAX_TEXT {
                return None;
            }
        }
        if out.is_empty() {
            return None;
        }
        out.push_str(part(text, from, words.last()?.end));
        Some(out)
    }

    /// Remembers what a statement sets.
    pub(super) fn learn(&mut self, text: &str, words: &[Word<'_>]) {
        let is_query = is(words, 0, "select");
        if !is_query && !is(words, 0, "set") && !is(words, 0, "declare") {
            return;
        }
        let end = words.len();
        let from = outside(words, 0..end).find(|&at| is_query && is(words, at, "from"));
        let source = from.and_then(|at| between(text, words, at..end));
        for item in items(words, 1..from.unwrap_or(end)) {
            if self.values.len() < MAX_VARIABLES {
                self.assignment(text, words, item, source);
            }
        }
    }

    /// `@m = MAX(k)`, of a query's list or by itself.
    fn assignment(
        &mut self,
        text: &str,
        words: &[Word<'_>],
        item: Range<usize>,
        source: Option<&str>,
    ) {
        let Range { start, end: stop } = item;
        let equal = (start..stop).find(|&at| is(words, at, "="));
        let name = (start..equal.unwrap_or(stop)).find_map(|at| {
            words.get(at).filter(|word| word.kind == WordKind::Bare && word.text.starts_with('@'))
        });
        let (Some(equal), Some(name)) = (equal, name) else { return };
        let Some(value) = between(text, words, equal + 1..stop) else { return };
        let key = name.text.to_lowercase();
        let queries = (equal..stop).any(|at| is(words, at, "select"));
        let value = match source {
            Some(source) => format!("(SELECT {value} {source})"),
            None if queries => format!("({value})"),
            // A literal, or nothing that is read from a table.
            None => {
                self.values.remove(&key);
                return;
            }
        };
        let adds = equal > 0 && any(words, equal - 1, &["+", "-", "*"]);
        if value.len() <= MAX_QUERY && !adds && !is_kind(words, equal + 1, WordKind::Text) {
            self.values.insert(key, value);
        }
    }
}
