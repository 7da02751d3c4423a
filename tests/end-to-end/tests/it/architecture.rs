//! Who may depend on whom.

use std::{collections::BTreeSet, process::Command};

/// Packages that a package's programs are built from.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "-p",
            package,
            "--all-features",
            "-e",
            "normal,build",
            "--prefix",
            "none",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

#[test]
fn neither_stage_depends_on_the_other() {
    for (stage, foreign) in [("extractor", "loader"), ("loader", "extractor")] {
        let dependencies = dependencies(stage);
        assert!(dependencies.contains("schemas"), "{stage} uses the contract");
        assert!(!dependencies.contains(foreign), "{stage} depends on {foreign}");
        for simulator in ["qlik-simulator", "openmetadata-simulator", "end-to-end"] {
            assert!(!dependencies.contains(simulator), "{stage} depends on {simulator}");
        }
    }
}

#[test]
fn the_contract_knows_neither_kafka_nor_the_ends() {
    let dependencies = dependencies("schemas");
    for foreign in ["rdkafka", "tokio-tungstenite", "extractor", "loader"] {
        assert!(!dependencies.contains(foreign), "schemas depends on {foreign}");
    }
}

#[test]
fn there_is_one_crypto_provider_for_rustls() {
    for package in ["extractor", "loader", "qlik-simulator"] {
        assert!(!dependencies(package).contains("ring"), "{package} brings ring");
    }
}
