//! Data files: what all apps together say of them.
//!
//! A file belongs to no app. Its record is made of the lineage edges that lead to it or start at it,
//! and of nothing else: those of apps that were opened in this run, and, read back from the topics,
//! those of all others. So whoever dies when, the next run comes to the same records. A record is
//! written when the edges say something new, and is gone with the last edge.
//!
//! Texts are held once; an edge costs some tens of bytes and four for each of its columns.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemas::{
    Event, Topic,
    codec::{self, Frame},
    event::{DataModel, DataModelKind, Field, File, Lineage, Node, Origin},
    key,
};

use crate::{kafka::Stored, map::ANY_COLUMN, script::format_of, state::parse_hash};

/// What the lineage of scripts says, by app and edge, and which file records are published.
#[derive(Debug, Default)]
pub(crate) struct Book {
    texts: Texts,
    /// By app id, then by the edge's hash. Edges that speak of no file are there too: these are the
    /// edges that only a script can take back.
    edges: HashMap<Box<str>, HashMap<u128, Box<[Said]>>>,
    /// Content hash of each published record, by path.
    published: HashMap<u32, u128>,
}

/// What one edge says of one file. Texts are indices into [`Texts`].
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    path: u32,
    connection: Option<u32>,
    format: Option<u32>,
    fields: Box<[u32]>,
}

/// What an app's edges say, as an app that was read hands it over.
pub(crate) type Edges = Vec<(u128, Vec<FileSaid>)>;

/// What one edge says of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileSaid {
    path: String,
    connection: Option<String>,
    format: Option<String>,
    fields: Vec<String>,
}

/// What becomes of a file's record.
#[derive(Debug)]
pub(crate) enum Change {
    /// To be written, with its content hash.
    Write(Box<DataModel>, String),
    /// As published.
    Unchanged,
    /// No edge speaks of it any more; holds its key.
    Gone(String),
}

/// The edges of scripts among an app's events.
pub(crate) fn edges_of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Edges {
    let edges = events.into_iter().filter_map(|event| match event {
        Event::Lineage(edge) if edge.origin != Origin::ObjectProperties => Some(&**edge),
        _ => None,
    });
    edges.map(|edge| (parse_hash(&edge.edge_hash()), said(edge))).collect()
}

impl Book {
    /// Takes in a record of the state topics.
    pub(crate) fn take(&mut self, service: &str, stored: &Stored<'_>) {
        let Some(parts) = key::parse(service, stored.key) else { return };
        match stored.topic {
            Topic::DataModels if parts.app_id == key::FILE => {
                let path = self.texts.index(parts.rest);
                match stored.value {
                    Some(_) => {
                        let hash = stored.content_hash.map_or(0, parse_hash);
                        self.published.insert(path, hash);
                    }
                    None => drop(self.published.remove(&path)),
                }
            }
            Topic::Lineage => {
                let hash = parse_hash(parts.rest);
                let told = stored.origin.and(stored.value).and_then(edge);
                match told {
                    Some(edge) => self.insert(parts.app_id, hash, said(&edge)),
                    None => self.remove(parts.app_id, hash),
                }
            }
            _ => {}
        }
    }

    /// The edges that an app has now. With `partly` those that are not among them stay too: they
    /// were not deleted, because not everything of the app could be read.
    pub(crate) fn replace(&mut self, app_id: &str, edges: Edges, partly: bool) {
        if !partly {
            self.edges.remove(app_id);
        }
        for (hash, said) in edges {
            self.insert(app_id, hash, said);
        }
    }

    /// An app is gone with all its edges.
    pub(crate) fn forget(&mut self, app_id: &str) {
        self.edges.remove(app_id);
    }

    /// Hashes of the published edges of an app that were told by its script.
    pub(crate) fn of_script(&self, app_id: &str) -> Vec<u128> {
        self.edges.get(app_id).map_or_else(Vec::new, |edges| edges.keys().copied().collect())
    }

