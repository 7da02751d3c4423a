//! The stages as processes, as users run them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::OnceLock,
    time::Duration,
};

use tokio::{
    io::AsyncReadExt as _,
    process::{Child, Command},
};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(180);

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Itself when the exit code is `code`.
    ///
    /// # Panics
    /// With all output otherwise.
    #[must_use]
    pub fn with_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs a stage to its end.
///
/// # Panics
/// When it cannot be started or hangs.
pub async fn run(name: &str, config: &Path, args: &[&str]) -> Ended {
    finish(start(name, config, args)).await
}

/// Starts a stage.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn start(name: &str, config: &Path, args: &[&str]) -> Child {
    start_with(name, config, args, &[])
}

/// Starts a stage with further environment variables.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn start_with(name: &str, config: &Path, args: &[&str], variables: &[(&str, &str)]) -> Child {
    let mut command = command(name, config, args);
    command.envs(variables.iter().copied()).spawn().expect("the stage starts")
}

/// The command that starts a stage, its output piped.
///
/// # Panics
/// When the program cannot be built.
#[must_use]
pub fn command(name: &str, config: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(binary(name));
    command.arg("--config").arg(config).args(args).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for the end of a process and collects what it printed.
///
/// # Panics
/// When it hangs.
pub async fn finish(mut child: Child) -> Ended {
    let mut out = child.stdout.take().expect("piped");
    let mut err = child.stderr.take().expect("piped");
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let ended = async {
        let (_, _, status) =
            tokio::join!(out.read_to_end(&mut stdout), err.read_to_end(&mut stderr), child.wait());
        status.expect("waited for")
    };
    let status = tokio::time::timeout(PATIENCE, ended).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Ok(status) = status else {
        panic!("the stage hangs\nstdout:\n{}\nstderr:\n{}", text(&stdout), text(&stderr))
    };
    Ended { code: status.code(), stdout: text(&stdout), stderr: text(&stderr) }
}

/// Waits for the end of a process whose output goes elsewhere; its exit code.
///
/// # Panics
/// When it hangs.
pub async fn finish_child(mut child: Child) -> Option<i32> {
    let status = tokio::time::timeout(PATIENCE, child.wait()).await.expect("it ends");
    status.expect("waited for").code()
}

/// Path of a stage's program, built in the profile of the tests. Cargo builds the programs of a
/// package for its own tests only, hence the call.
///
/// # Panics
/// When it cannot be built.
pub fn binary(name: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
        let features = if cfg!(feature = "otel") { "extractor/otel,loader/otel" } else { "" };
        let built = std::process::Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--profile", profile, "-p", "extractor", "-p", "loader"])
            .args(["--features", features])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the stages build");
        let test = std::env::current_exe().expect("a test program has a path");
        // target/<profile>/deps/<test>, or target/<profile>/<program>
        let folder = test.parent().expect("a program has a folder");
        let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
        folder.expect("below the target folder").to_owned()
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}
