//! Where two JSON values differ, for failures that a person can read.

use serde_json::Value;

/// The places where two values differ, the first few, as `path: left | right`.
#[must_use]
pub fn differences(left: &Value, right: &Value) -> Vec<String> {
    let mut found = Vec::new();
    collect(left, right, "", &mut found);
    found.truncate(20);
    found
}

fn collect(left: &Value, right: &Value, path: &str, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            for name in names {
                let member = |members: &serde_json::Map<String, Value>| {
                    members.get(name).cloned().unwrap_or(Value::Null)
                };
                collect(&member(left), &member(right), &format!("{path}/{name}"), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                let name = left["fullyQualifiedName"].as_str().map(str::to_owned);
                let name = name.unwrap_or_else(|| index.to_string());
                collect(left, right, &format!("{path}/{name}"), found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{path}: {left} | {right}")),
    }
}
