use ::schemas::event::{Chart, Lineage};

use super::*;
use crate::source::TopicPartition;

fn chart(service: &str) -> Event {
    Event::Chart(Box::new(Chart {
        service: service.to_owned(),
        app_id: "app".to_owned(),
        object_id: "obj".to_owned(),
        visualization: "barchart".to_owned(),
        ..Chart::default()
    }))
}

fn edge() -> Lineage {
    Lineage {
        service: "prod".to_owned(),
        app_id: "app".to_owned(),
        observed_at: 0,
        modified_at: None,
        from: Node::data_model("app", "Orders"),
        to: Node::chart("app", "obj"),
        columns: Vec::new(),
        origin: ::schemas::event::Origin::LoadScript,
        resolution: ::schemas::event::Resolution::Exact,
        via: Vec::new(),
        statement: None,
    }
}

fn record(topic: Topic, key: Option<&[u8]>, value: Option<Vec<u8>>) -> Record {
    Record {
        at: TopicPartition { topic, partition: 0 },
        offset: 7,
        timestamp: None,
        key: key.map(<[u8]>::to_vec),
        value,
        headers: Vec::new(),
        held: None,
    }
}

fn encoded(event: &Event) -> Vec<u8> {
    codec::encode(event, codec::single_object_writer(event.topic())).expect("encodes")
}

fn decode(record: &Record) -> Decoded {
    Decoder::new("prod", None).decode(record)
}

fn check_broken(record: &Record, expected: &str) {
    match decode(record) {
        Decoded::Broken(reason) => assert!(reason.contains(expected), "{reason}"),
        other => panic!("{other:?} instead of `{expected}`"),
    }
}

#[test]
fn an_event_becomes_an_upsert_with_its_hash() {
    let event = chart("prod");
    let mut written = record(Topic::Charts, Some(b"prod/app/obj"), Some(encoded(&event)));
    let item = |content_hash: String| {
        Decoded::Item(Box::new(Item {
            topic: Topic::Charts,
            key: "prod/app/obj".to_owned(),
            content_hash: Some(content_hash),
            change: Change::Upsert(Box::new(event.clone())),
        }))
    };
    assert_eq!(decode(&written), item(event.content_hash()));
    written.headers.push((headers::CONTENT_HASH.to_owned(), Some(b"00ff".to_vec())));
    assert_eq!(decode(&written), item("00ff".to_owned()));
}

#[test]
fn a_tombstone_becomes_a_delete() {
    let deleted = |topic: Topic, key: &str, header: Option<String>| {
        let mut written = record(topic, Some(key.as_bytes()), None);
        let header = header.map(|text| (headers::EDGE.to_owned(), Some(text.into_bytes())));
        written.headers.extend(header);
        match decode(&written) {
            Decoded::Item(item) => match item.change {
                Change::Delete { edge } if item.content_hash.is_none() && item.key == key => edge,
                change => panic!("{change:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(deleted(Topic::Dashboards, "prod/app", None), None);
    assert_eq!(deleted(Topic::Charts, "prod/app/obj", None), None);
    assert_eq!(deleted(Topic::DataModels, "prod/file/lib://x/y.qvd", None), None);
    let edge = edge();
    let ends = deleted(Topic::Lineage, "prod/app/00ff", Some(edge.edge_json()));
    assert_eq!(ends, Some((edge.from, edge.to)));
    assert_eq!(deleted(Topic::Lineage, "prod/app/00ff", Some("{".to_owned())), None);
}

#[test]
fn events_of_other_services_are_skipped_broken_or_not() {
    let written = |key: &[u8], value| record(Topic::Charts, Some(key), value);
    let foreign = encoded(&chart("test"));
    assert_eq!(decode(&written(b"test/app/obj", Some(foreign))), Decoded::Foreign);
    assert_eq!(decode(&written(b"production/app/obj", None)), Decoded::Foreign);
    assert_eq!(decode(&written(b"test/app/obj", Some(b"{}".to_vec()))), Decoded::Foreign);
}

#[test]
fn what_is_no_event_says_why() {
    let ours = encoded(&chart("prod"));
    let key: Option<&[u8]> = Some(b"prod/app/obj");
    check_broken(&record(Topic::Charts, key, Some(b"{}".to_vec())), "starts with the byte 0x7b");
    check_broken(&record(Topic::Charts, key, Some(Vec::new())), "0 bytes");
    check_broken(&record(Topic::Charts, key, Some(ours[..20].to_vec())), "does not fit the Avro");
    check_broken(&record(Topic::Dashboards, key, Some(ours.clone())), "no published schema");
    check_broken(
        &record(Topic::Charts, Some(b"prod/app/other"), Some(ours.clone())),
        "`prod/app/other` does not fit the event, whose key is `prod/app/obj`",
    );
    check_broken(&record(Topic::Charts, None, Some(ours.clone())), "no key");
    check_broken(&record(Topic::Charts, Some(&[0xff]), Some(ours.clone())), "not UTF-8");
    check_broken(&record(Topic::Charts, Some(b"test/app/obj"), Some(ours)), "does not fit");
    check_broken(&record(Topic::Charts, None, None), "neither key nor value");
    check_broken(&record(Topic::Charts, Some(b"prod/"), None), "names no app");
    check_broken(&record(Topic::Charts, Some(b"nonsense"), None), "names no app");
    check_broken(&record(Topic::Charts, Some(b"prod/app"), None), "none of the topic `charts`");
    check_broken(&record(Topic::Dashboards, Some(b"prod/app/x"), None), "none of the topic");
}

#[test]
fn schemas_of_the_registry_are_asked_for_once() {
    let event = chart("prod");
    let value = codec::encode(&event, WriterId::Registry(9)).expect("encodes");
    let written = record(Topic::Charts, Some(b"prod/app/obj"), Some(value));
    let mut decoder = Decoder::new("prod", Some(Schemas::default()));
    assert_eq!(decoder.decode(&written), Decoded::NeedsSchema(9));
    let schemas = decoder.schemas.as_mut().expect("schemas");
    schemas.learn(9, Known::Missing("gone".to_owned()));
    assert_eq!(decoder.decode(&written), Decoded::Broken("gone".to_owned()));
    let schemas = decoder.schemas.as_mut().expect("schemas");
    schemas.learn(9, Known::Schema(codec::current(Topic::Charts).expect("schema").clone()));
    assert!(matches!(decoder.decode(&written), Decoded::Item(_)));
    // Without a registry an id is read as the newest version.
    assert!(matches!(decode(&written), Decoded::Item(_)));
}
