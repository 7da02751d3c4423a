//! The dashboard and the alert rules ask for nothing that the stages do not expose.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use end_to_end::admin::Serving;
use serde_json::Value;

use crate::world::World;

/// Label → values, by metric.
type Exposed = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_that_is_asked_for_exists() {
    let world = World::with_sample_apps().await;
    let extractor = Serving::start("extractor", &world.config, &["run", "--follow"]);
    let mut text = extractor.until("/metrics", "extractor_feed_lag_seconds ").await;
    let loader = Serving::start("loader", &world.config, &["run"]);
    loader.until("/metrics", "loader_lag_records{topic=\"lineage\"} 0").await;
    loader.until("/metrics", "loader_request_seconds_count{kind=\"read\"}").await;
    text += &loader.until("/metrics", "loader_sink_seconds_total{stage=\"lineage\"}").await;
    extractor.end().await;
    loader.end().await;

    let exposed = exposed(&text);
    let questions = [alerts(), dashboard()].concat();
    assert!(questions.len() > 40, "{questions:#?}");
    let wrong: Vec<_> = questions.iter().flat_map(|asked| mistakes(asked, &exposed)).collect();
    assert!(wrong.is_empty(), "{}\nin\n{text}", wrong.join("\n"));

    // Nothing is exposed that nobody can look at.
    let all = questions.concat();
    let unused = exposed.keys().filter(|name| {
        !["_sum", "_count"].iter().any(|end| name.ends_with(end)) && !all.contains(name.as_str())
    });
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<&String>::new(), "in no panel and no alert");
}

#[test]
fn a_wrong_question_is_noticed() {
    let text = "loader_lag_records{topic=\"charts\"} 1\nextractor_apps_seen 3\n";
    let exposed = exposed(text);
    for right in [
        "sum by (topic) (loader_lag_records{topic=~\"charts\"}) > 1",
        "max(extractor_apps_seen) or time()",
    ] {
        assert_eq!(mistakes(right, &exposed), Vec::<String>::new());
    }
    for wrong in [
        "loader_lag",
        "extractor_apps_seen_total",
        "loader_lag_records{topic=\"chart\"}",
        "loader_lag_records{topics=\"charts\"}",
        "loader_lag_records{topic=~\"charts|nothing\"}",
        "sum by (stage) (loader_lag_records)",
        "sum without (x, topic) (loader_lag_records)",
        "sum(loader_lag_records) by (kind)",
    ] {
        assert_eq!(mistakes(wrong, &exposed).len(), 1, "{wrong}");
    }
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/monitoring").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Expressions of the alert rules.
fn alerts() -> Vec<String> {
    let rules: Value = serde_saphyr::from_str(&file("alerts.yaml")).expect("YAML");
    let groups = rules["groups"].as_array().expect("groups").iter();
    let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
    let explained =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/monitoring.md"));
    let explained = explained.expect("docs/monitoring.md");
    let mut expressions = Vec::new();
    for rule in rules {
        let name = rule["alert"].as_str().expect("a name");
        for text in [&rule["annotations"]["summary"], &rule["annotations"]["description"]] {
            assert!(text.as_str().is_some_and(|text| !text.is_empty()), "{name} says nothing");
        }
        assert!(rule["labels"]["severity"].is_string(), "{name} has no severity");
        assert!(explained.contains(name), "{name} is not explained");
        expressions.push(rule["expr"].as_str().expect("an expression").to_owned());
    }
    expressions
}

/// Expressions of the dashboard.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&file("grafana.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let mut expressions = Vec::new();
    for target in panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten()) {
        let expression = target["expr"].as_str().expect("an expression").to_owned();
        for label in target["legendFormat"].as_str().expect("a legend").split("{{").skip(1) {
            let label = label.split("}}").next().expect("an end");
            let groups = groupings(&expression);
            assert!(groups.iter().any(|group| group == label), "{label} in {expression}");
        }
        expressions.push(expression);
    }
    expressions
}

/// Reads Prometheus' text format.
fn exposed(text: &str) -> Exposed {
    let mut metrics = Exposed::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let Some((series, _)) = line.rsplit_once(' ') else { continue };
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let found = metrics.entry(name.to_owned()).or_default();
        for (label, _, value) in matchers(labels.trim_end_matches('}')) {
            found.entry(label).or_default().insert(value);
        }
    }
    metrics
}

/// `a="b",c=~"d"` as names, operators and values. Values have neither commas nor braces here.
fn matchers(text: &str) -> Vec<(String, String, String)> {
    let parts = text.split(',').filter(|part| !part.trim().is_empty());
    let parsed = parts.map(|part| {
        let (name, value) = part.split_once('"').unwrap_or((part, ""));
        let end = name.find(['=', '!']).unwrap_or(name.len());
        let (name, operator) = name.split_at(end);
        (name.trim().to_owned(), operator.to_owned(), value.trim_end_matches('"').to_owned())
    });
    parsed.collect()
}

/// Labels of `by (…)` and `without (…)`.
fn groupings(expression: &str) -> Vec<String> {
    let mut labels = Vec::new();
    for word in ["by (", "without ("] {
        for rest in expression.split(word).skip(1) {
            let list = rest.split(')').next().unwrap_or_default();
            labels.extend(list.split(',').map(|label| label.trim().to_owned()));
        }
    }
    labels
}

/// What an expression asks for in vain.
fn mistakes(expression: &str, exposed: &Exposed) -> Vec<String> {
    let mut mistakes = Vec::new();
    let mut labels = BTreeSet::new();
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut rest = expression;
    while let Some(start) = rest.find(is_name) {
        let (_, from) = rest.split_at(start);
        let (name, after) = from.split_at(from.find(|it| !is_name(it)).unwrap_or(from.len()));
        rest = after;
        if !name.starts_with("extractor_") && !name.starts_with("loader_") {
            continue;
        }
        let Some(metric) = exposed.get(name) else {
            mistakes.push(format!("{name} is not exposed: {expression}"));
            continue;
        };
        labels.extend(metric.keys().cloned());
        let Some((selector, after)) = after.strip_prefix('{').and_then(|it| it.split_once('}'))
        else {
            continue;
        };
        rest = after;
        for (label, operator, value) in matchers(selector) {
            let values: Vec<&str> =
                if operator == "=~" { value.split('|').collect() } else { vec![&value] };
            let known = metric.get(&label);
            if !values.iter().all(|value| known.is_some_and(|known| known.contains(*value))) {
                mistakes.push(format!("{name}{{{label}{operator}{value:?}}}: {expression}"));
            }
        }
    }
    let unknown = groupings(expression).into_iter().filter(|label| !labels.contains(label));
    if mistakes.is_empty() {
        let unknown: Vec<_> = unknown.collect();
        if !unknown.is_empty() {
            mistakes.push(format!("grouped by {unknown:?}: {expression}"));
        }
    }
    mistakes
}
