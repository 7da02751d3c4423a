//! The steps in their order, and their lines.

use std::{
    collections::BTreeSet,
    io::Write as _,
    time::{Duration, Instant},
};

/// A step of `check`, in the order in which they are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// The files of the settings: names and dates.
    Certificates,
    /// Name → addresses.
    Resolve,
    /// The port.
    Tcp,
    /// Encryption, and the server's certificate.
    Tls,
    /// Signing in and the upgrade; on Qlik Cloud the REST interface in their place.
    Websocket,
    /// The engine answers.
    Session,
    /// The list of apps.
    Apps,
    /// One app, without its data.
    App,
    /// Its load script.
    Script,
    /// Where data models come from.
    DataModel,
    /// Owners, tags, custom properties.
    Repository,
    /// Changes without scanning.
    ChangeFeed,
    /// The schema registry.
    Registry,
    /// The brokers.
    Brokers,
    /// Partitions and settings of the topics.
    Topics,
}

impl Step {
    /// Every step.
    pub(super) const ALL: [Self; 15] = [
        Self::Certificates,
        Self::Resolve,
        Self::Tcp,
        Self::Tls,
        Self::Websocket,
        Self::Session,
        Self::Apps,
        Self::App,
        Self::Script,
        Self::DataModel,
        Self::Repository,
        Self::ChangeFeed,
        Self::Registry,
        Self::Brokers,
        Self::Topics,
    ];

    /// Name in the output and in the documentation.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Certificates => "certificates",
            Self::Resolve => "resolve",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Websocket => "websocket",
            Self::Session => "session",
            Self::Apps => "list of apps",
            Self::App => "open an app",
            Self::Script => "load script",
            Self::DataModel => "data model",
            Self::Repository => "repository",
            Self::ChangeFeed => "change feed",
            Self::Registry => "schema registry",
            Self::Brokers => "brokers",
            Self::Topics => "topics",
        }
    }
}

/// Prints steps as they are done.
#[derive(Default)]
pub(super) struct Steps {
    done: BTreeSet<Step>,
    failed: usize,
}

impl Steps {
    /// A step that passed or not.
    pub(super) fn done(&mut self, step: Step, started: Instant, result: Result<String, String>) {
        match result {
            Ok(detail) => self.line("ok", step, Some(started), &detail),
            Err(cause) => {
                self.failed += 1;
                self.line("FAILED", step, Some(started), &cause);
            }
        }
    }

    /// A step that failed before it was tried.
    pub(super) fn failed(&mut self, step: Step, cause: String) {
        self.failed += 1;
        self.line("FAILED", step, None, &cause);
    }

    /// Something that works without, and is worth knowing.
    pub(super) fn note(&mut self, step: Step, started: Instant, detail: &str) {
        self.line("note", step, Some(started), detail);
    }

    /// Names what was not tried, and says how it ended.
    pub(super) fn finish(&mut self) -> bool {
        let skipped: Vec<_> =
            Step::ALL.into_iter().filter(|step| !self.done.contains(step)).collect();
        for step in skipped {
            self.line(
                "skipped",
                step,
                None,
                if self.failed > 0 { "needs the above" } else { "not used" },
            );
        }
        let passed = self.failed == 0;
        print(if passed { "everything passed" } else { "something failed" });
        passed
    }

    fn line(&mut self, word: &str, step: Step, started: Option<Instant>, detail: &str) {
        self.done.insert(step);
        let took = started.map_or_else(String::new, |started| {
            match u64::try_from(started.elapsed().as_millis()).unwrap_or_default() {
                0 => " (<1ms)".to_owned(),
                took => format!(" ({:?})", Duration::from_millis(took)),
            }
        });
        print(&format!("{word:<8}{}{took}: {detail}", step.name()));
    }
}

fn print(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}
