//! Apps of the change feed that could not be read, to be tried again. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// Wait before the first retry; it doubles with every further one.
const FIRST: Duration = Duration::from_secs(15);
/// Most tries after the first; then the next scan is to find the app.
const TRIES: u32 = 5;
/// Most apps that wait; the next scan finds the others.
const MOST: usize = 500;

/// When which app is tried again.
#[derive(Debug, Default)]
pub(super) struct Retries {
    waiting: BTreeMap<String, Retry>,
}

#[derive(Debug)]
struct Retry {
    at: Instant,
    failures: u32,
}

impl Retries {
    /// Apps whose time has come. They stay until [`Self::note`] tells what became of them.
    pub(super) fn due(&self, now: Instant) -> Vec<String> {
        let due = self.waiting.iter().filter(|(_, retry)| retry.at <= now);
        due.map(|(id, _)| id.clone()).collect()
    }

    /// Takes in which of the apps that were tried failed.
    pub(super) fn note(&mut self, tried: &[String], failed: &[&str], now: Instant) {
        for id in tried {
            if !failed.contains(&id.as_str()) {
                self.waiting.remove(id);
                continue;
            }
            let failures = self.waiting.get(id).map_or(0, |retry| retry.failures) + 1;
            if failures > TRIES || (self.waiting.len() >= MOST && failures == 1) {
                self.waiting.remove(id);
                continue;
            }
            let at = now + FIRST * (1 << (failures - 1));
            self.waiting.insert(id.clone(), Retry { at, failures });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_apps_are_due_later_and_not_for_ever() {
        let mut retries = Retries::default();
        let mut now = Instant::now();
        let ids = ["a".to_owned(), "b".to_owned()];
        retries.note(&ids, &["a"], now);
        assert!(retries.due(now).is_empty());
        for _ in 0..TRIES {
            now += FIRST * (1 << TRIES);
            assert_eq!(retries.due(now), ["a"]);
            retries.note(&ids[..1], &["a"], now);
        }
        assert!(retries.waiting.is_empty());
    }

    #[test]
    fn an_app_that_was_read_waits_no_longer() {
        let mut retries = Retries::default();
        let now = Instant::now();
        let ids = ["a".to_owned()];
        retries.note(&ids, &["a"], now);
        retries.note(&ids, &[], now);
        assert!(retries.due(now + FIRST).is_empty());
    }

    #[test]
    fn only_so_many_wait() {
        let mut retries = Retries::default();
        let ids: Vec<String> = (0..MOST + 5).map(|id| id.to_string()).collect();
        let failed: Vec<&str> = ids.iter().map(String::as_str).collect();
        retries.note(&ids, &failed, Instant::now());
        assert_eq!(retries.waiting.len(), MOST);
    }
}
