//! The HITL queue: posts that wait for a person, the one due first first.
//!
//! The database holds it; the bus wakes whoever watches when a ticket is opened or answered.

use std::sync::Arc;

use chimera_bus::{Bus, Listener, Topic};
use chimera_domain::{HitlTicket, error_chain};
use chimera_store::{HitlDepth, HitlGlance, Store, StoreError, TicketFilter};

/// So many tickets are counted where the whole queue does not matter.
const COUNTED_MAX: u64 = 1_000;

/// The HITL queue over store and bus.
#[derive(Debug, Clone)]
pub struct HitlQueue {
    store: Store,
    bus: Arc<dyn Bus>,
}

impl HitlQueue {
    /// The queue over its dependencies.
    #[must_use]
    pub fn new(store: Store, bus: Arc<dyn Bus>) -> Self {
        Self { store, bus }
    }

    /// How many wait, how many are overdue, and when the next one is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn depth(&self) -> Result<HitlDepth, StoreError> {
        self.store.hitl_depth().await
    }

    /// How many wait and how many are overdue, counted up to a thousand: more than anybody answers in a day.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn glance(&self) -> Result<HitlGlance, StoreError> {
        self.store.hitl_glance(COUNTED_MAX).await
    }

    /// Tickets that wait, the one due first first. For the next page, ask for those after the last one: tickets that were
    /// opened or answered meanwhile neither hide nor repeat any other.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn next(&self, filter: &TicketFilter) -> Result<Vec<HitlTicket>, StoreError> {
        self.store.tickets_open(filter).await
    }

    /// Hears that tickets were opened or answered, in whatever process.
    #[must_use]
    pub fn listen(&self) -> Box<dyn Listener> {
        self.bus.listen(Topic::Hitl)
    }

    /// Says that tickets were opened or answered.
    pub async fn announce(&self) {
        if let Err(error) = self.bus.announce(Topic::Hitl).await {
            tracing::debug!(error = %error_chain(&error), "those who watch the HITL queue will look by themselves");
        }
    }
}
