//! Texts for people: display names and descriptions. Pure.

use schemas::event::{
    Chart, ChartType, DataModel, DataModelKind, Dimension, Field, Grouping, Measure,
};

/// Longest display name; the server has no limit, its pages do not get better by longer ones.
const MAX_DISPLAY_NAME: usize = 256;
/// Longest expression in a display name.
const MAX_EXPRESSION: usize = 60;

/// How a description is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Style {
    /// Markdown.
    Markdown,
    /// Markdown with expressions in `<code>` and escaped: for servers whose sanitiser would drop
    /// `<Year={2020}>` from a set expression, back-ticks or not.
    Escaped,
}

/// One line without surrounding blanks; `None` when nothing is left.
pub(in super::super) fn line(text: &str) -> Option<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let head: String = text.chars().take(max - 1).collect();
    format!("{}…", head.trim_end())
}

/// A display name: the text, else `fallback`.
pub(in super::super) fn display_name(text: Option<&str>, fallback: &str) -> String {
    let text = text.and_then(line).or_else(|| line(fallback));
    cut(text.as_deref().unwrap_or("(unnamed)"), MAX_DISPLAY_NAME)
}

/// What a person would call a chart: its title, else its sheet and what it shows.
pub(in super::super) fn chart_name(chart: &Chart) -> String {
    if let Some(title) = chart.title.as_deref().and_then(line) {
        return cut(&title, MAX_DISPLAY_NAME);
    }
    let measure = chart.measures.iter().find_map(|measure| {
        measure.label.as_deref().and_then(line).or_else(|| short_expression(&measure.expression))
    });
    let dimension = chart.dimensions.iter().find_map(|dimension| {
        dimension
            .label
            .as_deref()
            .and_then(line)
            .or_else(|| dimension.expressions.iter().find_map(|text| short_expression(text)))
    });
    let shown = match (measure, dimension) {
        (Some(measure), Some(dimension)) => format!("{measure} by {dimension}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => type_name(chart),
    };
    match chart.sheet_title.as_deref().and_then(line) {
        Some(sheet) => cut(&format!("{sheet}: {shown}"), MAX_DISPLAY_NAME),
        None => cut(&shown, MAX_DISPLAY_NAME),
    }
}

fn short_expression(expression: &str) -> Option<String> {
    let expression = line(expression)?;
    Some(cut(expression.strip_prefix('=').unwrap_or(&expression).trim(), MAX_EXPRESSION))
        .filter(|text| !text.is_empty())
}

fn type_name(chart: &Chart) -> String {
    let name = match chart.chart_type {
        ChartType::Other => return display_name(Some(&chart.visualization), "Visualization"),
        ChartType::Line => "Line chart",
        ChartType::Table => "Table",
        ChartType::Bar => "Bar chart",
        ChartType::Area => "Area chart",
        ChartType::Pie => "Pie chart",
        ChartType::Histogram => "Histogram",
        ChartType::Scatter => "Scatter plot",
        ChartType::Text => "Text",
        ChartType::BoxPlot => "Box plot",
        ChartType::Sankey => "Sankey chart",
        ChartType::Gauge => "Gauge",
        ChartType::Map => "Map",
        ChartType::Graph => "Graph",
        ChartType::Heatmap => "Heat map",
        ChartType::Timeline => "Timeline",
    };
    name.to_owned()
}

/// Description of a chart: the author's, and under it what the chart calculates.
pub(in super::super) fn chart_description(chart: &Chart, style: Style) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(own(chart.description.as_deref()));
    if let Some(sheet) = chart.sheet_title.as_deref().and_then(line) {
        parts.push(format!("**Sheet**: {}", label(&sheet)));
    }
    if let (None, Some(title)) =
        (chart.title.as_deref().and_then(line), chart.title_expression.as_deref())
        && let Some(title) = line(title)
    {
        parts.push(format!("**Title**: {}", code(&title, style)));
    }
    if !chart.measures.is_empty() {
        let lines: Vec<_> = chart.measures.iter().map(|m| measure_line(m, style)).collect();
        parts.push(format!("**Measures**\n\n{}", lines.join("\n")));
    }
    if !chart.dimensions.is_empty() {
        let lines: Vec<_> = chart.dimensions.iter().map(|d| dimension_line(d, style)).collect();
        parts.push(format!("**Dimensions**\n\n{}", lines.join("\n")));
    }
    join(&parts)
}

fn measure_line(measure: &Measure, style: Style) -> String {
    let expression = code(&measure.expression, style);
    match measure.label.as_deref().and_then(line) {
        Some(text) => format!("- {}: {expression}", label(&text)),
        None => format!("- {expression}"),
    }
}

fn dimension_line(dimension: &Dimension, style: Style) -> String {
    let expressions: Vec<_> =
        dimension.expressions.iter().map(|expression| code(expression, style)).collect();
    let (separator, kind) = match dimension.grouping {
        Grouping::None => (", ", ""),
        Grouping::DrillDown => (" › ", " (drill-down)"),
        Grouping::Cyclic => (", ", " (cyclic)"),
    };
    let expressions = expressions.join(separator);
    match dimension.label.as_deref().and_then(line) {
        Some(text) => format!("- {}{kind}: {expressions}", label(&text)),
        None => format!("- {expressions}{kind}"),
    }
}

