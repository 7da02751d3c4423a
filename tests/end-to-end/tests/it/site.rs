//! A simulated site and the extractor's `plan` and `check` on it: no broker, no catalogue.

use std::{collections::BTreeMap, fs, path::Path};

use end_to_end::stage::{self, Ended};
use qlik_simulator::{Bundle, Mode, QlikSite, Running, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Name of the service.
pub(crate) const SERVICE: &str = "qlik_test";

/// A site and a configuration for it.
pub(crate) struct Site {
    /// The site.
    pub(crate) running: Running,
    /// The configuration, to be changed before a command runs.
    pub(crate) config: Value,
    folder: TempDir,
}

/// What `plan` printed.
pub(crate) struct Plan {
    /// Values by key, of every topic.
    pub(crate) events: BTreeMap<String, Value>,
    /// The report.
    pub(crate) report: Value,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Plan {
    /// The event of an app, or of something in it.
    ///
    /// # Panics
    /// When there is none.
    pub(crate) fn event(&self, rest_of_key: &str) -> &Value {
        let key = format!("{SERVICE}/{rest_of_key}");
        self.events
            .get(&key)
            .unwrap_or_else(|| panic!("no `{key}` among {:?}\n{}", self.events.keys(), self.stderr))
    }

    /// Keys that begin with this, without the service.
    pub(crate) fn keys(&self, prefix: &str) -> Vec<&str> {
        let keys =
            self.events.keys().filter_map(|key| key.strip_prefix(SERVICE)?.strip_prefix('/'));
        keys.filter(|key| key.starts_with(prefix)).collect()
    }
}

impl Site {
    /// A site with these settings, and the configuration that fits them.
    pub(crate) async fn start(settings: Settings) -> Self {
        let mode = settings.mode.clone();
        let running = QlikSite::start(settings).await.expect("the site starts");
        let folder = TempDir::new().expect("a folder");
        running.certificates().write_to(folder.path()).expect("certificates");
        let file = |name: &str| folder.path().join(name).display().to_string();
        let mut connection = json!({
            "type": "QlikSense",
            "hostPort": running.engine_url(),
            "displayUrl": "https://qlik.example.com",
        });
        match &mode {
            Mode::Certificates => {
                connection["certificates"] = json!({
                    "clientCertificate": file("client.pem"),
                    "clientKeyCertificate": file("client_key.pem"),
                    "rootCertificate": file("root.pem"),
                });
                connection["userDirectory"] = "INTERNAL".into();
                connection["userId"] = "sa_api".into();
            }
            Mode::Plain => {}
            Mode::Proxy(_) => {
                connection["certificates"] = json!({"rootCertificate": file("root.pem")})
            }
            Mode::Cloud(cloud) => {
                connection = json!({
                    "type": "QlikCloud",
                    "hostPort": running.rest_url(),
                    "token": cloud.tokens[0].0,
                    "certificates": {"rootCertificate": file("root.pem")},
                });
            }
        }
        let kind = if matches!(mode, Mode::Cloud(_)) { "qlikcloud" } else { "qliksense" };
        let mut config = json!({
            "source": {
                "type": kind,
                "serviceName": SERVICE,
                "serviceConnection": {"config": connection},
                "sourceConfig": {"config": {"type": "DashboardMetadata", "includeOwners": true}},
            },
            "extractor": {"connectTimeout": "10s", "sessionLimitBackoff": "1s"},
        });
        if mode == Mode::Certificates {
            config["extractor"]["repositoryUrl"] = running.qrs_url().into();
        }
        Self { running, config, folder }
    }

    /// A site with the sample apps and client certificates.
    pub(crate) async fn with_sample_apps() -> Self {
        Self::start(Settings { apps: sample_apps(), ..Settings::default() }).await
    }

    /// A site of one app in the form of a bundle, with id `app`.
    pub(crate) async fn with_app(bundle: Value) -> Self {
        Self::start(Settings { apps: vec![app(bundle)], ..Settings::default() }).await
    }

    /// The connection's block.
    pub(crate) fn connection(&mut self) -> &mut Value {
        &mut self.config["source"]["serviceConnection"]["config"]
    }

    /// The pipeline's block.
    pub(crate) fn pipeline(&mut self) -> &mut Value {
        &mut self.config["source"]["sourceConfig"]["config"]
    }

    /// A folder of this test's own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command of the extractor.
    pub(crate) async fn run(&self, args: &[&str]) -> Ended {
        let config = self.folder.path().join("config.yaml");
        fs::write(&config, self.config.to_string()).expect("a configuration");
        stage::run("extractor", &config, args).await
    }

    /// Plans, which must end with this exit code.
    pub(crate) async fn plan_with_code(&self, code: i32) -> Plan {
        let report = self.folder.path().join("report.json");
        let path = report.display().to_string();
        let ended = self.run(&["plan", "--report", &path]).await.with_code(code);
        let mut events = BTreeMap::new();
        for line in ended.stdout.lines() {
            let record: Value = serde_json::from_str(line).expect("JSON lines");
            let key = record["key"].as_str().expect("a key").to_owned();
            events.insert(key, record["value"].clone());
        }
        let report = fs::read_to_string(&report).expect("a report");
        let report = serde_json::from_str(&report).expect("JSON");
        Plan { events, report, stderr: ended.stderr }
    }

    /// Plans, which must succeed.
    pub(crate) async fn plan(&self) -> Plan {
        self.plan_with_code(0).await
    }
}

/// The sample apps.
pub(crate) fn sample_apps() -> Vec<Bundle> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-apps");
    Bundle::load_folder(&folder).expect("bundles")
}

/// A bundle with id `app`.
pub(crate) fn app(mut bundle: Value) -> Bundle {
    bundle["site"]["id"] = bundle["site"]["id"].as_str().unwrap_or("app").into();
    Bundle::from_json("app", &bundle.to_string()).expect("a bundle")
}
