//! What becomes of events: outcomes, dead letters, offsets.

use schemas::Topic;
use tokio::time::Instant;
use tracing::debug;

use super::{Pipeline, apply::Progress};
use crate::{
    offsets::Ticket,
    plan::{Burial, Parked, Work},
    report::{Entry, stage_name},
    sink::{Fatal, MetadataSink, Outcome, Stage},
    source::Record,
};

impl<S: MetadataSink> Pipeline<S> {
    pub(super) fn on_progress(&mut self, progress: Progress) -> Result<(), Fatal> {
        match progress {
            Progress::Buried(burial) => {
                let entry = entry(&burial.record, Some(burial.stage), &burial.reason);
                self.parts.tally.dead(burial.record.at.topic, entry);
                self.finish(burial.tickets);
            }
            Progress::Stage { stage, took, results } => {
                debug!(stage = stage_name(stage), changes = results.len(), ?took, "applied");
                self.parts.tally.took(stage, took);
                self.parts.tally.applied(took, results.iter().map(|(_, outcome)| outcome));
                for (work, outcome) in results {
                    self.settle(stage, work, outcome);
                }
                self.parts.tally.waiting_now(self.room.iter().map(Parked::topic));
            }
            Progress::Over(result) => {
                self.applying = None;
                self.parts.tally.round_over();
                result?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, stage: Stage, mut work: Work, outcome: Outcome) {
        // What is only tried again has been counted, unless something comes of it now.
        let is_again = matches!(outcome, Outcome::Unresolved { .. } | Outcome::Unchanged)
            && work.tickets.is_empty();
        if work.item.topic == Topic::Lineage {
            match outcome {
                Outcome::Unresolved { .. } => {
                    self.open_edges.add(&work.item.key, work.record.at, work.record.offset);
                }
                // Not over yet.
                Outcome::Waiting { .. } => {}
                _ => {
                    self.open_edges.remove(&work.item.key);
                    self.parts.tally.resolved(&work.item.key);
                }
            }
        }
        if !is_again {
            self.parts.tally.outcome(work.item.topic, &outcome);
        }
        match outcome {
            Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::Deleted => {
                self.finish(work.tickets);
            }
            Outcome::Unresolved { reason } => {
                debug!(key = work.item.key, reason, "an edge is unresolved");
                self.parts.tally.unresolved(entry(&work.record, None, &reason), is_again);
                self.finish(std::mem::take(&mut work.tickets));
                // A pass that comes to an end does not see the table appear.
                if !self.parts.until_end && self.batch.is_newest(&work) {
                    self.revisits.keep(work, Instant::now());
                }
            }
            Outcome::Waiting { reason } => self.wait(work, reason),
            Outcome::Rejected { reason } => {
                let Work { record, tickets, .. } = work;
                self.give_up_event(Burial { record, tickets, stage: stage_name(stage), reason });
            }
        }
    }

    fn wait(&mut self, work: Work, reason: String) {
        let topic = work.item.topic;
        // A newer version has been read meanwhile: it is the one that counts.
        let Some(work) = self.batch.supersede(work) else {
            self.parts.tally.count(topic, |counts| counts.superseded += 1);
            return;
        };
        debug!(key = work.item.key, reason, "waiting");
        let Some(expired) = self.room.park(work, reason, Instant::now()) else { return };
        let Work { item, record, tickets, waited } = expired;
        if topic == Topic::Lineage {
            // It is in the dead letters now, and is tried again from there.
            self.open_edges.remove(&item.key);
        }
        let (seconds, attempts, missing) = waited.map_or((0, 0, String::new()), |waited| {
            (waited.since.elapsed().as_secs(), waited.attempts, waited.reason)
        });
        let reason = format!(
            "waited {seconds} s (`loader.wait.timeout`, less when everything else is loaded) and was tried {attempts} times: {missing}"
        );
        self.give_up_event(Burial { record, tickets, stage: "wait", reason });
    }

    /// To the dead letters, with the next round.
    pub(super) fn give_up_event(&mut self, burial: Burial) {
        self.burials.push(burial);
    }

    fn finish(&mut self, tickets: Vec<Ticket>) {
        for ticket in tickets {
            self.offsets.done(ticket);
        }
    }
}

/// An event in a list of the report.
pub(super) fn entry(record: &Record, stage: Option<&'static str>, reason: &str) -> Entry {
    let key = record.key.as_deref().unwrap_or_default();
    Entry {
        topic: record.at.topic.suffix(),
        partition: record.at.partition,
        offset: record.offset,
        key: String::from_utf8_lossy(key).into_owned(),
        stage,
        reason: reason.to_owned(),
    }
}
