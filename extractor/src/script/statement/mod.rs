//! Expanded statement text → statement. A statement is parsed on its own; what is not understood
//! is [`Statement::Unknown`] with the reason, and costs nothing else.

mod inline;
mod load;
mod names;
mod prefix;
mod source;
mod tables;

use super::lex::scan::Scanner;
use super::lex::split::label_end;
use super::lex::token::{TokenKind, Tokens, tokenize};
use super::lex::{part, unquote};
pub(crate) use inline::InlineData;
pub(crate) use load::{Item, ItemKind, Load};
pub(crate) use names::{Pair, split};
pub(crate) use prefix::{JoinKind, Prefix};
pub(crate) use source::{FileFormat, LoadSource};

use super::sql::Passed;

/// A statement with its label and, when it ended early, what follows it.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) label: Option<String>,
    pub(crate) prefixes: Vec<Prefix>,
    pub(crate) statement: Statement,
    /// Text that belongs to no part of the statement, as after a forgotten `;`.
    pub(crate) rest: Option<String>,
}

/// A regular statement.
#[derive(Debug)]
pub(crate) enum Statement {
    Load(Box<Load>),
    /// What is passed to the current connection.
    Sql(Passed),
    /// `DIRECT QUERY DIMENSION … MEASURE … DETAIL … FROM table`.
    DirectQuery {
        fields: Vec<Pair>,
        table: String,
    },
    Set {
        name: String,
        value: String,
    },
    Let {
        name: String,
        expression: String,
    },
    /// `LIB CONNECT TO`, `ODBC`, `OLEDB`, `CUSTOM`.
    Connect {
        kind: ConnectKind,
        target: String,
    },
    Disconnect,
    /// `STORE fields FROM table INTO path (format)`; no fields: all.
    Store {
        fields: Option<Vec<Pair>>,
        table: String,
        path: String,
        format: Option<String>,
    },
    DropTables(Vec<String>),
    /// `DROP FIELDS a, b FROM t`; no tables: from every one.
    DropFields {
        fields: Vec<String>,
        tables: Vec<String>,
    },
    RenameTables(Vec<Pair>),
    RenameTablesUsing(String),
    RenameFields(Vec<Pair>),
    RenameFieldsUsing(String),
    Qualify {
        patterns: Vec<String>,
        on: bool,
    },
    Alias(Vec<Pair>),
    MapUsing {
        fields: Vec<String>,
        map: String,
    },
    Unmap(Vec<String>),
    CommentField {
        fields: Vec<String>,
        text: String,
    },
    CommentFieldsUsing(String),
    CommentTable {
        tables: Vec<String>,
        text: String,
    },
    CommentTablesUsing(String),
    /// `DECLARE FIELD DEFINITION …`: the label is the definition's name.
    Declare {
        fields: Vec<String>,
    },
    /// `DERIVE FIELDS FROM FIELDS a, b USING definition`.
    Derive {
        fields: Vec<String>,
        definition: String,
    },
    /// `SECTION ACCESS` or `SECTION APPLICATION`.
    Section {
        access: bool,
    },
    Binary(String),
    Directory(String),
    /// `CALL` or `EXIT SCRIPT` behind `WHEN`.
    Control(String),
    /// A label alone: it names the table that comes next.
    Label,
    /// `TRACE`, `SLEEP`, `TAG` and others that move no data.
    Nothing,
    Unknown(String),
}

/// How a connection is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectKind {
    Lib,
    Odbc,
    Oledb,
    Custom,
}

/// Parses one expanded statement.
pub(crate) fn parse(text: &str) -> Parsed {
    let scanner = Scanner::new(text);
    let mut at = scanner.blank(0);
    let mut label = None;
    while let Some(end) = label_end(&scanner, at) {
        let name = scanner.part(at, end.saturating_sub(1)).trim();
        label = Some(unquote(after_variables(name)));
        at = scanner.blank(end);
    }
    let body = scanner.part(at, scanner.len());
    let all = tokenize(body);
    let tokens = Tokens { text: body, all: &all };
    // Expansions that came to nothing may stand before the statement.
    let mut first = 0;
    while tokens.get(first).is_some_and(|token| token.kind == TokenKind::Word)
        && tokens.text_at(first).starts_with("$(")
        && tokens.text_at(first).ends_with(')')
        && !tokens.is_symbol(first + 1, "=")
    {
        first += 1;
    }
    let body_at = first;
    let (mut prefixes, mut first) = prefix::read(&tokens, first);
    // `WHEN x Label: LOAD …`, `BUFFER Label: LOAD …`
    if first > body_at && tokens.is_symbol(first + 1, ":") {
        label = tokens.name_at(first).or(label);
        let (more, after) = prefix::read(&tokens, first + 2);
        prefixes.extend(more);
        first = after;
    }
    let mut rest = None;
    let statement = if label.is_some() && all.is_empty() {
        Statement::Label
    } else if is_cut_off(&tokens, first, &prefixes) {
        let word = tokens.text_at(body_at);
        Statement::Unknown(format!("no statement follows that `{word}` can stand before"))
    } else {
        dispatch(&tokens, first, &mut rest)
    };
    Parsed { label, prefixes, statement, rest }
}

/// Whether `WHEN` or `UNLESS` stands before nothing that it can: control statements are none.
fn is_cut_off(tokens: &Tokens<'_>, at: usize, prefixes: &[Prefix]) -> bool {
    let last = tokens.text_at(at.saturating_sub(1));
    at >= tokens.all.len()
        && matches!(prefixes, [Prefix::When { .. }])
        && !(last.starts_with("$(") && last.ends_with(')'))
}

