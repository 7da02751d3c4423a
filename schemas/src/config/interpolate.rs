//! `${VAR}`, `${VAR:-default}` and `${file:PATH}` in configuration values; `$${` is a literal `${`.

use serde_json::Value;

use super::Problems;

/// Fills the placeholders of every string below `value`; `path` is the key it stands at.
pub(super) fn all(
    value: &mut Value,
    path: &str,
    variable: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) {
    match value {
        Value::String(text) => {
            if text.contains("${") {
                match fill(text, variable) {
                    Ok(filled) => *text = filled,
                    Err(message) => problems.add(path, message),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                all(item, &format!("{path}[{index}]"), variable, problems);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                all(member, &format!("{path}.{name}"), variable, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn fill(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(literal) = before.strip_suffix('$') {
            filled.push_str(literal);
            filled.push_str("${");
            rest = after;
            continue;
        }
        filled.push_str(before);
        let (name, after) = after.split_once('}').ok_or_else(|| {
            "a placeholder `${` is not closed by `}` (a literal `${` is written `$${`)".to_owned()
        })?;
        filled.push_str(&placeholder(name, variable)?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn placeholder(name: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    if let Some(path) = name.strip_prefix("file:") {
        return std::fs::read_to_string(path)
            // Secret files usually end with a line break that is not part of the secret.
            .map(|content| content.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| {
                format!("failed to read the file `{path}` of `${{{name}}}`: {error}")
            });
    }
    let (name, default) = match name.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (name, None),
    };
    match (variable(name), default) {
        (Some(value), _) if !value.is_empty() || default.is_none() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        _ => Err(format!(
            "the environment variable `{name}` is not set and `${{{name}}}` has no default"
        )),
    }
}
