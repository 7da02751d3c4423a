//! The Qlik site: simulated, with the sample apps, or a real one from a configuration file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use qlik_simulator::{Bundle, QlikSite, Running, Settings};
use serde_json::{Value, json};

/// A site.
pub(crate) struct Site {
    /// Held so that it keeps running.
    simulated: Option<Running>,
    apps: usize,
    config: Value,
}

impl Site {
    /// The real site of the file `source`, else a simulated one with the apps of a folder.
    pub(crate) async fn start(
        source: Option<&Path>,
        apps: Option<&Path>,
        output: &Path,
    ) -> anyhow::Result<Self> {
        if let Some(path) = source {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("failed to read `{}`", path.display()))?;
            let file: Value = serde_saphyr::from_str(&text)
                .with_context(|| format!("`{}` is not valid YAML", path.display()))?;
            if file["source"].is_null() {
                bail!("`{}` has no `source:` block", path.display());
            }
            let extractor = file.get("extractor").cloned().unwrap_or_else(|| json!({}));
            let config = json!({"source": file["source"], "extractor": extractor});
            return Ok(Self { simulated: None, apps: 0, config });
        }
        let folder = apps.map_or_else(sample_apps, Path::to_owned);
        let bundles = Bundle::load_folder(&folder)
            .with_context(|| format!("failed to read the apps of `{}`", folder.display()))?;
        if bundles.is_empty() {
            bail!("`{}` holds no app bundles (*.json)", folder.display());
        }
        let site = QlikSite::start(Settings { apps: bundles, ..Settings::default() }).await?;
        let certificates = output.join("certificates");
        site.certificates().write_to(&certificates)?;
        let certificate = |name: &str| certificates.join(name).display().to_string();
        let config = json!({
            "source": {
                "type": "qliksense",
                "serviceName": "qlik_demo",
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
            "extractor": {"repositoryUrl": site.qrs_url()},
        });
        let apps = site.control().app_ids().len();
        Ok(Self { simulated: Some(site), apps, config })
    }

    /// The `source:` and `extractor:` blocks.
    pub(crate) fn config(&self) -> Value {
        self.config.clone()
    }

    pub(crate) fn describe(&self) -> String {
        match &self.simulated {
            Some(site) => format!("{} (simulated, {} apps)", site.engine_url(), self.apps),
            None => {
                let url = &self.config["source"]["serviceConnection"]["config"]["hostPort"];
                format!("{} (real)", url.as_str().unwrap_or_default())
            }
        }
    }
}

fn sample_apps() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sample-apps")
}
