//! A pool of workers in one process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chimera_bus::{Bus, Delivery, Queue};
use chimera_domain::{Ambient, StateVersion, TaskId, error_chain};
use chimera_store::{Store, StoreError, WorkOrder};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Executor, Finished, WorkerConfig, submitter::Submitter};

/// How long an idle pool waits on the queue before it looks around.
const IDLE_WAIT: Duration = Duration::from_secs(1);
/// How long a pool rests when the database or the queue can't be reached.
const TROUBLE_REST: Duration = Duration::from_millis(500);

/// Claims, executes side by side, and submits in batches.
#[derive(Debug, Clone)]
pub struct Pool {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    executor: Executor,
    ambient: Arc<dyn Ambient>,
    config: WorkerConfig,
    held: Arc<Mutex<HashMap<TaskId, StateVersion>>>,
}

impl Pool {
    /// A pool; `name` says in the database who holds a task.
    #[must_use]
    pub fn new(
        name: String,
        store: Store,
        bus: Arc<dyn Bus>,
        executor: Executor,
        ambient: Arc<dyn Ambient>,
        config: WorkerConfig,
    ) -> Self {
        Self { name, store, bus, executor, ambient, config, held: Arc::default() }
    }

    /// Works until cancelled; then takes no more, finishes what it holds and returns.
    pub async fn serve(self, cancel: CancellationToken) {
        let tracker = TaskTracker::new();
        let (done, finished) = mpsc::channel::<Finished>(self.config.concurrency.max(1) * 2);
        let submitter = Submitter {
            store: self.store.clone(),
            bus: self.bus.clone(),
            ambient: self.ambient.clone(),
            retry: self.config.retry,
            tracker: tracker.clone(),
        };
        let beats = CancellationToken::new();
        let intake = async {
            self.intake(done, &tracker, &cancel).await;
            tracker.close();
            tracker.wait().await;
        };
        let beating = self.heartbeats(beats.clone());
        let working = async {
            tokio::join!(intake, submitter.run(finished));
            beats.cancel();
        };
        tokio::join!(working, beating);
    }

    async fn intake(&self, done: mpsc::Sender<Finished>, tracker: &TaskTracker, cancel: &CancellationToken) {
        let free = Arc::new(Semaphore::new(self.config.concurrency.max(1)));
        loop {
            // Wait for a free hand first, so that nothing is claimed that nobody can begin.
            let Ok(first) = free.clone().acquire_owned().await else { return };
            let room = free.available_permits() + 1;
            let batch = tokio::select! {
                () = cancel.cancelled() => return,
                batch = self.bus.take(Queue::Task, room, IDLE_WAIT) => batch,
            };
            drop(first);
            let orders = match batch {
                Ok(batch) if batch.is_empty() => continue,
                Ok(batch) => self.claim(batch).await.map_err(|e| error_chain(&e)),
                Err(error) => Err(error_chain(&error)),
            };
            match orders {
                Ok(orders) => {
                    for order in orders {
                        let Ok(hand) = free.clone().acquire_owned().await else { return };
                        let (pool, done) = (self.clone(), done.clone());
                        tracker.spawn(async move {
                            let finished = pool.executor.execute(&order).await;
                            pool.with_held(|held| held.remove(&finished.task_id));
                            // The submitter outlives every sender; a closed channel means the process is going down hard.
                            let _ = done.send(finished).await;
                            drop(hand);
                        });
                    }
                }
                Err(error) => {
                    tracing::warn!(error, "no work can be claimed; trying again");
                    tokio::time::sleep(TROUBLE_REST).await;
                }
            }
        }
    }

    async fn claim(&self, batch: Vec<Delivery>) -> Result<Vec<WorkOrder>, StoreError> {
        let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
        let lease = Duration::from_millis(self.config.lease_ms);
        let claimed = self.store.task_claim(&ids, &self.name, lease).await?;
        self.with_held(|held| held.extend(claimed.iter().map(|t| (t.id, t.state_version))));
        if let Err(error) = self.bus.acknowledge(Queue::Task, &receipts).await {
            tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused by the claim");
        }
        self.store.work_orders(&claimed).await
    }

    /// Renews the leases of what is being executed, three times within each lease.
    async fn heartbeats(&self, stop: CancellationToken) {
        let lease = Duration::from_millis(self.config.lease_ms);
        let mut beats = tokio::time::interval((lease / 3).max(Duration::from_millis(10)));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = beats.tick() => {}
            }
            let held: Vec<_> = self.with_held(|held| held.iter().map(|(id, version)| (*id, *version)).collect());
            if held.is_empty() {
                continue;
            }
            if let Err(error) = self.store.task_heartbeat(&held, &self.name, lease).await {
                tracing::warn!(error = %error_chain(&error), "leases could not be renewed");
            }
        }
    }

    fn with_held<T>(&self, act: impl FnOnce(&mut HashMap<TaskId, StateVersion>) -> T) -> T {
        act(&mut self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
