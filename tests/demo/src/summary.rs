//! What the visitor is told at the end of a round.

use std::{fmt::Write as _, path::Path};

use schemas::Topic;
use serde_json::Value;

use crate::{broker::Broker, catalogue::Catalogue, stages::Ended};

/// What was extracted, published and loaded in one round, as a table.
pub(crate) fn of_round(extracted: &Ended, loaded: &Ended, writes: u64) -> String {
    let report = &extracted.report;
    let count = |name: &str| report[name].as_u64().unwrap_or_default();
    let failed = report["apps_failed"].as_array().map_or(0, Vec::len);
    let mut text = format!(
        "\nextracted: {} apps read, {} unchanged, {} deleted, {failed} failed\n\n{:<12}│{:>10}{:>10}{:>10} │{:>9}{:>9}{:>10}{:>9}{:>11}{:>6}\n",
        count("apps_read"),
        count("apps_unchanged"),
        count("apps_deleted"),
        "events",
        "published",
        "unchanged",
        "deleted",
        "created",
        "updated",
        "unchanged",
        "deleted",
        "unresolved",
        "dead"
    );
    for topic in Topic::STATE {
        let published = &report["events"][topic.suffix()];
        let applied = &loaded.report["events"][topic.suffix()];
        let of = |counts: &Value, name: &str| counts[name].as_u64().unwrap_or_default();
        writeln!(
            text,
            "{:<12}│{:>10}{:>10}{:>10} │{:>9}{:>9}{:>10}{:>9}{:>11}{:>6}",
            topic.suffix(),
            of(published, "published"),
            of(published, "unchanged"),
            of(published, "deleted"),
            of(applied, "created"),
            of(applied, "updated"),
            of(applied, "unchanged"),
            of(applied, "deleted"),
            of(applied, "unresolved"),
            of(applied, "dead"),
        )
        .ok();
    }
    if writes > 0 {
        writeln!(text, "\n{writes} requests wrote to the catalogue").ok();
    }
    text
}

/// Whether a round published and loaded nothing.
pub(crate) fn is_unchanged(extracted: &Ended, loaded: &Ended) -> bool {
    let nothing = |report: &Value, names: &[&str]| {
        Topic::STATE.iter().all(|topic| {
            let counts = &report["events"][topic.suffix()];
            names.iter().all(|name| counts[*name].as_u64().unwrap_or_default() == 0)
        })
    };
    !extracted.report.is_null()
        && !loaded.report.is_null()
        && nothing(&extracted.report, &["published", "deleted"])
        && nothing(&loaded.report, &["created", "updated", "deleted"])
}

/// Where everything can be looked at.
pub(crate) fn where_to_look(broker: &Broker, catalogue: &Catalogue, output: &Path) -> String {
    let output = output.display();
    let mut text = format!(
        "\nevents:     {output}/events/*.jsonl, one record a line\nreports:    {output}/extractor-1.json, {output}/loader-1.json, and -2 of the second run\n"
    );
    if catalogue.is_embedded() {
        writeln!(text, "catalogue:  {output}/catalogue.json").ok();
    }
    if broker.is_embedded() || catalogue.is_embedded() {
        writeln!(text, "With `cargo demo --keep` the embedded parts stay up, for instance for")
            .ok();
    }
    writeln!(text, "  {}", catalogue.example()).ok();
    write!(text, "  kcat -b {} -t {} -C", broker.bootstrap, broker.topics.name(Topic::Charts)).ok();
    text
}
