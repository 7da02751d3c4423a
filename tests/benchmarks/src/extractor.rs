//! The extractor as a process: its report and its peak memory.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, bail};
use qlik_simulator::Running;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{Arguments, broker::Broker};

/// Between two looks at a process's memory; the kernel keeps the peak.
const LOOK: Duration = Duration::from_millis(20);

/// An extractor that is configured for a site and a broker.
pub(crate) struct Extractor {
    program: PathBuf,
    folder: TempDir,
}

/// One run.
pub(crate) struct Ran {
    /// The report (`--report`).
    pub(crate) report: Value,
    /// Seconds from start to end of the process.
    pub(crate) seconds: f64,
    /// Most memory that was resident, MiB; `None` where the system does not tell.
    pub(crate) peak_mib: Option<u64>,
}

impl Extractor {
    pub(crate) fn new(
        arguments: &Arguments,
        site: &Running,
        broker: &Broker,
    ) -> anyhow::Result<Self> {
        let beside = || {
            let own = std::env::current_exe().ok()?;
            Some(own.with_file_name(format!("extractor{}", std::env::consts::EXE_SUFFIX)))
        };
        let program = arguments.extractor.clone().or_else(beside).unwrap_or_default();
        if !program.is_file() {
            bail!(
                "there is no extractor at `{}`; build it in the same profile (`cargo build --release -p extractor`) or give `--extractor`",
                program.display()
            );
        }
        let folder = TempDir::new()?;
        site.certificates().write_to(folder.path())?;
        let config = configuration(arguments, site, broker, folder.path());
        fs::write(folder.path().join("config.yaml"), config.to_string())?;
        Ok(Self { program, folder })
    }

    /// Starts it with arguments after `--config`.
    pub(crate) fn start(&self, args: &[&str]) -> anyhow::Result<Child> {
        let log = fs::File::create(self.log())?;
        let child = Command::new(&self.program)
            .arg("--config")
            .arg(self.folder.path().join("config.yaml"))
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        child.context("failed to start the extractor")
    }

    /// Runs once, which must succeed.
    pub(crate) async fn run(&self, args: &[&str]) -> anyhow::Result<Ran> {
        let path = self.folder.path().join("report.json");
        let report = path.to_str().context("the folder's name is no UTF-8")?;
        let begun = std::time::Instant::now();
        let mut child = self.start(&[&["run", "--once", "--report", report], args].concat())?;
        let id = child.id();
        let mut peak_mib = None;
        let status = loop {
            peak_mib = id.and_then(peak).max(peak_mib);
            match tokio::time::timeout(LOOK, child.wait()).await {
                Ok(status) => break status?,
                Err(_) => continue,
            }
        };
        let seconds = begun.elapsed().as_secs_f64();
        if !status.success() {
            bail!("the extractor failed ({status}):\n{}", self.last_words());
        }
        let report = serde_json::from_str(&fs::read_to_string(&path)?)?;
        Ok(Ran { report, seconds, peak_mib })
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("extractor.log")
    }
}

/// Peak resident memory of a process in MiB (Linux).
pub(crate) fn peak(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib.div_ceil(1024))
}

fn configuration(arguments: &Arguments, site: &Running, broker: &Broker, folder: &Path) -> Value {
    let certificate = |name: &str| folder.join(name).display().to_string();
    let mut config = json!({
        "source": {
            "type": "qliksense",
            "serviceName": "benchmark",
            "serviceConnection": {"config": {
                "type": "QlikSense",
                "hostPort": site.engine_url(),
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
        "kafka": broker.config(),
        "extractor": {"repositoryUrl": site.qrs_url(), "concurrency": arguments.sessions},
    });
    if let Some(limit) = broker.max_partition_bytes() {
        config["extractor"]["maxPartitionBytes"] = json!(limit);
    }
    config
}
