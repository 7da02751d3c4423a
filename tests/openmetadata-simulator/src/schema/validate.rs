//! Bean validation: required properties, sizes and patterns, as the servers word them.

use super::{Class, Field, Shape};
use crate::json::Json;
use crate::version::Rules;

/// The messages of everything that is wrong with `json`, in alphabetical order; empty when nothing is.
/// `prefix` precedes each (`query param ` where the release says so).
pub(crate) fn violations(class: &Class, json: &Json, rules: &Rules, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(class, json, rules, &mut found);
    found.sort_unstable();
    found.into_iter().map(|text| format!("{prefix}{text}")).collect()
}

fn collect(class: &Class, json: &Json, rules: &Rules, found: &mut Vec<String>) {
    for field in class.fields.iter().filter(|field| field.known(rules)) {
        match json.get(field.name) {
            Some(value) => check(field, value, rules, found),
            None if field.required => found.push(format!("{} must not be null", field.name)),
            None => {}
        }
    }
}

fn check(field: &Field, value: &Json, rules: &Rules, found: &mut Vec<String>) {
    match &field.shape {
        Shape::Name => entity_name(field.name, value, rules, found),
        Shape::WideName => {
            size(field.name, value, 256, found);
            pattern(field.name, value, WIDE, found);
        }
        Shape::ColumnName => {
            let longest = if rules.code >= 111 { 2_147_483_647 } else { 256 };
            size(field.name, value, longest, found);
            pattern(field.name, value, if rules.code >= 200 { STRICT } else { WIDE }, found);
        }
        Shape::Hash => size(field.name, value, 32, found),
        Shape::Object(class) => collect(class, value, rules, found),
        Shape::Objects(class) => {
            value.items().iter().for_each(|item| collect(class, item, rules, found))
        }
        Shape::Text
        | Shape::Uuid
        | Shape::Integer
        | Shape::Flag
        | Shape::Choice(_)
        | Shape::Texts
        | Shape::Free => {}
    }
}

fn entity_name(name: &str, value: &Json, rules: &Rules, found: &mut Vec<String>) {
    let (longest, wanted) = match rules.code {
        ..=102 => (128, NARROW),
        103..=199 => (256, WIDE),
        _ => (256, STRICT),
    };
    size(name, value, longest, found);
    pattern(name, value, wanted, found);
}

fn size(name: &str, value: &Json, longest: usize, found: &mut Vec<String>) {
    let length = value.text().map_or(0, |text| text.encode_utf16().count());
    if length == 0 || length > longest {
        found.push(format!("{name} size must be between 1 and {longest}"));
    }
}

/// A pattern of the JSON schema and what it means.
type Pattern = (&'static str, fn(&str) -> bool);

/// Up to 1.2.
const NARROW: Pattern = (r"^(?U)[\w'\- .&()%]+$", |name| {
    !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "_'- .&()%".contains(c))
});

/// From 1.3. The dot of the pattern matches no line break.
const WIDE: Pattern = (r"^((?!::).)*$", |name| {
    let line_break = |c| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    !name.contains("::") && !name.contains(line_break)
});

/// 2.0.
const STRICT: Pattern = (r#"^((?!::)[^>"\x00-\x1f])*$"#, |name| {
    !name.contains("::") && !name.contains(|c| matches!(c, '>' | '"' | '\0'..='\x1f'))
});

fn pattern(name: &str, value: &Json, (text, matches): Pattern, found: &mut Vec<String>) {
    if value.text().is_some_and(|value| !matches(&value)) {
        found.push(format!("{name} must match \"{text}\""));
    }
}
