//! An app's master measures and dimensions, and what names mean in the app.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemas::{
    event::{DataModel, DataModelKind, DataType, Field, Grouping},
    key::MASTER_ITEMS,
};
use serde_json::Value;

use super::{
    App,
    json::{items_at, member, sorted_texts, text, text_at},
    visualization::info,
};
use crate::{expression::Names, qlik::model::AppContent};

/// A master measure or dimension.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its id.
    pub(super) id: String,
    /// Whether it is a measure.
    pub(super) is_measure: bool,
    /// Its title, else its label; `None` when it has neither.
    pub(super) title: Option<String>,
    /// Name of its field in the app's master items, unique there.
    pub(super) name: String,
    /// Expressions: one of a measure, one or the levels of a group of a dimension.
    pub(super) expressions: Vec<String>,
    /// Kind of group.
    pub(super) grouping: Grouping,
    /// Expression of its label.
    pub(super) label_expression: Option<String>,
    label: Option<String>,
    description: Option<String>,
    tags: Vec<String>,
}

/// An app's master items.
#[derive(Debug, Default)]
pub(super) struct Library {
    items: Vec<Item>,
    by_id: HashMap<String, usize>,
    /// A measure and a dimension may have the same label.
    by_label: HashMap<(IsMeasure, String), usize>,
}

type IsMeasure = bool;

impl Library {
    /// The items of an app: measures, then dimensions, each by id. An item without an id is none.
    pub(super) fn of(content: &AppContent) -> Self {
        let measures = content.measures.iter().filter_map(measure);
        let dimensions = content.dimensions.iter().filter_map(dimension);
        let mut items: Vec<Item> = measures.chain(dimensions).collect();
        items.sort_by(|a, b| (!a.is_measure, &a.id).cmp(&(!b.is_measure, &b.id)));
        items.dedup_by(|a, b| a.id == b.id);
        name_uniquely(&mut items);
        let mut library = Self::default();
        for (index, item) in items.iter().enumerate() {
            library.by_id.entry(item.id.clone()).or_insert(index);
        }
        // A title is what people refer to; a label counts where no title is the same.
        for label in [|item: &Item| item.title.clone(), |item: &Item| item.label.clone()] {
            for (index, item) in items.iter().enumerate() {
                if let Some(label) = label(item) {
                    library.by_label.entry((item.is_measure, label)).or_insert(index);
                }
            }
        }
        library.items = items;
        library
    }

    /// All items.
    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The item with this id.
    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        self.by_id.get(id).and_then(|index| self.items.get(*index))
    }

    /// The item that an expression means by this label; a measure before a dimension.
    pub(super) fn by_label(&self, label: &str) -> Option<&Item> {
        let mut kinds = [true, false].into_iter();
        let index = kinds.find_map(|kind| self.by_label.get(&(kind, label.to_owned())))?;
        self.items.get(*index)
    }

    /// What names mean in an app with these items, these fields and the variables of `content`.
    pub(super) fn names(&self, fields: BTreeSet<String>, content: &AppContent) -> Names {
        let variables =
            content.variables.iter().map(|v| (v.name.clone(), v.definition.clone())).collect();
        let mut names = Names { fields, variables, ..Names::default() };
        for ((_, label), index) in &self.by_label {
            let Some(item) = self.items.get(*index) else { continue };
            if item.is_measure {
                names.measures.extend(item.expressions.first().map(|e| (label.clone(), e.clone())));
            } else {
                names.dimensions.insert(label.clone(), item.expressions.clone());
            }
        }
        names
    }

    /// The event of the app's master items; `None` when it has none.
    pub(super) fn event(&self, app: &App<'_>) -> Option<DataModel> {
        let field = |item: &Item| Field {
            name: item.name.clone(),
            data_type: if item.is_measure { DataType::Measure } else { DataType::Dimension },
            qlik_tags: item.tags.clone(),
            comment: item.description.clone(),
            expression: (!item.expressions.is_empty()).then(|| item.expressions.join(", ")),
            ..Field::default()
        };
        (!self.items.is_empty()).then(|| DataModel {
            service: app.context.service.to_owned(),
            app_id: Some(app.id.to_owned()),
            observed_at: app.context.observed_at,
            kind: DataModelKind::MasterItems,
            table: Some(MASTER_ITEMS.to_owned()),
            fields: self.items.iter().map(field).collect(),
            ..DataModel::default()
        })
    }
}

fn measure(properties: &Value) -> Option<Item> {
    let properties = member(properties, "qProp").unwrap_or(properties);
    let own = |key: &str| text_at(properties, &["qMeasure", key]).map(str::to_owned);
    item(
        properties,
        true,
        own("qLabel"),
        own("qLabelExpression"),
        own("qDef").into_iter().collect(),
    )
}

fn dimension(properties: &Value) -> Option<Item> {
    let properties = member(properties, "qProp").unwrap_or(properties);
    let own = |key: &str| text_at(properties, &["qDim", key]).map(str::to_owned);
    let expressions = items_at(properties, &["qDim", "qFieldDefs"]);
    let mut item = item(
        properties,
        false,
        own("title"),
        own("qLabelExpression"),
        field_definitions(expressions),
    )?;
    item.grouping = grouping(member(properties, "qDim").unwrap_or(&Value::Null));
    Some(item)
}

fn item(
    properties: &Value,
    is_measure: bool,
    label: Option<String>,
    label_expression: Option<String>,
    expressions: Vec<String>,
) -> Option<Item> {
    let meta = member(properties, "qMetaDef").unwrap_or(&Value::Null);
    let title = text(meta, "title").map(str::to_owned).or_else(|| label.clone());
    Some(Item {
        id: info(properties, "qId")?.to_owned(),
        is_measure,
        title,
        name: String::new(),
        expressions,
        grouping: Grouping::None,
        label_expression,
        label,
        description: text(meta, "description").map(str::to_owned),
        tags: sorted_texts(meta, "tags"),
    })
}

/// Field definitions that are not blank.
pub(super) fn field_definitions(definitions: &[Value]) -> Vec<String> {
    let texts = definitions.iter().filter_map(Value::as_str);
    texts.filter(|text| !text.trim().is_empty()).map(str::to_owned).collect()
}

/// `qGrouping` of a dimension: `N`, `H` (drill-down) or `C` (cyclic), or the engine's long names.
pub(super) fn grouping(definition: &Value) -> Grouping {
    match text(definition, "qGrouping") {
        Some("H" | "GRP_NX_HIEARCHY" | "GRP_NX_HIERARCHY") => Grouping::DrillDown,
        Some("C" | "GRP_NX_COLLECTION") => Grouping::Cyclic,
        _ => Grouping::None,
    }
}

/// Names each item by its title. The first of several with the same title has it, the others get
/// their id behind it, so that a further item never renames another.
fn name_uniquely(items: &mut [Item]) {
    let mut taken = BTreeSet::new();
    let mut repeated = BTreeMap::new();
    for (index, item) in items.iter_mut().enumerate() {
        item.name = item.title.clone().unwrap_or_else(|| item.id.clone());
        if !taken.insert(item.name.clone()) {
            repeated.insert(index, format!("{} ({})", item.name, item.id));
        }
    }
    for (index, mut name) in repeated {
        while !taken.insert(name.clone()) {
            name.push('\'');
        }
        if let Some(item) = items.get_mut(index) {
            item.name = name;
        }
    }
}
