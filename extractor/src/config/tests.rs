use super::*;

/// Certificates by value, as PEM text with literal `\n`.
const WORKFLOW: &str = r#"
source:
  type: qliksense
  serviceName: qlik_prod
  serviceConnection:
    config:
      type: QlikSense
      hostPort: wss://qlik.example.com:4747
      displayUrl: https://qlik.example.com/proxy/
      certificates:
        sslConfig:
          caCertificate: "-----BEGIN CERTIFICATE-----\\nroot"
          sslCertificate: "-----BEGIN CERTIFICATE-----\\nclient"
          sslKey: "-----BEGIN RSA PRIVATE KEY-----\\nkey"
        stagingDir: /tmp/stage
      userDirectory: CORP
      userId: svc_om
      validateHostName: false
  sourceConfig:
    config:
      type: DashboardMetadata
      dashboardFilterPattern: {includes: ["Sales.*"], excludes: [".*test"]}
      includeOwners: true
      lineageInformation: {dbServicePrefixes: [dwh]}
sink: {type: metadata-rest, config: {}}
workflowConfig:
  openMetadataServerConfig: {hostPort: "http://localhost:8585/api", authProvider: openmetadata}
"#;

fn problems(text: &str) -> Vec<String> {
    let problems = parse(text, &[], Needs::SiteAndKafka).expect_err("mistakes");
    problems.list().iter().map(|problem| problem.key.clone()).collect()
}

#[test]
fn an_openmetadata_workflow_works_with_a_broker_added() {
    let overrides = ["kafka.bootstrapServers=localhost:9092".to_owned()];
    let settings = parse(WORKFLOW, &overrides, Needs::SiteAndKafka).expect("valid");
    assert_eq!(settings.service, "qlik_prod");
    assert_eq!(settings.base_url.as_deref(), Some("https://qlik.example.com/proxy"));
    assert_eq!(settings.site.verification, Verification::Chain);
    assert_eq!(
        settings.site.certificates.root.as_deref(),
        Some("-----BEGIN CERTIFICATE-----\nroot")
    );
    assert!(settings.scope.include_owners && settings.scope.include_tags);
    assert!(settings.scope.dashboards.passes(Some("sales 1")));
    assert!(!settings.scope.dashboards.passes(Some("sales test")));
    assert_eq!(settings.kafka.expect("needed").bootstrap_servers, "localhost:9092");
    let notices = settings.notices.join("\n");
    for key in ["sink", "stagingDir"] {
        assert!(notices.contains(key), "{key} missing in {notices}");
    }
}

