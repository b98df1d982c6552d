//! Delivers again what queues or dead processes lost. Many processes may run a sweeper; the one that holds the duty works.

use std::{sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{Ambient, TaskId, error_chain};
use chimera_store::{Duty, Queued, Store, StoreError, SweepLimits, Swept};
use chimera_telemetry::{DUTY_HELD, SWEPT};
use chrono::NaiveDate;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{SweeperConfig, escalation::Told, questions::announce};

/// For so many intervals a sweeper that vanished keeps the duty from the others.
const DUTY_INTERVALS: u32 = 5;
/// And for so long at least.
const DUTY_MIN: Duration = Duration::from_secs(1);
/// How long laying the duty down may take; after that it lapses.
const RELEASE_MAX: Duration = Duration::from_secs(2);

/// Puts expired claims back and re-delivers what waits too long. Idempotent: sweeping twice does no harm.
#[derive(Debug, Clone)]
pub struct Sweeper {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    ambient: Arc<dyn Ambient>,
    config: SweeperConfig,
}

/// The duty as one sweeper has it.
#[derive(Debug, Default)]
struct HeldDuty {
    /// Whether it is this one's now.
    now: bool,
    /// What people were told of the HITL queue.
    told: Told,
    /// The day on which totals that nobody needs were last deleted.
    forgot_on: Option<NaiveDate>,
}

impl Sweeper {
    /// A sweeper; `name` says in the database who holds the duty.
    #[must_use]
    pub fn new(
        name: String,
        store: Store,
        bus: Arc<dyn Bus>,
        ambient: Arc<dyn Ambient>,
        config: SweeperConfig,
    ) -> Self {
        Self { name, store, bus, ambient, config }
    }

    /// Sweeps every interval while it holds the duty, until cancelled.
    pub async fn serve(self, cancel: CancellationToken) {
        let mut held = HeldDuty::default();
        let mut rounds = tokio::time::interval(Duration::from_millis(self.config.interval_ms.max(1)));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // A sweep may be dropped anywhere: what it did not commit, or did not deliver, the next one does.
            let swept = tokio::select! {
                biased;
                () = cancel.cancelled() => break,
                swept = async {
                    rounds.tick().await;
                    self.round(&mut held).await
                } => swept,
            };
            if let Err(error) = swept {
                tracing::warn!(error = %error_chain(&error), "a sweep failed; the next one goes on from there");
            }
        }
        if held.now {
            self.lay_down().await;
        }
    }

    /// Sweeps if it has the duty, or can have it.
    async fn round(&self, duty: &mut HeldDuty) -> Result<(), StoreError> {
        let lease = Duration::from_millis(self.config.interval_ms).saturating_mul(DUTY_INTERVALS).max(DUTY_MIN);
        let held = self.store.duty_hold(Duty::Sweep, &self.name, lease).await?.is_some();
        if held != duty.now {
            duty.told = Told::default();
            tracing::info!(holds = held, "the duty of sweeping changed hands");
            DUTY_HELD.set_for(Duty::Sweep.as_str(), f64::from(u8::from(held)));
            duty.now = held;
        }
        if held {
            self.sweep().await?;
            duty.told.look(&self.store, self.config.hitl_waiting_max, &*self.ambient).await?;
            let now = self.ambient.now();
            if duty.forgot_on.replace(now.date_naive()) != Some(now.date_naive()) {
                self.store.spend_totals_forget(now).await?;
            }
        }
        Ok(())
    }

    async fn lay_down(&self) {
        let released = tokio::time::timeout(RELEASE_MAX, self.store.duty_release(Duty::Sweep, &self.name)).await;
        if !matches!(released, Ok(Ok(_))) {
            tracing::warn!("the duty of sweeping could not be laid down; it lapses");
        }
        DUTY_HELD.set_for(Duty::Sweep.as_str(), 0.0);
    }

    /// Sweeps once, whoever holds the duty.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let waiting = Duration::from_millis(self.config.waiting_ms);
        let limits = SweepLimits {
            vanished_max: self.config.vanished_max,
            ready_older_than: waiting,
            review_older_than: waiting,
            batch: self.config.batch,
            queued: Queued {
                ready: self.waiting_in(Queue::Task).await,
                review: self.waiting_in(Queue::Review).await,
                approved: self.waiting_in(Queue::Publish).await,
            },
        };
        let swept = self.store.sweep(limits, self.ambient.now()).await?;
        self.offer(Queue::Task, &swept.ready).await;
        self.offer(Queue::Review, &swept.review).await;
        self.offer(Queue::Publish, &swept.approved).await;
        SWEPT.add_for("failed", swept.failed.len());
        SWEPT.add_for("cancelled", swept.cancelled.len());
        if !swept.cancelled.is_empty() {
            // Questions about them are withdrawn.
            announce(&*self.bus).await;
        }
        Ok(swept)
    }

    /// How many ids wait in a queue, or for their time to come. One that can't be asked could not be given anything either.
    async fn waiting_in(&self, queue: Queue) -> u64 {
        match self.bus.state(queue).await {
            Ok(state) => u64::try_from(state.waiting.saturating_add(state.delayed)).unwrap_or(u64::MAX),
            Err(error) => {
                tracing::warn!(error = %error_chain(&error), "the queue can't be reached; the next sweep tries again");
                u64::MAX
            }
        }
    }

    async fn offer(&self, queue: Queue, ids: &[TaskId]) {
        if ids.is_empty() {
            return;
        }
        tracing::debug!(queue = queue.as_str(), count = ids.len(), "delivered again");
        SWEPT.add_for(queue.as_str(), ids.len());
        if let Err(error) = self.bus.push(queue, ids).await {
            tracing::warn!(error = %error_chain(&error), "the queue can't be reached; the next sweep tries again");
        }
    }
}
