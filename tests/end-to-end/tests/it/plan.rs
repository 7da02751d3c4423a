//! What `extractor plan` prints: lines for programs, a page for people, looked at by a browser where there
//! is one.

use std::{collections::BTreeMap, fs};

use end_to_end::admin::browse;
use serde_json::Value;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_whole_site() {
    let world = World::with_sample_apps().await;
    let lines = world.command("extractor", &["plan"]).await.with_code(0).stdout;
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let html = world.command("extractor", &["plan", "--format", "html"]).await.with_code(0).stdout;
    let data = html.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>"));
    let data: Value = serde_json::from_str(data.expect("the data").0).expect("JSON");

    // Every app, chart and table of the lines is a thing of the page.
    let of_topic = |topic: &'static str| {
        lines
            .iter()
            .filter(move |line| line["topic"].as_str().is_some_and(|it| it.ends_with(topic)))
    };
    let nodes = data["nodes"].as_array().expect("nodes");
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for node in nodes {
        *kinds.entry(node["kind"].as_str().expect("a kind")).or_default() += 1;
    }
    assert_eq!(kinds["app"], of_topic("dashboards").count(), "{kinds:?}");
    assert_eq!(kinds["app"], world.apps.len());
    assert_eq!(kinds["chart"], of_topic("charts").count(), "{kinds:?}");
    let is_file = |line: &&Value| line["value"]["kind"] == "FILE";
    assert_eq!(kinds["file"], of_topic("datamodels").filter(is_file).count(), "{kinds:?}");
    assert_eq!(data["edges"].as_array().map(Vec::len), Some(pairs(of_topic("lineage"))));

    // A table of a database is followed to the charts that show it.
    let start = nodes.iter().position(|node| node["kind"] == "db table").expect("a table");
    let reached = reached(&data, start);
    assert!(reached.iter().any(|index| nodes[*index]["kind"] == "chart"), "{reached:?}");

    let path = world.folder().join("site.html");
    fs::write(&path, &html).expect("written");
    let Some(dom) = browse(&format!("file://{}#{start}", path.display())) else { return };
    let shown = dom.split("<script").next().expect("a page");
    let main = shown.split("<main").nth(1).expect("the main part");
    let label = nodes[start]["label"].as_str().expect("a label");
    assert!(main.contains(label), "{label} in {main}");
    let app = world.apps.values().next().expect("an app");
    assert!(shown.contains(&app.title), "{} in {shown}", app.title);
}

/// Different pairs of ends.
fn pairs<'a>(lines: impl Iterator<Item = &'a Value>) -> usize {
    let pairs: std::collections::BTreeSet<_> = lines
        .map(|line| (line["value"]["from"].to_string(), line["value"]["to"].to_string()))
        .collect();
    pairs.len()
}

/// Everything that data of a node flows into.
fn reached(data: &Value, start: usize) -> Vec<usize> {
    let edges: Vec<(usize, usize)> = data["edges"]
        .as_array()
        .expect("edges")
        .iter()
        .map(|edge| {
            let end = |name: &str| edge[name].as_u64().and_then(|it| usize::try_from(it).ok());
            (end("from").expect("an index"), end("to").expect("an index"))
        })
        .collect();
    let mut reached = vec![start];
    let mut next = 0;
    while let Some(at) = reached.get(next).copied() {
        next += 1;
        for (_, to) in edges.iter().filter(|(from, _)| *from == at) {
            if !reached.contains(to) {
                reached.push(*to);
            }
        }
    }
    reached
}
