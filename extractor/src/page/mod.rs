//! Lineage as one HTML file to click through: no server, no network, nothing to install.

mod events;
mod scripts;

use std::collections::HashMap;

use serde::Serialize;

/// The page; data is put in place of [`MARK`].
const PAGE: &str = include_str!("page.html");
const MARK: &str = "/*DATA*/";

/// What the page shows: things, and how data flows between them.
#[derive(Debug, Default, Serialize)]
pub struct Graph {
    title: String,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    /// What was not understood, a line each.
    problems: Vec<String>,
    #[serde(skip)]
    node_of: HashMap<String, usize>,
    #[serde(skip)]
    edge_of: HashMap<(usize, usize), usize>,
}

/// A thing: a database table, a file, a table of an app, a chart, an app.
#[derive(Debug, Default, Serialize)]
struct Node {
    kind: &'static str,
    label: String,
    /// The app that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// A statement, a comment.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    columns: Vec<Column>,
}

#[derive(Debug, Default, Serialize)]
struct Column {
    name: String,
    /// Its type or its expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct Edge {
    from: usize,
    to: usize,
    columns: Vec<Flow>,
}

/// A column that flows into a column, or into a thing without columns.
#[derive(Debug, PartialEq, Serialize)]
struct Flow {
    from: String,
    to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
}

impl Graph {
    /// The page.
    #[must_use]
    pub fn to_html(&self) -> String {
        // Inside of a script element only `<` could end it.
        let data = serde_json::to_string(self).unwrap_or_default().replace('<', "\\u003c");
        PAGE.replacen(MARK, &data, 1)
    }

    /// The node with this identity, new if there is none yet.
    fn node(&mut self, identity: &str, kind: &'static str, label: &str) -> usize {
        if let Some(index) = self.node_of.get(identity) {
            return *index;
        }
        let index = self.nodes.len();
        self.nodes.push(Node { kind, label: label.to_owned(), ..Node::default() });
        self.node_of.insert(identity.to_owned(), index);
        index
    }

    fn at(&mut self, index: usize) -> Option<&mut Node> {
        self.nodes.get_mut(index)
    }

    /// Adds a column to a node unless it has it.
    fn column(&mut self, index: usize, name: &str, note: Option<String>) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        match node.columns.iter_mut().find(|column| column.name == name) {
            Some(column) => column.note = column.note.take().or(note),
            None => node.columns.push(Column { name: name.to_owned(), note }),
        }
    }

    /// Adds an edge unless it is there.
    fn edge(&mut self, from: usize, to: usize) -> usize {
        *self.edge_of.entry((from, to)).or_insert_with(|| {
            self.edges.push(Edge { from, to, columns: Vec::new() });
            self.edges.len() - 1
        })
    }

    /// Adds a flow to an edge unless it has it.
    fn flow(&mut self, edge: usize, flow: Flow) {
        if let Some(edge) = self.edges.get_mut(edge)
            && !edge.columns.contains(&flow)
        {
            edge.columns.push(flow);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_data() {
        let mut graph = Graph::default();
        graph.node("a", "table", "</script><script>alert(1)</script>");
        let html = graph.to_html();
        assert_eq!(html.matches("<script").count(), 2, "the data and the program");
        let data =
            html.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>"));
        let data: serde_json::Value =
            serde_json::from_str(data.expect("the data").0).expect("JSON");
        assert_eq!(data["nodes"][0]["label"], "</script><script>alert(1)</script>");
    }

    #[test]
    fn nothing_is_there_twice() {
        let mut graph = Graph::default();
        let (a, b) = (graph.node("a", "table", "A"), graph.node("b", "file", "B"));
        assert_eq!(graph.node("a", "table", "A"), a);
        let edge = graph.edge(a, b);
        assert_eq!(graph.edge(a, b), edge);
        for _ in 0..2 {
            graph.flow(edge, Flow { from: "x".to_owned(), to: None, expression: None });
            graph.column(a, "x", None);
        }
        assert_eq!((graph.nodes.len(), graph.edges.len()), (2, 1));
        assert_eq!((graph.edges[0].columns.len(), graph.nodes[0].columns.len()), (1, 1));
    }
}
