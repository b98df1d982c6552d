//! Telling those who watch the HITL queue that a question was put before a person, or withdrawn.

use chimera_bus::{Bus, Topic};
use chimera_domain::error_chain;

/// Wakes whoever watches. They look by themselves after a while, so failing is no trouble.
pub(crate) async fn announce(bus: &dyn Bus) {
    if let Err(error) = bus.announce(Topic::Hitl).await {
        tracing::debug!(error = %error_chain(&error), "those who watch the HITL queue will look by themselves");
    }
}
