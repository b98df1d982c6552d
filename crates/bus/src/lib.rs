//! The task, review and publish queues.
//!
//! Queues carry task ids only and promise little: an id may be lost, repeated, late or out of order. The database
//! decides who may do what, and a sweeper delivers again what was lost; so a queue may be flushed at any time.
//! To add a backend, implement [`Bus`] and run the conformance suite in `tests/it` on it.

mod in_process;

use std::time::Duration;

use async_trait::async_trait;
use chimera_domain::TaskId;

pub use in_process::InProcessBus;

/// A queue between two roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Planner and judge to workers: tasks in READY.
    Task,
    /// Workers to judges: tasks in JUDGE_REVIEW.
    Review,
    /// Judges to publishers: tasks in APPROVED.
    Publish,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Self; 3] = [Self::Task, Self::Review, Self::Publish];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Task => "task_queue",
            Self::Review => "review_queue",
            Self::Publish => "publish_queue",
        }
    }
}

/// What to hand back when a delivery has been dealt with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub(crate) String);

/// One id, delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The task to look at.
    pub task_id: TaskId,
    /// For [`Bus::acknowledge`].
    pub receipt: Receipt,
}

/// Why a queue could not be used. Nothing is lost by it: the sweeper delivers again.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The queue's server can't be reached.
    #[error("{queue} can't be reached", queue = .queue.as_str())]
    Unavailable {
        /// The queue.
        queue: Queue,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Queues between the roles.
#[async_trait]
pub trait Bus: std::fmt::Debug + Send + Sync {
    /// Offers ids. An id that already waits in the queue may be kept once.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn push(&self, queue: Queue, ids: &[TaskId]) -> Result<(), BusError>;

    /// Takes up to `max` ids, waiting up to `wait` for the first.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn take(&self, queue: Queue, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError>;

    /// Says that deliveries have been dealt with; unacknowledged ones may come again.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn acknowledge(&self, queue: Queue, receipts: &[Receipt]) -> Result<(), BusError>;

    /// How many ids wait.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn depth(&self, queue: Queue) -> Result<usize, BusError>;
}
