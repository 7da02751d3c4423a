//! Rebalance and shutdown are one mechanism: take nothing new, finish what is in progress within a
//! deadline, commit, let go.

use std::time::Duration;

use tracing::{info, warn};

use super::{Ended, Pipeline, apply, settle::entry};
use crate::{
    error_text,
    report::Report,
    sink::{Fatal, MetadataSink},
    source::{Event, backlog::Superseded},
};

/// Time limit for the last commit of an assignment.
const COMMIT_LIMIT: Duration = Duration::from_secs(10);
/// Time limit for leaving the group.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

impl<S: MetadataSink> Pipeline<S> {
    /// All partitions go away. Whoever gets them reads again what is not committed.
    pub(super) async fn give_up(&mut self, lost: bool) -> Result<(), Fatal> {
        let drained = match lost {
            true => {
                // Somebody else may be applying the same events already.
                warn!("the group took the partitions away: the session expired");
                self.applying = None;
                Ok(())
            }
            false => self.drain().await,
        };
        if !lost {
            self.commit_now().await;
        }
        self.forget();
        self.offsets.revoke();
        self.is_assigned = false;
        self.parts.tally.set_assigned(None);
        self.open.clear();
        info!("partitions given up");
        drained
    }

    /// Ends the pipeline.
    pub(super) async fn close(mut self, ended: Result<Ended, Fatal>) -> Report {
        self.parts.source.stop_reading();
        let ended = match ended {
            Ok(ended) => self.drain().await.map(|()| ended),
            Err(fatal) => {
                // What was being applied counts as not done.
                self.applying = None;
                Err(fatal)
            }
        };
        self.commit_now().await;
        self.acks.clear();
        let waiting = self.room.iter().map(|work| {
            let reason = work.waited.as_ref().map_or("", |waited| &waited.reason);
            entry(&work.record, None, reason)
        });
        self.parts.tally.waiting(waiting.collect());
        let progress = self.offsets.progress();
        let Self { parts, .. } = self;
        parts.source.close(CLOSE_LIMIT).await;
        match ended {
            Ok(Ended::Complete) => {
                let mut report = parts.tally.finish("complete", None, progress);
                report.exit_code = u8::from(report.total().dead > 0);
                report
            }
            Ok(Ended::Stopped) => parts.tally.finish("stopped", None, progress),
            Err(fatal) => {
                parts.tally.finish("failed", Some((fatal.message, fatal.exit_code)), progress)
            }
        }
    }

    /// Finishes the round in progress, within `loader.shutdownDeadline`. Everything else is dropped: it
    /// is not committed, so it will be read again.
    async fn drain(&mut self) -> Result<(), Fatal> {
        self.surveying = None;
        self.undecoded.clear();
        self.fetching = None;
        self.batch.take();
        let deadline = tokio::time::sleep(self.parts.flow.shutdown_deadline);
        tokio::pin!(deadline);
        let mut reading = true;
        while self.applying.is_some() {
            tokio::select! {
                // What is finished counts, even at the last moment.
                biased;
                progress = apply::next(&mut self.applying) => self.on_progress(progress)?,
                () = &mut deadline => {
                    warn!("work in progress did not finish within `loader.shutdownDeadline`; it will be done again");
                    self.applying = None;
                }
                event = self.parts.source.next(), if reading => match event {
                    // A rebalance during shutdown waits as well, until offsets are committed.
                    Some(Event::Revoked { ack, .. }) => self.acks.push(ack),
                    Some(Event::Failed(failure)) => warn!(error = error_text(&failure), "while stopping"),
                    Some(Event::Assigned(_) | Event::Record(_) | Event::End(_)) => {}
                    None => reading = false,
                },
            }
        }
        Ok(())
    }

    /// Drops what is not in progress.
    fn forget(&mut self) {
        self.superseded = Superseded::default();
        self.surveying = None;
        self.undecoded.clear();
        self.fetching = None;
        self.batch.take();
        self.room.clear();
        self.burials.clear();
    }

    async fn commit_now(&mut self) {
        if !self.parts.commit {
            return;
        }
        // Also what was committed without waiting for the answer.
        self.offsets.not_committed();
        let moved = self.offsets.take_committable();
        if moved.is_empty() {
            return;
        }
        match self.parts.source.commit_now(&moved, COMMIT_LIMIT).await {
            Ok(()) => info!(partitions = moved.len(), "committed offsets"),
            Err(error) => warn!(
                error = error_text(&error),
                "failed to commit offsets; events after the last committed ones will be read again"
            ),
        }
    }
}
