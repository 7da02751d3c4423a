//! Edges that follow from an app's objects: tables → master items → charts → the app.
//!
//! Only dimensions and measures count: a condition, a sort order or a colour is not where a chart's
//! values come from. A chart that uses a master item has an edge from the master items and one from
//! every table whose fields the item reads, so that either way of asking finds it.
//!
//! A field that lies in several tables is a key. Its edges come from the tables that the same chart
//! (or the same master item) takes another field from which lies nowhere else; when there is no such
//! table, from every table that has it.

use std::collections::{BTreeMap, BTreeSet};

use schemas::{
    event::{ColumnLineage, Lineage, Node, Origin, Resolution},
    key::MASTER_ITEMS,
};

use super::{App, chart::Use, tables::Table};

/// Which tables have a field.
#[derive(Debug, Default)]
pub(super) struct TablesOfField(BTreeMap<String, BTreeSet<String>>);

impl TablesOfField {
    pub(super) fn of(tables: &[Table]) -> Self {
        let mut of_field: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for table in tables {
            for field in &table.fields {
                of_field.entry(field.name.clone()).or_default().insert(table.name.clone());
            }
        }
        Self(of_field)
    }

    fn get<'t>(&'t self, field: &str) -> impl Iterator<Item = &'t str> + use<'t> {
        self.0.get(field).into_iter().flatten().map(String::as_str)
    }

    /// The tables that `uses` take a field from that lies nowhere else.
    fn anchors<'t>(&'t self, uses: &[Use]) -> BTreeSet<&'t str> {
        let mut anchors = BTreeSet::new();
        for field in uses.iter().flat_map(|it| &it.fields) {
            let mut tables = self.get(field);
            if let (Some(only), None) = (tables.next(), tables.next()) {
                anchors.insert(only);
            }
        }
        anchors
    }

    /// The tables that `field` comes from.
    fn sources<'t>(&'t self, field: &str, anchors: &BTreeSet<&str>) -> Vec<&'t str> {
        let all: Vec<&str> = self.get(field).collect();
        let anchored: Vec<&str> =
            all.iter().copied().filter(|table| anchors.contains(table)).collect();
        if anchored.is_empty() { all } else { anchored }
    }
}

/// Columns of an edge and how sure it is.
#[derive(Default)]
struct Columns {
    columns: Vec<ColumnLineage>,
    resolution: Resolution,
}

impl Columns {
    fn add(&mut self, column: ColumnLineage, resolution: Resolution) {
        if !self.columns.contains(&column) {
            self.columns.push(column);
        }
        self.resolution = least_sure(self.resolution, resolution);
    }
}

fn least_sure(a: Resolution, b: Resolution) -> Resolution {
    match (a, b) {
        (Resolution::Fallback, _) | (_, Resolution::Fallback) => Resolution::Fallback,
        (Resolution::Expanded, _) | (_, Resolution::Expanded) => Resolution::Expanded,
        (Resolution::Exact, Resolution::Exact) => Resolution::Exact,
    }
}

/// Adds to `edges` what each table has part in `uses`.
fn by_table<'t>(
    uses: &[Use],
    tables: &'t TablesOfField,
    to_column: Option<&str>,
    edges: &mut BTreeMap<&'t str, Columns>,
) {
    let anchors = tables.anchors(uses);
    for it in uses {
        let mut of_table: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for field in &it.fields {
            for table in tables.sources(field, &anchors) {
                of_table.entry(table).or_default().push(field.clone());
            }
        }
        for (table, from_columns) in of_table {
            let column = ColumnLineage {
                from_columns,
                to_column: to_column.map(str::to_owned),
                expression: it.expression.clone(),
            };
            edges.entry(table).or_default().add(column, it.resolution);
        }
    }
}

fn edge(app: &App<'_>, from: Node, to: Node, columns: Columns) -> Lineage {
    Lineage {
        service: app.context.service.to_owned(),
        app_id: app.id.to_owned(),
        observed_at: app.context.observed_at,
        modified_at: None,
        from,
        to,
        columns: columns.columns,
        origin: Origin::ObjectProperties,
        resolution: columns.resolution,
        via: Vec::new(),
        statement: None,
    }
}

/// Tables → the app's master items. `items` are the items' names and uses.
pub(super) fn to_master_items(
    items: &[(String, Vec<Use>)],
    tables: &TablesOfField,
    app: &App<'_>,
) -> Vec<Lineage> {
    let mut edges = BTreeMap::new();
    for (name, uses) in items {
        by_table(uses, tables, Some(name), &mut edges);
    }
    let to = Node::data_model(app.id, MASTER_ITEMS);
    edges
        .into_iter()
        .map(|(table, columns)| edge(app, Node::data_model(app.id, table), to.clone(), columns))
        .collect()
}

/// Tables → a chart, the app's master items → the chart, the chart → the app.
pub(super) fn of_chart(
    object_id: &str,
    uses: &[Use],
    tables: &TablesOfField,
    app: &App<'_>,
) -> Vec<Lineage> {
    let chart = Node::chart(app.id, object_id);
    let mut from_tables = BTreeMap::new();
    by_table(uses, tables, None, &mut from_tables);
    let mut edges: Vec<Lineage> = from_tables
        .into_iter()
        .map(|(table, columns)| edge(app, Node::data_model(app.id, table), chart.clone(), columns))
        .collect();

    let mut from_items = Columns::default();
    for it in uses {
        // The item itself is taken over as it is; items that it refers to go through its expression.
        let linked = it.linked.iter().map(|item| (vec![item.clone()], None));
        let others: Vec<String> =
            it.items.iter().filter(|item| it.linked.as_ref() != Some(item)).cloned().collect();
        let others = (!others.is_empty()).then(|| (others, it.expression.clone()));
        for (from_columns, expression) in linked.chain(others) {
            let column = ColumnLineage { from_columns, to_column: None, expression };
            from_items.add(column, it.resolution);
        }
    }
    if !from_items.columns.is_empty() {
        edges.push(edge(app, Node::data_model(app.id, MASTER_ITEMS), chart.clone(), from_items));
    }
    edges.push(edge(app, chart, Node::dashboard(app.id), Columns::default()));
    edges
}
