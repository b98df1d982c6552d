//! The sweeper: whatever a dead process or a lossy queue left lying is put back or delivered again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use uuid::Uuid;

use chimera_domain::{Alert, AlertKind, Outdated, Severity, TaskEvent, TaskId, TaskState, TaskType, error_chain};

use super::{
    decide::withdraw_tickets,
    graph,
    ground::{self, Grounds},
    moves,
};
use crate::{
    Result, Store,
    alerts::{alert_id, raise},
    audit::{self, records},
    batch,
    entity::tasks::{Column, Entity, Model},
    publish,
    tasks::moves::Move,
};

/// How far one sweep goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepLimits {
    /// A task whose worker vanished for the so-manieth time gives up.
    pub vanished_max: u32,
    /// READY and APPROVED tasks untouched for so long are delivered again.
    pub ready_older_than: Duration,
    /// JUDGE_REVIEW tasks untouched for so long are delivered again.
    pub review_older_than: Duration,
    /// At most so many of each kind.
    pub batch: u64,
    /// How many ids wait in the queues.
    pub queued: Queued,
}

/// How many ids wait in each queue. Work that waits because there is more of it than hands is no lost work: delivered
/// again at each sweep, it would bury the queue under its own copies. So only so much is delivered again as the queue
/// lacks, what has waited longest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Queued {
    /// For workers.
    pub ready: u64,
    /// For judges.
    pub review: u64,
    /// For publishers.
    pub approved: u64,
}

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// To be delivered to workers: old READY ones, and EXECUTING ones whose lease lapsed (put back).
    pub ready: Vec<TaskId>,
    /// Whose worker vanished too often: gave up, each with an alert.
    pub failed: Vec<TaskId>,
    /// Waited for one that gave up, or were void: their campaign or their persona had moved.
    pub cancelled: Vec<TaskId>,
    /// To be delivered to judges: results, and posts whose persona has changed, to be planned anew.
    pub review: Vec<TaskId>,
    /// To be delivered to publishers.
    pub approved: Vec<TaskId>,
    /// How many PUBLISHING tasks are past their lease; [`crate::Store::publish_stale`] hands them out.
    pub stale_publishing: u64,
}

/// Who withdraws the questions on tasks that are void.
const SWEEPER: &str = "sweeper";

/// A task may be what kills its workers.
const WORKERS_VANISHED: &str = "workers_vanished";

impl Store {
    /// Puts EXECUTING tasks whose lease has lapsed (on the database's clock) back to READY, or to FAILED when their
    /// workers vanished too often, and presumes spent what was set aside for those attempts; cancels what is void; and
    /// names what waits without being worked on. Tasks of paused campaigns are not delivered, nor posts of quiet ones,
    /// nor those that would follow others too closely. Posts whose persona has changed are not cancelled here but
    /// delivered to the judges, who plan them anew; their parts are cancelled once nobody waits for them.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; what an earlier step put back stays so.
    pub async fn sweep(&self, limits: SweepLimits, now: DateTime<Utc>) -> Result<Swept> {
        let mut swept = self.retrying(|| self.sweep_lapsed(limits, now)).await?;
        swept.cancelled.extend(self.retrying(|| self.sweep_void(limits, now)).await?);
        self.spend_presume(now).await?;
        let ready_before = now - limits.ready_older_than;
        let review_before = now - limits.review_older_than;
        let Queued { ready, review, approved } = limits.queued;
        let standing = self.standing(TaskState::Ready);
        swept.ready.extend(self.waiting(standing, ready_before, ready, limits.batch).await?);
        swept.review = self.for_judges(review_before, review, limits.batch).await?;
        let rested = Column::Id.not_in_subquery(publish::resting(self.tenant, self.backend));
        let standing = self.standing(TaskState::Approved).filter(rested);
        swept.approved = self.waiting(standing.clone(), ready_before, approved, limits.batch).await?;
        // Mostly nothing waits here, and then nobody needs to know who is quiet, or posted just now.
        if !swept.approved.is_empty() {
            let (quiet, in_pace) = (self.campaigns_quiet(now).await?, self.in_pace(now).await?);
            if !quiet.is_empty() || in_pace.is_some() {
                let in_pace = in_pace.unwrap_or_else(Condition::all);
                let may_go = standing.filter(ground::not_of(&quiet)).filter(in_pace);
                swept.approved = self.waiting(may_go, ready_before, approved, limits.batch).await?;
            }
        }
        swept.stale_publishing = self.lapsed(TaskState::Publishing).count(&self.db).await?;
        Ok(swept)
    }

