//! The pipeline, top to bottom: poll → newest versions → decode → batch → stages → outcomes → offsets →
//! commit.
//!
//! One task owns all state, so nothing is locked and the order of things is the order of this file.
//! Reading has a thread of its own (`source`), applying a task of its own (`apply`), so that neither
//! group membership nor shutdown ever waits for the sink.
//!
//! An offset is committed when every event before it is finished: applied, unchanged, deleted,
//! unresolved (listed, tried again by a later pass), skipped as another service's, superseded by a newer
//! version of its key, or confirmed in the dead letters. Waiting events hold their partition's offset back and nothing else.

mod apply;
mod decoding;
mod drain;
mod open_edges;
mod recall;
mod schemas;
mod settle;

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use ::schemas::registry::Registry;
use tokio::{
    sync::oneshot,
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::{apply::Applying, open_edges::OpenEdges, recall::Newer, schemas::Fetching};
use crate::{
    config::Flow,
    dead_letters::DeadLetters,
    decode::Decoder,
    error_text,
    filter::Filter,
    offsets::{Offsets, Ticket},
    plan::{Batch, Burial, Revisits, WaitingRoom},
    report::{Report, Tally},
    sink::{Fatal, MetadataSink},
    source::{
        Closed, Event, Recall, Record, Source, TopicPartition,
        backlog::{Backlog, Superseded, Survey},
    },
};

/// How long a pass that has read and applied everything still waits for references, which a person or
/// another program may be about to make.
const LAST_WAIT: Duration = Duration::from_secs(30);

/// What a pipeline is made of.
pub struct Parts<S> {
    /// How events go through.
    pub flow: Flow,
    /// Whether it ends when every partition is read to where its end was at the start.
    pub until_end: bool,
    /// Partitions that a group shares: while others have some of them, what is waited for may come from
    /// there. `None`: this pass reads all there is.
    pub shared: Option<usize>,
    /// Whether offsets are committed.
    pub commit: bool,
    /// Which records it is about; the others count as finished.
    pub filter: Filter,
    /// Sees every record first.
    pub observer: Option<Observer>,
    /// Where events come from.
    pub source: Source,
    /// Decodes them.
    pub decoder: Decoder,
    /// Asked for unknown schemas.
    pub registry: Option<Registry>,
    /// Where changes go.
    pub sink: Arc<S>,
    /// Where events go that are given up; without it they are reported only.
    pub letters: Option<Arc<DeadLetters>>,
    /// Counts.
    pub tally: Arc<Tally>,
}

/// Something that wants to see every record.
pub type Observer = Arc<dyn Fn(&Record) + Send + Sync>;

/// Runs a pipeline until it is at its end (if it has one), until `shutdown`, or until going on is
/// pointless. The exit code in the report is 0, 1 when events were given up, or that of [`Fatal`].
pub async fn run<S: MetadataSink>(parts: Parts<S>, shutdown: &CancellationToken) -> Report {
    let mut pipeline = Pipeline::new(parts);
    let ended = pipeline.flow(shutdown).await;
    pipeline.close(ended).await
}

/// How the flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// Everything is read and finished.
    Complete,
    /// Asked to stop.
    Stopped,
}

struct Pipeline<S> {
    parts: Parts<S>,
    offsets: Offsets,
    /// Finds out which records of the backlog are old news; nothing is decoded before.
    surveying: Option<Survey>,
    /// Those records.
    superseded: Superseded,
    /// Reads edges again that were unresolved when they were committed; nothing else is decoded before,
    /// unless it is overdue.
    recalling: Option<Recall>,
    /// What was loaded since that is overdue.
    newer: Option<Newer>,
    /// Read by it, not yet decoded.
    recalled: VecDeque<Record>,
    /// Which edges are unresolved.
    open_edges: OpenEdges,
    /// Read, not yet decoded.
    undecoded: VecDeque<(Record, Ticket)>,
    /// The schema that the first of them needs.
    fetching: Option<Fetching>,
    /// Decoded, collected for the next round of applying.
    batch: Batch,
    /// Applied before, waiting for what they refer to.
    room: WaitingRoom,
    /// Finished without their table, tried again from time to time.
    revisits: Revisits,
    /// Given up, not yet in the dead letters.
    burials: Vec<Burial>,
    /// The round that is being applied.
    applying: Option<Applying>,
    /// Whether partitions are assigned (perhaps none).
    is_assigned: bool,
    /// Assigned partitions that are not yet at their end.
    open: BTreeSet<TopicPartition>,
    /// Topics that are not read because too much is waiting.
    closed: Closed,
    /// Rebalances that wait for the end of a shutdown.
    acks: Vec<oneshot::Sender<()>>,
}

