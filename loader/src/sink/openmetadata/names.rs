//! Names of entities and columns: what identifies things in OpenMetadata. Pure.
//!
//! | Qlik | entity | name |
//! |---|---|---|
//! | app | dashboard | app id |
//! | visualization | chart | `<app id>_<object id>` |
//! | table, master items | data model | `<app id>_<table>` |
//! | data file | data model | `file_<hash of the path>` |
//!
//! A name must be the same on every run, so replacements do not depend on what else exists, and
//! from 1.3 on they do not depend on the version: a server's upgrade must not duplicate a catalogue.

use std::{borrow::Cow, collections::HashMap};

use schemas::hash::hex128;

use super::version::NameRules;

/// Longest column name. 1.12.6 takes longer ones (seen), but 1.2 and others do not.
const MAX_COLUMN: usize = 256;

/// Name of the dashboard of an app.
#[must_use]
pub(super) fn dashboard(rules: NameRules, app_id: &str) -> String {
    entity(rules, app_id)
}

/// Name of the chart of a visualization.
#[must_use]
pub(super) fn chart(rules: NameRules, app_id: &str, object_id: &str) -> String {
    entity(rules, &format!("{app_id}_{object_id}"))
}

/// Name of the data model of a table, or of an app's master items.
#[must_use]
pub(super) fn table(rules: NameRules, app_id: &str, table: &str) -> String {
    entity(rules, &format!("{app_id}_{table}"))
}

/// Name of the data model of a data file.
#[must_use]
pub(super) fn file(path: &str) -> String {
    format!("file_{}", hex128(path.as_bytes()))
}

/// Name of a tag.
#[must_use]
pub(super) fn tag(rules: NameRules, name: &str) -> String {
    entity(rules, name)
}

/// A name that the server takes; one that had to be cut, or whose characters had to be replaced by
/// others, ends in a hash of the original, so that different names stay different.
fn entity(rules: NameRules, name: &str) -> String {
    match rules {
        NameRules::Wide => shortened(&replaced(name), name, 256),
        NameRules::Narrow => {
            let narrow: String =
                name.chars().map(|c| if allowed_up_to_1_2(c) { c } else { '_' }).collect();
            if narrow == name { shortened(&narrow, name, 128) } else { tailed(&narrow, name, 128) }
        }
    }
}

/// `[\w'\- .&()%]` with Unicode classes, as servers up to 1.2 want it.
fn allowed_up_to_1_2(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '\'' | '-' | ' ' | '.' | '&' | '(' | ')' | '%')
}

