//! Results go to the judge, and failures back, in batches.

use std::{sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Alert, AlertId, AlertKind, Ambient, Severity, TaskId, TenantId, error_chain, policy::RetryPolicy,
};
use chimera_store::{Release, Store, StoreError, Submission};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::Finished;

/// Results committed together at the most.
const BATCH_MAX: usize = 64;
/// How long the first result of a batch waits for others.
const LINGER: Duration = Duration::from_millis(5);

/// Commits finished tasks.
#[derive(Debug, Clone)]
pub(crate) struct Submitter {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) retry: RetryPolicy,
    pub(crate) tracker: TaskTracker,
}

impl Submitter {
    /// Commits until the last sender is gone.
    pub(crate) async fn run(self, mut finished: mpsc::Receiver<Finished>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while finished.recv_many(&mut batch, BATCH_MAX).await > 0 {
            if batch.len() < BATCH_MAX {
                let more =
                    async { while batch.len() < BATCH_MAX && finished.recv_many(&mut batch, BATCH_MAX).await > 0 {} };
                let _ = tokio::time::timeout(LINGER, more).await;
            }
            if let Err(error) = self.commit(std::mem::take(&mut batch)).await {
                // Nothing is lost: the leases run out and the tasks are done again.
                tracing::error!(error = %error_chain(&error), "results could not be committed; their tasks will be done again");
            }
        }
    }

    async fn commit(&self, batch: Vec<Finished>) -> Result<(), StoreError> {
        let (mut submissions, mut releases, mut alerts) = (vec![], vec![], vec![]);
        let mut failed_attempts = 0;
        for finished in batch {
            match finished.outcome {
                Ok(artifact) => submissions.push(Submission {
                    task_id: finished.task_id,
                    version: finished.version,
                    artifact: *artifact,
                    tool_calls: finished.calls,
                }),
                Err(error) => {
                    let exhausted = !error.is_transient() || finished.attempts >= self.retry.attempts_max;
                    let message = error_chain(&error);
                    if exhausted {
                        alerts.push(self.dead_letter(finished.task_id, &message));
                    }
                    failed_attempts = failed_attempts.max(finished.attempts);
                    releases.push(Release {
                        task_id: finished.task_id,
                        version: finished.version,
                        error: message,
                        exhausted,
                        tool_calls: finished.calls,
                    });
                }
            }
        }
        let now = self.ambient.now();
        if !submissions.is_empty() {
            let submitted = self.store.task_submit(submissions, now).await?;
            if !submitted.fenced.is_empty() {
                tracing::info!(fenced = submitted.fenced.len(), "late results were refused: their leases had run out");
            }
            self.offer(Queue::Review, &submitted.accepted).await;
        }
        if !releases.is_empty() {
            let released = self.store.task_release(releases, alerts, now).await?;
            self.offer_later(released.ready, failed_attempts);
        }
        Ok(())
    }

    async fn offer(&self, queue: Queue, ids: &[TaskId]) {
        if ids.is_empty() {
            return;
        }
        if let Err(error) = self.bus.push(queue, ids).await {
            tracing::warn!(error = %error_chain(&error), "work waits for the sweeper");
        }
    }

    /// Offers failed tasks again after a delay, so that a failing tool is not hammered.
    fn offer_later(&self, ids: Vec<TaskId>, failed_attempts: u32) {
        let [roll, ..] = self.ambient.random();
        let delay = self.retry.delay(failed_attempts.max(1), f64::from(roll) / 255.0).unwrap_or_default();
        if ids.is_empty() {
            return;
        }
        let again = self.clone();
        self.tracker.spawn(async move {
            tokio::time::sleep(delay).await;
            again.offer(Queue::Task, &ids).await;
        });
    }

    fn dead_letter(&self, task_id: TaskId, message: &str) -> Alert {
        Alert {
            id: AlertId::generate(&*self.ambient),
            tenant_id: TenantId::DEFAULT,
            trace_id: None,
            kind: AlertKind::DeadLetter,
            severity: Severity::Warning,
            subject: task_id.to_string(),
            reason_code: "attempts_exhausted".to_owned(),
            message: message.to_owned(),
            acknowledged_by: None,
            created_at: self.ambient.now(),
        }
    }
}
