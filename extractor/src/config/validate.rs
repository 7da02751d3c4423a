//! Raw configuration → [`Settings`], every mistake at once, nothing contacted.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use schemas::config::{Document, Problems, RawKafka, Span, service_name};

use super::{
    Filter, Includes, Limits, Needs, Run, Schedule, Scope, Settings,
    connection::{self, CONNECTION},
    notices, raw,
};

/// Where OpenMetadata's options of the pipeline stand.
pub(super) const PIPELINE: &str = "source.sourceConfig.config";

/// Checks a document.
pub(super) fn settings(document: &Document, needs: Needs) -> Result<Settings, Problems> {
    let mut problems = Problems::default();
    document.check_blocks(&mut problems);
    let source: raw::Source = document.read("source", &mut problems);
    let own: raw::Extractor = document.read("extractor", &mut problems);
    let raw_kafka: RawKafka = document.read("kafka", &mut problems);
    let topics = raw_kafka.topics(&mut problems);
    let kafka = (needs == Needs::SiteAndKafka).then(|| raw_kafka.validate(&mut problems));

    let service = service_name(source.service_name.as_deref(), &mut problems);
    let kind = connection::kind(&source, &mut problems);
    let mut notices = notices::of(&source, &own, &kind, document);
    let connection = source.service_connection.config;
    let pipeline = source.source_config.config;
    let base_url = connection::base_url(&connection, &kind, &mut problems);
    let scope = scope(&connection, pipeline_filters(&pipeline), &own, &pipeline, &mut problems);
    let run = run(&own, &pipeline, &mut problems);
    let owners = scope.include_owners;
    let limits = limits(&own, &mut problems);
    let site =
        connection::site(connection, &own, kind, owners, limits, &mut notices, &mut problems);
    let includes = includes(own.includes.clone().unwrap_or_default(), &mut problems);
    problems.into_result(Settings {
        service,
        site,
        base_url,
        scope,
        topics,
        kafka,
        run,
        includes,
        notices,
    })
}

/// The pipeline's four filters, in the order of [`scope`].
fn pipeline_filters(pipeline: &raw::Pipeline) -> [Option<raw::FilterPattern>; 4] {
    [
        pipeline.dashboard_filter_pattern.clone(),
        pipeline.chart_filter_pattern.clone(),
        pipeline.data_model_filter_pattern.clone(),
        pipeline.project_filter_pattern.clone(),
    ]
}

fn scope(
    connection: &raw::Connection,
    [dashboards, charts, data_models, projects]: [Option<raw::FilterPattern>; 4],
    own: &raw::Extractor,
    pipeline: &raw::Pipeline,
    problems: &mut Problems,
) -> Scope {
    // The pipeline's pattern wins; the connection's is its default, as in OpenMetadata.
    let mut filter = |pattern: Option<raw::FilterPattern>,
                      default: &Option<raw::FilterPattern>,
                      name: &str| {
        let place = if pattern.is_some() { PIPELINE } else { CONNECTION };
        Filter::compile(pattern.or_else(|| default.clone()), &format!("{place}.{name}"), problems)
    };
    Scope {
        dashboards: filter(
            dashboards,
            &connection.dashboard_filter_pattern,
            "dashboardFilterPattern",
        ),
        charts: filter(charts, &connection.chart_filter_pattern, "chartFilterPattern"),
        data_models: filter(
            data_models,
            &connection.data_model_filter_pattern,
            "dataModelFilterPattern",
        ),
        projects: filter(projects, &connection.project_filter_pattern, "projectFilterPattern"),
        streams: Filter::compile(
            own.stream_filter_pattern.clone(),
            "extractor.streamFilterPattern",
            problems,
        ),
        include_owners: pipeline.include_owners.unwrap_or(false),
        include_tags: pipeline.include_tags.unwrap_or(true),
        include_data_models: pipeline.include_data_models.unwrap_or(true),
        include_drafts: pipeline.include_draft_dashboard.unwrap_or(true),
        non_chart_objects: own.non_chart_objects.unwrap_or(false),
    }
}

