//! Why a queue could not be used.

use crate::Queue;

/// Why a queue could not be used. Nothing is lost by it: the sweeper delivers again.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The queue's server can't be reached, or did not answer in time. Worth trying again after a rest.
    #[error("{queue} can't be reached", queue = .queue.as_str())]
    Unavailable {
        /// The queue.
        queue: Queue,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The queue's server answered, but would not do it: no permission, no memory, a key of another type. An operator
    /// has to look.
    #[error("{queue}: the server refused the command; see its rights, memory and key prefix", queue = .queue.as_str())]
    Refused {
        /// The queue.
        queue: Queue,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
