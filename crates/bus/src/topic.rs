//! Notices: a broadcast beside the queues, for whoever watches.

use std::time::Duration;

use async_trait::async_trait;

/// What notices are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The HITL queue: a ticket was opened or answered.
    Hitl,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 1] = [Self::Hitl];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hitl => "hitl",
        }
    }
}

/// Hears the notices of one topic.
///
/// A notice says that something has changed, not what: the listener looks into the database. Notices may be lost, so a
/// listener looks after a bounded time anyway:
///
/// ```ignore
/// let mut listener = bus.listen(Topic::Hitl);
/// loop {
///     listener.heard(LOOK_AT_LEAST_EVERY).await;
///     look().await;
/// }
/// ```
#[async_trait]
pub trait Listener: std::fmt::Debug + Send {
    /// Waits up to `wait` for a notice, and says whether one came. Those that came since the last call count, all as one;
    /// and so does a moment from which on notices are heard again, for some may have been missed before. The first call
    /// returns at such a moment. Dropping the future loses no notice.
    async fn heard(&mut self, wait: Duration) -> bool;
}
