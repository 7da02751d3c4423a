//! Where each statement starts and ends.

use super::control::{control_end, control_word};
use super::scan::{Scanner, is_word};
use super::{Control, Kind, Position, Raw};

/// Cuts a text into its raw statements. Empty statements, comments and `REM` are left out.
pub(super) fn statements(text: &str) -> Vec<Raw> {
    let scanner = Scanner::new(text);
    let mut place = Place { scanner: &scanner, offset: 0, at: Position { line: 1, column: 1 } };
    let mut raws = Vec::new();
    let mut at = 0;
    loop {
        at = scanner.blank(at);
        if at >= scanner.len() {
            return raws;
        }
        if scanner.byte(at) == b';' {
            at += 1;
            continue;
        }
        let head = after_labels(&scanner, at);
        let start = at;
        let position = place.advance(start);
        let Found { kind, arguments, end, resume } = find(&scanner, start, head);
        let end = end.max(start + 1).min(scanner.len());
        if let Some(kind) = kind {
            let last_line = position.line + newlines(&scanner, start, end);
            raws.push(Raw { kind, start, arguments, end, at: position, last_line });
        }
        at = resume.max(end);
    }
}

struct Found {
    /// `None`: a remark.
    kind: Option<Kind>,
    arguments: usize,
    end: usize,
    /// Where the next statement may start.
    resume: usize,
}

fn find(scanner: &Scanner<'_>, start: usize, head: usize) -> Found {
    let plain =
        |kind: Kind, end: usize| Found { kind: Some(kind), arguments: start, end, resume: end + 1 };
    if head == start {
        if let Some(end) = include(scanner, start) {
            return Found { kind: Some(Kind::Include), arguments: start, end, resume: end };
        }
        if let Some((control, arguments)) = control_word(scanner, head) {
            let end = control_end(scanner, control, arguments);
            return Found { kind: Some(Kind::Control(control)), arguments, end, resume: end };
        }
    }
    let word = scanner.part(head, scanner.word(head));
    if word.eq_ignore_ascii_case("rem") {
        let end = semicolon(scanner, head);
        let resume = end + 1;
        if head > start {
            return Found { kind: Some(Kind::Plain), arguments: start, end: head, resume };
        }
        return Found { kind: None, arguments: start, end, resume };
    }
    if word.eq_ignore_ascii_case("trace") && head == start {
        let end = semicolon(scanner, head);
        return plain(Kind::Trace, end);
    }
    match control_word(scanner, head) {
        // A call may stand behind a label by mistake; the label then says nothing.
        Some((control @ (Control::Call | Control::Exit), arguments)) => {
            let end = control_end(scanner, control, arguments);
            return Found { kind: Some(Kind::Control(control)), arguments, end, resume: end };
        }
        // The label is that of what comes first behind the control statement.
        Some((Control::If | Control::For | Control::ForEach | Control::Do, _)) => {
            return Found { kind: Some(Kind::Plain), arguments: start, end: head, resume: head };
        }
        _ => {}
    }
    let (end, sql) = regular(scanner, head, word);
    plain(if sql { Kind::Sql } else { Kind::Plain }, end)
}

fn semicolon(scanner: &Scanner<'_>, at: usize) -> usize {
    let rest = scanner.part(at, scanner.len());
    rest.find(';').map_or(scanner.len(), |end| at + end)
}

/// `$(Include=…)` or `$(Must_Include=…)`: its end.
fn include(scanner: &Scanner<'_>, at: usize) -> Option<usize> {
    let end = scanner.dollar(at)?;
    is_include(scanner.part(at + 2, end - 1)).then_some(end)
}

/// Whether the text inside a `$(…)` asks for a file.
pub(crate) fn is_include(inner: &str) -> bool {
    let name = inner.split('=').next().unwrap_or("").trim();
    inner.contains('=')
        && (name.eq_ignore_ascii_case("include") || name.eq_ignore_ascii_case("must_include"))
}

