//! No secret shows: everything that a pipeline of both stages wrote is searched for every secret that
//! it was given.

use std::fs;

use end_to_end::stage;
use schemas::Topic;
use serde_json::json;

use crate::world::World;

const KAFKA_PASSWORD: &str = "kafka-pw-4711-Zx";
const REGISTRY_PASSWORD: &str = "registry-pw-4712-Zx";
const DATABASE_PASSWORD: &str = "database-pw-4713-Zx";
const KEY_PASSWORD: &str = "key-pw-4714-Zx";
const WRONG_TOKEN: &str = "wrong-token-4715-Zx";

/// Everything written so far, by where it was written.
#[derive(Default)]
struct Written(Vec<(String, Vec<u8>)>);

impl Written {
    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.0.push((place.into(), bytes.into()));
    }

    fn output(&mut self, place: &str, ended: &stage::Ended) {
        self.add(format!("{place}: standard output"), ended.stdout.as_bytes());
        self.add(format!("{place}: standard error"), ended.stderr.as_bytes());
    }

    /// Where a text stands, with what stands before it.
    fn places(&self, text: &str) -> Vec<String> {
        let found =
            |bytes: &[u8]| bytes.windows(text.len()).position(|part| part == text.as_bytes());
        let places = self.0.iter().filter_map(|(place, bytes)| {
            let at = found(bytes)?;
            let before = String::from_utf8_lossy(&bytes[at.saturating_sub(200)..at]);
            Some(format!("{place}: …{before}"))
        });
        places.collect()
    }
}

