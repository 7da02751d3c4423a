//! One round of applying, in a task of its own: dead letters, then the stages in their order.

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tracing::{Instrument as _, info_span};

use crate::{
    dead_letters::DeadLetters,
    plan::{Burial, Work, by_stage},
    report::stage_name,
    sink::{Fatal, Item, MetadataSink, Outcome, Stage},
};

/// Results of a round that the pipeline has not looked at yet. There are at most six stages.
const CHANNEL: usize = 8;

/// A round in progress. Dropping it aborts it; what it did and did not tell will be done again.
pub(super) struct Applying {
    progress: mpsc::Receiver<Progress>,
    task: JoinHandle<Result<(), Fatal>>,
}

/// What a round tells.
pub(super) enum Progress {
    /// An event is in the dead letters.
    Buried(Box<Burial>),
    /// A stage is over.
    Stage {
        /// Which.
        stage: Stage,
        /// How long the sink took.
        took: Duration,
        /// Each change and what became of it.
        results: Vec<(Work, Outcome)>,
    },
    /// The round is over.
    Over(Result<(), Fatal>),
}

impl Applying {
    /// Starts a round.
    pub(super) fn start<S: MetadataSink>(
        sink: Arc<S>,
        letters: Option<Arc<DeadLetters>>,
        works: Vec<Work>,
        burials: Vec<Burial>,
    ) -> Self {
        let (sender, progress) = mpsc::channel(CHANNEL);
        let span = info_span!(parent: None, "batch", changes = works.len(), dead = burials.len());
        let round = async move {
            for burial in burials {
                if let Some(letters) = &letters {
                    letters.bury(&burial).await?;
                }
                send(&sender, Progress::Buried(Box::new(burial))).await;
            }
            for work in &works {
                sink.observe(&work.item);
            }
            for (stage, works) in by_stage(works) {
                let begun = Instant::now();
                let span = info_span!("stage", stage = stage_name(stage), changes = works.len());
                let results = apply(sink.as_ref(), stage, works).instrument(span).await?;
                send(&sender, Progress::Stage { stage, took: begun.elapsed(), results }).await;
            }
            Ok(())
        };
        let task = tokio::spawn(round.instrument(span));
        Self { progress, task }
    }
}

impl Drop for Applying {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a round tells next; waits forever when there is none. Cancel safe.
pub(super) async fn next(applying: &mut Option<Applying>) -> Progress {
    let Some(round) = applying else { return std::future::pending().await };
    if let Some(progress) = round.progress.recv().await {
        return progress;
    }
    Progress::Over(match (&mut round.task).await {
        Ok(result) => result,
        Err(error) => Err(Fatal {
            message: format!("applying changes failed; this is a defect of the loader: {error}"),
            exit_code: 1,
        }),
    })
}

async fn apply<S: MetadataSink>(
    sink: &S,
    stage: Stage,
    works: Vec<Work>,
) -> Result<Vec<(Work, Outcome)>, Fatal> {
    // The sink wants the changes in one slice; they go back to where they came from.
    let (items, rests): (Vec<Item>, Vec<_>) = works
        .into_iter()
        .map(|Work { item, record, tickets, waited }| (item, (record, tickets, waited)))
        .unzip();
    let outcomes = sink.apply(stage, &items).await?;
    if outcomes.len() != items.len() {
        return Err(Fatal {
            message: format!(
                "the sink answered {} of {} changes; this is a defect of the loader",
                outcomes.len(),
                items.len()
            ),
            exit_code: 1,
        });
    }
    let works = items.into_iter().zip(rests).map(|(item, (record, tickets, waited))| Work {
        item,
        record,
        tickets,
        waited,
    });
    Ok(works.zip(outcomes).collect())
}

/// When nobody listens any more the task is about to be aborted.
async fn send(sender: &mpsc::Sender<Progress>, progress: Progress) {
    sender.send(progress).await.ok();
}
