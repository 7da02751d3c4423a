//! Golden files under `testdata/vN`: bytes that version N wrote and the event that they mean today.
//! Files of a released version are never edited; set `UPDATE_GOLDEN=1` to write those of a new one.

use std::{collections::BTreeSet, fs, path::PathBuf};

use apache_avro::schema_compatibility::SchemaCompatibility;
use schemas::{
    Event, Topic,
    codec::{self, Frame, WriterId},
    json,
};

use crate::samples;

/// Version whose golden files the samples of this source tree are.
const VERSION: u32 = 1;

fn folder(version: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("testdata/v{version}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let text = text.trim();
    text.as_bytes()
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).expect("ASCII"))
        .map(|pair| u8::from_str_radix(pair, 16).expect("hex"))
        .collect()
}

#[test]
fn every_sample_survives_both_framings() {
    for (name, event) in samples::all() {
        let topic = event.topic();
        for writer in [codec::single_object_writer(topic), WriterId::Registry(42)] {
            let bytes = codec::encode(&event, writer).expect(name);
            let frame = Frame::parse(&bytes).expect(name);
            assert_eq!(frame.writer, writer, "{name}");
            assert_eq!(codec::decode(topic, &frame, None).expect(name), event, "{name}");
        }
    }
}

#[test]
fn bytes_of_every_released_version_still_mean_the_same() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    if update {
        fs::create_dir_all(folder(VERSION)).expect("testdata");
        for (name, event) in samples::all() {
            let bytes =
                codec::encode(&event, codec::single_object_writer(event.topic())).expect(name);
            let header = format!("{}\n{}\n", event.topic(), event.content_hash());
            fs::write(folder(VERSION).join(format!("{name}.hex")), header + &hex(&bytes) + "\n")
                .expect(name);
            let text = serde_json::to_string_pretty(&json::readable(&event)).expect(name);
            fs::write(folder(VERSION).join(format!("{name}.json")), text + "\n").expect(name);
        }
    }
    let mut seen = 0;
    for version in 1..=VERSION {
        for entry in fs::read_dir(folder(version)).expect("golden files") {
            let path = entry.expect("entry").path();
            if path.extension().is_none_or(|extension| extension != "hex") {
                continue;
            }
            let place = path.display();
            let text = fs::read_to_string(&path).expect("golden bytes");
            let mut lines = text.lines();
            let topic: Topic = lines.next().expect("topic").parse().expect("topic");
            let hash = lines.next().expect("hash");
            let bytes = unhex(lines.next().expect("bytes"));
            let frame = Frame::parse(&bytes).expect("frame");
            let event = codec::decode(topic, &frame, None)
                .unwrap_or_else(|error| panic!("{place}: {error}"));
            let expected = fs::read_to_string(path.with_extension("json")).expect("golden JSON");
            let expected: serde_json::Value = serde_json::from_str(&expected).expect("JSON");
            // Fields that later versions added may appear, with their defaults.
            let actual = json::readable(&event);
            for (name, member) in expected.as_object().expect("object") {
                assert_eq!(&actual[name], member, "{place}: {name}");
            }
            assert_eq!(
                event.content_hash(),
                hash,
                "{place}: the content hash decides what is written again"
            );
            seen += 1;
        }
    }
    assert!(seen >= samples::all().len(), "only {seen} golden files");
}

#[test]
fn the_current_schemas_are_released_and_read_every_released_version() {
    for topic in [Topic::Dashboards, Topic::Charts, Topic::DataModels, Topic::Lineage, Topic::Runs]
    {
        let current = codec::current(topic).expect("event topic");
        let released: Vec<_> =
            codec::published().iter().filter(|known| known.topic == topic).collect();
        let newest = released.last().expect("a released version");
        assert_eq!(
            newest.text,
            codec::current_text(topic).expect("text"),
            "avro/*.avsc of `{topic}` differs from avro/published/v{}: a change needs a new version (see README, schema evolution)",
            newest.version
        );
        for old in released {
            // BACKWARD_TRANSITIVE: today's readers read everything that was ever written.
            SchemaCompatibility::can_read(&old.schema, current).unwrap_or_else(|error| {
                panic!("version {} of `{topic}` cannot be read any more: {error}", old.version)
            });
        }
    }
}

#[test]
fn every_field_and_type_is_documented_and_optional_ones_default_to_null() {
    fn check(value: &serde_json::Value, path: &str, undocumented: &mut BTreeSet<String>) {
        match value {
            serde_json::Value::Array(items) => {
                items.iter().for_each(|item| check(item, path, undocumented))
            }
            serde_json::Value::Object(members) => {
                let name = members.get("name").and_then(|name| name.as_str()).unwrap_or_default();
                let path = format!("{path}/{name}");
                if members.contains_key("name")
                    && members.get("doc").and_then(|doc| doc.as_str()).is_none_or(str::is_empty)
                {
                    undocumented.insert(path.clone());
                }
                if members.get("type").is_some_and(|kind| kind[0] == "null") {
                    assert_eq!(members.get("default"), Some(&serde_json::Value::Null), "{path}");
                }
                if members.get("type").is_some_and(|kind| kind == "enum") {
                    assert!(
                        members.contains_key("default"),
                        "{path}: an enum without default cannot evolve"
                    );
                }
                members.values().for_each(|member| check(member, &path, undocumented));
            }
            _ => {}
        }
    }
    let mut undocumented = BTreeSet::new();
    for topic in [Topic::Dashboards, Topic::Charts, Topic::DataModels, Topic::Lineage, Topic::Runs]
    {
        let text = codec::current_text(topic).expect("text");
        check(&serde_json::from_str(text).expect("JSON"), topic.suffix(), &mut undocumented);
    }
    assert_eq!(undocumented, BTreeSet::new());
}

#[test]
fn bytes_of_others_are_errors_with_a_reason() {
    let event = samples::all().remove(0).1;
    let bytes = codec::encode(&event, WriterId::Fingerprint(1)).expect("encodes");
    let error = codec::decode(Topic::Dashboards, &Frame::parse(&bytes).expect("frame"), None)
        .expect_err("unknown");
    assert!(error.to_string().contains("fingerprint 0000000000000001"), "{error}");

    let truncated =
        codec::encode(&event, codec::single_object_writer(Topic::Dashboards)).expect("encodes");
    let frame = Frame::parse(&truncated[..truncated.len() / 2]).expect("frame");
    assert!(codec::decode(Topic::Dashboards, &frame, None).is_err());
}

#[test]
fn observation_time_is_not_content() {
    for (name, event) in samples::all() {
        let mut later = event.clone();
        match &mut later {
            Event::Dashboard(e) => e.observed_at += 1,
            Event::Chart(e) => e.observed_at += 1,
            Event::DataModel(e) => e.observed_at += 1,
            Event::Lineage(e) => e.observed_at += 1,
            Event::Run(e) => e.observed_at += 1,
        }
        assert_eq!(later.content_hash(), event.content_hash(), "{name}");
    }
}
