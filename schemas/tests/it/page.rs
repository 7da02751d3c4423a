//! `docs/events.md`: what is generated in it is what the schemas, headers and golden files say.
//! `UPDATE_DOCS=1 cargo test -p schemas` writes it anew.

use std::{fmt::Write as _, fs, path::PathBuf};

use schemas::{
    Event, Topic, TopicNames, codec,
    event::Origin,
    headers::{self, HeaderValues},
    json,
};
use serde_json::Value;

use crate::samples;

const EVENTS: [Topic; 5] =
    [Topic::Dashboards, Topic::Charts, Topic::DataModels, Topic::Lineage, Topic::Runs];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_page_about_events_is_current() {
    let path = root().join("docs/events.md");
    let page = fs::read_to_string(&path).expect("docs/events.md");
    let mut current = replaced(&page, "headers", &headers_table());
    for topic in EVENTS {
        current = replaced(&current, topic.suffix(), &section(topic));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &current).expect("written");
    } else {
        let differs = page.lines().zip(current.lines()).find(|(is, should)| is != should);
        assert!(
            page == current,
            "docs/events.md is not what the schemas say (`UPDATE_DOCS=1 cargo test -p schemas` writes it): {differs:?}"
        );
    }
}

/// The AsyncAPI document names every topic, with its schema and headers, and nothing else.
#[test]
fn the_asyncapi_document_is_complete() {
    let text = fs::read_to_string(root().join("docs/asyncapi.yaml")).expect("docs/asyncapi.yaml");
    let document: Value = serde_saphyr::from_str(&text).expect("YAML");
    assert_eq!(document["asyncapi"], "3.0.0");
    let names = TopicNames::new(TopicNames::DEFAULT_PREFIX).expect("valid");
    let channels = document["channels"].as_object().expect("channels");
    let mut addresses: Vec<_> =
        channels.values().map(|channel| channel["address"].as_str().expect("address")).collect();
    addresses.sort_unstable();
    let mut expected = Topic::ALL.map(|topic| names.name(topic));
    expected.sort_unstable();
    assert_eq!(addresses, expected);
    for topic in EVENTS {
        let channel = &channels[topic.suffix()];
        let bindings = &channel["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"];
        let policy = if topic.is_compacted() { "compact" } else { "delete" };
        assert_eq!(*bindings, serde_json::json!([policy]), "{topic}");
        let message = &document["components"]["messages"][topic.suffix()];
        let reference = message["payload"]["schema"]["$ref"].as_str().expect("a schema");
        let schema = fs::read_to_string(root().join("docs").join(reference)).expect("the schema");
        assert_eq!(Some(schema.as_str()), codec::current_text(topic), "{topic}: {reference}");
    }
    let described = document["components"]["schemas"]["headers"]["properties"].as_object();
    let mut described: Vec<_> = described.expect("headers").keys().map(String::as_str).collect();
    let mut written: Vec<_> = all_headers().into_iter().map(|(name, ..)| name).collect();
    described.sort_unstable();
    written.sort_unstable();
    assert_eq!(described, written);
}

