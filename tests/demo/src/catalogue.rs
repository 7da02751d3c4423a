//! The catalogue: a stand-in for OpenMetadata, or a real one.

use std::{fs, path::Path};

use anyhow::Context as _;
use openmetadata_simulator::{OpenMetadata, Running, Seed, Settings};

/// The databases that the sample apps load from and the people that own them, as if other connectors
/// had brought them; `docker compose --profile demo` starts with the same.
const SEED: &str = include_str!("../../../docker/demo-catalogue.json");

/// A catalogue.
pub(crate) struct Catalogue {
    simulated: Option<Running>,
    url: String,
    token: String,
}

impl Catalogue {
    /// The real catalogue at `url`, else a stand-in that plays the release `version`.
    pub(crate) async fn start(
        url: Option<&str>,
        token: Option<&Path>,
        version: &str,
    ) -> anyhow::Result<Self> {
        if let (Some(url), Some(token)) = (url, token) {
            let token = fs::read_to_string(token)
                .with_context(|| format!("failed to read the token file `{}`", token.display()))?;
            let token = token.trim().to_owned();
            return Ok(Self { simulated: None, url: url.to_owned(), token });
        }
        let release = version
            .parse()
            .map_err(|error| anyhow::anyhow!("`--openmetadata-version {version}`: {error}"))?;
        let running = OpenMetadata::start(Settings::of_release(release)).await?;
        let seed: Seed = serde_json::from_str(SEED).context("docker/demo-catalogue.json")?;
        running.seed(&seed)?;
        let (url, token) = (running.url(), running.token().to_owned());
        Ok(Self { simulated: Some(running), url, token })
    }

    pub(crate) fn is_embedded(&self) -> bool {
        self.simulated.is_some()
    }

    /// `hostPort` of the loader.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Requests so far that wrote; 0 of a real one, which does not tell.
    pub(crate) fn writes(&self) -> u64 {
        self.simulated.as_ref().map_or(0, Running::writes)
    }

    pub(crate) fn describe(&self) -> String {
        let kind = if self.simulated.is_some() { "stand-in" } else { "real" };
        format!("{} ({kind})", self.url)
    }

    /// Writes everything that the stand-in holds to `catalogue.json`.
    pub(crate) fn write(&self, output: &Path) -> anyhow::Result<()> {
        if let Some(running) = &self.simulated {
            let text = serde_json::to_string_pretty(&running.catalogue())?;
            fs::write(output.join("catalogue.json"), text + "\n")?;
        }
        Ok(())
    }

    /// How to ask it.
    pub(crate) fn example(&self) -> String {
        match &self.simulated {
            Some(running) => format!(
                "curl -H 'Authorization: Bearer {}' '{}/v1/dashboards?fields=charts,dataModels'",
                running.token(),
                self.url
            ),
            None => format!("open {} in a browser", self.url.trim_end_matches("/api")),
        }
    }
}
