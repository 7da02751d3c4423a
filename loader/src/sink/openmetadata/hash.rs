//! `sourceHash`: what our last write of an entity said, in the 32 characters that the server stores.
//!
//! ```text
//! ql1-  content (64 bits)  description (24)  display name (18)  owners (18)  columns (24)  project (18)
//! ```
//!
//! * `content` is the hash of the request, so an unchanged entity is recognised without reading it.
//! * The marks after it are hashes of the single values that people may edit too. **A stored value is
//!   ours exactly when it has the mark that our last write recorded**; any other was edited by a
//!   person and stays. A person's edit is taken for ours only when the value has the same mark by
//!   chance, once in a quarter of a million.
//! * `project` of data models is apart from the content: it belongs to the app, whose event may come
//!   later.

use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// Version of the mapping: raise it when an unchanged event has to be written anew.
const MAPPING_VERSION: u32 = 1;

const PREFIX: &str = "ql1-";
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Digits of each part, six bits each.
const DIGITS: [usize; 6] = [11, 4, 3, 3, 4, 3];

/// What our last write of an entity said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Hash of the request.
    pub(super) content: u64,
    /// Mark of the description.
    pub(super) description: u32,
    /// Mark of the display name.
    pub(super) display_name: u32,
    /// Mark of the owners.
    pub(super) owners: u32,
    /// Mark of the descriptions of all columns.
    pub(super) columns: u32,
    /// Mark of the project.
    pub(super) project: u32,
}

impl Record {
    /// The text for `sourceHash`, 32 characters.
    pub(super) fn encode(self) -> String {
        let parts = [
            self.content,
            self.description.into(),
            self.display_name.into(),
            self.owners.into(),
            self.columns.into(),
            self.project.into(),
        ];
        let mut text = String::from(PREFIX);
        for (part, digits) in parts.into_iter().zip(DIGITS) {
            for digit in (0..digits).rev() {
                let index = usize::try_from((part >> (6 * digit)) & 63).unwrap_or_default();
                text.push(ALPHABET.get(index).copied().map_or('A', char::from));
            }
        }
        text
    }

    /// Reads a `sourceHash`; `None` when it is not one of ours.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        if digits.len() != DIGITS.iter().sum::<usize>() {
            return None;
        }
        let mut rest = digits.iter();
        let mut parts = [0_u64; 6];
        for (part, count) in parts.iter_mut().zip(DIGITS) {
            for byte in rest.by_ref().take(count) {
                let value = ALPHABET.iter().position(|known| known == byte)?;
                *part = (*part << 6) | u64::try_from(value).ok()?;
            }
        }
        let [content, description, display_name, owners, columns, project] = parts;
        let mark = |part| u32::try_from(part).ok();
        Some(Self {
            content,
            description: mark(description)?,
            display_name: mark(display_name)?,
            owners: mark(owners)?,
            columns: mark(columns)?,
            project: mark(project)?,
        })
    }
}

/// First bits of SHA-256.
fn digest(text: &str) -> u64 {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(8)
        .fold(0, |all, byte| (all << 8) | u64::from(*byte))
}

/// Hash of a request in canonical form.
pub(super) fn content(request: &impl Serialize) -> u64 {
    // 64 bits are 11 digits of which the first holds four. Texts and numbers always have a JSON.
    digest(&serde_json::to_string(&(MAPPING_VERSION, request)).unwrap_or_default())
}

fn mark(text: &str, bits: u32) -> u32 {
    u32::try_from(digest(text) >> (64 - bits)).unwrap_or_default()
}

/// Mark of a description: 24 bits.
pub(super) fn description_mark(text: Option<&str>) -> u32 {
    mark(&normalised(text.unwrap_or_default()), 24)
}

/// Mark of a display name: 18 bits.
pub(super) fn display_name_mark(text: Option<&str>) -> u32 {
    mark(text.unwrap_or_default().trim(), 18)
}

/// Mark of a set of owners, by id: 18 bits.
pub(super) fn owners_mark<'a>(ids: impl IntoIterator<Item = &'a str>) -> u32 {
    let mut ids: Vec<_> = ids.into_iter().collect();
    ids.sort_unstable();
    mark(&ids.join(","), 18)
}

