//! The commit gate: a judge's rulings, all or none of a batch, each only at the version that was judged.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType},
};
use uuid::Uuid;

use chimera_domain::{
    Actor, AgentTask, AuditRecord, HitlTicket, IllegalTransition, JudgeDecision, Outdated, Resolution, StateVersion,
    TaskEvent, TaskId, TaskState, TenantId, ToolCall, Verdict,
};

use super::{graph, ground::Grounds, moves};
use crate::{
    Result, Store, StoreError,
    alerts::record_calls,
    audit::{self, records},
    batch,
    codec::{text, time},
    entity::{decisions, publications, tasks::Model, tickets},
    publish,
    tasks::moves::Move,
    versioned::{self, Seen},
};

/// A judge's decision with what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    /// The decision; it names the task.
    pub decision: JudgeDecision,
    /// The task's version when it was read.
    pub task_version: StateVersion,
    /// The move: Approve, AskHuman, Reject or Cancel. It must go with the verdict.
    pub event: TaskEvent,
    /// The question, when a person must decide.
    pub ticket: Option<HitlTicket>,
    /// New tasks that replace a rejected one. They may depend on each other and on tasks already stored; one that
    /// depends on a dead end is stored CANCELLED.
    pub replan: Vec<AgentTask>,
}

/// What became of rulings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// Moved, and the decision recorded.
    pub applied: Vec<TaskId>,
    /// Changed by someone else; nothing was recorded.
    pub conflicts: Vec<TaskId>,
    /// Void since they were judged, so not to be approved nor put before a person; nothing was recorded.
    pub outdated: Vec<(TaskId, Outdated)>,
    /// Tasks that may now be claimed: unlocked children and replacements.
    pub ready: Vec<TaskId>,
    /// Tasks that may now be published.
    pub approved: Vec<TaskId>,
    /// Tasks that waited for a rejected one.
    pub cancelled: Vec<TaskId>,
}

impl Store {
    /// Commits rulings. A task that was changed since it was judged is a conflict, and one whose campaign or persona has
    /// moved since it was planned is neither approved nor put before a person; nothing of such a ruling is recorded.
    /// Campaigns and agents can't be edited between this check and the commit. Otherwise the decision is appended, the task moves, its question is put, children whose last dependency is done
    /// become READY, replacements are inserted, and what waits for a rejected task is cancelled.
    ///
    /// The campaign may be paused: deciding is harmless, publishing has a gate of its own.
    ///
    /// Rulings are about results in JUDGE_REVIEW. In other states a task can be cancelled, but not while its post may be
    /// out; everything else about one that waits for a person is theirs to say ([`Self::ticket_resolve`]).
    ///
    /// # Errors
    /// [`StoreError::VerdictMismatch`], [`StoreError::TicketMissing`] or [`StoreError::Illegal`] for a ruling that no
    /// judge should make; then, and when the database fails, nothing was written.
    pub async fn task_decide(&self, rulings: Vec<Ruling>, now: DateTime<Utc>) -> Result<Decided> {
        self.task_decide_recording(&rulings, &[], now).await
    }

    /// The same, and records the calls that the rulings took, as [`Self::tool_calls_record`] does: whatever becomes of the
    /// rulings, unless this fails.
    ///
    /// # Errors
    /// As for [`Self::task_decide`]; then the calls are not recorded either.
    pub async fn task_decide_recording(
        &self,
        rulings: &[Ruling],
        calls: &[ToolCall],
        now: DateTime<Utc>,
    ) -> Result<Decided> {
        for ruling in rulings {
            check(ruling)?;
        }
        self.retrying(|| self.decide_once(rulings, calls, now)).await
    }

