//! Real apps, where they are at hand: beside the workspace, never part of it.

use std::collections::BTreeSet;
use std::path::Path;

use extractor::script::{Connections, Script, analyse_one};
use serde_json::Value;

#[test]
fn real_scripts_go_through_without_a_lost_statement() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/apps");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: no apps in {}", folder.display());
        return;
    };
    let mut scripts = 0;
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let app: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("a file"))
            .expect("an app as JSON");
        let Some(text) = app["script"].as_str() else { continue };
        scripts += 1;
        let script = Script { name: "app", text, ..Script::default() };
        let found = analyse_one(&script, &Connections::default(), &|_| None);
        let name = path.display();
        for each in &found.diagnostics {
            assert!(!each.message.contains("not understood"), "{name}: {each:?}");
            assert!(!each.message.contains("could not be parsed"), "{name}: {each:?}");
        }
        // The model that the engine built of the script is the one that it is followed to.
        let Some(tables) = app["data_metadata"]["tables"].as_array() else { continue };
        let is_own = |each: &&Value| each["is_system"] != Value::Bool(true);
        for table in tables.iter().filter(is_own) {
            let table_name = table["name"].as_str().expect("a name");
            let ours = found.tables.iter().find(|each| each.name == table_name);
            if text.is_empty() {
                continue; // The app was made without its script.
            }
            let ours = ours.unwrap_or_else(|| panic!("{name}: no table `{table_name}`"));
            let theirs: BTreeSet<&str> = app["data_metadata"]["fields"]
                .as_array()
                .expect("fields")
                .iter()
                .filter(|field| {
                    field["src_tables"]
                        .as_array()
                        .is_some_and(|tables| tables.contains(&table["name"]))
                })
                .filter_map(|field| field["name"].as_str())
                .collect();
            let names: BTreeSet<&str> =
                ours.fields.iter().map(|field| field.name.as_str()).collect();
            assert_eq!(names, theirs, "{name}: {table_name}");
        }
        if !text.is_empty() && tables.iter().any(|each| is_own(&each)) {
            let count = tables.iter().filter(is_own).count();
            assert_eq!(found.tables.len(), count, "{name}");
        }
    }
    assert!(scripts > 0, "no scripts in {}", folder.display());
}
