//! Faults of real brokers, which `kafka.sh` starts and stops.

use std::{path::Path, time::Duration};

use end_to_end::{broker::Broker, stage, world::World};
use tokio::process::Command;

use crate::{Outcome, Setup, terminate};

/// Three brokers of a cluster, or one.
#[derive(Clone, Copy)]
struct Cluster<'a> {
    script: &'a Path,
    brokers: u16,
    port: u16,
}

impl Cluster<'_> {
    /// Runs `kafka.sh`, which must succeed unless the command is one that kills.
    async fn run(self, args: &[&str]) {
        let work = std::env::temp_dir().join(format!("faults-kafka-{}", self.port));
        let output = Command::new(self.script)
            .args(args)
            .env("KAFKA_BROKERS", self.brokers.to_string())
            .env("KAFKA_PORT", self.port.to_string())
            .env("KAFKA_WORK", work)
            .output()
            .await
            .expect("kafka.sh runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kafka.sh {args:?}: {said}");
    }

    fn bootstrap(self) -> String {
        let addresses = (0..self.brokers).map(|id| format!("127.0.0.1:{}", self.port + 10 * id));
        addresses.collect::<Vec<_>>().join(",")
    }
}

/// Both stages run all the time while the brokers are disturbed: `steps` are commands of `kafka.sh`
/// and seconds to wait after each. Nothing may be lost, and neither stage may end by itself.
async fn disturbed(setup: &Setup, brokers: u16, port: u16, steps: &[(&[&str], u64)]) -> String {
    let Some(script) = setup.plan.kafka.as_deref() else {
        return "not done: `--kafka` names no kafka.sh".to_owned();
    };
    let cluster = Cluster { script, brokers, port };
    cluster.run(&["start"]).await;
    let world = World::with_sample_apps_over(Broker::real(&cluster.bootstrap())).await;
    // The topics are there before anything breaks, with a copy on every broker.
    world.change_config(|config| config["kafka"]["replicationFactor"] = brokers.into());
    world.extract(&[]).await;
    let start = |name, args: &[&str]| {
        let child = stage::start(name, &world.config, args);
        let pid = child.id().expect("it runs");
        (pid, tokio::spawn(stage::finish(child)))
    };
    let running = [start("loader", &["run"]), start("extractor", &["run", "--every", "3s"])];
    let ids: Vec<String> = world.site().control().app_ids();
    for (round, (args, pause)) in steps.iter().enumerate() {
        // Something new to publish all the time, which is taken back before the end.
        for id in &ids {
            world.rename_app(id, &format!("round {round}"));
        }
        cluster.run(args).await;
        tokio::time::sleep(Duration::from_secs(*pause)).await;
    }
    let mut codes = Vec::new();
    for (pid, ended) in running {
        assert!(!ended.is_finished(), "a stage ended by itself");
        terminate(pid).await;
        let ended = ended.await.expect("it ends");
        assert_eq!(ended.code, Some(0), "{ended:?}");
        codes.push(ended);
    }
    for (id, app) in &world.apps {
        world.rename_app(id, &app.title);
    }
    world.extract(&["--full"]).await;
    world.load(&[]).await;
    // Versions and times tell of the renames; what is there must be the same.
    let (found, wanted) = (world.entities("dashboards"), &world.apps);
    assert_eq!(found.len(), wanted.len());
    for (id, app) in wanted {
        assert_eq!(found[id]["displayName"], app.title.as_str(), "{id}");
        let charts = found[id]["charts"].as_array().map_or(0, Vec::len);
        assert_eq!(charts, app.charts.len(), "charts of {id}");
    }
    cluster.run(&["stop"]).await;
    cluster.run(&["clean"]).await;
    "both stages went on, everything arrived".to_owned()
}

pub(crate) async fn restart(setup: Setup) -> Outcome {
    let steps: &[(&[&str], u64)] =
        &[(&["restart"], 5), (&["kill"], 1), (&["start"], 5), (&["restart"], 10)];
    let result = disturbed(&setup, 1, 23092, steps).await;
    ("2 restarts, 1 kill -9".to_owned(), result)
}

pub(crate) async fn gone(setup: Setup) -> Outcome {
    let steps: &[(&[&str], u64)] = &[(&["status"], 4), (&["stop"], 120), (&["start"], 15)];
    let result = disturbed(&setup, 1, 23092, steps).await;
    ("stopped for 2 minutes".to_owned(), result)
}

pub(crate) async fn one_of_three(setup: Setup) -> Outcome {
    let steps: &[(&[&str], u64)] = &[
        (&["status"], 4),
        (&["kill", "2"], 15),
        (&["start", "2"], 10),
        (&["pause", "3"], 15),
        (&["resume", "3"], 10),
    ];
    let result = disturbed(&setup, 3, 23192, steps).await;
    ("one killed, then another hangs".to_owned(), result)
}
