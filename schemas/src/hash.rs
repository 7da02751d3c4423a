//! 128-bit hashes of content and identities, as 32 hex digits.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// First 128 bits of SHA-256 of `bytes`, as 32 lower-case hex digits.
#[must_use]
pub fn hex128(bytes: &[u8]) -> String {
    format!("{:032x}", of_bytes(bytes))
}

/// First 128 bits of SHA-256 of `bytes`.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> u128 {
    let digest = Sha256::digest(bytes);
    digest.iter().take(16).fold(0, |hash, byte| (hash << 8) | u128::from(*byte))
}

/// Hash of a JSON value independent of the order of keys and of absent, null and empty members,
/// so that a new optional field does not change the hash of the events that lack it.
#[must_use]
pub fn of_json(value: &Value) -> String {
    hex128(normalised(value).unwrap_or(Value::Null).to_string().as_bytes())
}

/// The value without null members and empty lists; `None` when nothing is left.
fn normalised(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => None,
        // Inside a list a position means something, so nothing is dropped there.
        Value::Array(items) => Some(Value::Array(
            items.iter().map(|item| normalised(item).unwrap_or(Value::Null)).collect(),
        )),
        Value::Object(members) => Some(Value::Object(
            members
                .iter()
                .filter_map(|(name, member)| Some((name.clone(), normalised(member)?)))
                .collect(),
        )),
        scalar => Some(scalar.clone()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn absent_null_and_empty_are_equal_and_order_of_keys_does_not_matter() {
        let a = json!({"a": 1, "b": {"c": "x", "d": null}, "e": []});
        let b = json!({"b": {"c": "x"}, "a": 1});
        assert_eq!(of_json(&a), of_json(&b));
        assert_ne!(of_json(&a), of_json(&json!({"a": 2, "b": {"c": "x"}})));
        assert_ne!(of_json(&json!(["a", null])), of_json(&json!(["a"])));
    }

    #[test]
    fn sha256_prefix() {
        assert_eq!(hex128(b"abc"), "ba7816bf8f01cfea414140de5dae2223");
    }
}
