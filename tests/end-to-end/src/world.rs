//! A site, a broker and a catalogue, and the stages between them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use openmetadata_simulator::{
    Effect, Fault, OpenMetadata, Running as Catalogue, Seed, Settings as CatalogueSettings,
};
use qlik_simulator::{
    Bundle, Certificates, Control, QlikSite, Running as Site, ScriptAccess,
    Settings as SiteSettings, Touch,
};
use schemas::Topic;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    broker::Broker,
    difference::differences,
    expected::{self, Expected},
    stage,
};

/// Name of the service in all tests.
const SERVICE: &str = "qlik_test";
const CONNECTION: &str = "source.serviceConnection.config";

/// Everything that a test needs.
pub struct World {
    /// Broker with topics of its own.
    pub broker: Broker,
    /// What must arrive, by app id.
    pub apps: BTreeMap<String, Expected>,
    /// An app and its copy under another id, where the apps have one.
    pub copy: Option<(String, String)>,
    /// Configuration of both stages.
    pub config: PathBuf,
    site: Site,
    catalogue: Catalogue,
    folder: TempDir,
    bundles: Vec<Bundle>,
}

impl World {
    /// With the sample apps and a catalogue of the release that was recorded most.
    pub async fn with_sample_apps() -> Self {
        Self::with_sample_apps_on("1.12.6").await
    }

    /// With the sample apps and a catalogue of this release.
    pub async fn with_sample_apps_on(release: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-apps");
        Self::start(&folder, release).await
    }

    /// With the bundles of a folder.
    pub async fn with_apps(folder: &Path) -> Self {
        Self::start(folder, "1.12.6").await
    }

