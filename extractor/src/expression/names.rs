//! What a text may be a name of. Pure questions about one name; `read` follows what it means.

use std::borrow::Cow;

use super::{
    Names,
    expand::is_placeholder,
    functions::{is_infix, is_prefix, is_qualifier},
    parse::Name,
};

/// Fields that every app has beside its data model's own.
const SYSTEM_FIELDS: &[&str] = &["$Field", "$FieldNo", "$Fields", "$Info", "$Rows", "$Table"];

/// The field that `name` reads: itself, or the one that it is derived from. What the script declares
/// (`Date.autoCalendar.Year`) is not among the fields of the data model; it reads `Date`.
pub(super) fn base_field<'n>(name: &'n str, names: &Names) -> Option<&'n str> {
    let is_field = |name: &str| names.fields.contains(name);
    if is_field(name) {
        return Some(name);
    }
    name.rmatch_indices('.').filter_map(|(at, _)| name.split_at_checked(at)).find_map(
        |(stem, rest)| {
            let is_derived = rest.get(1..).is_some_and(|part| part.contains('.'));
            (is_derived && is_field(stem)).then_some(stem)
        },
    )
}

/// The field that `name` reads where fields are not known. What Qlik derives from dates is known by its
/// calendar's name.
pub(super) fn assumed_field<'n>(name: &'n str, names: &Names) -> Option<&'n str> {
    let trimmed = name.trim();
    let is_assumed = names.is_open
        && !trimmed.starts_with('=')
        && !trimmed.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && !is_silent(&Name { text: name.to_owned(), quoted: true });
    let stem = name.split_once(".autoCalendar.").map_or(name, |(stem, _)| stem);
    is_assumed.then_some(stem)
}

/// The definition of a dimension as an expression. Without a leading `=` it is a field's name, as it
/// is; where fields are not known, one that calls no function is taken for one.
pub(super) fn as_expression<'d>(definition: &'d str, names: &Names) -> Cow<'d, str> {
    let trimmed = definition.trim();
    if !names.is_open || trimmed.starts_with(['=', '[', '"', '`']) || trimmed.contains(['(', '$']) {
        return Cow::Borrowed(definition);
    }
    Cow::Owned(format!("[{}]", trimmed.replace(']', "]]")))
}

/// Whether a text that does not parse can be a field's name, `Order Date`.
pub(super) fn could_be_name(text: &str) -> bool {
    let is_operator = |c: char| "()[]{}<>=*?!'\"`$&+/,;:".contains(c);
    !text.is_empty() && !text.contains(is_operator) && !text.contains(is_placeholder)
}

pub(super) fn unbracketed(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix('=').unwrap_or(text).trim();
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text)
}

pub(super) fn is_keyword(word: &str) -> bool {
    is_infix(word) || is_prefix(word) || is_qualifier(word)
}

/// Names that mean nothing and are no mistake: system fields, parameters left without an argument.
pub(super) fn is_silent(name: &Name) -> bool {
    let is_parameter =
        |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    SYSTEM_FIELDS.contains(&name.text.as_str())
        || name.text.strip_prefix('$').is_some_and(is_parameter)
        || name.text.is_empty()
}
