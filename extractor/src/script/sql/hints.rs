//! What may stand behind a table and says how it is read, not what: locks, indexes, partitions.

use super::spellings::is_operand;
use super::words::{Word, any, close, is, is_name};

/// Locks, which SQL Server, Sybase and OpenEdge know under these names.
pub(super) const LOCKS: [&str; 13] = [
    "nolock",
    "readuncommitted",
    "readcommitted",
    "readpast",
    "repeatableread",
    "serializable",
    "rowlock",
    "paglock",
    "tablock",
    "tablockx",
    "updlock",
    "holdlock",
    "xlock",
];

/// Index of the last word of such a clause that starts at an index.
pub(super) fn clause(words: &[Word<'_>], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).and_then(|before| words.get(before))?;
    let behind_name = is_operand(before) && before.is_name();
    // OpenEdge has it at the end of a statement, too.
    if is(words, at, "with") && is(words, at + 1, "(") && any(words, at + 2, &LOCKS) {
        return close(words, at + 1);
    }
    // Sybase
    if any(words, at, &["holdlock", "noholdlock"]) && behind_name && !is(words, at + 1, ".") {
        return Some(at);
    }
    if is(words, at, "at") && is(words, at + 1, "isolation") {
        return isolation(words, at + 2);
    }
    if is(words, at, "(") && is(words, at + 1, "index") && is_name(words, at + 2) && behind_name {
        const AFTER: [&str; 4] = [")", "prefetch", "lru", "mru"];
        return any(words, at + 3, &AFTER).then(|| close(words, at)).flatten();
    }
    // MySQL and Oracle: `t PARTITION (p0, p1)`, `t SUBPARTITION FOR (1)`.
    if any(words, at, &["partition", "subpartition"]) && behind_name {
        let open = at + 1 + usize::from(is(words, at + 1, "for"));
        if is(words, open, "(") {
            return close(words, open);
        }
    }
    // Oracle: rows without a partner are filled up for each partition.
    if is(words, at, "partition") && is(words, at + 1, "by") && is(words, at + 2, "(") {
        const JOINS: [&str; 7] = ["on", "left", "right", "full", "inner", "join", "using"];
        let end = close(words, at + 2)?;
        return any(words, end + 1, &JOINS).then_some(end);
    }
    // Impala: `JOIN [SHUFFLE] t`
    let hint = words.get(at).filter(|_| before.is("join"))?;
    let is_hint = |text: &&str| hint.is_name() && hint.text.eq_ignore_ascii_case(text);
    let names = ["shuffle", "noshuffle", "broadcast"];
    (names.iter().any(is_hint) && is_name(words, at + 1)).then_some(at)
}

/// Last word of `READ UNCOMMITTED`, `0`.
fn isolation(words: &[Word<'_>], at: usize) -> Option<usize> {
    let two = any(words, at, &["read", "repeatable"]);
    words.get(at + usize::from(two)).map(|_| at + usize::from(two))
}
