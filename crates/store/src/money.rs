//! What was spent and what is reserved. The crate's opening says where money is counted.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, Query, SelectStatement, UnionType},
};
use uuid::Uuid;

use chimera_domain::{
    AgentId, Campaign, CampaignId, SignalOutcome, SpendWindows, TaskState, TaskType, TenantId, Usd,
    policy::{CampaignUse, GovernorUse},
};

use crate::{
    Result, Store, batch,
    codec::time,
    dialect::{self, LISTED_MAX},
    entity::{artifacts, signals, spend_ledger, tasks, tool_calls},
    spend,
};

/// States in which a task may yet set its whole cap aside. From its claim on, the spend ledger says what it may cost.
const PLANNED: [TaskState; 3] = [TaskState::Draft, TaskState::Pending, TaskState::Ready];

impl Store {
    /// What each agent has used. Planned in the last hour: its signals that were planned in the sixty minutes before `now`.
    /// Planned today: since midnight UTC, of those that are in `by_day` too, and 0 of others.
    /// Spent today: what the spend ledger counts since midnight UTC ([`Self::spend_use`]), and the whole caps of its tasks
    /// that are PENDING or READY (a task that has spent part of its cap is counted with both, the cautious reading).
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn governor_use(
        &self,
        agents: &[AgentId],
        by_day: &[AgentId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<AgentId, GovernorUse>> {
        used(&self.db, self.tenant, agents, by_day, now).await
    }

    /// What each agent has used of its share for replies ([`chimera_domain::GovernorLimits::of_replies`]): replies planned in the sixty minutes
    /// before `now` and since midnight UTC, and the most that those of today may cost.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn replies_use(&self, agents: &[AgentId], now: DateTime<Utc>) -> Result<HashMap<AgentId, GovernorUse>> {
        replies(&self.db, self.tenant, agents, now).await
    }

    /// What each of these campaigns has used today, as far as its limits count it: its signals that were planned since
    /// midnight UTC; what the spend ledger counts since then; and the whole caps of its
    /// tasks that are PENDING or READY. Those without such limits are left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaign_use(
        &self,
        campaigns: &[&Campaign],
        now: DateTime<Utc>,
    ) -> Result<HashMap<CampaignId, CampaignUse>> {
        used_by_campaigns(&self.db, self.tenant, campaigns, now).await
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
    by_day: &[AgentId],
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
    if !by_day.is_empty() {
        let ids: Vec<Uuid> = by_day.iter().map(|id| id.as_uuid()).collect();
        for (id, count) in planned_since(db, tenant, &ids, before(SpendWindows::midnight(now))).await? {
            uses.entry(AgentId::from_uuid(id)).or_default().planned_today = u32::try_from(count).unwrap_or(u32::MAX);
        }
    }
    for (id, micros) in promised(db, tenant, &ids, now).await? {
        uses.entry(AgentId::from_uuid(id)).or_default().spent_today = Usd::from_micros(micros);
    }
    Ok(uses)
}

/// What each of these agents has used of its share for replies; every one of them has an entry.
pub(crate) async fn replies(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[AgentId],
    now: DateTime<Utc>,
) -> Result<HashMap<AgentId, GovernorUse>> {
    use tasks::{Column as C, Entity as E};
    let mut uses: HashMap<AgentId, GovernorUse> = agents.iter().map(|id| (*id, GovernorUse::default())).collect();
    let (hour, day) = (now - Duration::hours(1), SpendWindows::midnight(now));
    let kind = || Expr::col((E, C::TaskType));
    // Named as the index over posts names them.
    let posts = TaskType::ALL.iter().filter(|kind| kind.is_publishable()).map(|kind| dialect::literal(kind.as_str()));
    let planned = E::find()
        .select_only()
        .columns([C::AgentId, C::CreatedAt, C::BudgetCapMicros])
        .filter(batch::of_tenant::<E>(tenant))
        .filter(kind().is_in(posts))
        .filter(kind().eq(dialect::literal(TaskType::ReplyComment.as_str())))
        .filter(C::CreatedAt.gte(time(Ord::min(hour, day))))
        .filter(C::AgentId.is_in(batch::padded(agents.iter().map(|id| id.as_uuid()))));
    let rows: Vec<(Uuid, DateTime<Utc>, i64)> = planned.into_tuple().all(db).await?;
    for (id, at, cap) in rows {
        let used = uses.entry(AgentId::from_uuid(id)).or_default();
        used.planned_last_hour = used.planned_last_hour.saturating_add(u32::from(at > hour));
        if at >= day {
            used.planned_today = used.planned_today.saturating_add(1);
            used.spent_today = used.spent_today.saturating_add(Usd::from_micros(cap));
        }
    }
    Ok(uses)
}

/// What these campaigns have used, as far as their limits count it.
pub(crate) async fn used_by_campaigns(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    campaigns: &[&Campaign],
    now: DateTime<Utc>,
) -> Result<HashMap<CampaignId, CampaignUse>> {
    let day = SpendWindows::midnight(now);
    let mut uses: HashMap<CampaignId, CampaignUse> = HashMap::new();
    let ids = |counts: fn(&Campaign) -> bool| -> Vec<Uuid> {
        campaigns.iter().filter(|campaign| counts(campaign)).map(|campaign| campaign.id.as_uuid()).collect()
    };
    let capped = ids(|campaign| campaign.limits.daily_task_cap.is_some());
    if !capped.is_empty() {
        use signals::Column as C;
        let select = signals::Entity::find()
            .select_only()
            .column(C::CampaignId)
            .expr(Expr::col(C::Id).count())
            .filter(batch::of_tenant::<signals::Entity>(tenant))
            .filter(C::CampaignId.is_in(capped))
            .filter(Expr::col((signals::Entity, C::Outcome)).eq(dialect::literal(SignalOutcome::Planned.as_str())))
            .filter(C::DecidedAt.gte(day))
            .group_by(C::CampaignId);
        let counts: Vec<(Uuid, i64)> = select.into_tuple().all(db).await?;
        for (id, count) in counts {
            uses.entry(CampaignId::from_uuid(id)).or_default().planned_today = u32::try_from(count).unwrap_or(u32::MAX);
        }
    }
    let budgeted = ids(|campaign| campaign.limits.daily_budget_usd.is_some());
    if !budgeted.is_empty() {
        use spend_ledger::Column as L;
        let mut entries = spend_ledger::Entity::find()
            .select_only()
            .column(L::CampaignId)
            .expr(dialect::sum(Expr::col(L::CountedMicros)))
            .filter(batch::of_tenant::<spend_ledger::Entity>(tenant))
            .filter(L::CampaignId.is_in(budgeted.clone()))
            .filter(L::ReservedAt.gte(day))
            .group_by(L::CampaignId);
        // One statement, so one moment, as for agents.
        let mut caps = caps_of(tasks::Column::CampaignId, tenant, &budgeted);
        let both = QueryTrait::query(&mut entries).union(UnionType::All, QueryTrait::query(&mut caps).take()).take();
        for row in db.query_all(&both).await? {
            let (id, micros): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let spent = &mut uses.entry(CampaignId::from_uuid(id)).or_default().spent_today;
            *spent = spent.saturating_add(Usd::from_micros(micros));
        }
    }
    Ok(uses)
}

/// The last moment before this one that columns can hold.
fn before(moment: DateTime<Utc>) -> DateTime<Utc> {
    moment - Duration::microseconds(1)
}

/// By agent: what the ledger counts today, and the caps of its tasks that are yet to be claimed. One statement, so one
/// moment: between two, a claim would take its money from the one before the other counted it.
async fn promised(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, i64>> {
    let (mut counted, mut planned) = (HashMap::new(), HashMap::new());
    let mut ahead: Vec<Uuid> = Vec::new();
    for chunk in agents.chunks(LISTED_MAX / 2) {
        // Columns: agent, sum, this hour's part of it, when money was set aside last, whether it is only planned.
        let mut of_day = spend::totals::of_day(tenant, chunk, now).expr(Expr::cust("0"));
        let mut caps =
            caps_of_planned(tenant, chunk).expr(Expr::cust("0")).expr(Expr::cust("NULL")).expr(Expr::cust("1"));
        let both = QueryTrait::query(&mut of_day).union(UnionType::All, QueryTrait::query(&mut caps).take()).take();
        for row in db.query_all(&both).await? {
            let (id, micros): (Uuid, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let (latest, only_planned): (Option<DateTime<Utc>>, i32) =
                (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
            if only_planned == 1 {
                planned.insert(id, micros);
                continue;
            }
            counted.insert(id, micros);
            if latest.is_some_and(|latest| SpendWindows::at(latest) > SpendWindows::at(now)) {
                ahead.push(id);
            }
        }
    }
    // Some process's clock is ahead of this one's, over the end of a window. That is rare.
    if !ahead.is_empty() {
        let later = spend::committed(db, tenant, &ahead, now).await?;
        counted.extend(later.into_iter().map(|(id, committed)| (id, committed.used.today.micros())));
    }
    for (id, micros) in planned {
        let sum: &mut i64 = counted.entry(id).or_default();
        *sum = sum.saturating_add(micros);
    }
    Ok(counted)
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
    Ok(caps_of_planned(tenant, agents).into_tuple().all(db).await?)
}

fn caps_of_planned(tenant: TenantId, agents: &[Uuid]) -> Select<tasks::Entity> {
    caps_of(tasks::Column::AgentId, tenant, agents)
}

/// By agent or campaign: what its tasks may yet set aside.
fn caps_of(whose: tasks::Column, tenant: TenantId, ids: &[Uuid]) -> Select<tasks::Entity> {
    tasks::Entity::find()
        .select_only()
        .column(whose)
        .expr(dialect::sum(Expr::col(tasks::Column::BudgetCapMicros)))
        .filter(batch::of_tenant::<tasks::Entity>(tenant))
        .filter(whose.is_in(batch::padded(ids.iter().copied())))
        .filter(tasks::Column::State.is_in(PLANNED.iter().map(|s| s.as_str())))
        .group_by(whose)
}