    /// Tasks in `state` whose lease has lapsed.
    pub(crate) fn lapsed(&self, state: TaskState) -> Select<Entity> {
        Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.eq(state.as_str()))
            .filter(Expr::col((Entity, Column::LeaseExpiresMs)).lte(self.backend.clock_ms()))
    }

    async fn sweep_lapsed(&self, limits: SweepLimits, now: DateTime<Utc>) -> Result<Swept> {
        let tx = self.begin().await?;
        let rows = self
            .lapsed(TaskState::Executing)
            .order_by_asc(Column::LeaseExpiresMs)
            .limit(limits.batch)
            .lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked)
            .all(&*tx)
            .await?;
        let mut swept = Swept::default();
        let (mut moved, mut alerts) = (Vec::with_capacity(rows.len()), Vec::new());
        for row in &rows {
            // A count that makes no sense can't be trusted to end.
            let vanished = u32::try_from(row.attempts.saturating_sub(row.failures)).unwrap_or(u32::MAX);
            let exhausted = vanished >= limits.vanished_max;
            let event = if exhausted { TaskEvent::Exhaust } else { TaskEvent::Release };
            let Some(step) = movable(row, event) else { continue };
            let mut why = lapse(row);
            if exhausted {
                why = format!(
                    "its worker vanished {vanished} times, as if it killed whoever takes it; the last time: {why}. Look at \
                     the logs of the workers, then retry the task"
                );
                swept.failed.push(step.id());
                alerts.push(self.vanished(row, &why, now));
            } else {
                swept.ready.push(step.id());
            }
            moved.push(step.because(&why));
        }
        moves::apply(&*tx, self.tenant, &moved, now).await?;
        swept.cancelled = graph::cancel_dependents(&*tx, self.tenant, &swept.failed, now).await?;
        raise(&*tx, self.tenant, &alerts).await?;
        tx.commit().await?;
        Ok(swept)
    }

    /// Tells an operator of a task whose last worker vanished.
    fn vanished(&self, row: &Model, why: &str, now: DateTime<Utc>) -> Alert {
        Alert {
            id: alert_id(WORKERS_VANISHED, row.id, row.state_version),
            tenant_id: self.tenant,
            trace_id: row.trace_id.parse().ok(),
            kind: AlertKind::DeadLetter,
            severity: Severity::Warning,
            subject: TaskId::from_uuid(row.id).to_string(),
            reason_code: WORKERS_VANISHED.to_owned(),
            message: why.to_owned(),
            acknowledged_by: None,
            created_at: now,
        }
    }

    /// Cancels what is void. A question whether a post is out stays until someone has looked; a post that nobody saw out,
    /// and that would have been tried again, is cancelled, and the ledger keeps saying that nobody knows.
    async fn sweep_void(&self, limits: SweepLimits, now: DateTime<Utc>) -> Result<Vec<TaskId>> {
        let in_doubt = Column::Id.in_subquery(publish::perhaps_out(self.tenant));
        let asked = Expr::col((Entity, Column::State)).eq(TaskState::HitlQueue.as_str()).and(in_doubt.clone());
        let approved = Expr::col((Entity, Column::State)).eq(TaskState::Approved.as_str());
        let of_no_use = Condition::any()
            .add(ground::is_publishable().not().and(ground::is_awaited(self.tenant).not()))
            .add(approved.and(in_doubt));
        let void = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.is_in(cancellable().map(TaskState::as_str)))
            .filter(
                Condition::any()
                    .add(ground::of_moved_campaign(self.tenant))
                    .add(Condition::all().add(ground::of_moved_persona(self.tenant)).add(of_no_use)),
            )
            .filter(asked.not())
            .limit(limits.batch);
        // Mostly there are none; a reading is cheaper than a writing transaction.
        if void.clone().select_only().column(Column::Id).into_tuple::<Uuid>().one(&self.db).await?.is_none() {
            return Ok(vec![]);
        }
        let tx = self.begin().await?;
        let rows = void.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked).all(&*tx).await?;
        let rests_on = rows.iter().map(|row| (row.campaign_id, row.agent_id));
        let grounds = Grounds::glimpse(&*tx, self.tenant, rests_on).await?;
        let (mut moved, mut logged) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in &rows {
            let Some((step, why)) = voided(row, &grounds) else { continue };
            moved.push(step);
            logged.push(records::cancelled(row, &why.to_string(), now));
        }
        moves::apply(&*tx, self.tenant, &moved, now).await?;
        let ids: Vec<Uuid> = moved.iter().map(|step| step.id().as_uuid()).collect();
        logged.extend(withdraw_tickets(&*tx, self.tenant, &ids, SWEEPER, now).await?);
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(moved.iter().map(Move::id).collect())
    }

    /// Results that no judge weighs, and posts on which nobody works and that were planned under another SOUL.md, for the
    /// judges to plan anew: untouched since `before`, and as many as their queue lacks.
    async fn for_judges(&self, before: DateTime<Utc>, queued: u64, limit: u64) -> Result<Vec<TaskId>> {
        let expires = || Expr::col((Entity, Column::LeaseExpiresMs));
        let unweighed = expires().is_null().or(expires().lte(self.backend.clock_ms()));
        let results = self.in_state(TaskState::JudgeReview).filter(unweighed);
        // Those in review are delivered as such.
        let renewable = self.renewable().filter(Column::State.ne(TaskState::JudgeReview.as_str()));
        let lacking = self.lacking([&results, &renewable], queued, limit).await?;
        let mut ids = self.oldest(results, before, lacking).await?;
        let rest = lacking.saturating_sub(u64::try_from(ids.len()).unwrap_or(u64::MAX));
        ids.extend(self.oldest(renewable, before, rest).await?);
        Ok(ids)
    }

    /// Posts that were planned under another SOUL.md, on which nobody works and that are certainly not out.
    pub(crate) fn renewable(&self) -> Select<Entity> {
        let idle = cancellable().filter(|state| *state != TaskState::Executing);
        Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.is_in(idle.map(TaskState::as_str)))
            .filter(ground::is_publishable())
            .filter(ground::of_moved_persona(self.tenant))
            .filter(ground::of_moved_campaign(self.tenant).not())
            .filter(Column::Id.not_in_subquery(publish::perhaps_out(self.tenant)))
    }

    /// Those of these tasks that are untouched since `before`: as many as the queue lacks, in which `queued` ids wait.
    async fn waiting(&self, of: Select<Entity>, before: DateTime<Utc>, queued: u64, limit: u64) -> Result<Vec<TaskId>> {
        let lacking = self.lacking([&of], queued, limit).await?;
        self.oldest(of, before, lacking).await
    }

    /// Tasks in `state` that may go on. Those whose campaign is paused wait for something else.
    fn standing(&self, state: TaskState) -> Select<Entity> {
        self.in_state(state).filter(ground::standing(self.tenant))
    }

    fn in_state(&self, state: TaskState) -> Select<Entity> {
        Entity::find().filter(batch::of_tenant::<Entity>(self.tenant)).filter(Column::State.eq(state.as_str()))
    }

    /// How many of these tasks can't be in a queue in which `queued` ids wait; at most `limit`.
    async fn lacking<const N: usize>(&self, of: [&Select<Entity>; N], queued: u64, limit: u64) -> Result<u64> {
        if queued == 0 {
            return Ok(limit);
        }
        let mut count = 0_u64;
        for select in of {
            count = count.saturating_add(PaginatorTrait::count(select.clone(), &self.db).await?);
        }
        Ok(Ord::min(count.saturating_sub(queued), limit))
    }

    /// Those untouched since `before`, the longest waiting first.
    async fn oldest(&self, of: Select<Entity>, before: DateTime<Utc>, limit: u64) -> Result<Vec<TaskId>> {
        if limit == 0 {
            return Ok(vec![]);
        }
        let ids: Vec<Uuid> = of
            .select_only()
            .column(Column::Id)
            .filter(Column::UpdatedAt.lte(before))
            .order_by_asc(Column::UpdatedAt)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(ids.into_iter().map(TaskId::from_uuid).collect())
    }
}

