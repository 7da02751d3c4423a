//! What an app must lead to, by a walk over its bundle that shares nothing with the extractor.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// What must arrive of one app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Name of the app.
    pub title: String,
    /// Sheets by id: their titles.
    pub sheets: BTreeMap<String, String>,
    /// Charts by object id.
    pub charts: BTreeMap<String, ExpectedChart>,
    /// Fields by table; empty for an app that was never reloaded.
    pub tables: BTreeMap<String, BTreeSet<String>>,
    /// Number of master measures and dimensions.
    pub master_items: usize,
}

/// What must arrive of one chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedChart {
    /// Sheet.
    pub sheet: String,
    /// Qlik's type.
    pub visualization: String,
    /// Number of dimensions and measures.
    pub columns: usize,
}

/// Objects on a sheet that are no charts.
const NOT_CHARTS: [&str; 16] = [
    "filterpane",
    "listbox",
    "container",
    "sn-tabbed-container",
    "sn-layout-container",
    "action-button",
    "qlik-variable-input",
    "qlik-share-button",
    "qlik-date-picker",
    "qlik-animator",
    "sn-shape",
    "sn-video-player",
    "sn-nav-menu",
    "odag-toolbar-navpoint",
    "bookmark-list",
    "auto-chart",
];

/// The folder with real apps, when it is there: beside the workspace.
#[must_use]
pub fn real_apps() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/apps");
    folder.is_dir().then_some(folder)
}

/// Bundles of a folder: file name without its ending, and content.
///
/// # Panics
/// When a file is no bundle.
#[must_use]
pub fn bundles(folder: &Path) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(folder).expect("a folder of bundles");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let bundles = paths.filter(|path| path.extension().is_some_and(|ending| ending == "json"));
    bundles
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("readable");
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect()
}

/// What a bundle must lead to.
#[must_use]
pub fn of_bundle(bundle: &Value) -> Expected {
    let objects = list(&bundle["objects"]);
    let masters: BTreeMap<&str, &Value> = objects
        .iter()
        .filter(|object| text(&object["qProperty"]["qInfo"]["qType"]) == "masterobject")
        .map(|object| (text(&object["qProperty"]["qInfo"]["qId"]), object))
        .collect();
    let mut expected = Expected {
        title: text(&bundle["app"]["qTitle"]).to_owned(),
        tables: tables(&bundle["data_metadata"]),
        master_items: list(&bundle["measures"]).len() + list(&bundle["dimensions"]).len(),
        ..Expected::default()
    };
    for object in objects {
        let property = &object["qProperty"];
        if text(&property["qInfo"]["qType"]) == "sheet" {
            let id = text(&property["qInfo"]["qId"]);
            expected.sheets.insert(id.to_owned(), text(&property["qMetaDef"]["title"]).to_owned());
            for child in list(&object["qChildren"]) {
                collect(child, id, &masters, &mut expected.charts, 0);
            }
        }
    }
    expected
}

fn collect(
    node: &Value,
    sheet: &str,
    masters: &BTreeMap<&str, &Value>,
    charts: &mut BTreeMap<String, ExpectedChart>,
    depth: usize,
) {
    if depth > 20 {
        return;
    }
    let own = &node["qProperty"];
    let master = masters.get(text(&own["qExtendsId"])).copied();
    let source = master.map_or(own, |master| &master["qProperty"]);
    let mut visualization = match text(&source["visualization"]) {
        "" => text(&own["qInfo"]["qType"]),
        visualization => visualization,
    };
    let mut definition = source;
    if visualization == "auto-chart" {
        let generated = &source["qUndoExclude"]["generated"];
        if !text(&generated["visualization"]).is_empty() {
            visualization = text(&generated["visualization"]);
            definition = generated;
        }
    }
    if !NOT_CHARTS.contains(&visualization) {
        let chart = ExpectedChart {
            sheet: sheet.to_owned(),
            visualization: visualization.to_owned(),
            columns: columns(definition),
        };
        charts.entry(text(&own["qInfo"]["qId"]).to_owned()).or_insert(chart);
    }
    // A filter pane's list boxes are its parts.
    if visualization != "filterpane" {
        for child in list(&master.unwrap_or(node)["qChildren"]) {
            collect(child, sheet, masters, charts, depth + 1);
        }
    }
}

/// Dimensions and measures of the hypercube, or of a map's layers.
fn columns(definition: &Value) -> usize {
    let cube = |cube: &Value| list(&cube["qDimensions"]).len() + list(&cube["qMeasures"]).len();
    let layers = list(&definition["gaLayers"]);
    let of_layers: usize = layers.iter().map(|layer| cube(&layer["qHyperCubeDef"])).sum();
    cube(&definition["qHyperCubeDef"]) + of_layers
}

fn tables(metadata: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut tables = BTreeMap::new();
    for table in list(&metadata["tables"]) {
        if table["is_system"] != true {
            tables.insert(text(&table["name"]).to_owned(), BTreeSet::new());
        }
    }
    for field in list(&metadata["fields"]) {
        for table in list(&field["src_tables"]) {
            if let Some(fields) = tables.get_mut(text(table)) {
                fields.insert(text(&field["name"]).to_owned());
            }
        }
    }
    tables
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
