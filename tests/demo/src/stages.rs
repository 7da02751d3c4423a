//! Both stages as processes, their logs forwarded as progress.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
};

use crate::say;

/// Exit code of a guard that refused.
pub(crate) const REFUSED: u8 = 4;

/// How a stage ended.
pub(crate) struct Ended {
    /// Exit code.
    pub(crate) code: u8,
    /// Its report; null when it wrote none.
    pub(crate) report: Value,
}

/// Builds both stages in the profile of this program and returns the folder with them.
pub(crate) async fn build() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let status = Command::new(cargo)
        .args(["build", "--quiet", "--profile", profile, "-p", "extractor", "-p", "loader"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status()
        .await
        .context("failed to run cargo")?;
    if !status.success() {
        bail!("the stages do not build");
    }
    let program = std::env::current_exe()?;
    Ok(program.parent().context("this program has no folder")?.to_owned())
}

/// One run of the extractor.
pub(crate) async fn extractor(
    programs: &Path,
    config: &Path,
    output: &Path,
    round: u32,
) -> anyhow::Result<Ended> {
    run("extractor", programs, config, output, round, &["run", "--once"]).await
}

/// One run of the loader, until it has everything.
pub(crate) async fn loader(
    programs: &Path,
    config: &Path,
    output: &Path,
    round: u32,
) -> anyhow::Result<Ended> {
    run("loader", programs, config, output, round, &["run", "--until-end"]).await
}

async fn run(
    name: &str,
    programs: &Path,
    config: &Path,
    output: &Path,
    round: u32,
    args: &[&str],
) -> anyhow::Result<Ended> {
    let report = output.join(format!("{name}-{round}.json"));
    // A report of an earlier demo must not pass for this one's.
    std::fs::remove_file(&report).ok();
    let mut child = Command::new(programs.join(name))
        .arg("--config")
        .arg(config)
        .args(args)
        .arg("--report")
        .arg(&report)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("failed to start the {name}"))?;
    if let Some(lines) = child.stderr.take() {
        let mut lines = BufReader::new(lines).lines();
        while let Some(line) = lines.next_line().await? {
            say(&format!("{name:<9} │ {line}"));
        }
    }
    let code = child.wait().await?.code().and_then(|code| u8::try_from(code).ok());
    let code = code.with_context(|| format!("the {name} was killed"))?;
    let report = std::fs::read(&report).ok().and_then(|text| serde_json::from_slice(&text).ok());
    Ok(Ended { code, report: report.unwrap_or(Value::Null) })
}
