//! Moves of tasks: rows are locked, [`TaskState::on`] says where each goes, and one statement writes them all.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, LockType},
};
use uuid::Uuid;

use chimera_domain::{CancelReason, Lowered, StateVersion, TaskEvent, TaskId, TaskState, TenantId};

use crate::{
    Result, RowKind, StoreError, batch,
    codec::{Writer, text, time},
    dialect::LISTED_MAX,
    entity::tasks::{Column, Entity, Model},
    versioned::{self, Seen},
};

/// Locks these tasks until the transaction ends and reads them; unknown ids are left out. Always in the order of ids,
/// so that two transactions rarely wait for each other in a circle.
pub(crate) async fn lock(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    ids: impl IntoIterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Model>> {
    let mut ids: Vec<Uuid> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let mut locked = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(LISTED_MAX) {
        let rows = Entity::find()
            .filter(batch::of_tenant::<Entity>(tenant))
            .filter(Column::Id.is_in(batch::padded(chunk.iter().copied())))
            .order_by_asc(Column::Id)
            .lock(LockType::NoKeyUpdate)
            .all(db)
            .await?;
        locked.extend(rows.into_iter().map(|row| (row.id, row)));
    }
    Ok(locked)
}

/// Who holds a task, and until when.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    /// Who.
    pub(crate) owner: String,
    /// The end, in Unix milliseconds on the database's clock.
    pub(crate) end: Expr,
}

/// One task's move, and what is written with it. Every move ends whatever lease there was, and may begin another.
#[derive(Debug, Clone)]
pub(crate) struct Move {
    seen: Seen,
    /// Where it goes.
    pub(crate) to: TaskState,
    error: Option<String>,
    cancelled_for: Option<CancelReason>,
    artifact: Option<Uuid>,
    ticket: Option<Uuid>,
    lease: Option<Lease>,
    attempts: Option<i64>,
    failures: Option<i64>,
    /// What is asked of it from now on, and the most it may cost.
    lowered: Option<(serde_json::Value, i64)>,
}

impl Move {
    /// The move of a locked row on `event`.
    ///
    /// # Errors
    /// [`StoreError::Illegal`] when the state machine forbids it.
    pub(crate) fn of(row: &Model, event: TaskEvent) -> Result<Self> {
        let id = TaskId::from_uuid(row.id);
        let to = row.standing()?.on(event, row.kind()?).map_err(|source| StoreError::Illegal { id, source })?;
        Ok(Self {
            seen: (row.id, row.version()),
            to,
            error: None,
            cancelled_for: (to == TaskState::Cancelled).then_some(CancelReason::Withdrawn),
            artifact: None,
            ticket: None,
            lease: None,
            attempts: None,
            failures: None,
            lowered: None,
        })
    }

    /// The cancelling of a locked row, with the reason for programs and the one for people.
    ///
    /// # Errors
    /// [`StoreError::Illegal`] when the state machine forbids it.
    pub(crate) fn cancel(row: &Model, reason: CancelReason, why: &str) -> Result<Self> {
        let step = Self::of(row, TaskEvent::Cancel)?;
        Ok(Self { cancelled_for: Some(reason), ..step }.because(why))
    }

    /// Records what went wrong.
    pub(crate) fn because(mut self, error: &str) -> Self {
        self.error = Some(text(error));
        self
    }

    /// Records what came out.
    pub(crate) const fn yielding(mut self, artifact: Uuid) -> Self {
        self.artifact = Some(artifact);
        self
    }

    /// Records what a person was asked.
    pub(crate) const fn asking(mut self, ticket: Uuid) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// Hands the task out.
    pub(crate) fn leased(mut self, lease: &Lease) -> Self {
        self.lease = Some(lease.clone());
        self
    }

    /// Gives the task all its attempts again.
    pub(crate) const fn with_fresh_attempts(mut self) -> Self {
        self.attempts = Some(0);
        self.failures = Some(0);
        self
    }

