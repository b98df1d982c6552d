//! Results go to the judge, and failures back, in batches.

use std::{collections::HashSet, sync::Arc, time::Duration};

use chimera_bus::{Bus, Queue};
use chimera_domain::{
    Alert, AlertKind, Ambient, Severity, TaskId, TenantId, TraceId, VideoStep, error_chain, policy::RetryPolicy,
};
use chimera_store::{Release, Store, StoreError, Submission};
use chimera_telemetry::{CONFLICTS, RESULTS, STAGE_DURATION, TASKS_RELEASED, VIDEOS_LOWERED};
use tokio::sync::mpsc;

use crate::{
    ExecuteError, Finished,
    held::{Held, Hold},
};

/// Results committed together at the most.
const BATCH_MAX: usize = 256;
/// How long the first result of a batch waits for others that are being worked on.
const LINGER: Duration = Duration::from_millis(5);
/// How often a commit is tried while the database is away: what was made is paid for.
const COMMIT_ATTEMPTS_MAX: u32 = 5;
/// How long it rests in between.
const TROUBLE_REST: Duration = Duration::from_millis(500);

/// Commits finished tasks.
#[derive(Debug, Clone)]
pub(crate) struct Submitter {
    pub(crate) store: Store,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) ambient: Arc<dyn Ambient>,
    pub(crate) retry: RetryPolicy,
    /// What this pool has claimed and not yet handed in.
    pub(crate) held: Held,
}

impl Submitter {
    /// Commits until the last sender is gone. Leases are held until then.
    pub(crate) async fn run(self, mut finished: mpsc::Receiver<(Finished, Hold)>) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while finished.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let more = async {
                // When all that is held has come in, nothing else can.
                while batch.len() < BATCH_MAX.min(self.held.count()) {
                    let room = BATCH_MAX - batch.len();
                    if finished.recv_many(&mut batch, room).await == 0 {
                        break;
                    }
                }
            };
            let _ = tokio::time::timeout(LINGER, more).await;
            let (results, holds): (Vec<Finished>, Vec<Hold>) = std::mem::take(&mut batch).into_iter().unzip();
            self.commit(&results).await;
            drop(holds);
        }
    }

    /// Commits all; while the database is away, again; and one by one when one of them is what the database refuses.
    /// What can't be committed is not lost: its lease runs out and it is done again, unless that happens too often.
    async fn commit(&self, batch: &[Finished]) {
        let Err(mut error) = self.commit_once(batch).await else { return };
        for _ in 1..COMMIT_ATTEMPTS_MAX {
            if !error.is_retryable() {
                break;
            }
            tracing::warn!(error = %error_chain(&error), "results could not be committed; trying again");
            tokio::time::sleep(TROUBLE_REST).await;
            let Err(again) = self.commit_once(batch).await else { return };
            error = again;
        }
        if error.is_retryable() || batch.len() < 2 {
            let tasks: Vec<_> = batch.iter().map(|f| f.task_id.to_string()).collect();
            tracing::error!(error = %error_chain(&error), ?tasks, "results are given up; their tasks will be done again");
            return;
        }
        for one in batch {
            if let Err(error) = self.commit_once(std::slice::from_ref(one)).await {
                tracing::error!(trace_id = %one.trace_id, task_id = %one.task_id, error = %error_chain(&error), "a result is given up; its task will be done again");
            }
        }
    }

    async fn commit_once(&self, batch: &[Finished]) -> Result<(), StoreError> {
        let (mut submissions, mut releases, mut alerts) = (vec![], vec![], vec![]);
        let mut failed_attempts = 0;
        let mut cut_off = HashSet::new();
        for finished in batch {
            match &finished.outcome {
                Ok(artifact) => submissions.push(Submission {
                    task_id: finished.task_id,
                    version: finished.version,
                    artifact: (**artifact).clone(),
                    tool_calls: finished.calls.clone(),
                }),
                Err(error) => {
                    let release = self.release(finished, error, &mut alerts);
                    if release.uncounted {
                        cut_off.insert(release.task_id);
                    } else {
                        failed_attempts = failed_attempts.max(failures(finished));
                    }
                    releases.push(release);
                }
            }
        }
        let now = self.ambient.now();
        if !submissions.is_empty() {
            let submitted = self.store.task_submit(submissions, now).await?;
            RESULTS.add_for("accepted", submitted.accepted.len());
            RESULTS.add_for("fenced", submitted.fenced.len());
            CONFLICTS.add_for("result", submitted.fenced.len());
            posts_made(batch, &submitted.accepted);
            if !submitted.fenced.is_empty() {
                tracing::info!(fenced = submitted.fenced.len(), "late results were refused: their leases had run out");
            }
            self.offer(Queue::Review, &submitted.accepted).await;
        }
        if !releases.is_empty() {
            let released = self.store.task_release(releases, alerts, now).await?;
            let (handed_back, ready): (Vec<_>, Vec<_>) = released.ready.iter().partition(|id| cut_off.contains(*id));
            TASKS_RELEASED.add_for("ready", ready.len());
            TASKS_RELEASED.add_for("handed_back", handed_back.len());
            TASKS_RELEASED.add_for("failed", released.failed.len());
            TASKS_RELEASED.add_for("fenced", released.fenced.len());
            told_lower(&released.lowered);
            // Nothing speaks against beginning at once with what did not fail.
            self.offer(Queue::Task, &handed_back).await;
            self.offer_later(&ready, failed_attempts).await;
        }
        Ok(())
    }

    /// How a task that was not done is given back. One that gives up leaves an alert, unless it is a video that can be
    /// made a tier lower.
    fn release(&self, finished: &Finished, error: &ExecuteError, alerts: &mut Vec<Alert>) -> Release {
        let uncounted = matches!(error, ExecuteError::CutOff);
        let void = matches!(error, ExecuteError::Outdated(_));
        let exhausted = !uncounted && !void && (!error.is_transient() || failures(finished) >= self.retry.attempts_max);
        let message = error_chain(error);
        if exhausted {
            let reason = if error.is_transient() { ATTEMPTS_EXHAUSTED } else { NOT_RETRYABLE };
            let (id, trace, tenant) = (finished.task_id, finished.trace_id, finished.tenant_id);
            alerts.push(dead_letter(id, trace, tenant, reason, &message, &*self.ambient));
        }
        Release {
            task_id: finished.task_id,
            version: finished.version,
            error: message,
            exhausted,
            uncounted,
            tool_calls: finished.calls.clone(),
        }
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
    async fn offer_later(&self, ids: &[TaskId], failed_attempts: u32) {
        if ids.is_empty() {
            return;
        }
        let [roll, ..] = self.ambient.random();
        let delay = self.retry.delay(failed_attempts.max(1), f64::from(roll) / 255.0).unwrap_or_default();
        if let Err(error) = self.bus.push_after(Queue::Task, ids, delay).await {
            tracing::warn!(error = %error_chain(&error), "work waits for the sweeper");
        }
    }
}