    async fn decide_once(&self, rulings: &[Ruling], calls: &[ToolCall], now: DateTime<Utc>) -> Result<Decided> {
        let tx = self.begin_relaxed().await?;
        let ids: Vec<Uuid> = rulings.iter().map(|r| r.decision.task_id.as_uuid()).collect();
        let grounds = Grounds::hold(&*tx, self.tenant, &ids).await?;
        let rows = moves::lock(&*tx, self.tenant, ids).await?;
        let perhaps_out = self.perhaps_out(&*tx, rows.values()).await?;
        let mut decided = Decided::default();
        let mut moved: Vec<(Move, &Ruling)> = Vec::new();
        let mut logged = Vec::with_capacity(rulings.len());
        let mut taken = HashSet::new();
        for ruling in rulings {
            let task_id = ruling.decision.task_id;
            let Some(row) = judged(&rows, ruling).filter(|row| taken.insert(row.id)) else {
                decided.conflicts.push(task_id);
                continue;
            };
            let void = grounds.voids(row)?;
            let goes_on = matches!(ruling.event, TaskEvent::Approve | TaskEvent::AskHuman);
            if let Some(why) = void.as_ref().filter(|_| goes_on) {
                decided.outdated.push((task_id, why.clone()));
                continue;
            }
            let step = ruled(row, ruling.event, &perhaps_out, void.as_ref())?;
            let step = match &ruling.ticket {
                Some(ticket) => step.asking(ticket.id.as_uuid()),
                None => step,
            };
            decided.applied.push(task_id);
            logged.push(records::decided(row, step.to, ruling.event, &ruling.decision, now));
            moved.push((step, ruling));
        }
        let applied = || moved.iter().map(|(_, ruling)| *ruling);
        batch::insert::<decisions::Entity>(&*tx, self.tenant, applied().map(|r| &r.decision)).await?;
        batch::insert::<tickets::Entity>(&*tx, self.tenant, applied().filter_map(|r| r.ticket.as_ref())).await?;
        let withdrawn = applied().filter(|r| r.event == TaskEvent::Cancel).map(|r| &r.decision);
        logged.extend(withdraw(&*tx, self.tenant, withdrawn, now).await?);
        let steps: Vec<&Move> = moved.iter().map(|(step, _)| step).collect();
        let replan: Vec<&AgentTask> = applied().flat_map(|r| &r.replan).collect();
        aftermath(&*tx, self.tenant, &steps, &replan, now, &mut decided).await?;
        tx.entered(record_calls(&*tx, self.tenant, calls).await?);
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(decided)
    }

    /// Those of the tasks whose post may be out.
    pub(super) async fn perhaps_out<'a>(
        &self,
        db: &impl ConnectionTrait,
        rows: impl Iterator<Item = &'a Model>,
    ) -> Result<HashSet<Uuid>> {
        let tried = [TaskState::HitlQueue, TaskState::Approved].map(TaskState::as_str);
        let waiting: Vec<Uuid> = rows.filter(|row| tried.contains(&row.state.as_str())).map(|row| row.id).collect();
        let mut found = HashSet::new();
        for chunk in waiting.chunks(crate::dialect::LISTED_MAX) {
            let select = publish::perhaps_out(self.tenant)
                .and_where(Expr::col(publications::Column::TaskId).is_in(batch::padded(chunk.iter().copied())))
                .take();
            for row in db.query_all(&select).await? {
                found.insert(row.try_get_by_index(0)?);
            }
        }
        Ok(found)
    }
}

/// The move of a ruling on this row.
fn ruled(row: &Model, event: TaskEvent, perhaps_out: &HashSet<Uuid>, void: Option<&Outdated>) -> Result<Move> {
    let step = match void.filter(|_| event == TaskEvent::Cancel) {
        Some(why) => Move::cancel(row, why.cancel_reason(), &why.to_string())?,
        None => Move::of(row, event)?,
    };
    let from = row.standing()?;
    if from == TaskState::JudgeReview || event == TaskEvent::Cancel && !perhaps_out.contains(&row.id) {
        return Ok(step);
    }
    let source = IllegalTransition { task_type: row.kind()?, from, event };
    Err(StoreError::Illegal { id: step.id(), source })
}

