//! Where changes go. The pipeline hands over one stage of a batch at a time; the sink answers with
//! exactly one [`Outcome`] for each change, in order.

mod figures;
pub mod openmetadata;
mod planned;

use std::future::Future;

use schemas::{Event, Topic, event::Node};

pub use self::figures::{BUCKETS, Figures, Latency, Trouble};
pub use self::planned::{FieldChange, Planned, PlannedChange, Watcher};

/// A catalogue, or what stands for one.
pub trait MetadataSink: Send + Sync + 'static {
    /// Applies changes of one stage and answers with exactly one [`Outcome`] for each, in order.
    ///
    /// Applying the same changes again must give the same result: after a crash, a rebalance or a
    /// deadline they come again. Temporary trouble (no answer, 5xx, 429) is waited out in here,
    /// however long it takes: the consumer stays in its group meanwhile. The future may be dropped
    /// at any point.
    ///
    /// # Errors
    /// [`Fatal`] when going on is pointless; nothing of this stage then counts as done.
    fn apply(
        &self,
        stage: Stage,
        items: &[Item],
    ) -> impl Future<Output = Result<Vec<Outcome>, Fatal>> + Send;

    /// Sees every change of a batch before its stages are applied: a dashboard says things that the
    /// assets before it need. Changes nothing.
    fn observe(&self, _item: &Item) {}

    /// What it tells about its own work.
    fn figures(&self) -> Figures {
        Figures::default()
    }

    /// Other loaders may have written since: what is remembered of the catalogue is to be read again.
    fn refresh(&self) {}
}

/// A catalogue that can tell what it holds.
pub trait Inventory: MetadataSink {
    /// Keys that the topics hold.
    type Alive: Default + Send + 'static;
    /// Something in the catalogue that no topic knows.
    type Stray: Clone + PartialEq + serde::Serialize + Send + Sync;

    /// Adds a key.
    fn add_alive(&self, alive: &mut Self::Alive, topic: Topic, key: &str);

    /// How many entities there are, and those of them that no topic knows, in the order in which they
    /// are to be removed.
    ///
    /// # Errors
    /// When the catalogue cannot tell.
    fn strays(
        &self,
        alive: &Self::Alive,
    ) -> impl Future<Output = Result<(usize, Vec<Self::Stray>), Fatal>> + Send;

    /// The same of edges that a loader wrote: how many events they hold, and those of these that no
    /// topic knows. An edge may hold several.
    ///
    /// # Errors
    /// When the catalogue cannot tell.
    fn stray_edges(
        &self,
        alive: &Self::Alive,
    ) -> impl Future<Output = Result<(usize, Vec<Self::Stray>), Fatal>> + Send;

    /// Whether a stray is still one, now that more keys are known.
    fn is_stray(&self, alive: &Self::Alive, stray: &Self::Stray) -> bool;

    /// Removes one; false when it was gone already.
    ///
    /// # Errors
    /// When the catalogue refuses.
    fn remove(&self, stray: &Self::Stray) -> impl Future<Output = Result<bool, Fatal>> + Send;
}

/// One change of one key, the newest of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Topic it came from: one of [`Topic::STATE`].
    pub topic: Topic,
    /// Record key.
    pub key: String,
    /// Header `content-hash`; computed from the event when the header is missing, `None` on deletes.
    pub content_hash: Option<String>,
    /// What to do.
    pub change: Change,
}

/// What to do with a key.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "few are alive at a time; a box would only cost")]
pub enum Change {
    /// Create or update.
    Upsert(Box<Event>),
    /// Remove (a tombstone). `edge` is the `edge` header of lineage tombstones.
    Delete {
        /// Both ends, when the record said so.
        edge: Option<(Node, Node)>,
    },
}

/// Order of work: parents before children, deletes in reverse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Upserts of data models and charts.
    Assets,
    /// Upserts of dashboards, which name their charts and data models.
    Dashboards,
    /// Upserts of edges.
    Lineage,
    /// Deletes of edges.
    DeleteLineage,
    /// Deletes of dashboards.
    DeleteDashboards,
    /// Deletes of charts and data models.
    DeleteAssets,
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The entity or edge is new.
    Created,
    /// It was changed.
    Updated,
    /// It was as it should be; nothing was written.
    Unchanged,
    /// It was removed, or was not there any more.
    Deleted,
    /// An edge whose database table is not in the catalogue (or not unambiguously): counted, listed,
    /// tried again by a later pass; not an error.
    Unresolved {
        /// Why, with near misses.
        reason: String,
    },
    /// Something it refers to is not there yet; worth another try after a while.
    Waiting {
        /// What is missing.
        reason: String,
    },
    /// The server refuses it for good: to the dead letters.
    Rejected {
        /// The server's words and what was sent.
        reason: String,
    },
}

/// The sink cannot go on: credentials refused, version not supported. The process stops, offsets
/// stay where they are.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Fatal {
    /// What was attempted, why it failed, which setting to change.
    pub message: String,
    /// The exit code: 1 a defect of this program, 2 configuration, 3 a service cannot be reached or refuses, 4 a guard.
    pub exit_code: u8,
}