/// Puts `text` between `<!-- NAME -->` and `<!-- /NAME -->`.
fn replaced(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- /{name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
    format!("{before}{begin}{text}{end}{after}")
}

/// Every header: name, an example, and on which records it is.
fn all_headers() -> Vec<(&'static str, String, String)> {
    let event = samples::all().into_iter().find(|(name, _)| *name == "dashboard-full");
    let event = event.expect("a dashboard").1;
    let values = HeaderValues {
        service: "prod",
        topic: Topic::Dashboards,
        id: "01997d3c-6f0e-7c11-8f5f-0a7c36f2a001".to_owned(),
        time: "2026-09-21T14:13:20Z".to_owned(),
        run_id: "01997d3c-6c2a-7b30-a2b1-5b4a2f0e9d10",
        event: Some(&event),
        content_hash: Some("0c9f2f7c1fd8b8f0a3e1f2a4b5c6d7e8"),
        extract_fingerprint: Some("5d41402abc4b2a76b9719d911017c592"),
        listed_hash: Some("7d793037a0760186574b0282f2f435e7"),
        described_hash: Some("1f3870be274f6c49b3e31a0c6728957f"),
        edge: None,
    };
    let edge = r#"{"from": {"path": "…"}, "to": {"app_id": "…", "table": "…"}}"#;
    let tombstone = HeaderValues {
        topic: Topic::Lineage,
        event: None,
        content_hash: None,
        extract_fingerprint: None,
        listed_hash: None,
        described_hash: None,
        edge: Some(edge),
        ..values.clone()
    };
    let chart = HeaderValues {
        topic: Topic::Charts,
        extract_fingerprint: None,
        listed_hash: None,
        described_hash: None,
        ..values.clone()
    };
    let edge = samples::all().into_iter().find_map(|(_, event)| match event {
        Event::Lineage(edge) => Some(edge),
        _ => None,
    });
    let mut script = edge.expect("an edge");
    script.origin = Origin::LoadScript;
    let script = Event::Lineage(script);
    let edge = HeaderValues { topic: Topic::Lineage, event: Some(&script), ..chart.clone() };
    let records = [&values, &chart, &edge, &tombstone].map(headers::of_record);
    let mut found: Vec<(&'static str, String, String)> = Vec::new();
    for (name, example) in records.iter().flatten() {
        if found.iter().any(|(known, ..)| known == name) {
            continue;
        }
        let has = records.each_ref().map(|record| record.iter().any(|(known, _)| known == name));
        let on = match has {
            [true, true, true, true] => "all records",
            [true, true, true, false] => "records with a value",
            [true, false, false, false] => "dashboards",
            [false, false, true, false] => "edges that a script tells",
            [false, false, false, true] => "tombstones of lineage",
            _ => panic!("say in words where `{name}` is: {has:?}"),
        };
        found.push((name, example.clone(), on.to_owned()));
    }
    found
}

fn headers_table() -> String {
    let mut text = "| header | on | example |\n|---|---|---|\n".to_owned();
    for (name, example, on) in all_headers() {
        writeln!(text, "| `{name}` | {on} | `{example}` |").expect("a string");
    }
    text
}

fn section(topic: Topic) -> String {
    let schema: Value =
        serde_json::from_str(codec::current_text(topic).expect("text")).expect("JSON");
    let mut text = format!("{}\n", words(&schema["doc"]));
    fields(&schema, &mut text);
    for (name, event) in samples::all() {
        if event.topic() == topic && !name.ends_with("minimal") {
            let shown = serde_json::to_string_pretty(&json::readable(&event)).expect("JSON");
            let key = event.key();
            writeln!(text, "\n<details><summary>Example, key <code>{key}</code></summary>\n\n```json\n{shown}\n```\n\n</details>")
                .expect("a string");
        }
    }
    text
}

/// A table of a record's fields, then the records and enums that they are made of.
fn fields(record: &Value, text: &mut String) {
    text.push_str("\n| field | type | meaning |\n|---|---|---|\n");
    let of = record["fields"].as_array().expect("fields");
    for field in of {
        let name = field["name"].as_str().expect("a name");
        writeln!(text, "| `{name}` | {} | {} |", kind(&field["type"]), words(&field["doc"]))
            .expect("a string");
    }
    for field in of {
        nested(&field["type"], text);
    }
}

fn nested(kind: &Value, text: &mut String) {
    match kind {
        Value::Array(branches) => branches.iter().for_each(|branch| nested(branch, text)),
        Value::Object(members) => match members["type"].as_str() {
            Some("record") => {
                let name = members["name"].as_str().expect("a name");
                write!(text, "\n**{name}**: {}\n", words(&members["doc"])).expect("a string");
                fields(kind, text);
            }
            Some("enum") => {
                let name = members["name"].as_str().expect("a name");
                let symbols = members["symbols"].as_array().expect("symbols").iter();
                let symbols: Vec<_> =
                    symbols.map(|symbol| format!("`{}`", symbol.as_str().expect("text"))).collect();
                let default = members["default"].as_str().expect("a default");
                writeln!(
                    text,
                    "\n**{name}**: {} One of {}; readers that do not know a symbol get `{default}`.",
                    words(&members["doc"]),
                    symbols.join(", ")
                )
                .expect("a string");
            }
            Some("array") => nested(&members["items"], text),
            _ => {}
        },
        _ => {}
    }
}

/// A type as people say it.
fn kind(kind: &Value) -> String {
    match kind {
        Value::String(name) => name.rsplit('.').next().unwrap_or(name).to_owned(),
        Value::Array(branches) => {
            let names: Vec<_> = branches.iter().map(self::kind).collect();
            let others: Vec<_> = names.iter().filter(|name| *name != "null").cloned().collect();
            let optional = if others.len() < names.len() { ", may be null" } else { "" };
            format!("{}{optional}", others.join(" or "))
        }
        Value::Object(members) => match (members["type"].as_str(), members.get("logicalType")) {
            (_, Some(logical)) if logical == "timestamp-millis" => "time".to_owned(),
            (Some("array"), _) => format!("list of {}", self::kind(&members["items"])),
            (Some("record" | "enum"), _) => members["name"].as_str().expect("a name").to_owned(),
            _ => self::kind(&members["type"]),
        },
        _ => String::new(),
    }
}

/// Documentation as the cell of a table.
fn words(doc: &Value) -> String {
    doc.as_str().expect("a doc").replace('|', "\\|")
}
