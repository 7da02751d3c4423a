//! Whether the site still works: when app after app fails for reasons that may pass, and the engine cannot
//! be asked its version either, a run over thousands of apps would fail with each of them for hours.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::Error;
use crate::{app::Failure, config::Settings, error_chain, qlik::Site};

/// Apps that failed one after the other.
pub(super) struct Outage<'a> {
    site: &'a Site,
    failing: Mutex<Failing>,
}

#[derive(Debug)]
struct Failing {
    /// As many as are read at a time: all that were under way when the trouble began.
    most: usize,
    patience: Duration,
    apps: usize,
    since: Option<Instant>,
}

impl<'a> Outage<'a> {
    pub(super) fn new(settings: &Settings, site: &'a Site, at_a_time: usize) -> Self {
        let patience = settings.run.outage_timeout;
        let failing = Failing { most: at_a_time, patience, apps: 0, since: None };
        Self { site, failing: Mutex::new(failing) }
    }

    /// Notes how reading an app ended; the error with which to give the run up, if so. Asks the engine
    /// before, as the apps that are left may be those that never answer. To be awaited beside the apps
    /// that are read, which hold the sessions.
    pub(super) async fn note(&self, failure: Option<&Failure>) -> Option<Error> {
        // An app's own failure shows that the site works.
        let reason = failure.filter(|failure| failure.is_passing());
        let error = self.failing().note(reason.map(|it| error_chain(it)), Instant::now())?;
        if self.site.probe_engine().await.is_ok() {
            self.failing().reset();
            return None;
        }
        Some(error)
    }

    fn failing(&self) -> std::sync::MutexGuard<'_, Failing> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Failing {
    /// `reason` is `None` when the site worked.
    fn note(&mut self, reason: Option<String>, now: Instant) -> Option<Error> {
        let Some(reason) = reason else {
            self.reset();
            return None;
        };
        self.apps += 1;
        let time = now.duration_since(*self.since.get_or_insert(now));
        let is_suspect = self.apps > self.most && time >= self.patience;
        is_suspect.then(|| Error::Outage { apps: self.apps, seconds: time.as_secs(), reason })
    }

    fn reset(&mut self) {
        self.apps = 0;
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether an outage is suspected after apps that worked (`+`) and failed (`-`), each a second after
    /// the one before, at two apps at a time and three seconds' patience.
    fn check(apps: &str, expected: bool) {
        let patience = Duration::from_secs(3);
        let mut failing = Failing { most: 2, patience, apps: 0, since: None };
        let begun = Instant::now();
        let mut suspected = false;
        for (app, seconds) in apps.chars().zip(0..) {
            let reason = (app == '-').then(|| "refused".to_owned());
            suspected |= failing.note(reason, begun + Duration::from_secs(seconds)).is_some();
        }
        assert_eq!(suspected, expected, "{apps}");
    }

    #[test]
    fn a_site_that_works_for_no_app_is_suspected() {
        check("---", false);
        check("----", true);
        check("+++----", true);
        check("--+--", false);
        check("---+---", false);
    }
}
