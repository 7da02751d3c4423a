use serde::{Deserialize, Serialize};

use super::Millis;

/// A visualization on a sheet. Schema `avro/chart.avsc`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub struct Chart {
    pub service: String,
    pub app_id: String,
    pub observed_at: Millis,
    pub modified_at: Option<Millis>,
    pub object_id: String,
    pub sheet_id: String,
    pub sheet_title: Option<String>,
    pub title: Option<String>,
    pub title_expression: Option<String>,
    pub description: Option<String>,
    pub chart_type: ChartType,
    pub visualization: String,
    pub url: Option<String>,
    pub dimensions: Vec<Dimension>,
    pub measures: Vec<Measure>,
    pub auxiliary_expressions: Vec<AuxiliaryExpression>,
    pub master_object_id: Option<String>,
    pub parent_id: Option<String>,
    pub tags: Vec<String>,
}

/// Kind of visualization. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub enum ChartType {
    #[default]
    Other,
    Line,
    Table,
    Bar,
    Area,
    Pie,
    Histogram,
    Scatter,
    Text,
    BoxPlot,
    Sankey,
    Gauge,
    Map,
    Graph,
    Heatmap,
    Timeline,
}

/// A dimension of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub struct Dimension {
    pub label: Option<String>,
    pub expressions: Vec<String>,
    pub grouping: Grouping,
    pub library_id: Option<String>,
    pub fields: Vec<String>,
}

/// How a dimension with several fields behaves. The order is the Avro enum's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub enum Grouping {
    #[default]
    None,
    DrillDown,
    Cyclic,
}

/// A measure of a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub struct Measure {
    pub label: Option<String>,
    pub expression: String,
    pub library_id: Option<String>,
    pub fields: Vec<String>,
}

/// An expression that is neither dimension nor measure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub struct AuxiliaryExpression {
    pub role: AuxiliaryRole,
    pub expression: String,
    pub fields: Vec<String>,
}

/// What an auxiliary expression is for. The order is the Avro enum's.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "documented in avro/chart.avsc")]
pub enum AuxiliaryRole {
    #[default]
    Other,
    Title,
    Subtitle,
    Footnote,
    Label,
    Color,
    Sort,
    ShowCondition,
    CalculationCondition,
    Attribute,
    Tooltip,
    ReferenceLine,
}
