//! What agents and campaigns are doing, for people who look: a few statements over live rows and recent ones, however many
//! are looked at and whatever has piled up behind them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{CaseStatement, Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{
    AgentId, AgentTask, CampaignId, SignalId, SignalOutcome, SpendWindows, TaskState, TrendSignal, Usd,
};

use crate::{
    PostRow, Result, RowKind, Store, batch,
    codec::{Reader, time},
    dialect,
    entity::{signals, spend_ledger, tasks},
    tasks::with_dependencies,
};

/// How far back a last post is looked for.
const LAST_POST_WITHIN: Duration = Duration::days(3);

/// What one agent or one campaign is doing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Doings {
    /// Its tasks that are not at an end, and those that gave up (FAILED), by state; states without tasks are absent.
    pub tasks: BTreeMap<TaskState, u64>,
    /// Its posts that went out since midnight UTC.
    pub published_today: u64,
    /// The last one that went out within three days.
    pub last_post: Option<PostRow>,
}

/// Whose doings are asked for.
#[derive(Debug, Clone, Copy)]
enum Whose {
    Agents,
    Campaigns,
}

impl Whose {
    const fn column(self) -> tasks::Column {
        match self {
            Self::Agents => tasks::Column::AgentId,
            Self::Campaigns => tasks::Column::CampaignId,
        }
    }

    const fn of(self, task: &AgentTask) -> Uuid {
        match self {
            Self::Agents => task.agent_id.as_uuid(),
            Self::Campaigns => task.campaign_id.as_uuid(),
        }
    }
}

/// A signal that was planned, with its DAG.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSignal {
    /// What caused it.
    pub signal: TrendSignal,
    /// What was planned, oldest first; what was planned in place of a rejected post is among it.
    pub tasks: Vec<AgentTask>,
}