/// Writes the moves of decided tasks and everything that follows from them.
pub(crate) async fn aftermath(
    tx: &impl ConnectionTrait,
    tenant: TenantId,
    steps: &[&Move],
    replan: &[&AgentTask],
    now: DateTime<Utc>,
    decided: &mut Decided,
) -> Result<()> {
    moves::apply(tx, tenant, steps.iter().copied(), now).await?;
    let gone_to = |wanted: fn(TaskState) -> bool| -> Vec<TaskId> {
        steps.iter().filter(|step| wanted(step.to)).map(|step| step.id()).collect()
    };
    decided.approved = gone_to(|state| state == TaskState::Approved);
    let inserted = graph::insert(tx, tenant, replan).await?;
    decided.ready.extend(inserted.ready);
    decided.cancelled.extend(inserted.cancelled);
    decided.cancelled.extend(graph::cancel_dependents(tx, tenant, &gone_to(TaskState::is_dead_end), now).await?);
    decided.ready.extend(graph::unlock(tx, tenant, &gone_to(TaskState::is_finished), now).await?);
    Ok(())
}

/// The row, if it still is what was judged.
fn judged<'a>(rows: &'a HashMap<Uuid, Model>, ruling: &Ruling) -> Option<&'a Model> {
    rows.get(&ruling.decision.task_id.as_uuid()).filter(|row| row.version() == ruling.task_version)
}

/// Refuses what would publish without an approval on record, or ask a person nothing.
fn check(ruling: &Ruling) -> Result<()> {
    let id = ruling.decision.task_id;
    let asks = ruling.event == TaskEvent::AskHuman;
    let own = ruling.ticket.as_ref().is_some_and(|ticket| ticket.task_id == id);
    if asks != own || asks != ruling.ticket.is_some() {
        return Err(StoreError::TicketMissing { id });
    }
    check_verdict(&ruling.decision, ruling.event)
}

/// Whether the recorded verdict goes with the event.
pub(crate) fn check_verdict(decision: &JudgeDecision, event: TaskEvent) -> Result<()> {
    let fits = match event {
        TaskEvent::Approve | TaskEvent::ConfirmPublish => decision.verdict == Verdict::Approve,
        TaskEvent::AskHuman => decision.verdict == Verdict::HitlQueue,
        TaskEvent::Reject | TaskEvent::Cancel => decision.verdict == Verdict::Reject,
        _ => false,
    };
    if fits {
        Ok(())
    } else {
        Err(StoreError::VerdictMismatch { id: decision.task_id, verdict: decision.verdict, event })
    }
}

/// Closes the open questions on tasks that were cancelled; returns what is to be logged.
async fn withdraw(
    tx: &impl ConnectionTrait,
    tenant: TenantId,
    decisions: impl Iterator<Item = &JudgeDecision>,
    now: DateTime<Utc>,
) -> Result<Vec<AuditRecord>> {
    let mut by_whom: HashMap<&str, Vec<Uuid>> = HashMap::new();
    for decision in decisions {
        by_whom.entry(&decision.decided_by).or_default().push(decision.task_id.as_uuid());
    }
    let mut logged = Vec::new();
    for (by, ids) in by_whom {
        logged.extend(withdraw_tickets(tx, tenant, &ids, by, now).await?);
    }
    Ok(logged)
}

/// Closes the open questions on these tasks as withdrawn; returns what is to be logged.
pub(crate) async fn withdraw_tickets(
    tx: &impl ConnectionTrait,
    tenant: TenantId,
    tasks: &[Uuid],
    by: &str,
    now: DateTime<Utc>,
) -> Result<Vec<AuditRecord>> {
    use tickets::Column as C;
    let mut logged = Vec::new();
    for chunk in tasks.chunks(crate::dialect::BINDS_MAX - 1) {
        let open = tickets::Entity::find()
            .filter(batch::of_tenant::<tickets::Entity>(tenant))
            .filter(C::TaskId.is_in(chunk.iter().copied()))
            .filter(C::Resolution.is_null())
            .order_by_asc(C::Id)
            .lock(LockType::NoKeyUpdate)
            .all(tx)
            .await?;
        let seen: Vec<Seen> = open.iter().map(|row| (row.id, StateVersion::new(row.state_version))).collect();
        let closed = versioned::update::<tickets::Entity>(tx, tenant, &seen, |_| {
            vec![
                (C::Resolution, Expr::val(Resolution::Withdrawn.as_str())),
                (C::ResolvedBy, Expr::val(text(by))),
                (C::ResolvedAt, Expr::val(time(now))),
            ]
        })
        .await?;
        logged.extend(closed.iter().map(|ticket| records::closed(ticket, Actor::recorded(by), now)));
    }
    Ok(logged)
}
