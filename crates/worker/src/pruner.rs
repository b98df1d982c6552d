//! Deletes old rows and files that nobody needs any more. Many processes may run a pruner; one of them works, once in a
//! while.

use std::{sync::Arc, time::Duration};

use chimera_domain::{Ambient, error_chain};
use chimera_store::{Blobs, CollectError, Duty, Prunable, Store, StoreError};
use chimera_telemetry::PRUNED;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::RetentionConfig;

/// How often a pruner asks whether it is time, for each time that it is.
const ASKS: u32 = 24;

/// Before when what may go. `None` keeps it for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cutoffs {
    /// Signals that came to nothing.
    pub signals: Option<DateTime<Utc>>,
    /// Tool calls that cost nothing.
    pub tool_calls: Option<DateTime<Utc>>,
    /// Acknowledged alerts.
    pub alerts: Option<DateTime<Utc>>,
    /// Media that no post refers to.
    pub media: Option<DateTime<Utc>>,
}

impl Cutoffs {
    /// What the configuration says, as of `now`.
    #[must_use]
    pub fn of(config: &RetentionConfig, now: DateTime<Utc>) -> Self {
        let before = |days: Option<u32>| days.map(|days| days_before(now, days));
        Self {
            signals: before(config.signals_days),
            tool_calls: before(config.tool_calls_days),
            alerts: before(config.resolved_alerts_days),
            media: before(config.media_days),
        }
    }

    /// Everything older than so many days.
    #[must_use]
    pub fn all(days: u32, now: DateTime<Utc>) -> Self {
        let before = Some(days_before(now, days));
        Self { signals: before, tool_calls: before, alerts: before, media: before }
    }

    /// Whether nothing may go.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Before when rows of this kind may go.
    #[must_use]
    pub const fn of_rows(&self, what: Prunable) -> Option<DateTime<Utc>> {
        match what {
            Prunable::Signals => self.signals,
            Prunable::ToolCalls => self.tool_calls,
            Prunable::Alerts => self.alerts,
        }
    }
}

/// So many days earlier, or the beginning of time.
fn days_before(now: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    now.checked_sub_signed(TimeDelta::days(days.into())).unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// What went, or would go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Signals.
    pub signals: u64,
    /// Tool calls.
    pub tool_calls: u64,
    /// Alerts.
    pub alerts: u64,
    /// Files of media.
    pub files: u64,
    /// Their lengths together, in bytes.
    pub file_bytes: u64,
}

impl Pruned {
    const fn rows(&mut self, what: Prunable) -> &mut u64 {
        match what {
            Prunable::Signals => &mut self.signals,
            Prunable::ToolCalls => &mut self.tool_calls,
            Prunable::Alerts => &mut self.alerts,
        }
    }
}

/// Deletes what is older than its cutoff, `batch` rows at a time, and rests between two statements as long as the last
/// one took, so that other writers find room. Stopped half-way, it has deleted what it has.
///
/// # Errors
/// [`CollectError`] when the database or the media folder or bucket fails.
pub async fn prune(
    store: &Store,
    blobs: &Blobs,
    cutoffs: &Cutoffs,
    batch: u64,
    ambient: &dyn Ambient,
) -> Result<Pruned, CollectError> {
    let mut pruned = Pruned::default();
    let batch = batch.clamp(1, RetentionConfig::BATCH_MAX);
    for what in Prunable::ALL {
        let Some(before) = cutoffs.of_rows(what) else { continue };
        loop {
            let began = Instant::now();
            let gone = store.prune(what, before, batch, ambient.now()).await?;
            *pruned.rows(what) += gone;
            if gone < batch {
                break;
            }
            tokio::time::sleep(began.elapsed()).await;
        }
    }
    if let Some(before) = cutoffs.media {
        let collected = store.blobs_collect(blobs, before, true).await?;
        (pruned.files, pruned.file_bytes) = (collected.files, collected.bytes);
    }
    Ok(pruned)
}

/// What [`prune`] would delete; writes nothing.
///
/// # Errors
/// As for [`prune`].
pub async fn prunable(store: &Store, blobs: &Blobs, cutoffs: &Cutoffs) -> Result<Pruned, CollectError> {
    let mut pruned = Pruned::default();
    for what in Prunable::ALL {
        if let Some(before) = cutoffs.of_rows(what) {
            *pruned.rows(what) = store.prunable(what, before).await?;
        }
    }
    if let Some(before) = cutoffs.media {
        let collected = store.blobs_collect(blobs, before, false).await?;
        (pruned.files, pruned.file_bytes) = (collected.files, collected.bytes);
    }
    Ok(pruned)
}

/// Prunes once in a while, whichever process of the fleet it falls to.
#[derive(Debug, Clone)]
pub struct Pruner {
    name: String,
    store: Store,
    blobs: Blobs,
    ambient: Arc<dyn Ambient>,
    config: RetentionConfig,
}

impl Pruner {
    /// A pruner; `name` says in the database to whom it fell.
    #[must_use]
    pub fn new(name: String, store: Store, blobs: Blobs, ambient: Arc<dyn Ambient>, config: RetentionConfig) -> Self {
        Self { name, store, blobs, ambient, config }
    }

    /// Asks now and then whether it is time, until cancelled. Ends at once when everything is kept for ever.
    pub async fn serve(self, cancel: CancellationToken) {
        if Cutoffs::of(&self.config, self.ambient.now()).is_nothing() {
            return cancel.cancelled().await;
        }
        let mut asks = tokio::time::interval(self.interval() / ASKS);
        asks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = 0_u64;
        loop {
            // It may be dropped anywhere: what is not deleted yet goes the next time.
            tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                () = async {
                    asks.tick().await;
                    turn += 1;
                    if let Err(error) = self.round(turn).await {
                        tracing::warn!(error = %error_chain(&error), "pruning stopped; the next time goes on from there");
                    }
                } => {}
            }
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.config.every_hours.max(1)) * 3_600)
    }

    /// Prunes if it is time and nobody else does; `turn` tells this call from the earlier ones of this pruner. `None` when
    /// it is not time.
    ///
    /// # Errors
    /// As for [`prune`].
    pub async fn round(&self, turn: u64) -> Result<Option<Pruned>, CollectError> {
        if !self.is_time(turn).await? {
            return Ok(None);
        }
        let cutoffs = Cutoffs::of(&self.config, self.ambient.now());
        let pruned = prune(&self.store, &self.blobs, &cutoffs, self.config.batch, &*self.ambient).await?;
        let Pruned { signals, tool_calls, alerts, files, file_bytes } = pruned;
        for (what, count) in [("signals", signals), ("tool_calls", tool_calls), ("alerts", alerts), ("media", files)] {
            PRUNED.add_for(what, usize::try_from(count).unwrap_or(usize::MAX));
        }
        tracing::info!(signals, tool_calls, alerts, files, file_bytes, "pruned what nobody needs any more");
        Ok(Some(pruned))
    }

    /// The duty is held under a new name each time and never laid down: its lease is what says that it was done lately.
    async fn is_time(&self, turn: u64) -> Result<bool, StoreError> {
        let held = self.store.duty_hold(Duty::Prune, &format!("{}#{turn}", self.name), self.interval()).await?;
        Ok(held.is_some())
    }
}
