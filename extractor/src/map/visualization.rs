//! What an object on a sheet is: its type, and the properties that count.

use std::{borrow::Cow, collections::HashMap};

use schemas::event::ChartType;
use serde_json::{Map, Value};

use super::json::{at, items, member, text, text_at};

/// Links from one master visualization to another that are followed; Qlik makes one.
const MAX_LINKS: usize = 4;

/// What a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A chart.
    Chart(ChartType),
    /// Something that holds other objects and is no chart itself.
    Container,
    /// A pane of list boxes, which are parts of it.
    FilterPane,
    /// A button, a list box, an input: something to act with, no chart.
    Control,
}

/// The kind of Qlik's type `visualization`. Types of third parties are charts of type other.
pub(super) fn kind(visualization: &str, properties: &Value) -> Kind {
    Kind::Chart(match visualization {
        "container" | "sn-tabbed-container" | "sn-layout-container" => return Kind::Container,
        "filterpane" => return Kind::FilterPane,
        "listbox"
        | "action-button"
        | "qlik-variable-input"
        | "qlik-share-button"
        | "qlik-date-picker"
        | "qlik-animator"
        | "sn-shape"
        | "sn-video-player"
        | "sn-nav-menu"
        | "odag-toolbar-navpoint"
        | "bookmark-list" => return Kind::Control,
        "barchart"
        | "qlik-barplus-chart"
        | "bulletchart"
        | "qlik-bullet-chart"
        | "waterfallchart"
        | "mekkochart"
        | "qlik-variance-waterfall"
        | "qlik-funnel-chart-ext"
        | "sn-funnel-chart" => ChartType::Bar,
        "linechart" if text(properties, "lineType") == Some("area") => ChartType::Area,
        "linechart" | "combochart" | "qlik-trellis-container" => ChartType::Line,
        "piechart" => ChartType::Pie,
        "table" | "sn-table" | "pivot-table" | "sn-pivot-table" | "qlik-smart-pivot" => {
            ChartType::Table
        }
        "kpi" | "qlik-multi-kpi" | "gauge" => ChartType::Gauge,
        "scatterplot" | "distributionplot" => ChartType::Scatter,
        "boxplot" => ChartType::BoxPlot,
        "histogram" => ChartType::Histogram,
        "qlik-heatmap-chart" | "sn-grid-chart" => ChartType::Heatmap,
        "map" => ChartType::Map,
        "qlik-sankey-chart-ext" => ChartType::Sankey,
        "qlik-network-chart" | "sn-org-chart" => ChartType::Graph,
        "text-image" | "sn-text" | "sn-nlg-chart" => ChartType::Text,
        _ => ChartType::Other,
    })
}

/// The app's master visualizations by id: `{qProperty, qChildren}`.
#[derive(Debug, Default)]
pub(super) struct MasterObjects<'a>(HashMap<&'a str, &'a Value>);

impl<'a> MasterObjects<'a> {
    /// Those among the app's objects.
    pub(super) fn of(objects: &'a [Value]) -> Self {
        let is_master = |node: &&Value| info(properties(node), "qType") == Some("masterobject");
        let by_id = |node: &'a Value| Some((info(properties(node), "qId")?, node));
        Self(objects.iter().map(entry).filter(is_master).filter_map(by_id).collect())
    }

    fn get(&self, id: &str) -> Option<&'a Value> {
        self.0.get(id).copied()
    }
}

/// The `{qProperty, qChildren}` of an object, also when the reply's envelope is still around it.
pub(super) fn entry(object: &Value) -> &Value {
    member(object, "qPropEntry").unwrap_or(object)
}

/// Own properties of a node.
pub(super) fn properties(node: &Value) -> &Value {
    node.get("qProperty").unwrap_or(&Value::Null)
}

/// `qInfo.qId` or `qInfo.qType` of properties.
pub(super) fn info<'a>(properties: &'a Value, key: &str) -> Option<&'a str> {
    text_at(properties, &["qInfo", key])
}

/// An object on a sheet with its links resolved.
#[derive(Debug)]
pub(super) struct Visual<'a> {
    /// Own properties over those of the master visualization that it is linked to.
    pub(super) properties: Cow<'a, Value>,
    /// Qlik's type: that of the master visualization, or of what an auto-chart shows.
    pub(super) visualization: String,
    /// Id of the master visualization.
    pub(super) master_id: Option<&'a str>,
    /// Own properties.
    pub(super) own: &'a Value,
    /// Properties of the master visualization, when the app has it.
    pub(super) master: Option<&'a Value>,
    /// Nested objects: its own, else those of the master visualization.
    pub(super) children: &'a [Value],
}

/// Resolves a node of a property tree.
pub(super) fn resolve<'a>(node: &'a Value, masters: &MasterObjects<'a>) -> Visual<'a> {
    let own = properties(node);
    let master_id = text(own, "qExtendsId");
    let mut layers = vec![own];
    let mut children = items(node, "qChildren");
    let mut link = master_id;
    for _ in 0..MAX_LINKS {
        let Some(master) = link.and_then(|id| masters.get(id)) else { break };
        layers.push(properties(master));
        if children.is_empty() {
            children = items(master, "qChildren");
        }
        link = text(properties(master), "qExtendsId");
    }
    let linked = match layers.as_slice() {
        [only] => Cow::Borrowed(*only),
        layers => Cow::Owned(overlaid(layers)),
    };
    let properties = match at(&linked, &["qUndoExclude", "generated"]) {
        Some(generated) if is_auto_chart(&linked) => Cow::Owned(of_auto_chart(&linked, generated)),
        _ => linked,
    };
    let visualization = text(&properties, "visualization").or_else(|| info(own, "qType"));
    let visualization = visualization.unwrap_or_default().to_owned();
    Visual { properties, visualization, master_id, own, master: layers.get(1).copied(), children }
}

/// The first layer's members over those of the layers behind it. A member that is empty in one
/// layer shows the next. `qInfo` and `qExtendsId` are the first one's alone.
fn overlaid(layers: &[&Value]) -> Value {
    let mut result = Map::new();
    for (depth, layer) in layers.iter().enumerate() {
        for (key, value) in layer.as_object().into_iter().flatten() {
            let is_own = matches!(key.as_str(), "qInfo" | "qExtendsId");
            let is_free = result.get(key).is_none_or(is_empty);
            if is_free && (depth == 0 || !is_own) {
                result.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(result)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn has_no_columns(cube: &Value) -> bool {
    items(cube, "qDimensions").is_empty() && items(cube, "qMeasures").is_empty()
}

fn is_auto_chart(properties: &Value) -> bool {
    text(properties, "visualization").or_else(|| info(properties, "qType")) == Some("auto-chart")
}

/// An auto-chart's properties with those of the chart that it shows over them. The author's title
/// stays.
fn of_auto_chart(properties: &Value, generated: &Value) -> Value {
    let mut shown = overlaid(&[generated, properties]);
    if let Value::Object(members) = &mut shown {
        members.remove("qUndoExclude");
        if let Some(cube) = member(properties, "qHyperCubeDef")
            && member(generated, "qHyperCubeDef").is_none_or(has_no_columns)
        {
            members.insert("qHyperCubeDef".to_owned(), cube.clone());
        }
        for key in ["title", "subtitle", "footnote", "qInfo"] {
            if let Some(value) = properties.get(key).filter(|value| !is_empty(value)) {
                members.insert(key.to_owned(), value.clone());
            }
        }
        let visualization = text(generated, "visualization").or_else(|| info(generated, "qType"));
        if let Some(visualization) = visualization {
            members.insert("visualization".to_owned(), visualization.into());
        }
    }
    shown
}
