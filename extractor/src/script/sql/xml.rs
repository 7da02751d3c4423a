//! SQL/XML: keywords among the arguments of its functions.

use super::words::{Word, WordKind, any, is, is_kind, is_name};

/// Words that are looked through for the function that a word is an argument of.
const NEAR: usize = 64;

/// Index of the last word of a spelling that starts at an index, and what stands for it.
pub(super) fn spelling(words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    let open = at.checked_sub(1)?;
    // `XMLELEMENT(NAME item, …)`
    if is(words, at, "name")
        && is(words, open, "(")
        && any(words, open.wrapping_sub(1), &["xmlelement", "xmlpi"])
        && is_name(words, at + 1)
        && any(words, at + 2, &[",", ")"])
    {
        return Some((at + 1, "'name'".to_owned()));
    }
    // `XMLPARSE(DOCUMENT x)`
    if any(words, at, &["document", "content"])
        && is(words, open, "(")
        && any(words, open.wrapping_sub(1), &["xmlparse", "xmlserialize"])
        && !any(words, at + 1, &[",", ")", "."])
    {
        return Some((at, String::new()));
    }
    // `XMLFOREST(a AS b)`, `XMLSERIALIZE(CONTENT x AS CLOB)`
    let ends = any(words, at + 2, &[",", ")"]);
    if is(words, at, "as")
        && ends
        && (is_name(words, at + 1) || is_kind(words, at + 1, WordKind::Text))
    {
        const LISTS: [&str; 4] = ["xmlforest", "xmlattributes", "xmlserialize", "xmlcolattval"];
        return argument_of(words, at, &LISTS).then(|| (at + 1, String::new()));
    }
    None
}

/// Whether a word stands right between the parentheses of a call.
fn argument_of(words: &[Word<'_>], at: usize, functions: &[&str]) -> bool {
    let mut depth = 0_usize;
    for index in (at.saturating_sub(NEAR)..at).rev() {
        if is(words, index, ")") {
            depth += 1;
        } else if is(words, index, "(") {
            match depth.checked_sub(1) {
                Some(outside) => depth = outside,
                None => return any(words, index.wrapping_sub(1), functions),
            }
        }
    }
    false
}
