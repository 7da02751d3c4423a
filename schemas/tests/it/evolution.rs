//! The rules of `docs/events.md`, "How events evolve": what a new version of a schema may change.

use apache_avro::{Schema, schema_compatibility::SchemaCompatibility};
use schemas::{Topic, codec};
use serde_json::{Value, json};

/// Every rule that `new` breaks, with the place.
fn violations(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(old, new, "", &mut found);
    if found.is_empty() {
        let parse = |schema: &Value| Schema::parse(schema).expect("a valid schema");
        let (old, new) = (parse(old), parse(new));
        for (writer, reader, says) in [
            (&old, &new, "new readers cannot read old values"),
            (&new, &old, "old readers cannot read new values"),
        ] {
            if let Err(error) = SchemaCompatibility::can_read(writer, reader) {
                found.push(format!("{says}: {error}"));
            }
        }
    }
    found
}

fn compare(old: &Value, new: &Value, path: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Array(before), Value::Array(after)) => {
            if before.len() != after.len() {
                found.push(format!("{path}: a union's branches may not change"));
            }
            for (before, after) in before.iter().zip(after) {
                compare(before, after, path, found);
            }
        }
        (Value::Object(before), Value::Object(after)) => {
            for key in ["type", "name", "namespace", "logicalType", "items", "default"] {
                match (before.get(key), after.get(key)) {
                    (None, None) => {}
                    (Some(before), Some(after)) if key == "default" => {
                        if before != after {
                            found.push(format!(
                                "{path}: the default changed from {before} to {after}"
                            ));
                        }
                    }
                    (Some(before), Some(after)) => compare(before, after, path, found),
                    _ => found.push(format!("{path}: `{key}` was added or removed")),
                }
            }
            fields(before.get("fields"), after.get("fields"), path, found);
            symbols(before.get("symbols"), after.get("symbols"), path, found);
        }
        _ if old == new => {}
        _ => found.push(format!("{path}: {old} became {new}")),
    }
}

fn fields(old: Option<&Value>, new: Option<&Value>, path: &str, found: &mut Vec<String>) {
    let list =
        |fields: Option<&Value>| fields.and_then(Value::as_array).cloned().unwrap_or_default();
    let name = |field: &Value| field["name"].as_str().expect("a name").to_owned();
    let (before, after) = (list(old), list(new));
    for field in &before {
        let path = format!("{path}/{}", name(field));
        match after.iter().find(|other| name(other) == name(field)) {
            Some(other) => compare(field, other, &path, found),
            None => found.push(format!("{path}: the field was removed or renamed")),
        }
    }
    for field in &after {
        let is_new = !before.iter().any(|other| name(other) == name(field));
        if is_new && field.get("default").is_none() {
            found.push(format!("{path}/{}: a new field needs a default", name(field)));
        }
    }
}

fn symbols(old: Option<&Value>, new: Option<&Value>, path: &str, found: &mut Vec<String>) {
    let list =
        |symbols: Option<&Value>| symbols.and_then(Value::as_array).cloned().unwrap_or_default();
    let (before, after) = (list(old), list(new));
    for symbol in before.iter().filter(|symbol| !after.contains(symbol)) {
        found.push(format!("{path}: the symbol {symbol} was removed"));
    }
}

#[test]
fn released_versions_and_todays_schemas_follow_the_rules() {
    for topic in [Topic::Dashboards, Topic::Charts, Topic::DataModels, Topic::Lineage, Topic::Runs]
    {
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let current = parse(codec::current_text(topic).expect("a schema"));
        let released = codec::published().iter().filter(|known| known.topic == topic);
        for old in released {
            assert_eq!(
                violations(&parse(old.text), &current),
                Vec::<String>::new(),
                "`{topic}` since version {}",
                old.version
            );
        }
    }
}

#[test]
fn the_rules_are_kept() {
    let old = || {
        json!({"type": "record", "name": "App", "fields": [
            {"name": "id", "type": "string"},
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["A", "B"], "default": "A"}},
            {"name": "parts", "type": {"type": "array", "items": {"type": "record", "name": "Part", "fields": [
                {"name": "size", "type": ["null", "long"], "default": null}]}}},
        ]})
    };
    let check = |change: &dyn Fn(&mut Value), expected: &[&str]| {
        let mut new = old();
        change(&mut new);
        let found = violations(&old(), &new);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{found:?}");
        }
    };
    let push = |list: &mut Value, value: Value| list.as_array_mut().expect("a list").push(value);
    check(&|_| {}, &[]);
    check(&|new| new["doc"] = json!("other words"), &[]);
    check(
        &|new| {
            push(
                &mut new["fields"],
                json!({"name": "size", "type": ["null", "long"], "default": null}),
            )
        },
        &[],
    );
    check(
        &|new| {
            let part = &mut new["fields"][2]["type"]["items"]["fields"];
            push(part, json!({"name": "unit", "type": "string", "default": "kg"}));
        },
        &[],
    );
    check(&|new| push(&mut new["fields"][1]["type"]["symbols"], json!("C")), &[]);
    check(
        &|new| push(&mut new["fields"], json!({"name": "size", "type": "long"})),
        &["/size: a new field needs a default"],
    );
    check(
        &|new| {
            new["fields"].as_array_mut().expect("a list").remove(0);
        },
        &["/id: the field was removed"],
    );
    check(&|new| new["fields"][0]["type"] = json!("long"), &["/id: \"string\" became \"long\""]);
    check(
        &|new| new["fields"][1]["type"]["symbols"] = json!(["A"]),
        &["/kind: the symbol \"B\" was removed"],
    );
    check(
        &|new| new["fields"][1]["type"]["default"] = json!("B"),
        &["/kind: the default changed from \"A\" to \"B\""],
    );
    check(
        &|new| {
            new["fields"][2]["type"]["items"]["fields"][0]["type"] = json!(["null", "double"]);
        },
        &["/parts/size: \"long\" became \"double\""],
    );
}