    /// Every path that an edge or a published record speaks of, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        let said = self.edges.values().flat_map(HashMap::values).flatten().map(|said| said.path);
        let all: BTreeSet<&str> =
            said.chain(self.published.keys().copied()).map(|path| self.texts.get(path)).collect();
        all.into_iter().map(str::to_owned).collect()
    }

    /// What becomes of the records of these files.
    pub(crate) fn changes(&self, service: &str, paths: &[String], observed_at: i64) -> Vec<Change> {
        let wanted: HashMap<u32, &String> =
            paths.iter().filter_map(|path| Some((self.texts.find(path)?, path))).collect();
        let mut merged: BTreeMap<&str, (Option<u32>, Merged<'_>)> =
            paths.iter().map(|path| (path.as_str(), (None, Merged::default()))).collect();
        for said in self.edges.values().flat_map(HashMap::values).flatten() {
            let Some(path) = wanted.get(&said.path) else { continue };
            let Some((_, file)) = merged.get_mut(path.as_str()) else { continue };
            file.edges += 1;
            file.fields.extend(said.fields.iter().map(|field| self.texts.get(*field)));
            file.connections.extend(said.connection.map(|text| self.texts.get(text)));
            file.formats.extend(said.format.map(|text| self.texts.get(text)));
        }
        for (index, path) in &wanted {
            if let Some((place, _)) = merged.get_mut(path.as_str()) {
                *place = Some(*index);
            }
        }
        let changes = merged.into_iter().map(|(path, (index, file))| {
            if file.edges == 0 {
                return Change::Gone(key::file(service, path));
            }
            let model = file.record(service, path, observed_at);
            let hash = Event::DataModel(Box::new(model.clone())).content_hash();
            let published = index.and_then(|index| self.published.get(&index));
            if published == Some(&parse_hash(&hash)) {
                Change::Unchanged
            } else {
                Change::Write(Box::new(model), hash)
            }
        });
        changes.collect()
    }

    /// Notes what was written.
    pub(crate) fn written(&mut self, path: &str, hash: Option<&str>) {
        let path = self.texts.index(path);
        match hash {
            Some(hash) => drop(self.published.insert(path, parse_hash(hash))),
            None => drop(self.published.remove(&path)),
        }
    }

    fn insert(&mut self, app_id: &str, hash: u128, said: Vec<FileSaid>) {
        let texts = &mut self.texts;
        let said = said.into_iter().map(|said| Said {
            path: texts.index(&said.path),
            connection: said.connection.as_deref().map(|text| texts.index(text)),
            format: said.format.as_deref().map(|text| texts.index(text)),
            fields: said.fields.iter().map(|field| texts.index(field)).collect(),
        });
        let said = said.collect();
        match self.edges.get_mut(app_id) {
            Some(edges) => drop(edges.insert(hash, said)),
            None => drop(self.edges.insert(app_id.into(), HashMap::from([(hash, said)]))),
        }
    }

    fn remove(&mut self, app_id: &str, hash: u128) {
        let Some(edges) = self.edges.get_mut(app_id) else { return };
        edges.remove(&hash);
        if edges.is_empty() {
            self.edges.remove(app_id);
        }
    }
}

/// What the edges of one file say together.
#[derive(Debug, Default)]
struct Merged<'b> {
    edges: usize,
    fields: BTreeSet<&'b str>,
    connections: BTreeSet<&'b str>,
    formats: BTreeSet<&'b str>,
}

impl Merged<'_> {
    fn record(&self, service: &str, path: &str, observed_at: i64) -> DataModel {
        let first = |texts: &BTreeSet<&str>| texts.first().map(|text| (*text).to_owned());
        let field = |name: &&str| Field { name: (*name).to_owned(), ..Field::default() };
        DataModel {
            service: service.to_owned(),
            observed_at,
            kind: DataModelKind::File,
            file: Some(File {
                path: path.to_owned(),
                format: first(&self.formats).or_else(|| format_of(path)),
                connection: first(&self.connections),
            }),
            fields: self.fields.iter().map(field).collect(),
            ..DataModel::default()
        }
    }
}

