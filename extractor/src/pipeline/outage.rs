//! Whether the site still works: when app after app fails for reasons that may pass, none of them is to
//! blame, and a run over thousands of apps would fail with each of them for hours.

use std::time::{Duration, Instant};

use super::{Error, outcome::Outcome};
use crate::config::Settings;

/// Apps that failed one after the other.
pub(super) struct Outage {
    /// As many as are read at a time: all that were under way when the trouble began.
    apps: usize,
    patience: Duration,
    failed: usize,
    since: Option<Instant>,
}

impl Outage {
    pub(super) fn new(settings: &Settings, at_a_time: usize) -> Self {
        Self { apps: at_a_time, patience: settings.run.outage_timeout, failed: 0, since: None }
    }

    /// Notes what became of an app; the error with which to give the run up, if so.
    pub(super) fn note(&mut self, outcome: &Outcome, now: Instant) -> Option<Error> {
        match outcome {
            Outcome::Failed { reason, is_passing: true } => {
                self.failed += 1;
                let time = now.duration_since(*self.since.get_or_insert(now));
                if self.failed > self.apps && time >= self.patience {
                    let (apps, reason) = (self.failed, reason.clone());
                    return Some(Error::Outage { apps, seconds: time.as_secs(), reason });
                }
            }
            // These say nothing: the site was not asked.
            Outcome::Unchanged | Outcome::Described(_) | Outcome::Cancelled | Outcome::Stop(_) => {}
            Outcome::Published { .. } | Outcome::NotVisible | Outcome::Failed { .. } => {
                self.failed = 0;
                self.since = None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(is_passing: bool) -> Outcome {
        Outcome::Failed { reason: "refused".to_owned(), is_passing }
    }

    /// Whether the run is given up after these outcomes, each a second after the one before, at two apps
    /// at a time and three seconds' patience.
    fn check(outcomes: &[Outcome], expected: bool) {
        let patience = Duration::from_secs(3);
        let mut outage = Outage { apps: 2, patience, failed: 0, since: None };
        let begun = Instant::now();
        let mut given_up = false;
        for (outcome, seconds) in outcomes.iter().zip(0..) {
            given_up |= outage.note(outcome, begun + Duration::from_secs(seconds)).is_some();
        }
        assert_eq!(given_up, expected);
    }

    #[test]
    fn a_site_that_works_for_no_app_is_given_up() {
        check(&[failed(true), failed(true), failed(true)], false);
        check(&[failed(true), failed(true), failed(true), failed(true)], true);
        // What was not asked for does not show that the site works.
        check(&[failed(true), failed(true), Outcome::Unchanged, failed(true)], true);
        // An app's own failure does.
        check(&[failed(true), failed(true), failed(false), failed(true), failed(true)], false);
        check(&[failed(true), Outcome::NotVisible, failed(true), failed(true)], false);
        check(&[Outcome::Unchanged, Outcome::Unchanged, failed(true), failed(true)], false);
    }
}
