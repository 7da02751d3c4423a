//! Rebalance and shutdown are one mechanism: take nothing new, finish what is in progress within a
//! deadline, commit, let go.

use std::time::Duration;

use tokio::time::Instant;
use tracing::{info, warn};

use super::{Ended, Pipeline, apply, settle::entry};
use crate::{
    error_text,
    report::Report,
    sink::{Fatal, MetadataSink},
    source::{Event, backlog::Superseded},
};

/// Most of `loader.shutdownDeadline` that is kept for the last commit and for leaving the group, so that
/// all of a shutdown stays within it; a third when that is less.
const RESERVE: Duration = Duration::from_secs(5);
/// Left to the end of the process itself.
const EXIT: Duration = Duration::from_millis(300);
/// A commit is tried however late it is.
const LEAST: Duration = Duration::from_millis(100);

/// When the parts of a shutdown must be over.
#[derive(Clone, Copy, Debug)]
struct Deadlines {
    /// Work in progress.
    work: Instant,
    /// Everything.
    end: Instant,
}

impl Deadlines {
    fn starting(now: Instant, limit: Duration) -> Self {
        let end = now + limit;
        Self { work: end - RESERVE.min(limit / 3), end }
    }

    /// Time for the commit: half of what is left.
    fn commit(self, now: Instant) -> Duration {
        (self.end.saturating_duration_since(now) / 2).max(LEAST)
    }

    /// Time for leaving the group.
    fn close(self, now: Instant) -> Duration {
        self.end.saturating_duration_since(now).saturating_sub(EXIT)
    }
}

impl<S: MetadataSink> Pipeline<S> {
    /// All partitions go away. Whoever gets them reads again what is not committed.
    pub(super) async fn give_up(&mut self, lost: bool) -> Result<(), Fatal> {
        let deadlines = Deadlines::starting(Instant::now(), self.parts.flow.shutdown_deadline);
        let drained = match lost {
            true => {
                // Somebody else may be applying the same events already.
                warn!("the group took the partitions away: the session expired");
                self.applying = None;
                Ok(())
            }
            false => self.drain(deadlines.work).await,
        };
        if !lost {
            self.commit_now(deadlines.commit(Instant::now())).await;
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
        let deadlines = Deadlines::starting(Instant::now(), self.parts.flow.shutdown_deadline);
        self.parts.source.stop_reading();
        let ended = match ended {
            Ok(ended) => self.drain(deadlines.work).await.map(|()| ended),
            Err(fatal) => {
                // What was being applied counts as not done.
                self.applying = None;
                Err(fatal)
            }
        };
        self.commit_now(deadlines.commit(Instant::now())).await;
        self.acks.clear();
        let waiting = self.room.iter().map(|work| {
            let reason = work.waited.as_ref().map_or("", |waited| &waited.reason);
            entry(&work.record, None, reason)
        });
        self.parts.tally.waiting(waiting.collect());
        self.parts.tally.figures(self.parts.sink.figures(), self.parts.source.lag());
        let progress = self.offsets.progress();
        let Self { parts, .. } = self;
        parts.source.close(deadlines.close(Instant::now())).await;
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

    /// Finishes the round in progress, until `deadline`. Everything else is dropped: it
    /// is not committed, so it will be read again.
    async fn drain(&mut self, deadline: Instant) -> Result<(), Fatal> {
        self.surveying = None;
        self.recalling = None;
        self.newer = None;
        self.recalled.clear();
        self.undecoded.clear();
        self.fetching = None;
        self.batch.take();
        let deadline = tokio::time::sleep_until(deadline);
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
        self.recalling = None;
        self.newer = None;
        self.recalled.clear();
        self.open_edges.clear();
        self.undecoded.clear();
        self.fetching = None;
        self.batch.take();
        self.room.clear();
        self.revisits.clear();
        self.burials.clear();
    }

    async fn commit_now(&mut self, limit: Duration) {
        if !self.parts.commit {
            return;
        }
        // Also what was committed without waiting for the answer.
        self.not_committed();
        let moved = self.open_edges.places(self.offsets.take_committable());
        if moved.is_empty() {
            return;
        }
        match self.parts.source.commit_now(&moved, limit).await {
            Ok(()) => info!(partitions = moved.len(), "committed offsets"),
            Err(error) => warn!(
                error = error_text(&error),
                "failed to commit offsets; events after the last committed ones will be read again"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_of_a_shutdown_fit_into_its_deadline() {
        let now = Instant::now();
        let check = |limit: u64, work: u64| {
            let deadlines = Deadlines::starting(now, Duration::from_millis(limit));
            assert_eq!(deadlines.work - now, Duration::from_millis(work), "{limit}");
            // Even when the work and the commit take all the time that they have.
            let committed = deadlines.work + deadlines.commit(deadlines.work);
            let closed = committed + deadlines.close(committed);
            assert!(closed + EXIT <= now + Duration::from_millis(limit), "{limit}");
        };
        check(25_000, 20_000);
        check(9_000, 6_000);
        check(3_000, 2_000);
    }

    #[test]
    fn a_commit_is_tried_however_late_it_is() {
        let now = Instant::now();
        let deadlines = Deadlines::starting(now, Duration::from_secs(1));
        let late = now + Duration::from_secs(9);
        assert_eq!((deadlines.commit(late), deadlines.close(late)), (LEAST, Duration::ZERO));
    }
}