/// The row's move; `None`, and a line in the log, when the row is damaged: it must not keep the others lying.
fn movable(row: &Model, event: TaskEvent) -> Option<Move> {
    let step = Move::of(row, event);
    step.inspect_err(|error| tracing::error!(task_id = %row.id, error = %error_chain(error), "a task can't be swept"))
        .ok()
}

/// The cancelling of a void row, and why; `None` when it holds after all, or, with a line in the log, when it is damaged.
fn voided(row: &Model, grounds: &Grounds) -> Option<(Move, Outdated)> {
    let step = grounds.voids(row).and_then(|void| {
        void.map(|why| Ok((Move::cancel(row, why.cancel_reason(), &why.to_string())?, why))).transpose()
    });
    step.inspect_err(|error| tracing::error!(task_id = %row.id, error = %error_chain(error), "a task can't be swept"))
        .ok()
        .flatten()
}

/// States from which the state machine lets every kind of task be cancelled.
fn cancellable() -> impl Iterator<Item = TaskState> {
    let every_kind = |state: &TaskState| TaskType::ALL.iter().all(|kind| state.on(TaskEvent::Cancel, *kind).is_ok());
    TaskState::ALL.iter().copied().filter(every_kind)
}

fn lapse(row: &Model) -> String {
    format!("the lease of {} lapsed", row.lease_owner.as_deref().unwrap_or("its worker"))
}
