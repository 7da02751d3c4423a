//! Reads a JSON tree into a type, reporting every mistake instead of the first.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Problems;

/// More mistakes than this in one block are not looked for.
const MAX_PROBLEMS: usize = 100;

/// Reads `value`, which stands at the dotted `path`. A member that does not fit is reported, taken
/// out, and the rest is read again.
pub(super) fn tolerantly<T: DeserializeOwned + Default>(
    mut value: Value,
    path: &str,
    problems: &mut Problems,
) -> T {
    let mut tried_as_other_scalar = Vec::new();
    for _ in 0..MAX_PROBLEMS {
        let mut unknown = Vec::new();
        let mut track = serde_path_to_error::Track::new();
        let result: Result<T, _> = {
            let mut report = |path: serde_ignored::Path<'_>| unknown.push(path.to_string());
            let ignoring = serde_ignored::Deserializer::new(&value, &mut report);
            T::deserialize(serde_path_to_error::Deserializer::new(ignoring, &mut track))
        };
        match result {
            Ok(read) => {
                for name in unknown {
                    // Optional members show up as `?` in the path.
                    let name = name.replace("?.", "").replace(".?", "");
                    problems.add(format!("{path}.{name}"), "unknown key");
                }
                return read;
            }
            Err(error) => {
                let at = track.path();
                let pointer = pointer(&at);
                let place = value.pointer_mut(&pointer);
                if let Some(place) = place
                    && !tried_as_other_scalar.contains(&pointer)
                    && let Some(other) = as_other_scalar(place)
                {
                    tried_as_other_scalar.push(pointer);
                    *place = other;
                    continue;
                }
                let at = at.to_string();
                let key = if at == "." { path.to_owned() } else { format!("{path}.{at}") };
                problems.add(key, expectation(&error.to_string()));
                if pointer.is_empty() || !remove(&mut value, &pointer) {
                    return T::default();
                }
            }
        }
    }
    T::default()
}

/// `${PORT}` gives a text where a number is wanted, and YAML a number where a text is: both are fine.
fn as_other_scalar(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text.trim())
            .ok()
            .filter(|other: &Value| other.is_number() || other.is_boolean()),
        Value::Number(number) => Some(Value::String(number.to_string())),
        Value::Bool(flag) => Some(Value::String(flag.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// JSON pointer of a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// Takes out what stands at a pointer; `false` when nothing does.
fn remove(value: &mut Value, pointer: &str) -> bool {
    let Some((parent, name)) = pointer.rsplit_once('/') else { return false };
    let name = name.replace("~1", "/").replace("~0", "~");
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => members.remove(&name).is_some(),
        Some(Value::Array(items)) => match name.parse::<usize>() {
            Ok(index) if index < items.len() => {
                items.remove(index);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// serde's message, without echoing the value: it may be a secret.
fn expectation(message: &str) -> String {
    match message.split_once(", expected ") {
        Some((found, expected)) => {
            let found = found.split_once(": ").map_or(found, |(_, found)| found);
            let kind = found.split([' ', '`', '"']).next().unwrap_or("value");
            format!("expected {expected}, found a {kind}")
        }
        None => message.to_owned(),
    }
}
