//! Real apps, where they are: what is mapped against an independent walk of each bundle.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::*;

/// The folder of real apps beside the workspace, when it is there.
fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/apps");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {} is not there", folder.display());
    None
}

fn read(path: &Path) -> (Value, AppContent) {
    let text = fs::read_to_string(path).expect("a readable file");
    let bundle: Value = serde_json::from_str(&text).expect("JSON");
    let list = |key: &str| bundle[key].as_array().cloned().unwrap_or_default();
    let variables = list("variables")
        .iter()
        .map(|it| &it["qProperties"])
        .map(|it| Variable {
            name: it["qName"].as_str().unwrap_or_default().to_owned(),
            definition: it["qDefinition"].as_str().unwrap_or_default().to_owned(),
        })
        .collect();
    let content = AppContent {
        layout: bundle["app"].clone(),
        objects: list("objects"),
        measures: list("measures"),
        dimensions: list("dimensions"),
        variables,
        script: bundle["script"].as_str().map(str::to_owned),
        data_model: match &bundle["data_metadata"] {
            Value::Null => DataModelSource::Absent,
            metadata => DataModelSource::Metadata(metadata.clone()),
        },
        ..AppContent::default()
    };
    (bundle, content)
}

fn bundles() -> Vec<(String, Value, AppContent)> {
    let Some(folder) = folder() else { return Vec::new() };
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let named = |path: PathBuf| {
        let (bundle, content) = read(&path);
        (path.display().to_string(), bundle, content)
    };
    files.into_iter().map(named).collect()
}

/// Charts of a bundle by a walk of its own: id and type.
fn charts_of(bundle: &Value) -> BTreeMap<String, String> {
    const CONTROLS: [&str; 3] = ["filterpane", "listbox", "container"];
    let objects = bundle["objects"].as_array().cloned().unwrap_or_default();
    let master_type = |id: &Value| {
        let mut own = objects.iter().map(|it| &it["qProperty"]);
        own.find(|it| it["qInfo"]["qId"] == *id).map(|it| it["visualization"].clone())
    };
    let mut found = BTreeMap::new();
    let mut waiting: Vec<&Value> = objects
        .iter()
        .filter(|it| it["qProperty"]["qInfo"]["qType"] == "sheet")
        .flat_map(|it| it["qChildren"].as_array().into_iter().flatten())
        .collect();
    while let Some(node) = waiting.pop() {
        waiting.extend(node["qChildren"].as_array().into_iter().flatten());
        let own = &node["qProperty"];
        let visualization =
            master_type(&own["qExtendsId"]).unwrap_or_else(|| own["visualization"].clone());
        let visualization = visualization.as_str().expect("a type").to_owned();
        if !CONTROLS.contains(&visualization.as_str()) {
            found.insert(own["qInfo"]["qId"].as_str().expect("an id").to_owned(), visualization);
        }
    }
    found
}

#[test]
fn charts_are_those_of_the_bundle() {
    for (name, bundle, content) in bundles() {
        let events = map(&content);
        let mapped: BTreeMap<String, String> = events
            .charts
            .iter()
            .map(|chart| (chart.object_id.clone(), chart.visualization.clone()))
            .collect();
        assert_eq!(mapped, charts_of(&bundle), "{name}");
        let on_sheets: usize = events.dashboard.sheets.iter().map(|it| it.chart_ids.len()).sum();
        assert_eq!(on_sheets, mapped.len(), "{name}");
    }
}

#[test]
fn every_dimension_and_measure_of_a_loaded_app_is_resolved() {
    for (name, bundle, content) in bundles() {
        let events = map(&content);
        let known: HashSet<&str> = events
            .data_models
            .iter()
            .flat_map(|model| &model.fields)
            .map(|field| field.name.as_str())
            .collect();
        let has_data =
            bundle["data_metadata"]["fields"].as_array().is_some_and(|it| !it.is_empty());
        for chart in &events.charts {
            let dimensions = chart.dimensions.iter().map(|it| &it.fields);
            let measures = chart
                .measures
                .iter()
                .filter(|it| !it.expression.starts_with('\''))
                .map(|it| &it.fields);
            for fields in dimensions.chain(measures) {
                assert_eq!(!fields.is_empty(), has_data, "{name} {}", chart.object_id);
                assert!(fields.iter().all(|field| known.contains(field.as_str())), "{name}");
            }
        }
    }
}

#[test]
fn an_unchanged_app_gives_unchanged_events() {
    for (name, _, content) in bundles() {
        let hashes = |observed_at| {
            let entry = AppEntry { id: "app".into(), ..AppEntry::default() };
            let context = Context {
                service: "prod",
                base_url: None,
                observed_at,
                options: Options::default(),
            };
            let events = map_app(&entry, &content, &context).into_events();
            events.iter().map(|it| (it.key(), it.content_hash())).collect::<Vec<_>>()
        };
        assert_eq!(hashes(1), hashes(2), "{name}");
    }
}

#[test]
fn happiness_as_people_see_it() {
    let Some((_, _, content)) =
        bundles().into_iter().find(|(name, ..)| name.ends_with("happiness.json"))
    else {
        return;
    };
    let events = map(&content);
    let titles: Vec<_> =
        events.dashboard.sheets.iter().map(|it| it.title.as_deref().unwrap_or_default()).collect();
    assert_eq!(
        titles,
        [
            "My new sheet",
            "Introduction (2)",
            "Happy Planet Index (HPI)",
            "HPI Comparison",
            "Region - HPI Comparisons",
        ]
    );
    let linked = chart(&events, "MpzEgK");
    assert_eq!(linked.title.as_deref(), Some("new Title"));
    assert_eq!(linked.visualization, "text-image");
    let happy = chart(&events, "TYBRjT");
    assert_eq!(happy.dimensions[0].expressions, ["Region", "SubRegion", "Country"]);
    assert_eq!(happy.dimensions[0].label.as_deref(), Some("Region-SubRegion-Country"));
    assert_eq!(happy.measures[0].label.as_deref(), Some("GDP per capita"));
    assert_eq!(happy.measures[0].fields, ["GDP/capita ($PPP)"]);
    let map_chart = chart(&events, "erbUDH");
    assert_eq!(map_chart.dimensions[0].fields, ["Country"]);
    assert!(map_chart.measures.is_empty());
    let colour =
        map_chart.auxiliary_expressions.iter().find(|it| it.role == event::AuxiliaryRole::Color);
    assert_eq!(colour.map(|it| it.fields.clone()), Some(vec!["Happy Planet Index".to_owned()]));
    // Colours of a mode that is not the chosen one are left in the properties.
    assert!(
        chart(&events, "VNVm")
            .auxiliary_expressions
            .iter()
            .all(|it| it.role != event::AuxiliaryRole::Color)
    );
    let models: Vec<_> =
        events.data_models.iter().map(|it| (it.table.as_deref(), it.fields.len())).collect();
    assert_eq!(models, [(Some("Happy Planet Index"), 20), (Some("(master items)"), 14)]);
}