impl Store {
    /// What these agents are doing; every one of them has an entry.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn agents_doings(&self, agents: &[AgentId], now: DateTime<Utc>) -> Result<HashMap<AgentId, Doings>> {
        let ids: Vec<Uuid> = agents.iter().map(|id| id.as_uuid()).collect();
        let found = self.doings(Whose::Agents, &ids, now).await?;
        Ok(found.into_iter().map(|(id, doings)| (AgentId::from_uuid(id), doings)).collect())
    }

    /// What these campaigns are doing; every one of them has an entry.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns_doings(
        &self,
        campaigns: &[CampaignId],
        now: DateTime<Utc>,
    ) -> Result<HashMap<CampaignId, Doings>> {
        let ids: Vec<Uuid> = campaigns.iter().map(|id| id.as_uuid()).collect();
        let found = self.doings(Whose::Campaigns, &ids, now).await?;
        Ok(found.into_iter().map(|(id, doings)| (CampaignId::from_uuid(id), doings)).collect())
    }

    /// What the ledger counts for each of these campaigns since `since`; those for which it counts nothing are left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaigns_spent(
        &self,
        campaigns: &[CampaignId],
        since: DateTime<Utc>,
    ) -> Result<HashMap<CampaignId, Usd>> {
        use spend_ledger::{Column as C, Entity as E};
        let select = E::find()
            .select_only()
            .column(C::CampaignId)
            .expr(dialect::sum(Expr::col(C::CountedMicros)))
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::CampaignId.is_in(batch::padded(campaigns.iter().map(|id| id.as_uuid()))))
            .filter(C::ReservedAt.gte(time(since)))
            .group_by(C::CampaignId);
        let sums: Vec<(Uuid, i64)> = select.into_tuple().all(&self.db).await?;
        Ok(sums.into_iter().map(|(id, sum)| (CampaignId::from_uuid(id), Usd::from_micros(sum))).collect())
    }

    /// The signals that this campaign planned, the latest first, with what was planned; those that come after `after`,
    /// where the page before ended.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn campaign_plans(
        &self,
        campaign: CampaignId,
        after: Option<SignalId>,
        limit: u64,
    ) -> Result<Vec<PlannedSignal>> {
        use signals::{Column as C, Entity as E};
        let mut select = E::find()
            .filter(batch::of_tenant::<E>(self.tenant))
            .filter(C::CampaignId.eq(campaign.as_uuid()))
            .filter(Expr::col((E, C::Outcome)).eq(dialect::literal(SignalOutcome::Planned.as_str())))
            .order_by_desc(C::DecidedAt)
            .order_by_desc(C::Id)
            .limit(limit);
        if let Some(after) = after {
            select = select.filter(self.comes_after::<E>([C::DecidedAt, C::Id], C::Id, after.as_uuid()));
        }
        let planned = batch::read_all::<E>(select.all(&self.db).await?)?;
        let traces = planned.iter().map(|signal| signal.trace_id.to_string());
        let rows = batch::find::<tasks::Entity>(&self.db, self.tenant, tasks::Column::TraceId, traces).await?;
        let mut tasks: HashMap<_, Vec<AgentTask>> = HashMap::new();
        for task in with_dependencies(&self.db, self.tenant, rows).await? {
            tasks.entry(task.trace_id).or_default().push(task);
        }
        let with_tasks = planned.into_iter().map(|signal| {
            let tasks = tasks.remove(&signal.trace_id).unwrap_or_default();
            PlannedSignal { signal, tasks }
        });
        Ok(with_tasks.collect())
    }

    /// What the ledger counts for each of these agents in each of `days` days from `midnight` on, by when it was set aside;
    /// days are counted from 0, and those for which it counts nothing are left out.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn spend_by_day(
        &self,
        agents: &[AgentId],
        midnight: DateTime<Utc>,
        days: u32,
    ) -> Result<Vec<(AgentId, u32, Usd)>> {
        use spend_ledger::{Column as C, Entity as E};
        let begins = |day: u32| time(midnight + Duration::days(day.into()));
        let latest_first = (1..days).rev().map(|day| (day, Expr::col(C::ReservedAt).gte(begins(day))));
        let day: Expr = latest_first
            .fold(CaseStatement::new(), |case, (day, since)| case.case(since, i64::from(day)))
            .case(Expr::col(C::ReservedAt).gte(begins(0)), 0_i64)
            .into();
        let mut found = Vec::new();
        for chunk in agents.chunks(dialect::LISTED_MAX) {
            let select = E::find()
                .select_only()
                .column(C::AgentId)
                .expr_as(day.clone().cast_as("BIGINT"), "day")
                .expr(dialect::sum(Expr::col(C::CountedMicros)))
                .filter(batch::of_tenant::<E>(self.tenant))
                .filter(C::AgentId.is_in(batch::padded(chunk.iter().map(|id| id.as_uuid()))))
                .filter(C::ReservedAt.gte(begins(0)))
                .filter(C::ReservedAt.lt(begins(days)))
                .group_by(C::AgentId)
                .group_by(Expr::col("day"));
            let rows: Vec<(Uuid, i64, i64)> = select.into_tuple().all(&self.db).await?;
            let read = |(id, day, micros): (Uuid, i64, i64)| {
                (AgentId::from_uuid(id), u32::try_from(day).unwrap_or_default(), Usd::from_micros(micros))
            };
            found.extend(rows.into_iter().map(read));
        }
        Ok(found)
    }

    async fn doings(&self, whose: Whose, ids: &[Uuid], now: DateTime<Utc>) -> Result<HashMap<Uuid, Doings>> {
        let mut found: HashMap<Uuid, Doings> = ids.iter().map(|id| (*id, Doings::default())).collect();
        if ids.is_empty() {
            return Ok(found);
        }
        let told = TaskState::ALL.iter().filter(|state| !state.is_terminal() || **state == TaskState::Failed);
        let live = tasks::Entity::find()
            .select_only()
            .columns([whose.column(), tasks::Column::State])
            .expr(Expr::cust("COUNT(*)"))
            .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
            .filter(whose.column().is_in(batch::padded(ids.iter().copied())))
            .filter(tasks::Column::State.is_in(told.map(|state| state.as_str())))
            .group_by(whose.column())
            .group_by(tasks::Column::State);
        let reader = Reader { entity: RowKind::Task, id: self.tenant.as_uuid() };
        let rows: Vec<(Uuid, String, i64)> = live.into_tuple().all(&self.db).await?;
        for (id, state, count) in rows {
            let tasks = &mut found.entry(id).or_default().tasks;
            tasks.insert(reader.name("state", &state)?, count.unsigned_abs());
        }
        self.add_posts(whose, now, &mut found).await?;
        Ok(found)
    }

    /// Adds what went out lately. Whoever posted is asked for, not only whose doings are wanted: posts of a few days are
    /// fewer than all that anybody ever posted, and by names the database would read the latter.
    async fn add_posts(&self, whose: Whose, now: DateTime<Utc>, doings: &mut HashMap<Uuid, Doings>) -> Result<()> {
        use tasks::{Column as C, Entity as E};
        let out =
            E::find().filter(batch::of_tenant::<E>(self.tenant)).filter(C::State.eq(TaskState::Published.as_str()));
        let today: Expr = CaseStatement::new()
            .case(Expr::col(C::UpdatedAt).gte(SpendWindows::midnight(now)), 1_i64)
            .finally(0_i64)
            .into();
        let counts = out
            .clone()
            .select_only()
            .column(whose.column())
            .expr(dialect::sum(today))
            .expr(Expr::col(C::UpdatedAt).max())
            .filter(C::UpdatedAt.gte(time(now - LAST_POST_WITHIN)))
            .group_by(whose.column());
        let counts: Vec<(Uuid, i64, DateTime<Utc>)> = counts.into_tuple().all(&self.db).await?;
        let mut latest = Vec::with_capacity(counts.len());
        for (id, today, last) in counts {
            if let Some(doings) = doings.get_mut(&id) {
                doings.published_today = today.unsigned_abs();
                latest.push(last);
            }
        }
        if latest.is_empty() {
            return Ok(());
        }
        let rows = out.filter(C::UpdatedAt.is_in(batch::padded(latest))).all(&self.db).await?;
        for post in self.post_rows(rows).await? {
            let known = doings.get_mut(&whose.of(&post.task)).map(|doings| &mut doings.last_post);
            if let Some(last) =
                known.filter(|last| last.as_ref().is_none_or(|known| known.task.updated_at < post.task.updated_at))
            {
                *last = Some(post);
            }
        }
        Ok(())
    }
}