/// Files as the documentation of several releases shows them, with every option that they explain.
const BY_RELEASE: [(&str, &str, &[&str]); 5] = [
    (
        "1.1: paths, options of the pipeline by their old names",
        r"
source:
  type: qliksense
  serviceName: local_qliksense
  serviceConnection:
    config:
      type: QlikSense
      hostPort: wss://localhost:4747
      displayUrl: https://localhost
      certificates:
        clientCertificate: $FOLDER/client.pem
        clientKeyCertificate: $FOLDER/client_key.pem
        rootCertificate: $FOLDER/root.pem
      userId: user_id
      userDirectory: user_dir
  sourceConfig:
    config:
      type: DashboardMetadata
      overrideOwner: True
      dbServiceNames:
        - service1
      dashboardFilterPattern:
        includes:
          - dashboard1
        excludes:
          - dashboard3
      chartFilterPattern:
        includes:
          - chart1
sink:
  type: metadata-rest
  config: {}
workflowConfig:
  loggerLevel: INFO
  openMetadataServerConfig:
    hostPort: http://localhost:8585/api
    authProvider: openmetadata
",
        &["overrideOwner", "sink"],
    ),
    (
        "1.3: values in one line, and a folder for them",
        r"
source:
  type: qliksense
  serviceName: local_qliksense
  serviceConnection:
    config:
      type: QlikSense
      hostPort: wss://localhost:4747/proxy
      displayUrl: https://localhost
      certificates:
        clientCertificateData: -----BEGIN CERTIFICATE-----\nclient\n-----END CERTIFICATE-----\n
        clientKeyCertificateData: -----BEGIN RSA PRIVATE KEY-----\nkey\n-----END RSA PRIVATE KEY-----\n
        rootCertificateData: -----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n
        stagingDir: /tmp/stage
      userId: user_id
      userDirectory: user_dir
  sourceConfig:
    config:
      type: DashboardMetadata
      lineageInformation:
        dbServiceNames: [service1]
      includeTags: True
      includeDataModels: True
      markDeletedDashboards: True
      markDeletedDataModels: True
sink:
  type: metadata-rest
  config: {}
",
        &["stagingDir", "sink"],
    ),
    (
        "1.5: values in a block of their own",
        r#"
source:
  type: qliksense
  serviceName: local_qliksense
  serviceConnection:
    config:
      type: QlikSense
      hostPort: wss://localhost:4747
      displayUrl: https://localhost
      certificates:
        sslConfig:
          caCertificate: "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n"
          sslCertificate: |
            -----BEGIN CERTIFICATE-----
            client
            -----END CERTIFICATE-----
          sslKey: |
            -----BEGIN RSA PRIVATE KEY-----
            key
            -----END RSA PRIVATE KEY-----
      userId: user_id
      userDirectory: user_dir
  sourceConfig:
    config:
      type: DashboardMetadata
      dbServicePrefixes: [service1]
      includeDraftDashboard: true
      includeOwners: false
      overrideMetadata: false
sink:
  type: metadata-rest
  config: {}
ingestionPipelineFQN: local_qliksense.metadata
"#,
        &["sink", "ingestionPipelineFQN"],
    ),
    (
        "1.9: every option",
        r"
source:
  type: qliksense
  serviceName: local_qliksense
  serviceConnection:
    config:
      type: QlikSense
      hostPort: wss://localhost:4747
      displayUrl: https://localhost
      certificates:
        clientCertificate: $FOLDER/client.pem
        clientKeyCertificate: $FOLDER/client_key.pem
        rootCertificate: $FOLDER/root.pem
      validateHostName: false
      userId: user_id
      userDirectory: user_dir
      dashboardFilterPattern: {includes: [], excludes: ['tmp.*']}
      supportsMetadataExtraction: true
  sourceConfig:
    config:
      type: DashboardMetadata
      lineageInformation:
        dbServicePrefixes: [service1.db.schema]
      dashboardFilterPattern: {includes: ['(?!test).*'], excludes: []}
      projectFilterPattern: {includes: [Finance]}
      overrideMetadata: true
      overrideLineage: true
      markDeletedDashboards: false
sink: {type: metadata-rest, config: {}}
pipelineRunId: 5d9f8a5e-2f11-4e55-8a5a-5f1a53d5f001
enableStreamableLogs: true
",
        &["supportsMetadataExtraction", "sink", "pipelineRunId", "enableStreamableLogs"],
    ),
    (
        "2.0: what was added",
        r"
source:
  type: QlikSense
  serviceName: local_qliksense
  serviceConnection:
    config:
      hostPort: wss://localhost:4747
      certificates:
        clientCertificate: $FOLDER/client.pem
        clientKeyCertificate: $FOLDER/client_key.pem
        rootCertificate: $FOLDER/root.pem
      userId: user_id
      userDirectory: user_dir
  sourceConfig:
    config:
      type: DashboardMetadata
      queryParserConfig: {type: Auto}
      includeUsage: true
      markDeletedCharts: true
sink: {type: metadata-rest, config: {bulk_sink_batch_size: 100}}
ingestionRunnerName: runner
workflowConfig:
  loggerLevel: INFO
  raiseOnError: true
  successThreshold: 90
  openMetadataServerConfig:
    hostPort: http://localhost:8585/api
    authProvider: openmetadata
    securityConfig: {jwtToken: token}
",
        &["queryParserConfig", "includeUsage", "sink", "ingestionRunnerName"],
    ),
];

#[test]
fn workflow_files_of_every_release_work_as_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, label) in [
        ("client.pem", "CERTIFICATE"),
        ("client_key.pem", "RSA PRIVATE KEY"),
        ("root.pem", "CERTIFICATE"),
    ] {
        let name = file.trim_end_matches(".pem").replace("client_", "");
        let text = format!("-----BEGIN {label}-----\n{name}\n-----END {label}-----\n");
        std::fs::write(folder.path().join(file), text).expect("written");
    }
    for (release, text, noticed) in BY_RELEASE {
        let text = text.replace("$FOLDER", &folder.path().display().to_string());
        let overrides = ["kafka.bootstrapServers=b:1".to_owned()];
        let settings = parse(&text, &overrides, Needs::SiteAndKafka)
            .unwrap_or_else(|problems| panic!("{release}: {problems}"));
        let site = &settings.site;
        let second =
            |text: Option<&str>| text.and_then(|text| text.lines().nth(1).map(str::to_owned));
        assert_eq!(
            second(site.certificates.client.as_deref()).as_deref(),
            Some("client"),
            "{release}"
        );
        assert_eq!(second(site.certificates.root.as_deref()).as_deref(), Some("root"), "{release}");
        let key = site.certificates.key.as_ref().map(secrecy::ExposeSecret::expose_secret);
        assert_eq!(second(key).as_deref(), Some("key"), "{release}");
        assert_eq!((site.user_directory.as_str(), site.user_id.as_str()), ("user_dir", "user_id"));
        // One notice each, and none besides.
        assert_eq!(settings.notices.len(), noticed.len(), "{release}: {:?}", settings.notices);
        for key in noticed {
            let about = settings.notices.iter().filter(|notice| notice.contains(key)).count();
            assert_eq!(about, 1, "{release}: {key} in {:?}", settings.notices);
        }
    }
}

