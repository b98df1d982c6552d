//! What was spent and what is reserved. The crate's opening says where money is counted.

use std::collections::HashMap;

use chrono::{DateTime, Duration, NaiveTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{AgentId, CampaignId, SignalOutcome, TaskState, TenantId, Usd, policy::GovernorUse};

use crate::{
    Result, Store, batch, dialect,
    entity::{artifacts, signals, tasks, tool_calls},
};

/// States in which a task may yet spend its whole cap.
const SPENDING: [TaskState; 3] = [TaskState::Pending, TaskState::Ready, TaskState::Executing];

impl Store {
    /// What each agent has used. Planned in the last hour: its PLANNED signals read in the sixty minutes before `now`.
    /// Spent today: what its tool calls and its tasks' cost since midnight UTC, with or without a task, and the whole caps of its tasks that are PENDING,
    /// READY or EXECUTING (a task that has spent part of its cap is counted with both, the cautious reading).
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn governor_use(&self, agents: &[AgentId], now: DateTime<Utc>) -> Result<HashMap<AgentId, GovernorUse>> {
        used(&self.db, self.tenant, agents, now).await
    }

    /// Everything that was ever spent, or everything that was spent on one campaign's tasks.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn spend_total(&self, campaign_id: Option<CampaignId>) -> Result<Usd> {
        let mut called = tool_calls::Entity::find()
            .select_only()
            .expr(dialect::sum(Expr::col(tool_calls::Column::CostMicros)))
            .filter(batch::of_tenant::<tool_calls::Entity>(self.tenant));
        let mut beyond = artifacts::Entity::find()
            .select_only()
            .expr(dialect::sum(Expr::col(artifacts::Column::BeyondToolsMicros)))
            .filter(batch::of_tenant::<artifacts::Entity>(self.tenant));
        if let Some(campaign) = campaign_id {
            let tasks: SelectStatement = Query::select()
                .column(tasks::Column::Id)
                .from(tasks::Entity)
                .and_where(batch::of_tenant::<tasks::Entity>(self.tenant))
                .and_where(Expr::col(tasks::Column::CampaignId).eq(campaign.as_uuid()))
                .take();
            called = called.filter(Expr::col(tool_calls::Column::TaskId).in_subquery(tasks));
            beyond = beyond.filter(artifacts::Column::CampaignId.eq(campaign.as_uuid()));
        }
        let called: Option<i64> = called.into_tuple().one(&self.db).await?;
        let beyond: Option<i64> = beyond.into_tuple().one(&self.db).await?;
        Ok([called, beyond].into_iter().flatten().map(Usd::from_micros).sum())
    }
}

/// What each of these agents has used; every one of them has an entry.
pub(crate) async fn used(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[AgentId],
    now: DateTime<Utc>,
) -> Result<HashMap<AgentId, GovernorUse>> {
    let mut uses: HashMap<AgentId, GovernorUse> = agents.iter().map(|id| (*id, GovernorUse::default())).collect();
    let ids: Vec<Uuid> = agents.iter().map(|id| id.as_uuid()).collect();
    if ids.is_empty() {
        return Ok(uses);
    }
    for (id, count) in planned_since(db, tenant, &ids, now - Duration::hours(1)).await? {
        uses.entry(AgentId::from_uuid(id)).or_default().planned_last_hour = u32::try_from(count).unwrap_or(u32::MAX);
    }
    let midnight = now.date_naive().and_time(NaiveTime::MIN).and_utc();
    for (id, micros) in spent_since(db, tenant, &ids, midnight).await? {
        let spent = &mut uses.entry(AgentId::from_uuid(id)).or_default().spent_today;
        *spent = spent.saturating_add(Usd::from_micros(micros));
    }
    Ok(uses)
}

async fn planned_since(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, i64)>> {
    use signals::Column as C;
    let select = signals::Entity::find()
        .select_only()
        .column(C::AgentId)
        .expr(Expr::col(C::Id).count())
        .filter(batch::of_tenant::<signals::Entity>(tenant))
        .filter(C::AgentId.is_in(agents.iter().copied()))
        .filter(C::Outcome.eq(SignalOutcome::Planned.as_str()))
        .filter(C::IngestedAt.gt(since))
        .group_by(C::AgentId);
    Ok(select.into_tuple().all(db).await?)
}

/// By agent: its tool calls and those for its tasks, what its artifacts cost beyond those, and what its tasks may yet spend.
async fn spent_since(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, i64)>> {
    // A call names its agent, or its task does.
    let named = Expr::col((tool_calls::Entity, tool_calls::Column::AgentId));
    let agent = Func::coalesce([named, Expr::col((tasks::Entity, tasks::Column::AgentId))]);
    let called = Query::select()
        .expr(agent.clone())
        .expr_as(dialect::sum(Expr::col((tool_calls::Entity, tool_calls::Column::CostMicros))), "micros")
        .from(tool_calls::Entity)
        .left_join(
            tasks::Entity,
            Expr::col((tasks::Entity, tasks::Column::Id)).equals((tool_calls::Entity, tool_calls::Column::TaskId)),
        )
        .and_where(batch::of_tenant::<tool_calls::Entity>(tenant))
        .and_where(Expr::expr(agent.clone()).is_in(agents.iter().copied()))
        .and_where(Expr::col((tool_calls::Entity, tool_calls::Column::CalledAt)).gte(since))
        .add_group_by([agent.into()])
        .take();
    let beyond = Query::select()
        .column(artifacts::Column::AgentId)
        .expr(dialect::sum(Expr::col(artifacts::Column::BeyondToolsMicros)))
        .from(artifacts::Entity)
        .and_where(batch::of_tenant::<artifacts::Entity>(tenant))
        .and_where(artifacts::Column::AgentId.is_in(agents.iter().copied()))
        .and_where(artifacts::Column::CreatedAt.gte(since))
        .group_by_col(artifacts::Column::AgentId)
        .take();
    let reserved = Query::select()
        .column(tasks::Column::AgentId)
        .expr(dialect::sum(Expr::col(tasks::Column::BudgetCapMicros)))
        .from(tasks::Entity)
        .and_where(batch::of_tenant::<tasks::Entity>(tenant))
        .and_where(tasks::Column::AgentId.is_in(agents.iter().copied()))
        .and_where(tasks::Column::State.is_in(SPENDING.iter().map(|s| s.as_str())))
        .group_by_col(tasks::Column::AgentId)
        .take();
    let mut spent = Vec::new();
    for select in [called, beyond, reserved] {
        for row in db.query_all(&select).await? {
            spent.push((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
        }
    }
    Ok(spent)
}
