//! What the operator is told: one clear error that names the setting to change, and the exit code.

use end_to_end::stage;
use qlik_simulator::{Effect, Fault};
use schemas::Topic;

use crate::world::{self, World};

/// Runs a stage with overrides and checks its exit code and that its error names all of `names`.
async fn check(world: &World, stage: &str, args: &[&str], code: i32, names: &[&str]) {
    let ended = stage::run(stage, &world.config, args).await.with_code(code);
    for name in names {
        assert!(ended.stderr.contains(name), "{name} is not named in:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// Arguments with `--set` before each override.
fn with_overrides(overrides: &[String], args: &[&str]) -> Vec<String> {
    let overrides = overrides.iter().flat_map(|text| ["--set".to_owned(), text.clone()]);
    overrides.chain(args.iter().map(|&arg| arg.to_owned())).collect()
}

fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_root_certificate_is_named() {
    let world = World::with_sample_apps().await;
    let args = with_overrides(&world::foreign_root(&world), &["run", "--once"]);
    check(&world, "extractor", &refs(&args), 3, &["rootCertificate"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_client_certificate_is_named() {
    let world = World::with_sample_apps().await;
    let args = with_overrides(&world::foreign_client(&world), &["run", "--once"]);
    check(&world, "extractor", &refs(&args), 3, &["clientCertificate"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_name_that_the_certificate_lacks_is_named() {
    let world = World::with_sample_apps().await;
    let set = "source.serviceConnection.config.validateHostName=true";
    check(&world, "extractor", &["--set", set, "run", "--once"], 3, &["validateHostName"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_services_are_named() {
    let world = World::with_sample_apps().await;
    // Nothing listens on port 9 (discard) of this machine.
    let set = "source.serviceConnection.config.hostPort=wss://127.0.0.1:9";
    check(&world, "extractor", &["--set", set, "run", "--once"], 3, &["hostPort"]).await;
    let set = "source.serviceConnection.config.hostPort=wss://no-such-host.invalid:4747";
    check(
        &world,
        "extractor",
        &["--set", set, "run", "--once"],
        3,
        &["hostPort", "no-such-host.invalid"],
    )
    .await;
    assert!(world.broker.events(Topic::Dashboards).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_the_configuration_are_reported_whole() {
    let world = World::with_sample_apps().await;
    let args =
        ["--set", "extractor.concurency=3", "--set", "kafka.topicPrefix=a b", "run", "--once"];
    check(&world, "extractor", &args, 2, &["extractor.concurency", "kafka.topicPrefix"]).await;
    let args =
        ["--set", "loader.bathc.count=3", "--set", "kafka.bootstrapServers=", "run", "--until-end"];
    check(&world, "loader", &args, 2, &["loader.bathc", "kafka.bootstrapServers"]).await;
    let broken = world.folder().join("broken.yaml");
    std::fs::write(&broken, "source:\n  a: [1\nb: 2").expect("written");
    for stage in ["extractor", "loader"] {
        let ended = stage::run(stage, &broken, &["run"]).await.with_code(2);
        assert!(
            ended.stderr.contains("broken.yaml") && ended.stderr.contains("line"),
            "{}",
            ended.stderr
        );
    }
}

/// A base URL without `/api` reaches the web pages, which answer 200 with HTML.
#[tokio::test(flavor = "multi_thread")]
async fn html_instead_of_json_is_recognised_and_nothing_is_lost() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    world.html_catalogue(true);
    check(&world, "loader", &["run", "--until-end"], 3, &["hostPort"]).await;
    world.html_catalogue(false);
    world.load(&[]).await;
    assert_eq!(world.entities("dashboards").len(), world.apps.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_stops_the_loader_and_nothing_is_lost() {
    let world = World::with_sample_apps().await;
    world.extract(&[]).await;
    let set = "workflowConfig.openMetadataServerConfig.securityConfig.jwtToken=wrong-token-hunter2";
    let wait = "loader.tokenGrace=1s";
    let ended =
        stage::run("loader", &world.config, &["--set", set, "--set", wait, "run", "--until-end"])
            .await;
    let ended = ended.with_code(3);
    assert!(ended.stderr.contains("jwtToken"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("hunter2"), "the token is a secret: {}", ended.stderr);
    world.load(&[]).await;
    assert_eq!(world.entities("dashboards").len(), world.apps.len());
}

/// A broker that silently keeps little must never be given more: the run stops before.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_is_not_filled_beyond_its_limit() {
    let world = World::with_sample_apps().await;
    let set = "extractor.maxPartitionBytes=20000";
    check(&world, "extractor", &["--set", set, "run", "--once"], 4, &["maxPartitionBytes"]).await;
    let mut bytes = std::collections::BTreeMap::new();
    for topic in Topic::STATE {
        for record in world.broker.records(topic) {
            let size = record.key.len() + record.value.map_or(0, |value| value.len());
            *bytes.entry((topic, record.partition)).or_insert(0) += size;
        }
    }
    assert!(!bytes.is_empty(), "something fits");
    assert!(bytes.values().all(|bytes| *bytes <= 20_000), "{bytes:?}");
    // With room enough the rest follows.
    world.extract(&[]).await;
    assert_eq!(world.broker.events(Topic::Dashboards).len(), world.apps.len());
}

/// An engine that goes down in the middle of a run ends it, and the next run reads the rest.
#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_goes_down_ends_the_run() {
    let world = World::with_sample_apps().await;
    let control = world.site().control().clone();
    // Some apps take that many requests; then everything is dropped.
    let down = Fault { app: None, method: None, skip: 60, times: None, effect: Effect::DropSocket };
    control.add_fault(down);
    let overrides =
        ["extractor.concurrency=1", "extractor.outageTimeout=1ms"].map(ToOwned::to_owned);
    let args = with_overrides(&overrides, &["run", "--once"]);
    check(&world, "extractor", &refs(&args), 3, &["extractor.outageTimeout"]).await;
    let read = world.broker.records(Topic::Dashboards).len();
    assert!((1..world.apps.len()).contains(&read), "{read} apps were read before");
    control.clear_faults();
    drop(stage::run("extractor", &world.config, &["run", "--once"]).await.with_code(0));
    assert_eq!(world.broker.records(Topic::Dashboards).len(), world.apps.len());
}

/// Apps that always fail are no reason to give up: the engine answers.
#[tokio::test(flavor = "multi_thread")]
async fn apps_that_fail_do_not_end_the_run() {
    let world = World::with_sample_apps().await;
    let control = world.site().control().clone();
    control.add_fault(Fault::of_method("OpenDoc", Effect::DropSocket));
    let overrides =
        ["extractor.concurrency=1", "extractor.outageTimeout=1ms"].map(ToOwned::to_owned);
    let args = with_overrides(&overrides, &["run", "--once"]);
    check(&world, "extractor", &refs(&args), 1, &["0 read", "5 failed"]).await;
}
