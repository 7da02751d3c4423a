//! Events → graph: tables, files, apps and charts of a whole site.

use schemas::{
    Event,
    event::{Chart, DataModelKind, DataType, Node as End},
};

use super::{Flow, Graph};

impl Graph {
    /// An empty graph, for [`Graph::add_event`].
    #[must_use]
    pub fn new(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// Adds what an event says; the order of events does not matter.
    pub fn add_event(&mut self, event: &Event) {
        match event {
            Event::Dashboard(app) => {
                let node = self.node(&format!("app {}", app.app_id), "app", &app.title);
                if let Some(node) = self.at(node) {
                    // An edge may have been first.
                    node.label.clone_from(&app.title);
                    node.note.clone_from(&app.description);
                    node.group = app.project.as_ref().map(|project| project.name.clone());
                }
            }
            Event::Chart(chart) => {
                let label = chart_label(chart);
                let identity = format!("chart {} {}", chart.app_id, chart.object_id);
                let node = self.node(&identity, "chart", &label);
                if let Some(node) = self.at(node) {
                    node.label = label;
                    node.group.clone_from(&chart.sheet_title);
                }
                for measure in &chart.measures {
                    let name = measure.label.as_ref().unwrap_or(&measure.expression);
                    self.column(node, name, Some(measure.expression.clone()));
                }
                for dimension in &chart.dimensions {
                    let expressions = dimension.expressions.join(", ");
                    let name = dimension.label.as_ref().unwrap_or(&expressions);
                    self.column(node, name, Some(expressions.clone()));
                }
            }
            Event::DataModel(model) => {
                let node = match (model.kind, &model.file, &model.app_id, &model.table) {
                    (DataModelKind::File, Some(file), ..) => self.end(&End::file(&file.path)),
                    (_, _, Some(app), Some(table)) => self.end(&End::data_model(app, table)),
                    _ => return,
                };
                if let Some(node) = self.at(node) {
                    node.note = model.comment.clone().or_else(|| model.statement.clone());
                }
                for field in &model.fields {
                    let kind = (field.data_type != DataType::Unknown)
                        .then(|| format!("{:?}", field.data_type).to_ascii_lowercase());
                    self.column(node, &field.name, field.expression.clone().or(kind));
                }
            }
            Event::Lineage(lineage) => {
                let (from, to) = (self.end(&lineage.from), self.end(&lineage.to));
                let edge = self.edge(from, to);
                for column in &lineage.columns {
                    for name in &column.from_columns {
                        self.column(from, name, None);
                        if let Some(to_column) = &column.to_column {
                            self.column(to, to_column, None);
                        }
                        let to = column.to_column.clone();
                        let expression = column.expression.clone();
                        self.flow(edge, Flow { from: name.clone(), to, expression });
                    }
                }
            }
            Event::Run(_) => {}
        }
    }

    /// Gives what belongs to an app its title, once all events are there.
    #[must_use]
    pub fn finished(mut self) -> Self {
        let of_apps: Vec<(usize, Option<String>)> = self
            .node_of
            .iter()
            .filter_map(|(identity, index)| {
                let rest =
                    identity.strip_prefix("model ").or_else(|| identity.strip_prefix("chart "))?;
                let app = self.node_of.get(&format!("app {}", rest.split_once(' ')?.0))?;
                let title = self.nodes.get(*app)?.label.clone();
                let sheet = self.nodes.get(*index)?.group.clone();
                Some((
                    *index,
                    Some(sheet.map_or_else(|| title.clone(), |sheet| format!("{title} / {sheet}"))),
                ))
            })
            .collect();
        for (index, group) in of_apps {
            if let Some(node) = self.at(index) {
                node.group = group;
            }
        }
        self
    }

    fn end(&mut self, end: &End) -> usize {
        match end {
            End::DataFile(file) => self.node(&format!("file {}", file.path), "file", &file.path),
            End::DataModel(model) => {
                let identity = format!("model {} {}", model.app_id, model.table);
                self.node(&identity, "table", &model.table)
            }
            End::Chart(chart) => {
                let identity = format!("chart {} {}", chart.app_id, chart.object_id);
                self.node(&identity, "chart", &chart.object_id)
            }
            End::Dashboard(app) => self.node(&format!("app {}", app.app_id), "app", &app.app_id),
            End::DatabaseTable(table) => {
                let parts =
                    [table.database.as_deref(), table.schema.as_deref(), Some(&*table.table)];
                let name = parts.into_iter().flatten().collect::<Vec<_>>().join(".");
                let place = table.host.as_ref().or(table.connection.as_ref()).cloned();
                let identity = format!("table {} {name}", place.as_deref().unwrap_or_default());
                let node = self.node(&identity, "db table", &name);
                if let Some(node) = self.at(node) {
                    node.group = place;
                }
                node
            }
        }
    }
}

/// The title; of a chart without one, what it shows and as what.
fn chart_label(chart: &Chart) -> String {
    if let Some(title) = chart.title.as_ref().or(chart.title_expression.as_ref()) {
        return title.clone();
    }
    let measures = chart.measures.iter().map(|it| it.label.as_ref().unwrap_or(&it.expression));
    let dimensions = chart
        .dimensions
        .iter()
        .filter_map(|it| it.label.as_ref().or_else(|| it.expressions.first()));
    let shown = measures.chain(dimensions).next().unwrap_or(&chart.object_id);
    match chart.visualization.is_empty() {
        true => shown.clone(),
        false => format!("{shown} ({})", chart.visualization),
    }
}