/// A label without variables that came to nothing before it: `$(vUnset) Sales`.
fn after_variables(name: &str) -> &str {
    let mut name = name;
    while name.starts_with("$(") {
        match name.split_once(')') {
            Some((_, rest)) if rest.starts_with([' ', '\t', '\n']) => name = rest.trim_start(),
            _ => return name,
        }
    }
    name
}

/// Label of a statement as it is written, with its colon.
pub(crate) fn label_of(text: &str) -> Option<&str> {
    let scanner = Scanner::new(text);
    let at = scanner.blank(0);
    label_end(&scanner, at).map(|end| scanner.part(at, end))
}

fn dispatch(tokens: &Tokens<'_>, at: usize, rest: &mut Option<String>) -> Statement {
    let Some(token) = tokens.get(at) else { return Statement::Nothing };
    if token.kind == TokenKind::Symbol {
        return Statement::Unknown("a statement cannot start like this".to_owned());
    }
    let word = tokens.text_of(token).to_ascii_lowercase();
    let second = tokens.text_at(at + 1).to_ascii_lowercase();
    let after = |index: usize| {
        tokens.get(index).map_or("", |token| part(tokens.text, token.start, tokens.text.len()))
    };
    if tokens.is_symbol(at + 1, "=") && word != "let" && word != "set" {
        // `LET` may be left out.
        let name = tokens.name_at(at).unwrap_or_default();
        return Statement::Let { name, expression: after(at + 2).to_owned() };
    }
    match word.as_str() {
        "load" => load::read(tokens, at, rest),
        "sql" => Statement::Sql(Passed::new(after(at + 1))),
        "select" | "with" | "sqltables" | "sqlcolumns" | "sqltypes" => {
            Statement::Sql(Passed::new(after(at)))
        }
        "direct" => load::read_direct(tokens, at),
        "set" | "let" => assignment(tokens, at),
        "lib" | "odbc" | "oledb" | "custom" | "connect" | "connect32" | "connect64" => {
            connect(tokens, at)
        }
        "call" | "exit" if at > 0 => Statement::Control(after(at).to_owned()),
        "disconnect" => Statement::Disconnect,
        "store" => tables::store(tokens, at),
        "drop" => tables::drop(tokens, at),
        "rename" => tables::rename(tokens, at),
        "qualify" | "unqualify" => {
            let patterns = names::list(tokens, at + 1, tokens.all.len());
            Statement::Qualify { patterns, on: word == "qualify" }
        }
        "alias" => Statement::Alias(names::pairs(tokens, at + 1, tokens.all.len(), "as")),
        "map" => tables::map_using(tokens, at),
        "unmap" => Statement::Unmap(names::list(tokens, at + 1, tokens.all.len())),
        "comment" => tables::comment(tokens, at),
        "declare" => tables::declare(tokens, at),
        "derive" => tables::derive(tokens, at),
        "section" => Statement::Section { access: second == "access" },
        "binary" => tables::binary(tokens, at),
        "directory" => tables::directory(tokens, at),
        "trace" | "sleep" | "tag" | "untag" | "search" | "force" | "nullasvalue" | "nullasnull"
        | "star" | "inputfield" | "autonumber" | "loosen" | "execute" | "flushlog" | "unload"
        | "import" | "rem" | "info" => Statement::Nothing,
        _ if word.starts_with("$(") => {
            Statement::Unknown(format!("what `{}` stands for is not known", tokens.text_of(token)))
        }
        _ => Statement::Unknown(format!("`{}` starts no known statement", tokens.text_of(token))),
    }
}

/// `SET name = text` and `LET name = expression`.
fn assignment(tokens: &Tokens<'_>, at: usize) -> Statement {
    let set = tokens.is_word(at, "set");
    let Some(equal) =
        (at + 1..tokens.all.len().min(at + 8)).find(|&index| tokens.is_symbol(index, "="))
    else {
        // `SET name;` deletes, as `SET name=;` does.
        let name = tokens.name_at(at + 1).unwrap_or_default();
        return Statement::Set { name, value: String::new() };
    };
    let name = if equal == at + 2 {
        tokens.name_at(at + 1).unwrap_or_default()
    } else {
        tokens.span(at + 1, equal).to_owned()
    };
    let from = tokens.get(equal).map_or(tokens.text.len(), |token| token.end);
    let value = part(tokens.text, from, tokens.text.len()).trim();
    if set {
        // The quotes are dropped only when they enclose the whole.
        let whole = matches!(tokens.all.get(equal + 1..), Some([only])
            if only.kind == TokenKind::Text || value.starts_with('"'));
        let value = if whole { unquote(value) } else { value.to_owned() };
        Statement::Set { name, value }
    } else {
        Statement::Let { name, expression: value.to_owned() }
    }
}

fn connect(tokens: &Tokens<'_>, at: usize) -> Statement {
    let kind = match tokens.text_at(at).to_ascii_lowercase().as_str() {
        "lib" => ConnectKind::Lib,
        "oledb" => ConnectKind::Oledb,
        "custom" => ConnectKind::Custom,
        _ => ConnectKind::Odbc,
    };
    let to = (at..tokens.all.len().min(at + 4)).find(|&index| tokens.is_word(index, "to"));
    let Some(target) = to.and_then(|to| tokens.get(to + 1).map(|_| to + 1)) else {
        return Statement::Unknown("a connection without `TO`".to_owned());
    };
    let quoted = tokens
        .get(target)
        .is_some_and(|token| matches!(token.kind, TokenKind::Text | TokenKind::Name));
    let target = if quoted {
        tokens.name_at(target).unwrap_or_default()
    } else {
        let from = tokens.get(target).map_or(0, |token| token.start);
        let text = part(tokens.text, from, tokens.text.len());
        text.split('(').next().unwrap_or("").trim().to_owned()
    };
    Statement::Connect { kind, target }
}
