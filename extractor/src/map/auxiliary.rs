//! Expressions of a chart that are neither dimension nor measure: titles, colours, sort orders,
//! conditions, reference lines, tooltips.
//!
//! The properties are walked once; the place of an expression tells its role. What is switched off
//! is left out as far as the properties tell: alternatives (`qLayoutExclude`), colours of a mode
//! that is not the chosen one, automatic tooltips and axes, hidden reference lines, sort orders that
//! do not sort by expression.

use std::collections::BTreeSet;

use schemas::event::AuxiliaryRole as Role;
use serde_json::{Map, Value};

use super::{
    cube::{self, MAX_DEPTH, is_switched_off},
    json::{flag, is_expression, items, member, sorted, string_expression, text, text_at},
    library::Library,
};

/// An auxiliary expression. Sorted by role, then text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Auxiliary {
    pub(super) role: Role,
    pub(super) expression: String,
    /// Whether it stands where Qlik takes a field's bare name.
    pub(super) is_field_definition: bool,
}

/// The auxiliary expressions among the properties of a chart, each once.
pub(super) fn expressions(properties: &Value, library: &Library) -> BTreeSet<Auxiliary> {
    let mut walk = Walk { library, found: BTreeSet::new() };
    let place = Place { role: None, colour: Colour::Unknown, depth: 0 };
    walk.value(properties, place);
    walk.found
}

/// Adds the condition under which a container shows an object.
pub(super) fn add_condition(condition: &Value, found: &mut BTreeSet<Auxiliary>) {
    let condition = condition.as_str().or_else(|| string_expression(condition));
    if let Some(expression) = condition.filter(|text| !text.trim().is_empty()) {
        found.insert(Auxiliary {
            role: Role::ShowCondition,
            expression: expression.to_owned(),
            is_field_definition: false,
        });
    }
}

/// How a chart, or a layer of a map, is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Colour {
    /// The properties do not say.
    Unknown,
    /// Not by an expression, measure or dimension.
    Plain,
    ByExpression,
    ByColumn,
}

/// Where the walk is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Role of what is found here, when the place tells it.
    role: Option<Role>,
    colour: Colour,
    depth: usize,
}

impl Place {
    fn with(self, role: Role) -> Self {
        Self { role: Some(role), ..self }
    }

    fn or(self, role: Role) -> Role {
        self.role.unwrap_or(role)
    }
}

struct Walk<'l> {
    library: &'l Library,
    found: BTreeSet<Auxiliary>,
}

