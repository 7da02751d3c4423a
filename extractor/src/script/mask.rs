//! Masks secrets in statements and connection texts before anybody sees them.

/// What a secret is replaced with.
const MASK: &str = "***";

/// Keys whose values are secrets, in connection strings, headers and addresses. Compared without
/// case and without `_`, `-`, space.
const KEYS: [&str; 24] = [
    "password",
    "pwd",
    "passwd",
    "passphrase",
    "secret",
    "clientsecret",
    "apikey",
    "xapikey",
    "apitoken",
    "token",
    "accesstoken",
    "refreshtoken",
    "authtoken",
    "bearer",
    "authorization",
    "proxyauthorization",
    "accesskey",
    "secretkey",
    "sharedaccesskey",
    "accountkey",
    "xpassword",
    "xuserpassword",
    "sig",
    "privatekey",
];

/// The text with every secret replaced: values after `Password=` and the like, header values of
/// `HTTPHEADER "Authorization" "…"`, `user:password@` in addresses, `XPassword is …`.
pub(crate) fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let mut at = 0;
    let mut from = 0;
    while at < bytes.len() {
        if byte(at) == b':' && text.get(at..at + 3) == Some("://") {
            // The name of a Qlik connection may hold anything.
            let is_lib = at >= 3
                && bytes.get(at - 3..at).is_some_and(|word| word.eq_ignore_ascii_case(b"lib"));
            if let Some((start, end)) = user_information(bytes, at + 3).filter(|_| !is_lib) {
                out.push_str(super::lex::part(text, from, start));
                out.push_str(MASK);
                from = end;
                at = end;
                continue;
            }
            at += 3;
            continue;
        }
        if !is_key(byte(at)) || (at > 0 && is_key(byte(at - 1))) {
            at += 1;
            continue;
        }
        let mut end = at;
        while is_key(byte(end)) && end < bytes.len() {
            end += 1;
        }
        if end - at > 40 || !is_secret(super::lex::part(text, at, end)) {
            at = end;
            continue;
        }
        match value(bytes, end) {
            Some((start, stop)) if stop > start => {
                out.push_str(super::lex::part(text, from, start));
                out.push_str(MASK);
                from = stop;
                at = stop;
            }
            _ => at = end,
        }
    }
    out.push_str(super::lex::part(text, from, text.len()));
    out
}

/// A path without secrets: those of web addresses.
pub(crate) fn mask_path(path: &str) -> String {
    let is_address = path.contains("://") && !path.to_ascii_lowercase().starts_with("lib://");
    if is_address { mask(path) } else { path.to_owned() }
}

/// Bytes of keys. A table, since every byte of every statement is asked.
static KEY_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        byte += 1;
    }
    table
};

fn is_key(byte: u8) -> bool {
    KEY_BYTES.get(usize::from(byte)).copied().unwrap_or(false)
}

fn is_secret(word: &str) -> bool {
    // Nothing is allocated: every word of every statement comes here.
    let folded =
        || word.bytes().filter(u8::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase());
    let first = folded().next();
    KEYS.iter().any(|key| key.bytes().next() == first && key.bytes().eq(folded()))
}

/// Range of the value that follows a key.
fn value(bytes: &[u8], mut at: usize) -> Option<(usize, usize)> {
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let space = |mut at: usize| {
        while matches!(byte(at), b' ' | b'\t') {
            at += 1;
        }
        at
    };
    // A quote that ends the key: `"Authorization" "…"`, `'password': '…'`.
    let quoted_key = matches!(byte(at), b'"' | b'\'') as usize;
    // Doubled quotes stand for one inside a quoted text.
    let doubled = quoted_key == 1 && byte(at + 1) == byte(at) && byte(at) == b'"';
    at += quoted_key + usize::from(doubled);
    at = space(at);
    let separated = matches!(byte(at), b'=' | b':');
    if separated {
        at = space(at + 1);
    } else if bytes.get(at..at + 3).is_some_and(|word| word.eq_ignore_ascii_case(b"is ")) {
        at = space(at + 3);
    } else if quoted_key == 0 {
        return None;
    }
    let quote = byte(at);
    if matches!(quote, b'"' | b'\'') {
        let mut start = at + 1;
        while byte(start) == quote {
            start += 1;
        }
        let mut end = start;
        while end < bytes.len() && byte(end) != quote {
            end += 1;
        }
        return Some((start, end));
    }
    if quoted_key == 1 && !separated {
        return None;
    }
    let mut end = at;
    while end < bytes.len()
        && !matches!(byte(end), b';' | b'&' | b'"' | b'\'' | b'\n' | b'\r' | b')' | b']' | b',')
    {
        end += 1;
    }
    Some((at, end))
}

/// Range of `user:password` in an address.
fn user_information(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let mut colon = false;
    for (offset, &byte) in bytes.get(start..)?.iter().enumerate().take(256) {
        match byte {
            b'@' if colon => return Some((start, start + offset)),
            b':' => colon = true,
            b'/' | b' ' | b'"' | b'\'' | b'\n' | b']' | b';' | b'?' => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_the_rest_stays() {
        let check = |text: &str, expected: &str| assert_eq!(mask(text), expected);
        check(
            "Data Source=h;User Id=u;Password=p w;X=1",
            "Data Source=h;User Id=u;Password=***;X=1",
        );
        check("PWD='a;b';", "PWD='***';");
        check("(XUserId is AB, XPassword is CD)", "(XUserId is AB, XPassword is ***)");
        check("https://u:p@host/x", "https://***@host/x");
        check("url?token=abc&x=1", "url?token=***&x=1");
        check("url?api_key=abc\"", "url?api_key=***\"");
        check(
            "HTTPHEADER \"Authorization\" \"Bearer x y\"",
            "HTTPHEADER \"Authorization\" \"***\"",
        );
        check("{\"\"password\"\": \"\"p\"\"}", "{\"\"password\"\": \"\"***\"\"}");
        check("LOAD Token, Password FROM x", "LOAD Token, Password FROM x");
        check("WHERE password = 'x'", "WHERE password = '***'");
        check("lib://Space:Conn@x/b.qvd", "lib://Space:Conn@x/b.qvd");
        check("http://host:80/x", "http://host:80/x");
    }
}
