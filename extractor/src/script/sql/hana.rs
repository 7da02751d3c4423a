//! HANA's spellings: `SUBSTRING_REGEXPR('x' IN c)`, and `MAP`, which is `DECODE` to others.

use super::words::{Word, WordKind, close, is};
use crate::script::lex::part;

/// Index of the last word of a spelling that starts at an index, and what stands for it. `certain`
/// tells that the statement is HANA's: `map(…)` makes a map elsewhere.
pub(super) fn spelling(
    text: &str,
    words: &[Word<'_>],
    at: usize,
    certain: bool,
) -> Option<(usize, String)> {
    const EXPRESSIONS: [&str; 5] = [
        "locate_regexpr",
        "occurrences_regexpr",
        "replace_regexpr",
        "substr_regexpr",
        "substring_regexpr",
    ];
    if !is(words, at + 1, "(") {
        return None;
    }
    if certain && is(words, at, "map") {
        return Some((at, "decode".to_owned()));
    }
    let name = words.get(at)?.text;
    let known = EXPRESSIONS.iter().any(|each| name.eq_ignore_ascii_case(each));
    known.then(|| arguments(text, words, at)).flatten()
}

/// `f(START 'x' FLAG 'i' IN c WITH 'y' FROM 2 OCCURRENCE ALL GROUP 1)` with commas.
fn arguments(text: &str, words: &[Word<'_>], at: usize) -> Option<(usize, String)> {
    const BETWEEN: [&str; 6] = ["in", "with", "from", "flag", "group", "occurrence"];
    let end = close(words, at + 1)?;
    let mut out = format!("{}(", words.get(at)?.text);
    let mut depth = 0_usize;
    for word in words.get(at + 2..end)? {
        if word.is("(") {
            depth += 1;
        } else if word.is(")") {
            depth = depth.saturating_sub(1);
        }
        let outside = depth == 0 && word.kind == WordKind::Bare;
        match () {
            () if outside && BETWEEN.iter().any(|each| word.is(each)) => out.push(','),
            () if outside && (word.is("start") || word.is("after")) => {}
            () if outside && word.is("all") => out.push('0'),
            () => {
                if !matches!(word.text, "." | "(" | ")") && !out.ends_with('.') {
                    out.push(' ');
                }
                out.push_str(part(text, word.start, word.end));
            }
        }
    }
    out.push(')');
    Some((end, out))
}