/// Description of a data model.
pub(in super::super) fn data_model_description(model: &DataModel) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(own(model.comment.as_deref()));
    match (model.kind, &model.file) {
        (DataModelKind::MasterItems, _) => {
            parts.push("Master measures and dimensions of the app.".to_owned());
        }
        (_, Some(file)) => {
            let format = file.format.as_deref().and_then(line);
            let connection = file.connection.as_deref().and_then(line);
            let mut text = match format {
                Some(format) => format!("Data file ({})", label(&format)),
                None => "Data file".to_owned(),
            };
            if let Some(connection) = connection {
                text.push_str(&format!(", data connection {}", label(&connection)));
            }
            text.push('.');
            parts.push(text);
        }
        _ => {}
    }
    join(&parts)
}

/// Description of a column: the comment, and a master item's expression.
pub(in super::super) fn column_description(field: &Field, style: Style) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(own(field.comment.as_deref()));
    if let Some(expression) = field.expression.as_deref().filter(|text| !text.trim().is_empty()) {
        parts.push(code(expression, style));
    }
    join(&parts)
}

/// Somebody's own text, as it is.
pub(in super::super) fn own(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

fn join(parts: &[String]) -> Option<String> {
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// An expression as code: on the line when it fits there, else as a block.
fn code(expression: &str, style: Style) -> String {
    let expression = expression.trim();
    match style {
        Style::Escaped => {
            let escaped =
                expression.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            format!("<code>{}</code>", escaped.replace('\n', "<br>"))
        }
        Style::Markdown if expression.contains('\n') => {
            let fence = "`".repeat((longest_run(expression) + 1).max(3));
            let indented: Vec<_> = expression.lines().map(|line| format!("  {line}")).collect();
            format!("\n\n  {fence}\n{}\n  {fence}", indented.join("\n"))
        }
        Style::Markdown => {
            let fence = "`".repeat(longest_run(expression) + 1);
            // A back-tick at an end would join the fence.
            let pad =
                if expression.starts_with('`') || expression.ends_with('`') { " " } else { "" };
            format!("{fence}{pad}{expression}{pad}{fence}")
        }
    }
}

/// Length of the longest run of back-ticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

/// Text that stands among Markdown.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('*', "\\*").replace('`', "\\`").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(label: Option<&str>, expression: &str) -> Measure {
        Measure {
            label: label.map(str::to_owned),
            expression: expression.to_owned(),
            ..Measure::default()
        }
    }

    fn dimension(label: Option<&str>, expressions: &[&str], grouping: Grouping) -> Dimension {
        Dimension {
            label: label.map(str::to_owned),
            expressions: expressions.iter().map(|text| (*text).to_owned()).collect(),
            grouping,
            ..Dimension::default()
        }
    }

    #[test]
    fn charts_have_a_name_whatever_they_lack() {
        let check = |chart: Chart, expected| assert_eq!(chart_name(&chart), expected);
        let sheet = || Some("Overview".to_owned());
        check(Chart { title: Some(" Sales\n2020 ".into()), ..Chart::default() }, "Sales 2020");
        let measures = vec![measure(None, " =Sum(Amount) "), measure(Some("Margin"), "x")];
        let dimensions = vec![dimension(Some("Region"), &["Region"], Grouping::None)];
        check(
            Chart {
                title: Some("  ".into()),
                sheet_title: sheet(),
                measures: measures.clone(),
                dimensions: dimensions.clone(),
                ..Chart::default()
            },
            "Overview: Sum(Amount) by Region",
        );
        check(Chart { measures, ..Chart::default() }, "Sum(Amount)");
        check(Chart { dimensions, sheet_title: sheet(), ..Chart::default() }, "Overview: Region");
        check(
            Chart { chart_type: ChartType::Bar, sheet_title: sheet(), ..Chart::default() },
            "Overview: Bar chart",
        );
        check(Chart { visualization: "my-ext".into(), ..Chart::default() }, "my-ext");
        check(Chart::default(), "Visualization");
        let long = chart_name(&Chart { title: Some("ä".repeat(400)), ..Chart::default() });
        assert_eq!(long.chars().count(), 256);
    }

    #[test]
    fn a_chart_is_described_by_its_formulas() {
        let chart = Chart {
            description: Some("By region".into()),
            sheet_title: Some("Overview".into()),
            measures: vec![
                measure(Some("Sales *"), "Sum({<Year={2020}>} Amount)"),
                measure(None, "a\nb"),
            ],
            dimensions: vec![dimension(Some("Place"), &["Region", "City"], Grouping::DrillDown)],
            ..Chart::default()
        };
        assert_eq!(
            chart_description(&chart, Style::Markdown).as_deref(),
            Some(
                "By region\n\n**Sheet**: Overview\n\n**Measures**\n\n\
                 - Sales \\*: `Sum({<Year={2020}>} Amount)`\n- \n\n  ```\n  a\n  b\n  ```\n\n\
                 **Dimensions**\n\n- Place (drill-down): `Region` › `City`"
            )
        );
        let escaped = chart_description(&chart, Style::Escaped).expect("a text");
        assert!(escaped.contains("<code>Sum({&lt;Year={2020}&gt;} Amount)</code>"), "{escaped}");
        assert_eq!(chart_description(&Chart::default(), Style::Markdown), None);
    }

    #[test]
    fn back_ticks_in_expressions_do_not_end_the_code() {
        let check = |text, expected| assert_eq!(code(text, Style::Markdown), expected);
        check("a", "`a`");
        check("a`b", "``a`b``");
        check("`a", "`` `a ``");
    }

    #[test]
    fn columns_of_master_items_show_their_expression() {
        let field = Field {
            comment: Some("Net".into()),
            expression: Some("Sum(x)".into()),
            ..Field::default()
        };
        assert_eq!(column_description(&field, Style::Markdown).as_deref(), Some("Net\n\n`Sum(x)`"));
        assert_eq!(column_description(&Field::default(), Style::Markdown), None);
    }
}
