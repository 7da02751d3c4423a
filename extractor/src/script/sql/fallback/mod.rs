//! What is read of a statement that no parser took: first mended, so that a parser takes the rest
//! of it, then from its words alone.

mod alias;
mod block;
mod ctes;
mod flat;
mod items;
mod joins;
mod mend;
mod pieces;
mod shape;
mod tables;
mod values;

use std::borrow::Cow;

use sqlparser::ast::Query;

pub(crate) use pieces::StandIns;

use super::{Select, dialect, prepare, words};

/// A statement longer than this is mended in one dialect only.
const LONG: usize = 16 << 10;

/// Mends a statement and parses it: the query, and what to put back into what is found in it.
pub(super) fn mend(text: &str, hint: Option<&'static str>) -> Option<(Query, StandIns)> {
    let text = &*plain(text, hint);
    let words = words::read(text);
    let shape = shape::Shape::new(text, &words);
    let most = if text.len() > LONG { 1 } else { 3 };
    let mut best: Option<(usize, Query, StandIns)> = None;
    for name in dialect::candidates(text, &words, hint).into_iter().take(most) {
        let Some((mended, stand_ins, losses)) = mend::mend(&shape, name) else { continue };
        // The next dialect is tried for what this one does not take.
        if best.as_ref().is_some_and(|(least, ..)| *least <= losses) {
            continue;
        }
        if prepare::is_too_deep(&words::read(&mended)) {
            continue;
        }
        if let Some(query) = dialect::parse_as(name, &mended) {
            best = Some((losses, query, stand_ins));
        }
        if losses == 0 {
            break;
        }
    }
    best.map(|(_, query, stand_ins)| (query, stand_ins))
}

/// Tables and plain columns, by the words alone.
pub(super) fn read(text: &str, hint: Option<&'static str>) -> Select {
    let text = &*plain(text, hint);
    let words = words::read(text);
    flat::read(&shape::Shape::new(text, &words))
}

/// The text without what any dialect may have and says nothing.
fn plain<'a>(text: &'a str, hint: Option<&'static str>) -> Cow<'a, str> {
    let text = without_comments(text, hint);
    match without_escapes(&text) {
        Some(plain) => Cow::Owned(plain),
        None => text,
    }
}

/// The text without ODBC's escapes around calls and joins: `{fn MOD(a, 2)}`, `{oj t JOIN u}`.
fn without_escapes(text: &str) -> Option<String> {
    if !text.contains('{') {
        return None;
    }
    let words = words::read(text);
    // Open braces: whether each is that of an escape.
    let mut braces = Vec::new();
    let mut out = String::new();
    let mut from = 0;
    for (at, word) in words.iter().enumerate() {
        let mut end = word.end;
        if word.is("{") {
            let escape = words.get(at + 1).filter(|next| next.is("fn") || next.is("oj"));
            braces.push(escape.is_some());
            let Some(escape) = escape else { continue };
            end = escape.end;
        } else if !(word.is("}") && braces.pop() == Some(true)) {
            continue;
        }
        out.push_str(text.get(from..word.start).unwrap_or_default());
        out.push(' ');
        from = end;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Some(out)
}

/// The text without comments that start with `#`, in dialects that have them.
fn without_comments<'a>(text: &'a str, hint: Option<&'static str>) -> Cow<'a, str> {
    if !text.contains('#') || !hint.is_some_and(dialect::has_hash_comments) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let find = |from: usize, end: &[u8]| {
        let rest = bytes.get(from..).unwrap_or_default();
        rest.windows(end.len()).position(|window| window == end).map(|at| from + at)
    };
    let mut out = String::new();
    let (mut at, mut from) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at..at + 2);
        at = match byte {
            b'\'' | b'"' | b'`' => find(at + 1, &[byte]).map_or(at, |end| end) + 1,
            _ if pair == Some(b"--") => find(at, b"\n").unwrap_or(bytes.len()),
            _ if pair == Some(b"/*") => find(at, b"*/").unwrap_or(bytes.len()),
            b'#' => {
                out.push_str(text.get(from..at).unwrap_or_default());
                from = find(at, b"\n").unwrap_or(bytes.len());
                from
            }
            _ => at + 1,
        };
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}
