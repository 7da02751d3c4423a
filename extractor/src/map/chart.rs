//! A visualization on a sheet → its event, and what its dimensions and measures use.

use schemas::event::{
    AuxiliaryExpression, Chart, ChartType, Dimension, Measure, Resolution, Sheet,
};
use serde_json::Value;

use super::{
    App, Diagnostics,
    auxiliary::{self, add_condition},
    cube::{self, DimensionDefinition, MeasureDefinition},
    json::{Caption, member, sorted_texts, text_at, time},
    sheet::Placed,
    visualization::{Kind, properties},
};
use crate::expression::{self, Column, Context, Diagnostic, Reads};

/// What one dimension, measure or master item uses: the matter of lineage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Use {
    /// Fields of the data model, sorted.
    pub(super) fields: Vec<String>,
    /// Names of the master items that are followed on the way, sorted.
    pub(super) items: Vec<String>,
    /// Name of the master item that it is.
    pub(super) linked: Option<String>,
    /// The expression; `None` when a field is taken over as it is.
    pub(super) expression: Option<String>,
    /// How sure.
    pub(super) resolution: Resolution,
}

/// Makes the event of `placed`.
pub(super) fn chart(
    placed: &Placed<'_>,
    sheet: &Sheet,
    app: &App<'_>,
    diagnostics: &mut Diagnostics,
) -> (Chart, Vec<Use>) {
    let shown = &*placed.visual.properties;
    let mut columns = cube::columns(shown, &app.library);
    if placed.kind == Kind::FilterPane {
        // The list boxes are its parts.
        for child in placed.visual.children {
            let parts = cube::columns(properties(child), &app.library);
            columns.dimensions.extend(parts.dimensions);
        }
    }
    let mut reader = Reader {
        app,
        place: format!("object `{}`", placed.id),
        columns: as_columns(&columns),
        uses: Vec::new(),
        diagnostics,
    };
    let dimensions = columns.dimensions.into_iter().map(|it| reader.dimension(it)).collect();
    let measures = columns.measures.into_iter().map(|it| reader.measure(it)).collect();
    let mut found = auxiliary::expressions(shown, &app.library);
    if let Some(condition) = placed.condition {
        add_condition(condition, &mut found);
    }
    let auxiliary_expressions = found.into_iter().map(|it| reader.auxiliary(it)).collect();
    let uses = reader.uses;

    let title = Caption::of(shown, "title");
    let meta = |key: &str| text_at(shown, &["qMetaDef", key]).map(str::to_owned);
    let modified_at = [placed.id]
        .into_iter()
        .chain(placed.visual.master_id)
        .find_map(|id| app.content.object_meta.get(id).and_then(|meta| time(meta, "modifiedDate")));
    let chart = Chart {
        service: app.context.service.to_owned(),
        app_id: app.id.to_owned(),
        observed_at: app.context.observed_at,
        modified_at,
        object_id: placed.id.to_owned(),
        sheet_id: sheet.id.clone(),
        sheet_title: sheet.title.clone(),
        title: title.text.or_else(|| meta("title")),
        title_expression: title.expression,
        description: meta("description").or_else(|| Caption::of(shown, "subtitle").text),
        chart_type: match placed.kind {
            Kind::Chart(chart_type) => chart_type,
            Kind::Container | Kind::FilterPane | Kind::Control => ChartType::Other,
        },
        visualization: placed.visual.visualization.clone(),
        url: app.url(&["sheet", &sheet.id, "state", "analysis"]),
        dimensions,
        measures,
        auxiliary_expressions,
        master_object_id: placed.visual.master_id.map(str::to_owned),
        parent_id: placed.parent.map(str::to_owned),
        tags: tags(placed.visual.master),
    };
    (chart, uses)
}

fn tags(master: Option<&Value>) -> Vec<String> {
    let meta = master.and_then(|master| member(master, "qMetaDef"));
    meta.map(|meta| sorted_texts(meta, "tags")).unwrap_or_default()
}

