//! Statements on tables and fields that are there already.

use super::names::{list, pairs, whole};
use super::source::file_path;
use super::{Statement, TokenKind, Tokens, part};

/// `STORE [* | fields FROM] table INTO path [(format)]`.
pub(super) fn store(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    let Some(into) = (at + 1..end).rev().find(|&index| tokens.is_word(index, "into")) else {
        return Statement::Unknown("`STORE` without `INTO`".to_owned());
    };
    let from = (at + 1..into).find(|&index| tokens.is_word(index, "from"));
    let (fields, table_at) = match from {
        Some(from) => {
            let all = from == at + 2 && tokens.is_symbol(at + 1, "*");
            ((!all).then(|| pairs(tokens, at + 1, from, "as")), from + 1)
        }
        None => (None, at + 1),
    };
    let table = whole(tokens, table_at, into);
    let mut format_at = end;
    if tokens.is_symbol(end.saturating_sub(1), ")") {
        format_at =
            (into + 1..end).rev().find(|&index| tokens.is_symbol(index, "(")).unwrap_or(end);
    }
    let format = tokens.name_at(format_at + 1).map(|name| name.to_ascii_lowercase());
    let path = file_path(tokens, into + 1, format_at);
    if table.is_empty() || path.is_empty() {
        return Statement::Unknown("`STORE` without a table or a file".to_owned());
    }
    Statement::Store { fields, table, path, format }
}

/// `DROP TABLE[S] a, b` and `DROP FIELD[S] a, b [FROM t]`.
pub(super) fn drop(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    if tokens.is_any_word(at + 1, &["table", "tables"]) {
        return Statement::DropTables(list(tokens, at + 2, end));
    }
    if tokens.is_any_word(at + 1, &["field", "fields"]) {
        let from = (at + 2..end).find(|&index| tokens.is_word(index, "from"));
        let fields = list(tokens, at + 2, from.unwrap_or(end));
        let tables = from.map(|from| list(tokens, from + 1, end)).unwrap_or_default();
        return Statement::DropFields { fields, tables };
    }
    Statement::Unknown("`DROP` of neither tables nor fields".to_owned())
}

/// `RENAME TABLE[S] …` and `RENAME FIELD[S] …`, by pairs or `USING` a mapping table.
pub(super) fn rename(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    let tables = tokens.is_any_word(at + 1, &["table", "tables"]);
    if !tables && !tokens.is_any_word(at + 1, &["field", "fields"]) {
        return Statement::Unknown("`RENAME` of neither tables nor fields".to_owned());
    }
    if tokens.is_word(at + 2, "using") {
        let map = tokens.name_at(at + 3).unwrap_or_default();
        return if tables {
            Statement::RenameTablesUsing(map)
        } else {
            Statement::RenameFieldsUsing(map)
        };
    }
    let pairs = pairs(tokens, at + 2, end, "to");
    if tables { Statement::RenameTables(pairs) } else { Statement::RenameFields(pairs) }
}

/// `MAP fields USING map`.
pub(super) fn map_using(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    match (at + 1..end).rev().find(|&index| tokens.is_word(index, "using")) {
        Some(using) => Statement::MapUsing {
            fields: list(tokens, at + 1, using),
            map: whole(tokens, using + 1, end),
        },
        None => Statement::Unknown("`MAP` without `USING`".to_owned()),
    }
}

/// `COMMENT FIELD[S] a WITH 'text'`, `COMMENT TABLE[S] t WITH 'text'`, or `USING` a map.
pub(super) fn comment(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    let tables = tokens.is_any_word(at + 1, &["table", "tables"]);
    let from = at + 1 + usize::from(tables || tokens.is_any_word(at + 1, &["field", "fields"]));
    if tokens.is_word(from, "using") {
        let map = tokens.name_at(from + 1).unwrap_or_default();
        return if tables {
            Statement::CommentTablesUsing(map)
        } else {
            Statement::CommentFieldsUsing(map)
        };
    }
    let Some(with) = (from..end).find(|&index| tokens.is_word(index, "with")) else {
        return Statement::Unknown("`COMMENT` without `WITH`".to_owned());
    };
    let names = list(tokens, from, with);
    let text = whole(tokens, with + 1, end);
    if tables {
        Statement::CommentTable { tables: names, text }
    } else {
        Statement::CommentField { fields: names, text }
    }
}

/// `DECLARE [FIELD] DEFINITION [TAGGED tag] [PARAMETERS …] FIELDS expr AS name, …`.
pub(super) fn declare(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    let fields_at = (at..end).find(|&index| tokens.is_word(index, "fields"));
    let groups_at = (at..end).find(|&index| tokens.is_word(index, "groups")).unwrap_or(end);
    let fields = fields_at
        .map(|from| pairs(tokens, from + 1, groups_at, "as"))
        .unwrap_or_default()
        .into_iter()
        .map(|pair| {
            // `Dual(…) AS [Year] TAGGED ('$axis', '$year')`
            let name = pair.to;
            match name.split_once(']') {
                Some((quoted, _)) if name.starts_with('[') => quoted.replacen('[', "", 1),
                _ => name.split_whitespace().next().unwrap_or_default().to_owned(),
            }
        })
        .collect();
    Statement::Declare { fields }
}

/// `DERIVE FIELDS FROM FIELDS a, b USING definition`; `FROM EXPLICIT TAGS (…)` names no fields.
pub(super) fn derive(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    let using = (at..end).rev().find(|&index| tokens.is_word(index, "using")).unwrap_or(end);
    let from = (at..using).find(|&index| tokens.is_word(index, "from"));
    let fields = match from {
        Some(from) if tokens.is_any_word(from + 1, &["field", "fields"]) => {
            list(tokens, from + 2, using)
        }
        _ => Vec::new(),
    };
    Statement::Derive { fields, definition: tokens.name_at(using + 1).unwrap_or_default() }
}

/// `BINARY path`.
pub(super) fn binary(tokens: &Tokens<'_>, at: usize) -> Statement {
    let path = file_path(tokens, at + 1, tokens.all.len());
    if path.is_empty() {
        Statement::Unknown("`BINARY` without an app".to_owned())
    } else {
        Statement::Binary(path)
    }
}

/// `DIRECTORY [path]`.
pub(super) fn directory(tokens: &Tokens<'_>, at: usize) -> Statement {
    let end = tokens.all.len();
    let quoted = tokens.get(at + 1).is_some_and(|token| token.kind != TokenKind::Symbol);
    let path = if quoted && end == at + 2 {
        whole(tokens, at + 1, end)
    } else {
        let from = tokens.get(at + 1).map_or(tokens.text.len(), |token| token.start);
        part(tokens.text, from, tokens.text.len()).trim().to_owned()
    };
    Statement::Directory(path)
}
