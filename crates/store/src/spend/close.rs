//! Ends of reservations: settled, released, or presumed spent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait, OnConflict, Query, SelectStatement},
};

use chimera_domain::{
    AgentId, CampaignId, EntryState, LedgerEntry, ReservationId, StateVersion, TaskId, TaskState, TaskType, TenantId,
    TraceId, Usd,
};

use crate::{
    Result, Store, batch,
    codec::{Mapped, time},
    dialect::{BINDS_MAX, literal},
    entity::{
        spend_ledger::{Column, Entity, Model},
        tasks,
    },
};

/// What became of one attempt at a task.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    pub(crate) agent_id: AgentId,
    pub(crate) campaign_id: CampaignId,
    pub(crate) task_id: TaskId,
    /// The version that the attempt was claimed at.
    pub(crate) version: StateVersion,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) task_type: Option<TaskType>,
    /// What it cost, as far as that was not counted before.
    pub(crate) cost: Usd,
    /// Whether a call was cut off, so that nobody knows what it cost.
    pub(crate) unclear: bool,
}

impl Closing {
    fn reservation(&self) -> ReservationId {
        ReservationId::of_attempt(self.task_id, self.version)
    }

    const fn end(&self) -> EntryState {
        if self.unclear { EntryState::Presumed } else { EntryState::Settled }
    }

    fn entry(&self, now: DateTime<Utc>) -> LedgerEntry {
        LedgerEntry {
            reservation: self.reservation(),
            agent_id: self.agent_id,
            campaign_id: Some(self.campaign_id),
            task_id: Some(self.task_id),
            task_version: Some(self.version),
            trace_id: self.trace_id,
            purpose: self.task_type.map_or_else(String::new, |task_type| task_type.to_string()),
            reserved: Usd::ZERO,
            cost: self.cost,
            counted: self.cost,
            state: self.end(),
            reserved_at: now,
            changed_at: now,
            state_version: StateVersion::FIRST,
        }
    }
}

/// Closes attempts: what they cost is added to their entries, which count no more than that from now on. An attempt that
/// had nothing set aside gets an entry if it cost something. Returns the entries that changed, as they are now.
pub(crate) async fn close(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    closings: Vec<Closing>,
    now: DateTime<Utc>,
) -> Result<Vec<LedgerEntry>> {
    // One entry may be closed twice in a batch; a statement writes a row once. Sorted, so that two transactions rarely
    // wait for each other in a circle.
    let mut by_name: BTreeMap<ReservationId, Closing> = BTreeMap::new();
    for closing in closings {
        let seen =
            by_name.entry(closing.reservation()).or_insert_with(|| Closing { cost: Usd::ZERO, ..closing.clone() });
        seen.cost = seen.cost.saturating_add(closing.cost);
        seen.unclear |= closing.unclear;
    }
    let (paid, unpaid): (Vec<Closing>, Vec<Closing>) = by_name.into_values().partition(|c| c.cost > Usd::ZERO);
    let mut changed = add(db, tenant, &paid, now).await?;
    changed.extend(end(db, tenant, &unpaid, now).await?);
    batch::read_all::<Entity>(changed)
}

/// Adds costs to entries; makes those that are missing.
async fn add(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    closings: &[Closing],
    now: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let own = |column: Column| Expr::col((Entity, column));
    let new = |column: Column| Expr::col(("excluded", column));
    let presumed = || EntryState::Presumed.as_str();
    let cost = || own(Column::CostMicros).add(new(Column::CostMicros));
    let unclear = || new(Column::State).eq(presumed());
    // The larger of what was set aside and what it cost so far.
    let at_least = CaseStatement::new()
        .case(unclear().and(own(Column::ReservedMicros).gt(cost())), own(Column::ReservedMicros))
        .finally(cost());
    let mut on_conflict = OnConflict::columns([Column::TenantId, Column::Reservation]);
    on_conflict
        .value(Column::CostMicros, cost())
        .value(Column::CountedMicros, at_least)
        .value(Column::State, new(Column::State))
        .value(Column::ChangedAt, new(Column::ChangedAt))
        .value(Column::StateVersion, own(Column::StateVersion).add(1_i64));
    let mut written = Vec::with_capacity(closings.len());
    let mut left = closings;
    while !left.is_empty() {
        let (chunk, rest) = left.split_at(batch::rows_together::<Entity>(left.len()));
        left = rest;
        let rows = chunk.iter().map(|c| Entity::write(&c.entry(now), tenant)).collect::<Result<Vec<_>>>()?;
        let insert = Entity::insert_many(rows.into_iter().map(IntoActiveModel::into_active_model));
        written.extend(insert.on_conflict(on_conflict.clone()).exec_with_returning(db).await?);
    }
    Ok(written)
}

