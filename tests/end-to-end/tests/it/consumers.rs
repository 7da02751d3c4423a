//! Consumers that share no code with us.

use std::{collections::BTreeSet, process::Command};

use schemas::{Event, Topic};
use serde_json::Value;

use crate::world::World;

/// The Python that has the packages of `tests/consumers/requirements.txt`.
fn python() -> Option<String> {
    let python = std::env::var("PYTHON").ok();
    if python.is_none() {
        println!("skipped: PYTHON does not name a Python with tests/consumers/requirements.txt");
    }
    python
}

/// Runs a program, which must succeed, and returns what it prints.
fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}\n{text}\n{errors}");
    text
}

fn script(name: &str) -> String {
    format!("{}/../consumers/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Python (confluent-kafka, fastavro) decodes every topic with the .avsc files alone. Needs the
/// packages of `tests/consumers/requirements.txt` in the Python named by `PYTHON`.
#[tokio::test(flavor = "multi_thread")]
async fn python_decodes_every_topic() {
    let Some(python) = python() else { return };
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let count = |topic| world.broker.events(topic).len();
    let expected = [
        ("dashboards", count(Topic::Dashboards)),
        ("charts", count(Topic::Charts)),
        ("datamodels", count(Topic::DataModels)),
        ("lineage", count(Topic::Lineage)),
    ];
    assert!(expected.iter().all(|(_, count)| *count > 0), "{expected:?}");
    let expected = expected.map(|(topic, count)| format!("{topic}={count}")).join(",");
    let place = ["--bootstrap-servers", world.broker.bootstrap(), "--prefix", &world.broker.prefix];
    let decode = script("decode.py");
    println!("{}", run(&python, &[&[&*decode][..], &place, &["--expect", &expected]].concat()));
}

/// Tables in `DuckDB`, kept up to date from the topics, and the questions that a Qlik team asks.
#[tokio::test(flavor = "multi_thread")]
async fn tables_answer_questions() {
    let Some(python) = python() else { return };
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let database = world.folder().join("qlik.duckdb");
    let database = database.to_str().expect("UTF-8");
    let (tables, registry) = (script("tables.py"), std::env::var("SCHEMA_REGISTRY_URL"));
    let load = || {
        let mut args = vec![&*tables, "load", database];
        args.extend(["--bootstrap-servers", world.broker.bootstrap()]);
        args.extend(["--prefix", &world.broker.prefix]);
        if let Ok(registry) = &registry {
            args.extend(["--registry", registry]);
        }
        run(&python, &args)
    };
    let ask = |question: &[&str]| -> Vec<Value> {
        let args = [&[&*tables, "ask", database, "--json"], question].concat();
        let lines = run(&python, &args);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let count = |table: &str| {
        let answer = ask(&["sql", &format!("SELECT count(*) AS n FROM {table}")]);
        usize::try_from(answer[0]["n"].as_u64().expect("a number")).expect("few")
    };
    load();
    for (table, topic) in [
        ("dashboards", Topic::Dashboards),
        ("charts", Topic::Charts),
        ("models", Topic::DataModels),
        ("edges", Topic::Lineage),
    ] {
        assert_eq!(count(table), world.broker.events(topic).len(), "{table}");
    }

    // Which charts use this field, against the events themselves.
    let charts: Vec<_> = world
        .broker
        .events(Topic::Charts)
        .into_values()
        .filter_map(|event| match event {
            Event::Chart(chart) => Some(chart),
            _ => None,
        })
        .collect();
    let fields = |chart: &schemas::event::Chart| -> BTreeSet<String> {
        let measures = chart.measures.iter().flat_map(|measure| measure.fields.clone());
        let dimensions = chart.dimensions.iter().flat_map(|dimension| dimension.fields.clone());
        measures.chain(dimensions).collect()
    };
    let used: BTreeSet<String> = charts.iter().flat_map(|chart| fields(chart)).collect();
    let field = used.first().expect("charts read fields");
    let expected: BTreeSet<_> = charts
        .iter()
        .filter(|chart| fields(chart).contains(field))
        .map(|chart| {
            let title = chart.title.clone().or_else(|| chart.title_expression.clone());
            title.unwrap_or_else(|| chart.object_id.clone())
        })
        .collect();
    let answer = ask(&["charts-of-column", field]);
    let charts_of: BTreeSet<_> =
        answer.iter().map(|row| row["chart"].as_str().expect("text").to_owned()).collect();
    assert!(charts_of.is_superset(&expected), "{field}: {charts_of:?} lacks some of {expected:?}");

    // No field that a chart reads is called unused, and every other one is, keys apart.
    let unused: BTreeSet<_> = ask(&["unused-fields"])
        .iter()
        .map(|row| row["field"].as_str().expect("text").to_owned())
        .collect();
    assert!(!unused.is_empty());
    for chart in &charts {
        let app = ask(&["unused-fields", &chart.app_id]);
        let names: BTreeSet<_> = app.iter().filter_map(|row| row["field"].as_str()).collect();
        assert!(fields(chart).iter().all(|field| !names.contains(field.as_str())), "{names:?}");
    }
    let never = world.apps.len();
    assert!(ask(&["not-reloaded", "0"]).len() == never, "every app was reloaded before now");
    assert!(ask(&["failed-apps"]).is_empty());
    for question in [&["breaks-with", "Orders"][..], &["apps-of-file", ".qvd"]] {
        ask(question);
    }

    // An app that is gone is gone from the tables, which go on where they stopped.
    let (_, copy) = world.copy.clone().expect("the samples have a copy");
    world.remove_app(&copy);
    world.extract(&[]).await;
    load();
    assert_eq!(count("dashboards"), world.apps.len() - 1);
    let of_copy = ask(&["sql", &format!("SELECT key FROM charts WHERE app_id = '{copy}'")]);
    assert!(of_copy.is_empty(), "{of_copy:?}");
    assert_eq!(load().lines().next(), Some("0 records"));
}

/// Confluent's own deserializer, with the registry alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_registry_is_enough() {
    let Some(python) = python() else { return };
    let Ok(registry) = std::env::var("SCHEMA_REGISTRY_URL") else {
        println!("skipped: SCHEMA_REGISTRY_URL names no registry");
        return;
    };
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let topic = format!("{}charts", world.broker.prefix);
    let script = script("registry.py");
    let place = ["--bootstrap-servers", world.broker.bootstrap(), "--registry", &registry];
    let lines = run(&python, &[&[&*script][..], &place, &["--topic", &topic]].concat());
    let charts = world.broker.events(Topic::Charts);
    assert_eq!(lines.lines().count(), charts.len());
    for line in lines.lines() {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let key = record["key"].as_str().expect("a key");
        let Some(Event::Chart(chart)) = charts.get(key) else { panic!("no chart {key}") };
        assert_eq!(record["value"]["title"].as_str(), chart.title.as_deref(), "{key}");
        assert_eq!(record["value"]["visualization"], *chart.visualization, "{key}");
    }
}

/// kcat shows keys and headers of any topic.
#[tokio::test(flavor = "multi_thread")]
async fn kcat_reads_keys_and_headers() {
    if Command::new("kcat").arg("-V").output().is_err() {
        println!("skipped: kcat is not installed");
        return;
    }
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let topic = format!("{}dashboards", world.broker.prefix);
    let args = ["-b", world.broker.bootstrap(), "-t", &topic, "-C", "-e", "-q", "-f", "%k %h\n"];
    let lines = run("kcat", &args);
    assert_eq!(lines.lines().count(), world.apps.len(), "{lines}");
    for app in world.apps.keys() {
        let key = world.key(app);
        let line = lines.lines().find(|line| line.starts_with(&key)).expect(&key);
        assert!(line.contains("content-hash="), "{line}");
        assert!(line.contains("ce_type=qlik.metadata.dashboard.upserted"), "{line}");
    }
}