/// What an edge says of the files at its ends.
fn said(edge: &Lineage) -> Vec<FileSaid> {
    let ends = [(&edge.from, true), (&edge.to, false)];
    let files = ends.into_iter().filter_map(|(node, is_source)| match node {
        Node::DataFile(file) => Some((file.path.as_str(), is_source)),
        _ => None,
    });
    let statement = edge.statement.as_deref().unwrap_or_default();
    files
        .map(|(path, is_source)| {
            let columns = edge.columns.iter();
            let names: BTreeSet<&String> = if is_source {
                columns.flat_map(|column| &column.from_columns).collect()
            } else {
                columns.filter_map(|column| column.to_column.as_ref()).collect()
            };
            let written = Written::find(statement, path).unwrap_or_default();
            FileSaid {
                path: path.to_owned(),
                connection: written.connection,
                format: written.format,
                fields: names.into_iter().filter(|name| *name != ANY_COLUMN).cloned().collect(),
            }
        })
        .collect()
}

/// How a statement writes a path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Written {
    connection: Option<String>,
    format: Option<String>,
}

impl Written {
    /// Looks for `…lib://Connection/…/name.qvd] (qvd…`. The name of the file is enough to find it:
    /// the statement reads or writes it.
    fn find(statement: &str, path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        // ASCII alone changes, so offsets are those of the statement.
        let lower = statement.to_ascii_lowercase();
        let at = lower.find(&name)?;
        let before = statement.get(..at)?;
        let start = before.rfind(['[', '"', '\'', '\n', '(', '`']).map_or(0, |start| start + 1);
        let written = before.get(start..)?;
        let scheme = written.to_ascii_lowercase().rfind("lib://");
        let connection = scheme.and_then(|scheme| {
            let rest = written.get(scheme + "lib://".len()..)?;
            rest.split(['/', '\\']).next().filter(|name| !name.is_empty())
        });
        let after = lower.get(at + name.len()..)?.trim_start_matches([']', '"', '\'', '`']);
        let format = after.trim_start().strip_prefix('(').map(str::trim_start).map(|inside| {
            inside.chars().take_while(char::is_ascii_alphanumeric).collect::<String>()
        });
        Some(Self {
            connection: connection.map(str::to_owned),
            format: format.filter(|format| !format.is_empty()),
        })
    }
}

fn edge(value: &[u8]) -> Option<Lineage> {
    let frame = Frame::parse(value).ok()?;
    match codec::decode(Topic::Lineage, &frame, None).ok()? {
        Event::Lineage(edge) => Some(*edge),
        _ => None,
    }
}

/// Texts, each once.
#[derive(Debug, Default)]
struct Texts {
    all: Vec<std::sync::Arc<str>>,
    indices: HashMap<std::sync::Arc<str>, u32>,
}

impl Texts {
    fn index(&mut self, text: &str) -> u32 {
        if let Some(index) = self.indices.get(text) {
            return *index;
        }
        let index = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let text: std::sync::Arc<str> = text.into();
        self.all.push(text.clone());
        self.indices.insert(text, index);
        index
    }

    fn find(&self, text: &str) -> Option<u32> {
        self.indices.get(text).copied()
    }

    fn get(&self, index: u32) -> &str {
        usize::try_from(index).ok().and_then(|index| self.all.get(index)).map_or("", |text| text)
    }
}

#[cfg(test)]
mod tests {
    use schemas::event::{ColumnLineage, Resolution};

    use super::*;

    fn edge(
        app_id: &str,
        from: Node,
        to: Node,
        columns: &[(&str, &str)],
        statement: &str,
    ) -> Event {
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
        edge(
            app_id,
            from,
            Node::file("//h/q/t.qvd"),
            &columns,
            "STORE T INTO [lib://Q/T.qvd] (qvd)",
        )
    }

