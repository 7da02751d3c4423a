//! `check`: is everything there that `run` needs? Changes nothing.

use std::{fmt, time::Duration};

use schemas::{Topic, registry::Registry};

use super::{Catalogue, ask, output};
use crate::{
    config::Settings,
    decode::schemas::Known,
    error_text,
    sink::Fatal,
    source::{Found, find_topics},
};

/// A line of what `check` prints.
#[derive(Debug)]
pub struct Line {
    what: String,
    verdict: Verdict,
}

/// How a check ended.
#[derive(Debug)]
enum Verdict {
    Ok(String),
    /// `run` works, but not as well as it could.
    Warning(String),
    /// With the exit code.
    Failed(String, u8),
}

impl Line {
    fn new(what: &str, verdict: Verdict) -> Self {
        Self { what: what.to_owned(), verdict }
    }

    /// Everything is as it should be.
    #[must_use]
    pub fn ok(what: &str, text: String) -> Self {
        Self::new(what, Verdict::Ok(text))
    }

    /// `run` works, but not as well as it could.
    #[must_use]
    pub fn warning(what: &str, text: String) -> Self {
        Self::new(what, Verdict::Warning(text))
    }

    /// Something is wrong.
    #[must_use]
    pub fn failed(what: &str, fatal: Fatal) -> Self {
        Self::new(what, Verdict::Failed(fatal.message, fatal.exit_code))
    }

    /// The exit code if this were the only line.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            Verdict::Ok(_) | Verdict::Warning(_) => 0,
            Verdict::Failed(_, code) => code,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, text) = match &self.verdict {
            Verdict::Ok(text) => ("ok", text),
            Verdict::Warning(text) => ("warning", text),
            Verdict::Failed(text, _) => ("failed", text),
        };
        write!(f, "{word:<8} {:<14} {text}", self.what)
    }
}

/// Checks Kafka, the schema registry and the catalogue, each whatever the others say, and prints a line
/// for each. The exit code is 0, or that of the first failure.
///
/// # Errors
/// Never at the moment: everything is a line.
pub async fn check<C: Catalogue>(settings: &Settings, catalogue: &C) -> Result<u8, Fatal> {
    let (kafka, registry, catalogue) =
        tokio::join!(kafka(settings), registry(settings), catalogue.check(settings));
    let mut lines = vec![Line::ok("configuration", format!("service `{}`", settings.service))];
    lines.extend(kafka.into_iter().map(|(what, verdict)| Line::new(what, verdict)));
    lines.push(Line::new("registry", registry));
    lines.extend(catalogue);
    lines.iter().for_each(|line| output::print(&format!("{line}\n")));
    Ok(lines.iter().map(Line::exit_code).find(|code| *code != 0).unwrap_or_default())
}

async fn kafka(settings: &Settings) -> Vec<(&'static str, Verdict)> {
    match find_topics(&settings.kafka, ask(settings)).await {
        Ok(found) => {
            let servers = &settings.kafka.bootstrap_servers;
            let brokers = format!("{} at `{servers}`", found.brokers);
            vec![("brokers", Verdict::Ok(brokers)), ("topics", topics(settings, &found))]
        }
        Err(error) => {
            let fatal = Fatal::from(error);
            vec![("brokers", Verdict::Failed(fatal.message, fatal.exit_code))]
        }
    }
}

fn topics(settings: &Settings, found: &Found) -> Verdict {
    let name = |topic: Topic| format!("`{}`", settings.kafka.topics.name(topic));
    let missing: Vec<_> = found.missing().map(name).collect();
    if missing.len() == Topic::STATE.len() {
        return Verdict::Failed(
            format!(
                "none of {} exists; has the extractor run, and is `kafka.topicPrefix` the same as the extractor's?",
                missing.join(", ")
            ),
            3,
        );
    }
    if !missing.is_empty() {
        return Verdict::Warning(format!("{} not there yet", missing.join(", ")));
    }
    if let Some(counts) = found.differing_partitions() {
        return Verdict::Warning(format!(
            "different numbers of partitions ({counts}): one replica does not see an app whole"
        ));
    }
    if !found.partitions.contains_key(&Topic::DeadLetters) && !settings.kafka.create_topics {
        return Verdict::Failed(
            format!("{} does not exist and may not be created", name(Topic::DeadLetters)),
            3,
        );
    }
    let partitions = found.partitions.get(&Topic::Dashboards).copied().unwrap_or_default();
    Verdict::Ok(format!("all there, {partitions} partitions each"))
}

async fn registry(settings: &Settings) -> Verdict {
    let Some(connection) = settings.kafka.registry.clone() else {
        return Verdict::Ok("none configured; values are read by their fingerprints".to_owned());
    };
    let mut url = connection.url.clone();
    // A URL that cannot have a password has none.
    url.set_password(None).ok();
    let registry = match Registry::new(connection) {
        Ok(registry) => registry,
        Err(error) => return Verdict::Failed(error_text(&error), 2),
    };
    // Whether or not there is a schema 1: the answer shows that there is a registry.
    match first_schema(&registry, ask(settings)).await {
        Ok(Known::Schema(_) | Known::Missing(_)) => Verdict::Ok(format!("answers at `{url}`")),
        Err(fatal) => Verdict::Failed(fatal.message, fatal.exit_code),
    }
}

/// Asks once; a registry that is away now is a failure here.
async fn first_schema(registry: &Registry, limit: Duration) -> Result<Known, Fatal> {
    let asked = crate::decode::schemas::fetch(registry, 1, false);
    tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| {
        Err(Fatal {
            message: "the schema registry does not answer; is it running, and is `kafka.schemaRegistry.url` right?".to_owned(),
            exit_code: 3,
        })
    })
}
