//! The lineage page, looked at by a browser where there is one.

use std::{fmt::Write as _, fs, process::Command};

use extractor::{
    page::Graph,
    script::{Connections, Script, analyse},
};
use schemas::{
    Event,
    event::{Chart, ColumnLineage, Lineage, Measure, Millis, Node, Origin, Resolution},
};

/// A browser without a window; `None`, and says so, when none is installed.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    if found.is_none() {
        println!("skipped: no Chromium to look at the page with");
    }
    found
}

/// What a browser makes of a page, scripts run.
fn dom(browser: &str, path: &std::path::Path, place: &str) -> String {
    let profile = tempfile::TempDir::new().expect("a folder");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}{place}", path.display()))
        .output()
        .expect("the browser runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // Without the data and the program, in which every name occurs anyway.
    text.split("<script").next().expect("a page").to_owned()
}

fn page(scripts: &[(&str, &str)]) -> (tempfile::TempDir, std::path::PathBuf) {
    let scripts: Vec<_> =
        scripts.iter().map(|(name, text)| Script { name, text, ..Script::default() }).collect();
    let report = analyse(&scripts, &Connections::default(), &|_| None);
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = folder.path().join("lineage.html");
    fs::write(&path, Graph::of_scripts(&report, "Lineage").to_html()).expect("written");
    (folder, path)
}

#[test]
fn a_browser_shows_where_a_table_comes_from() {
    let Some(browser) = browser() else { return };
    let (_folder, path) = page(&[
        (
            "stage",
            "LIB CONNECT TO 'DWH';\nO: SQL SELECT id, net FROM dbo.Orders;\nSTORE O INTO [lib://q/o.qvd] (qvd);\nDROP TABLE O;",
        ),
        (
            "app",
            "Sales: LOAD id, net * 2 AS <b>gross</b> FROM [lib://q/o.qvd] (qvd);"
                .replace("<b>gross</b>", "[<b>gross</b>]")
                .leak(),
        ),
    ]);
    let start = dom(browser, &path, "");
    for name in ["dbo.Orders", "lib://q/o.qvd", "Sales"] {
        assert!(start.contains(name), "{name} is not listed: {start}");
    }
    let html = fs::read_to_string(&path).expect("the page");
    let data = html.split_once("id=\"data\">").and_then(|(_, rest)| rest.split_once("</script>"));
    let data: serde_json::Value = serde_json::from_str(data.expect("data").0).expect("JSON");
    let nodes = data["nodes"].as_array().expect("nodes");
    let sales = nodes.iter().position(|node| node["label"] == "Sales").expect("the table");

    let table = dom(browser, &path, &format!("#{sales}"));
    let main = table.split("<main").nth(1).expect("the main part");
    assert!(main.contains("dbo.Orders"), "not followed to its end: {main}");
    assert!(main.contains("net * 2"), "{main}");
    assert!(main.contains("&lt;b&gt;gross&lt;/b&gt;"), "names are text: {main}");
    let field = dom(browser, &path, &format!("#{sales}/%3Cb%3Egross%3C%2Fb%3E"));
    let main = field.split("<main").nth(1).expect("the main part");
    assert!(main.contains("dbo.Orders · net"), "the column is not followed: {main}");
}

#[test]
fn a_chart_tells_what_it_reads_and_has_a_name() {
    let Some(browser) = browser() else { return };
    let mut graph = Graph::new("site");
    let measure = Measure { expression: "Sum(net)".to_owned(), ..Measure::default() };
    graph.add_event(&Event::Chart(Box::new(Chart {
        app_id: "a".to_owned(),
        object_id: "Qx1".to_owned(),
        visualization: "barchart".to_owned(),
        measures: vec![measure],
        ..Chart::default()
    })));
    graph.add_event(&Event::Lineage(Box::new(Lineage {
        service: "site".to_owned(),
        app_id: "a".to_owned(),
        observed_at: Millis::default(),
        modified_at: None,
        from: Node::data_model("a", "Orders"),
        to: Node::chart("a", "Qx1"),
        columns: vec![ColumnLineage {
            from_columns: vec!["net".to_owned()],
            to_column: None,
            expression: None,
        }],
        origin: Origin::ObjectProperties,
        resolution: Resolution::Exact,
        via: Vec::new(),
        statement: None,
    })));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("site.html");
    fs::write(&path, graph.finished().to_html()).expect("written");
    let text = dom(browser, &path, "#0");
    let main = text.split("<main").nth(1).expect("the main part");
    assert!(main.contains("Sum(net) (barchart)"), "{main}");
    let reads = main.split("<h3>Reads</h3>").nth(1).expect("what it reads");
    assert!(reads.contains("Orders · net"), "{reads}");
}

#[test]
fn a_thousand_tables_are_shown() {
    let Some(browser) = browser() else { return };
    let mut script = "LIB CONNECT TO 'DWH';\n".to_owned();
    for number in 0..1000 {
        let fields: Vec<_> = (0..10).map(|field| format!("t{number}_f{field}")).collect();
        writeln!(
            script,
            "T{number}: LOAD {0}; SQL SELECT {0} FROM dbo.t{number};",
            fields.join(", ")
        )
        .expect("a string");
    }
    let (_folder, path) = page(&[("app", &script)]);
    let text = dom(browser, &path, "#1");
    assert!(text.contains("1000 tables"), "{}", text.chars().take(2000).collect::<String>());
    assert!(text.contains("more (1700 left)"), "the list is bounded");
    assert!(text.contains("dbo.t0"));
}
