//! Lists of names.

use super::Tokens;

/// `from AS to`, `from TO to`; without the second part both are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// Cuts tokens at the commas outside parentheses: ranges of indices.
pub(crate) fn split(tokens: &Tokens<'_>, from: usize, to: usize) -> Vec<(usize, usize)> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut start = from;
    for index in from..to {
        if tokens.is_symbol(index, "(") || tokens.is_symbol(index, "{") {
            depth += 1;
        } else if tokens.is_symbol(index, ")") || tokens.is_symbol(index, "}") {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && tokens.is_symbol(index, ",") {
            parts.push((start, index));
            start = index + 1;
        }
    }
    if start < to {
        parts.push((start, to));
    }
    parts
}

/// `a, [b c], 'd*'`.
pub(super) fn list(tokens: &Tokens<'_>, from: usize, to: usize) -> Vec<String> {
    split(tokens, from, to)
        .into_iter()
        .map(|(from, to)| whole(tokens, from, to))
        .filter(|name| !name.is_empty())
        .collect()
}

/// `a AS b, c`, with the word that stands between.
pub(super) fn pairs(tokens: &Tokens<'_>, from: usize, to: usize, word: &str) -> Vec<Pair> {
    split(tokens, from, to)
        .into_iter()
        .filter_map(|(from, to)| {
            let between = (from + 1..to).rev().find(|&index| tokens.is_word(index, word));
            let pair = match between {
                Some(between) => {
                    Pair { from: whole(tokens, from, between), to: whole(tokens, between + 1, to) }
                }
                None => {
                    let name = whole(tokens, from, to);
                    Pair { from: name.clone(), to: name }
                }
            };
            (!pair.from.is_empty() && !pair.to.is_empty()).then_some(pair)
        })
        .collect()
}

/// The name that several tokens make up: one quoted or bare name, else the text as it stands.
pub(super) fn whole(tokens: &Tokens<'_>, from: usize, to: usize) -> String {
    if to == from + 1
        && let Some(name) = tokens.name_at(from)
    {
        return name;
    }
    tokens.span(from, to).to_owned()
}
