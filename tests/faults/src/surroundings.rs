//! Faults of the machine and of the schema registry.

use std::{fs, path::Path, process::Stdio, time::Duration};

use end_to_end::{stage, world::World};
use serde_json::json;

use crate::{Outcome, Setup};

pub(crate) async fn registry(setup: Setup) -> Outcome {
    let world = World::with_sample_apps().await;
    let before = fs::read_to_string(&world.config).expect("a configuration");
    // Nothing listens on port 9 (discard) of this machine.
    let nowhere = json!({"url": "http://127.0.0.1:9"});
    world.change_config(|config| config["kafka"]["schemaRegistry"] = nowhere);
    let ended = stage::run("extractor", &world.config, &["run", "--once"]).await.with_code(3);
    assert!(ended.stderr.contains("kafka.schemaRegistry.url"), "{}", ended.stderr);
    assert!(world.topic_content().is_empty(), "nothing was published");
    fs::write(&world.config, before).expect("written");
    let result = setup.settle(&world).await;
    ("for a run of the extractor".to_owned(), format!("exit 3, then {result}"))
}

/// Nothing can be written to standard output and error.
pub(crate) async fn full_disk(setup: Setup) -> Outcome {
    let full = Path::new("/dev/full");
    if !full.exists() {
        return ("nothing".to_owned(), "not done: there is no /dev/full".to_owned());
    }
    let world = World::with_sample_apps().await;
    for (name, args) in [("extractor", ["run", "--once"]), ("loader", ["run", "--until-end"])] {
        let open = || Stdio::from(fs::OpenOptions::new().write(true).open(full).expect("opened"));
        let args = [&["--log-level", "debug"], &args[..]].concat();
        let mut command = stage::command(name, &world.config, &args);
        let status = command.stdout(open()).stderr(open()).status();
        let status = tokio::time::timeout(Duration::from_secs(120), status).await;
        let status = status.expect("it ends").expect("it runs");
        assert_eq!(status.code(), Some(0), "{name}");
    }
    setup.check_topics(&world);
    ("both stages, output to /dev/full".to_owned(), setup.check_catalogue(&world))
}

/// The clock goes forward and back while both stages run, with libfaketime.
///
/// It never shows more than the true time: librdkafka waits with C11's `cnd_timedwait`, which libfaketime
/// does not know, so a moment that is still to come by the true clock would be waited for.
pub(crate) async fn clock(setup: Setup) -> Outcome {
    let library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
    if !Path::new(library).exists() {
        return ("nothing".to_owned(), "not done: libfaketime is not installed".to_owned());
    }
    let world = World::with_sample_apps().await;
    world.slow_site(Duration::from_millis(15));
    world.slow_catalogue(Duration::from_millis(20));
    let offset = world.folder().join("clock");
    let jumps = ["-2h", "-40d", "-3d", "+0"];
    for (name, args) in [("extractor", ["run", "--once"]), ("loader", ["run", "--until-end"])] {
        fs::write(&offset, "-40d\n").expect("written");
        let child = stage::command(name, &world.config, &args)
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", &offset)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .spawn()
            .expect("it starts");
        let running = tokio::spawn(stage::finish(child));
        for jump in jumps {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!running.is_finished(), "{name} was over before the clock went to {jump}");
            fs::write(&offset, format!("{jump}\n")).expect("written");
        }
        drop(running.await.expect("it ends").with_code(0));
    }
    world.slow_site(Duration::ZERO);
    setup.check_topics(&world);
    setup.check_catalogue(&world);
    (format!("from -40d to {}", jumps.join(", ")), setup.settle(&world).await)
}
