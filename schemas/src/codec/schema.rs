//! Every schema version that was ever published. The newest one of each topic is the current one;
//! `avro/*.avsc` are the files to edit, `avro/published/vN` are frozen copies of what was released.

use std::sync::LazyLock;

use apache_avro::{Schema, rabin::Rabin};
use sha2::Digest as _;

use crate::Topic;

/// A released version of a topic's schema.
#[derive(Debug)]
pub struct PublishedSchema {
    /// Version, counted from 1.
    pub version: u32,
    /// Topic whose values it describes.
    pub topic: Topic,
    /// The `.avsc` file.
    pub text: &'static str,
    /// The same, parsed.
    pub schema: Schema,
    /// CRC-64-AVRO fingerprint of its canonical form.
    pub fingerprint: u64,
}

macro_rules! texts {
    ($($version:literal: $folder:literal),*) => {
        [$(
            ($version, Topic::Dashboards, include_str!(concat!("../../avro/", $folder, "dashboard.avsc"))),
            ($version, Topic::Charts, include_str!(concat!("../../avro/", $folder, "chart.avsc"))),
            ($version, Topic::DataModels, include_str!(concat!("../../avro/", $folder, "datamodel.avsc"))),
            ($version, Topic::Lineage, include_str!(concat!("../../avro/", $folder, "lineage.avsc"))),
            ($version, Topic::Runs, include_str!(concat!("../../avro/", $folder, "run.avsc"))),
        )*]
    };
}

/// All released versions, oldest first. Releasing a version adds a line here and a folder.
static PUBLISHED: LazyLock<Vec<PublishedSchema>> =
    LazyLock::new(|| texts!(1: "published/v1/").into_iter().map(parse).collect());

/// What is written now, from `avro/*.avsc`.
static CURRENT: LazyLock<Vec<PublishedSchema>> =
    LazyLock::new(|| texts!(0: "").into_iter().map(parse).collect());

fn parse((version, topic, text): (u32, Topic, &'static str)) -> PublishedSchema {
    let schema = Schema::parse_str(text)
        .unwrap_or_else(|error| panic!("embedded schema of {topic} (version {version}): {error}"));
    PublishedSchema { version, topic, text, fingerprint: fingerprint(&schema), schema }
}

/// All released versions of every topic, oldest first.
#[must_use]
pub fn published() -> &'static [PublishedSchema] {
    &PUBLISHED
}

/// Schema that events of `topic` are written with; `None` for a topic without events.
#[must_use]
pub fn current(topic: Topic) -> Option<&'static Schema> {
    Some(&CURRENT.iter().find(|known| known.topic == topic)?.schema)
}

/// The `.avsc` file of [`current`].
#[must_use]
pub fn current_text(topic: Topic) -> Option<&'static str> {
    Some(CURRENT.iter().find(|known| known.topic == topic)?.text)
}

/// The released or current schema of `topic` with this fingerprint.
#[must_use]
pub fn published_by_fingerprint(topic: Topic, fingerprint: u64) -> Option<&'static Schema> {
    let mut known = CURRENT.iter().chain(PUBLISHED.iter());
    Some(&known.find(|known| known.topic == topic && known.fingerprint == fingerprint)?.schema)
}

/// CRC-64-AVRO of the parsing canonical form, as single-object encoding wants it.
///
/// The library's canonical form leaves a primitive type that had a logical type as `{"type":"long"}`,
/// where the specification wants `"long"`: with it no other implementation would know the schema.
pub(super) fn fingerprint(schema: &Schema) -> u64 {
    const PRIMITIVES: [&str; 8] =
        ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
    let canonical = PRIMITIVES.iter().fold(schema.canonical_form(), |text, name| {
        text.replace(&format!(r#"{{"type":"{name}"}}"#), &format!(r#""{name}""#))
    });
    let bytes = Rabin::digest(canonical);
    bytes.iter().take(8).rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the implementations in Java and Python compute, and the specification's test vectors say.
    #[test]
    fn fingerprints_are_those_of_the_specification() {
        let check = |schema: &str, expected: u64| {
            let schema = Schema::parse_str(schema).expect("a schema");
            assert_eq!(format!("{:016x}", fingerprint(&schema)), format!("{expected:016x}"));
        };
        check(r#""null""#, 0x63dd_24e7_cc25_8f8a);
        check(r#""long""#, 0xd054_e144_93f4_1db7);
        check(r#"{"type":"long","logicalType":"timestamp-millis"}"#, 0xd054_e144_93f4_1db7);
    }
}
