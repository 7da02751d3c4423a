//! Load scripts → graph.

use std::collections::BTreeMap;

use super::{Flow, Graph};
use crate::script::{App, Field, Report, Source};

impl Graph {
    /// What the scripts of a report say. A file that one app stores and another reads is one node; an
    /// app that another brings in with BINARY is its tables' app.
    #[must_use]
    pub fn of_scripts(report: &Report, title: &str) -> Self {
        let mut graph = Self { title: title.to_owned(), ..Self::default() };
        for (name, app) in &report.apps {
            graph.add_app(name, app);
            let problems = app.diagnostics.iter().cloned().chain(app.open_references());
            graph.problems.extend(
                problems.map(|it| format!("{name}:{}:{}: {}", it.line, it.column, it.message)),
            );
        }
        graph
    }

    fn add_app(&mut self, name: &str, app: &App) {
        let sources: Vec<usize> = app.sources.iter().map(|source| self.source(source)).collect();
        let mut tables = BTreeMap::new();
        for table in &app.tables {
            let node = self.node(&format!("model {name} {}", table.name), "table", &table.name);
            if let Some(node) = self.at(node) {
                node.group = Some(name.to_owned());
                node.note = table.comment.clone();
            }
            tables.insert(table.name.as_str(), node);
            for used in &table.sources {
                if let Some(from) = sources.get(used.source) {
                    self.edge(*from, node);
                }
            }
            self.fields(&table.fields, &sources, node);
        }
        for store in &app.stores {
            let node = self.file(&store.normalised, &store.path);
            match tables.get(store.table.as_str()) {
                Some(table) => {
                    let edge = self.edge(*table, node);
                    for field in &store.fields {
                        self.column(node, &field.name, None);
                        let to = Some(field.name.clone());
                        self.flow(edge, Flow { from: field.name.clone(), to, expression: None });
                    }
                }
                // The stored table is gone: its sources go into the file.
                None => {
                    for used in &store.sources {
                        if let Some(from) = sources.get(used.source) {
                            self.edge(*from, node);
                        }
                    }
                    self.fields(&store.fields, &sources, node);
                }
            }
        }
    }

    fn fields(&mut self, fields: &[Field], sources: &[usize], node: usize) {
        for field in fields {
            let expression = field.flows.iter().find_map(|flow| flow.expression.clone());
            self.column(node, &field.name, expression.or_else(|| field.comment.clone()));
            for flow in &field.flows {
                for origin in &flow.origins {
                    let Some(from) = sources.get(origin.source) else { continue };
                    self.column(*from, &origin.column, None);
                    let edge = self.edge(*from, node);
                    let (from, to) = (origin.column.clone(), Some(field.name.clone()));
                    self.flow(edge, Flow { from, to, expression: flow.expression.clone() });
                }
            }
        }
    }

    fn file(&mut self, normalised: &str, path: &str) -> usize {
        self.node(&format!("file {normalised}"), "file", path)
    }

    fn source(&mut self, source: &Source) -> usize {
        let name = source.name();
        match source {
            Source::File { normalised, path, .. } => self.file(normalised, path),
            Source::Table { connection, .. } => {
                let connection = connection.as_deref().unwrap_or_default();
                let node = self.node(&format!("table {connection} {name}"), "db table", &name);
                if let (Some(node), false) = (self.at(node), connection.is_empty()) {
                    node.group = Some(connection.to_owned());
                }
                node
            }
            Source::App { id } => self.node(&format!("app {id}"), "app", id),
            Source::Connection { connection, .. } => {
                self.node(&format!("connection {connection}"), "connection", &name)
            }
        }
    }
}
