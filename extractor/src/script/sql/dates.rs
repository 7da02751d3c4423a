//! `#2024-01-01#`: dates as Access and Qlik's own examples write them, which no dialect reads.

use std::borrow::Cow;

use crate::script::lex::part;

/// Longest date with its time.
const MAX_DATE: usize = 40;

/// The statement with such dates as `'2024-01-01'`.
pub(crate) fn dates_quoted(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let mut from = 0;
    let mut quote = None;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes.get(at).copied().unwrap_or_default();
        match quote {
            Some(open) if byte == open => quote = None,
            Some(_) => {}
            None if matches!(byte, b'\'' | b'"' | b'`') => quote = Some(byte),
            None if byte == b'#' => {
                if let Some(end) = date_end(bytes, at) {
                    out.push_str(part(text, from, at));
                    out.push_str(&format!("'{}'", part(text, at + 1, end)));
                    from = end + 1;
                    at = end;
                }
            }
            None => {}
        }
        at += 1;
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(part(text, from, text.len()));
    Cow::Owned(out)
}

/// Where the `#` stands that ends the date which starts with the `#` at an offset.
fn date_end(bytes: &[u8], at: usize) -> Option<usize> {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied().unwrap_or(b' ');
    // `#` is a character of names, too.
    if before.is_ascii_alphanumeric() || matches!(before, b'_' | b'$' | b'@' | b'#') {
        return None;
    }
    let inside = bytes.get(at + 1..)?;
    let length = inside.iter().take(MAX_DATE).position(|byte| *byte == b'#')?;
    let inside = inside.get(..length)?;
    let is_date = inside.first().is_some_and(u8::is_ascii_digit)
        && inside.iter().all(|byte| byte.is_ascii_alphanumeric() || b" -/:.,".contains(byte));
    is_date.then_some(at + 1 + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_between_hashes() {
        let check = |text: &str, expected: &str| assert_eq!(dates_quoted(text), expected, "{text}");
        check(
            "d >= #2024-01-01# AND e<#1/2/2024 10:00:00 PM#",
            "d >= '2024-01-01' AND e<'1/2/2024 10:00:00 PM'",
        );
        check("SELECT A#, B# FROM #tmp", "SELECT A#, B# FROM #tmp");
        check("x = '#2024-01-01#'", "x = '#2024-01-01#'");
        check("A#1 = 2 AND B# = 3", "A#1 = 2 AND B# = 3");
        check("é #2024#", "é '2024'");
    }
}
