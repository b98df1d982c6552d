//! What was spent and what is reserved. The crate's opening says where money is counted.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{AgentId, CampaignId, SignalOutcome, TaskState, TenantId, Usd, policy::GovernorUse};

use crate::{
    Result, Store, batch, dialect,
    entity::{artifacts, signals, tasks, tool_calls},
    spend,
};

/// States in which a task may yet set its whole cap aside. From its claim on, the spend ledger says what it may cost.
const PLANNED: [TaskState; 2] = [TaskState::Pending, TaskState::Ready];

impl Store {
    /// What each agent has used. Planned in the last hour: its signals that were planned in the sixty minutes before `now`.
    /// Spent today: what the spend ledger counts since midnight UTC ([`Self::spend_use`]), and the whole caps of its tasks
    /// that are PENDING or READY (a task that has spent part of its cap is counted with both, the cautious reading).
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
    for (id, committed) in spend::committed(db, tenant, &ids, now).await? {
        uses.entry(AgentId::from_uuid(id)).or_default().spent_today = committed.used.today;
    }
    for (id, micros) in planned_caps(db, tenant, &ids).await? {
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
        .filter(Expr::col((signals::Entity, C::Outcome)).eq(dialect::literal(SignalOutcome::Planned.as_str())))
        .filter(C::DecidedAt.gt(since))
        .group_by(C::AgentId);
    Ok(select.into_tuple().all(db).await?)
}

/// By agent: what its tasks may yet set aside.
pub(crate) async fn planned_caps(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
) -> Result<Vec<(Uuid, i64)>> {
    let select = tasks::Entity::find()
        .select_only()
        .column(tasks::Column::AgentId)
        .expr(dialect::sum(Expr::col(tasks::Column::BudgetCapMicros)))
        .filter(batch::of_tenant::<tasks::Entity>(tenant))
        .filter(tasks::Column::AgentId.is_in(agents.iter().copied()))
        .filter(tasks::Column::State.is_in(PLANNED.iter().map(|s| s.as_str())))
        .group_by(tasks::Column::AgentId);
    Ok(select.into_tuple().all(db).await?)
}