/// Runs a stage at debug level and keeps what it wrote and what other users of the machine see of it.
async fn run(world: &World, written: &mut Written, stage: &str, args: &[&str]) -> stage::Ended {
    let mut child = stage::start(stage, &world.config, &[&["--log-level", "debug"], args].concat());
    let file = format!("/proc/{}/cmdline", child.id().expect("it runs"));
    // Empty for a moment after the start of a process, and again when it ended.
    let mut seen = Vec::new();
    while seen.is_empty() && child.try_wait().expect("its state").is_none() {
        seen = fs::read(&file).unwrap_or_default();
        tokio::task::yield_now().await;
    }
    let ended = stage::finish(child).await;
    let place = format!("{stage} {}", args.join(" "));
    written.add(format!("{place}: command line"), seen);
    written.output(&place, &ended);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_anywhere() {
    let world = World::with_sample_apps().await;
    let made = world.site().certificates().clone();
    let key = made.client_key_encrypted_pem(KEY_PASSWORD).expect("encrypted");
    let key_file = world.folder().join("encrypted.pem");
    fs::write(&key_file, &key).expect("written");
    world.change_config(|config| {
        let certificates = &mut config["source"]["serviceConnection"]["config"]["certificates"];
        certificates["clientKeyCertificate"] = json!(key_file);
        certificates["keyPassword"] = KEY_PASSWORD.into();
        // Not used by a broker without SASL, and told to librdkafka all the same.
        config["kafka"]["properties"]["sasl.password"] = KAFKA_PASSWORD.into();
        config["kafka"]["properties"]["sasl.username"] = "qlik".into();
    });
    let app = world.apps.keys().next().expect("an app").clone();
    let app = world.copy.clone().map_or(app, |(original, _)| original);
    world.change_script(&app, |script| {
        format!(
            "LIB CONNECT TO 'x';\nODBC CONNECT TO [Prod;UID=sa;PWD={DATABASE_PASSWORD}] (XUserId is a, XPassword is {DATABASE_PASSWORD});\n\
             OLEDB CONNECT TO [Provider=SQLOLEDB;Password={DATABASE_PASSWORD};User ID=sa];\n\
             Secret: SQL SELECT a FROM OPENROWSET('SQLNCLI', 'Server=s;Uid=sa;Pwd={DATABASE_PASSWORD};', 'select 1');\n{script}"
        )
    });
    let mut written = Written::default();
    let extracted = world.folder().join("extracted.json");
    let loaded = world.folder().join("loaded.json");
    let report = |path: &std::path::Path| path.to_str().expect("UTF-8").to_owned();
    let (extracted, loaded) = (report(&extracted), report(&loaded));

    let args = ["run", "--once", "--report", &extracted];
    let ended = run(&world, &mut written, "extractor", &args).await.with_code(0);
    assert!(ended.stderr.contains("DEBUG"), "the level is debug");
    drop(run(&world, &mut written, "extractor", &["plan"]).await.with_code(0));
    run(&world, &mut written, "extractor", &["check"]).await;
    let args = ["run", "--until-end", "--report", &loaded];
    let ended = run(&world, &mut written, "loader", &args).await.with_code(0);
    assert!(ended.stderr.contains("DEBUG"), "the level is debug");
    drop(run(&world, &mut written, "loader", &["check"]).await.with_code(0));

    // Commands that fail say what they tried.
    for (stage, pairs) in [
        ("extractor", vec!["source.serviceConnection.config.certificates.keyPassword=no"]),
        ("extractor", vec!["source.serviceConnection.config.hostPort=wss://127.0.0.1:9"]),
        ("loader", vec!["kafka.partitions=many"]),
    ] {
        let mut args = Vec::new();
        for pair in pairs {
            args.extend(["--set", pair]);
        }
        args.push("check");
        let ended = run(&world, &mut written, stage, &args).await;
        assert_ne!(ended.code, Some(0), "{}", ended.stdout);
    }
    world.change_config(|config| {
        config["kafka"]["schemaRegistry"] = json!({
            "url": "http://127.0.0.1:9", "username": "u", "password": REGISTRY_PASSWORD,
        });
    });
    drop(run(&world, &mut written, "extractor", &["schemas", "check"]).await.with_code(3));
    let token = world.catalogue().token().to_owned();
    world.change_config(|config| {
        config["kafka"]["schemaRegistry"] = serde_json::Value::Null;
        config["workflowConfig"]["openMetadataServerConfig"]["securityConfig"]["jwtToken"] =
            WRONG_TOKEN.into();
    });
    let args = ["--set", "loader.tokenGrace=1s", "run", "--until-end"];
    drop(run(&world, &mut written, "loader", &args).await.with_code(3));

    for file in [&extracted, &loaded] {
        written.add(file.as_str(), fs::read(file).expect("a report"));
    }
    for topic in Topic::ALL {
        for record in world.broker.records(topic) {
            let mut bytes = record.value.unwrap_or_default();
            for (name, value) in &record.headers {
                bytes.extend_from_slice(format!("{name}={value}\n").as_bytes());
            }
            written.add(format!("{topic} {}", record.key), bytes);
        }
    }
    written.add("the catalogue", world.catalogue_snapshot().to_string());

    // A search that finds nothing proves something only when it can find.
    assert!(!written.places("Secret").is_empty(), "the script's own table is somewhere");
    assert!(!written.places("kafka.schemaRegistry").is_empty());
    assert!(!written.places("run\0").is_empty(), "command lines were seen");
    let pem_body = |pem: &str| {
        let lines: Vec<_> = pem.lines().filter(|line| line.len() > 40).collect();
        lines[lines.len() / 2].to_owned()
    };
    for (what, secret) in [
        ("the token", token),
        ("a wrong token", WRONG_TOKEN.to_owned()),
        ("Kafka's password", KAFKA_PASSWORD.to_owned()),
        ("the registry's password", REGISTRY_PASSWORD.to_owned()),
        ("a database's password in a script", DATABASE_PASSWORD.to_owned()),
        ("the key's password", KEY_PASSWORD.to_owned()),
        ("the encrypted key", pem_body(&key)),
        ("the key", pem_body(made.client_key_pkcs8_pem())),
        ("the key in its other form", pem_body(made.client_key_pem())),
    ] {
        assert!(secret.len() >= 8, "{what} is long enough to be recognised");
        let places = written.places(&secret);
        assert!(places.is_empty(), "{what} shows in {places:?}");
    }
}
