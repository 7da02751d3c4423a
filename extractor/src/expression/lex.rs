//! Chart expression text → tokens. Comments are dropped, operators stay single characters (the
//! parser joins them, because `>` ends a set modifier as often as it begins `>=`).

use std::borrow::Cow;

use super::expand::is_placeholder;

/// A token and where it begins (byte offset).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) at: usize,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind<'a> {
    /// A name without quotes: field, variable, function or keyword. It holds a placeholder when a
    /// part of it is computed.
    Word(&'a str),
    /// `[..]`, `".."` or `` `..` ``, escapes undone: a name, in a set's value list a search.
    Quoted(Cow<'a, str>),
    /// `'..'`, escapes undone.
    Text(Cow<'a, str>),
    /// A number.
    Number(&'a str),
    /// `#..#`.
    Date,
    /// A value that is only known when the expression runs.
    Placeholder,
    /// Operator or punctuation.
    Symbol(char),
}

/// The tokens of `text`, and where a quote or comment begins that does not end. Such a quote is a
/// symbol and what follows it is read on.
pub(super) fn tokens(text: &str) -> (Vec<Token<'_>>, Option<usize>) {
    let mut lexer =
        Lexer { text, at: 0, tokens: Vec::new(), unterminated: None, hopeless: Vec::new() };
    lexer.run();
    (lexer.tokens, lexer.unterminated)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
    unterminated: Option<usize>,
    /// Closing characters that are known to be missing in the rest, so that text with many opening
    /// quotes is not searched to its end for each of them.
    hopeless: Vec<char>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            if c.is_whitespace() {
                self.at += c.len_utf8();
            } else if rest.starts_with("//") {
                self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                self.block_comment(rest);
            } else if let Some(close) = closing_quote(c) {
                self.quoted(c, close);
            } else if let Some(length) = date_length(rest) {
                self.push(Kind::Date, length);
            } else if let Some(length) = number_length(rest) {
                self.push(Kind::Number(rest.get(..length).unwrap_or_default()), length);
            } else if is_word_char(c) || is_placeholder(c) {
                self.word(rest);
            } else {
                self.push(Kind::Symbol(c), c.len_utf8());
            }
        }
    }

    fn push(&mut self, kind: Kind<'a>, length: usize) {
        self.tokens.push(Token { kind, at: self.at });
        self.at += length;
    }

    fn block_comment(&mut self, rest: &str) {
        // Searched from behind `/*`, so that `/*/` does not close itself.
        match rest.get(2..).and_then(|body| body.find("*/")) {
            Some(end) => self.at += end + 4,
            None => {
                self.unterminated.get_or_insert(self.at);
                self.at = self.text.len();
            }
        }
    }

    fn quoted(&mut self, open: char, close: char) {
        let body = self.rest().get(1..).unwrap_or_default();
        let end = if self.hopeless.contains(&close) { None } else { quote_end(body, close) };
        let Some(end) = end else {
            self.hopeless.push(close);
            self.unterminated.get_or_insert(self.at);
            self.push(Kind::Symbol(open), 1);
            return;
        };
        let raw = body.get(..end).unwrap_or_default();
        let doubled = format!("{close}{close}");
        let inner = if raw.contains(&doubled) {
            Cow::Owned(raw.replace(&doubled, &close.to_string()))
        } else {
            Cow::Borrowed(raw)
        };
        let kind = if open == '\'' { Kind::Text(inner) } else { Kind::Quoted(inner) };
        self.push(kind, end + 2);
    }

    fn word(&mut self, rest: &'a str) {
        let length = rest.find(|c| !is_word_char(c) && !is_placeholder(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        if word.chars().all(is_placeholder) {
            self.push(Kind::Placeholder, length);
        } else {
            self.push(Kind::Word(word), length);
        }
    }
}

/// The character that ends a quote that `open` begins; all of them are one byte long.
pub(super) fn closing_quote(open: char) -> Option<char> {
    match open {
        '\'' | '"' | '`' => Some(open),
        '[' => Some(']'),
        _ => None,
    }
}

/// Length of what is in front of the closing quote in `body`; a doubled closing quote is an escape.
pub(super) fn quote_end(body: &str, close: char) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + body.get(from..)?.find(close)?;
        if !body.get(at + 1..).is_some_and(|after| after.starts_with(close)) {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Characters of names without quotes. Qlik's own reference does not list them; these are the ones
/// that are no operator and that people use: `%Key`, `#Orders`, `@1`, `Table.Field`, `$Field`.
fn is_word_char(c: char) -> bool {
    match c {
        '_' | '.' | '%' | '@' | '$' | '#' | '?' | '\\' => true,
        _ if c.is_ascii() => c.is_ascii_alphanumeric(),
        _ => !c.is_whitespace() && !is_placeholder(c),
    }
}

/// Length of a date literal `#2024-01-31#` that `rest` begins with.
fn date_length(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('#')?;
    let end =
        body.find(|c: char| !matches!(c, '0'..='9' | '-' | '/' | ':' | '.' | ' ' | 'T' | 'Z'))?;
    let has_digit = body.get(..end)?.contains(|c: char| c.is_ascii_digit());
    (has_digit && body.get(end..)?.starts_with('#')).then_some(end + 2)
}

/// Length of a number that `rest` begins with; `None` when it runs on into a name, as `1stOrder`.
fn number_length(rest: &str) -> Option<usize> {
    let digits = |from: usize| {
        let tail = rest.get(from..).unwrap_or_default();
        tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len())
    };
    let starts = |at: usize, chars: &[char]| rest.get(at..).is_some_and(|r| r.starts_with(chars));
    let whole = digits(0);
    let mut length = whole;
    if starts(length, &['.']) {
        let fraction = digits(length + 1);
        if whole + fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    if length == 0 {
        return None;
    }
    if starts(length, &['e', 'E']) {
        let sign = usize::from(starts(length + 1, &['+', '-']));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let runs_on = rest.get(length..)?.starts_with(|c: char| is_word_char(c) || is_placeholder(c));
    (!runs_on).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[Kind<'_>]) {
        let (tokens, unterminated) = tokens(text);
        assert_eq!(tokens.into_iter().map(|t| t.kind).collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(unterminated, None, "{text}");
    }

    #[test]
    fn quotes_and_their_escapes() {
        check("[a]]b]", &[Kind::Quoted("a]b".into())]);
        check(r#""a""b""#, &[Kind::Quoted("a\"b".into())]);
        check("`a b`", &[Kind::Quoted("a b".into())]);
        check("'it''s'", &[Kind::Text("it's".into())]);
        check("''", &[Kind::Text("".into())]);
        check("['x' // no]", &[Kind::Quoted("'x' // no".into())]);
    }

    #[test]
    fn numbers_dates_and_names() {
        check("1.5e-3", &[Kind::Number("1.5e-3")]);
        check(".5", &[Kind::Number(".5")]);
        check("1stOrder", &[Kind::Word("1stOrder")]);
        check("1<F", &[Kind::Number("1"), Kind::Symbol('<'), Kind::Word("F")]);
        check("#2024-01-31#", &[Kind::Date]);
        check("#Orders", &[Kind::Word("#Orders")]);
        check("%Key-T.F", &[Kind::Word("%Key"), Kind::Symbol('-'), Kind::Word("T.F")]);
        check("Größe", &[Kind::Word("Größe")]);
        check("$", &[Kind::Word("$")]);
    }

    #[test]
    fn comments_are_dropped() {
        check("a // b\nc", &[Kind::Word("a"), Kind::Word("c")]);
        check("a /* b */ c", &[Kind::Word("a"), Kind::Word("c")]);
        check("'http://x'", &[Kind::Text("http://x".into())]);
    }

    #[test]
    fn an_open_quote_costs_only_itself() {
        let (found, at) = tokens("Sum([A)");
        assert_eq!(at, Some(4));
        assert!(found.iter().any(|t| t.kind == Kind::Word("A")));
        assert_eq!(tokens("a /* b").1, Some(2));
    }
}
