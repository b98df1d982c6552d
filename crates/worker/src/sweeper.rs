//! Delivers again what queues or dead processes lost.

use std::{sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{AgentTask, Alert, Ambient, TaskId, error_chain};
use chimera_store::{Store, StoreError, SweepLimits, Swept};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::{
    SweeperConfig,
    submitter::{ATTEMPTS_EXHAUSTED, dead_letter},
};

/// Puts expired claims back and re-delivers what waits too long. Idempotent: sweeping twice does no harm.
#[derive(Debug, Clone)]
pub struct Sweeper {
    store: Store,
    bus: Arc<dyn Bus>,
    ambient: Arc<dyn Ambient>,
    config: SweeperConfig,
    attempts_max: u32,
}

impl Sweeper {
    /// A sweeper; `attempts_max` is how often a failing task is tried.
    #[must_use]
    pub fn new(
        store: Store,
        bus: Arc<dyn Bus>,
        ambient: Arc<dyn Ambient>,
        config: SweeperConfig,
        attempts_max: u32,
    ) -> Self {
        Self { store, bus, ambient, config, attempts_max }
    }

    /// Sweeps every interval until cancelled.
    pub async fn serve(self, cancel: CancellationToken) {
        let mut rounds = tokio::time::interval(Duration::from_millis(self.config.interval_ms.max(1)));
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = rounds.tick() => {}
            }
            if let Err(error) = self.sweep().await {
                tracing::warn!(error = %error_chain(&error), "a sweep failed; the next one goes on from there");
            }
        }
    }

    /// Sweeps once.
    ///
    /// # Errors
    /// [`StoreError`] when the database can't be reached.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let waiting = Duration::from_millis(self.config.waiting_ms);
        let limits = SweepLimits {
            attempts_max: self.config.vanished_max.max(self.attempts_max),
            ready_older_than: waiting,
            review_older_than: waiting,
            batch: self.config.batch,
        };
        let swept = self.store.sweep(limits, self.ambient.now()).await?;
        self.offer(Queue::Task, &swept.ready).await;
        self.offer(Queue::Review, &swept.review).await;
        self.offer(Queue::Publish, &swept.approved).await;
        self.mourn(&swept.failed).await?;
        Ok(swept)
    }

    /// Tells an operator of the tasks whose last worker vanished.
    async fn mourn(&self, failed: &[TaskId]) -> Result<(), StoreError> {
        if failed.is_empty() {
            return Ok(());
        }
        let tasks = self.store.tasks_by_ids(failed).await?;
        let alert = |task: &AgentTask| {
            let message = format!(
                "its worker vanished {} times; the last time: {}",
                task.attempts,
                task.last_error.as_deref().unwrap_or("no reason given")
            );
            dead_letter(task.id, task.trace_id, task.tenant_id, ATTEMPTS_EXHAUSTED, &message, &*self.ambient)
        };
        let alerts: Vec<Alert> = tasks.iter().map(alert).collect();
        self.store.alerts_raise(&alerts).await
    }

    async fn offer(&self, queue: Queue, ids: &[TaskId]) {
        if ids.is_empty() {
            return;
        }
        tracing::debug!(queue = queue.as_str(), count = ids.len(), "delivered again");
        if let Err(error) = self.bus.push(queue, ids).await {
            tracing::warn!(error = %error_chain(&error), "the queue can't be reached; the next sweep tries again");
        }
    }
}
