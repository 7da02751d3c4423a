//! What is counted while a command goes on.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicIsize, Ordering},
    },
    time::Duration,
};

use schemas::Topic;

use super::{Counts, Entry, Partition, Report, now, stage_name};
use crate::{
    offsets::Progress,
    recent::Recent,
    sink::{Figures, Outcome, Stage},
};

/// Entries of each list; the counts tell how many there were.
const MAX_LISTED: usize = 1000;

/// Counts while a command goes on. Shared with the admin server.
#[derive(Debug)]
pub struct Tally {
    report: Mutex<Report>,
    recent: Mutex<Recent>,
    /// Partitions of this member; -1 while it has no assignment.
    assigned: AtomicIsize,
    max_listed: usize,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn new(command: &str, service: &str) -> Self {
        let report = Report {
            command: command.to_owned(),
            service: service.to_owned(),
            started_at: now(),
            ..Report::default()
        };
        Self {
            report: Mutex::new(report),
            recent: Mutex::default(),
            assigned: AtomicIsize::new(-1),
            max_listed: MAX_LISTED,
        }
    }

    /// Lists everything, however much it is.
    #[must_use]
    pub fn listing_all(self) -> Self {
        Self { max_listed: usize::MAX, ..self }
    }

    /// Whether the loader is a member of its group and knows its partitions.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.assigned.load(Ordering::Relaxed) >= 0
    }

    /// Number of partitions of this member.
    #[must_use]
    pub fn assigned(&self) -> usize {
        usize::try_from(self.assigned.load(Ordering::Relaxed)).unwrap_or(0)
    }

    pub(crate) fn set_assigned(&self, partitions: Option<usize>) {
        let count = partitions.map_or(-1, |count| isize::try_from(count).unwrap_or(isize::MAX));
        self.assigned.store(count, Ordering::Relaxed);
        // Their new owner knows them.
        self.lock_recent().unresolved.clear();
    }

    /// A copy of what happened last, for the admin page.
    pub(crate) fn recent(&self) -> Recent {
        self.lock_recent().clone()
    }

    /// A stage of a round of applying is over.
    pub(crate) fn applied<'a>(&self, time: Duration, outcomes: impl Iterator<Item = &'a Outcome>) {
        self.lock_recent().applied(time, outcomes);
    }

    /// A round of applying is over.
    pub(crate) fn round_over(&self) {
        self.lock_recent().round_over(now());
    }

    /// How many edges without their table are tried again from time to time.
    pub(crate) fn revisits(&self, count: usize) {
        self.lock_recent().revisits = count;
    }

    /// A copy of what is counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Report {
        self.lock().clone()
    }

    pub(crate) fn count(&self, topic: Topic, add: impl FnOnce(&mut Counts)) {
        add(self.lock().events.entry(topic.suffix()).or_default());
    }

    pub(crate) fn outcome(&self, topic: Topic, outcome: &Outcome) {
        self.count(topic, |counts| match outcome {
            Outcome::Created => counts.created += 1,
            Outcome::Updated => counts.updated += 1,
            Outcome::Unchanged => counts.unchanged += 1,
            Outcome::Deleted => counts.deleted += 1,
            Outcome::Unresolved { .. } => counts.unresolved += 1,
            // Counted when their fate is known.
            Outcome::Waiting { .. } | Outcome::Rejected { .. } => {}
        });
    }

    /// An edge is unresolved; `again` when this process has told so before, or its predecessor.
    pub(crate) fn unresolved(&self, entry: Entry, again: bool) {
        self.lock_recent().is_unresolved(entry.clone());
        if !again {
            Self::list(&mut self.lock().unresolved, entry, self.max_listed);
        }
    }

    /// The edge with this key is not unresolved, or not any more.
    pub(crate) fn resolved(&self, key: &str) {
        self.lock_recent().unresolved.remove(key);
    }

    pub(crate) fn dead(&self, topic: Topic, entry: Entry) {
        self.count(topic, |counts| counts.dead += 1);
        self.lock_recent().buried(now(), entry.clone());
        Self::list(&mut self.lock().dead, entry, self.max_listed);
    }

    /// How many events of each topic are waiting now.
    pub(crate) fn waiting_now(&self, topics: impl Iterator<Item = Topic>) {
        let mut report = self.lock();
        for counts in report.events.values_mut() {
            counts.waiting = 0;
        }
        for topic in topics {
            report.events.entry(topic.suffix()).or_default().waiting += 1;
        }
    }

    /// Which events are waiting at the end.
    pub(crate) fn waiting(&self, entries: Vec<Entry>) {
        let mut report = self.lock();
        for entry in entries {
            Self::list(&mut report.waiting, entry, self.max_listed);
        }
    }

    /// Takes over what the sink and the source tell about themselves.
    pub(crate) fn figures(&self, figures: Figures, lag: BTreeMap<Topic, u64>) {
        let mut report = self.lock();
        for (topic, kept) in &figures.kept {
            if *kept > 0 {
                report.events.entry(topic).or_default().kept = *kept;
            }
        }
        report.lag = lag.into_iter().map(|(topic, lag)| (topic.suffix(), lag)).collect();
        report.catalogue = figures;
    }

    pub(crate) fn took(&self, stage: Stage, time: Duration) {
        *self.lock().seconds.entry(stage_name(stage)).or_default() += time.as_secs_f64();
    }

    pub(crate) fn finish(
        &self,
        ended: &'static str,
        error: Option<(String, u8)>,
        progress: Vec<Progress>,
    ) -> Report {
        let mut report = self.lock();
        report.ended_at = now();
        report.ended = ended;
        if let Some((error, code)) = error {
            report.error = Some(error);
            report.exit_code = code;
        }
        report.partitions = progress
            .into_iter()
            .map(|progress| Partition {
                topic: progress.at.topic.suffix(),
                partition: progress.at.partition,
                first: progress.first,
                next: progress.next,
                unfinished: progress.unfinished,
            })
            .collect();
        report.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(entries: &mut Vec<Entry>, entry: Entry, max: usize) {
        if entries.len() < max {
            entries.push(entry);
        }
    }
}