impl Walk<'_> {
    fn add(&mut self, role: Role, expression: &str, is_field_definition: bool) {
        if !expression.trim().is_empty() {
            let expression = expression.to_owned();
            self.found.insert(Auxiliary { role, expression, is_field_definition });
        }
    }

    fn value(&mut self, value: &Value, place: Place) {
        if place.depth > MAX_DEPTH {
            return;
        }
        let place = Place { depth: place.depth + 1, ..place };
        match value {
            Value::Array(items) => {
                for item in items {
                    self.value(item, place);
                }
            }
            Value::Object(members) => self.object(value, members, place),
            Value::String(text) if is_expression(text) => {
                self.add(place.or(Role::Other), text, false);
            }
            _ => {}
        }
    }

    fn object(&mut self, object: &Value, members: &Map<String, Value>, place: Place) {
        let colour = match member(object, "color").filter(|colour| colour.is_object()) {
            Some(colour) => colour_of(colour),
            None => place.colour,
        };
        let place = Place { colour, ..place };
        let is_hidden = flag(object, "show") == Some(false);
        if is_hidden && place.role == Some(Role::ReferenceLine) {
            return;
        }
        if self.keyed(object, place) {
            return;
        }
        let is_automatic = flag(object, "autoMinMax") == Some(true);
        for (key, value) in sorted(members) {
            let is_left_out = is_switched_off(key, object)
                || (is_automatic && matches!(key.as_str(), "min" | "max"));
            if !is_left_out && !value.is_null() {
                self.member(key, value, object, place);
            }
        }
    }

    fn member(&mut self, key: &str, value: &Value, object: &Value, place: Place) {
        // The chart's own properties are one level deep.
        let is_root = place.depth == 1;
        match key {
            // Identity, layout, copies of what stands elsewhere, the parts of a modified measure.
            "qInfo" | "qMetaDef" | "qExtendsId" | "qChildListDef" | "qStateName"
            | "qUndoExclude" | "visualization" | "version" | "cells" | "thumbnail" | "script"
            | "qDynamicScript" | "markdown" | "modifiers" | "base" | "quarantine" => {}
            "title" if is_root => self.value(value, place.with(Role::Title)),
            "subtitle" if is_root => self.value(value, place.with(Role::Subtitle)),
            "footnote" if is_root => self.value(value, place.with(Role::Footnote)),
            "title" | "subtitle" | "footnote" | "label" => {
                self.value(value, place.with(place.or(Role::Label)));
            }
            "qStringExpression" | "qValueExpression" => {
                let expression = value.as_str().or_else(|| text(value, "qExpr"));
                self.add(place.or(Role::Other), expression.unwrap_or_default(), false);
            }
            "showCondition" | "qShowCondition" | "condition" => match value {
                Value::String(condition) => self.add(Role::ShowCondition, condition, false),
                _ => self.value(value, place.with(Role::ShowCondition)),
            },
            "qCalcCond" => self.condition(value),
            "qCalcCondition" => {
                self.condition(member(value, "qCond").unwrap_or(&Value::Null));
                self.value(member(value, "qMsg").unwrap_or(&Value::Null), place.with(Role::Label));
            }
            "qSortBy" => self.sorting(value),
            "qSortCriterias" => items(object, key).iter().for_each(|sorting| self.sorting(sorting)),
            "color" if value.is_object() => self.colour(value, place),
            "colorExpression" => {
                self.add(Role::Color, value.as_str().unwrap_or_default(), false);
            }
            // A set that all of a cube's expressions inherit.
            "qContextSetExpression" => {
                self.add(Role::Other, value.as_str().unwrap_or_default(), false);
            }
            "conditionalColoring" => {
                if flag(value, "useConditionalColoring") != Some(false) {
                    self.value(value, place.with(Role::Color));
                }
            }
            "tooltip" => {
                if flag(value, "auto") != Some(true) {
                    self.value(value, place.with(Role::Tooltip));
                }
            }
            "qHyperCubeDef" | "qListObjectDef" => self.cube(value, place),
            "qDimensions" | "qMeasures" => {
                items(object, key).iter().for_each(|column| self.column(column, place));
            }
            "qAttributeExpressions" | "qAttributeDimensions" => {
                items(object, key).iter().for_each(|attribute| self.attribute(attribute, place));
            }
            "qMiniChartDef" => {
                self.linked(value, Role::Attribute);
                self.add(Role::Attribute, text(value, "qDef").unwrap_or_default(), true);
                self.value(value, place);
            }
            "qOtherTotalSpec" => {
                if text(value, "qOtherMode").is_some_and(|mode| mode != "OTHER_OFF") {
                    self.value(value, place);
                }
            }
            "qOtherCounted" | "qOtherLimit" => {
                // A number, or an expression with or without `=`.
                let limit = text(value, "qv").filter(|limit| limit.parse::<f64>().is_err());
                self.add(Role::Other, limit.unwrap_or_default(), false);
            }
            "qLabelExpression" | "labelExpression" => match value {
                Value::String(label) => self.add(Role::Label, label, false),
                _ => self.value(value, place.with(Role::Label)),
            },
            // Dimensions and measures are not auxiliary.
            "qDef" if value.is_string() => {}
            "qFieldDefs" => {}
            "qLabel" | "qFieldLabels" => self.value(value, place.with(place.or(Role::Label))),
            _ if key.starts_with("refLine") => self.value(value, place.with(Role::ReferenceLine)),
            _ => self.value(value, place),
        }
    }

    /// A cube; one of a tooltip has no dimensions and measures that the chart shows.
    fn cube(&mut self, cube: &Value, place: Place) {
        if let Some(role) = place.role {
            let columns = cube::of_cube(cube, self.library);
            for dimension in columns.dimensions {
                dimension.expressions.iter().for_each(|text| self.add(role, text, true));
            }
            for measure in columns.measures {
                self.add(role, &measure.expression, false);
            }
        }
        if cube.get("qDef").is_some() || text(cube, "qLibraryId").is_some() {
            // A list object is a column itself; its expressions are objects.
            self.column(cube, place);
            for expression in items(cube, "qExpressions") {
                self.add(Role::Other, text(expression, "qExpr").unwrap_or_default(), false);
            }
        } else {
            self.value(cube, place);
        }
    }

    /// What a dimension or measure has beside its definition.
    fn column(&mut self, column: &Value, place: Place) {
        let Some(members) = column.as_object() else { return };
        let place = Place { depth: place.depth + 1, ..place };
        if place.depth > MAX_DEPTH {
            return;
        }
        let linked = text(column, "qLibraryId").and_then(|id| self.library.get(id));
        if let Some(label) = linked.and_then(|item| item.label_expression.as_deref()) {
            self.add(Role::Label, label, false);
        }
        for (key, value) in sorted(members) {
            if is_switched_off(key, column) || key == "qExpressions" {
                continue;
            }
            let definition = (key == "qDef").then(|| value.as_object()).flatten();
            for (key, part) in definition.into_iter().flat_map(sorted) {
                let is_overruled = linked.is_some()
                    && matches!(key.as_str(), "qLabel" | "qFieldLabels" | "qLabelExpression");
                if key == "qExpressions" {
                    self.alternatives(value, linked.is_some());
                } else if !is_overruled && !is_switched_off(key, value) {
                    self.member(key, part, value, place);
                }
            }
            if definition.is_none() {
                self.member(key, value, column, place);
            }
        }
    }

    /// Further expressions of a measure that can be switched to.
    fn alternatives(&mut self, definition: &Value, is_linked: bool) {
        let expressions = items(definition, "qExpressions").iter().filter_map(Value::as_str);
        // Without an expression of its own, the measure is the first of them.
        let first = usize::from(text(definition, "qDef").is_none());
        for expression in expressions.skip(first).filter(|_| !is_linked) {
            self.add(Role::Other, expression, false);
        }
    }

    /// An attribute expression or dimension: what a column carries along.
    fn attribute(&mut self, attribute: &Value, place: Place) {
        let id = text(attribute, "id").unwrap_or_default();
        let is_active = match id {
            "colorByExpression" => matches!(place.colour, Colour::ByExpression | Colour::Unknown),
            "colorByAlternative" => matches!(place.colour, Colour::ByColumn | Colour::Unknown),
            _ => true,
        };
        if !is_active {
            return;
        }
        let lower = id.to_ascii_lowercase();
        let role = if lower.contains("color") {
            Role::Color
        } else if lower.contains("tooltip") {
            Role::Tooltip
        } else {
            place.or(Role::Attribute)
        };
        if !self.linked(attribute, role) {
            self.add(role, text(attribute, "qExpression").unwrap_or_default(), false);
            self.add(role, text(attribute, "qDef").unwrap_or_default(), true);
        }
        self.sorting(member(attribute, "qSortBy").unwrap_or(&Value::Null));
    }

    /// Adds what the master item of `value` says; whether it is linked to one that is known.
    fn linked(&mut self, value: &Value, role: Role) -> bool {
        let item = text(value, "qLibraryId").and_then(|id| self.library.get(id));
        for expression in item.iter().flat_map(|item| &item.expressions) {
            let is_measure = item.is_some_and(|item| item.is_measure);
            self.add(role, expression, !is_measure);
        }
        item.is_some()
    }

    /// `{"key": .., "type": ..}`: how a map's layers and colours name a field, an expression or a
    /// master item.
    fn keyed(&mut self, object: &Value, place: Place) -> bool {
        let (Some(key), Some(kind)) = (text(object, "key"), text(object, "type")) else {
            return false;
        };
        let role = place.or(Role::Attribute);
        match (kind, self.library.get(key)) {
            ("expression", _) => self.add(role, key, false),
            (_, Some(item)) => {
                let (expressions, is_measure) = (&item.expressions, item.is_measure);
                expressions.iter().for_each(|text| self.add(role, text, !is_measure));
            }
            ("field" | "dimension" | "measure", None) => self.add(role, key, true),
            ("libraryItem", None) => {}
            _ => return false,
        }
        true
    }

    fn colour(&mut self, colour: &Value, place: Place) {
        let place = place.with(Role::Color);
        match place.colour {
            Colour::Plain => {}
            Colour::Unknown => self.value(colour, place),
            Colour::ByExpression => {
                for key in ["colorExpression", "expression"] {
                    if let Some(value) = member(colour, key) {
                        self.member(key, value, colour, place);
                    }
                }
            }
            Colour::ByColumn => {
                let key = match text(colour, "mode") {
                    Some("byDimension") => "byDimDef",
                    _ => "byMeasureDef",
                };
                self.value(member(colour, key).unwrap_or(&Value::Null), place);
            }
        }
    }

    fn condition(&mut self, condition: &Value) {
        let expression = condition.as_str().or_else(|| text(condition, "qv"));
        self.add(Role::CalculationCondition, expression.unwrap_or_default(), false);
    }

    fn sorting(&mut self, sorting: &Value) {
        let is_off = sorting.get("qSortByExpression").and_then(Value::as_f64) == Some(0.0);
        if !is_off {
            let expression = text_at(sorting, &["qExpression", "qv"]);
            self.add(Role::Sort, expression.unwrap_or_default(), false);
        }
    }
}

fn colour_of(colour: &Value) -> Colour {
    let mode = text(colour, "mode");
    match (flag(colour, "auto"), mode) {
        (Some(true), _) => Colour::Plain,
        (None, None) => Colour::Unknown,
        (_, Some("byExpression")) => Colour::ByExpression,
        (_, Some("byMeasure" | "byDimension")) => Colour::ByColumn,
        _ => Colour::Plain,
    }
}