/// Offset of the statement's first word after its labels.
pub(crate) fn after_labels(scanner: &Scanner<'_>, mut at: usize) -> usize {
    while let Some(end) = label_end(scanner, at) {
        at = scanner.blank(end);
    }
    at
}

/// End of the label that starts here, after its colon.
pub(crate) fn label_end(scanner: &Scanner<'_>, at: usize) -> Option<usize> {
    let colon = |end: usize| {
        let colon = scanner.blank(end);
        let is_colon = scanner.byte(colon) == b':' && scanner.comment(colon).is_none();
        // `lib://…` starts no statement, `Label://comment` does.
        (is_colon && scanner.byte(colon + 1) != b':').then_some(colon + 1)
    };
    if let Some(end) = scanner.quoted(at) {
        return colon(end);
    }
    let end = bare_name(scanner, at);
    if end == at {
        return None;
    }
    let word = scanner.part(at, end);
    if let Some(end) = colon(end) {
        // `TRACE: text` and `REM: text` are no labels unless a table follows.
        let free_text = word.eq_ignore_ascii_case("trace") || word.eq_ignore_ascii_case("rem");
        return (!free_text || starts_table(scanner, scanner.blank(end))).then_some(end);
    }
    if is_statement_word(word) {
        return None;
    }
    // A name of several words without quotes, alone before its colon.
    let mut end = end;
    for _ in 0..8 {
        let from = scanner.space(end);
        let to = bare_name(scanner, from);
        if to == from || scanner.part(end, from).contains('\n') {
            return None;
        }
        end = to;
        if let Some(end) = colon(end) {
            return Some(end);
        }
    }
    None
}

/// A bare name, which `$(…)` may be part of.
fn bare_name(scanner: &Scanner<'_>, mut at: usize) -> usize {
    loop {
        let byte = scanner.byte(at);
        if byte == b'$' && scanner.byte(at + 1) == b'(' {
            match scanner.dollar(at) {
                Some(end) => at = end,
                None => return at,
            }
        } else if at < scanner.len()
            && (is_word(byte) || matches!(byte, b'$' | b'-' | b'&' | b'?' | b'!' | b'~' | b'\\'))
        {
            at += 1;
        } else {
            return at;
        }
    }
}

/// Words that begin a statement that makes a table, its prefixes included.
const TABLE_WORDS: [&str; 24] = [
    "load",
    "select",
    "sql",
    "mapping",
    "concatenate",
    "noconcatenate",
    "join",
    "left",
    "right",
    "inner",
    "outer",
    "keep",
    "add",
    "replace",
    "merge",
    "buffer",
    "bundle",
    "first",
    "sample",
    "crosstable",
    "generic",
    "hierarchy",
    "intervalmatch",
    "direct",
];

/// Words that begin any other statement.
const OTHER_WORDS: [&str; 48] = [
    "if",
    "elseif",
    "else",
    "for",
    "next",
    "do",
    "loop",
    "switch",
    "case",
    "default",
    "sub",
    "call",
    "exit",
    "end",
    "sleep",
    "search",
    "star",
    "unless",
    "with",
    "hierarchybelongsto",
    "let",
    "set",
    "store",
    "drop",
    "rename",
    "qualify",
    "unqualify",
    "alias",
    "map",
    "unmap",
    "comment",
    "tag",
    "untag",
    "declare",
    "derive",
    "section",
    "binary",
    "lib",
    "odbc",
    "oledb",
    "custom",
    "connect",
    "disconnect",
    "trace",
    "rem",
    "execute",
    "directory",
    "when",
];

/// Whether a statement that makes a table starts here.
fn starts_table(scanner: &Scanner<'_>, at: usize) -> bool {
    is_one_of(&TABLE_WORDS, scanner.part(at, scanner.word(at)))
}

fn is_statement_word(word: &str) -> bool {
    is_one_of(&TABLE_WORDS, word) || is_one_of(&OTHER_WORDS, word)
}

