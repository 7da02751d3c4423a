use std::sync::Arc;

use apache_avro::writer::datum::GenericDatumWriter;
use schemas::{
    codec::{self, Frame, Schema, WriterId},
    event::{ColumnLineage, Lineage, Node, Origin, Resolution},
};

use super::{said::Written, *};

fn edge(app_id: &str, from: Node, to: Node, columns: &[(&str, &str)], statement: &str) -> Event {
    let column = |(from, to): &(&str, &str)| ColumnLineage {
        from_columns: [*from].into_iter().filter(|it| !it.is_empty()).map(Into::into).collect(),
        to_column: Some((*to).to_owned()),
        expression: None,
    };
    Event::Lineage(Box::new(Lineage {
        service: "s".into(),
        app_id: app_id.into(),
        observed_at: 1,
        modified_at: None,
        from,
        to,
        columns: columns.iter().map(column).collect(),
        origin: Origin::LoadScript,
        resolution: Resolution::Exact,
        via: Vec::new(),
        statement: Some(statement.to_owned()),
    }))
}

fn stored(app_id: &str) -> Event {
    let from = Node::data_model(app_id, "T");
    let columns = [("A", "A"), ("", "Made")];
    edge(app_id, from, Node::file("//h/q/t.qvd"), &columns, "STORE T INTO [lib://Q/T.qvd] (qvd)")
}

fn loaded(app_id: &str, fields: &[&str]) -> Event {
    let columns: Vec<(&str, &str)> = fields.iter().map(|name| (*name, "x")).collect();
    let to = Node::data_model(app_id, "T");
    edge(app_id, Node::file("//h/q/t.qvd"), to, &columns, "LOAD * FROM 'lib://Z/q/t.qvd'\n(qvd)")
}

/// Fields of each file to write, `-path` for one that is gone.
fn changes(book: &mut Book) -> Vec<String> {
    let paths = book.paths();
    let changes = book.changes("s", &paths, 5).into_iter();
    let texts = changes.filter_map(|change| match change {
        Change::Write(event, _) => {
            let Event::DataModel(model) = event else { panic!("a data model") };
            let file = model.file.expect("a file");
            let fields: Vec<String> = model.fields.into_iter().map(|it| it.name).collect();
            Some(format!(
                "{} {} {}: {}",
                file.path,
                file.connection.unwrap_or_default(),
                file.format.unwrap_or_default(),
                fields.join(" ")
            ))
        }
        Change::Unchanged => None,
        Change::Gone(key) => Some(format!("-{key}")),
    });
    texts.collect()
}

#[test]
fn what_only_selects_is_a_field_too() {
    let mut book = Book::default();
    let statement = "T: LOAD A, If(S = 1, B) as C FROM [lib://Q/T.qvd] (qvd) WHERE Y > 2";
    let (from, to) = (Node::file("//h/q/t.qvd"), Node::data_model("a", "T"));
    let event = edge("a", from, to, &[("A", "A"), ("B", "C")], statement);
    book.replace("a", edges_of([&event]), false);
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Q qvd: A B S Y"]);
}

fn write_all(book: &mut Book) {
    let paths = book.paths();
    for change in book.changes("s", &paths, 5) {
        match change {
            Change::Write(event, hash) => book.written(event.partition_text(), Some(&hash)),
            Change::Gone(key) => {
                let path = key::parse("s", &key).expect("a key").rest.to_owned();
                book.written(&path, None);
            }
            Change::Unchanged => {}
        }
    }
}

#[test]
fn a_file_is_what_all_apps_say_and_gone_with_the_last_edge() {
    let mut book = Book::default();
    book.replace("a", edges_of(&[stored("a")]), false);
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Q qvd: A Made"]);
    book.replace("b", edges_of(&[loaded("b", &["B", "*"])]), false);
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Q qvd: A B Made"]);
    write_all(&mut book);
    assert!(changes(&mut book).is_empty());
    // One app alone changes: what the other says stays.
    book.replace("b", edges_of(&[loaded("b", &["C"])]), false);
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Q qvd: A C Made"]);
    book.replace("a", Vec::new(), true);
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Q qvd: A C Made"]);
    book.replace("a", Vec::new(), false);
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Z qvd: C"]);
    book.forget("b");
    assert_eq!(changes(&mut book), ["-s/file///h/q/t.qvd"]);
    write_all(&mut book);
    assert!(book.paths().is_empty() && changes(&mut book).is_empty());
}

