//! Generated scripts: what the engine says of them against what they were made to have.

use std::collections::BTreeSet;

use extractor::script::{Connections, Script, analyse};
use serde_json::Value;

use crate::generate::{
    CONNECTIONS,
    model::{Data, Origins, Site, Source},
    site,
};

/// Facts that a report states or a script has, and how many of them meet.
#[derive(Clone, Copy, Default)]
struct Score {
    both: usize,
    found: usize,
    expected: usize,
}

impl Score {
    fn add(&mut self, expected: &BTreeSet<String>, found: &BTreeSet<String>) {
        self.both += expected.intersection(found).count();
        self.found += found.len();
        self.expected += expected.len();
    }

    /// Harmonic mean of precision and recall, in millionths.
    fn millionths(self) -> usize {
        2_000_000 * self.both / (self.found + self.expected).max(1)
    }
}

/// Set `SCRIPTS` to run more than the test command does, `SEED` to begin elsewhere.
#[test]
fn generated_scripts_have_the_lineage_that_they_were_made_with() {
    let number = |name: &str, default: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (count, from) = (number("SCRIPTS", 150), number("SEED", 0));
    let (mut tables, mut columns) = (Score::default(), Score::default());
    let mut scripts = 0;
    let mut wrong = 0;
    let mut seed = from;
    let mut shown = String::new();
    while scripts < count {
        let made = site(seed);
        scripts += made.apps.len() as u64;
        let report = report(&made);
        let (expected, found) = (expected(&made), found(&report));
        tables.add(&expected.0, &found.0);
        columns.add(&expected.1, &found.1);
        if expected != found {
            wrong += 1;
            if wrong <= 3 {
                shown.push_str(&difference(seed, &made, &expected, &found, &report));
            }
        }
        seed += 1;
    }
    println!(
        "{scripts} scripts: F1 of tables {}, of columns {} (millionths; {} and {} facts), {wrong} sites differ",
        tables.millionths(),
        columns.millionths(),
        tables.expected,
        columns.expected
    );
    assert!(wrong == 0, "{wrong} sites differ\n{shown}");
}

fn report(site: &Site) -> Value {
    let scripts: Vec<Script<'_>> = site
        .apps
        .iter()
        .map(|app| Script { name: &app.name, text: &app.script, ..Script::default() })
        .collect();
    let connections = serde_json::from_str(CONNECTIONS).expect("connections as JSON");
    analyse(&scripts, &Connections::from_reply(&connections), &|path| {
        site.apps.iter().find_map(|app| app.includes.get(path).cloned())
    })
    .to_json()
}

/// Facts about sources, and about columns.
type Facts = (BTreeSet<String>, BTreeSet<String>);

fn expected(site: &Site) -> Facts {
    let mut facts = Facts::default();
    for app in &site.apps {
        for (table, data) in &app.tables {
            state(&mut facts, &format!("{}: {table}", app.name), data);
            let ends = Data {
                fields: data
                    .fields
                    .iter()
                    .map(|(field, origins)| (field.clone(), site.ends(origins)))
                    .collect(),
                sources: BTreeSet::new(),
            };
            let sources = ends.flowing();
            state(&mut facts, &format!("end {}: {table}", app.name), &Data { sources, ..ends });
        }
        for (path, data) in &app.stores {
            state(&mut facts, &format!("{}: store {path}", app.name), data);
        }
    }
    facts
}

fn state(facts: &mut Facts, of: &str, data: &Data) {
    facts.0.insert(of.to_owned());
    for source in &data.sources {
        let kind = match source {
            Source::Table { connection, .. } => format!("table {connection}"),
            Source::File { .. } => "file".to_owned(),
        };
        facts.0.insert(format!("{of} <- {kind} {}", source.name()));
    }
    for (field, origins) in &data.fields {
        let origins: &Origins = origins;
        facts.1.insert(format!("{of}.{field}"));
        for (source, column) in origins {
            facts.1.insert(format!("{of}.{field} <- {}#{column}", source.name()));
        }
    }
}

fn found(report: &Value) -> Facts {
    let mut facts = Facts::default();
    let empty = serde_json::Map::new();
    let members = |value: &Value| value.as_object().unwrap_or(&empty).clone();
    for (name, app) in members(&report["apps"]) {
        for (table, entry) in members(&app["tables"]) {
            read(&mut facts, &format!("{name}: {table}"), &entry, true);
        }
        for (path, entry) in members(&app["stores"]) {
            read(&mut facts, &format!("{name}: store {path}"), &entry, true);
        }
    }
    for (name, app) in members(&report["chain"]["apps"]) {
        for (table, entry) in members(&app["tables"]) {
            read(&mut facts, &format!("end {name}: {table}"), &entry, false);
        }
    }
    facts
}

/// At the ends, sources count as far as values come from them.
fn read(facts: &mut Facts, of: &str, entry: &Value, all_sources: bool) {
    facts.0.insert(of.to_owned());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut flowing = BTreeSet::new();
    for (field, origins) in entry["fields"].as_object().expect("fields") {
        facts.1.insert(format!("{of}.{field}"));
        for origin in origins.as_array().expect("origins") {
            let source = text(&origin["source"]);
            facts.1.insert(format!("{of}.{field} <- {source}#{}", text(&origin["column"])));
            flowing.insert(source);
        }
    }
    for source in entry["sources"].as_array().expect("sources") {
        let (kind, name) = match source["kind"].as_str() {
            Some("table") => {
                (format!("table {}", text(&source["connection"])), text(&source["name"]))
            }
            Some("file") => ("file".to_owned(), text(&source["path"])),
            _ => ("?".to_owned(), source.to_string()),
        };
        if all_sources || flowing.contains(&name) {
            facts.0.insert(format!("{of} <- {kind} {name}"));
        }
    }
}

fn difference(seed: u64, site: &Site, expected: &Facts, found: &Facts, report: &Value) -> String {
    let mut text = format!("seed {seed}\n");
    for (expected, found) in [(&expected.0, &found.0), (&expected.1, &found.1)] {
        text.extend(expected.difference(found).map(|fact| format!("  - {fact}\n")));
        text.extend(found.difference(expected).map(|fact| format!("  + {fact}\n")));
    }
    for app in &site.apps {
        let said = &report["apps"][&app.name]["diagnostics"];
        text.push_str(&format!("--- {} {said}\n{}\n", app.name, app.script));
    }
    text
}
