//! Going through the pages of a list. Pure.

use std::collections::HashSet;

use serde_json::Value;

use super::client::Failure;

/// Where one is in a list.
#[derive(Debug, Default)]
pub(super) struct Cursor {
    after: Option<String>,
    seen: HashSet<u128>,
}

impl Cursor {
    /// What the request for the next page says.
    pub(super) fn query(&self) -> Option<(&'static str, String)> {
        self.after.clone().map(|after| ("after", after))
    }

    /// Goes on to the page after this one; false when it was the last.
    ///
    /// # Errors
    /// When the pages go round in circles, which would never end.
    pub(super) fn advance(&mut self, page: &Value) -> Result<bool, Failure> {
        let next = page.pointer("/paging/after").and_then(Value::as_str).unwrap_or_default();
        if next.is_empty() {
            return Ok(false);
        }
        if !self.seen.insert(schemas::hash::of_bytes(next.as_bytes())) {
            return Err(Failure::Refused("the pages of a list go round in circles".to_owned()));
        }
        self.after = Some(next.to_owned());
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_end_also_where_the_server_goes_round_in_circles() {
        let mut cursor = Cursor::default();
        let mut advance = |after: Value| cursor.advance(&json!({"paging": {"after": after}})).ok();
        assert_eq!(advance(json!("a")), Some(true));
        assert_eq!(advance(json!("b")), Some(true));
        assert_eq!(advance(json!("a")), None, "seen before, though not on the last page");
        assert_eq!(Cursor::default().advance(&json!({"paging": {}})).ok(), Some(false));
        assert_eq!(Cursor::default().advance(&json!({"paging": {"after": ""}})).ok(), Some(false));
    }
}
