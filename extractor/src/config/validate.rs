//! Raw configuration → [`Settings`], every mistake at once, nothing contacted.

use std::time::Duration;

use schemas::config::{Document, Problems, RawKafka, Span};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{
    Certificates, Filter, Limits, Needs, Run, Schedule, Scope, Settings, Site, Verification, raw,
};

const CONNECTION: &str = "source.serviceConnection.config";
const PIPELINE: &str = "source.sourceConfig.config";

/// Checks a document.
pub(super) fn settings(document: &Document, needs: Needs) -> Result<Settings, Problems> {
    let mut problems = Problems::default();
    document.check_blocks(&mut problems);
    let source: raw::Source = document.read("source", &mut problems);
    let own: raw::Extractor = document.read("extractor", &mut problems);
    let raw_kafka: RawKafka = document.read("kafka", &mut problems);
    let topics = raw_kafka.topics(&mut problems);
    let kafka = (needs == Needs::SiteAndKafka).then(|| raw_kafka.validate(&mut problems));

    let mut notices = notices(&source, document);
    let service = service_name(source.service_name.as_deref(), &mut problems);
    check_types(&source, &mut problems);
    let connection = source.service_connection.config;
    let pipeline = source.source_config.config;
    let base_url = base_url(connection.display_url.as_deref(), &mut problems);
    let scope = scope(&connection, pipeline_filters(&pipeline), &own, &pipeline, &mut problems);
    let run = run(&own, &pipeline, &mut problems);
    let site = site(connection, &own, &mut notices, &mut problems);
    problems.into_result(Settings { service, site, base_url, scope, topics, kafka, run, notices })
}

fn service_name(name: Option<&str>, problems: &mut Problems) -> String {
    let key = "source.serviceName";
    let name = name.unwrap_or_default().trim();
    if name.is_empty() {
        problems.add(key, "is required: a name for this Qlik site");
    }
    // The name is the first part of every key and of every name in OpenMetadata.
    for (text, why) in [
        ("/", "separates the parts of keys"),
        ("::", "is reserved in OpenMetadata"),
        ("\"", "cannot be quoted in OpenMetadata"),
    ] {
        if name.contains(text) {
            problems.add(key, format!("must not contain `{text}`, which {why}"));
        }
    }
    name.to_owned()
}

fn check_types(source: &raw::Source, problems: &mut Problems) {
    let kinds = [
        ("source.type".to_owned(), source.r#type.as_deref(), "qliksense"),
        (
            format!("{CONNECTION}.type"),
            source.service_connection.config.r#type.as_deref(),
            "QlikSense",
        ),
        (
            format!("{PIPELINE}.type"),
            source.source_config.config.r#type.as_deref(),
            "DashboardMetadata",
        ),
    ];
    for (key, kind, expected) in kinds {
        if kind.is_some_and(|kind| !kind.eq_ignore_ascii_case(expected)) {
            problems.add(key, format!("only `{expected}` is supported"));
        }
    }
}

fn base_url(text: Option<&str>, problems: &mut Problems) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => {
            Some(text.trim_end_matches('/').to_owned())
        }
        _ => {
            problems.add(
                format!("{CONNECTION}.displayUrl"),
                "is no URL such as `https://qlik.example.com/virtual-proxy`",
            );
            None
        }
    }
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

fn site(
    connection: raw::Connection,
    own: &raw::Extractor,
    notices: &mut Vec<String>,
    problems: &mut Problems,
) -> Site {
    let engine_url = connection.host_port.unwrap_or_default().trim().to_owned();
    if engine_url.is_empty() {
        problems.add(
            format!("{CONNECTION}.hostPort"),
            "is required: the engine's URL, such as `wss://qlik.example.com:4747`",
        );
    }
    let certificates = certificates(connection.certificates, problems);
    let plain = engine_url.starts_with("ws://") || engine_url.starts_with("http://");
    let has_other_authentication = connection.token.is_some() || own.user_header.is_some();
    if certificates.client.is_none()
        && !plain
        && !has_other_authentication
        && !engine_url.is_empty()
    {
        problems.add(
            format!("{CONNECTION}.certificates"),
            "is required: the client certificate, its key and the root certificate that Qlik's management console exports",
        );
    }
    let verification = match (own.verify_certificates, connection.validate_host_name) {
        (Some(false), _) => {
            notices.push("extractor.verifyCertificates is off: anybody on the network can pose as the Qlik server; use it for a first try only".to_owned());
            Verification::Off
        }
        (_, Some(true)) => Verification::Full,
        _ => Verification::Chain,
    };
    let is_http =
        |text: &str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
    if own.repository_url.as_deref().is_some_and(|url| !is_http(url)) {
        problems
            .add("extractor.repositoryUrl", "is no URL such as `https://qlik.example.com:4242`");
    }
    Site {
        engine_url,
        repository_url: own.repository_url.clone(),
        repository: own.repository.unwrap_or(true),
        certificates,
        token: connection.token,
        user_header: own.user_header.clone(),
        user_directory: connection.user_directory.unwrap_or_default(),
        user_id: connection.user_id.unwrap_or_default(),
        verification,
        limits: limits(own, problems),
    }
}

