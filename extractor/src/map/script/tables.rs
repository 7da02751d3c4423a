//! Sources → tables of the data model.

use std::collections::HashSet;

use schemas::event::{Node, Origin, Resolution};

use super::{
    Messages, Model,
    edges::{ANY_COLUMN, Edges},
    flows,
    places::Places,
};
use crate::script::{self, SourceUse, Table};

/// Names of fields or tables in one message.
const MAX_NAMES: usize = 10;

/// Adds the edges that lead to the tables of the model.
pub(super) fn add(
    edges: &mut Edges,
    app_id: &str,
    found: &script::App,
    model: &Model<'_>,
    places: &Places,
    messages: &mut Messages,
) {
    let derived: HashSet<&str> =
        found.derived_fields.iter().map(|field| field.name.as_str()).collect();
    let made = found.tables.iter().filter(|table| table.name != ANY_COLUMN && !table.conditional);
    if model.tables().is_empty() && made.clone().next().is_some() {
        let message = format!(
            "it makes {} tables, of which the app has none: it was not reloaded with this script",
            made.count()
        );
        messages.push("the script", &message);
        return;
    }
    let mut explained: HashSet<&str> = HashSet::new();
    for table in found.tables.iter().filter(|table| table.name != ANY_COLUMN) {
        explained.insert(&table.name);
        match model.fields(&table.name) {
            Some(fields) => {
                let fields: Vec<&str> =
                    fields.iter().copied().filter(|name| !derived.contains(name)).collect();
                add_table(edges, app_id, table, &fields, places, messages);
            }
            // A branch that was not taken.
            None if table.conditional => {}
            None => messages.push(
                &format!("table `{}`", table.name),
                "the script makes it, but the app does not have it: nothing is said of it",
            ),
        }
    }
    let unexplained: Vec<&str> =
        model.tables().into_iter().filter(|name| !explained.contains(name)).collect();
    if unexplained.is_empty() {
        return;
    }
    let binary = found.tables.iter().find(|table| table.name == ANY_COLUMN);
    match binary.and_then(|table| table.sources.first()) {
        Some(used) if flows::is_app(places, used.source) => {
            for name in unexplained {
                add_taken_over(edges, app_id, name, model, used, places);
            }
        }
        Some(_) => messages.push("the script", "the app that `BINARY` brings in is not known"),
        None => messages.push(
            "the script",
            &format!("it does not say where {} come from", listed("the tables", &unexplained)),
        ),
    }
}

fn add_table(
    edges: &mut Edges,
    app_id: &str,
    table: &Table,
    fields: &[&str],
    places: &Places,
    messages: &mut Messages,
) {
    let to = Node::data_model(app_id, &table.name);
    // Tables of an app that `BINARY` brings in are named by the columns.
    let uses: Vec<&SourceUse> =
        table.sources.iter().filter(|used| !flows::is_app(places, used.source)).collect();
    flows::add_uses(edges, places, &uses, &to, &|used| used.statement.to_string());
    let present: HashSet<&str> = fields.iter().copied().collect();
    let mut missing = Vec::new();
    for field in table.fields.iter().filter(|field| field.name != ANY_COLUMN) {
        if present.contains(field.name.as_str()) {
            flows::add_field(edges, places, field, &to);
        } else {
            missing.push(field.name.as_str());
        }
    }
    if !missing.is_empty() && !table.conditional {
        messages.push(
            &format!("table `{}`", table.name),
            &format!(
                "the script gives it {}, which the app does not have",
                listed("fields", &missing)
            ),
        );
    }
    let named: HashSet<&str> = table.fields.iter().map(|field| field.name.as_str()).collect();
    let rest: Vec<&str> = fields.iter().copied().filter(|name| !named.contains(name)).collect();
    let star = table.fields.iter().find(|field| field.name == ANY_COLUMN);
    match star {
        Some(star) => {
            let prefix = qualifier(&table.name, &rest);
            flows::add_unnamed(edges, places, star, &to, Some(&rest), &prefix);
        }
        None if !rest.is_empty() => messages.push(
            &format!("table `{}`", table.name),
            &format!("the script does not say where {} come from", listed("its fields", &rest)),
        ),
        None => {}
    }
    // Whatever edge came of a column alone is said by the table's first statement.
    let statement = table.statements.first().map_or("", String::as_str);
    edges.complete(&to, Origin::LoadScript, statement);
}

/// `Table.` when `QUALIFY` put it before all names.
fn qualifier(table: &str, names: &[&str]) -> String {
    let prefix = format!("{table}.");
    let qualified = !names.is_empty() && names.iter().all(|name| name.starts_with(&prefix));
    if qualified { prefix } else { String::new() }
}

/// A table that is taken over from another app as it is.
fn add_taken_over(
    edges: &mut Edges,
    app_id: &str,
    name: &str,
    model: &Model<'_>,
    used: &SourceUse,
    places: &Places,
) {
    let origin = script::Origin {
        source: used.source,
        table: Some(name.to_owned()),
        column: ANY_COLUMN.to_owned(),
    };
    let to = Node::data_model(app_id, name);
    for from in places.nodes_of_column(&origin) {
        let Some(draft) = edges.of(&from, &to) else { continue };
        draft.evidence(Origin::LoadScript, Resolution::Exact, &[], &used.statement);
        for field in model.fields(name).unwrap_or_default() {
            draft.column(vec![(*field).to_owned()], field, None);
        }
    }
}

/// ``fields `a`, `b` and 3 more``.
fn listed(what: &str, names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_NAMES).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(MAX_NAMES);
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{what} {}{rest}", shown.join(", "))
}
