//! Why a queue or a topic could not be used.

/// Why a queue or a topic could not be used. Nothing is lost by it: the sweeper delivers again.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The queue's server can't be reached, or did not answer in time. Worth trying again after a rest.
    #[error("{name} can't be reached")]
    Unavailable {
        /// The queue's or topic's.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The queue's server answered, but would not do it: no permission, no memory, a key of another type. An operator
    /// has to look.
    #[error("{name}: the server refused the command; see its rights, memory and key prefix")]
    Refused {
        /// The queue's or topic's.
        name: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
