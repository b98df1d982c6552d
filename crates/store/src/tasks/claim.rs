//! Claims and heartbeats: one compare-and-set each, on the database's clock. With a claim, money is set aside.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, UpdateMany,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Order, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{
    AgentTask, Alert, AlertKind, Priority, Severity, Shortfall, SpendCap, StateVersion, TaskEvent, TaskId, TaskState,
    TaskType, Usd, VideoStep, error_chain,
};

use super::{
    each_with_dependencies, graph, ground,
    moves::{self, Move},
    results::lowered,
};
use crate::{
    Result, Store,
    alerts::{alert_id, raise},
    batch,
    codec::{text, time, wide},
    dialect::{LISTED_MAX, unindexed},
    entity::tasks::{Column, Entity, Model},
    spend::{self, Purses, Refusal, Wish},
    versioned::{self, Seen},
};

/// READY and EXECUTING are named here because a claim is one statement, without a reading before it;
/// a test holds this to [`TaskState::on`].
const CLAIMED_FROM: TaskState = TaskState::Ready;
const CLAIMED_TO: TaskState = TaskState::Executing;
/// States in which a task may have a lease.
const LEASED: [TaskState; 3] = [CLAIMED_TO, TaskState::JudgeReview, TaskState::Publishing];

/// Why a task waits whose agent's money is not spent but set aside.
const SET_ASIDE: &str = "its agent's money is set aside for other tasks; it waits until these have settled";

/// Who claims, and on what terms.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// Who will hold the tasks.
    pub worker: &'a str,
    /// For how long, on the database's clock.
    pub lease: Duration,
    /// The caller's present moment: money set aside counts in its day and hour.
    pub now: DateTime<Utc>,
    /// Types of tasks whose tools cost nothing: no money is set aside for them.
    pub free: &'a [TaskType],
}

impl<'a> Claim<'a> {
    /// A claim for tasks none of which is free.
    #[must_use]
    pub const fn new(worker: &'a str, lease: Duration, now: DateTime<Utc>) -> Self {
        Self { worker, lease, now, free: &[] }
    }
}

/// What became of a claim.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Claimed {
    /// The claimer's, highest priority first, then oldest.
    pub tasks: Vec<AgentTask>,
    /// The day's money does not cover them: dead letters, with an alert each.
    pub failed: Vec<TaskId>,
    /// The hour's money does not cover them, or what is set aside for others leaves too little: still READY.
    pub waiting: Vec<TaskId>,
    /// Videos that the day's money does not cover, to be made a tier lower: READY, and may be claimed at once.
    pub lowered: Vec<(TaskId, VideoStep)>,
}

/// What was claimed and can't be paid for.
#[derive(Debug, Default)]
struct TurnedAway {
    failed: Vec<TaskId>,
    waiting: Vec<TaskId>,
    lowered: Vec<(TaskId, VideoStep)>,
}

impl TurnedAway {
    fn has(&self, id: Uuid) -> bool {
        let lowered = self.lowered.iter().map(|(id, _)| id);
        self.failed.iter().chain(&self.waiting).chain(lowered).any(|turned| turned.as_uuid() == id)
    }
}

