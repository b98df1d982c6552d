//! The sweeper: whatever a dead process or a lossy queue left lying is put back or delivered again.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{CampaignStatus, TaskEvent, TaskId, TaskState, TaskType, error_chain};

use super::{decide::withdraw_tickets, graph, moves};
use crate::{
    Result, Store,
    audit::{self, records},
    batch,
    entity::{
        campaigns,
        tasks::{Column, Entity, Model},
    },
    publish,
    tasks::moves::Move,
};

/// How far one sweep goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepLimits {
    /// A task whose lease lapsed for the so-manieth time gives up.
    pub attempts_max: u32,
    /// READY and APPROVED tasks untouched for so long are delivered again.
    pub ready_older_than: Duration,
    /// JUDGE_REVIEW tasks untouched for so long are delivered again.
    pub review_older_than: Duration,
    /// At most so many of each kind.
    pub batch: u64,
}

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    /// To be delivered to workers: old READY ones, and EXECUTING ones whose lease lapsed (put back).
    pub ready: Vec<TaskId>,
    /// Lapsed and out of attempts: gave up. The caller raises the alerts.
    pub failed: Vec<TaskId>,
    /// Waited for one that gave up, or belonged to a campaign that ended.
    pub cancelled: Vec<TaskId>,
    /// To be delivered to judges.
    pub review: Vec<TaskId>,
    /// To be delivered to publishers.
    pub approved: Vec<TaskId>,
    /// How many PUBLISHING tasks are past their lease; [`crate::Store::publish_stale`] hands them out.
    pub stale_publishing: u64,
}

/// Who withdraws the questions on tasks of an ended campaign.
const SWEEPER: &str = "sweeper";
/// Why such tasks are cancelled.
const ENDED: &str = "its campaign has ended";

impl Store {
    /// Puts EXECUTING tasks whose lease has lapsed (on the database's clock) back to READY, or to FAILED when their
    /// attempts are used up; cancels the tasks of ended campaigns; and names what waits without being worked on.
    /// Tasks of paused campaigns are not delivered.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails; what an earlier step put back stays so.
    pub async fn sweep(&self, limits: SweepLimits, now: DateTime<Utc>) -> Result<Swept> {
        let mut swept = self.retrying(|| self.sweep_lapsed(limits, now)).await?;
        swept.cancelled.extend(self.retrying(|| self.sweep_ended(limits, now)).await?);
        let ready_before = now - limits.ready_older_than;
        let review_before = now - limits.review_older_than;
        let waiting = self.waiting(TaskState::Ready, ready_before, true, limits.batch).await?;
        swept.ready.extend(waiting);
        swept.review = self.waiting(TaskState::JudgeReview, review_before, false, limits.batch).await?;
        swept.approved = self.waiting(TaskState::Approved, ready_before, true, limits.batch).await?;
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
        let mut moved = Vec::with_capacity(rows.len());
        for row in &rows {
            // A count that makes no sense can't be trusted to end.
            let exhausted = u32::try_from(row.attempts).map_or(true, |attempts| attempts >= limits.attempts_max);
            let event = if exhausted { TaskEvent::Exhaust } else { TaskEvent::Release };
            let Some(step) = movable(row, event) else { continue };
            let step = step.because(&lapse(row));
            if exhausted { &mut swept.failed } else { &mut swept.ready }.push(step.id());
            moved.push(step);
        }
        moves::apply(&*tx, self.tenant, &moved, now).await?;
        swept.cancelled = graph::cancel_dependents(&*tx, self.tenant, &swept.failed, now).await?;
        tx.commit().await?;
        Ok(swept)
    }

    /// Cancels what can be cancelled. A question whether a post is out stays until someone has looked; a post that nobody
    /// saw out, and that would have been tried again, is cancelled, and the ledger keeps saying that nobody knows.
    async fn sweep_ended(&self, limits: SweepLimits, now: DateTime<Utc>) -> Result<Vec<TaskId>> {
        let ended = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.is_in(cancellable().map(TaskState::as_str)))
            .filter(Column::CampaignId.in_subquery(self.campaigns_in(CampaignStatus::Ended)))
            .filter(
                Condition::any()
                    .add(Column::State.ne(TaskState::HitlQueue.as_str()))
                    .add(Column::Id.not_in_subquery(publish::perhaps_out(self.tenant))),
            )
            .limit(limits.batch);
        // Mostly there are none; a reading is cheaper than a writing transaction.
        if ended.clone().select_only().column(Column::Id).into_tuple::<Uuid>().one(&self.db).await?.is_none() {
            return Ok(vec![]);
        }
        let tx = self.begin().await?;
        let rows = ended.lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked).all(&*tx).await?;
        let (mut moved, mut logged) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in &rows {
            let Some(step) = movable(row, TaskEvent::Cancel) else { continue };
            moved.push(step.because(ENDED));
            logged.push(records::cancelled(row, ENDED, now));
        }
        moves::apply(&*tx, self.tenant, &moved, now).await?;
        let ids: Vec<Uuid> = moved.iter().map(|step| step.id().as_uuid()).collect();
        logged.extend(withdraw_tickets(&*tx, self.tenant, &ids, SWEEPER, now).await?);
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(moved.iter().map(Move::id).collect())
    }

    /// Tasks in `state` untouched since `before`, the longest waiting first.
    async fn waiting(
        &self,
        state: TaskState,
        before: DateTime<Utc>,
        active_only: bool,
        limit: u64,
    ) -> Result<Vec<TaskId>> {
        let mut select = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.eq(state.as_str()))
            .filter(Column::UpdatedAt.lte(before))
            .order_by_asc(Column::UpdatedAt)
            .limit(limit);
        if active_only {
            select = select.filter(Column::CampaignId.in_subquery(self.campaigns_in(CampaignStatus::Active)));
        }
        let ids: Vec<Uuid> = select.into_tuple().all(&self.db).await?;
        Ok(ids.into_iter().map(TaskId::from_uuid).collect())
    }

    fn campaigns_in(&self, status: CampaignStatus) -> SelectStatement {
        Query::select()
            .column(campaigns::Column::Id)
            .from(campaigns::Entity)
            .and_where(batch::of_tenant::<campaigns::Entity>(self.tenant))
            .and_where(campaigns::Column::Status.eq(status.as_str()))
            .take()
    }
}

/// The row's move; `None`, and a line in the log, when the row is damaged: it must not keep the others lying.
fn movable(row: &Model, event: TaskEvent) -> Option<Move> {
    let step = Move::of(row, event);
    step.inspect_err(|error| tracing::error!(task_id = %row.id, error = %error_chain(error), "a task can't be swept"))
        .ok()
}

/// States from which the state machine lets every kind of task be cancelled.
fn cancellable() -> impl Iterator<Item = TaskState> {
    let every_kind = |state: &TaskState| TaskType::ALL.iter().all(|kind| state.on(TaskEvent::Cancel, *kind).is_ok());
    TaskState::ALL.iter().copied().filter(every_kind)
}

fn lapse(row: &Model) -> String {
    format!("the lease of {} lapsed", row.lease_owner.as_deref().unwrap_or("its worker"))
}