    fn loaded(app_id: &str, fields: &[&str]) -> Event {
        let columns: Vec<(&str, &str)> = fields.iter().map(|name| (*name, "x")).collect();
        let to = Node::data_model(app_id, "T");
        edge(
            app_id,
            Node::file("//h/q/t.qvd"),
            to,
            &columns,
            "LOAD * FROM 'lib://Z/q/t.qvd'\n(qvd)",
        )
    }

    /// Fields of each file to write, `-path` for one that is gone.
    fn changes(book: &Book) -> Vec<String> {
        let changes = book.changes("s", &book.paths(), 5).into_iter();
        let texts = changes.filter_map(|change| match change {
            Change::Write(model, _) => {
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

    fn write_all(book: &mut Book) {
        for change in book.changes("s", &book.paths(), 5) {
            match change {
                Change::Write(model, hash) => book.written(model.partition_text(), Some(&hash)),
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
        assert_eq!(changes(&book), ["//h/q/t.qvd Q qvd: A Made"]);
        book.replace("b", edges_of(&[loaded("b", &["B", "*"])]), false);
        assert_eq!(changes(&book), ["//h/q/t.qvd Q qvd: A B Made"]);
        write_all(&mut book);
        assert!(changes(&book).is_empty());
        // One app alone changes: what the other says stays.
        book.replace("b", edges_of(&[loaded("b", &["C"])]), false);
        assert_eq!(changes(&book), ["//h/q/t.qvd Q qvd: A C Made"]);
        book.replace("a", Vec::new(), true);
        assert_eq!(changes(&book), ["//h/q/t.qvd Q qvd: A C Made"]);
        book.replace("a", Vec::new(), false);
        assert_eq!(changes(&book), ["//h/q/t.qvd Z qvd: C"]);
        book.forget("b");
        assert_eq!(changes(&book), ["-s/file///h/q/t.qvd"]);
        write_all(&mut book);
        assert!(book.paths().is_empty() && changes(&book).is_empty());
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
            );
        };
        for event in &events {
            take(&mut book, event, Some(&bytes(event)), None);
        }
        // The run before died before it wrote the file: this one does.
        assert_eq!(changes(&book), ["//h/q/t.qvd Q qvd: A B Made"]);
        let Some(Change::Write(model, hash)) = book.changes("s", &book.paths(), 9).pop() else {
            panic!("a record")
        };
        let record = Event::DataModel(model);
        take(&mut book, &record, Some(&bytes(&record)), Some(&hash));
        assert!(changes(&book).is_empty());
        let Event::Lineage(first) = &events[0] else { panic!("an edge") };
        assert_eq!(book.of_script("a"), [parse_hash(&first.edge_hash())]);
        assert!(book.of_script("c").is_empty());
        for event in &events {
            take(&mut book, event, None, None);
        }
        assert_eq!(changes(&book), ["-s/file///h/q/t.qvd"]);
        take(&mut book, &record, None, None);
        assert!(book.paths().is_empty());
    }

    #[test]
    fn statements_tell_connection_and_format() {
        let check = |statement: &str, path: &str, expected: (Option<&str>, Option<&str>)| {
            let found = Written::find(statement, path).unwrap_or_default();
            let found = (found.connection.as_deref(), found.format.as_deref());
            assert_eq!(found, expected, "{statement}");
        };
        let path = "//h/q/raw/orders.qvd";
        check(
            "LOAD a FROM [lib://Q Store/raw/Orders.qvd] (qvd)",
            path,
            (Some("Q Store"), Some("qvd")),
        );
        check("LOAD a FROM [LIB://Q/Orders.qvd]\r\n  ( txt, utf8)", path, (Some("Q"), Some("txt")));
        check("STORE t INTO \"C:\\q\\orders.qvd\"", path, (None, None));
        check("LOAD a FROM x.qvd (qvd)", path, (None, None));
        check("", path, (None, None));
        check("LOAD", "", (None, None));
    }
}
