//! The engine leaves out members of properties that hold their default (empty string, false) unless
//! a request says `return_empty`; zeros stay. That concerns its own members, whose names begin with
//! `q`; what visualizations add is kept as it was stored.

use serde_json::Value;

/// Properties as a request gets them.
pub(super) fn unless(return_empty: bool, mut properties: Value) -> Value {
    if !return_empty {
        strip(&mut properties);
    }
    properties
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|key, value| !(own(key) && is_default(value)));
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

fn own(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next() == Some('q') && chars.next().is_some_and(char::is_uppercase)
}

fn is_default(value: &Value) -> bool {
    matches!(value, Value::Bool(false)) || value.as_str() == Some("")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_left_out() {
        let check = |before: Value, after: Value| assert_eq!(unless(false, before), after);
        check(json!({"qLabel": "", "qShow": false, "qNum": 0}), json!({"qNum": 0}));
        check(json!({"title": "", "show": false}), json!({"title": "", "show": false}));
        check(
            json!({"qDef": [{"qLabel": ""}], "quality": ""}),
            json!({"qDef": [{}], "quality": ""}),
        );
        assert_eq!(unless(true, json!({"qLabel": ""})), json!({"qLabel": ""}));
    }
}
