//! Raw configuration → [`Settings`], every mistake at once, nothing contacted.

use std::{net::SocketAddr, time::Duration};

use schemas::config::{Document, Kafka, Problems, RawKafka, Span, client_properties, service_name};

use super::{
    Amount, Batch, Flow, Settings, Wait, open_metadata,
    raw::{self, Present},
};

/// As long as the keys of a backlog are waited for.
const RECALL_PATIENCE: Duration = Duration::from_secs(60);

/// Checks a document.
pub(super) fn settings(document: &Document) -> Result<Settings, Problems> {
    let mut problems = Problems::default();
    document.check_blocks(&mut problems);
    let kafka = document.read::<RawKafka>("kafka", &mut problems).validate(&mut problems);
    let own: raw::Loader = document.read("loader", &mut problems);
    let workflow: raw::WorkflowConfig = document.read("workflowConfig", &mut problems);

    let mut notices = foreign_blocks(document);
    notices.extend(ignored(&workflow));
    // The rest of `source:` is the extractor's, and so are the secrets in it: it is not read.
    let name: Option<String> = optional(document, "source.serviceName", &mut problems);
    let service = service_name(name.as_deref(), &mut problems);
    let flow = flow(&own, &service, &kafka, &mut problems);
    let log_level = log_level(workflow.logger_level.as_deref(), &mut problems);
    let server = workflow.open_metadata_server_config;
    let open_metadata = open_metadata::check(document, server, &own, &mut notices, &mut problems);
    let max_deleted_share = own.max_deleted_share.unwrap_or(0.3);
    if !(0.0..=1.0).contains(&max_deleted_share) {
        problems.add("loader.maxDeletedShare", "must be between 0 and 1");
    }
    let admin_address = admin_address(own.admin_address.as_deref(), &mut problems);
    let settings = open_metadata.map(|open_metadata| Settings {
        service,
        kafka,
        flow,
        open_metadata,
        max_deleted_share,
        log_level,
        report: own.report,
        admin_address,
        notices,
    });
    match settings {
        Some(settings) => problems.into_result(settings),
        // Without a catalogue there are problems already.
        None => Err(problems),
    }
}

fn flow(own: &raw::Loader, service: &str, kafka: &Kafka, problems: &mut Problems) -> Flow {
    let batch = Batch {
        max: Amount {
            events: at_least_one(own.batch.max_events, 500, "batch.maxEvents", problems),
            bytes: mib(own.batch.max_mib, 8, "batch.maxMib", problems),
        },
        // No delay is fine: every event is a batch of its own when events are rare.
        max_delay: own.batch.max_delay.unwrap_or(Span::seconds(1)).0,
    };
    let read_ahead = Amount {
        events: at_least_one(own.read_ahead.max_events, 2000, "readAhead.maxEvents", problems),
        bytes: mib(own.read_ahead.max_mib, 32, "readAhead.maxMib", problems),
    };
    if batch.max.events > read_ahead.events || batch.max.bytes > read_ahead.bytes {
        problems.add(
            "loader.batch",
            "must not be larger than `loader.readAhead`, or no batch would ever be full",
        );
    }
    let wait = Wait {
        timeout: duration(own.wait.timeout, 600, "wait.timeout", problems),
        max: Amount {
            events: at_least_one(own.wait.max_events, 10_000, "wait.maxEvents", problems),
            bytes: mib(own.wait.max_mib, 32, "wait.maxMib", problems),
        },
        retry_interval: duration(own.wait.retry_interval, 2, "wait.retryInterval", problems),
    };
    let shutdown_deadline = duration(own.shutdown_deadline, 25, "shutdownDeadline", problems);
    check_poll_interval(kafka, shutdown_deadline, problems);
    let text = |value: &Option<String>, key: &str, problems: &mut Problems| {
        let value = value.as_deref().map(str::trim).map(str::to_owned);
        if value.as_deref() == Some("") {
            problems.add(format!("loader.{key}"), "must not be empty");
        }
        value
    };
    Flow {
        group_id: text(&own.group_id, "groupId", problems)
            .unwrap_or_else(|| format!("qlik-metadata-loader-{service}")),
        group_instance_id: text(&own.group_instance_id, "groupInstanceId", problems),
        batch,
        read_ahead,
        wait,
        revisit_interval: duration(own.revisit_interval, 900, "revisitInterval", problems),
        recall_patience: RECALL_PATIENCE,
        commit_interval: duration(own.commit_interval, 5, "commitInterval", problems),
        connect_timeout: duration(own.connect_timeout, 60, "connectTimeout", problems),
        shutdown_deadline,
    }
}

