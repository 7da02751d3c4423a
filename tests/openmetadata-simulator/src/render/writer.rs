//! Writes JSON objects and lists into a buffer, in the order of the calls.

/// Appends `text` as a JSON string.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory cannot fail.
    serde_json::to_writer(out, text).unwrap_or_default();
}

/// An object under construction. Every `Object` is closed by [`Object::end`].
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true }
    }

    /// Writes the key and hands out the buffer for its value.
    pub(crate) fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.empty {
            self.out.push(b',');
        }
        self.empty = false;
        // Keys are property names: nothing in them needs escaping. Free keys come as `Json`.
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn text(&mut self, key: &str, value: &str) {
        string(self.key(key), value);
    }

    pub(crate) fn optional(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, value);
        }
    }

    pub(crate) fn number(&mut self, key: &str, value: impl std::fmt::Display) {
        let out = self.key(key);
        out.extend_from_slice(value.to_string().as_bytes());
    }

    pub(crate) fn optional_number(&mut self, key: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.number(key, value);
        }
    }

    pub(crate) fn flag(&mut self, key: &str, value: bool) {
        let out = self.key(key);
        out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    pub(crate) fn json(&mut self, key: &str, value: &crate::json::Json) {
        value.write(self.key(key));
    }

    /// A list whose items `write` appends; it says whether it wrote one, so that items can be left out.
    pub(crate) fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        write: impl FnMut(&mut Vec<u8>, T) -> bool,
    ) {
        list(self.key(key), items, write);
    }

    pub(crate) fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends a list whose items `write` appends; it says whether it wrote one.
pub(crate) fn list<T>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut Vec<u8>, T) -> bool,
) {
    out.push(b'[');
    let start = out.len();
    for item in items {
        let before = out.len();
        if before > start {
            out.push(b',');
        }
        if !write(out, item) {
            out.truncate(before);
        }
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_may_be_left_out() {
        fn check(items: &[u8], expected: &str) {
            let mut out = Vec::new();
            let mut object = Object::new(&mut out);
            object.list("l", items, |out, item| {
                out.extend_from_slice(item.to_string().as_bytes());
                item % 2 == 1
            });
            object.optional("none", None);
            object.text("t", "a\"\n");
            object.end();
            assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
        }
        check(&[1, 2, 3, 4], r#"{"l":[1,3],"t":"a\"\n"}"#);
        check(&[2, 4, 5], r#"{"l":[5],"t":"a\"\n"}"#);
        check(&[2], r#"{"l":[],"t":"a\"\n"}"#);
        check(&[], r#"{"l":[],"t":"a\"\n"}"#);
    }
}
