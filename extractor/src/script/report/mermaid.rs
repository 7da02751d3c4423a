//! The report as a Mermaid flow chart.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Report;
use crate::script::outcome::Source;

impl Report {
    /// `flowchart LR`: sources, each app's tables in a box of its own, and stored files. A file
    /// that one app stores and another reads is one node.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut chart = Chart::default();
        for (index, (name, app)) in self.apps.iter().enumerate() {
            let mut tables = Vec::new();
            for (position, table) in app.tables.iter().enumerate() {
                let id = format!("a{index}t{position}");
                tables.push((id.clone(), table.name.clone()));
                for used in &table.sources {
                    if let Some(source) = app.sources.get(used.source) {
                        let from = chart.source(source);
                        chart.edge(from, id.clone());
                    }
                }
            }
            for store in &app.stores {
                let to = chart.file(&store.normalised, &store.path);
                let table = app.tables.iter().position(|table| table.name == store.table);
                match table {
                    Some(position) => chart.edge(format!("a{index}t{position}"), to),
                    // The stored table is gone: its sources go into the file.
                    None => {
                        for used in &store.sources {
                            if let Some(source) = app.sources.get(used.source) {
                                let from = chart.source(source);
                                chart.edge(from, to.clone());
                            }
                        }
                    }
                }
            }
            chart.apps.push((name.clone(), tables));
        }
        chart.finish()
    }
}

#[derive(Default)]
struct Chart {
    /// Id and shape of each node outside the apps, by what it stands for.
    nodes: BTreeMap<String, (String, String)>,
    apps: Vec<(String, Vec<(String, String)>)>,
    edges: Vec<(String, String)>,
}

impl Chart {
    fn source(&mut self, source: &Source) -> String {
        match source {
            Source::File { normalised, path, .. } => self.file(normalised, path),
            Source::Table { connection, .. } => {
                let name = source.name();
                let connection = connection.as_deref().unwrap_or_default();
                let key = format!("table {connection} {name}");
                self.node(key, |label| format!("[(\"{label}\")]"), &name)
            }
            Source::App { id } => {
                self.node(format!("app {id}"), |label| format!("{{{{\"{label}\"}}}}"), id)
            }
            Source::Connection { connection, url } => {
                let key = format!("connection {connection} {}", url.as_deref().unwrap_or_default());
                self.node(key, |label| format!("([\"{label}\"])"), connection)
            }
        }
    }

    fn file(&mut self, normalised: &str, path: &str) -> String {
        self.node(format!("file {normalised}"), |label| format!("[/\"{label}\"/]"), path)
    }

    fn node(&mut self, key: String, shape: impl Fn(&str) -> String, text: &str) -> String {
        let next = self.nodes.len();
        let node =
            self.nodes.entry(key).or_insert_with(|| (format!("n{next}"), shape(&label(text))));
        node.0.clone()
    }

    fn edge(&mut self, from: String, to: String) {
        self.edges.push((from, to));
    }

    fn finish(mut self) -> String {
        let mut out = String::from("flowchart LR\n");
        let mut nodes: Vec<&(String, String)> = self.nodes.values().collect();
        nodes.sort_by_key(|(id, _)| (id.len(), id.clone()));
        for (id, shape) in nodes {
            writeln!(out, "  {id}{shape}").unwrap_or_default();
        }
        for (index, (name, tables)) in self.apps.iter().enumerate() {
            if tables.is_empty() {
                continue;
            }
            writeln!(out, "  subgraph a{index}[\"{}\"]", label(name)).unwrap_or_default();
            for (id, table) in tables {
                writeln!(out, "    {id}[\"{}\"]", label(table)).unwrap_or_default();
            }
            out.push_str("  end\n");
        }
        self.edges.sort();
        self.edges.dedup();
        for (from, to) in &self.edges {
            writeln!(out, "  {from} --> {to}").unwrap_or_default();
        }
        out
    }
}

/// Text that is safe inside a quoted label.
fn label(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            // `%%` would start a comment, `%%{` a directive.
            '%' => out.push_str("#37;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '`' => out.push_str("#96;"),
            each if each.is_control() => out.push(' '),
            each => out.push(each),
        }
    }
    out
}
