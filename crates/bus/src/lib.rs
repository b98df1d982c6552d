//! The task, review and publish queues, and the spend counters.
//!
//! Queues carry task ids only and promise little: an id may be lost, repeated, late or out of order. The database
//! decides who may do what, and a sweeper delivers again what was lost; so a queue may be flushed at any time.
//! To add a backend, implement [`Bus`] and run the conformance suite in `tests/it` on it.
//!
//! Beside the queues there are notices ([`Topic`]): a broadcast that wakes whoever watches, and may get lost.
//!
//! Spend counters ([`Spend`]) say quickly what an agent has spent and promised, to every process; they follow the spend
//! ledger in the database. They too may be lost at any time: the ledger starts them again.

mod error;
mod gather;
mod in_process;
mod link;
mod spend;
mod streams;
mod topic;
mod yardstick;

use std::time::Duration;

use async_trait::async_trait;
use chimera_domain::TaskId;

pub use error::BusError;
pub use gather::Gather;
pub use in_process::InProcessBus;
pub use link::{DEFAULT_PREFIX, RedisConfig, RedisLink, RedisLinkError, RedisRefusal};
pub use spend::{InProcessSpend, RedisSpend, Spend, SpendError, keys as spend_keys};
pub use streams::{DeadLetter, DeliveryPolicy, QueueState, RedisBus, keys as queue_keys};
pub use topic::{Listener, Topic};

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

/// Queues between the roles.
#[async_trait]
pub trait Bus: std::fmt::Debug + Send + Sync {
    /// Offers ids. An id that already waits in the queue may be kept once.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn push(&self, queue: Queue, ids: &[TaskId]) -> Result<(), BusError>;

    /// Offers ids once `delay` has passed, in the order in which they fall due. An id that is delayed already may be
    /// kept once, and then falls due at the earlier of the two moments.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn push_after(&self, queue: Queue, ids: &[TaskId], delay: Duration) -> Result<(), BusError>;

    /// Takes up to `max` ids, waiting up to `wait` for the first. Dropping the future loses no id for good: what it had
    /// been given comes again.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn take(&self, queue: Queue, max: usize, wait: Duration) -> Result<Vec<Delivery>, BusError>;

    /// Says that deliveries have been dealt with; unacknowledged ones may come again.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn acknowledge(&self, queue: Queue, receipts: &[Receipt]) -> Result<(), BusError>;

    /// How many ids wait: neither those that are delayed nor those that were taken.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn depth(&self, queue: Queue) -> Result<usize, BusError>;

    /// The queue in numbers, all of the same moment, without moving anything.
    ///
    /// # Errors
    /// [`BusError`] when the queue can't be reached.
    async fn state(&self, queue: Queue) -> Result<QueueState, BusError>;

    /// Tells all who listen that something about `topic` has changed.
    ///
    /// # Errors
    /// [`BusError`] when nobody can be told; they look by themselves after a while.
    async fn announce(&self, topic: Topic) -> Result<(), BusError>;

    /// Listens to the notices of `topic`, across all processes that share the queues.
    fn listen(&self, topic: Topic) -> Box<dyn Listener>;
}