fn run(own: &raw::Extractor, pipeline: &raw::Pipeline, problems: &mut Problems) -> Run {
    let max_deleted_share = own.max_deleted_share.unwrap_or(0.3);
    if !(0.0..=1.0).contains(&max_deleted_share) {
        problems.add("extractor.maxDeletedShare", "must lie between 0 and 1");
    }
    let schedule = own.schedule.as_deref().map_or(Ok(Schedule::Once), str::parse);
    let schedule = schedule.unwrap_or_else(|message| {
        problems.add("extractor.schedule", message);
        Schedule::Once
    });
    let admin_address = own.admin_address.as_deref().and_then(|text| {
        text.parse()
            .map_err(|_| {
                problems.add("extractor.adminAddress", "is no address such as `127.0.0.1:9101`")
            })
            .ok()
    });
    Run {
        app_deadline: duration(own.app_deadline, 600, "appDeadline", problems),
        outage_timeout: duration(own.outage_timeout, 120, "outageTimeout", problems),
        check_expressions: own.check_expressions.unwrap_or(false),
        delete_dashboards: pipeline.mark_deleted_dashboards.unwrap_or(true),
        delete_data_models: pipeline.mark_deleted_data_models.unwrap_or(true),
        delete_charts: pipeline.mark_deleted_charts.unwrap_or(true),
        max_deleted_share,
        delivery_timeout: duration(own.delivery_timeout, 300, "deliveryTimeout", problems),
        max_partition_bytes: own.max_partition_bytes,
        shutdown_deadline: duration(own.shutdown_deadline, 25, "shutdownDeadline", problems),
        schedule,
        feed_interval: duration(own.feed_interval, 2, "feedInterval", problems),
        scan_interval: duration(own.scan_interval, 900, "scanInterval", problems),
        admin_address,
    }
}

fn includes(folders: BTreeMap<String, PathBuf>, problems: &mut Problems) -> Includes {
    for (prefix, folder) in &folders {
        if prefix.trim().is_empty() {
            problems.add(
                "extractor.includes",
                "a path starts with something, such as `lib://Scripts/`",
            );
        }
        if !folder.is_dir() {
            let message = format!("`{}` is no folder", folder.display());
            problems.add(format!("extractor.includes.{prefix}"), message);
        }
    }
    Includes::new(folders)
}

fn limits(own: &raw::Extractor, problems: &mut Problems) -> Limits {
    let sessions = at_least_one(own.concurrency, 4, "concurrency", problems);
    Limits {
        sessions,
        sessions_with_data: at_least_one(own.data_concurrency, 2, "dataConcurrency", problems),
        requests_in_flight: at_least_one(own.requests_in_flight, 32, "requestsInFlight", problems),
        max_message_bytes: at_least_one(own.max_message_mib, 256, "maxMessageMib", problems)
            .saturating_mul(1024 * 1024),
        connect_timeout: duration(own.connect_timeout, 60, "connectTimeout", problems),
        request_timeout: duration(own.request_timeout, 60, "requestTimeout", problems),
        open_with_data_timeout: duration(
            own.open_with_data_timeout,
            300,
            "openWithDataTimeout",
            problems,
        ),
        session_limit_backoff: duration(
            own.session_limit_backoff,
            60,
            "sessionLimitBackoff",
            problems,
        ),
        session_ttl: own.session_ttl.unwrap_or(5),
    }
}

fn at_least_one(value: Option<u32>, default: u32, name: &str, problems: &mut Problems) -> usize {
    let value = value.unwrap_or(default);
    if value == 0 {
        problems.add(format!("extractor.{name}"), "must be at least 1");
    }
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn duration(value: Option<Span>, default: u64, name: &str, problems: &mut Problems) -> Duration {
    let value = value.map_or_else(|| Duration::from_secs(default), |span| span.0);
    if value.is_zero() {
        problems.add(format!("extractor.{name}"), "must be more than nothing");
    }
    value
}