/// Mark of all columns' descriptions, whatever their order: 24 bits.
pub(super) fn columns_mark<'a>(
    columns: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> u32 {
    let mut described: Vec<_> = columns
        .into_iter()
        .map(|(name, text)| (name.to_lowercase(), normalised(text.unwrap_or_default())))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    described.sort_unstable();
    mark(&json!(described).to_string(), 24)
}

/// Mark of a project: 18 bits.
pub(super) fn project_mark(project: Option<&str>) -> u32 {
    mark(project.unwrap_or_default(), 18)
}

/// Whether two texts are the same but for what a server's sanitiser does to them.
pub(super) fn same_text(a: Option<&str>, b: Option<&str>) -> bool {
    normalised(a.unwrap_or_default()) == normalised(b.unwrap_or_default())
}

/// A text without what servers change in it: 2.x encodes characters as HTML entities and drops
/// unknown tags (read in its sources), so entities are decoded, tags and blanks left out.
fn normalised(text: &str) -> String {
    let decoded = decode_entities(text);
    let mut result = String::with_capacity(decoded.len());
    let mut rest = decoded.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        push_without_blanks(&mut result, before);
        let is_tag = after.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c));
        match after.split_once('>') {
            Some((_, after)) if is_tag => rest = after,
            _ => {
                result.push('<');
                rest = after;
            }
        }
    }
    push_without_blanks(&mut result, rest);
    result
}

fn push_without_blanks(result: &mut String, text: &str) {
    result.extend(text.chars().filter(|c| !c.is_whitespace() && *c != '\u{200b}'));
}

fn decode_entities(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        result.push_str(before);
        let entity = after.split_once(';').filter(|(name, _)| name.len() <= 8);
        match entity.and_then(|(name, after)| Some((entity_char(name)?, after))) {
            Some((c, after)) => {
                result.push(c);
                rest = after;
            }
            None => {
                result.push('&');
                rest = after;
            }
        }
    }
    result.push_str(rest);
    result
}

fn entity_char(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_their_text() {
        let check = |record: Record| {
            let text = record.encode();
            assert_eq!(text.len(), 32, "{text}");
            assert_eq!(Record::decode(&text), Some(record));
        };
        check(Record {
            content: u64::MAX,
            description: 0xff_ffff,
            display_name: 0x3_ffff,
            owners: 1,
            columns: 0x12_3456,
            project: 0,
        });
        check(Record {
            content: content(&json!({"a": 1})),
            description: description_mark(Some("d")),
            display_name: display_name_mark(Some("n")),
            owners: owners_mark(["b", "a"]),
            columns: columns_mark([("a", Some("x"))]),
            project: project_mark(Some("Finance")),
        });
    }

    #[test]
    fn foreign_hashes_are_not_ours() {
        for text in
            ["", "ql1-", "d41d8cd98f00b204e9800998ecf8427e", "ql1-!!!!!!!!!!!!!!!!!!!!!!!!!!!!"]
        {
            assert_eq!(Record::decode(text), None, "{text}");
        }
    }

    #[test]
    fn marks_ignore_order_and_case_where_the_server_does() {
        assert_eq!(owners_mark(["a", "b"]), owners_mark(["b", "a"]));
        assert_eq!(
            columns_mark([("A", Some("x")), ("b", None)]),
            columns_mark([("c", Some(" ")), ("a", Some("x"))])
        );
        assert_ne!(columns_mark([("A", Some("x"))]), columns_mark([("A", Some("y"))]));
        assert_eq!(description_mark(None), description_mark(Some("")));
    }

    #[test]
    fn texts_are_equal_after_a_sanitiser() {
        let check = |a, b, expected| assert_eq!(same_text(Some(a), Some(b)), expected, "{a} {b}");
        check("Sum({<Year={2020}>} x) > 5", "Sum({} x) &gt; 5", true);
        check("<code>a &lt; b</code>", "<code>a &#60; b</code>", true);
        check("a `b` + c=d", "a &#96;b&#96; &#43; c&#61;d", true);
        check("a < b", "a &lt; b", true);
        check("one\ntwo", "one two", true);
        check("one", "two", false);
        check("a & b", "a &amp; b", true);
        check("&unknown;", "&unknown;", true);
    }
}
