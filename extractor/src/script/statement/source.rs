//! Where a `LOAD` takes its data from.

use super::inline::{self, InlineData};
use super::names::{list, whole};
use super::{TokenKind, Tokens, part};

/// Source of a `LOAD`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LoadSource {
    /// The statement that follows.
    Following,
    Files {
        paths: Vec<String>,
        format: FileFormat,
    },
    Resident(String),
    Inline(InlineData),
    /// Number of rows as an expression.
    Autogenerate(String),
    /// `FROM_FIELD (table, field)`.
    Field {
        table: String,
        field: String,
    },
    /// `EXTENSION plugin.function(…, table{fields})`: table and fields, none meaning all.
    Extension {
        table: Option<String>,
        fields: Vec<String>,
    },
}

/// What the parenthesis after a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileFormat {
    /// First word: `qvd`, `txt`, `ooxml` …, lower-case.
    pub(crate) name: Option<String>,
    /// Sheet or table within the file.
    pub(crate) table: Option<String>,
    pub(crate) delimiter: Option<String>,
    /// Whether the columns have no names (`no labels`).
    pub(crate) no_labels: bool,
}

/// Whether the keyword of a source stands there.
pub(super) fn is_source(tokens: &Tokens<'_>, at: usize) -> bool {
    // A field may be called so where no source can follow: `LOAD Id, From, To`.
    let follows = tokens.get(at + 1).is_some_and(|next| next.kind != TokenKind::Symbol)
        || tokens.is_symbol(at + 1, "(")
        || tokens.is_symbol(at + 1, ".")
        || tokens.is_symbol(at + 1, "/");
    follows
        && !tokens.is_word(at + 1, "as")
        && tokens.is_any_word(
            at,
            &["from", "from_field", "inline", "resident", "autogenerate", "extension"],
        )
}

/// Whether a clause starts there.
pub(super) fn is_clause(tokens: &Tokens<'_>, at: usize) -> bool {
    tokens.is_any_word(at, &["where", "while", "group_by", "order_by"])
        || (tokens.is_any_word(at, &["group", "order"]) && tokens.is_word(at + 1, "by"))
}

/// Reads the source whose keyword stands at an index, and the index after it.
pub(super) fn read(tokens: &Tokens<'_>, at: usize) -> (LoadSource, usize) {
    let keyword = tokens.text_at(at).to_ascii_lowercase();
    let at = at + 1;
    match keyword.as_str() {
        "from" => files(tokens, at),
        "from_field" => {
            let end = tokens.after_parenthesis(at);
            let mut names = list(tokens, at + 1, end.saturating_sub(1)).into_iter();
            let table = names.next().unwrap_or_default();
            let field = names.next().unwrap_or_default();
            let (_, end) = format(tokens, end);
            (LoadSource::Field { table, field }, end)
        }
        "inline" => {
            let (format, end) = format(tokens, at + 1);
            let data = tokens.name_at(at).unwrap_or_default();
            let data = inline::read(&data, format.delimiter.as_deref(), !format.no_labels);
            (LoadSource::Inline(data), end)
        }
        "resident" => (LoadSource::Resident(tokens.name_at(at).unwrap_or_default()), at + 1),
        "autogenerate" => {
            let end = clause(tokens, at);
            (LoadSource::Autogenerate(tokens.span(at, end).to_owned()), end)
        }
        _ => extension(tokens, at),
    }
}

/// Index of the next clause, or the end.
fn clause(tokens: &Tokens<'_>, mut at: usize) -> usize {
    while at < tokens.all.len() && !is_clause(tokens, at) {
        at = tokens.after_parenthesis(at).max(at + 1);
    }
    at
}

fn files(tokens: &Tokens<'_>, mut at: usize) -> (LoadSource, usize) {
    let mut paths = Vec::new();
    // `FROM (a.csv, b.csv)`
    let list_end = tokens.after_parenthesis(at);
    if list_end > at + 1 && format_words(tokens, at + 1) == 0 {
        paths = list(tokens, at + 1, list_end - 1);
        at = list_end;
    } else {
        loop {
            let end = path_end(tokens, at);
            if end == at {
                break;
            }
            paths.push(file_path(tokens, at, end));
            at = end;
            if !tokens.is_symbol(at, ",") {
                break;
            }
            at += 1;
        }
    }
    let (format, at) = format(tokens, at);
    (LoadSource::Files { paths, format }, at)
}