/// Counts and logs videos that are made a tier lower than planned.
pub(crate) fn told_lower(lowered: &[(TaskId, VideoStep)]) {
    for (task_id, VideoStep { from, to, cause, why, .. }) in lowered {
        VIDEOS_LOWERED.add_of([to.as_str(), cause.as_str()], 1);
        tracing::warn!(%task_id, %from, %to, %cause, why, "a video is made a tier lower");
    }
}

/// How often its task has failed, if this was a failure.
const fn failures(finished: &Finished) -> u32 {
    finished.failures.saturating_add(1)
}

/// Notes how long the posts among these took from the plan.
fn posts_made(batch: &[Finished], accepted: &[TaskId]) {
    for finished in batch.iter().filter(|f| f.task_type.is_publishable() && accepted.contains(&f.task_id)) {
        if let Ok(artifact) = &finished.outcome {
            let took = artifact.created_at - finished.planned_at;
            STAGE_DURATION.observe_for("made", took.to_std().unwrap_or_default());
        }
    }
}

/// Every attempt failed.
pub(crate) const ATTEMPTS_EXHAUSTED: &str = "attempts_exhausted";
/// It failed in a way that another attempt can't mend.
const NOT_RETRYABLE: &str = "not_retryable";

/// Tells an operator of a task that gave up.
pub(crate) fn dead_letter(
    task_id: TaskId,
    trace_id: TraceId,
    tenant_id: TenantId,
    reason: &str,
    message: &str,
    ambient: &dyn Ambient,
) -> Alert {
    let (kind, severity) = (AlertKind::DeadLetter, Severity::Warning);
    Alert::new(tenant_id, kind, severity, task_id.to_string(), reason, message, ambient).in_trace(trace_id)
}
