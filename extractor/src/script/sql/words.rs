//! A tolerant reading of SQL of any dialect into words: enough to find tables when a parser gives
//! up, and to see what kind of statement it is.

use std::ops::Range;

use super::spellings::is_operand;
use crate::script::lex::part;

/// A word, name, literal or symbol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Text; without the quotes for a quoted name.
    pub(super) text: &'a str,
    pub(super) kind: WordKind,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordKind {
    Bare,
    /// `"x"`, `[x]`, `` `x` ``.
    Quoted,
    /// `'x'`.
    Text,
    Number,
    Symbol,
}

impl Word<'_> {
    /// Whether it is this keyword or symbol.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, WordKind::Bare | WordKind::Symbol)
            && self.text.eq_ignore_ascii_case(text)
    }

    pub(super) fn is_name(&self) -> bool {
        matches!(self.kind, WordKind::Bare | WordKind::Quoted)
    }
}

/// Words of a statement, comments left out.
pub(super) fn read(text: &str) -> Vec<Word<'_>> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let mut words = Vec::new();
    // A quote character that is never closed is a symbol; looked for once per kind.
    let mut unclosed = [false; 256];
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let first = byte(at);
        match first {
            b' ' | b'\t' | b'\r' | b'\n' => {
                at += 1;
                continue;
            }
            b'-' if byte(at + 1) == b'-' => {
                at = line_end(bytes, at);
                continue;
            }
            b'/' if byte(at + 1) == b'*' => {
                at = comment_end(bytes, at);
                continue;
            }
            _ => {}
        }
        let (kind, end) = match first {
            b'\'' | b'"' | b'`' | b'['
                if !unclosed.get(usize::from(first)).copied().unwrap_or(true) =>
            {
                match quoted_end(bytes, at) {
                    Some(end) if first == b'\'' => (WordKind::Text, end),
                    Some(end) if first == b'[' && !is_bracket_name(&words, text, at, end) => {
                        (WordKind::Symbol, at + 1)
                    }
                    Some(end) => (WordKind::Quoted, end),
                    None if first == b'[' => (WordKind::Symbol, at + 1),
                    None => {
                        if let Some(flag) = unclosed.get_mut(usize::from(first)) {
                            *flag = true;
                        }
                        (WordKind::Symbol, at + 1)
                    }
                }
            }
            b'0'..=b'9' => (WordKind::Number, bare_end(bytes, at)),
            _ if is_word(first) || starts_variable(bytes, at) => {
                (WordKind::Bare, bare_end(bytes, at))
            }
            _ => (WordKind::Symbol, at + 1),
        };
        let text = match kind {
            WordKind::Quoted => part(text, start + 1, end - 1),
            _ => part(text, start, end),
        };
        words.push(Word { text, kind, start, end });
        at = end;
    }
    words
}