    /// Asks less of the task, for which it has all its attempts.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when that can't be written down.
    pub(crate) fn lowered(mut self, tenant: TenantId, lowered: &Lowered) -> Result<Self> {
        let payload = Writer::new(RowKind::Task, self.seen.0, tenant, tenant)?.document("payload", &lowered.payload)?;
        self.lowered = Some((payload, lowered.budget_cap_usd.micros()));
        Ok(self.with_fresh_attempts())
    }

    /// Counts a failure.
    pub(crate) const fn failed(mut self, row: &Model) -> Self {
        self.failures = Some(row.failures.saturating_add(1));
        self
    }

    /// Takes back the count of a claim that came to nothing.
    pub(crate) fn unclaimed(mut self, row: &Model) -> Self {
        self.attempts = Some(row.attempts.saturating_sub(1).max(0));
        self
    }

    /// The task.
    pub(crate) const fn id(&self) -> TaskId {
        TaskId::from_uuid(self.seen.0)
    }
}

/// Writes all moves, their rows being locked by this transaction.
pub(crate) async fn apply<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    moves: impl IntoIterator<Item = &'a Move>,
    now: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let by_id: HashMap<Uuid, &Move> = moves.into_iter().map(|m| (m.seen.0, m)).collect();
    let rows: Vec<Seen> = by_id.values().map(|m| m.seen).collect();
    let written = versioned::update::<Entity>(db, tenant, &rows, |chunk| {
        let chunk: Vec<&Move> = chunk.iter().filter_map(|(id, _)| by_id.get(id).copied()).collect();
        let optional = |column, value: fn(&Move) -> Option<sea_orm::Value>| {
            let values = chunk.iter().filter_map(|m| Some((m.seen.0, value(m)?)));
            batch::per_row::<Entity>(column, chunk.len(), values)
        };
        let leased = |column, value: &dyn Fn(&Lease) -> Expr, none: Expr| {
            let values = chunk.iter().filter_map(|m| Some((m.seen.0, value(m.lease.as_ref()?))));
            (column, batch::by_id::<Entity>(chunk.len(), values, none))
        };
        let mut columns = vec![
            optional(Column::State, |m| Some(m.to.as_str().into())),
            optional(Column::LastError, |m| m.error.clone().map(Into::into)),
            // A task that is not cancelled, or no longer, has no reason to be.
            (
                Column::CancelReason,
                batch::by_id::<Entity>(
                    chunk.len(),
                    chunk.iter().filter_map(|m| Some((m.seen.0, Expr::val(m.cancelled_for?.as_str())))),
                    Expr::val(None::<String>),
                ),
            ),
            optional(Column::ResultArtifact, |m| m.artifact.map(Into::into)),
            optional(Column::HitlTicketId, |m| m.ticket.map(Into::into)),
            optional(Column::Attempts, |m| m.attempts.map(Into::into)),
            optional(Column::Failures, |m| m.failures.map(Into::into)),
            leased(Column::LeaseOwner, &|lease| Expr::val(text(&lease.owner)), Expr::val(None::<String>)),
            leased(Column::LeaseExpiresMs, &|lease| lease.end.clone(), Expr::val(None::<i64>)),
            (Column::UpdatedAt, Expr::val(time(now))),
        ];
        // It is rare, and the statement is the same as ever without.
        if chunk.iter().any(|m| m.lowered.is_some()) {
            columns.push(optional(Column::Payload, |m| Some(m.lowered.as_ref()?.0.clone().into())));
            columns.push(optional(Column::BudgetCapMicros, |m| Some(m.lowered.as_ref()?.1.into())));
        }
        columns
    })
    .await?;
    // The rows were locked, so this is a fault in this crate; it must not pass in silence.
    if let Some((id, expected)) = rows.iter().find(|(id, _)| !written.iter().any(|row| row.id == *id)) {
        return Err(StoreError::Conflict {
            entity: RowKind::Task,
            id: *id,
            expected: *expected,
            found: StateVersion::new(0),
        });
    }
    Ok(written)
}