/// Ends entries that cost nothing more. There may be none of that name.
async fn end(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    closings: &[Closing],
    now: DateTime<Utc>,
) -> Result<Vec<Model>> {
    let unclear: Vec<String> =
        closings.iter().filter(|c| c.unclear).map(|c| c.reservation().as_str().to_owned()).collect();
    let mut written = Vec::new();
    for chunk in closings.chunks(BINDS_MAX / 2) {
        let is_unclear = || Column::Reservation.is_in(unclear.iter().cloned());
        let nothing = Column::CostMicros.eq(0_i64);
        let state = CaseStatement::new()
            .case(is_unclear(), EntryState::Presumed.as_str())
            .case(nothing, EntryState::Released.as_str())
            .finally(EntryState::Settled.as_str());
        let counted = CaseStatement::new()
            .case(is_unclear(), Expr::col(Column::CountedMicros))
            .finally(Expr::col(Column::CostMicros));
        let update = Entity::update_many()
            .col_expr(Column::State, state.into())
            .col_expr(Column::CountedMicros, counted.into())
            .col_expr(Column::ChangedAt, Expr::val(time(now)))
            .col_expr(Column::StateVersion, Expr::col(Column::StateVersion).add(1_i64))
            .filter(batch::of_tenant::<Entity>(tenant))
            .filter(Column::Reservation.is_in(batch::padded(chunk.iter().map(|c| c.reservation().as_str().to_owned()))))
            .filter(Column::State.is_in([EntryState::Open, EntryState::Presumed].map(EntryState::as_str)));
        written.extend(update.exec_with_returning(db).await?);
    }
    Ok(written)
}

impl Store {
    /// Presumes spent what is set aside for attempts that are over without having been closed: a worker vanished, or the
    /// task was taken from it. If it yet hands in, what it really cost is counted instead.
    pub(crate) async fn spend_presume(&self, now: DateTime<Utc>) -> Result<()> {
        // Mostly there are none; a reading is cheaper than a write.
        let left = Entity::find().select_only().column(Column::Reservation).filter(self.left_behind());
        if left.into_tuple::<String>().one(&self.db).await?.is_none() {
            return Ok(());
        }
        self.retrying(|| async {
            let tx = self.begin().await?;
            let update = Entity::update_many()
                .col_expr(Column::State, Expr::val(EntryState::Presumed.as_str()))
                .col_expr(Column::ChangedAt, Expr::val(time(now)))
                .col_expr(Column::StateVersion, Expr::col(Column::StateVersion).add(1_i64))
                .filter(self.left_behind());
            tx.entered(batch::read_all::<Entity>(update.exec_with_returning(&*tx).await?)?);
            tx.commit().await
        })
        .await
    }

    /// Open entries of attempts that nobody is at any more.
    fn left_behind(&self) -> Condition {
        let task = |column: tasks::Column| Expr::col((tasks::Entity, column));
        let held: SelectStatement = Query::select()
            .expr(Expr::val(1))
            .from(tasks::Entity)
            .and_where(task(tasks::Column::Id).equals((Entity, Column::TaskId)))
            .and_where(task(tasks::Column::StateVersion).equals((Entity, Column::TaskVersion)))
            .and_where(task(tasks::Column::State).eq(TaskState::Executing.as_str()))
            .take();
        Condition::all()
            .add(batch::of_tenant::<Entity>(self.tenant))
            .add(Expr::col((Entity, Column::State)).eq(literal(EntryState::Open.as_str())))
            .add(Column::TaskVersion.is_not_null())
            .add(Expr::exists(held).not())
    }
}
