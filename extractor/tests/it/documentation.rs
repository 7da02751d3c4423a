//! Every example configuration of the repository loads.

use std::{fs, path::PathBuf};

use extractor::config::{self, Needs};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Stands in for the files that an example names, and for variables without a default.
fn overrides() -> Vec<String> {
    let connection = "source.serviceConnection.config";
    let pem = "-----BEGIN CERTIFICATE-----";
    let certificates = ["clientCertificate", "clientKeyCertificate", "rootCertificate"];
    let certificates =
        certificates.map(|name| format!("{connection}.certificates.{name}=\"{pem}\""));
    let variables = [
        format!("{connection}.hostPort=wss://qlik.example.com:4747"),
        format!("{connection}.displayUrl=https://qlik.example.com"),
        format!("{connection}.userDirectory=CORP"),
        format!("{connection}.userId=svc"),
        "extractor.repositoryUrl=https://qlik.example.com:4242".to_owned(),
    ];
    certificates.into_iter().chain(variables).collect()
}

/// What a block that is about something else leaves out.
fn missing() -> [String; 2] {
    ["kafka.bootstrapServers=b:1".to_owned(), "source.serviceName=qlik".to_owned()]
}

#[test]
fn example_files_load() {
    let mut loaded = 0;
    for entry in fs::read_dir(root().join("config")).expect("examples") {
        let path = entry.expect("an entry").path();
        config::load(&path, &overrides(), Needs::SiteAndKafka)
            .unwrap_or_else(|problems| panic!("{}: {problems}", path.display()));
        loaded += 1;
    }
    assert!(loaded >= 2, "only {loaded} examples");
}

/// Blocks of YAML in the documentation are whole configurations.
#[test]
fn examples_in_the_documentation_load() {
    let docs = fs::read_dir(root().join("docs"))
        .expect("docs")
        .map(|entry| entry.expect("an entry").path());
    let pages = docs
        .chain([root().join("README.md")])
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let mut loaded = 0;
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().expect("a closed block");
            let overrides: Vec<_> = overrides().into_iter().chain(missing()).collect();
            config::parse(block, &overrides, Needs::SiteAndKafka)
                .unwrap_or_else(|problems| panic!("{}: {problems}\n{block}", page.display()));
            loaded += 1;
        }
    }
    assert!(loaded >= 1, "no YAML in the documentation");
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
    config::parse(&text, &overrides(), Needs::SiteAndKafka)
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
}
