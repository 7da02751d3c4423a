//! The whole chain with one command: a Qlik site, a broker, both stages as processes, a catalogue.
//! Everything is embedded unless a real part is named.

mod broker;
mod catalogue;
mod events;
mod site;
mod stages;
mod summary;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Parser;
use serde_json::{Value, json};

use crate::{broker::Broker, catalogue::Catalogue, site::Site};

/// Runs the whole chain once, then again to show that nothing changed.
#[derive(Debug, Parser)]
#[command(name = "cargo demo", version, max_term_width = 100)]
struct Options {
    /// Read a real Qlik site: a YAML file with its `source:` block (and `extractor:`, if needed);
    /// an OpenMetadata workflow file works as it is.
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Serve these apps (a folder of bundles) instead of the sample apps.
    #[arg(long, value_name = "FOLDER", conflicts_with = "source")]
    apps: Option<PathBuf>,
    /// Use a real broker, `host:port`, instead of the embedded one.
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
    /// Schema registry of the real broker.
    #[arg(long, value_name = "URL", requires = "bootstrap_servers")]
    schema_registry: Option<String>,
    /// Prefix of topic names.
    #[arg(long, default_value = schemas::TopicNames::DEFAULT_PREFIX)]
    topic_prefix: String,
    /// Load into a real OpenMetadata, `http://host:8585/api`, instead of the stand-in.
    #[arg(long, value_name = "URL", requires = "token")]
    openmetadata: Option<String>,
    /// File with the token of a bot of that OpenMetadata.
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,
    /// Version that the stand-in plays.
    #[arg(long, default_value = "1.12.6", conflicts_with = "openmetadata")]
    openmetadata_version: String,
    /// Where configuration, reports, events and the catalogue are written.
    #[arg(long, value_name = "FOLDER", default_value = "target/demo")]
    output: PathBuf,
    /// Keep the embedded parts running at the end, until Ctrl-C, to look around.
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Options::parse()).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Options) -> anyhow::Result<u8> {
    let output = std::path::absolute(&options.output)?;
    std::fs::create_dir_all(&output)
        .with_context(|| format!("failed to make `{}`", output.display()))?;
    say("building both stages (minutes, the first time) …");
    let programs = stages::build().await?;

    let site = Site::start(options.source.as_deref(), options.apps.as_deref(), &output).await?;
    let broker = Broker::start(options.bootstrap_servers.as_deref(), &options.topic_prefix)?;
    let catalogue = Catalogue::start(
        options.openmetadata.as_deref(),
        options.token.as_deref(),
        &options.openmetadata_version,
    )
    .await?;
    say(&format!(
        "site:      {}\nbroker:    {}\ncatalogue: {}",
        site.describe(),
        broker.describe(),
        catalogue.describe()
    ));
    let config = configuration(&options, &site, &broker, &catalogue);
    let config_path = output.join("config.yaml");
    write_private(&config_path, &serde_json::to_string_pretty(&config)?)?;

    let mut code = 0;
    for (round, title) in [(1, "first run"), (2, "second run: nothing has changed")] {
        say(&format!("\n── {title}"));
        let before = catalogue.writes();
        let extracted = stages::extractor(&programs, &config_path, &output, round).await?;
        if extracted.code == stages::REFUSED && broker.is_embedded() {
            say(broker::TOO_SMALL);
            return Ok(stages::REFUSED);
        }
        if extracted.code > 1 {
            say("the extractor could not run; its last lines say why");
            return Ok(extracted.code);
        }
        let loaded = stages::loader(&programs, &config_path, &output, round).await?;
        if loaded.code > 1 {
            say("the loader could not run; its last lines say why");
            return Ok(loaded.code);
        }
        say(&summary::of_round(&extracted, &loaded, catalogue.writes() - before));
        code = code.max(extracted.code).max(loaded.code);
        if round == 2 && !summary::is_unchanged(&extracted, &loaded) {
            say("the second run changed something; it should not have");
            code = code.max(1);
        }
    }
    events::write(&broker, &output)?;
    catalogue.write(&output)?;
    say(&summary::where_to_look(&broker, &catalogue, &output));
    if options.keep {
        say("\nrunning until Ctrl-C …");
        tokio::signal::ctrl_c().await?;
    }
    Ok(code)
}

/// The configuration of both stages; JSON is YAML.
fn configuration(options: &Options, site: &Site, broker: &Broker, catalogue: &Catalogue) -> Value {
    let mut config = site.config();
    config["kafka"] = broker.config(&options.topic_prefix, options.schema_registry.as_deref());
    config["workflowConfig"] = json!({
        "openMetadataServerConfig": {
            "hostPort": catalogue.url(),
            "authProvider": "openmetadata",
            "securityConfig": {"jwtToken": catalogue.token()},
        }
    });
    if broker.is_embedded() {
        config["extractor"]["maxPartitionBytes"] = json!(broker::MAX_PARTITION_BYTES);
    }
    config
}

/// Writes a file that nobody else may read: the configuration holds a token.
fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}

/// Tells the visitor something.
fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
