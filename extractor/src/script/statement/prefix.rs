//! Prefixes of `LOAD` and `SELECT`.

use super::names::{list, whole};
use super::{TokenKind, Tokens};

/// What stands before a statement and changes what becomes of its result.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Prefix {
    Concatenate(Option<String>),
    NoConcatenate,
    Join {
        kind: JoinKind,
        table: Option<String>,
    },
    Keep {
        table: Option<String>,
    },
    Mapping,
    /// `ADD`, `REPLACE`: runs in partial reloads, too.
    Partial,
    /// `ADD ONLY`, `REPLACE ONLY`: runs in partial reloads alone.
    PartialOnly,
    Crosstable {
        attribute: String,
        data: String,
        keys: usize,
    },
    Generic,
    Hierarchy(Vec<String>),
    HierarchyBelongsTo(Vec<String>),
    IntervalMatch(Vec<String>),
    /// `MERGE … ON keys`: the first field says what to do with a row and is not kept.
    Merge(Vec<String>),
    /// `WHEN` (`negated`: `UNLESS`) with its condition.
    When {
        condition: String,
        negated: bool,
    },
}

/// Which rows a join keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JoinKind {
    Inner,
    Left,
    Right,
    Outer,
}

/// Reads the prefixes from a token on, and the index after them.
pub(super) fn read(tokens: &Tokens<'_>, mut at: usize) -> (Vec<Prefix>, usize) {
    let mut prefixes = Vec::new();
    let mut kind = None;
    loop {
        if tokens.get(at).is_none_or(|token| token.kind != TokenKind::Word)
            || tokens.is_symbol(at + 1, "=")
        {
            return (prefixes, at);
        }
        let word = tokens.text_at(at).to_ascii_lowercase();
        let (end, inner) = arguments(tokens, at + 1);
        let single = || inner.first().cloned().filter(|name| !name.is_empty());
        match word.as_str() {
            "concatenate" => {
                prefixes.push(Prefix::Concatenate(single()));
                at = end;
            }
            "noconcatenate" => {
                prefixes.push(Prefix::NoConcatenate);
                at += 1;
            }
            "inner" | "left" | "right" | "outer" => {
                kind = Some(match word.as_str() {
                    "inner" => JoinKind::Inner,
                    "left" => JoinKind::Left,
                    "right" => JoinKind::Right,
                    _ => JoinKind::Outer,
                });
                at += 1;
            }
            "join" => {
                let kind = kind.take().unwrap_or(JoinKind::Outer);
                prefixes.push(Prefix::Join { kind, table: single() });
                at = end;
            }
            "keep" => {
                kind = None;
                prefixes.push(Prefix::Keep { table: single() });
                at = end;
            }
            "mapping" => {
                prefixes.push(Prefix::Mapping);
                at += 1;
            }
            "add" | "replace" => {
                at += 1;
                if tokens.is_word(at, "only") {
                    prefixes.push(Prefix::PartialOnly);
                    at += 1;
                }
                prefixes.push(Prefix::Partial);
            }
            "merge" => {
                // `MERGE [ONLY] [(sequence)] ON keys [CONCATENATE(t)] LOAD …`
                let from = at + 1;
                let ends = ["concatenate", "load", "select", "sql"];
                at = (from..tokens.all.len())
                    .find(|&end| tokens.is_any_word(end, &ends))
                    .unwrap_or(tokens.all.len());
                let on = (from..at).find(|&on| tokens.is_word(on, "on")).unwrap_or(at);
                prefixes.push(Prefix::Merge(list(tokens, on + 1, at)));
            }
            "buffer" | "image_size" => at = end,
            "bundle" | "info" | "semantic" => at += 1,
            "first" | "sample" => at = if end > at + 1 { end } else { at + 2 },
            "generic" => {
                prefixes.push(Prefix::Generic);
                at += 1;
            }
            "crosstable" => {
                let keys = inner.get(2).and_then(|keys| keys.parse().ok()).unwrap_or(1);
                let name = |index: usize| inner.get(index).cloned().unwrap_or_default();
                prefixes.push(Prefix::Crosstable { attribute: name(0), data: name(1), keys });
                at = end;
            }
            "hierarchy" => {
                prefixes.push(Prefix::Hierarchy(inner));
                at = end;
            }
            "hierarchybelongsto" => {
                prefixes.push(Prefix::HierarchyBelongsTo(inner));
                at = end;
            }
            "intervalmatch" => {
                prefixes.push(Prefix::IntervalMatch(inner));
                at = end;
            }
            "when" | "unless" => {
                let from = at + 1;
                at = from;
                while at < tokens.all.len()
                    && !(at > from && starts_statement(tokens, at))
                    && !(tokens.is_symbol(at + 1, ":") && starts_statement(tokens, at + 2))
                {
                    at = tokens.after_parenthesis(at).max(at + 1);
                }
                let condition = tokens.span(from, at).to_owned();
                prefixes.push(Prefix::When { condition, negated: word == "unless" });
            }
            _ => return (prefixes, at),
        }
    }
}

/// Names in the parenthesis at an index, and the index after it.
fn arguments(tokens: &Tokens<'_>, at: usize) -> (usize, Vec<String>) {
    let end = tokens.after_parenthesis(at);
    if end <= at + 1 {
        return (end.max(at), Vec::new());
    }
    let inner = super::names::split(tokens, at + 1, end - 1)
        .into_iter()
        .map(|(from, to)| whole(tokens, from, to))
        .collect();
    (end, inner)
}

fn starts_statement(tokens: &Tokens<'_>, at: usize) -> bool {
    const WORDS: [&str; 47] = [
        "load",
        "select",
        "sql",
        "direct",
        "store",
        "drop",
        "rename",
        "set",
        "let",
        "trace",
        "mapping",
        "concatenate",
        "noconcatenate",
        "join",
        "keep",
        "left",
        "right",
        "inner",
        "outer",
        "add",
        "replace",
        "crosstable",
        "generic",
        "hierarchy",
        "intervalmatch",
        "qualify",
        "unqualify",
        "alias",
        "map",
        "lib",
        "odbc",
        "oledb",
        "custom",
        "binary",
        "directory",
        "comment",
        "tag",
        "untag",
        "unmap",
        "execute",
        "sleep",
        "disconnect",
        "merge",
        "buffer",
        "hierarchybelongsto",
        "declare",
        "derive",
    ];
    // `Left(x, 1)`, `Replace(a, b, c)` and `Map(…)` in the condition are functions.
    let function = tokens.is_symbol(at + 1, "(")
        && tokens.is_any_word(at, &["left", "right", "replace", "map", "concatenate", "keep"])
        && list(tokens, at + 2, tokens.after_parenthesis(at + 1).saturating_sub(1)).len() > 1;
    // These two are followed, although control statements may not stand there.
    let named = |next: usize| {
        let kind = tokens.get(next).map(|token| token.kind);
        matches!(kind, Some(TokenKind::Word | TokenKind::Name))
    };
    let control = (tokens.is_word(at, "call") && named(at + 1))
        || (tokens.is_word(at, "exit") && tokens.is_word(at + 1, "script"));
    control || (tokens.is_any_word(at, &WORDS) && !function)
}
