//! Seeds: what the sample apps, the published schemas and the documentation hold.

use std::{fs, path::Path};

use schemas::codec;
use serde_json::{Value, json};

use crate::targets::{Target, content, events};

/// Seeds of a target, small ones, at least one.
pub(crate) fn seeds(target: Target) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let bundles: Vec<Value> = texts(&root.join("tests/sample-apps"), "json")
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    let mut seeds: Vec<Vec<u8>> = match target {
        Target::Script => {
            let scripts = bundles.iter().filter_map(|bundle| bundle["script"].as_str());
            scripts.flat_map(pieces).collect()
        }
        Target::Expression => {
            let mut found = Vec::new();
            bundles.iter().for_each(|bundle| expressions(bundle, &mut found));
            found
        }
        Target::Frame => bundles.iter().flat_map(frames).collect(),
        Target::Avro => {
            let encode = |event: &schemas::Event| {
                codec::encode(event, codec::single_object_writer(event.topic())).ok()
            };
            let of_bundle = |bundle: &Value| events(&content(bundle));
            bundles.iter().flat_map(of_bundle).filter_map(|event| encode(&event)).collect()
        }
        Target::Config => ["config", "docs", "."]
            .iter()
            .flat_map(|folder| ["yaml", "yml", "md"].map(|ending| (root.join(folder), ending)))
            .flat_map(|(folder, ending)| texts(&folder, ending))
            .flat_map(|text| blocks(&text))
            .collect(),
    };
    seeds.retain(|seed| !seed.is_empty() && seed.len() <= target.limit());
    seeds.sort();
    seeds.dedup();
    seeds
}

fn texts(folder: &Path, ending: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|found| found == ending));
    paths.sort();
    paths.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
}

/// A script whole, and statement by statement.
fn pieces(script: &str) -> Vec<Vec<u8>> {
    let statements = script.split_inclusive(';').map(|piece| piece.as_bytes().to_vec());
    statements.chain([script.as_bytes().to_vec()]).collect()
}

/// Every text that a chart's property holds under the name of an expression.
fn expressions(value: &Value, found: &mut Vec<Vec<u8>>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text)
                        if ["qDef", "qExpr", "qv", "qStringExpression", "definition"]
                            .contains(&name.as_str()) =>
                    {
                        found.push(text.as_bytes().to_vec());
                    }
                    Value::Array(texts) if name == "qFieldDefs" => {
                        found.extend(
                            texts
                                .iter()
                                .filter_map(|text| Some(text.as_str()?.as_bytes().to_vec())),
                        );
                    }
                    _ => expressions(member, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|member| expressions(member, found)),
        _ => {}
    }
}

/// Replies with an object, a data model, or a few of both.
fn frames(bundle: &Value) -> Vec<Vec<u8>> {
    let reply = |result: &Value| {
        json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string().into_bytes()
    };
    let list = |name: &str| bundle[name].as_array().cloned().unwrap_or_default();
    let mut found = vec![reply(&json!({"data_metadata": bundle["data_metadata"]}))];
    for object in list("objects") {
        found.push(reply(&json!({"objects": [object], "data_metadata": bundle["data_metadata"], "measures": list("measures")})));
        found.push(reply(&object));
    }
    found.extend(
        ["measures", "dimensions"].iter().flat_map(|name| list(name)).map(|item| reply(&item)),
    );
    found
}

/// YAML files whole; the YAML blocks of documentation.
fn blocks(text: &str) -> Vec<Vec<u8>> {
    match text.contains("```") {
        true => text
            .split("```")
            .filter_map(|part| part.strip_prefix("yaml\n"))
            .map(|part| part.as_bytes().to_vec())
            .collect(),
        false => vec![text.as_bytes().to_vec()],
    }
}
