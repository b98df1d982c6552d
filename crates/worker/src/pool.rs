//! A pool of workers in one process.

use std::{sync::Arc, time::Duration};

use chimera_bus::{Bus, Delivery, Gather, Queue};
use chimera_domain::{AgentTask, Ambient, TaskId, error_chain, policy::TroubleRest};
use chimera_store::{Claim, Store, StoreError, WorkOrder};
use chimera_telemetry::TASKS_CLAIMED;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    ExecuteError, Executor, Finished, WorkerConfig,
    held::{Held, Hold},
    submitter::{Submitter, told_lower},
};

/// How long an idle pool waits on the queue before it looks around.
const IDLE_WAIT: Duration = Duration::from_secs(1);

/// Claims, executes side by side, and submits in batches.
#[derive(Debug, Clone)]
pub struct Pool {
    name: String,
    store: Store,
    bus: Arc<dyn Bus>,
    executor: Executor,
    ambient: Arc<dyn Ambient>,
    config: WorkerConfig,
    held: Held,
}

/// A claimed task: either everything that is needed for it, or why that can't be had.
type Claimed = (Result<WorkOrder, Finished>, Hold);

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
        Self { name, store, bus, executor, ambient, config, held: Held::default() }
    }

    /// Works until cancelled; then takes no more, finishes what it holds and returns. What is not finished when `abandon`
    /// is cancelled is cut off and handed back; the attempt does not count.
    pub async fn serve(mut self, cancel: CancellationToken, abandon: CancellationToken) {
        self.executor = self.executor.until(abandon);
        let tracker = TaskTracker::new();
        let (done, finished) = mpsc::channel(self.config.concurrency.max(1) * 2);
        let submitter = Submitter {
            store: self.store.clone(),
            bus: self.bus.clone(),
            ambient: self.ambient.clone(),
            retry: self.config.retry,
            held: self.held.clone(),
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

    async fn intake(&self, done: mpsc::Sender<(Finished, Hold)>, tracker: &TaskTracker, cancel: &CancellationToken) {
        let free = Arc::new(Semaphore::new(self.config.concurrency.max(1)));
        let (mut trouble, mut gather) = (TroubleRest::default(), Gather::default());
        loop {
            // Wait for a free hand first, so that nothing is claimed that nobody can begin.
            let first = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                hand = free.clone().acquire_owned() => hand,
            };
            let Ok(first) = first else { return };
            let room = free.available_permits() + 1;
            let batch = tokio::select! {
                biased;
                () = cancel.cancelled() => return,
                batch = gather.take(&*self.bus, Queue::Task, room, IDLE_WAIT) => batch,
            };
            drop(first);
            let claimed = match batch {
                Ok(batch) if batch.is_empty() => {
                    trouble.went_well();
                    continue;
                }
                Ok(batch) => {
                    let count = batch.len();
                    let claimed = self.claim(batch).await.map_err(|e| error_chain(&e));
                    gather.done(count);
                    claimed
                }
                Err(error) => Err(error_chain(&error)),
            };
            match claimed {
                Ok(claimed) => {
                    trouble.went_well();
                    for (order, hold) in claimed {
                        let Ok(hand) = free.clone().acquire_owned().await else { return };
                        let (executor, done) = (self.executor.clone(), done.clone());
                        tracker.spawn(async move {
                            let finished = match order {
                                Ok(order) => executor.execute(&order).await,
                                Err(unreadable) => unreadable,
                            };
                            // The submitter outlives every sender; a closed channel means the process is going down hard.
                            let _ = done.send((finished, hold)).await;
                            drop(hand);
                        });
                    }
                }
                Err(error) => {
                    tracing::warn!(error, "no work can be claimed; trying again");
                    tokio::select! {
                        () = cancel.cancelled() => return,
                        () = tokio::time::sleep(trouble.failed(self.ambient.dice())) => {}
                    }
                }
            }
        }
    }

    /// Claims what was delivered. When this fails after the claim, the leases lapse and the sweeper brings the tasks.
    async fn claim(&self, batch: Vec<Delivery>) -> Result<Vec<Claimed>, StoreError> {
        let (ids, receipts): (Vec<_>, Vec<_>) = batch.into_iter().map(|d| (d.task_id, d.receipt)).unzip();
        let lease = Duration::from_millis(self.config.lease_ms);
        let free = self.executor.free_types();
        let claim = Claim { free: &free, ..Claim::new(&self.name, lease, self.ambient.now()) };
        let claimed = self.store.task_claim(&ids, claim).await?;
        let (failed, waiting) = (claimed.failed.len(), claimed.waiting.len());
        if failed + waiting > 0 {
            tracing::warn!(failed, waiting, "the agents' caps leave no money for tasks");
        }
        told_lower(&claimed.lowered);
        let lowered: Vec<TaskId> = claimed.lowered.iter().map(|(id, _)| *id).collect();
        if !lowered.is_empty()
            && let Err(error) = self.bus.push(Queue::Task, &lowered).await
        {
            tracing::warn!(error = %error_chain(&error), "work waits for the sweeper");
        }
        let claimed = claimed.tasks;
        TASKS_CLAIMED.add(claimed.len());
        let holds: Vec<Hold> = claimed.iter().map(|task| self.held.hold(task)).collect();
        let (acknowledged, orders) =
            tokio::join!(self.bus.acknowledge(Queue::Task, &receipts), self.store.work_orders(&claimed));
        if let Err(error) = acknowledged {
            tracing::debug!(error = %error_chain(&error), "deliveries will come again, and be refused by the claim");
        }
        let orders = match orders {
            Ok(orders) => orders.into_iter().map(Ok).collect(),
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => self.orders_one_by_one(&claimed).await?,
        };
        Ok(orders.into_iter().zip(holds).collect())
    }

    /// One task that can't be read must not take the whole batch along.
    async fn orders_one_by_one(&self, claimed: &[AgentTask]) -> Result<Vec<Result<WorkOrder, Finished>>, StoreError> {
        let mut orders = Vec::with_capacity(claimed.len());
        for task in claimed {
            match self.store.work_orders(std::slice::from_ref(task)).await {
                Ok(read) => orders.extend(read.into_iter().map(Ok)),
                Err(error) if error.is_retryable() => return Err(error),
                Err(error) => orders.push(Err(Finished::of(task, Err(ExecuteError::Order(error)), vec![]))),
            }
        }
        Ok(orders)
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
            let held = self.held.list();
            if held.is_empty() {
                continue;
            }
            if let Err(error) = self.store.task_heartbeat(&held, &self.name, lease).await {
                tracing::warn!(error = %error_chain(&error), "leases could not be renewed");
            }
        }
    }
}
