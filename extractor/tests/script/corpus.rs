//! Every file of the corpus holds a case or several: scripts, and the lineage that they have.
//!
//! ```text
//! === name of the case
//! --- script app
//! LOAD …
//! --- log app
//! --- include lib://x/y.qvs
//! --- file lib://q/known from elsewhere.qvd
//! --- connections
//! {"qConnections": […]}
//! --- expect
//! table T <- source | source
//!   field <- source#column
//! ```

use std::path::Path;

use extractor::script::{Connections, Context, Script, analyse_with};

use crate::render;

#[derive(Default)]
struct Case {
    name: String,
    sections: Vec<(String, String)>,
}

#[test]
fn scripts_have_the_lineage_that_the_corpus_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/scripts");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the corpus folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    let mut cases = 0;
    let mut failures = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a corpus file");
        for case in read(&text) {
            cases += 1;
            let (expected, found) = (section(&case, "expect").trim_end(), run(&case));
            if expected != found {
                let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                failures.push(format!("{file}: {}\n{}", case.name, difference(expected, &found)));
            }
        }
    }
    assert!(failures.is_empty(), "{} of {cases} cases\n{}", failures.len(), failures.join("\n"));
    assert!(cases > 100, "only {cases} cases were read");
}

fn read(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), ..Case::default() });
        } else if let Some(case) = cases.last_mut() {
            if let Some(heading) = line.strip_prefix("--- ") {
                case.sections.push((heading.to_owned(), String::new()));
            } else if let Some((_, body)) = case.sections.last_mut() {
                body.push_str(line);
                body.push('\n');
            }
        }
    }
    cases
}

fn section<'a>(case: &'a Case, heading: &str) -> &'a str {
    let found = case.sections.iter().find(|(name, _)| name == heading);
    found.map_or("", |(_, body)| body.as_str())
}

fn run(case: &Case) -> String {
    let connections = match section(case, "connections") {
        "" => Connections::default(),
        json => Connections::from_reply(&serde_json::from_str(json).expect("connections as JSON")),
    };
    let mut scripts = Vec::new();
    for (heading, text) in &case.sections {
        if let Some(name) =
            heading.strip_prefix("script ").or_else(|| (heading == "script").then_some("app"))
        {
            let log = case.sections.iter().find(|(other, _)| *other == format!("log {name}"));
            let log = log.map(|(_, text)| text.as_str());
            scripts.push(Script { name, text, log, variables: &[] });
        }
    }
    let includes = |path: &str| {
        let heading = format!("include {path}");
        case.sections.iter().find(|(name, _)| *name == heading).map(|(_, text)| text.clone())
    };
    let files = |path: &str| {
        let fields = section(case, &format!("file {path}"));
        (!fields.is_empty()).then(|| fields.split_whitespace().map(str::to_owned).collect())
    };
    let context = Context { connections: &connections, includes: &includes, files: &files };
    render::report(&analyse_with(&scripts, &context))
}

fn difference(expected: &str, found: &str) -> String {
    let mut out = Vec::new();
    let found_lines: Vec<&str> = found.lines().collect();
    let expected_lines: Vec<&str> = expected.lines().collect();
    for line in &expected_lines {
        if !found_lines.contains(line) {
            out.push(format!("    - {line}"));
        }
    }
    for line in &found_lines {
        if !expected_lines.contains(line) {
            out.push(format!("    + {line}"));
        }
    }
    if out.is_empty() {
        out.push(format!("    same lines in another order:\n{found}"));
    }
    out.join("\n")
}
