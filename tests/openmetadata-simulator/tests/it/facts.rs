//! The stand-in against the recorded answers of two real servers.
//!
//! `om_facts.py` asks a server some 400 questions and prints a line for each; what the real servers printed is
//! recorded beside it. Both are test data that lies next to the project, not in it: without them, or without
//! Python, the test says that it is skipped.
//!
//! What differs on purpose is in `facts/differences-*.txt`: a reason, the recorded line and ours. Every other
//! difference fails the test, and so does a listed one that is gone.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use openmetadata_simulator::{OpenMetadata, Seed, Settings};
use regex::Regex;

/// The prefix of the services that the questions make. Answers are cut after a number of characters, so it must
/// be as long as the recorded one.
const PREFIX: &str = "facts502459";

struct Recorded {
    release: &'static str,
    file: &'static str,
    differences: &'static str,
    /// What links in the recorded answers start with.
    url: &'static str,
    admin: &'static str,
    seed: Seed,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_of_1_12_6() {
    check(Recorded {
        release: "1.12.6",
        file: "facts-1.12.6.txt",
        differences: include_str!("../../facts/differences-1.12.6.txt"),
        url: "http://localhost:8585",
        admin: "admin@open-metadata.org",
        // Left behind on the recorded server by an earlier run, and found by its searches.
        seed: Seed::default().table("facts502458p8db.dwh.sales.Tab", &["id"]),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_of_1_2_0() {
    check(Recorded {
        release: "1.2.0-SNAPSHOT",
        file: "facts-1.2.0.txt",
        differences: include_str!("../../facts/differences-1.2.0.txt"),
        url: "http://127.0.0.1:8685",
        admin: "admin@openmetadata.org",
        seed: Seed::default(),
    })
    .await;
}

async fn check(recorded: Recorded) {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let (script, facts) =
        (shared.join("real/om_facts.py"), shared.join("data/openmetadata").join(recorded.file));
    let Some((script, facts)) = present(script, facts) else {
        say(&format!("facts {}: skipped, the recorded answers are not there", recorded.release));
        return;
    };
    let running = OpenMetadata::start(Settings {
        admin_listen: Some(([127, 0, 0, 1], 0).into()),
        public_url: Some(recorded.url.to_owned()),
        ..Settings::of_release(recorded.release.parse().expect("a release"))
    })
    .await
    .expect("started");
    running.seed(&recorded.seed).expect("seeded");
    let mut python = Command::new("python3");
    python
        .arg(script)
        .env("OM_URL", running.url())
        .env("OM_ADMIN", recorded.admin)
        .env("ADM", running.admin_address().expect("an admin port").port().to_string())
        .env("SVC", PREFIX)
        .env("PYTHONIOENCODING", "utf-8")
        .stderr(Stdio::inherit());
    let asked = tokio::task::spawn_blocking(move || python.output()).await.expect("not cancelled");
    let output = match asked {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            say(&format!("facts {}: skipped, there is no python3", recorded.release));
            return;
        }
        Err(error) => panic!("python3 does not start: {error}"),
    };
    assert!(output.status.success(), "om_facts.py: {}", output.status);
    running.shutdown().await;

    let masks = Masks::new();
    let ours = masks.lines(&String::from_utf8(output.stdout).expect("UTF-8"));
    let theirs = masks.lines(&std::fs::read_to_string(facts).expect("the recorded answers"));
    report(recorded.release, &theirs, &ours, &listed(recorded.differences));
}

fn present(script: PathBuf, facts: PathBuf) -> Option<(PathBuf, PathBuf)> {
    (script.exists() && facts.exists()).then_some((script, facts))
}

/// Compares line by line and fails with everything that is wrong at once.
fn report(release: &str, theirs: &[String], ours: &[String], listed: &[(String, String)]) {
    assert_eq!(theirs.len(), ours.len(), "facts {release}: another number of lines");
    let mut unseen: Vec<&(String, String)> = listed.iter().collect();
    let (mut equal, mut unlisted) = (0, Vec::new());
    for (theirs, ours) in theirs.iter().zip(ours) {
        if theirs == ours {
            equal += 1;
        } else if let Some(at) = unseen.iter().position(|pair| pair.0 == *theirs && pair.1 == *ours)
        {
            unseen.remove(at);
        } else {
            unlisted.push(format!("- {theirs}\n+ {ours}"));
        }
    }
    say(&format!("facts {release}: {equal} equal, {} listed", listed.len() - unseen.len()));
    let gone: Vec<String> =
        unseen.iter().map(|(theirs, ours)| format!("- {theirs}\n+ {ours}")).collect();
    assert!(
        unlisted.is_empty(),
        "facts {release}: differences that are not listed:\n{}",
        unlisted.join("\n")
    );
    assert!(gone.is_empty(), "facts {release}: listed, but no longer so:\n{}", gone.join("\n"));
}

/// The pairs of a file of differences: lines with `#` are reasons, `-` is the recorded line, `+` ours.
fn listed(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut theirs = None;
    for line in text.lines() {
        if let Some(line) = line.strip_prefix("- ") {
            theirs = Some(line.to_owned());
        } else if let Some(line) = line.strip_prefix("+ ") {
            pairs.push((theirs.take().expect("a recorded line before ours"), line.to_owned()));
        } else {
            assert!(line.is_empty() || line.starts_with('#'), "neither `-`, `+` nor `#`: {line}");
        }
    }
    pairs
}

/// What differs from run to run of one and the same server.
struct Masks(Vec<(Regex, &'static str)>);

impl Masks {
    fn new() -> Self {
        let masks = [
            // Identifiers that are cut off in the middle, by the length of the printed answer.
            (r"\b[0-9a-f]{8}-[0-9a-f-]*$", "<id"),
            (r#""updatedAt": \d*$"#, "\"updatedAt\": <ms"),
            // Names made of the time of the run.
            (r"\b(bu|bb|n|Mx)\d{6}\b", "$1<run>"),
            // Names made of Python's hash, which differs from process to process.
            (r"\bcn\d{1,3}\b", "cn<hash>"),
            // A hash of the entity's version and time.
            (r#"\\"[0-9a-f]{16}\\""#, "<etag>"),
            // The encrypted form of a token.
            (r"fernet:gAAAA\S*", "fernet:<token>"),
            (r#""timestamp":"[^"]*""#, "\"timestamp\":<time>"),
            (r#""duration":\d+"#, "\"duration\":<ms>"),
            // How long things took.
            (r"^\[time\] [\d.]+$", "[time] <t>"),
            (r"^(\[5 MB description\] 201) [\d.e-]+$", "$1 <t>"),
            (r"^(\[3000 columns same\] 200 0.1) [\d.e-]+$", "$1 <t>"),
            (r"^(\[[^\]]* s\]|\[\d+ sequential same\]) [\d.e-]+", "$1 <t>"),
            (r"^(\[dashboard with 400 charts\] 201) [\d.e-]+$", "$1 <t>"),
            (r"^(\[same\] 200 0.1) [\d.e-]+$", "$1 <t>"),
            (r"^(\[visible after\]) [\d.e-]+", "$1 <t>"),
            // Two dashboards are called `a1`; which one a page of one row shows depends on their random ids.
            (
                r#"^(\[old bot token\].*"fullyQualifiedName": )"Sp\d.a1", "version": [\d.]+"#,
                "$1<either>",
            ),
            // Header names have no case.
            ("'Www-Authenticate'", "'WWW-Authenticate'"),
        ];
        Self(masks.map(|(pattern, mask)| (Regex::new(pattern).expect(pattern), mask)).into())
    }

    fn lines(&self, text: &str) -> Vec<String> {
        text.lines()
            .map(|line| {
                self.0.iter().fold(line.to_owned(), |line, (regex, mask)| {
                    regex.replace_all(&line, *mask).into_owned()
                })
            })
            .collect()
    }
}

/// For whoever runs the tests with `--nocapture`.
#[expect(
    clippy::print_stdout,
    reason = "a test says that it was skipped, and how much it compared"
)]
fn say(text: &str) {
    println!("{text}");
}
