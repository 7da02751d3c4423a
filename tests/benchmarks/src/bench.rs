//! The parts of the benchmark, and what each is measured against.

use serde_json::Value;

use crate::{
    Arguments,
    broker::Broker,
    extractor::{Extractor, Ran},
    latency, say, site,
};

/// Most of the ideal time that a full run may take.
const RATIO: f64 = 1.3;
/// Largest share of the full run's time that an unchanged run may take.
const UNCHANGED: f64 = 0.02;
/// Seconds that a run over the large site may take when nothing changed.
const LISTED_SECONDS: f64 = 60.0;
/// MiB that the extractor may use.
const MEMORY: u64 = 128;
/// Seconds of 95 of 100 changes.
const LATENCY: f64 = 5.0;

/// Whether every goal was reached.
pub(crate) async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
    say(&format!(
        "{} sessions, {} ms a request, {} ms to open without data, {} ms with; {profile} build",
        arguments.sessions, arguments.request_ms, arguments.open_ms, arguments.open_with_data_ms
    ));
    let mut goals = Goals::default();
    read(arguments, &mut goals).await?;
    if arguments.listed > 0 {
        listed(arguments, &mut goals).await?;
    }
    Ok(!goals.missed)
}

/// A full run, an unchanged one, and changes that are followed.
async fn read(arguments: &Arguments, goals: &mut Goals) -> anyhow::Result<()> {
    let broker = Broker::start(arguments.bootstrap_servers.as_deref(), arguments.partitions)?;
    let site = site::start(&arguments.bundles, arguments.apps).await?;
    site::set_times(&site, arguments, true);
    let extractor = Extractor::new(arguments, &site, &broker)?;

    site.control().reset_stats();
    let full = extractor.run(&[]).await?;
    let apps = number(&full.report, "/apps_read");
    let requests = number(&full.report, "/requests/engine");
    let ideal = site::ideal_seconds(&site, arguments);
    let spent = phase(&full, "total");
    say(&format!(
        "full run: {apps:.0} apps in {spent:.1} s, {:.1} apps/s, {:.1} engine requests per app, {:.0} records",
        apps / spent,
        requests / apps,
        records(&full.report)
    ));
    goals.below("  time against the ideal of always busy sessions", spent / ideal, RATIO, "×");
    goals.memory(&full);

    let unchanged = extractor.run(&[]).await?;
    let share = phase(&unchanged, "total") / spent;
    say(&format!(
        "unchanged run: {:.0} apps unchanged in {:.2} s; seconds by phase: {}",
        number(&unchanged.report, "/apps_unchanged"),
        phase(&unchanged, "total"),
        unchanged.report["seconds"]
    ));
    goals.below("  share of the full run's time, %", share * 100.0, UNCHANGED * 100.0, "%");
    goals.memory(&unchanged);

    if arguments.changes > 0 {
        let seconds = latency::measure(&site, &broker, &extractor, arguments.changes).await?;
        let at = |share: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "an index into a short list"
            )]
            let index = ((seconds.len() - 1) as f64 * share).round() as usize;
            seconds[index]
        };
        say(&format!("changes followed: {}, median {:.2} s", seconds.len(), at(0.5)));
        goals.below("  change to event, 95th percentile", at(0.95), LATENCY, "s");
    }
    site.shutdown().await;
    Ok(())
}

/// A large site of which everything is published already.
async fn listed(arguments: &Arguments, goals: &mut Goals) -> anyhow::Result<()> {
    let broker = Broker::start(arguments.bootstrap_servers.as_deref(), arguments.partitions)?;
    let site = site::start(&arguments.bundles, arguments.listed).await?;
    let extractor = Extractor::new(arguments, &site, &broker)?;
    site::set_times(&site, arguments, false);
    let full = extractor.run(&[]).await?;
    say(&format!(
        "large site published: {:.0} apps, {:.0} records, in {:.0} s (the site takes no time); peak {} MiB",
        number(&full.report, "/apps_read"),
        records(&full.report),
        full.seconds,
        full.peak_mib.map_or_else(|| "unknown".to_owned(), |peak| peak.to_string())
    ));
    site::set_times(&site, arguments, true);
    let unchanged = extractor.run(&[]).await?;
    say(&format!(
        "large site unchanged: {:.0} apps; seconds by phase: {}",
        number(&unchanged.report, "/apps_unchanged"),
        unchanged.report["seconds"]
    ));
    goals.below("  time", unchanged.seconds, LISTED_SECONDS, "s");
    goals.memory(&unchanged);
    site.shutdown().await;
    Ok(())
}

#[derive(Default)]
struct Goals {
    missed: bool,
}

impl Goals {
    fn below(&mut self, what: &str, value: f64, goal: f64, unit: &str) {
        let reached = value <= goal;
        self.missed |= !reached;
        let verdict = if reached { "reached" } else { "MISSED" };
        say(&format!("{what}: {value:.2} {unit} (goal: at most {goal} {unit}, {verdict})"));
    }

    fn memory(&mut self, ran: &Ran) {
        if let Some(peak) = ran.peak_mib {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            self.below("  peak memory", peak as f64, MEMORY as f64, "MiB");
        }
    }
}

fn number(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or_default()
}

fn phase(ran: &Ran, name: &str) -> f64 {
    number(&ran.report, &format!("/seconds/{name}"))
}

fn records(report: &Value) -> f64 {
    let topics = report["events"].as_object().into_iter().flatten();
    topics.map(|(_, counts)| number(counts, "/published")).sum()
}
