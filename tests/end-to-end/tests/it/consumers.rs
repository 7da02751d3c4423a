//! Consumers that share no code with us.

use std::process::Command;

use schemas::Topic;

use crate::world::World;

/// Python (confluent-kafka, fastavro) decodes every topic with the .avsc files alone. Needs the
/// packages of `tests/consumers/requirements.txt` in the Python named by `PYTHON`.
#[tokio::test(flavor = "multi_thread")]
async fn python_decodes_every_topic() {
    let Ok(python) = std::env::var("PYTHON") else {
        println!("skipped: PYTHON does not name a Python with tests/consumers/requirements.txt");
        return;
    };
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
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../consumers/decode.py");
    let output = Command::new(python)
        .args([script, "--bootstrap-servers", world.broker.bootstrap()])
        .args(["--prefix", &world.broker.prefix, "--expect", &expected])
        .output()
        .expect("Python runs");
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{text}");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
}