impl<S: MetadataSink> Pipeline<S> {
    fn new(parts: Parts<S>) -> Self {
        Self {
            offsets: Offsets::default(),
            surveying: None,
            superseded: Superseded::default(),
            recalling: None,
            newer: None,
            recalled: VecDeque::new(),
            open_edges: OpenEdges::default(),
            undecoded: VecDeque::new(),
            fetching: None,
            batch: Batch::new(parts.flow.batch),
            room: WaitingRoom::new(parts.flow.wait),
            revisits: Revisits::new(parts.flow.revisit_interval, parts.flow.wait.max),
            burials: Vec::new(),
            applying: None,
            is_assigned: false,
            open: BTreeSet::new(),
            closed: Closed::default(),
            acks: Vec::new(),
            parts,
        }
    }

    async fn flow(&mut self, shutdown: &CancellationToken) -> Result<Ended, Fatal> {
        let mut commits = tokio::time::interval(self.parts.flow.commit_interval);
        commits.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.decode();
            self.start_round();
            self.close_topics();
            self.hurry_at_the_end();
            if self.is_complete() {
                return Ok(Ended::Complete);
            }
            let wake_at = self.wake_at();
            tokio::select! {
                // In this order: a signal is never kept waiting. Finished work before new work: it frees
                // memory and moves offsets. Commits before new events, which may come without end; what
                // comes is bounded by the source's budget, so that the timer below is not starved.
                biased;
                () = shutdown.cancelled() => return Ok(Ended::Stopped),
                progress = apply::next(&mut self.applying) => self.on_progress(progress)?,
                backlog = surveyed(&mut self.surveying) => self.on_survey(backlog),
                (id, known) = schemas::next(&mut self.fetching) => self.on_schema(id, known?),
                _ = commits.tick() => self.commit_later(),
                recalled = recall::next(&mut self.recalling), if self.recalled.is_empty() => {
                    self.on_recalled(recalled);
                }
                event = self.parts.source.next() => self.on_event(event).await?,
                () = sleep_until(wake_at) => {}
            }
        }
    }

    async fn on_event(&mut self, event: Option<Event>) -> Result<(), Fatal> {
        match event {
            Some(Event::Assigned(partitions)) => {
                self.offsets.assign(partitions.iter().copied());
                self.surveying = Some(self.parts.source.survey(&partitions));
                self.open = partitions.into_iter().collect();
                self.is_assigned = true;
                // Whoever had these partitions before has written meanwhile.
                self.parts.sink.refresh();
                self.parts.tally.set_assigned(Some(self.open.len()));
            }
            Some(Event::Revoked { lost, ack }) => {
                self.give_up(lost).await?;
                // An error means that the reader no longer waits.
                ack.send(()).ok();
            }
            Some(Event::Record(record)) => self.on_record(record),
            Some(Event::End(at)) => {
                if self.open.remove(&at) && self.open.is_empty() {
                    info!("everything that was in the topics is read");
                }
            }
            Some(Event::Failed(failure)) => {
                return Err(Fatal { message: error_text(&failure), exit_code: 3 });
            }
            None => {
                let message = "the thread that reads from Kafka ended unexpectedly".to_owned();
                return Err(Fatal { message, exit_code: 1 });
            }
        }
        Ok(())
    }

    fn on_record(&mut self, record: Record) {
        // Without a ticket it is of a partition that went away.
        let Some(ticket) = self.offsets.begin(record.at, record.offset) else { return };
        let topic = record.at.topic;
        self.parts.tally.count(topic, |counts| counts.read += 1);
        if let Some(observer) = &self.parts.observer {
            observer(&record);
        }
        if self.parts.filter.matches(&record) {
            self.undecoded.push_back((record, ticket));
        } else {
            self.parts.tally.count(topic, |counts| counts.skipped += 1);
            self.offsets.done(ticket);
        }
    }

    fn on_survey(&mut self, backlog: Backlog) {
        self.surveying = None;
        self.superseded = backlog.superseded;
        if let Some(spans) = backlog.unresolved {
            self.start_recall(spans);
        }
    }

    /// Starts the next round of applying when the last one is over and something is due.
    fn start_round(&mut self) {
        if self.applying.is_some() {
            return;
        }
        let now = Instant::now();
        let mut works = Vec::new();
        // At the end of everything there is nothing to wait for.
        let nothing_follows =
            self.is_read() && !self.waits_for_recall() && self.undecoded.is_empty();
        if self.batch.is_due(now) || nothing_follows {
            works = self.batch.take();
        }
        let limit = self.parts.flow.batch.max.events;
        let mut again = self.room.take_due(now, limit);
        // Not more of both than a batch has.
        again.append(&mut self.revisits.take_due(now, limit.saturating_sub(again.len())));
        works.extend(again.into_iter().filter_map(|parked| self.unpark(parked)));
        let burials = std::mem::take(&mut self.burials);
        if !works.is_empty() || !burials.is_empty() {
            let (sink, letters) = (Arc::clone(&self.parts.sink), self.parts.letters.clone());
            self.applying = Some(Applying::start(sink, letters, works, burials));
        }
    }

    /// Stops reading what could wait as well while too much is waiting.
    fn close_topics(&mut self) {
        let closed = self.room.closed();
        if closed == self.closed {
            return;
        }
        match closed.is_empty() {
            true => info!("there is room for waiting events again; all topics are read"),
            false => warn!(
                waiting = self.room.len(),
                "too many events wait for others (`loader.wait.maxEvents`, `maxMib`): topics that refer to others are not read until some are loaded or given up"
            ),
        }
        self.closed = closed;
        self.parts.source.set_closed(closed);
    }

    /// Sets an end to waiting when everything has been read and nothing else is left to do.
    fn hurry_at_the_end(&mut self) {
        let is_shared = self.parts.shared.is_some_and(|all| self.parts.tally.assigned() < all);
        if !self.only_waits() || is_shared || self.room.is_empty() || self.room.is_hurried() {
            return;
        }
        let reason = self.room.iter().find_map(|parked| Some(&parked.waited.as_ref()?.reason));
        info!(
            waiting = self.room.len(),
            seconds = LAST_WAIT.as_secs(),
            reason,
            "everything is read; what still waits for others is given up after a while"
        );
        self.room.hurry(Instant::now() + LAST_WAIT);
    }

    /// Whether every assigned partition is read as far as it is to be read.
    fn is_read(&self) -> bool {
        self.parts.until_end && self.is_assigned && self.open.is_empty()
    }

    /// Whether everything has been read and applied but what waits for something else.
    fn only_waits(&self) -> bool {
        self.is_read()
            && self.surveying.is_none()
            && !self.waits_for_recall()
            && self.recalled.is_empty()
            && self.undecoded.is_empty()
            && self.batch.is_empty()
            && self.applying.is_none()
    }

    fn is_complete(&self) -> bool {
        self.only_waits() && self.room.is_empty() && self.burials.is_empty()
    }

    /// When a round is due if nothing else happens.
    fn wake_at(&self) -> Option<Instant> {
        if self.applying.is_some() {
            return None;
        }
        let due = self.batch.due_at().into_iter().chain(self.room.next_due());
        due.chain(self.revisits.due_at()).min()
    }

    fn commit_later(&mut self) {
        self.parts.tally.figures(self.parts.sink.figures(), self.parts.source.lag());
        self.parts.tally.revisits(self.revisits.len());
        if !self.parts.commit {
            return;
        }
        if self.parts.source.take_commit_failed() {
            self.not_committed();
        }
        let places = self.open_edges.places(self.offsets.take_committable());
        if places.is_empty() {
            return;
        }
        if let Err(error) = self.parts.source.commit_later(&places) {
            warn!(error = error_text(&error), "failed to commit offsets; will try again");
            self.not_committed();
        }
    }

    /// What was handed over to be committed may not have been.
    fn not_committed(&mut self) {
        self.offsets.not_committed();
        self.open_edges.not_committed();
    }
}

/// What is known of the backlog; waits forever when nobody asked.
async fn surveyed(surveying: &mut Option<Survey>) -> Backlog {
    match surveying {
        Some(survey) => survey.await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