fn is_one_of(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// End of a regular statement, and whether it is passed to a database.
fn regular(scanner: &Scanner<'_>, mut at: usize, word: &str) -> (usize, bool) {
    let set = word.eq_ignore_ascii_case("set");
    let short = super::forgotten::may_end_with_line(scanner, at, word);
    let mut depth = 0_usize;
    let mut sql = false;
    let mut load = false;
    let mut inline = false;
    while at < scanner.len() {
        let byte = scanner.byte(at);
        match byte {
            b';' => return (at, sql),
            b'/' => at = scanner.comment(at).unwrap_or(at + 1),
            b'-' if sql && scanner.byte(at + 1) == b'-' => match sql_comment(scanner, at) {
                Comment::To(end) => at = end,
                Comment::Ends(end) => return (end, sql),
            },
            b'$' => at = scanner.dollar(at).unwrap_or(at + 1),
            b'\n' if short && depth == 0 && super::forgotten::semicolon(scanner, at) => {
                return (at, sql);
            }
            b'(' if short => {
                depth += 1;
                at += 1;
            }
            b')' if short => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'[' if inline => {
                inline = false;
                at = scanner.inline_end(at);
            }
            b'\'' if set && lone_apostrophe(scanner, at) => at += 1,
            b'\'' | b'"' | b'`' | b'[' => {
                inline = false;
                at = scanner.quoted(at).unwrap_or(at + 1);
            }
            _ => {
                let end = scanner.word(at);
                if end == at {
                    at += 1;
                    continue;
                }
                let word = scanner.part(at, end);
                if word.eq_ignore_ascii_case("load") {
                    load = true;
                } else if word.eq_ignore_ascii_case("inline") {
                    inline = true;
                } else if !load
                    && (word.eq_ignore_ascii_case("sql") || word.eq_ignore_ascii_case("select"))
                {
                    sql = true;
                }
                at = end;
            }
        }
    }
    (scanner.len(), sql)
}

enum Comment {
    To(usize),
    Ends(usize),
}

/// A `--` comment goes to the end of its line, unless all that follows its last `;` is blank:
/// the author then meant that `;` to end the statement, and so does Qlik.
fn sql_comment(scanner: &Scanner<'_>, at: usize) -> Comment {
    let end = scanner.line_end(at);
    let line = scanner.part(at, end);
    match line.rfind(';') {
        Some(last) if line.get(last + 1..).is_some_and(|rest| rest.trim().is_empty()) => {
            Comment::Ends(at + last)
        }
        _ => Comment::To(end),
    }
}

/// In `SET v = it's here;` the apostrophe opens nothing: a `;` and the end of the line come before
/// another apostrophe does.
fn lone_apostrophe(scanner: &Scanner<'_>, at: usize) -> bool {
    let mut semicolon = false;
    for next in at + 1..scanner.len() {
        match scanner.byte(next) {
            b'\'' => return false,
            b';' => semicolon = true,
            b'\n' => break,
            _ => {}
        }
    }
    semicolon
}

/// Line and column of ever larger offsets, each character counted once.
struct Place<'a> {
    scanner: &'a Scanner<'a>,
    offset: usize,
    at: Position,
}

impl Place<'_> {
    fn advance(&mut self, to: usize) -> Position {
        while self.offset < to {
            match self.scanner.byte(self.offset) {
                b'\n' => {
                    self.at.line = self.at.line.saturating_add(1);
                    self.at.column = 1;
                }
                byte if byte & 0xc0 != 0x80 => self.at.column = self.at.column.saturating_add(1),
                _ => {}
            }
            self.offset += 1;
        }
        self.at
    }
}

fn newlines(scanner: &Scanner<'_>, from: usize, to: usize) -> u32 {
    let text = scanner.part(from, to).trim_end();
    u32::try_from(text.bytes().filter(|&byte| byte == b'\n').count()).unwrap_or(u32::MAX)
}
