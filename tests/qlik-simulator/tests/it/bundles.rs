//! Bundles: the project's own, real ones where they are at hand, odd ones.

use std::collections::HashSet;
use std::path::Path;

use qlik_simulator::{Bundle, Settings};
use serde_json::{Value, json};

use crate::client::{self, private};

fn fields_of(metadata: &Value) -> Vec<&Value> {
    let fields = metadata["fields"].as_array().expect("fields").iter();
    fields.filter(|field| field["is_system"] != true).collect()
}

#[test]
fn the_sample_apps_are_consistent() {
    for bundle in client::sample_apps() {
        let name = &bundle.name;
        let mut ids = HashSet::new();
        let mut trees: Vec<&Value> = bundle.objects.iter().collect();
        while let Some(tree) = trees.pop() {
            let properties = &tree["qProperty"];
            let id = properties["qInfo"]["qId"].as_str().expect("an id");
            assert!(ids.insert(id), "{name}: `{id}` is there once");
            trees.extend(tree["qChildren"].as_array().expect("children"));
        }
        let library: HashSet<&str> = bundle
            .measures
            .iter()
            .chain(&bundle.dimensions)
            .filter_map(|item| item["qInfo"]["qId"].as_str())
            .collect();
        let text = serde_json::to_string(&bundle.objects).expect("JSON");
        for used in text.split("\"qLibraryId\":\"").skip(1) {
            let id = used.split('"').next().expect("an id");
            assert!(library.contains(id), "{name}: master item `{id}` exists");
        }
        let Some(metadata) = &bundle.data_metadata else { continue };
        let tables: HashSet<&str> = metadata["tables"]
            .as_array()
            .expect("tables")
            .iter()
            .filter_map(|table| table["name"].as_str())
            .collect();
        for field in fields_of(metadata) {
            for table in field["src_tables"].as_array().expect("tables") {
                assert!(tables.contains(table.as_str().expect("a name")), "{name}: {field}");
                // Every final table is made by the script.
                let label = format!("{}:", table.as_str().expect("a name"));
                assert!(bundle.script.contains(&label), "{name}: `{label}` is in the script");
            }
            let field = field["name"].as_str().expect("a name");
            assert!(bundle.script.contains(field), "{name}: `{field}` is in the script");
        }
    }
}

#[tokio::test]
async fn odd_bundles_are_served() {
    let bundle = |text: Value| Bundle::from_json("odd", &text.to_string()).expect("a bundle");
    let odd = bundle(json!({
        "objects": [7, {}, {"qProperty": {}}, {"qProperty": {"qInfo": {"qId": "a", "qType": "sheet"}},
            "qChildren": [null, {"qProperty": {"qInfo": {"qId": "a", "qType": "kpi"}}}]}],
        "measures": [null], "dimensions": [{"qInfo": 5}], "variables": [null, {"qProperties": {"qName": 3}}],
        "data_metadata": {"fields": [null, {"name": "A", "src_tables": 5}], "tables": "none"},
    }));
    let id = odd.id();
    assert_eq!(id.len(), 36);
    assert_eq!(odd.title(), "odd");
    let site = client::start(Settings { apps: vec![odd], ..Settings::default() }).await;
    let mut client = private(&site, &id).await;
    client.open(&id, false).await;
    let infos = client.call(1, "GetAllInfos", json!([])).await;
    assert_eq!(infos["qInfos"][0], json!({"qId": "a", "qType": "sheet"}));
    client.call(1, "GetTablesAndKeys", json!([{}, {}, 0, true, true])).await;
    client.call(1, "GetVariables", json!([])).await;

    Bundle::from_json("bad", "[]").expect_err("a list is no bundle");
    let misspelt = json!({"site": {"copies": [{"idd": "x"}]}}).to_string();
    Bundle::from_json("bad", &misspelt).expect_err("keys of a copy are checked");
}

#[tokio::test]
async fn real_apps_are_served_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/apps");
    if !folder.is_dir() {
        println!("skipped: no real apps at `{}`", folder.display());
        return;
    }
    let apps = Bundle::load_folder(&folder).expect("the real apps");
    let expected: Vec<(String, usize)> = apps
        .iter()
        .map(|app| {
            let text = serde_json::to_string(&app.objects).expect("JSON");
            (app.id(), text.matches("\"qProperty\"").count())
        })
        .collect();
    let site = client::start(Settings { apps, ..Settings::default() }).await;
    for (id, objects) in expected {
        let mut client = private(&site, &id).await;
        client.open(&id, false).await;
        let infos = client.call(1, "GetAllInfos", json!([])).await;
        let infos = infos["qInfos"].as_array().expect("infos").clone();
        let mut found = 0;
        for info in &infos {
            let id = info["qId"].as_str().expect("an id");
            let method = match info["qType"].as_str().expect("a type") {
                "measure" => "GetMeasure",
                "dimension" => "GetDimension",
                "variable" => "GetVariableById",
                _ => "GetObject",
            };
            let handle = client.object(method, id).await;
            client.call(handle, "GetProperties", json!([])).await;
            client.call(handle, "GetLayout", json!([])).await;
            if method == "GetObject" {
                found += 1;
                client.call(handle, "GetFullPropertyTree", json!([])).await;
            }
        }
        assert_eq!(found, objects, "{id}");
        client.call(1, "GetTablesAndKeys", json!([{}, {}, 0, false, false])).await;
    }
}
