//! Plans that wait for their operator: seen, edited, started or dropped.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value,
    sea_query::{Expr, ExprTrait as _, Order, Query, SubQueryStatement},
};
use uuid::Uuid;

use chimera_domain::{
    AgentTask, AuditAction, CampaignId, CancelReason, Channel, Outdated, SignalId, StateVersion, TaskEvent, TaskId,
    TaskState, TraceId, TrendSignal,
};

use super::{
    draft_plan::{DraftEdit, DraftPlan},
    graph,
    ground::Grounds,
    moves::{self, Move},
    with_dependencies,
};
use crate::{
    Result, RowKind, Store, StoreError,
    audit::{self, records},
    batch,
    codec::{Mapped, time},
    entity::{
        signals,
        tasks::{Column, Entity, Model},
    },
    versioned::{self, Seen},
};

/// Tasks of a plan that a glance looks at, one plan with another: words, picture, video and post, for two channels.
const TASKS_A_PLAN: u64 = 8;

/// Which plans to list.
#[derive(Debug, Clone, Default)]
pub struct DraftFilter {
    /// Only those of this campaign.
    pub campaign: Option<CampaignId>,
    /// Only those with one of these traces, where any are named.
    pub traces: Vec<TraceId>,
    /// Those after the one with this trace, where the page before ended, whether that one still waits or not.
    pub after: Option<TraceId>,
    /// At most so many.
    pub limit: u64,
}

/// Which of the plans' tasks.
#[derive(Debug, Clone, Copy)]
pub struct Drafts<'a> {
    /// Those planned for these signals.
    pub signals: &'a [SignalId],
    /// Of these, those for one channel only.
    pub channel: Option<Channel>,
    /// What was looked at ([`DraftPlan::seen`]): nothing is done unless these tasks, and no others of them, still wait, each
    /// at this version. Where nothing is said, whatever waits by now is meant.
    pub seen: Option<&'a [(TaskId, StateVersion)]>,
}