fn certificates(raw: raw::Certificates, problems: &mut Problems) -> Certificates {
    let key = format!("{CONNECTION}.certificates");
    let by_value = raw.ssl_config.unwrap_or_default();
    let root = raw.root_certificate.map(|text| (text, "rootCertificate"));
    let root =
        root.or_else(|| by_value.ca_certificate.map(|text| (text, "sslConfig.caCertificate")));
    let client = raw.client_certificate.map(|text| (text, "clientCertificate"));
    let client =
        client.or_else(|| by_value.ssl_certificate.map(|text| (text, "sslConfig.sslCertificate")));
    let secret = raw.client_key_certificate.map(|text| (text, "clientKeyCertificate"));
    let secret = secret.or_else(|| by_value.ssl_key.map(|text| (text, "sslConfig.sslKey")));
    if client.is_some() != secret.is_some() {
        problems.add(&key, "the client certificate and its key belong together; one is missing");
    }
    let mut read = |text: &str, name: &str| pem(text, &format!("{key}.{name}"), problems);
    Certificates {
        root: root.map(|(text, name)| read(&text, name)),
        client: client.map(|(text, name)| read(&text, name)),
        key: secret.map(|(text, name)| SecretString::from(read(text.expose_secret(), name))),
        key_password: raw.key_password,
    }
}

/// PEM text as it is, with a literal `\n` for a line break as people paste it; anything else is a path.
fn pem(text: &str, key: &str, problems: &mut Problems) -> String {
    if text.contains("-----BEGIN") {
        return text.replace("\\n", "\n");
    }
    match std::fs::read_to_string(text) {
        Ok(content) if content.contains("-----BEGIN") => content,
        Ok(_) => {
            problems.add(key, "the file holds no PEM text; export with the format `Platform independent PEM-format`");
            String::new()
        }
        Err(error) => {
            problems.add(key, format!("is neither PEM text nor a readable file: {error}"));
            String::new()
        }
    }
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

/// One line for each setting that is accepted and does nothing here.
fn notices(source: &raw::Source, document: &Document) -> Vec<String> {
    let connection = &source.service_connection.config;
    let pipeline = &source.source_config.config;
    let ignored = [
        (document.has("sink"), "sink", "events go to Kafka"),
        (document.has("processor"), "processor", "there is none"),
        (document.has("stage"), "stage", "there is none"),
        (document.has("bulkSink"), "bulkSink", "there is none"),
        (
            document.has("ingestionPipelineFQN"),
            "ingestionPipelineFQN",
            "runs are reported on the topic of runs",
        ),
        (document.has("pipelineRunId"), "pipelineRunId", "runs have ids of their own"),
        (
            connection.certificates.staging_dir.is_some(),
            "source.serviceConnection.config.certificates.stagingDir",
            "not needed: certificates given by value are never written to disk",
        ),
        (
            connection.supports_metadata_extraction.is_some(),
            "source.serviceConnection.config.supportsMetadataExtraction",
            "it is for OpenMetadata's pages",
        ),
        (
            connection.space_types.is_some(),
            "source.serviceConnection.config.spaceTypes",
            "Qlik Sense Enterprise has streams, not spaces",
        ),
        (
            pipeline.include_usage.is_some(),
            "source.sourceConfig.config.includeUsage",
            "Qlik Sense Enterprise does not tell usage",
        ),
        (
            pipeline.query_parser_config.is_some(),
            "source.sourceConfig.config.queryParserConfig",
            "scripts and SQL are parsed by the extractor itself",
        ),
    ];
    let notice = |(_, key, why): (bool, &str, &str)| format!("{key} has no effect: {why}");
    ignored.into_iter().filter(|(present, ..)| *present).map(notice).collect()
}
