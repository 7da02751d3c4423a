//! Where a value stands in a JSON text, for messages that name line and column as Jackson does.
//!
//! Used only when a request is refused, on texts that were parsed before.

/// One step from a value to a value inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(Box<str>),
    Index(usize),
}

/// Line and column, both from 1, of the value that `path` leads to; of the text's start when it leads nowhere.
pub(crate) fn position(text: &[u8], path: &[Step]) -> (usize, usize) {
    let mut scan = Scan { text, at: 0 };
    scan.blanks();
    let at = if path.iter().all(|step| scan.enter(step)) { scan.at } else { 0 };
    line_and_column(text, at)
}

fn line_and_column(text: &[u8], at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
    (before.iter().filter(|&&b| b == b'\n').count() + 1, at - line_start + 1)
}

struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scan<'_> {
    fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    /// Moves from the start of a container to the start of the value that `step` names.
    fn enter(&mut self, step: &Step) -> bool {
        let opening = self.peek();
        self.at += 1;
        let mut index = 0;
        loop {
            self.blanks();
            match self.peek() {
                0 | b'}' | b']' => return false,
                b',' => {
                    self.at += 1;
                    continue;
                }
                _ => {}
            }
            let found = if opening == b'{' {
                let key = self.string();
                self.blanks();
                self.at += 1; // the colon
                self.blanks();
                matches!(step, Step::Key(wanted) if key.as_deref() == Some(wanted))
            } else {
                matches!(step, Step::Index(wanted) if *wanted == index)
            };
            if found {
                return true;
            }
            index += 1;
            self.skip();
        }
    }

    /// The string at the cursor, which moves behind it.
    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.skip();
        serde_json::from_slice(self.text.get(start..self.at)?).ok()
    }

    /// Moves behind the value at the cursor.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                0 => return,
                b'"' => {
                    self.at += 1;
                    while !matches!(self.peek(), b'"' | 0) {
                        self.at += if self.peek() == b'\\' { 2 } else { 1 };
                    }
                    self.at += 1;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.at += 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' => self.at += 1,
                _ => {
                    let scalar =
                        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
                    let start = self.at;
                    while scalar(self.peek()) {
                        self.at += 1;
                    }
                    if self.at == start {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions() {
        fn check(text: &str, path: &[Step], expected: (usize, usize)) {
            assert_eq!(position(text.as_bytes(), path), expected, "{text} {path:?}");
        }
        let key = |name: &str| Step::Key(name.into());
        check(r#"{"name": "uf", "chartType": "No"}"#, &[key("chartType")], (1, 29));
        check("{\"a\": {\"x\":\n 1, \"b\": [1, {\"c\\\"\": 2}]}}", &[key("a"), key("b")], (2, 10));
        let deep = [key("a"), Step::Index(1), key("c\"")];
        check("{\"a\": [\"]}\\\"\", {\"c\\\"\": 2}]}", &deep, (1, 24));
        check("[1]", &[Step::Index(3)], (1, 1));
        check("", &[key("a")], (1, 1));
    }
}