/// Whether brackets quote a name: `[x]`, `[2023]`. `x[1]` is an element, `[1, 2]` a list.
fn is_bracket_name(before: &[Word<'_>], text: &str, at: usize, end: usize) -> bool {
    let inside = part(text, at + 1, end - 1);
    let number = inside.starts_with(|first: char| first.is_ascii_digit());
    let element = before.last().is_some_and(|last| {
        let value = last.kind == WordKind::Bare && is_operand(last);
        last.is("array")
            || last.end == at
                && (value || (number && (last.is_name() || last.is("]") || last.is(")"))))
    });
    let in_list = matches!(before, [.., call, open] if open.is("(") && call.is("unnest"));
    !element
        && !(number && (in_list || inside.contains(',')))
        && !inside.is_empty()
        && !inside.starts_with(['\'', '[', ']', '*'])
}

/// Whether the word at an index is this keyword or symbol.
pub(super) fn is(words: &[Word<'_>], at: usize, text: &str) -> bool {
    words.get(at).is_some_and(|word| word.is(text))
}

/// Whether the word at an index is one of these keywords or symbols.
pub(super) fn any(words: &[Word<'_>], at: usize, texts: &[&str]) -> bool {
    words.get(at).is_some_and(|word| texts.iter().any(|text| word.is(text)))
}

/// Whether the word at an index is of a kind.
pub(super) fn is_kind(words: &[Word<'_>], at: usize, kind: WordKind) -> bool {
    words.get(at).is_some_and(|word| word.kind == kind)
}

/// Whether the word at an index can be a name.
pub(super) fn is_name(words: &[Word<'_>], at: usize) -> bool {
    words.get(at).is_some_and(Word::is_name)
}

/// Longest name in brackets, in bytes.
const MAX_NAME: usize = 512;

/// Words in one pair of parentheses that are looked through at most.
pub(super) const MAX_CALL: usize = 1024;

/// Index of the parenthesis that closes the one at an index.
pub(super) fn close(words: &[Word<'_>], open: usize) -> Option<usize> {
    close_within(words, open, MAX_CALL)
}

/// The same, among so many words.
pub(super) fn close_within(words: &[Word<'_>], open: usize, most: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, word) in words.iter().enumerate().skip(open).take(most) {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.checked_sub(1)?;
            if depth == 0 {
                return Some(index);
            }
        }
    }
    None
}

/// Indices of words that stand in no parentheses, which are none themselves.
pub(super) fn outside<'w>(
    words: &'w [Word<'_>],
    range: Range<usize>,
) -> impl Iterator<Item = usize> + 'w {
    let mut depth = 0_usize;
    range.filter(move |&at| {
        let opens = is(words, at, "(");
        let closes = is(words, at, ")");
        depth = (depth + usize::from(opens)).saturating_sub(usize::from(closes));
        depth == 0 && !closes
    })
}

/// Ranges between the commas that stand in no parentheses.
pub(super) fn items(words: &[Word<'_>], range: Range<usize>) -> Vec<Range<usize>> {
    let Range { mut start, end } = range;
    let mut items = Vec::new();
    for comma in outside(words, start..end).filter(|&at| is(words, at, ",")) {
        items.push(start..comma);
        start = comma + 1;
    }
    items.push(start..end);
    items
}

/// Indices of words before one, the nearest first, in the parentheses that it stands in itself.
pub(super) fn before<'w>(
    words: &'w [Word<'_>],
    at: usize,
    near: usize,
) -> impl Iterator<Item = usize> + 'w {
    let mut depth = 0_usize;
    let there = (at.saturating_sub(near)..at).rev().map_while(move |index| {
        if is(words, index, ")") {
            depth += 1;
            return Some(None);
        }
        if is(words, index, "(") {
            depth = depth.checked_sub(1)?;
            return Some(None);
        }
        Some((depth == 0).then_some(index))
    });
    there.flatten()
}

/// Text from one word to before another; `None` where there are none.
pub(super) fn between<'t>(
    text: &'t str,
    words: &[Word<'_>],
    range: Range<usize>,
) -> Option<&'t str> {
    let words = words.get(range)?;
    Some(part(text, words.first()?.start, words.last()?.end))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'$' | b'#' | b'@')
}

fn starts_variable(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 2) == Some(b"$(")
}

/// End of a bare word, of which `$(…)` may be part.
fn bare_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        if starts_variable(bytes, at) {
            match variable_end(bytes, at) {
                Some(end) => at = end,
                None => return at + 1,
            }
        } else if bytes.get(at).copied().is_some_and(is_word) {
            at += 1;
        } else {
            return at;
        }
    }
    at
}

/// End of a `$(…)`.
pub(super) fn variable_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, &byte) in bytes.get(at..)?.iter().enumerate().take(4096) {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + offset + 1);
                }
            }
            _ if depth > 32 => return None,
            _ => {}
        }
    }
    None
}

fn quoted_end(bytes: &[u8], at: usize) -> Option<usize> {
    let open = *bytes.get(at)?;
    let close = if open == b'[' { b']' } else { open };
    // A list of values may hold many more that are lists: no name is as long.
    let end = if open == b'[' { bytes.len().min(at + MAX_NAME) } else { bytes.len() };
    let mut next = at + 1;
    while next < end {
        if bytes.get(next) == Some(&close) {
            if bytes.get(next + 1) != Some(&close) || (close == b']') {
                return Some(next + 1);
            }
            next += 2;
        } else {
            next += 1;
        }
    }
    None
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or(&[]);
    rest.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| at + end)
}

fn comment_end(bytes: &[u8], at: usize) -> usize {
    let body = bytes.get(at + 2..).unwrap_or(&[]);
    body.windows(2).position(|pair| pair == b"*/").map_or(bytes.len(), |end| at + end + 4)
}
