//! `check`: is everything there that `run` needs? Changes nothing.

use std::time::Duration;

use schemas::{Topic, registry::Registry};

use super::{Catalogue, ask, output};
use crate::{
    config::Settings,
    decode::schemas::Known,
    error_text,
    sink::Fatal,
    source::{Found, find_topics},
};

/// How a check ended.
enum Verdict {
    Ok(String),
    /// `run` works, but not as well as it could.
    Warning(String),
    /// With the exit code.
    Failed(String, u8),
}

/// Checks Kafka, the schema registry and the catalogue, each whatever the others say, and prints a line
/// for each. The exit code is 0, or that of the first failure.
///
/// # Errors
/// Never at the moment: everything is a line.
pub async fn check<C: Catalogue>(settings: &Settings, catalogue: &C) -> Result<u8, Fatal> {
    let (kafka, registry, catalogue) =
        tokio::join!(kafka(settings), registry(settings), describe(settings, catalogue));
    let mut lines = vec![("configuration", Verdict::Ok(format!("service `{}`", settings.service)))];
    lines.extend(kafka);
    lines.push(("registry", registry));
    lines.push(("openmetadata", catalogue));
    let mut exit_code = 0;
    for (what, verdict) in &lines {
        let (word, text) = match verdict {
            Verdict::Ok(text) => ("ok", text),
            Verdict::Warning(text) => ("warning", text),
            Verdict::Failed(text, code) => {
                exit_code = if exit_code == 0 { *code } else { exit_code };
                ("failed", text)
            }
        };
        output::print(&format!("{word:<8} {what:<14} {text}\n"));
    }
    Ok(exit_code)
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

async fn describe<C: Catalogue>(settings: &Settings, catalogue: &C) -> Verdict {
    match catalogue.describe(settings).await {
        Ok(text) => Verdict::Ok(text),
        Err(fatal) => Verdict::Failed(fatal.message, fatal.exit_code),
    }
}