fn as_columns(columns: &cube::Columns) -> Vec<Column> {
    let dimensions = columns.dimensions.iter().map(|dimension| Column {
        label: dimension.label.clone(),
        expressions: dimension.expressions.clone(),
        is_measure: false,
    });
    let measures = columns.measures.iter().map(|measure| Column {
        label: measure.label.clone(),
        expressions: vec![measure.expression.clone()],
        is_measure: true,
    });
    dimensions.chain(measures).collect()
}

/// Reads the expressions of one chart.
struct Reader<'a, 'd> {
    app: &'a App<'a>,
    place: String,
    columns: Vec<Column>,
    uses: Vec<Use>,
    diagnostics: &'d mut Diagnostics,
}

impl Reader<'_, '_> {
    fn read(&mut self, expression: &str, is_field_definition: bool) -> Reads {
        let context = Context { names: &self.app.names, columns: &self.columns };
        let reads = if is_field_definition {
            expression::dimension_fields(expression, &context)
        } else {
            expression::fields(expression, &context)
        };
        report(self.app, &self.place, &reads, self.diagnostics);
        reads
    }

    fn dimension(&mut self, definition: DimensionDefinition) -> Dimension {
        let linked = self.linked(definition.library_id.as_deref());
        let mut fields = Vec::new();
        for expression in &definition.expressions {
            let reads = self.read(expression, true);
            fields.extend(reads.fields.iter().cloned());
            self.uses.push(used(self.app, reads, expression, linked.clone()));
        }
        fields.sort_unstable();
        fields.dedup();
        Dimension {
            label: definition.label,
            expressions: definition.expressions,
            grouping: definition.grouping,
            library_id: definition.library_id,
            fields,
        }
    }

    fn measure(&mut self, definition: MeasureDefinition) -> Measure {
        let linked = self.linked(definition.library_id.as_deref());
        let reads = self.read(&definition.expression, false);
        let fields = reads.fields.clone();
        self.uses.push(used(self.app, reads, &definition.expression, linked));
        Measure {
            label: definition.label,
            expression: definition.expression,
            library_id: definition.library_id,
            fields,
        }
    }

    fn auxiliary(&mut self, found: auxiliary::Auxiliary) -> AuxiliaryExpression {
        let reads = self.read(&found.expression, found.is_field_definition);
        AuxiliaryExpression { role: found.role, expression: found.expression, fields: reads.fields }
    }

    /// Name of the master item with this id.
    fn linked(&mut self, id: Option<&str>) -> Option<String> {
        let item = self.app.library.get(id?);
        if item.is_none() {
            let id = id.unwrap_or_default();
            self.diagnostics.push(&self.place, &format!("its master item `{id}` is not there"));
        }
        item.map(|item| item.name.clone())
    }
}

/// Passes on what could not be told of an expression.
pub(super) fn report(app: &App<'_>, place: &str, reads: &Reads, diagnostics: &mut Diagnostics) {
    for diagnostic in &reads.diagnostics {
        if app.names.fields.is_empty() && matches!(diagnostic, Diagnostic::UnknownName(_)) {
            // Without a data model every name is unknown; that is said once.
            continue;
        }
        diagnostics.push(place, &diagnostic.to_string());
    }
}

/// What an expression of a dimension, measure or master item uses. An expression that is just a
/// field takes it over as it is.
pub(super) fn used(app: &App<'_>, reads: Reads, expression: &str, linked: Option<String>) -> Use {
    let bare = expression.trim().trim_start_matches('=').trim();
    let within = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = within.map_or_else(|| bare.to_owned(), |name| name.replace("]]", "]"));
    let is_plain = matches!(reads.fields.as_slice(), [field] if *field == bare);
    let item_name = |label: &String| app.library.by_label(label).map(|item| item.name.clone());
    let mut items: Vec<String> = reads.master_items.iter().filter_map(item_name).collect();
    items.sort_unstable();
    items.dedup();
    let is_unsure = |diagnostic: &Diagnostic| diagnostic.is_uncertain();
    Use {
        resolution: if app.names.is_open || reads.diagnostics.iter().any(is_unsure) {
            Resolution::Fallback
        } else if reads.variables.is_empty() {
            Resolution::Exact
        } else {
            Resolution::Expanded
        },
        fields: reads.fields,
        items,
        linked,
        expression: (!is_plain).then(|| expression.to_owned()),
    }
}
