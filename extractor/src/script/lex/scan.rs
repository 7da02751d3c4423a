//! Byte-level scanning that every later step shares: quotes, comments and `$(…)` are passed over
//! here and nowhere else, so that statement splitting, expansion and tokens agree on what they are.
//!
//! Every function is linear in what it passes over, never recurses and never fails.

use std::cell::Cell;

/// How far the end of a `$(…)` is looked for. Real ones are a name, a call or a short expression;
/// without a bound a text of a million unclosed `$(` would be read a million times.
const DOLLAR_SPAN: usize = 4096;

/// How deep parentheses and quotes inside one `$(…)` may nest, for the same reason.
const DOLLAR_DEPTH: usize = 32;

/// Part of a text; empty when the offsets do not fit it.
pub(crate) fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or("")
}

/// A text with what is needed to pass over its quotes in linear time.
pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Offsets of `///$tab` at the start of a line. A quote never runs over one: that keeps an
    /// unbalanced quote from swallowing the sections after it.
    tabs: Vec<usize>,
    /// `(from, to)`: no `]` stands there. Spares reading on for every `[` of a text without `]`.
    no_bracket: Cell<(usize, usize)>,
    /// From here on no inline data ends.
    no_inline_end: Cell<usize>,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let tabs = text
            .match_indices("///$tab")
            .map(|(at, _)| at)
            .filter(|&at| at == 0 || text.as_bytes().get(at - 1) == Some(&b'\n'))
            .collect();
        Self {
            text,
            bytes: text.as_bytes(),
            tabs,
            no_bracket: Cell::new((0, 0)),
            no_inline_end: Cell::new(usize::MAX),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The byte at an offset; 0 past the end.
    pub(crate) fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    pub(crate) fn part(&self, from: usize, to: usize) -> &'a str {
        part(self.text, from, to)
    }

    /// Offset after white space.
    pub(crate) fn space(&self, mut at: usize) -> usize {
        while at < self.len() {
            match self.byte(at) {
                b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c => at += 1,
                0xc2 if self.byte(at + 1) == 0xa0 => at += 2, // no-break space
                0xef if self.byte(at + 1) == 0xbb && self.byte(at + 2) == 0xbf => at += 3, // BOM
                _ => break,
            }
        }
        at
    }

    /// Offset after white space and comments.
    pub(crate) fn blank(&self, mut at: usize) -> usize {
        loop {
            at = self.space(at);
            match self.comment(at) {
                Some(end) => at = end,
                None => return at,
            }
        }
    }

    /// End of the comment that starts here (`// …` before its line end, `/* … */`).
    pub(crate) fn comment(&self, at: usize) -> Option<usize> {
        if self.byte(at) != b'/' {
            return None;
        }
        match self.byte(at + 1) {
            b'/' if !self.after_scheme(at) => Some(self.line_end(at)),
            b'*' => {
                let body = self.bytes.get(at + 2..)?;
                let end = body.windows(2).position(|pair| pair == b"*/");
                Some(end.map_or(self.len(), |end| at + 2 + end + 2))
            }
            _ => None,
        }
    }

    /// Whether `//` here belongs to an unquoted address such as `lib://Sales/x.qvd`.
    fn after_scheme(&self, at: usize) -> bool {
        const SCHEMES: [&str; 12] = [
            "lib", "http", "https", "ftp", "ftps", "sftp", "file", "s3", "s3a", "gs", "abfss",
            "wasbs",
        ];
        if at == 0 || self.byte(at - 1) != b':' {
            return false;
        }
        let end = at - 1;
        let mut start = end;
        while start > 0 && end - start < 8 && self.byte(start - 1).is_ascii_alphanumeric() {
            start -= 1;
        }
        let word = self.part(start, end);
        SCHEMES.iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
    }

    /// Offset of the line's end (of its `\n`, or of the text's end).
    pub(crate) fn line_end(&self, at: usize) -> usize {
        let rest = self.bytes.get(at..).unwrap_or(&[]);
        rest.iter().position(|&byte| byte == b'\n').map_or(self.len(), |end| at + end)
    }

    /// End of the quoted text that starts here with `'`, `"`, `` ` `` or `[`, after its closing
    /// character; a doubled closing character stands for itself. `None` when it is never closed:
    /// the character is then a plain one.
    pub(crate) fn quoted(&self, at: usize) -> Option<usize> {
        let open = self.byte(at);
        let close = match open {
            b'\'' | b'"' | b'`' => open,
            b'[' => b']',
            _ => return None,
        };
        let (from, to) = self.no_bracket.get();
        if close == b']' && at >= from && at < to {
            return None;
        }
        let next_tab = self.tabs.partition_point(|&tab| tab <= at);
        let limit = self.tabs.get(next_tab).copied().unwrap_or_else(|| self.len());
        let mut next = at + 1;
        while next < limit {
            let byte = self.byte(next);
            if byte == close {
                if self.byte(next + 1) != close {
                    return Some(next + 1);
                }
                next += 2;
            } else if byte == b'$' && self.byte(next + 1) == b'(' {
                next = self.dollar(next).filter(|&end| end <= limit).unwrap_or(next + 2);
            } else {
                next += 1;
            }
        }
        if close == b']' {
            self.no_bracket.set((at, limit));
        }
        None
    }

    /// End of the `$(…)` that starts here, after its closing parenthesis.
    pub(crate) fn dollar(&self, at: usize) -> Option<usize> {
        if self.byte(at) != b'$' || self.byte(at + 1) != b'(' {
            return None;
        }
        let limit = (at + DOLLAR_SPAN).min(self.len());
        self.balanced(at + 1, limit).or_else(|| {
            // A file name in an include may hold a lone quote: up to the line's first `)` then.
            let name = self.part(at + 2, self.word(at + 2));
            if !["include", "must_include"].iter().any(|word| name.eq_ignore_ascii_case(word)) {
                return None;
            }
            let rest = self.bytes.get(at..limit)?;
            let end = rest.iter().position(|&byte| matches!(byte, b')' | b'\n'))?;
            (self.byte(at + end) == b')').then_some(at + end + 1)
        })
    }

    /// End of the parenthesis that opens here, quotes inside respected.
    fn balanced(&self, open: usize, limit: usize) -> Option<usize> {
        let mut stack: Vec<u8> = Vec::new();
        let mut at = open;
        while at < limit {
            let byte = self.byte(at);
            match (stack.last().copied(), byte) {
                (Some(b'\''), b'\'') => {
                    stack.pop();
                }
                (Some(b'\''), b'$') if self.byte(at + 1) == b'(' => {
                    stack.push(b'(');
                    at += 1;
                }
                (Some(b'\''), _) => {}
                (_, b'\'') => stack.push(b'\''),
                (_, b'(') => stack.push(b'('),
                (Some(b'('), b')') => {
                    stack.pop();
                    if stack.is_empty() {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
            if stack.len() > DOLLAR_DEPTH {
                return None;
            }
            at += 1;
        }
        None
    }

    /// End of inline data whose bracket opens here: the `]` that a `;`, a format or a clause
    /// follows. Cells and headers may hold brackets of their own.
    pub(crate) fn inline_end(&self, at: usize) -> usize {
        let plain = self.quoted(at).unwrap_or(at + 1);
        let mut next = if at >= self.no_inline_end.get() { self.len() } else { at + 1 };
        while next < self.len() {
            if self.byte(next) == b']' {
                let after = self.space(next + 1);
                let word = self.part(after, self.word(after));
                let ends = after >= self.len()
                    || matches!(self.byte(after), b';' | b'(' | b'/')
                    || ["where", "while", "group", "order"]
                        .iter()
                        .any(|clause| word.eq_ignore_ascii_case(clause));
                if ends {
                    return next + 1;
                }
                next = after.max(next + 1);
            } else {
                next += 1;
            }
        }
        self.no_inline_end.set(self.no_inline_end.get().min(at));
        plain
    }

    /// End of the bare word that starts here; the same offset when none does.
    pub(crate) fn word(&self, mut at: usize) -> usize {
        while is_word(self.byte(at)) && at < self.len() {
            at += 1;
        }
        at
    }
}

/// Whether a byte belongs to a bare word. Every non-ASCII character does.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'_' | b'.' | b'#' | b'%' | b'@')
}

/// What a quoted text says, without its quotes and with doubled closing characters halved.
pub(crate) fn unquote(text: &str) -> String {
    let mut chars = text.chars();
    let close = match (chars.next(), chars.next_back()) {
        (Some('['), Some(']')) => "]",
        (Some('"'), Some('"')) => "\"",
        (Some('\''), Some('\'')) => "'",
        (Some('`'), Some('`')) => "`",
        _ => return text.to_owned(),
    };
    let inner = chars.as_str();
    let doubled = close.repeat(2);
    if inner.contains(&doubled) { inner.replace(&doubled, close) } else { inner.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_end_where_they_close() {
        let check = |text: &str, expected: Option<usize>| {
            assert_eq!(Scanner::new(text).quoted(0), expected, "{text}");
        };
        check("'a;b' x", Some(5));
        check("'it''s' x", Some(7));
        check("[a]]b] x", Some(6));
        check("[lib://a//b] x", Some(12));
        check("'$(=f('x'))' y", Some(12));
        check("'open", None);
        check("'open\n///$tab Next\n'", None);
    }

    #[test]
    fn comments_and_addresses_differ() {
        let check = |text: &str, at: usize, expected: Option<usize>| {
            assert_eq!(Scanner::new(text).comment(at), expected, "{text}");
        };
        check("// x\ny", 0, Some(4));
        check("/* ; */y", 0, Some(7));
        check("/* open", 0, Some(7));
        check("lib://x", 4, None);
        check("Sales://x", 6, Some(9));
        check("a / b", 2, None);
    }

    #[test]
    fn dollar_expansions_end_at_their_parenthesis() {
        let check = |text: &str, expected: Option<usize>| {
            assert_eq!(Scanner::new(text).dollar(0), expected, "{text}");
        };
        check("$(v) x", Some(4));
        check("$(=f(')', 1)) x", Some(13));
        check("$(a$(b)) x", Some(8));
        check("$(open", None);
        check("$(Include=lib://Bob's/x.qvs);", Some(28));
    }

    #[test]
    fn unclosed_openers_cost_linear_time() {
        for text in ["[".repeat(200_000), "$(".repeat(200_000), "'$(".repeat(200_000)] {
            let scanner = Scanner::new(&text);
            let mut at = 0;
            while at < scanner.len() {
                let end = scanner.quoted(at).or_else(|| scanner.dollar(at)).unwrap_or(at + 1);
                assert!(end > at && end <= scanner.len(), "from {at} to {end}");
                at = end;
            }
        }
    }
}
