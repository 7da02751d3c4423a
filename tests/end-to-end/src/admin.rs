//! The admin port of a stage, as Prometheus and people's browsers ask it.

use std::{io::Write as _, net::TcpListener, path::Path, process::Command, time::Duration};

use tokio::process::Child;

use crate::stage::{self, Ended};

/// What does not happen within this time does not happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// A stage that runs until it is told to end.
pub struct Serving {
    child: Child,
    /// `http://127.0.0.1:…`
    pub url: String,
}

impl Serving {
    /// Starts a stage with an admin port of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, config: &Path, args: &[&str]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("a free port");
        let setting = format!("{name}.adminAddress={address}");
        let child = stage::start(name, config, &[&["--set", &setting], args].concat());
        Self { child, url: format!("http://{address}") }
    }

    /// Body of an answer, whatever its status; empty while nobody listens.
    pub async fn get(&self, path: &str) -> String {
        match reqwest::get(format!("{}{path}", self.url)).await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    /// Waits until an answer holds a text.
    ///
    /// # Panics
    /// When it never does.
    pub async fn until(&self, path: &str, text: &str) -> String {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                let body = self.get(path).await;
                if body.contains(text) {
                    return body;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        match waited.await {
            Ok(body) => body,
            Err(_) => panic!("{path} never held `{text}`:\n{}", self.get(path).await),
        }
    }

    /// Ends it with SIGTERM.
    ///
    /// # Panics
    /// When it does not end well.
    pub async fn end(self) -> Ended {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
        stage::finish(self.child).await.with_code(0)
    }
}

/// What a browser without a window makes of a page; `None`, and says so, when none is installed.
///
/// # Panics
/// When the browser fails.
#[must_use]
pub fn browse(url: &str) -> Option<String> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let Some(browser) = found else {
        writeln!(std::io::stdout(), "skipped: no Chromium to look at the page with").ok();
        return None;
    };
    let profile = tempfile::TempDir::new().expect("a folder");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .output()
        .expect("the browser runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
