//! Tokens of an expanded statement. Comments are gone by then.

use super::scan::{Scanner, is_word, part, unquote};

/// A token with its place in the text it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A bare name or keyword; `$(…)` that could not be expanded is part of one.
    Word,
    Number,
    /// `'…'`: text.
    Text,
    /// `[…]`, `"…"`, `` `…` ``: a name.
    Name,
    /// One character, or a comparison of two.
    Symbol,
}

/// A text and its tokens.
#[derive(Clone, Copy)]
pub(crate) struct Tokens<'a> {
    pub(crate) text: &'a str,
    pub(crate) all: &'a [Token],
}

impl<'a> Tokens<'a> {
    pub(crate) fn get(&self, at: usize) -> Option<Token> {
        self.all.get(at).copied()
    }

    pub(crate) fn text_of(&self, token: Token) -> &'a str {
        part(self.text, token.start, token.end)
    }

    /// Text of the token at an index; empty past the end.
    pub(crate) fn text_at(&self, at: usize) -> &'a str {
        self.get(at).map_or("", |token| self.text_of(token))
    }

    /// Text from one token to before another.
    pub(crate) fn span(&self, from: usize, to: usize) -> &'a str {
        let first = self.get(from);
        let last = to.checked_sub(1).filter(|&last| last >= from).and_then(|last| self.get(last));
        match (first, last) {
            (Some(first), Some(last)) => part(self.text, first.start, last.end),
            _ => "",
        }
    }

    pub(crate) fn is_symbol(&self, at: usize, symbol: &str) -> bool {
        self.get(at).is_some_and(|token| token.kind == TokenKind::Symbol)
            && self.text_at(at) == symbol
    }

    /// Whether a bare word stands there.
    pub(crate) fn is_word(&self, at: usize, word: &str) -> bool {
        self.get(at).is_some_and(|token| token.kind == TokenKind::Word)
            && self.text_at(at).eq_ignore_ascii_case(word)
    }

    pub(crate) fn is_any_word(&self, at: usize, words: &[&str]) -> bool {
        words.iter().any(|word| self.is_word(at, word))
    }

    /// The name a token stands for: unquoted, or the bare word itself.
    pub(crate) fn name_at(&self, at: usize) -> Option<String> {
        let token = self.get(at)?;
        match token.kind {
            TokenKind::Symbol => None,
            TokenKind::Word | TokenKind::Number => Some(self.text_of(token).to_owned()),
            TokenKind::Text | TokenKind::Name => Some(unquote(self.text_of(token))),
        }
    }

    /// Index after the parenthesis that opens at `at`; `at` when none does; the end when it is
    /// never closed.
    pub(crate) fn after_parenthesis(&self, at: usize) -> usize {
        if !self.is_symbol(at, "(") {
            return at;
        }
        let mut depth = 0_usize;
        for index in at..self.all.len() {
            if self.is_symbol(index, "(") {
                depth += 1;
            } else if self.is_symbol(index, ")") {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return index + 1;
                }
            }
        }
        self.all.len()
    }
}

/// Reads the tokens of a text.
pub(crate) fn tokenize(text: &str) -> Vec<Token> {
    let scanner = Scanner::new(text);
    let mut tokens = Vec::new();
    let mut at = scanner.space(0);
    let mut inline = false;
    while at < scanner.len() {
        let start = at;
        let byte = scanner.byte(at);
        let (kind, end) = match byte {
            b'[' if inline => (TokenKind::Name, scanner.inline_end(at)),
            b'\'' | b'"' | b'`' | b'[' => match scanner.quoted(at) {
                Some(end) if byte == b'\'' => (TokenKind::Text, end),
                Some(end) => (TokenKind::Name, end),
                None => (TokenKind::Symbol, at + 1),
            },
            b'<' | b'>' if matches!(scanner.byte(at + 1), b'=' | b'>' | b'<') => {
                (TokenKind::Symbol, at + 2)
            }
            _ => match bare(&scanner, at) {
                end if end > at => {
                    let word = scanner.part(at, end);
                    inline = word.eq_ignore_ascii_case("inline");
                    let number = word
                        .starts_with(|first: char| first.is_ascii_digit() || first == '.')
                        && word.parse::<f64>().is_ok();
                    (if number { TokenKind::Number } else { TokenKind::Word }, end)
                }
                _ => (TokenKind::Symbol, at + 1),
            },
        };
        if kind != TokenKind::Word {
            inline = false;
        }
        let end = end.max(start + 1);
        tokens.push(Token { kind, start, end });
        at = scanner.space(end);
    }
    tokens
}

/// End of a bare word or number.
fn bare(scanner: &Scanner<'_>, start: usize) -> usize {
    let mut at = start;
    // `@3`, `@1:12`, `@5:n`: a position in a file.
    if scanner.byte(at) == b'@' && scanner.byte(at + 1).is_ascii_digit() {
        let end = scanner.word(at);
        if scanner.byte(end) == b':' && scanner.word(end + 1) > end + 1 {
            return scanner.word(end + 1);
        }
        return end;
    }
    while at < scanner.len() {
        let byte = scanner.byte(at);
        if byte == b'$' && scanner.byte(at + 1) == b'(' {
            at = scanner.dollar(at).unwrap_or(at + 1);
        } else if byte == 0xc2 && scanner.byte(at + 1) == 0xa0 {
            break; // A no-break space ends a word.
        } else if is_word(byte) || matches!(byte, b'$' | b'?' | b'!' | b'\\' | b'~' | b'|' | b'^') {
            at += 1;
        } else if matches!(byte, b'+' | b'-')
            && matches!(scanner.byte(at - usize::from(at > start)), b'e' | b'E')
            && scanner.byte(at + 1).is_ascii_digit()
            && is_mantissa(scanner.part(start, at))
        {
            at += 1; // 1.5e-3
        } else {
            break;
        }
    }
    at
}

fn is_mantissa(text: &str) -> bool {
    let digits = text.strip_suffix(['e', 'E']).unwrap_or("");
    digits.starts_with(|first: char| first.is_ascii_digit()) && digits.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_expressions() {
        let check = |text: &str, expected: &[&str]| {
            let tokens = tokenize(text);
            let words: Vec<&str> =
                tokens.iter().map(|token| part(text, token.start, token.end)).collect();
            assert_eq!(words, expected, "{text}");
        };
        check("a+b*[c d]", &["a", "+", "b", "*", "[c d]"]);
        check("@1:5 as x", &["@1:5", "as", "x"]);
        check("1.5e-3-2", &["1.5e-3", "-", "2"]);
        check("x<>'a''b'", &["x", "<>", "'a''b'"]);
        check("T_$(v) : $(=f(1))", &["T_$(v)", ":", "$(=f(1))"]);
        check("Inline [a]\n[b] , c];", &["Inline", "[a]\n[b] , c]", ";"]);
    }
}