/// A path is one quoted text, or bare text up to its format or a clause.
fn path_end(tokens: &Tokens<'_>, at: usize) -> usize {
    let Some(first) = tokens.get(at) else { return at };
    let quoted = |index: usize| {
        tokens
            .get(index)
            .is_some_and(|token| matches!(token.kind, TokenKind::Text | TokenKind::Name))
    };
    let glued = |index: usize| {
        let before = index.checked_sub(1).and_then(|before| tokens.get(before));
        matches!((before, tokens.get(index)), (Some(a), Some(b)) if a.end == b.start)
    };
    let mut end = at + 1;
    if matches!(first.kind, TokenKind::Text | TokenKind::Name) {
        // `[$(vPath)]x.qvd` and `$(vPath)[x.qvd]` are one path.
        while glued(end) && !tokens.is_symbol(end, "(") && !tokens.is_symbol(end, ",") {
            end += 1;
        }
        return end;
    }
    while let Some(token) = tokens.get(end) {
        let opens = tokens.is_symbol(end, "(");
        if tokens.is_symbol(end, ",") || is_clause(tokens, end) {
            break;
        }
        if opens && (!glued(end) || format_words(tokens, end + 1) > 0) {
            break;
        }
        // A new line that does not go on with a path's character ends it.
        if part(tokens.text, tokens.get(end - 1).map_or(0, |last| last.end), token.start)
            .contains('\n')
            && !quoted(end)
        {
            break;
        }
        end = if opens { tokens.after_parenthesis(end) } else { end + 1 };
    }
    end
}

/// A path made of tokens; `'[lib://x/y.qvd]'` carries its brackets within its quotes.
pub(super) fn file_path(tokens: &Tokens<'_>, from: usize, to: usize) -> String {
    let path = path(tokens, from, to);
    match path.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) if !inner.contains(['[', ']']) => inner.to_owned(),
        _ => path,
    }
}

fn path(tokens: &Tokens<'_>, from: usize, to: usize) -> String {
    if to == from + 1 {
        return whole(tokens, from, to);
    }
    let mut path = String::new();
    let mut last = None;
    for index in from..to {
        let Some(token) = tokens.get(index) else { continue };
        if let Some(last) = last {
            path.push_str(part(tokens.text, last, token.start));
        }
        last = Some(token.end);
        match tokens.name_at(index) {
            Some(name) => path.push_str(&name),
            None => path.push_str(tokens.text_of(token)),
        }
    }
    path
}

/// How many of the first words at an index name a file format.
fn format_words(tokens: &Tokens<'_>, at: usize) -> usize {
    const WORDS: [&str; 33] = [
        "txt",
        "fix",
        "dif",
        "biff",
        "ooxml",
        "html",
        "xml",
        "xmlsimple",
        "xmlsax",
        "xmlgeneric",
        "qvd",
        "qvx",
        "qvf",
        "kml",
        "json",
        "parquet",
        "utf8",
        "ansi",
        "oem",
        "mac",
        "unicode",
        "embedded",
        "explicit",
        "no",
        "codepage",
        "delimiter",
        "table",
        "header",
        "record",
        "msq",
        "tab",
        "url",
        "filters",
    ];
    usize::from(tokens.is_any_word(at, &WORDS) || tokens.text_at(at).starts_with("$("))
}

/// Reads a format in parentheses; without one the default, and the same index.
fn format(tokens: &Tokens<'_>, at: usize) -> (FileFormat, usize) {
    let end = tokens.after_parenthesis(at);
    if end <= at + 1 {
        return (FileFormat::default(), at);
    }
    let mut format = FileFormat::default();
    for (position, (from, to)) in
        super::names::split(tokens, at + 1, end - 1).into_iter().enumerate()
    {
        let is = (from..to).find(|&index| tokens.is_word(index, "is"));
        let value = is.map(|is| whole(tokens, is + 1, to));
        if tokens.is_word(from, "table") {
            format.table = value;
        } else if tokens.is_word(from, "delimiter") {
            format.delimiter = value;
        } else if tokens.is_word(from, "no") && tokens.is_word(from + 1, "labels") {
            format.no_labels = true;
        } else if position == 0 && is.is_none() {
            format.name = tokens.name_at(from).map(|name| name.to_ascii_lowercase());
        }
    }
    (format, end)
}

fn extension(tokens: &Tokens<'_>, at: usize) -> (LoadSource, usize) {
    let open = (at..tokens.all.len()).find(|&index| tokens.is_symbol(index, "("));
    let Some(open) = open else {
        return (LoadSource::Extension { table: None, fields: Vec::new() }, tokens.all.len());
    };
    let end = tokens.after_parenthesis(open);
    let brace = (open..end).find(|&index| tokens.is_symbol(index, "{"));
    let (table, fields) = match brace {
        Some(brace) => {
            let close = (brace..end).find(|&index| tokens.is_symbol(index, "}")).unwrap_or(end);
            let fields = super::names::split(tokens, brace + 1, close)
                .into_iter()
                .filter_map(|(from, _)| {
                    // `String(field)` gives a field a type.
                    let typed = tokens.is_symbol(from + 1, "(");
                    tokens.name_at(if typed { from + 2 } else { from })
                })
                .collect();
            (tokens.name_at(brace - 1), fields)
        }
        None => {
            let last = super::names::split(tokens, open + 1, end.saturating_sub(1)).pop();
            let table = last.and_then(|(from, to)| {
                let bare = tokens.get(from).is_some_and(|token| token.kind != TokenKind::Text);
                (to == from + 1 && bare).then(|| tokens.name_at(from)).flatten()
            });
            (table, Vec::new())
        }
    };
    (LoadSource::Extension { table, fields }, end)
}
