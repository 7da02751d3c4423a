//! Dimensions and measures of a chart: the hypercubes and list objects among its properties.

use schemas::event::Grouping;
use serde_json::Value;

use super::{
    json::{items, items_at, member, sorted, text, text_at},
    library::{Item, Library, field_definitions, grouping},
};

/// Nesting of properties that is followed. Qlik's own charts nest about fifteen deep.
pub(super) const MAX_DEPTH: usize = 64;

/// A dimension as defined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct DimensionDefinition {
    pub(super) label: Option<String>,
    pub(super) expressions: Vec<String>,
    pub(super) grouping: Grouping,
    pub(super) library_id: Option<String>,
}

/// A measure as defined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MeasureDefinition {
    pub(super) label: Option<String>,
    pub(super) expression: String,
    pub(super) library_id: Option<String>,
}

/// What a chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Columns {
    pub(super) dimensions: Vec<DimensionDefinition>,
    pub(super) measures: Vec<MeasureDefinition>,
}

impl Columns {
    fn is_empty(&self) -> bool {
        self.dimensions.is_empty() && self.measures.is_empty()
    }
}

/// The author's dimensions and measures in the properties of a chart.
///
/// Every `qHyperCubeDef` and `qListObjectDef` counts, wherever it is, but for those of a tooltip,
/// alternatives that are switched off (`qLayoutExclude`), and what Qlik derives from the author's
/// own (`qUndoExclude`: a box plot's quartiles), unless there are no other. A map has one cube per
/// layer; the `layers` beside its `gaLayers` are what an older version left. A column that several
/// cubes share comes once.
pub(super) fn columns(properties: &Value, library: &Library) -> Columns {
    let mut columns = Columns::default();
    for derived in [false, true] {
        let mut cubes = Vec::new();
        collect(properties, derived, 0, &mut cubes);
        // The chart's own cube is the outermost.
        cubes.sort_by_key(|(depth, _)| *depth);
        for (_, cube) in cubes {
            add(of_cube(cube, library), &mut columns);
        }
        if !columns.is_empty() {
            break;
        }
    }
    columns
}

/// Whether a member of properties holds nothing that the chart shows or evaluates.
pub(super) fn is_switched_off(key: &str, siblings: &Value) -> bool {
    match key {
        "qLayoutExclude" => true,
        "layers" => !items(siblings, "gaLayers").is_empty(),
        _ => false,
    }
}

fn collect<'a>(value: &'a Value, derived: bool, depth: usize, cubes: &mut Vec<(usize, &'a Value)>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Array(items) => {
            for item in items {
                collect(item, derived, depth + 1, cubes);
            }
        }
        Value::Object(members) => {
            for (key, member) in sorted(members) {
                let is_left_out = is_switched_off(key, value)
                    || key == "tooltip"
                    || (key == "qUndoExclude" && !derived);
                if is_left_out {
                    continue;
                }
                if matches!(key.as_str(), "qHyperCubeDef" | "qListObjectDef") {
                    cubes.push((depth, member));
                }
                collect(member, derived, depth + 1, cubes);
            }
        }
        _ => {}
    }
}

/// Adds the columns of a further cube. A column that an earlier cube has too is the same one; what
/// one cube repeats is repeated on purpose.
fn add(cube: Columns, columns: &mut Columns) {
    let known = columns.dimensions.len();
    for dimension in cube.dimensions {
        if !columns.dimensions.iter().take(known).any(|earlier| *earlier == dimension) {
            columns.dimensions.push(dimension);
        }
    }
    let known = columns.measures.len();
    for measure in cube.measures {
        if !columns.measures.iter().take(known).any(|earlier| *earlier == measure) {
            columns.measures.push(measure);
        }
    }
}

/// Dimensions and measures of a `qHyperCubeDef`, or the one dimension of a `qListObjectDef`.
pub(super) fn of_cube(cube: &Value, library: &Library) -> Columns {
    let dimensions = items(cube, "qDimensions").iter();
    Columns {
        dimensions: match member(cube, "qDef") {
            Some(_) => dimension(cube, library).into_iter().collect(),
            None if text(cube, "qLibraryId").is_some() => {
                dimension(cube, library).into_iter().collect()
            }
            None => dimensions.filter_map(|column| dimension(column, library)).collect(),
        },
        measures: items(cube, "qMeasures")
            .iter()
            .filter_map(|column| measure(column, library))
            .collect(),
    }
}

/// The master item of a column, and its id. The library wins over an inline definition.
pub(super) fn linked<'l>(
    column: &Value,
    library: &'l Library,
) -> (Option<String>, Option<&'l Item>) {
    let id = text(column, "qLibraryId");
    (id.map(str::to_owned), id.and_then(|id| library.get(id)))
}

fn dimension(column: &Value, library: &Library) -> Option<DimensionDefinition> {
    let (library_id, item) = linked(column, library);
    if let Some(item) = item {
        return Some(DimensionDefinition {
            label: item.title.clone(),
            expressions: item.expressions.clone(),
            grouping: item.grouping,
            library_id,
        });
    }
    let definition = member(column, "qDef").unwrap_or(&Value::Null);
    let expressions = field_definitions(items(definition, "qFieldDefs"));
    let label = items(definition, "qFieldLabels").first().and_then(Value::as_str);
    let dimension = DimensionDefinition {
        label: literal(label),
        expressions,
        grouping: grouping(definition),
        library_id,
    };
    (dimension.library_id.is_some() || !dimension.expressions.is_empty()).then_some(dimension)
}

fn measure(column: &Value, library: &Library) -> Option<MeasureDefinition> {
    let (library_id, item) = linked(column, library);
    if let Some(item) = item {
        return Some(MeasureDefinition {
            label: item.title.clone(),
            expression: item.expressions.first().cloned().unwrap_or_default(),
            library_id,
        });
    }
    let expression = text_at(column, &["qDef", "qDef"]).map_or_else(
        || field_definitions(items_at(column, &["qDef", "qExpressions"])).into_iter().next(),
        |expression| Some(expression.to_owned()),
    );
    let label = text_at(column, &["qDef", "qLabel"]);
    match (expression, library_id) {
        (None, None) => None,
        (expression, library_id) => Some(MeasureDefinition {
            label: literal(label),
            expression: expression.unwrap_or_default(),
            library_id,
        }),
    }
}

/// A label that is no expression.
fn literal(label: Option<&str>) -> Option<String> {
    let label = label.filter(|label| !label.trim().is_empty());
    label.filter(|label| !super::json::is_expression(label)).map(str::to_owned)
}
