//! The program itself: arguments, exit codes, what it prints where.

use std::{
    path::PathBuf,
    process::{Command, Output},
};

use openmetadata_simulator::{Effect, Fault, Kind, OpenMetadata, Settings};
use serde_json::{Value, json};

use crate::kafka::{Kafka, chart, dashboard};

fn loader(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loader"));
    // Whatever the machine's environment says.
    for name in ["QLIK_METADATA_CONFIG", "LOG_FORMAT", "LOG_LEVEL"] {
        command.env_remove(name);
    }
    command.args(arguments).output().expect("the loader runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A file with this content; it goes when the folder is dropped.
fn file(content: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("loader.yaml");
    std::fs::write(&path, content).expect("file");
    (folder, path)
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let (_folder, path) = file("loader: {colour: red}\nkafka: {}\nkafak: {}\n");
    let output = loader(&["run", "--config", path.to_str().expect("path")]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    for key in [
        "kafak",
        "loader.colour",
        "kafka.bootstrapServers",
        "source.serviceName",
        "workflowConfig.openMetadataServerConfig.hostPort",
        "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken",
    ] {
        assert!(said.contains(&format!("\n  {key}: ")), "{key} missing in {said}");
    }
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn usage_is_explained() {
    let help = loader(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for part in ["run", "replay", "dead-letters", "Exit codes", "--set", "loader run --until-end"] {
        assert!(text(&help.stdout).contains(part), "{part} missing in {}", text(&help.stdout));
    }
    assert_eq!(loader(&["replay"]).status.code(), Some(2), "`--from` is required");
    assert_eq!(loader(&["run", "--config", "/no/such/file"]).status.code(), Some(2));
    let completions = loader(&["completions", "bash"]);
    assert_eq!(completions.status.code(), Some(0));
    assert!(text(&completions.stdout).contains("dead-letters"));
}

#[test]
fn brokers_that_are_away_are_named() {
    let (_folder, path) = file(
        "
source: {serviceName: prod}
workflowConfig: {openMetadataServerConfig: {hostPort: http://127.0.0.1:1/api, authProvider: no-auth}}
kafka: {bootstrapServers: \"127.0.0.1:1\", properties: {sasl.password: hunter2}}
loader: {connectTimeout: 1s}
",
    );
    let output = loader(&["dead-letters", "list", "--config", path.to_str().expect("path")]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("`127.0.0.1:1`") && said.contains("kafka.bootstrapServers"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let output = loader(&["check", "--config", path.to_str().expect("path")]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.contains("ok       configuration") && said.contains("failed   brokers"), "{said}");
}

#[test]
fn properties_that_librdkafka_does_not_know_are_mistakes() {
    let (_folder, path) = file(
        "
source: {serviceName: prod}
workflowConfig: {openMetadataServerConfig: {hostPort: http://127.0.0.1:1/api, authProvider: no-auth}}
kafka: {bootstrapServers: \"127.0.0.1:1\", properties: {no.such.property: 1}}
",
    );
    let output = loader(&["dead-letters", "list", "--config", path.to_str().expect("path")]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.contains("no.such.property") && said.contains("kafka.properties"), "{said}");
}

/// Dead letters as an operator meets them: listed, shown in full, retried, which writes what was missing.
#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_shown_and_retried_by_the_commands() {
    let kafka = Kafka::new(2, &[]).await;
    let server = OpenMetadata::start(Settings::default()).await.expect("a free port");
    let config = json!({
        "source": {"serviceName": "prod"},
        "workflowConfig": {"openMetadataServerConfig": {
            "hostPort": server.url(),
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": server.token()},
        }},
        "kafka": {
            "bootstrapServers": kafka.servers,
            "topicPrefix": kafka.prefix(),
            "properties": {"session.timeout.ms": 6000},
        },
        "loader": {"groupId": kafka.settings.flow.group_id},
    });
    let (_folder, path) = file(&config.to_string());
    let run = |arguments: &[&str], code: i32| {
        let output = loader(&[&["--config", path.to_str().expect("path")], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        text(&output.stdout)
    };

    kafka.write(&[chart("app", "c1", "indigestible"), dashboard("app", &[])]).await;
    let refuse = Fault::once(Effect::Status { status: 400, retry_after: None });
    let refuse = refuse.containing("indigestible").times(1000);
    server.faults().add(refuse).expect("a fault");
    tokio::task::block_in_place(|| run(&["run", "--until-end"], 1));
    assert_eq!(server.entity(Kind::Chart, "prod.app_c1"), None);

    tokio::task::block_in_place(|| {
        let listed = run(&["dead-letters", "list", "--json"], 0);
        let letter: Value = serde_json::from_str(listed.trim()).expect("one line");
        assert_eq!(letter["key"], "prod/app/c1");
        let id = letter["id"].as_str().expect("an id");
        assert!(run(&["dead-letters", "list"], 0).contains(&format!("\n{id} ")));
        let shown: Value =
            serde_json::from_str(&run(&["dead-letters", "show", id], 0)).expect("JSON");
        assert_eq!(shown["value"]["title"], "indigestible", "{shown}");
        assert_eq!((&shown["stage"], &shown["id"]), (&"assets".into(), &id.into()), "{shown}");
        assert!(shown["headers"].as_object().is_some_and(|all| !all.is_empty()), "{shown}");

        // While it is refused, it comes back as a new one.
        run(&["dead-letters", "retry"], 1);
        let listed = run(&["dead-letters", "list", "--json"], 0);
        let again: Value = serde_json::from_str(listed.trim()).expect("one line");
        assert_eq!((&again["key"], again["id"] == letter["id"]), (&letter["key"], false));
        server.faults().clear();
        run(&["dead-letters", "retry"], 0);
        assert_eq!(run(&["dead-letters", "list"], 0), "");
        assert_eq!(run(&["dead-letters", "list", "--all", "--json"], 0).lines().count(), 2);
    });
    let written = server.entity(Kind::Chart, "prod.app_c1").expect("written by the retry");
    assert_eq!(written["displayName"], "indigestible");
}
