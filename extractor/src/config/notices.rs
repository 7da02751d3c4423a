//! Settings that are accepted and do nothing here: one line each, so that an OpenMetadata workflow file
//! works as it is and nobody wonders.

use schemas::config::Document;

use super::{Kind, connection::CONNECTION, raw, validate::PIPELINE};

/// Blocks of OpenMetadata's workflow files beside those that are read, and why they mean nothing here.
const BLOCKS: [(&str, &str); 8] = [
    ("sink", "events go to Kafka"),
    ("processor", "there is none"),
    ("stage", "there is none"),
    ("bulkSink", "there is none"),
    ("ingestionPipelineFQN", "runs are reported on the topic of runs"),
    ("pipelineRunId", "runs have ids of their own"),
    ("enableStreamableLogs", "logs go to standard error"),
    ("ingestionRunnerName", "the extractor runs where it is started"),
];

/// One line for each setting that is accepted and does nothing here.
pub(super) fn of(
    source: &raw::Source,
    own: &raw::Extractor,
    kind: &Kind,
    document: &Document,
) -> Vec<String> {
    let connection = &source.service_connection.config;
    let pipeline = &source.source_config.config;
    let mut notices = Vec::new();
    let mut add = |present: bool, key: String, why: &str| {
        if present {
            notices.push(format!("{key} has no effect: {why}"));
        }
    };
    for (block, why) in BLOCKS {
        add(document.has(block), block.to_owned(), why);
    }
    add(
        connection.certificates.staging_dir.is_some(),
        format!("{CONNECTION}.certificates.stagingDir"),
        "not needed: certificates given by value are never written to disk",
    );
    add(
        connection.supports_metadata_extraction.is_some(),
        format!("{CONNECTION}.supportsMetadataExtraction"),
        "it is for OpenMetadata's pages",
    );
    for (present, name) in foreign_to(kind, connection) {
        let why = match kind {
            Kind::ClientManaged => "a client-managed site has streams, not spaces",
            Kind::Cloud { .. } => "a tenant of Qlik Cloud is reached with `token` alone",
        };
        add(present, format!("{CONNECTION}.{name}"), why);
    }
    if matches!(kind, Kind::Cloud { .. }) {
        let why =
            "it is for client-managed sites; a tenant of Qlik Cloud is reached with `token` alone";
        for (present, name) in [
            (own.repository_url.is_some(), "repositoryUrl"),
            (own.repository.is_some(), "repository"),
            (own.user_header.is_some(), "userHeader"),
            (own.session_cookie.is_some(), "sessionCookie"),
        ] {
            add(present, format!("extractor.{name}"), why);
        }
    }
    for (present, name, why) in [
        (pipeline.include_usage.is_some(), "includeUsage", "events do not carry usage"),
        (
            pipeline.query_parser_config.is_some(),
            "queryParserConfig",
            "scripts and SQL are parsed by the extractor itself",
        ),
        (
            pipeline.override_owner.is_some(),
            "overrideOwner",
            "`includeOwners` and `overrideMetadata` say what becomes of owners",
        ),
    ] {
        add(present, format!("{PIPELINE}.{name}"), why);
    }
    notices
}

/// Settings of the connection that belong to the other kind of site, and whether they are there.
fn foreign_to(kind: &Kind, connection: &raw::Connection) -> Vec<(bool, &'static str)> {
    match kind {
        Kind::ClientManaged => vec![(connection.space_types.is_some(), "spaceTypes")],
        Kind::Cloud { .. } => {
            let certificates = &connection.certificates;
            let client = certificates.client_certificate.is_some()
                || certificates.client_certificate_data.is_some()
                || certificates.ssl_config.as_ref().is_some_and(|it| it.ssl_certificate.is_some());
            vec![
                (client, "certificates.clientCertificate"),
                (connection.user_directory.is_some(), "userDirectory"),
                (connection.user_id.is_some(), "userId"),
            ]
        }
    }
}
