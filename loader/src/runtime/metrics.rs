//! What Prometheus is told at `/metrics`. Pure.

use std::fmt::Write as _;

use schemas::Topic;

use crate::{
    report::{Counts, Report},
    sink::{BUCKETS, Figures, Latency},
};

/// What is known beside the report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Member {
    /// Whether the loader is in its group.
    pub(super) is_ready: bool,
    /// Partitions that it has.
    pub(super) assigned: usize,
    /// Edges that are tried again from time to time.
    pub(super) revisits: usize,
}

/// Prometheus' text format.
pub(super) fn exposition(report: &Report, member: Member) -> String {
    type Part = (&'static str, fn(&Counts) -> u64);
    const RESULTS: [Part; 8] = [
        ("created", |counts| counts.created),
        ("updated", |counts| counts.updated),
        ("unchanged", |counts| counts.unchanged),
        ("deleted", |counts| counts.deleted),
        ("unresolved", |counts| counts.unresolved),
        ("dead", |counts| counts.dead),
        ("skipped", |counts| counts.skipped),
        ("superseded", |counts| counts.superseded),
    ];
    // Every metric has all of its labels from the start, so that the first increase counts as one.
    let events = || {
        Topic::STATE
            .map(Topic::suffix)
            .into_iter()
            .map(|topic| (topic, report.events.get(topic).copied().unwrap_or_default()))
    };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").ok();
    line(format_args!("# HELP loader_records_read_total Records read from Kafka."));
    line(format_args!("# TYPE loader_records_read_total counter"));
    for (topic, counts) in events() {
        line(format_args!("loader_records_read_total{{topic=\"{topic}\"}} {}", counts.read));
    }
    line(format_args!("# HELP loader_events_total Events finished, by what became of them."));
    line(format_args!("# TYPE loader_events_total counter"));
    for (topic, counts) in events() {
        for (result, count) in RESULTS {
            let count = count(&counts);
            line(format_args!(
                "loader_events_total{{topic=\"{topic}\",result=\"{result}\"}} {count}"
            ));
        }
    }
    line(format_args!("# HELP loader_waiting_events Events that wait for what they refer to."));
    line(format_args!("# TYPE loader_waiting_events gauge"));
    for (topic, counts) in events() {
        line(format_args!("loader_waiting_events{{topic=\"{topic}\"}} {}", counts.waiting));
    }
    line(format_args!("# HELP loader_sink_seconds_total Time spent in OpenMetadata, by stage."));
    line(format_args!("# TYPE loader_sink_seconds_total counter"));
    for (stage, seconds) in &report.seconds {
        line(format_args!("loader_sink_seconds_total{{stage=\"{stage}\"}} {seconds}"));
    }
    line(format_args!("# HELP loader_lag_records Records that are not read yet."));
    line(format_args!("# TYPE loader_lag_records gauge"));
    for (topic, lag) in &report.lag {
        line(format_args!("loader_lag_records{{topic=\"{topic}\"}} {lag}"));
    }
    line(format_args!("# HELP loader_kept_total Values that stayed because a person edited them."));
    line(format_args!("# TYPE loader_kept_total counter"));
    for (topic, counts) in events() {
        line(format_args!("loader_kept_total{{topic=\"{topic}\"}} {}", counts.kept));
    }
    let gauges = [
        ("ready", "Whether the loader is in its group.", usize::from(member.is_ready)),
        ("assigned_partitions", "Partitions that this member of the group reads.", member.assigned),
        (
            "revisited_edges",
            "Edges whose table is not in OpenMetadata, tried again from time to time.",
            member.revisits,
        ),
    ];
    for (name, help, value) in gauges {
        line(format_args!("# HELP loader_{name} {help}"));
        line(format_args!("# TYPE loader_{name} gauge"));
        line(format_args!("loader_{name} {value}"));
    }
    text + &requests(&report.catalogue)
}

/// What OpenMetadata was asked.
fn requests(figures: &Figures) -> String {
    let mut text = String::new();
    let mut line = |arguments: std::fmt::Arguments<'_>| writeln!(text, "{arguments}").ok();
    let counters = [
        ("requests", "Requests that OpenMetadata answered.", figures.requests),
        ("request_writes", "Of these, requests that write.", figures.writes),
        ("request_retries", "Tries after a first one.", figures.retries),
        (
            "columns_dropped",
            "Columns of edges that one of the ends lacks.",
            figures.columns_dropped,
        ),
        ("owners_unmatched", "Owners that no user matches.", figures.owners_unmatched),
    ];
    for (name, help, count) in counters {
        line(format_args!("# HELP loader_{name}_total {help}"));
        line(format_args!("# TYPE loader_{name}_total counter"));
        line(format_args!("loader_{name}_total {count}"));
    }
    line(format_args!("# HELP loader_concurrency Requests that may be in flight."));
    line(format_args!("# TYPE loader_concurrency gauge"));
    line(format_args!("loader_concurrency {}", figures.concurrency));
    line(format_args!(
        "# HELP loader_catalogue_trouble_seconds How long OpenMetadata has not done what it was asked."
    ));
    line(format_args!("# TYPE loader_catalogue_trouble_seconds gauge"));
    let trouble = figures.trouble.map_or(0, |trouble| trouble.seconds);
    line(format_args!("loader_catalogue_trouble_seconds {trouble}"));
    line(format_args!("# HELP loader_request_seconds How long OpenMetadata took to answer."));
    line(format_args!("# TYPE loader_request_seconds histogram"));
    for Latency { kind, counts, seconds } in &figures.latency {
        let mut sum = 0;
        for (bound, count) in BUCKETS.iter().zip(counts) {
            sum += count;
            line(format_args!(
                "loader_request_seconds_bucket{{kind=\"{kind}\",le=\"{bound}\"}} {sum}"
            ));
        }
        let all: u64 = counts.iter().sum();
        line(format_args!("loader_request_seconds_bucket{{kind=\"{kind}\",le=\"+Inf\"}} {all}"));
        line(format_args!("loader_request_seconds_sum{{kind=\"{kind}\"}} {seconds}"));
        line(format_args!("loader_request_seconds_count{{kind=\"{kind}\"}} {all}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_in_prometheus_format() {
        let mut report = Report::default();
        report
            .events
            .insert("charts", Counts { read: 3, created: 2, waiting: 1, ..Counts::default() });
        report.seconds.insert("assets", 0.5);
        report.lag.insert("charts", 7);
        let counts = [1, 2, 0, 0, 0, 0, 0, 0, 0, 3];
        let latency = vec![Latency { kind: "read", counts, seconds: 200.5 }];
        report.catalogue = Figures { retries: 4, latency, ..Figures::default() };
        let text = exposition(&report, Member { is_ready: true, assigned: 6, revisits: 2 });
        for line in [
            "loader_records_read_total{topic=\"charts\"} 3",
            "loader_events_total{topic=\"charts\",result=\"created\"} 2",
            "loader_waiting_events{topic=\"charts\"} 1",
            "loader_sink_seconds_total{stage=\"assets\"} 0.5",
            "loader_lag_records{topic=\"charts\"} 7",
            "loader_events_total{topic=\"lineage\",result=\"dead\"} 0",
            "loader_ready 1",
            "loader_assigned_partitions 6",
            "loader_revisited_edges 2",
            "loader_catalogue_trouble_seconds 0",
            "loader_request_retries_total 4",
            "loader_request_seconds_bucket{kind=\"read\",le=\"0.025\"} 3",
            "loader_request_seconds_bucket{kind=\"read\",le=\"+Inf\"} 6",
            "loader_request_seconds_sum{kind=\"read\"} 200.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} missing in\n{text}");
        }
    }
}
