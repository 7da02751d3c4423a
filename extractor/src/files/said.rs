//! What edges say of the files at their ends.

use std::{collections::BTreeSet, sync::Arc};

use schemas::{
    Event, Topic,
    codec::{self, Frame, Schema},
    event::{Lineage, Node, Origin},
};

use crate::{map::ANY_COLUMN, script::fields_read, state::parse_hash};

/// What an app's edges say, as an app that was read hands it over.
pub(crate) type Edges = Vec<(u128, Vec<FileSaid>)>;

/// What one edge says of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileSaid {
    pub(super) path: String,
    pub(super) connection: Option<String>,
    pub(super) format: Option<String>,
    pub(super) fields: Vec<String>,
}

/// The edges of scripts among an app's events.
pub(crate) fn edges_of<'e>(events: impl IntoIterator<Item = &'e Event>) -> Edges {
    let edges = events.into_iter().filter_map(|event| match event {
        Event::Lineage(edge) if edge.origin != Origin::ObjectProperties => Some(&**edge),
        _ => None,
    });
    edges.map(|edge| (parse_hash(&edge.edge_hash()), said(edge))).collect()
}

/// What an edge says of the files at its ends.
pub(super) fn said(edge: &Lineage) -> Vec<FileSaid> {
    let ends = [(&edge.from, true), (&edge.to, false)];
    let files = ends.into_iter().filter_map(|(node, is_source)| match node {
        Node::DataFile(file) => Some((file.path.as_str(), is_source)),
        _ => None,
    });
    let statement = edge.statement.as_deref().unwrap_or_default();
    files
        .map(|(path, is_source)| {
            let columns = edge.columns.iter();
            let mut names: BTreeSet<String> = if is_source {
                columns.flat_map(|column| &column.from_columns).cloned().collect()
            } else {
                columns.filter_map(|column| column.to_column.clone()).collect()
            };
            if is_source {
                // What is read to select rows or values flows nowhere, and is the file's too.
                names.extend(fields_read(statement, &|written| is_written_as(path, written)));
            }
            let written = Written::find(statement, path).unwrap_or_default();
            FileSaid {
                path: path.to_owned(),
                connection: written.connection,
                format: written.format,
                fields: names.into_iter().filter(|name| name != ANY_COLUMN).collect(),
            }
        })
        .collect()
}

/// Whether a statement may mean a file by a path: their last parts are the same.
fn is_written_as(path: &str, written: &str) -> bool {
    let name = |path: &str| path.rsplit(['/', '\\']).next().map(str::to_lowercase);
    name(path) == name(written)
}

/// How a statement writes a path.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) connection: Option<String>,
    pub(super) format: Option<String>,
}

impl Written {
    /// Looks for `…lib://Connection/…/name.qvd] (qvd…`. The name of the file is enough to find it:
    /// the statement reads or writes it.
    pub(super) fn find(statement: &str, path: &str) -> Option<Self> {
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

/// Finds the registered schema that wrote a value. Without one it is read as the newest version.
pub(crate) type Writer<'w> = &'w dyn Fn(&Frame<'_>) -> Option<Arc<Schema>>;

/// The edge in a published value.
pub(super) fn edge(value: &[u8], writer: Writer<'_>) -> Option<Lineage> {
    let frame = Frame::parse(value).ok()?;
    match codec::decode(Topic::Lineage, &frame, writer(&frame).as_deref()).ok()? {
        Event::Lineage(edge) => Some(*edge),
        _ => None,
    }
}
