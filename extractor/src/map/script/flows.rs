//! Fields of a table or stored file → columns of the edges that lead to it.

use std::collections::{BTreeMap, BTreeSet};

use schemas::event::{Node, Origin};

use super::{
    edges::{ANY_COLUMN, Edges, resolution},
    places::{Place, Places},
};
use crate::script::{self, Evidence, Field, Flow, SourceUse};

/// Adds an edge for each source that is used to make `to`.
pub(super) fn add_uses(
    edges: &mut Edges,
    places: &Places,
    uses: &[&SourceUse],
    to: &Node,
    statement: &dyn Fn(&SourceUse) -> String,
) {
    for used in uses {
        let (nodes, by_engine) = places.nodes(used.source);
        let origin = match (by_engine, used.evidence) {
            (true, _) => Origin::EngineLineage,
            (false, Evidence::Log) => Origin::ScriptLog,
            (false, Evidence::Script) => Origin::LoadScript,
        };
        for node in nodes {
            let Some(draft) = edges.of(&node, to) else { continue };
            draft.evidence(origin, resolution(used.resolution), &used.via, &statement(used));
        }
    }
}

/// Adds the columns that flow into one field.
pub(super) fn add_field(edges: &mut Edges, places: &Places, field: &Field, to: &Node) {
    for flow in &field.flows {
        let mut of_node: BTreeMap<Node, Vec<String>> = BTreeMap::new();
        for origin in &flow.origins {
            for node in places.nodes_of_column(origin) {
                let columns = of_node.entry(node).or_default();
                // Which of the columns that nobody names it is, is not known.
                if origin.column != ANY_COLUMN && !columns.contains(&origin.column) {
                    columns.push(origin.column.clone());
                }
            }
        }
        for (node, columns) in of_node {
            let Some(draft) = edges.of(&node, to) else { continue };
            draft.read_as(resolution(flow.resolution), &flow.via);
            if !columns.is_empty() {
                draft.column(columns, &field.name, flow.expression.as_deref());
            }
        }
    }
}

/// Adds the columns that nobody names (`LOAD *`, `SELECT *`) to the fields `rest` of `to`: with one
/// source each is the column of the same name. With several it is not known which of them has
/// it, and where `rest` is not known neither; then `*` stands for the columns of the same name.
/// `prefix` is what `QUALIFY` put before the names.
pub(super) fn add_unnamed(
    edges: &mut Edges,
    places: &Places,
    star: &Field,
    to: &Node,
    rest: Option<&[&str]>,
    prefix: &str,
) {
    let mut sources: BTreeMap<(usize, Option<String>), Vec<&Flow>> = BTreeMap::new();
    for flow in &star.flows {
        for origin in flow.origins.iter().filter(|origin| origin.column == ANY_COLUMN) {
            sources.entry((origin.source, origin.table.clone())).or_default().push(flow);
        }
    }
    let is_sure = sources.len() == 1;
    for ((source, table), flows) in &sources {
        let origin =
            script::Origin { source: *source, table: table.clone(), column: ANY_COLUMN.to_owned() };
        for node in places.nodes_of_column(&origin) {
            let Some(draft) = edges.of(&node, to) else { continue };
            for flow in flows {
                draft.read_as(resolution(flow.resolution), &flow.via);
            }
            match rest {
                Some(rest) if is_sure => {
                    for name in rest {
                        let column = name.strip_prefix(prefix).unwrap_or(name);
                        draft.column(vec![column.to_owned()], name, None);
                    }
                }
                Some([]) => {}
                _ => draft.column(vec![ANY_COLUMN.to_owned()], ANY_COLUMN, None),
            }
        }
    }
}

/// External columns of a field, however they come into it.
pub(super) fn origins(field: &Field) -> BTreeSet<&script::Origin> {
    field.flows.iter().flat_map(|flow| &flow.origins).collect()
}

/// Whether a source is one of the apps that `BINARY` brings in.
pub(super) fn is_app(places: &Places, source: usize) -> bool {
    matches!(places.get(source), Some(Place::App(_)))
}
