//! What is fed: everything that reads input of foreign hands.

use std::collections::BTreeMap;

use clap::ValueEnum;
use extractor::{
    expression::{self, Names},
    map,
    qlik::model::{AppContent, AppEntry, DataModelSource},
    script::{Connections, Script, analyse_one},
};
use loader::{
    decode::{Decoder, schemas::Schemas},
    source::{Record, TopicPartition},
};
use schemas::{
    Event, Topic,
    codec::{self, Frame},
    event::Millis,
};
use serde_json::Value;

/// A reader of foreign input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// Load scripts.
    Script,
    /// Chart expressions and dimensions.
    Expression,
    /// The engine's messages, and the events made of what they hold.
    Frame,
    /// Values of the topics, through the codec and the loader's decoder.
    Avro,
    /// Configuration files, as both stages read them.
    Config,
}

impl Target {
    pub(crate) const ALL: [Self; 5] =
        [Self::Script, Self::Expression, Self::Frame, Self::Avro, Self::Config];

    /// Longest input. Longer ones cost time and reach nothing else.
    pub(crate) fn limit(self) -> usize {
        match self {
            Self::Script | Self::Frame => 20_000,
            Self::Expression | Self::Avro | Self::Config => 4_000,
        }
    }

    /// Feeds one input; a panic is a defect.
    pub(crate) fn feed(self, input: &[u8]) {
        let text = || String::from_utf8_lossy(input);
        match self {
            Self::Script => script(&text()),
            Self::Expression => expressions(&text()),
            Self::Frame => frame(&text()),
            Self::Avro => avro(input),
            Self::Config => config(&text()),
        }
    }
}

fn script(text: &str) {
    let script = Script { name: "app", text, log: None, variables: &[] };
    let app = analyse_one(&script, &Connections::default(), &|_| None);
    // What it says of a script must be printable.
    drop(format!("{app:?}"));
}

fn expressions(text: &str) {
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let names = Names {
        fields: ["Amount", "Order Date", "Region", "a"].map(str::to_owned).into(),
        // One that follows itself, and one that is the input.
        variables: pairs(&[("vMe", "$(vMe)+$(vMe)"), ("vMax", "Max(Amount)"), ("vIn", text)]),
        measures: pairs(&[("Sales", "Sum(Amount)"), ("Loop", "[Loop]+[Sales]")]),
        ..Names::default()
    };
    let context = expression::Context { names: &names, columns: &[] };
    drop(expression::fields(text, &context));
    drop(expression::dimension_fields(text, &context));
}

fn frame(text: &str) {
    let Some(result) = extractor::qlik::reply_of(text) else { return };
    for event in events(&content(&result)) {
        let topic = event.topic();
        let bytes = codec::encode(&event, codec::single_object_writer(topic)).expect("encodes");
        let frame = Frame::parse(&bytes).expect("framed");
        let read = codec::decode(topic, &frame, None).expect("what was written can be read");
        assert_eq!(read.content_hash(), event.content_hash(), "{}", event.key());
    }
}

/// An app of which every part is this reply, or what stands in it under the part's name.
pub(crate) fn content(result: &Value) -> AppContent {
    let part = |name: &str| result.get(name).unwrap_or(result).clone();
    let list = |name: &str| match part(name) {
        Value::Array(list) => list,
        other => vec![other],
    };
    AppContent {
        layout: part("qLayout"),
        objects: list("objects"),
        measures: list("measures"),
        dimensions: list("dimensions"),
        data_model: match result.get("qtr") {
            Some(_) => DataModelSource::TablesAndKeys(result.clone()),
            None => DataModelSource::Metadata(part("data_metadata")),
        },
        connections: list("qConnections"),
        lineage: list("qLineage"),
        load_model: part("qProp"),
        ..AppContent::default()
    }
}

/// The events of an app.
pub(crate) fn events(content: &AppContent) -> Vec<Event> {
    let entry = AppEntry { id: "app".to_owned(), title: "App".to_owned(), ..AppEntry::default() };
    let context = map::Context {
        service: "qlik",
        base_url: Some("https://qlik.example.com"),
        observed_at: Millis::default(),
        options: map::Options::default(),
    };
    map::map_app(&entry, content, &context).into_events()
}

fn avro(input: &[u8]) {
    for topic in Topic::ALL {
        if let Ok(frame) = Frame::parse(input)
            && let Ok(event) = codec::decode(topic, &frame, None)
        {
            drop((event.key(), event.content_hash()));
        }
        for schemas in [None, Some(Schemas::default())] {
            let record = Record {
                at: TopicPartition { topic, partition: 0 },
                key: Some(input.iter().take(40).copied().collect()),
                value: Some(input.to_vec()),
                offset: 0,
                timestamp: None,
                headers: Vec::new(),
                held: None,
            };
            drop(Decoder::new("qlik", schemas).decode(&record));
        }
    }
}

fn config(text: &str) {
    // Problems are for people: they must be printable.
    if let Err(problems) =
        extractor::config::parse(text, &[], extractor::config::Needs::SiteAndKafka)
    {
        drop(problems.to_string());
    }
    if let Err(problems) = loader::config::parse(text, &[]) {
        drop(problems.to_string());
    }
}
