//! The publish ledger at work: intent, attempt, and a certain outcome or a person's word.
//!
//! The platform is called for one reason only: `publish_begin` has just committed the intent, at a moment when the
//! campaign was active. No more posts are begun than there are hands to call at once, and what has to wait all the same
//! asks again before it calls. What a dead publisher left behind is looked up by other hands and, if it is not out, handed
//! back to APPROVED, where the campaign's gate and the count of attempts stand before the next call.

mod desk;
mod post;

use std::{sync::Arc, time::Duration};

use chimera_bus::Bus;
use chimera_domain::{Ambient, PublicationId, TaskId, error_chain};
use chimera_mcp::Host;
use chimera_store::{Blobs, PublishCase, PublishOutcome, Settlement, Store, StoreError, memory::Embedded};
use chimera_telemetry::{CONFLICTS, PUBLICATIONS};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::desk::Desk;
use crate::{PublisherConfig, Remembrance, platform::Platform, questions::announce, remembrance::own_post};

const TROUBLE_REST: Duration = Duration::from_millis(500);
/// How often an outcome is written while the database is away: a platform that can't be asked won't tell it again.
const SETTLE_ATTEMPTS_MAX: u32 = 5;

/// Publishes approved posts, each at most once.
#[derive(Debug, Clone)]
pub struct Publisher {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    platform: Platform,
    remembrance: Option<Remembrance>,
    ambient: Arc<dyn Ambient>,
    config: PublisherConfig,
}

/// How a publication came into these hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Begun just now: nobody else calls.
    Begun {
        /// When the gate was asked, or a little before.
        at: Instant,
    },
    /// Taken over from a publisher that vanished; its call may have gone through.
    LeftBehind,
}

impl Publisher {
    /// A publisher; `name` says in the database who holds a task.
    #[must_use]
    pub fn new(
        name: String,
        store: Store,
        bus: Arc<dyn Bus>,
        host: Arc<Host>,
        blobs: Blobs,
        ambient: Arc<dyn Ambient>,
        config: PublisherConfig,
    ) -> Self {
        let platform = Platform::new(host, blobs, &config, ambient.clone());
        Self { name, store, bus, platform, remembrance: None, ambient, config }
    }

    /// The same, whose agents remember what went out.
    #[must_use]
    pub fn remembering(self, remembrance: Option<Remembrance>) -> Self {
        Self { remembrance, ..self }
    }

    /// Publishes until cancelled; a call under way is finished first.
    pub async fn serve(self, cancel: CancellationToken) {
        let desk = Desk::of(&self);
        Box::pin(desk.work(desk.delivered(&cancel), desk.left_behind(&cancel))).await;
    }

    /// Publishes those of these posts that don't rest after a failure, and looks up those that a dead publisher left
    /// behind. One post that can't be read holds back no other.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached; the ledger then tells the next publisher where to go on.
    pub async fn round(&self, ids: &[TaskId]) -> Result<(), StoreError> {
        let desk = Desk::of(self);
        Box::pin(desk.work(desk.given(ids), desk.left_behind_now())).await;
        desk.into_trouble().map_or(Ok(()), Err)
    }

    /// What is to be remembered of a post that is out for certain.
    fn post_to_remember(&self, case: &PublishCase, settlement: &Settlement) -> Option<Embedded> {
        let is_out = matches!(settlement.outcome, PublishOutcome::Confirmed { .. });
        (is_out && self.remembrance.is_some()).then(|| own_post(case, self.ambient.now())).flatten()
    }

    fn at_once(&self) -> usize {
        self.config.concurrency.max(1)
    }

    const fn lease(&self) -> Duration {
        Duration::from_millis(self.config.lease_ms)
    }

    /// Commits the intent to publish.
    async fn begin(&self, ids: &[TaskId]) -> Result<Vec<PublishCase>, StoreError> {
        let new_ids: Vec<_> = ids.iter().map(|_| PublicationId::generate(&*self.ambient)).collect();
        self.store.publish_begin(ids, &self.name, self.lease(), self.ambient.now(), &new_ids).await
    }

    /// Writes outcomes; while the database is away, again; and one by one when one of them is what it refuses.
    async fn write(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let Err(mut error) = self.write_once(settlements.clone()).await else { return Ok(()) };
        for _ in 1..SETTLE_ATTEMPTS_MAX {
            if !error.is_retryable() {
                break;
            }
            tokio::time::sleep(TROUBLE_REST).await;
            let Err(again) = self.write_once(settlements.clone()).await else { return Ok(()) };
            error = again;
        }
        if !error.is_retryable() && settlements.len() > 1 {
            for settlement in settlements {
                if let Err(error) = self.write_once(vec![settlement]).await {
                    tracing::error!(error = %error_chain(&error), "an outcome can't be written; it will be looked up");
                }
            }
        }
        Err(error)
    }

    async fn write_once(&self, settlements: Vec<Settlement>) -> Result<(), StoreError> {
        let settled = self.store.publish_settle(settlements, self.ambient.now()).await?;
        // A post that is certainly absent is tried again by way of the sweeper, which gives the platform a rest.
        PUBLICATIONS.add_for("published", settled.published.len());
        PUBLICATIONS.add_for("again", settled.approved_again.len());
        PUBLICATIONS.add_for("failed", settled.failed.len());
        PUBLICATIONS.add_for("unknown", settled.waiting.len());
        PUBLICATIONS.add_for("fenced", settled.fenced.len());
        CONFLICTS.add_for("publication", settled.fenced.len());
        tracing::debug!(
            published = settled.published.len(),
            again = settled.approved_again.len(),
            failed = settled.failed.len(),
            waiting = settled.waiting.len(),
            fenced = settled.fenced.len(),
            "settled"
        );
        if !settled.waiting.is_empty() {
            announce(&*self.bus).await;
        }
        Ok(())
    }
}