/// Forbidden texts replaced by the tokens that OpenMetadata's own tools use. `"` is replaced for
/// every version: a column with one makes a 1.12.6 server answer 500 to every request that touches
/// the data model, even its deletion (seen). `>` and control characters are refused by 2.0.
fn replaced(name: &str) -> Cow<'_, str> {
    if !name.contains("::") && !name.contains(|c: char| c == '>' || c == '"' || c.is_control()) {
        return if name.is_empty() { Cow::Borrowed("(unnamed)") } else { Cow::Borrowed(name) };
    }
    let mut text = String::with_capacity(name.len() + 32);
    for c in name.replace("::", "__reserved__colon__").chars() {
        match c {
            '>' => text.push_str("__reserved__arrow__"),
            '"' => text.push_str("__reserved__quote__"),
            '\n' => text.push_str("__reserved__newline__"),
            '\r' => text.push_str("__reserved__carriage_return__"),
            '\t' => text.push_str("__reserved__tab__"),
            c if c.is_control() => text.push('_'),
            // Java's regular expressions end a line here as well, and `.` does not match them.
            '\u{2028}' | '\u{2029}' => text.push_str("__reserved__newline__"),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// The text if it is short enough, else its beginning and a hash of `original`.
fn shortened(text: &str, original: &str, max: usize) -> String {
    if utf16_len(text) <= max { text.to_owned() } else { tailed(text, original, max) }
}

/// The beginning of the text and a hash of `original`, at most `max` long.
fn tailed(text: &str, original: &str, max: usize) -> String {
    let tail = hex128(original.as_bytes());
    let room = max - tail.len() - 1;
    let mut used = 0;
    let head: String = text
        .chars()
        .take_while(|c| {
            used += c.len_utf16();
            used <= room
        })
        .collect();
    format!("{head}_{tail}")
}

/// Length as the server counts it: Java strings are UTF-16.
fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Name of a column when no other column of its table has the same name in another case.
#[must_use]
pub(super) fn plain_column(field: &str) -> String {
    shortened(&replaced(field), field, MAX_COLUMN)
}

/// Name of a column when another column has the same name in another case: the server matches
/// columns without regard to case and would swap their descriptions (seen).
#[must_use]
pub(super) fn distinct_column(field: &str) -> String {
    let tail: String = hex128(field.as_bytes()).chars().take(8).collect();
    let max = MAX_COLUMN - tail.len() - 1;
    format!("{}_{tail}", shortened(&replaced(field), field, max))
}

/// Names of the columns for the fields of one table, in order; `None` for a repeated field.
///
/// Of names that differ in case alone, the first in code point order stays as it is, whatever the
/// order of the fields.
#[must_use]
pub(super) fn columns(fields: &[&str]) -> Vec<Option<String>> {
    let mut groups: HashMap<String, Vec<&str>> = HashMap::new();
    for field in fields {
        groups.entry(folded(&plain_column(field))).or_default().push(field);
    }
    for group in groups.values_mut() {
        group.sort_unstable();
        group.dedup();
    }
    let mut seen = std::collections::HashSet::new();
    fields
        .iter()
        .map(|field| {
            if !seen.insert(*field) {
                return None;
            }
            let plain = plain_column(field);
            let first = groups.get(&folded(&plain)).and_then(|group| group.first());
            Some(if first == Some(field) { plain } else { distinct_column(field) })
        })
        .collect()
}

/// Case folded as Java's `equalsIgnoreCase` does, or coarser.
#[must_use]
pub(super) fn folded(text: &str) -> String {
    text.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(name: &str, expected: &str) {
        assert_eq!(entity(NameRules::Wide, name), expected);
    }

    #[test]
    fn names_stay_readable() {
        wide("Sales Orders/2020", "Sales Orders/2020");
        wide("Продажи.2020", "Продажи.2020");
        wide(" lead", " lead");
        assert_eq!(chart(NameRules::Wide, "app-1", "c1"), "app-1_c1");
        assert_eq!(table(NameRules::Wide, "app-1", "(master items)"), "app-1_(master items)");
        assert_eq!(table(NameRules::Narrow, "app-1", "(master items)"), "app-1_(master items)");
        assert_eq!(file("d:/q/x.qvd").len(), 37);
    }

    #[test]
    fn forbidden_texts_become_tokens() {
        wide("a::b", "a__reserved__colon__b");
        wide("a:::b", "a__reserved__colon__:b");
        wide("a>b\"c", "a__reserved__arrow__b__reserved__quote__c");
        wide("a\r\nb\tc", "a__reserved__carriage_return____reserved__newline__b__reserved__tab__c");
        wide("a\u{1}b", "a_b");
        wide("", "(unnamed)");
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let name = |last: char| entity(NameRules::Wide, &format!("{}{last}", "x".repeat(300)));
        assert_eq!(name('a').len(), 256);
        assert_ne!(name('a'), name('b'));
        wide(&"x".repeat(256), &"x".repeat(256));
        // Two UTF-16 units each: 128 of them fit, 129 do not, and none is cut in the middle.
        wide(&"😀".repeat(128), &"😀".repeat(128));
        let cut = entity(NameRules::Wide, &"😀".repeat(129));
        assert!(utf16_len(&cut) <= 256 && cut.starts_with('😀'), "{cut}");
        assert_eq!(entity(NameRules::Narrow, &"x".repeat(129)).len(), 128);
    }

    #[test]
    fn up_to_1_2_a_replaced_name_carries_a_hash() {
        let narrow = |name: &str| entity(NameRules::Narrow, name);
        assert_eq!(narrow("a'b (c) & d.e-f 5% ß"), "a'b (c) & d.e-f 5% ß");
        assert!(narrow("a/b").starts_with("a_b_"));
        assert_ne!(narrow("a/b"), narrow("a\\b"));
        assert!(narrow(&"/".repeat(500)).len() <= 128);
    }

    #[test]
    fn columns_that_differ_in_case_are_told_apart() {
        let check = |fields: &[&str], expected: &[Option<&str>]| {
            let names = columns(fields);
            let names: Vec<_> = names.iter().map(Option::as_deref).collect();
            assert_eq!(names, expected);
        };
        check(&["a", "b"], &[Some("a"), Some("b")]);
        let id = distinct_column("Id");
        check(&["Id", "ID"], &[Some(&id), Some("ID")]);
        check(&["ID", "Id"], &[Some("ID"), Some(&id)]);
        check(&["a", "a"], &[Some("a"), None]);
        check(&["x\"y"], &[Some("x__reserved__quote__y")]);
        check(&[""], &[Some("(unnamed)")]);
    }

    #[test]
    fn long_columns_fit() {
        let long = "y".repeat(400);
        assert_eq!(plain_column(&long).len(), 256);
        assert_eq!(distinct_column(&long).len(), 256);
    }
}