/// While partitions are given up nothing is polled: that must end before the group gives up on us.
fn check_poll_interval(kafka: &Kafka, deadline: Duration, problems: &mut Problems) {
    /// librdkafka's default.
    const MAX_POLL_INTERVAL_MS: u64 = 300_000;
    let properties = client_properties(kafka, &[]);
    let configured = properties.get("max.poll.interval.ms").and_then(|text| text.parse().ok());
    let interval = Duration::from_millis(configured.unwrap_or(MAX_POLL_INTERVAL_MS));
    if deadline >= interval {
        problems.add(
            "loader.shutdownDeadline",
            format!(
                "is {} s, which must be less than `max.poll.interval.ms` ({} s): the group would take the partitions away before the offsets are committed",
                deadline.as_secs(),
                interval.as_secs()
            ),
        );
    }
}

fn log_level(level: Option<&str>, problems: &mut Problems) -> Option<&'static str> {
    let level = level?;
    let known = ["debug", "info", "warn", "error"];
    let found = known.into_iter().find(|known| known.eq_ignore_ascii_case(level.trim()));
    if found.is_none() {
        problems.add("workflowConfig.loggerLevel", "must be one of DEBUG, INFO, WARN, ERROR");
    }
    found
}

fn admin_address(text: Option<&str>, problems: &mut Problems) -> Option<SocketAddr> {
    let address = text?.trim().parse().ok();
    if address.is_none() {
        problems.add("loader.adminAddress", "is no address and port such as `0.0.0.0:9102`");
    }
    address
}

/// Reads a number that must not be 0.
pub(super) fn at_least_one(
    value: Option<u32>,
    default: u32,
    name: &str,
    problems: &mut Problems,
) -> usize {
    let value = value.unwrap_or(default);
    if value == 0 {
        problems.add(format!("loader.{name}"), "must be at least 1");
    }
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn mib(value: Option<u32>, default: u32, name: &str, problems: &mut Problems) -> usize {
    at_least_one(value, default, name, problems).saturating_mul(1024 * 1024)
}

/// Reads a length of time that must not be 0.
pub(super) fn duration(
    value: Option<Span>,
    default: u64,
    name: &str,
    problems: &mut Problems,
) -> Duration {
    let value = value.map_or_else(|| Duration::from_secs(default), |span| span.0);
    if value.is_zero() {
        problems.add(format!("loader.{name}"), "must be more than nothing");
    }
    value
}

/// One line for each block of OpenMetadata's workflow files that does nothing here.
fn foreign_blocks(document: &Document) -> Vec<String> {
    let blocks = [
        ("sink", "events come from Kafka and go to OpenMetadata"),
        ("processor", "there is none"),
        ("stage", "there is none"),
        ("bulkSink", "there is none"),
        ("ingestionPipelineFQN", "the loader is no ingestion pipeline"),
        ("pipelineRunId", "the loader is no ingestion pipeline"),
        ("enableStreamableLogs", "logs go to standard error"),
        ("ingestionRunnerName", "the loader runs where it is started"),
    ];
    let present = blocks.into_iter().filter(|(block, _)| document.has(block));
    present.map(|(block, why)| no_effect(block, why)).collect()
}

/// One line for each key of `workflowConfig:` that does nothing here.
fn ignored(workflow: &raw::WorkflowConfig) -> Vec<String> {
    let own: [(Option<Present>, &str, &str); 3] = [
        (workflow.raise_on_error, "raiseOnError", "the exit code says whether something failed"),
        (
            workflow.success_threshold,
            "successThreshold",
            "every event is either applied or in the dead letters",
        ),
        (workflow.config, "config", "there is nothing to configure"),
    ];
    let own = own.into_iter().filter(|(present, ..)| present.is_some());
    let own = own.map(|(_, key, why)| no_effect(&format!("workflowConfig.{key}"), why));
    let server = workflow.open_metadata_server_config.ignored().into_iter();
    let server = server.map(|key| {
        no_effect(
            &format!("workflowConfig.openMetadataServerConfig.{key}"),
            "it is for OpenMetadata's own ingestion",
        )
    });
    own.chain(server).collect()
}

/// Text of a notice.
pub(super) fn no_effect(key: &str, why: &str) -> String {
    format!("{key} has no effect: {why}")
}

/// Reads an optional scalar or list at a dotted path of a block that is otherwise not ours.
pub(super) fn optional<T: serde::de::DeserializeOwned>(
    document: &Document,
    path: &str,
    problems: &mut Problems,
) -> Option<T> {
    if !document.has(path) {
        return None;
    }
    // An explicit `null` is as good as nothing.
    document.read::<Option<T>>(path, problems)
}
