//! Every example configuration of the repository loads.

use std::{fs, path::PathBuf};

use loader::config;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Stands in for variables without a default.
fn overrides() -> Vec<String> {
    let server = "workflowConfig.openMetadataServerConfig";
    let connection = "source.serviceConnection.config";
    vec![
        format!("{server}.hostPort=http://localhost:8585/api"),
        format!("{server}.securityConfig.jwtToken=t"),
        format!("{connection}.hostPort=wss://qlik.example.com:4747"),
        format!("{connection}.displayUrl=https://qlik.example.com"),
        format!("{connection}.userDirectory=CORP"),
        format!("{connection}.userId=svc"),
    ]
}

#[test]
fn example_files_load() {
    let mut loaded = 0;
    for entry in fs::read_dir(root().join("config")).expect("examples") {
        let path = entry.expect("an entry").path();
        config::load(&path, &overrides())
            .unwrap_or_else(|problems| panic!("{}: {problems}", path.display()));
        loaded += 1;
    }
    assert!(loaded >= 2, "only {loaded} examples");
}

#[test]
fn the_example_of_the_readme_loads() {
    let text = fs::read_to_string(root().join("README.md")).expect("a page");
    let blocks: Vec<_> = text.split("```yaml\n").skip(1).collect();
    assert!(!blocks.is_empty(), "no YAML in the README");
    for block in blocks {
        let block = block.split("```").next().expect("a closed block");
        config::parse(block, &overrides()).unwrap_or_else(|problems| panic!("{problems}\n{block}"));
    }
}

/// The configuration in the manifests for Kubernetes is one.
#[test]
fn the_manifests_hold_a_configuration() {
    let path = root().join("docs/kubernetes/qlik-metadata.yaml");
    let text = fs::read_to_string(path).expect("manifests");
    let block = text.split("  config.yaml: |\n").nth(1).expect("a configuration");
    let block = block.split("\n---").next().expect("an end");
    let text: String = block
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
        .collect();
    config::parse(&text, &overrides()).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
}