    /// With the sample apps, over this broker.
    pub async fn with_sample_apps_over(broker: Broker) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-apps");
        Self::start_over(broker, &folder, "1.12.6").await
    }

    async fn start(apps: &Path, release: &str) -> Self {
        Self::start_over(Broker::start(), apps, release).await
    }

    async fn start_over(broker: Broker, apps: &Path, release: &str) -> Self {
        let bundles = Bundle::load_folder(apps).expect("bundles");
        let contents = expected::bundles(apps);
        let mut expected_apps = BTreeMap::new();
        let mut copy = None;
        for bundle in &bundles {
            let mut expected = expected::of_bundle(&contents[&bundle.name]);
            expected.title = bundle.title();
            for other in &bundle.site.copies {
                let text = |key: &str| other[key].as_str().expect("copies have one").to_owned();
                copy = Some((bundle.id(), text("id")));
                let expected = Expected { title: text("title"), ..expected.clone() };
                expected_apps.insert(text("id"), expected);
            }
            expected_apps.insert(bundle.id(), expected);
        }
        let settings = SiteSettings { apps: bundles.clone(), ..SiteSettings::default() };
        let site = QlikSite::start(settings).await.expect("the site starts");
        let release = release.parse().expect("a release");
        let catalogue = OpenMetadata::start(CatalogueSettings::of_release(release)).await;
        let catalogue = catalogue.expect("the catalogue starts");
        let folder = TempDir::new().expect("a folder");
        site.certificates().write_to(folder.path()).expect("certificates");
        let config = folder.path().join("config.yaml");
        let text = configuration(&site, &broker, &catalogue, folder.path()).to_string();
        fs::write(&config, text).expect("a configuration");
        Self { broker, apps: expected_apps, copy, config, site, catalogue, folder, bundles }
    }

    /// Another, empty catalogue (1.12.6) instead of the one so far.
    pub async fn renew_catalogue(&mut self) {
        let release = "1.12.6".parse().expect("a release");
        let catalogue = OpenMetadata::start(CatalogueSettings::of_release(release)).await;
        self.catalogue = catalogue.expect("the catalogue starts");
        let (url, token) = (self.catalogue.url(), self.catalogue.token().to_owned());
        self.change_config(|config| {
            let server = &mut config["workflowConfig"]["openMetadataServerConfig"];
            server["hostPort"] = url.into();
            server["securityConfig"]["jwtToken"] = token.into();
        });
    }

    /// Runs the extractor once, which must succeed, and returns its report.
    pub async fn extract(&self, args: &[&str]) -> Value {
        self.run("extractor", &[&["run", "--once"], args].concat()).await
    }

    /// Runs the loader to the end, which must succeed, and returns its report.
    pub async fn load(&self, args: &[&str]) -> Value {
        self.run("loader", &[&["run", "--until-end"], args].concat()).await
    }

    /// Runs another command of the loader, which must succeed, and returns its report.
    pub async fn loader(&self, args: &[&str]) -> Value {
        self.run("loader", args).await
    }

    /// Runs a command of a stage to its end.
    pub async fn command(&self, stage: &str, args: &[&str]) -> stage::Ended {
        stage::run(stage, &self.config, args).await
    }

    async fn run(&self, stage: &str, args: &[&str]) -> Value {
        let report = self.folder.path().join(format!("{stage}.json"));
        let path = report.to_str().expect("UTF-8");
        let args = [args, &["--report", path]].concat();
        let ended = stage::run(stage, &self.config, &args).await.with_code(0);
        let text =
            fs::read_to_string(&report).unwrap_or_else(|_| panic!("no report\n{}", ended.stderr));
        serde_json::from_str(&text).expect("JSON")
    }

    /// Gives both stages other brokers, and librdkafka properties besides those that tests always have.
    pub fn use_kafka(&self, bootstrap: &str, properties: &Value) {
        self.change_config(|config| {
            config["kafka"] = self.broker.config();
            config["kafka"]["bootstrapServers"] = bootstrap.into();
            for (name, value) in properties.as_object().expect("properties") {
                config["kafka"]["properties"][name] = value.clone();
            }
        });
    }

    /// Changes the configuration of both stages.
    pub fn change_config(&self, change: impl FnOnce(&mut Value)) {
        let text = fs::read_to_string(&self.config).expect("a configuration");
        let mut config = serde_json::from_str(&text).expect("JSON");
        change(&mut config);
        fs::write(&self.config, config.to_string()).expect("written");
    }

    /// The simulated site, to lay faults on.
    #[must_use]
    pub fn site(&self) -> &Site {
        &self.site
    }

    /// The simulated catalogue, to lay faults on.
    #[must_use]
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Content of the topics: newest hash of every key.
    #[must_use]
    pub fn topic_content(&self) -> BTreeMap<String, String> {
        let mut content = BTreeMap::new();
        for topic in Topic::STATE {
            for (key, event) in self.broker.events(topic) {
                content.insert(format!("{topic} {key}"), event.content_hash());
            }
        }
        content
    }

    /// Key of an app's dashboard event.
    pub fn key(&self, app: &str) -> String {
        format!("{SERVICE}/{app}")
    }

    /// Name of the service.
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// The token that the loader signs in with.
    pub fn secret(&self) -> &str {
        self.catalogue.token()
    }

    /// A folder of this test's own.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Live entities of a kind by name, with everything that they are linked to.
    pub fn entities(&self, kind: &str) -> BTreeMap<String, Value> {
        let fields = match kind {
            "dashboards" => "charts,dataModels,tags,project",
            "charts" => "tags",
            _ => "columns,tags",
        };
        let path = format!("/{kind}?limit=100000&fields={fields}");
        let (status, answer) = self.catalogue.as_admin("GET", &path, None);
        assert_eq!(status, 200, "{answer}");
        let entities = answer["data"].as_array().expect("a list").iter();
        entities
            .map(|entity| (entity["name"].as_str().expect("a name").to_owned(), entity.clone()))
            .collect()
    }

    /// Everything in the catalogue, ids and times masked.
    pub fn catalogue_snapshot(&self) -> Value {
        let mut catalogue = self.catalogue.catalogue();
        // The simulated site listens on another port every time.
        for service in
            catalogue["entities"]["dashboardService"].as_array_mut().into_iter().flatten()
        {
            service["connection"] = Value::Null;
        }
        catalogue
    }

    /// Requests so far that write.
    pub fn catalogue_writes(&self) -> u64 {
        self.catalogue.writes()
    }

    /// Whether the catalogue answers every request with a web page.
    pub fn html_catalogue(&self, on: bool) {
        self.catalogue.faults().clear();
        if on {
            let fault = Fault { times: None, ..Fault::once(Effect::Html) };
            self.catalogue.faults().add(fault).expect("a fault");
        }
    }

    /// How long the catalogue waits before every answer.
    pub fn slow_catalogue(&self, latency: Duration) {
        self.catalogue.faults().set_latency(latency);
    }

    /// How long the engine works on every request.
    pub fn slow_site(&self, latency: Duration) {
        let latency = u64::try_from(latency.as_millis()).expect("short");
        self.site.control().set_behaviour(|behaviour| behaviour.latencies.request_ms = latency);
    }

    /// The handle that steers the site.
    pub fn control(&self) -> Control {
        self.site.control()
    }

    /// Gives an app another title.
    pub fn rename_app(&self, id: &str, title: &str) {
        assert!(self.site.control().rename_app(id, title), "no app {id}");
    }

    /// Puts the app with this id, and its copies, on the site as they were at first.
    pub fn put_app_again(&self, id: &str) {
        let bundle = self.bundles.iter().find(|bundle| bundle.id() == id);
        let bundle = bundle.unwrap_or_else(|| panic!("no app {id}")).clone();
        self.site.control().put_app(bundle).expect("a valid bundle");
    }

    /// Changes the script of an app, without its copies.
    pub fn change_script(&self, id: &str, change: impl Fn(&str) -> String) {
        self.change_app(id, |bundle| {
            let changed = change(&bundle.script);
            assert_ne!(changed, bundle.script, "nothing changes");
            bundle.script = changed;
        });
    }

    /// Changes an app as it was at the start; it counts as changed.
    pub fn change_app(&self, id: &str, change: impl FnOnce(&mut Bundle)) {
        let found = self.bundles.iter().find(|bundle| bundle.id() == id);
        let mut bundle = found.unwrap_or_else(|| panic!("no app {id}")).clone();
        change(&mut bundle);
        bundle.site.copies.clear();
        self.site.control().put_app(bundle).expect("an app");
        assert!(self.site.control().touch_app(id, Touch::modified_now()), "no app {id}");
    }

    /// What of an app's script may be read; the app counts as changed.
    pub fn script_access(&self, id: &str, access: Option<ScriptAccess>) {
        assert!(self.site.control().set_script_access(id, access), "no app {id}");
        assert!(self.site.control().touch_app(id, Touch::modified_now()), "no app {id}");
    }

    /// Puts into the catalogue what is there before the loader comes.
    pub fn seed(&self, seed: &Seed) {
        self.catalogue.seed(seed).expect("a seed");
    }

    /// Every lineage edge of the catalogue: `{from, to, details}`.
    pub fn catalogue_edges(&self) -> Vec<Value> {
        self.catalogue.edges()
    }

    /// Removes an app from the site.
    pub fn remove_app(&self, id: &str) {
        assert!(self.site.control().remove_app(id), "no app {id}");
    }
}

