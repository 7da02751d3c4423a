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
