//! Queues in Redis: one stream and one consumer group for each, a sorted set of delayed ids, a stream of dead letters.
//!
//! Whatever Redis forgets is made again by whoever misses it first: the group by a taker, the scripts by their caller.
//! A waiting id that is pushed again is kept twice: remembering what waits would be one more thing that can be wrong,
//! and the claim in the database refuses the second delivery anyway.

mod bus;
pub mod keys;
mod line;
mod listener;
mod readers;
mod scripts;

use std::time::Duration;

pub use bus::RedisBus;

/// When a delivery counts as forgotten by its taker, and when it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// A delivery not acknowledged for so long is given to another taker. Must be longer than takers need before they
    /// acknowledge; being shorter costs refused claims, not correctness.
    pub idle_max: Duration,
    /// An id delivered so often without being acknowledged becomes a dead letter; at least 1.
    pub deliveries_max: u32,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self { idle_max: Duration::from_secs(60), deliveries_max: 5 }
    }
}

/// One queue in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Ids that wait.
    pub waiting: usize,
    /// Ids taken and not acknowledged.
    pub taken: usize,
    /// Ids whose time has not come.
    pub delayed: usize,
    /// Dead letters.
    pub dead: usize,
    /// Entries the group has not seen, by the server's own count: the figure that autoscalers read. None where the
    /// server can't tell, as after entries were deleted out of order.
    pub lag: Option<usize>,
}

/// An entry that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// What the entry held: a task id, unless somebody else wrote into the queue.
    pub id: String,
    /// How often it had been delivered; 0 when it could not be read.
    pub deliveries: u32,
}