impl Store {
    /// Takes those of these tasks that are READY and not void, and whose campaign is ACTIVE. Each is given to one claimer only; its
    /// version is the fencing token. One that can't be read is logged and left out: its lease lapses, and in the end the
    /// sweeper gives it up.
    ///
    /// In the same transaction each task's whole cap is set aside in the spend ledger, unless its tools are free. A
    /// task that would go beyond its agent's daily cap becomes a dead letter, with an alert; an operator may retry it
    /// when the day has turned or the cap was raised; a planned video is made a tier lower instead, as long as there is
    /// one. One that would go beyond the hourly cap stays READY, and so does one for which there is no room only
    /// because of what is set aside for others: much of it mostly comes back.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn task_claim(&self, ids: &[TaskId], claim: Claim<'_>) -> Result<Claimed> {
        let mut claimed = Claimed::default();
        for chunk in ids.chunks(LISTED_MAX) {
            let (rows, turned) = self.retrying(|| self.claim_once(chunk, claim)).await?;
            claimed.failed.extend(turned.failed);
            claimed.waiting.extend(turned.waiting);
            claimed.lowered.extend(turned.lowered);
            for task in each_with_dependencies(&self.db, self.tenant, rows).await? {
                match task {
                    Ok(task) => claimed.tasks.push(task),
                    Err(error) => tracing::error!(error = %error_chain(&error), "a claimed task can't be read"),
                }
            }
        }
        claimed.tasks.sort_by_key(|task| task.priority);
        Ok(claimed)
    }

    /// The rows claimed, and what can't be paid for.
    async fn claim_once(&self, ids: &[TaskId], claim: Claim<'_>) -> Result<(Vec<Model>, TurnedAway)> {
        let tx = self.begin().await?;
        let update = Entity::update_many()
            .col_expr(Column::State, Expr::val(CLAIMED_TO.as_str()))
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1_i64))
            .col_expr(Column::StateVersion, Expr::col(Column::StateVersion).add(1_i64))
            .col_expr(Column::LeaseOwner, Expr::val(text(claim.worker)))
            .col_expr(Column::LeaseExpiresMs, self.lease_end(claim.lease))
            .col_expr(Column::UpdatedAt, Expr::val(time(claim.now)))
            .filter(self.backend.is_one_of(Expr::col((Entity, Column::Id)), self.claimable(ids)));
        // Agents and their purses before tasks, as everywhere.
        let purses = Purses::lock(&*tx, self, self.payers(ids, claim.free)).await?;
        let mut rows = update.exec_with_returning(&*tx).await?;
        let wishes = wishes(&rows, claim.free);
        let (entered, refused) = spend::reserve(&*tx, self.tenant, &purses, wishes, claim.now).await?;
        tx.entered(entered);
        let turned = self.turn_away(&*tx, &refused, claim.now).await?;
        tx.commit().await?;
        rows.retain(|row| !turned.has(row.id));
        Ok((rows, turned))
    }

    /// Moves tasks that can't be paid for: to FAILED where the day's money is used up, back to READY where the hour's is, or
    /// where it is only set aside, or where less will do.
    async fn turn_away(
        &self,
        db: &impl ConnectionTrait,
        refused: &[Refusal<'_>],
        now: DateTime<Utc>,
    ) -> Result<TurnedAway> {
        let mut turned = TurnedAway::default();
        let (mut steps, mut alerts) = (Vec::new(), Vec::new());
        for refusal in refused {
            let alert = self.unaffordable(refusal, now);
            let is_dead = refusal.cap == SpendCap::Daily && !refusal.may_come_back;
            if is_dead && let Some(lowered) = lowered(refusal.row, Shortfall::Money, &alert.message, now) {
                let step = Move::of(refusal.row, TaskEvent::Release)?.because(&alert.message);
                steps.push(step.lowered(self.tenant, &lowered)?);
                turned.lowered.push((TaskId::from_uuid(refusal.row.id), lowered.step));
                continue;
            }
            let (event, why) = match refusal.cap {
                _ if refusal.may_come_back => (TaskEvent::Release, SET_ASIDE),
                SpendCap::Daily => (TaskEvent::Exhaust, alert.message.as_str()),
                SpendCap::Hourly => (TaskEvent::Release, alert.message.as_str()),
            };
            let step = Move::of(refusal.row, event)?.because(why).unclaimed(refusal.row);
            if step.to == TaskState::Failed { &mut turned.failed } else { &mut turned.waiting }.push(step.id());
            steps.push(step);
            // Nobody needs to do anything about what is only set aside.
            alerts.extend(Some(alert).filter(|_| !refusal.may_come_back));
        }
        moves::apply(db, self.tenant, &steps, now).await?;
        graph::cancel_dependents(db, self.tenant, &turned.failed, now).await?;
        raise(db, self.tenant, &alerts).await?;
        Ok(turned)
    }

    fn unaffordable(&self, refusal: &Refusal<'_>, now: DateTime<Utc>) -> Alert {
        let Refusal { row, agent, cap, left, .. } = refusal;
        let (left, cost) = ((*left).max(Usd::ZERO), Usd::from_micros(row.budget_cap_micros));
        let (kind, subject, message) = match cap {
            SpendCap::Daily => (
                AlertKind::DeadLetter,
                row.id.to_string(),
                format!(
                    "{agent} may spend ${left} more today, and this task up to ${cost}; raise the agent's daily cap or wait \
                     for midnight UTC, then retry the task"
                ),
            ),
            SpendCap::Hourly => (
                AlertKind::GovernorCap,
                agent.clone(),
                format!("{agent} may spend ${left} more this hour; work that may cost more waits for the next one"),
            ),
        };
        Alert {
            id: alert_id(cap.reason_code(), row.id, row.state_version),
            tenant_id: self.tenant,
            trace_id: row.trace_id.parse().ok(),
            kind,
            severity: Severity::Warning,
            subject,
            reason_code: cap.reason_code().to_owned(),
            message,
            acknowledged_by: None,
            created_at: now,
        }
    }

    /// Prolongs the leases of tasks that `worker` still holds at these versions, from now on the database's clock;
    /// returns those. A lease is not part of the row's content: versions stay, for they are the fencing tokens.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn task_heartbeat(
        &self,
        held: &[(TaskId, StateVersion)],
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<TaskId>> {
        let held: Vec<Seen> = held.iter().map(|(id, version)| (id.as_uuid(), *version)).collect();
        let mut still = Vec::new();
        for chunk in held.chunks(LISTED_MAX / 4) {
            let _turn = self.turn().await;
            let held = self
                .among(chunk.iter().map(|(id, _)| *id))
                .and_where(versioned::is_still::<Entity>(chunk))
                .and_where(Column::LeaseOwner.eq(text(worker)))
                .and_where(Column::State.is_in(LEASED.map(TaskState::as_str)))
                .take();
            let beat = self.locked(held).col_expr(Column::LeaseExpiresMs, self.lease_end(lease));
            let rows = beat.exec_with_returning(&self.db).await?;
            still.extend(rows.into_iter().map(|row| TaskId::from_uuid(row.id)));
        }
        Ok(still)
    }

    /// Sets those of these tasks in JUDGE_REVIEW aside for `judge` that no other judge weighs, and returns them: two judges
    /// would pay the mind for the same opinion. This is thrift, not a claim; versions stay, and of two rulings the first
    /// still counts. [`Self::task_heartbeat`] keeps it up, a ruling ends it.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn review_reserve(&self, ids: &[TaskId], judge: &str, lease: Duration) -> Result<Vec<TaskId>> {
        let free = Condition::any()
            .add(Column::LeaseExpiresMs.is_null())
            .add(Expr::col((Entity, Column::LeaseExpiresMs)).lte(self.backend.clock_ms()))
            .add(Column::LeaseOwner.eq(text(judge)));
        let mut mine = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(LISTED_MAX) {
            let _turn = self.turn().await;
            let rows = self
                .locked(self.in_review(chunk).cond_where(free.clone()).take())
                .col_expr(Column::LeaseOwner, Expr::val(text(judge)))
                .col_expr(Column::LeaseExpiresMs, self.lease_end(lease))
                .exec_with_returning(&self.db)
                .await?;
            mine.extend(rows.into_iter().map(|row| TaskId::from_uuid(row.id)));
        }
        Ok(mine)
    }

    /// Gives back what `judge` has set aside of these tasks and did not rule on.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn review_release(&self, ids: &[TaskId], judge: &str) -> Result<()> {
        for chunk in ids.chunks(LISTED_MAX) {
            let _turn = self.turn().await;
            let own = self.in_review(chunk).and_where(Column::LeaseOwner.eq(text(judge))).take();
            self.locked(own)
                .col_expr(Column::LeaseOwner, Expr::val(None::<String>))
                .col_expr(Column::LeaseExpiresMs, Expr::val(None::<i64>))
                .exec(&self.db)
                .await?;
        }
        Ok(())
    }

    fn in_review(&self, ids: &[TaskId]) -> SelectStatement {
        self.among(ids.iter().map(|id| id.as_uuid()))
            .and_where(Column::State.eq(TaskState::JudgeReview.as_str()))
            .take()
    }

    /// The ids of these tasks.
    fn among(&self, ids: impl Iterator<Item = Uuid>) -> SelectStatement {
        Query::select()
            .column((Entity, Column::Id))
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::Id.is_in(batch::padded(ids)))
            .take()
    }

    /// An update of the tasks that are selected, locked in the order of ids as everywhere: one that took them as it finds
    /// them would stand in a circle with whoever goes by the ids.
    fn locked(&self, mut tasks: SelectStatement) -> UpdateMany<Entity> {
        let tasks = tasks.order_by((Entity, Column::Id), Order::Asc).lock(LockType::NoKeyUpdate).take();
        Entity::update_many().filter(self.backend.is_one_of(Expr::col((Entity, Column::Id)), tasks))
    }

    /// Ends every lease that `worker` still has, so that what it held need not wait for them to lapse: for a process that
    /// ends before its work. Tasks stay where they are; whoever looks for lapsed leases finds them. Returns how many.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn leases_end(&self, worker: &str) -> Result<u64> {
        let _turn = self.turn().await;
        let own = Query::select()
            .column((Entity, Column::Id))
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::State.is_in(LEASED.map(TaskState::as_str)))
            .and_where(Column::LeaseOwner.eq(text(worker)))
            .and_where(Expr::col((Entity, Column::LeaseExpiresMs)).gt(self.backend.clock_ms()))
            .take();
        let ended = self.locked(own).col_expr(Column::LeaseExpiresMs, self.backend.clock_ms()).exec(&self.db).await?;
        Ok(ended.rows_affected)
    }

    /// The moment at which a lease of this length ends, in Unix milliseconds on the database's clock.
    pub(crate) fn lease_end(&self, lease: Duration) -> Expr {
        let millis = Ord::min(wide(u64::try_from(lease.as_millis()).unwrap_or(u64::MAX)), i64::MAX / 2);
        self.backend.clock_ms().add(millis)
    }

    /// The agents whose money these tasks may cost. Whose a task is never changes, and what it may cost only falls.
    fn payers(&self, ids: &[TaskId], free: &[TaskType]) -> SelectStatement {
        Query::select()
            .column((Entity, Column::AgentId))
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::Id.is_in(batch::padded(ids.iter().map(|id| id.as_uuid()))))
            .and_where(Expr::col((Entity, Column::BudgetCapMicros)).gt(0_i64))
            .and_where(Expr::col((Entity, Column::TaskType)).is_not_in(free.iter().map(|kind| kind.as_str())))
            .take()
    }

    /// Rows that another claimer holds locked are passed over, not waited for.
    fn claimable(&self, ids: &[TaskId]) -> SelectStatement {
        Query::select()
            .column(Column::Id)
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::Id.is_in(batch::padded(ids.iter().map(|id| id.as_uuid()))))
            .and_where(unindexed(Expr::col((Entity, Column::State))).eq(CLAIMED_FROM.as_str()))
            .cond_where(ground::standing(self.tenant))
            .lock_with_behavior(LockType::NoKeyUpdate, LockBehavior::SkipLocked)
            .take()
    }
}

/// The claimed tasks that may cost something, the most urgent first.
fn wishes<'a>(rows: &'a [Model], free: &[TaskType]) -> Vec<Wish<'a>> {
    let mut wishes: Vec<(Priority, Wish<'a>)> = rows
        .iter()
        .filter(|row| row.budget_cap_micros > 0)
        // One that can't be read is not worked on.
        .filter_map(|row| Some((row.priority.parse().ok()?, Wish { row, task_type: row.kind().ok()? })))
        .filter(|(_, wish)| !free.contains(&wish.task_type))
        .collect();
    wishes.sort_by_key(|(priority, wish)| (*priority, wish.row.created_at, wish.row.id));
    wishes.into_iter().map(|(_, wish)| wish).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chimera_domain::{TaskEvent, TaskType};

    #[test]
    fn the_claim_is_the_move_that_the_state_machine_knows() {
        for task_type in TaskType::ALL {
            assert_eq!(CLAIMED_FROM.on(TaskEvent::Claim, *task_type), Ok(CLAIMED_TO));
        }
    }
}
