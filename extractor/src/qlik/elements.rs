//! Elements of a JSON list as its text arrives, so that a list of thousands of records need not be held
//! whole. Pure.

/// The text is no list, or not a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotAList;

/// Takes a list apart, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Elements {
    /// The element that has begun.
    element: Vec<u8>,
    /// Lists and objects that are open.
    depth: usize,
    in_string: bool,
    is_escaped: bool,
    ended: bool,
}

impl Elements {
    /// Takes in a piece of the text and hands every element that it ends to `each`, as JSON text that
    /// is not checked yet.
    ///
    /// # Errors
    /// The text is no list.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8]),
    ) -> Result<(), NotAList> {
        for byte in piece {
            match (self.depth, *byte) {
                _ if self.ended && byte.is_ascii_whitespace() => {}
                (0, b'[') if !self.ended => self.depth = 1,
                (0, byte) if byte.is_ascii_whitespace() => {}
                (0, _) => return Err(NotAList),
                (1, b',' | b']') if !self.in_string => {
                    let element = self.element.trim_ascii();
                    if !element.is_empty() {
                        each(element);
                    }
                    self.element.clear();
                    if *byte == b']' {
                        (self.depth, self.ended) = (0, true);
                    }
                }
                (_, byte) => self.go_on(byte),
            }
        }
        Ok(())
    }

    /// Ends the text.
    ///
    /// # Errors
    /// The list has not ended.
    pub(super) fn finish(self) -> Result<(), NotAList> {
        self.ended.then_some(()).ok_or(NotAList)
    }

    fn go_on(&mut self, byte: u8) {
        self.element.push(byte);
        if self.is_escaped {
            self.is_escaped = false;
        } else if self.in_string {
            match byte {
                b'\\' => self.is_escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => self.depth = self.depth.saturating_sub(1).max(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, piece: usize) -> Result<Vec<String>, NotAList> {
        let mut elements = Elements::default();
        let mut found = Vec::new();
        for piece in text.as_bytes().chunks(piece) {
            elements.push(piece, |element| {
                found.push(String::from_utf8_lossy(element).into_owned());
            })?;
        }
        elements.finish().map(|()| found)
    }

    #[test]
    fn elements_come_whole_however_the_text_is_cut() {
        let check = |text: &str, expected: &[&str]| {
            for piece in 1..=text.len() {
                let expected: Vec<String> = expected.iter().map(|it| (*it).to_owned()).collect();
                assert_eq!(split(text, piece), Ok(expected), "{text}");
            }
        };
        check("[]", &[]);
        check(" [ ] \r\n", &[]);
        check("[1]", &["1"]);
        check(
            r#"[{"a":[1,{"b":2}]} , "x,]y" ,null]"#,
            &[r#"{"a":[1,{"b":2}]}"#, r#""x,]y""#, "null"],
        );
        check(r#"["\"]\\",{"ü":"}{"}]"#, &[r#""\"]\\""#, r#"{"ü":"}{"}"#]);
    }

    #[test]
    fn what_is_no_whole_list_is_refused() {
        for text in ["", "{}", "<html>[1]</html>", "[1", r#"["]"#, "[1] x", "[1][2]", "7"] {
            assert_eq!(split(text, 3), Err(NotAList), "{text}");
        }
    }
}