#[test]
fn a_pipelines_pattern_wins_over_the_connections() {
    let settings = |text: &str| parse(text, &[], Needs::Site).expect("valid").scope;
    let both = WORKFLOW.replace("userDirectory: CORP", "dashboardFilterPattern: {includes: [x]}");
    assert!(settings(&both).dashboards.passes(Some("sales 1")));
    let default = WORKFLOW.replace("userDirectory: CORP", "chartFilterPattern: {excludes: [x]}");
    assert!(!settings(&default).charts.passes(Some("x 1")));
}

const CLOUD: &str = "
source:
  type: qlikcloud
  serviceName: tenant
  serviceConnection:
    config:
      type: QlikCloud
      hostPort: wss://tenant.eu.qlikcloud.com
      token: ${file:$FILE}
      spaceTypes: [Managed, shared]
      userId: nobody
  sourceConfig: {config: {type: DashboardMetadata}}
extractor: {userHeader: X-User}
";

#[test]
fn a_qlik_cloud_workflow_works_as_it_is() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "secret\n").expect("written");
    let text = CLOUD.replace("$FILE", &file.path().display().to_string());
    let settings = parse(&text, &[], Needs::Site).expect("valid");
    let spaces = vec![SpaceKind::Managed, SpaceKind::Shared];
    assert_eq!(settings.site.kind, Kind::Cloud { spaces });
    assert_eq!(settings.site.verification, Verification::Full);
    assert_eq!(settings.base_url.as_deref(), Some("https://tenant.eu.qlikcloud.com"));
    assert!(!settings.site.repository);
    assert_eq!(settings.notices.len(), 2, "{:?}", settings.notices);
    assert!(!format!("{settings:?}").contains("secret"));

    let keys = |text: &str| {
        let problems = parse(text, &[], Needs::Site).expect_err("mistakes");
        problems.list().iter().map(|problem| problem.key.clone()).collect::<Vec<_>>()
    };
    let connection = "source.serviceConnection.config";
    assert_eq!(
        keys(&text.replace("token:", "displayUrl:").replace("shared]", "Public]")),
        [
            format!("{connection}.spaceTypes[1]"),
            format!("{connection}.displayUrl"),
            format!("{connection}.token"),
        ]
    );
    assert_eq!(
        keys(&text.replace("type: QlikCloud", "type: QlikSense")),
        [format!("{connection}.type")]
    );
}

#[test]
fn there_is_one_way_to_sign_in() {
    let text = WORKFLOW.replace("userDirectory: CORP", "token: a");
    let overrides = ["extractor.sessionCookie=X-Qlik-Session=b".to_owned()];
    let problems = parse(&text, &overrides, Needs::Site).expect_err("two ways");
    assert_eq!(problems.list()[0].key, "extractor.sessionCookie");
}

#[test]
fn plan_needs_no_broker() {
    assert!(parse(WORKFLOW, &[], Needs::Site).expect("valid").kafka.is_none());
    assert_eq!(problems(WORKFLOW), ["kafka.bootstrapServers"]);
}

#[test]
fn every_mistake_has_its_key() {
    let text = r#"
source:
  serviceName: a/b
  type: tableau
  serviceConnection: {config: {displayUrl: nonsense, hostPrt: x, certificates: {clientCertificate: /no/such}}}
  sourceConfig: {config: {chartFilterPattern: {excludes: ["("]}}}
extractor: {concurrency: 0, maxDeletedShare: 2, schedule: sometimes, appDeadline: 0s}
kafka: {bootstrapServers: "b:1", topicPrefix: "a b"}
metrics: {}
"#;
    let mut keys = problems(text);
    keys.sort();
    let expected = [
        "extractor.appDeadline",
        "extractor.concurrency",
        "extractor.maxDeletedShare",
        "extractor.schedule",
        "kafka.topicPrefix",
        "metrics",
        "source.serviceConnection.config.certificates",
        "source.serviceConnection.config.certificates.clientCertificate",
        "source.serviceConnection.config.displayUrl",
        "source.serviceConnection.config.hostPort",
        "source.serviceConnection.config.hostPrt",
        "source.serviceName",
        "source.sourceConfig.config.chartFilterPattern.excludes[0]",
        "source.type",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn schedules() {
    let kind = |text: &str| match text.parse::<Schedule>() {
        Ok(Schedule::Once) => "once",
        Ok(Schedule::Every(_)) => "every",
        Ok(Schedule::Cron(_)) => "cron",
        Ok(Schedule::Follow) => "follow",
        Err(_) => "error",
    };
    assert_eq!(kind("once"), "once");
    assert_eq!(kind("15m"), "every");
    assert_eq!(kind("follow"), "follow");
    assert_eq!(kind("0 3 * * *"), "cron");
    assert_eq!(kind("0 3 * * * Europe/Vienna"), "cron");
    assert_eq!(kind("0s"), "error");
    assert_eq!(kind("now and then"), "error");
}

#[test]
fn secrets_do_not_show() {
    let settings = parse(WORKFLOW, &[], Needs::Site).expect("valid");
    assert!(!format!("{settings:?}").contains("RSA PRIVATE KEY"));
}
