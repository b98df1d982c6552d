//! What workers hand in: results, and tasks they give back. The version they claimed at is the fencing token.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use chimera_domain::{
    Alert, Artifact, Lowered, Shortfall, StateVersion, TaskEvent, TaskId, TaskState, TaskType, ToolCall, VideoStep,
};
use uuid::Uuid;

use super::{attempts::Attempt, graph, moves};
use crate::{
    Result, Store,
    alerts::{insert_calls, raise},
    batch,
    codec::Mapped as _,
    entity::{
        artifacts,
        tasks::{Entity, Model},
    },
    tasks::moves::Move,
};

/// What a worker hands in.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The task.
    pub task_id: TaskId,
    /// Its version when it was claimed: the fencing token.
    pub version: StateVersion,
    /// What it made.
    pub artifact: Artifact,
    /// What it called. Recorded even when the submission comes too late: the money was spent.
    pub tool_calls: Vec<ToolCall>,
}

/// What became of submissions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Submitted {
    /// Now in review.
    pub accepted: Vec<TaskId>,
    /// Came too late: the task is someone else's.
    pub fenced: Vec<TaskId>,
}

/// A task given back.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// The task.
    pub task_id: TaskId,
    /// Its version when it was claimed: the fencing token.
    pub version: StateVersion,
    /// Why, in one line.
    pub error: String,
    /// Whether trying again is pointless: attempts are used up, or the error can't be mended. A video then goes a tier
    /// lower, if it can.
    pub exhausted: bool,
    /// Whether the attempt was cut short from outside, as by a shutdown, and counts neither as a claim nor as a failure.
    pub uncounted: bool,
    /// What it called.
    pub tool_calls: Vec<ToolCall>,
}

/// What became of tasks given back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Released {
    /// May be claimed again.
    pub ready: Vec<TaskId>,
    /// May be claimed again, and are ready too: videos that are made a tier lower.
    pub lowered: Vec<(TaskId, VideoStep)>,
    /// Gave up.
    pub failed: Vec<TaskId>,
    /// Waited for one that gave up.
    pub cancelled: Vec<TaskId>,
    /// Came too late: the task is someone else's.
    pub fenced: Vec<TaskId>,
}

impl Store {
    /// Takes results: EXECUTING at the claimed version moves to JUDGE_REVIEW with its artifact. A stale one is fenced and
    /// its artifact dropped. Tool calls are recorded either way, those in an accepted artifact's tool log too.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then nothing was written.
    pub async fn task_submit(&self, submissions: Vec<Submission>, now: DateTime<Utc>) -> Result<Submitted> {
        self.retrying(|| self.submit_once(&submissions, now)).await
    }

    async fn submit_once(&self, submissions: &[Submission], now: DateTime<Utc>) -> Result<Submitted> {
        let tx = self.begin_relaxed().await?;
        let rows = moves::lock(&*tx, self.tenant, submissions.iter().map(|s| s.task_id.as_uuid())).await?;
        let mut done = Submitted::default();
        let (mut artifacts, mut calls, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        let mut attempts = Vec::with_capacity(submissions.len());
        let mut taken = HashSet::new();
        for submission in submissions {
            calls.extend(&submission.tool_calls);
            let row = held(&rows, submission.task_id, submission.version).filter(|row| taken.insert(row.id));
            attempts.push(Attempt::submitted(submission, row));
            let Some(row) = row else {
                done.fenced.push(submission.task_id);
                continue;
            };
            calls.extend(&submission.artifact.tool_log);
            moved.push(Move::of(row, TaskEvent::Submit)?.yielding(submission.artifact.id.as_uuid()));
            artifacts.push(&submission.artifact);
            done.accepted.push(submission.task_id);
        }
        batch::insert::<artifacts::Entity>(&*tx, self.tenant, artifacts).await?;
        let new_calls = insert_calls(&*tx, self.tenant, calls).await?;
        tx.entered(self.close_attempts(&*tx, attempts, new_calls, now).await?);
        moves::apply(&*tx, self.tenant, &moved, now).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Takes tasks back: READY again, or FAILED when exhausted, which cancels everything that waits for them. A planned
    /// video that is exhausted is READY again a tier lower instead, as long as there is one. An alert whose subject is
    /// the id of a task that did not fail is not raised.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; then nothing was written.
    pub async fn task_release(
        &self,
        releases: Vec<Release>,
        alerts: Vec<Alert>,
        now: DateTime<Utc>,
    ) -> Result<Released> {
        self.retrying(|| self.release_once(&releases, &alerts, now)).await
    }

    async fn release_once(&self, releases: &[Release], alerts: &[Alert], now: DateTime<Utc>) -> Result<Released> {
        let tx = self.begin_relaxed().await?;
        let rows = moves::lock(&*tx, self.tenant, releases.iter().map(|r| r.task_id.as_uuid())).await?;
        let mut done = Released::default();
        let mut moved = Vec::new();
        let mut taken = HashSet::new();
        let known = releases.iter().filter_map(|r| Some((rows.get(&r.task_id.as_uuid())?, r)));
        let attempts = known.map(|(row, release)| Attempt::given_back(release, row)).collect();
        for release in releases {
            let row = held(&rows, release.task_id, release.version).filter(|row| taken.insert(row.id));
            let Some(row) = row else {
                done.fenced.push(release.task_id);
                continue;
            };
            if release.exhausted
                && let Some(lowered) = lowered(row, Shortfall::Tool, &release.error, now)
            {
                let step = Move::of(row, TaskEvent::Release)?.because(&release.error).lowered(self.tenant, &lowered)?;
                moved.push(step);
                done.ready.push(release.task_id);
                done.lowered.push((release.task_id, lowered.step));
                continue;
            }
            let event = if release.exhausted { TaskEvent::Exhaust } else { TaskEvent::Release };
            let step = Move::of(row, event)?.because(&release.error);
            let step = if release.uncounted { step.unclaimed(row) } else { step.failed(row) };
            if step.to == TaskState::Failed { &mut done.failed } else { &mut done.ready }.push(release.task_id);
            moved.push(step);
        }
        moves::apply(&*tx, self.tenant, &moved, now).await?;
        done.cancelled = graph::cancel_dependents(&*tx, self.tenant, &done.failed, now).await?;
        let new_calls = insert_calls(&*tx, self.tenant, releases.iter().flat_map(|r| &r.tool_calls)).await?;
        tx.entered(self.close_attempts(&*tx, attempts, new_calls, now).await?);
        let alive = done.fenced.iter().chain(done.lowered.iter().map(|(id, _)| id));
        let alive: HashSet<String> = alive.map(ToString::to_string).collect();
        raise(&*tx, self.tenant, alerts.iter().filter(|alert| !alive.contains(&alert.subject))).await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// The row, if it is EXECUTING at the version that the worker claimed.
fn held(rows: &HashMap<Uuid, Model>, id: TaskId, version: StateVersion) -> Option<&Model> {
    rows.get(&id.as_uuid()).filter(|row| row.version() == version && row.state == TaskState::Executing.as_str())
}

/// What becomes of a locked row's task where it would otherwise be a dead letter; `None` where it is one, as where it
/// can't be read.
pub(super) fn lowered(row: &Model, cause: Shortfall, why: &str, now: DateTime<Utc>) -> Option<Lowered> {
    let is_video = row.kind().is_ok_and(|kind| kind == TaskType::GenerateVideo);
    let task = is_video.then(|| Entity::read(row.clone()).ok()).flatten()?;
    task.lowered(cause, why, now)
}
