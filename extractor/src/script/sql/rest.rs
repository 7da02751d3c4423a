//! Statements of the REST connector. They look like SQL but name elements of a reply, not tables:
//! `SELECT "a", (SELECT "b" FROM "children" FK "__FK_x") FROM JSON (wrap on) "root" PK "__KEY_root"
//! WITH CONNECTION (URL "…")`.

use super::Sql;
use super::words::{Word, WordKind};

/// Reads a statement if it is one of the REST connector.
pub(super) fn read(words: &[Word<'_>]) -> Option<Sql> {
    let is = |index: usize, text: &str| words.get(index).is_some_and(|word| word.is(text));
    let from = |index: usize| {
        is(index, "from")
            && ["json", "xml", "csv"].iter().any(|format| is(index + 1, format))
            // `(wrap on)`, or the element and its key.
            && (is(index + 2, "(")
                || (words.get(index + 2).is_some_and(|it| it.kind == WordKind::Quoted)
                    && ["pk", "fk", "arrayvaluealias"].iter().any(|key| is(index + 3, key))))
    };
    let connection = |index: usize| is(index, "with") && is(index + 1, "connection");
    let position = (0..words.len()).find(|&index| from(index) || connection(index))?;
    if !is(0, "select") {
        return None;
    }
    let end = (position..words.len()).find(|&index| connection(index)).unwrap_or(words.len());
    let url = (end..words.len())
        .find(|&index| is(index, "url"))
        .and_then(|index| words.get(index + 1))
        .filter(|word| matches!(word.kind, WordKind::Quoted | WordKind::Text))
        .map(|word| crate::script::mask::mask(word.text.trim_matches('\'')));
    Some(Sql::Rest { columns: columns(words.get(..end).unwrap_or_default()), url })
}

/// Names in the select lists, nested ones included: all become columns of one table.
fn columns(words: &[Word<'_>]) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> = Vec::new();
    let mut in_list = false;
    for (index, word) in words.iter().enumerate() {
        if word.is("select") {
            in_list = true;
        } else if word.is("from") {
            in_list = false;
        } else if word.is(",") {
            // After a nested select the outer list goes on.
            in_list |= index > 0 && words.get(index - 1).is_some_and(|before| before.is(")"));
        } else if in_list && word.is_name() && !word.is("as") {
            let alias = words
                .get(index + 1)
                .filter(|next| next.is("as"))
                .and_then(|_| words.get(index + 2));
            let is_alias = index > 0 && words.get(index - 1).is_some_and(|before| before.is("as"));
            if !is_alias {
                let name = alias.map_or(word.text, |alias| alias.text);
                columns.push((name.to_owned(), word.text.to_owned()));
            }
        }
    }
    columns
}