/// Why a plan was left as it was. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// There is no such plan, or it was started or dropped meanwhile.
    #[error("no plan for signal {0} waits: it was started, dropped or overtaken meanwhile, or never waited")]
    None(SignalId),
    /// It is another one than was looked at.
    #[error("the plan for signal {0} was changed since it was looked at: look again")]
    Changed(SignalId),
    /// What it was planned on has moved.
    #[error("the plan for signal {signal_id} no longer holds: {why}")]
    Outdated {
        /// The signal that it was made for.
        signal_id: SignalId,
        /// What moved.
        why: Outdated,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sea_orm::DbErr> for DraftError {
    fn from(source: sea_orm::DbErr) -> Self {
        Self::Store(source.into())
    }
}

impl Store {
    /// Plans that wait for their operator, those that wait longest first.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn draft_plans(&self, wanted: &DraftFilter) -> Result<Vec<DraftPlan>> {
        let mut longest = self
            .drafts()
            .select_only()
            .column(Column::SignalId)
            .group_by(Column::SignalId)
            .order_by_asc(Expr::col(Column::CreatedAt).min())
            .order_by_asc(Column::SignalId)
            .limit(wanted.limit);
        if let Some(campaign) = wanted.campaign {
            longest = longest.filter(Column::CampaignId.eq(campaign.as_uuid()));
        }
        if !wanted.traces.is_empty() {
            let traces = wanted.traces.iter().map(TraceId::to_string);
            longest = longest.filter(Column::TraceId.is_in(batch::padded(traces)));
        }
        if let Some(after) = wanted.after {
            let place = Query::select()
                .expr(Expr::col(Column::CreatedAt).min())
                .column(Column::SignalId)
                .from(Entity)
                .and_where(batch::of_tenant::<Entity>(self.tenant))
                .and_where(Column::TraceId.eq(after.to_string()))
                .group_by_col(Column::SignalId)
                .limit(1)
                .take();
            let own = Expr::tuple([Expr::col(Column::CreatedAt).min(), Expr::col(Column::SignalId)]);
            longest = longest.having(own.gt(Expr::from(SubQueryStatement::from(place))));
        }
        let ids: Vec<Uuid> = longest.into_tuple().all(&self.db).await?;
        let of_these = self.drafts().filter(Column::SignalId.is_in(batch::padded(ids.iter().copied())));
        let mut tasks: HashMap<SignalId, Vec<AgentTask>> = HashMap::new();
        for task in with_dependencies(&self.db, self.tenant, of_these.all(&self.db).await?).await? {
            tasks.entry(task.signal_id).or_default().push(task);
        }
        let rows =
            batch::find::<signals::Entity>(&self.db, self.tenant, signals::Column::Id, ids.iter().copied()).await?;
        let mut about: HashMap<SignalId, TrendSignal> =
            batch::read_all::<signals::Entity>(rows)?.into_iter().map(|signal| (signal.id, signal)).collect();
        let plan = |id: Uuid| {
            let id = SignalId::from_uuid(id);
            Some(DraftPlan { signal: about.remove(&id)?, tasks: tasks.remove(&id)? })
        };
        Ok(ids.into_iter().filter_map(plan).collect())
    }

    /// How many plans wait for their operator; of this campaign, if one is named.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn drafts_waiting(&self, campaign: Option<CampaignId>) -> Result<u64> {
        let mut waiting = self.drafts().select_only().expr(Expr::col(Column::SignalId).count_distinct());
        if let Some(campaign) = campaign {
            waiting = waiting.filter(Column::CampaignId.eq(campaign.as_uuid()));
        }
        let count: Option<i64> = waiting.into_tuple().one(&self.db).await?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// How many plans wait for their operator, counted up to `counted_max`, and whether there are more: for pages that show it
    /// beside other things. Costs the same however many wait; where plans have very many tasks, it stops counting sooner.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn drafts_glance(&self, counted_max: u64) -> Result<(u64, bool)> {
        let tasks_max = counted_max.saturating_add(1).saturating_mul(TASKS_A_PLAN);
        // In the order of the index over states, so that it gives these and no more.
        let first = Query::select()
            .column((Entity, Column::SignalId))
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Column::State.eq(TaskState::Draft.as_str()))
            .order_by((Entity, Column::UpdatedAt), Order::Asc)
            .limit(tasks_max)
            .take();
        let counted = Query::select()
            .expr(Expr::cust("COUNT(*)"))
            .expr(Expr::cust("COUNT(DISTINCT signal_id)"))
            .from_subquery(first, "first")
            .take();
        let Some(row) = self.db.query_one(&counted).await? else { return Ok((0, false)) };
        let (tasks, plans): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        let (tasks, plans) = (tasks.unsigned_abs(), plans.unsigned_abs());
        Ok((Ord::min(plans, counted_max), plans > counted_max || tasks >= tasks_max))
    }

    /// Starts plans, at the word of whoever holds this store ([`Self::acting_as`]). Returns the tasks that may be claimed.
    ///
    /// # Errors
    /// [`DraftError`], such as for a plan whose campaign was edited; then nothing was written.
    pub async fn drafts_start(&self, which: Drafts<'_>, now: DateTime<Utc>) -> Result<Vec<TaskId>, DraftError> {
        self.retrying(|| self.start_once(which, now)).await
    }

    async fn start_once(&self, which: Drafts<'_>, now: DateTime<Utc>) -> Result<Vec<TaskId>, DraftError> {
        let tx = self.begin().await?;
        let ids = self.ids_of(&*tx, which).await?;
        // Campaigns and agents before tasks, as everywhere.
        let grounds = Grounds::hold(&*tx, self.tenant, &ids).await?;
        let rows = self.lock_drafts(&*tx, ids, which).await?;
        let (mut steps, mut logged) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in &rows {
            if let Some(why) = grounds.voids(row)? {
                return Err(DraftError::Outdated { signal_id: SignalId::from_uuid(row.signal_id), why });
            }
            steps.push(Move::of(row, TaskEvent::Start)?);
            logged.push(records::draft(row, AuditAction::DraftStarted, self.actor.clone(), now));
        }
        let started = moves::apply(&*tx, self.tenant, &steps, now).await?;
        let ready = graph::start_unblocked(&*tx, self.tenant, started.iter(), now).await?;
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(ready)
    }

    /// Drops plans before they start, at the word of whoever holds this store. Returns how many tasks were cancelled.
    ///
    /// # Errors
    /// [`DraftError`]; then nothing was written.
    pub async fn drafts_drop(&self, which: Drafts<'_>, why: &str, now: DateTime<Utc>) -> Result<usize, DraftError> {
        self.retrying(|| async {
            let tx = self.begin().await?;
            let ids = self.ids_of(&*tx, which).await?;
            let rows = self.lock_drafts(&*tx, ids, which).await?;
            self.cancel_drafts(&*tx, &rows, why, now).await?;
            tx.commit().await?;
            Ok(rows.len())
        })
        .await
    }

    /// Drops plans that have waited for their operator since before `before`: at most `limit` tasks, the oldest first.
    /// Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub async fn drafts_expire(&self, before: DateTime<Utc>, why: &str, limit: u64, now: DateTime<Utc>) -> Result<u64> {
        let old = self
            .drafts()
            .select_only()
            .column(Column::Id)
            .filter(Column::CreatedAt.lt(time(before)))
            .order_by_asc(Column::CreatedAt)
            .limit(limit);
        // Mostly there are none; a reading is cheaper than a writing transaction.
        let old: Vec<Uuid> = old.into_tuple().all(&self.db).await?;
        if old.is_empty() {
            return Ok(0);
        }
        let tx = self.begin().await?;
        let mut rows: Vec<Model> = moves::lock(&*tx, self.tenant, old).await?.into_values().collect();
        rows.retain(is_draft);
        self.cancel_drafts(&*tx, &rows, why, now).await?;
        tx.commit().await?;
        Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
    }

    /// Changes tasks of plans that have not started, each only at the version that was looked at. Returns them as they are now.
    ///
    /// # Errors
    /// [`DraftError`], such as [`StoreError::Conflict`] when one was changed or started meanwhile; then nothing was written.
    pub async fn drafts_edit(&self, edits: &[DraftEdit], now: DateTime<Utc>) -> Result<Vec<AgentTask>, DraftError> {
        let tx = self.begin().await?;
        let locked = moves::lock(&*tx, self.tenant, edits.iter().map(|edit| edit.task_id.as_uuid())).await?;
        let (mut seen, mut wanted, mut logged): (Vec<Seen>, HashMap<Uuid, Model>, Vec<_>) = Default::default();
        for edit in edits {
            let id = edit.task_id.as_uuid();
            let row = locked.get(&id).ok_or(StoreError::NotFound { entity: RowKind::Task, id })?;
            if !is_draft(row) || row.version() != edit.version {
                let (expected, found) = (edit.version, row.version());
                return Err(StoreError::Conflict { entity: RowKind::Task, id, expected, found }.into());
            }
            let edited = Entity::write(&edit.of(Entity::read(row.clone())?), self.tenant)?;
            let log = records::draft(row, AuditAction::DraftEdited, self.actor.clone(), now);
            logged.push(log.with("changed", versioned::changed::<Entity>(row, &edited)));
            seen.push((id, edit.version));
            wanted.insert(id, edited);
        }
        let written = versioned::update::<Entity>(&*tx, self.tenant, &seen, |chunk| {
            let each = |column, value: fn(&Model) -> Value| {
                let values = chunk.iter().filter_map(|(id, _)| Some((*id, value(wanted.get(id)?))));
                batch::per_row::<Entity>(column, chunk.len(), values)
            };
            vec![
                each(Column::Payload, |row| row.payload.clone().into()),
                each(Column::Priority, |row| row.priority.clone().into()),
                each(Column::BudgetCapMicros, |row| row.budget_cap_micros.into()),
                (Column::UpdatedAt, Expr::val(time(now))),
            ]
        })
        .await?;
        audit::append(&*tx, self.tenant, &logged).await?;
        tx.commit().await?;
        Ok(with_dependencies(&self.db, self.tenant, written).await?)
    }

    fn drafts(&self) -> Select<Entity> {
        Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::State.eq(TaskState::Draft.as_str()))
    }

    async fn ids_of(&self, db: &impl ConnectionTrait, which: Drafts<'_>) -> Result<Vec<Uuid>> {
        let signals = which.signals.iter().map(|id| id.as_uuid());
        let mut drafts = self.drafts().filter(Column::SignalId.is_in(batch::padded(signals)));
        if let Some(channel) = which.channel {
            drafts = drafts.filter(Column::Channel.eq(channel.as_str()));
        }
        Ok(drafts.select_only().column(Column::Id).into_tuple().all(db).await?)
    }

    /// Locks what is still DRAFT of these tasks; each signal must have some.
    async fn lock_drafts(
        &self,
        db: &impl ConnectionTrait,
        ids: Vec<Uuid>,
        which: Drafts<'_>,
    ) -> Result<Vec<Model>, DraftError> {
        let mut rows: Vec<Model> = moves::lock(db, self.tenant, ids).await?.into_values().collect();
        rows.retain(is_draft);
        let has_none = |id: &&SignalId| !rows.iter().any(|row| row.signal_id == id.as_uuid());
        if let Some(id) = which.signals.iter().find(has_none) {
            return Err(DraftError::None(*id));
        }
        if let Some(seen) = which.seen {
            let seen: HashMap<Uuid, StateVersion> = seen.iter().map(|(id, version)| (id.as_uuid(), *version)).collect();
            let other = rows.iter().find(|row| seen.get(&row.id) != Some(&row.version()));
            if let Some(row) = other.or_else(|| rows.first().filter(|_| rows.len() != seen.len())) {
                return Err(DraftError::Changed(SignalId::from_uuid(row.signal_id)));
            }
        }
        Ok(rows)
    }

    async fn cancel_drafts(
        &self,
        db: &impl ConnectionTrait,
        rows: &[Model],
        why: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let (mut steps, mut logged) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows {
            steps.push(Move::cancel(row, CancelReason::Withdrawn, why)?);
            logged.push(records::draft(row, AuditAction::DraftDropped, self.actor.clone(), now).with("why", why));
        }
        moves::apply(db, self.tenant, &steps, now).await?;
        audit::append(db, self.tenant, &logged).await
    }
}

impl DraftEdit {
    fn of(&self, mut task: AgentTask) -> AgentTask {
        if let Some(goal) = &self.goal {
            task.payload.goal.clone_from(goal);
        }
        task.priority = self.priority.unwrap_or(task.priority);
        task.budget_cap_usd = self.budget_cap_usd.unwrap_or(task.budget_cap_usd);
        task
    }
}

fn is_draft(row: &Model) -> bool {
    row.state == TaskState::Draft.as_str()
}