fn configuration(site: &Site, broker: &Broker, catalogue: &Catalogue, folder: &Path) -> Value {
    let certificate = |name: &str| folder.join(name).display().to_string();
    json!({
        "source": {
            "type": "qliksense",
            "serviceName": SERVICE,
            "serviceConnection": {"config": {
                "type": "QlikSense",
                "hostPort": site.engine_url(),
                "displayUrl": "https://qlik.example.com",
                "certificates": {
                    "clientCertificate": certificate("client.pem"),
                    "clientKeyCertificate": certificate("client_key.pem"),
                    "rootCertificate": certificate("root.pem"),
                },
                "userDirectory": "INTERNAL",
                "userId": "sa_api",
            }},
            "sourceConfig": {"config": {"type": "DashboardMetadata", "includeOwners": true}},
        },
        "workflowConfig": {"openMetadataServerConfig": {
            "hostPort": catalogue.url(),
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": catalogue.token()},
        }},
        "kafka": broker.config(),
        "extractor": {"repositoryUrl": site.qrs_url(), "connectTimeout": "10s"},
        "loader": {},
    })
}

/// Fails with the places where two catalogues differ.
pub fn assert_same(left: &Value, right: &Value) {
    let differences = differences(left, right);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Overrides that give the extractor the root certificate of another site.
pub fn foreign_root(world: &World) -> Vec<String> {
    let foreign = Certificates::shared("other.example.com").expect("certificates");
    let path = world.folder().join("foreign-root.pem");
    fs::write(&path, foreign.root_pem()).expect("written");
    vec![format!("{CONNECTION}.certificates.rootCertificate={}", path.display())]
}

/// Overrides that give the extractor the client certificate of another site.
pub fn foreign_client(world: &World) -> Vec<String> {
    let foreign = Certificates::shared("other.example.com").expect("certificates");
    let (client, key) = (world.folder().join("foreign.pem"), world.folder().join("foreign.key"));
    fs::write(&client, foreign.client_pem()).expect("written");
    fs::write(&key, foreign.client_key_pem()).expect("written");
    vec![
        format!("{CONNECTION}.certificates.clientCertificate={}", client.display()),
        format!("{CONNECTION}.certificates.clientKeyCertificate={}", key.display()),
    ]
}
