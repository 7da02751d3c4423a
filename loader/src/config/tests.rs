use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::*;

/// As little as a configuration can say.
const MINIMAL: &str = "
source: {serviceName: qlik_prod}
workflowConfig: {openMetadataServerConfig: {hostPort: http://localhost:8585/api, authProvider: openmetadata, securityConfig: {jwtToken: not-a-real-token}}}
kafka: {bootstrapServers: \"localhost:9092\"}
";

fn with(overrides: &[&str]) -> Result<Settings, Vec<(String, String)>> {
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    parse(MINIMAL, &overrides).map_err(|problems| {
        problems.list().iter().map(|p| (p.key.clone(), p.message.clone())).collect()
    })
}

fn keys(overrides: &[&str]) -> Vec<String> {
    with(overrides).err().unwrap_or_default().into_iter().map(|(key, _)| key).collect()
}

#[test]
fn the_example_file_says_the_defaults() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.yaml");
    let example = load(&path, &[]).expect("the example is valid");
    let minimal = with(&[]).expect("minimal");
    assert_eq!(example.notices, Vec::<String>::new());
    assert_eq!(example.log_level, Some("info"));
    let (example, minimal) =
        (format!("{:#?}", Settings { log_level: None, ..example }), format!("{minimal:#?}"));
    assert_eq!(example, minimal, "config.example.yaml differs from the defaults");
}

#[test]
fn loaders_of_different_services_are_in_different_groups() {
    let other = with(&["source.serviceName=qlik_test"]).expect("valid");
    assert_eq!(other.flow.group_id, "qlik-metadata-loader-qlik_test");
    let named = with(&["loader.groupId=mine"]).expect("valid");
    assert_eq!(named.flow.group_id, "mine");
}

#[test]
fn every_mistake_is_reported_at_once() {
    let found = keys(&[
        "source.serviceName=a/b",
        "source.type=tableau",
        "kafka.bootstrapServers=",
        "loader.batch.maxEvents=0",
        "loader.wait.timeout=soon",
        "loader.deleteMode=maybe",
        "loader.tables.dwh=a..b",
        "loader.adminAddress=nine",
        "loader.colour=red",
        "workflowConfig.loggerLevel=LOUD",
        "workflowConfig.openMetadataServerConfig.verifySSL=perhaps",
        "workflowConfig.openMetadataServerConfig.hostPort=localhost:8585",
        "workflowConfig.openMetadataServerConfig.tokn=x",
        "kafak.x=1",
    ]);
    for key in [
        "source.serviceName",
        "source.type",
        "kafka.bootstrapServers",
        "loader.batch.maxEvents",
        "loader.wait.timeout",
        "loader.deleteMode",
        "loader.tables.dwh",
        "loader.adminAddress",
        "loader.colour",
        "workflowConfig.loggerLevel",
        "workflowConfig.openMetadataServerConfig.verifySSL",
        "workflowConfig.openMetadataServerConfig.hostPort",
        "workflowConfig.openMetadataServerConfig.tokn",
        "kafak",
    ] {
        assert!(found.iter().any(|found| found == key), "{key} missing in {found:#?}");
    }
    assert_eq!(found.len(), 14, "{found:#?}");
}

#[test]
fn settings_are_checked_against_each_other() {
    assert_eq!(keys(&["loader.batch.maxEvents=3000"]), ["loader.batch"]);
    assert_eq!(keys(&["loader.batch.maxMib=64"]), ["loader.batch"]);
    let poll = |ms: &str| {
        let properties = format!("kafka.properties={{max.poll.interval.ms: {ms}}}");
        keys(&[&properties])
    };
    assert_eq!(poll("25000"), ["loader.shutdownDeadline"]);
    assert_eq!(poll("25001"), Vec::<String>::new());
    assert_eq!(keys(&["loader.shutdownDeadline=5m"]), ["loader.shutdownDeadline"]);
}

#[test]
fn a_token_is_needed_unless_the_server_wants_none() {
    let server = "workflowConfig.openMetadataServerConfig";
    let token = format!("{server}.securityConfig.jwtToken");
    let none = format!("{token}=");
    assert_eq!(keys(&[&none]), [token.as_str()]);
    assert_eq!(keys(&[&none, &format!("{server}.authProvider=google")]), [token.as_str()]);
    let open = with(&[&none, &format!("{server}.authProvider=no-auth")]).expect("valid");
    assert!(open.open_metadata.token.is_none());
    // Copied from a file with its line break.
    let padded = with(&[&format!("{token}=\" abc \\n\"")]).expect("valid");
    let secret = padded.open_metadata.token.as_ref().expect("token");
    assert_eq!(secret.expose_secret(), "abc");
    assert!(!format!("{padded:?}").contains("abc"));
    assert_eq!(keys(&[&format!("{token}=a b")]), [token.as_str()]);
    // Single sign-on clients of old versions.
    let google = format!("{server}.securityConfig.secretKey=/x");
    let problems = with(&[&none, &google]).expect_err("no token");
    assert!(problems[0].1.contains("single sign-on"), "{problems:?}");
}

#[test]
fn tls_is_what_open_metadata_means_by_it() {
    let server = "workflowConfig.openMetadataServerConfig";
    let verify = |mode: &str| format!("{server}.verifySSL={mode}");
    let ca = format!("{server}.sslConfig.caCertificate");
    assert_eq!(keys(&[&verify("validate")]), [ca.as_str()]);
    assert_eq!(keys(&[&verify("validate"), &format!("{ca}=/no/such.pem")]), [ca.as_str()]);
    let pem = "-----BEGIN CERTIFICATE-----\\nx\\n-----END CERTIFICATE-----";
    let checked = with(&[&verify("validate"), &format!("{ca}='{pem}'")]).expect("valid");
    assert!(checked.open_metadata.tls.verify);
    let ca_pem = checked.open_metadata.tls.ca_pem.expect("CA");
    assert_eq!(ca_pem.lines().count(), 3);
    let ignored = with(&[&verify("ignore")]).expect("valid");
    assert!(!ignored.open_metadata.tls.verify);
    assert!(ignored.notices[0].contains("verifySSL is `ignore`"), "{:?}", ignored.notices);
    assert_eq!(
        keys(&[&format!("{server}.sslConfig.sslKey={pem}")]),
        [format!("{server}.sslConfig")]
    );
}

#[test]
fn the_path_of_the_api_is_completed_and_kept() {
    let url = |text: &str| {
        with(&[&format!("workflowConfig.openMetadataServerConfig.hostPort={text}")])
            .expect("valid")
            .open_metadata
            .url
            .to_string()
    };
    assert_eq!(url("http://h:8585"), "http://h:8585/api");
    assert_eq!(url("http://h:8585/"), "http://h:8585/api");
    assert_eq!(url("http://h:8585/api/"), "http://h:8585/api");
    assert_eq!(url("http://h:8585/api/v1/"), "http://h:8585/api");
    assert_eq!(url("https://h/catalog/api"), "https://h/catalog/api");
}

#[test]
fn a_workflow_file_of_open_metadata_gets_notices() {
    let text = "
source:
  type: qliksense
  serviceName: site
  serviceConnection: {config: {type: QlikSense, certificates: {clientCertificate: \"${NOT_SET_FOR_THE_LOADER}\"}}}
  sourceConfig: {config: {type: DashboardMetadata, dbServiceNames: [pg, snow], overrideMetadata: true}}
sink: {type: metadata-rest, config: {}}
workflowConfig:
  loggerLevel: DEBUG
  successThreshold: 90
  openMetadataServerConfig:
    hostPort: http://localhost:8585/api
    authProvider: openmetadata
    type: OpenMetadata
    clusterName: openmetadata
    limitRecords: 1000
    supportsElasticSearchReindexingExtraction: true
    securityConfig: {jwtToken: t}
ingestionPipelineFQN: a.b
";
    let overrides = ["kafka.bootstrapServers=b:1".to_owned()];
    let settings = parse(text, &overrides).expect("valid");
    assert_eq!(settings.service, "site");
    assert_eq!(settings.log_level, Some("debug"));
    assert_eq!(settings.open_metadata.db_service_prefixes, ["pg", "snow"]);
    assert!(settings.open_metadata.override_metadata);
    let notices = settings.notices.join("\n");
    for key in [
        "sink",
        "ingestionPipelineFQN",
        "successThreshold",
        "clusterName",
        "limitRecords",
        "supportsElasticSearchReindexingExtraction",
    ] {
        assert_eq!(notices.matches(&format!("{key} has no effect")).count(), 1, "{notices}");
    }
    assert_eq!(settings.notices.len(), 6, "{notices}");
}

#[test]
fn table_mappings_are_fully_qualified_names() {
    let mapping = |place: &str| {
        let found = with(&[&format!("loader.tables.DWH={place}")]).expect("valid");
        let TableMapping { connection, service, database, schema } =
            found.open_metadata.tables[0].clone();
        assert_eq!(connection, "DWH");
        (service, database, schema)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(mapping("pg"), ("pg".into(), None, None));
    assert_eq!(mapping("pg.sales"), ("pg".into(), some("sales"), None));
    assert_eq!(mapping("'\"pg.eu\".sales.\"a.b\"'"), ("pg.eu".into(), some("sales"), some("a.b")));
    for bad in ["a.b.c.d", "a.", "'\"a'", "'\"a\"b'", ".a"] {
        assert_eq!(keys(&[&format!("loader.tables.DWH={bad}")]), ["loader.tables.DWH"], "{bad}");
    }
}

#[test]
fn lengths_of_time_and_sizes_have_units() {
    let settings = with(&["loader.wait.timeout=1h 30m", "loader.readAhead.maxMib=64"]);
    let flow = settings.expect("valid").flow;
    assert_eq!(flow.wait.timeout, Duration::from_secs(5400));
    assert_eq!(flow.read_ahead.bytes, 64 * 1024 * 1024);
}