#[test]
fn what_the_topics_hold_is_taken_back() {
    let bytes = |event: &Event| {
        codec::encode(event, codec::single_object_writer(event.topic())).expect("encoded")
    };
    let mut book = Book::default();
    let events = [stored("a"), loaded("b", &["B"])];
    let take = |book: &mut Book, event: &Event, value: Option<&[u8]>, hash: Option<&str>| {
        let is_edge = event.topic() == Topic::Lineage;
        book.take(
            "s",
            &Stored {
                topic: event.topic(),
                partition: 0,
                offset: 0,
                key: &event.key(),
                value,
                content_hash: hash,
                extract_fingerprint: None,
                listed_hash: None,
                described_hash: None,
                origin: value.filter(|_| is_edge).map(|_| "LOAD_SCRIPT"),
                bytes: 0,
            },
            &|_| None,
        );
    };
    for event in &events {
        take(&mut book, event, Some(&bytes(event)), None);
    }
    // The run before died before it wrote the file: this one does.
    assert_eq!(changes(&mut book), ["//h/q/t.qvd Q qvd: A B Made"]);
    let paths = book.paths();
    let Some(Change::Write(record, hash)) = book.changes("s", &paths, 9).pop() else {
        panic!("a record")
    };
    take(&mut book, &record, Some(&bytes(&record)), Some(&hash));
    assert!(changes(&mut book).is_empty());
    let Event::Lineage(first) = &events[0] else { panic!("an edge") };
    assert_eq!(book.of_script("a"), [parse_hash(&first.edge_hash())]);
    assert!(book.of_script("c").is_empty());
    for event in &events {
        take(&mut book, event, None, None);
    }
    assert_eq!(changes(&mut book), ["-s/file///h/q/t.qvd"]);
    take(&mut book, &record, None, None);
    assert!(changes(&mut book).is_empty());
    assert!(book.paths().is_empty());
}

/// The fields in another order, as an older version may have them.
#[test]
fn an_edge_is_read_with_the_schema_that_wrote_it() {
    let text = codec::current_text(Topic::Lineage).expect("edges have a schema");
    let mut schema: serde_json::Value = serde_json::from_str(text).expect("JSON");
    schema["fields"].as_array_mut().expect("a record").rotate_left(3);
    let schema = Arc::new(Schema::parse_str(&schema.to_string()).expect("a schema"));
    let Event::Lineage(edge) = stored("a") else { panic!("an edge") };
    let writer = GenericDatumWriter::builder(&schema).build().expect("a writer");
    let datum = writer.write_ser_to_vec(&*edge).expect("a datum");
    let value = [[0].as_slice(), &7_u32.to_be_bytes(), &datum].concat();
    let registered =
        |frame: &Frame<'_>| (frame.writer == WriterId::Registry(7)).then(|| schema.clone());
    assert_eq!(super::said::edge(&value, &registered), Some(*edge.clone()));
    assert_ne!(super::said::edge(&value, &|_| None), Some(*edge));
}

#[test]
fn statements_tell_connection_and_format() {
    let check = |statement: &str, path: &str, expected: (Option<&str>, Option<&str>)| {
        let found = Written::find(statement, path).unwrap_or_default();
        let found = (found.connection.as_deref(), found.format.as_deref());
        assert_eq!(found, expected, "{statement}");
    };
    let path = "//h/q/raw/orders.qvd";
    check("LOAD a FROM [lib://Q Store/raw/Orders.qvd] (qvd)", path, (Some("Q Store"), Some("qvd")));
    check("LOAD a FROM [LIB://Q/Orders.qvd]\r\n  ( txt, utf8)", path, (Some("Q"), Some("txt")));
    check("STORE t INTO \"C:\\q\\orders.qvd\"", path, (None, None));
    check("LOAD a FROM x.qvd (qvd)", path, (None, None));
    check("", path, (None, None));
    check("LOAD", "", (None, None));
}

#[test]
fn only_what_is_spoken_of_is_compared_again() {
    let other = |fields: &[(&str, &str)]| {
        let (from, to) = (Node::file("//h/q/other.qvd"), Node::data_model("c", "T"));
        edge("c", from, to, fields, "LOAD * FROM [lib://Q/other.qvd] (qvd)")
    };
    let mut book = Book::default();
    book.replace("a", edges_of(&[stored("a")]), false);
    book.replace("c", edges_of(&[other(&[("A", "A")])]), false);
    assert_eq!(book.paths(), ["//h/q/other.qvd", "//h/q/t.qvd"]);
    write_all(&mut book);
    assert!(book.paths().is_empty());
    book.replace("c", edges_of(&[other(&[("B", "B")])]), false);
    assert_eq!(book.paths(), ["//h/q/other.qvd"]);
    assert_eq!(changes(&mut book), ["//h/q/other.qvd Q qvd: B"]);
    write_all(&mut book);
    // The same again is compared, and that is the end of it.
    book.replace("c", edges_of(&[other(&[("B", "B")])]), false);
    assert!(changes(&mut book).is_empty());
    assert!(book.paths().is_empty());
    // A file that was never written and is not spoken of any more needs no tombstone.
    book.replace(
        "b",
        edges_of(&[edge("b", Node::file("//h/new.qvd"), Node::data_model("b", "T"), &[], "")]),
        false,
    );
    book.forget("b");
    assert!(changes(&mut book).is_empty());
}
