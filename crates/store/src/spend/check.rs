//! What an operator asks: where an agent's money of the day is, and whether the ledger agrees with the records.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement, UnionType},
};
use serde::Serialize;
use uuid::Uuid;

use chimera_domain::{AgentId, EntryState, SpendUse, SpendWindows, Usd};

use crate::{
    Result, Store, batch, dialect,
    entity::{
        artifacts,
        spend_ledger::{Column, Entity},
        tasks, tool_calls,
    },
    money,
    spend::committed,
};

/// Where an agent's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct SpendCheck {
    /// What counts toward its caps, by the totals of the ledger: the three below together, and this hour's part of them.
    pub used: SpendUse,
    /// The three below together, added up; as the totals have it where some clock is ahead by a day.
    pub counted: Usd,
    /// Spent today, for certain.
    pub settled: Usd,
    /// Set aside today and presumed spent, because nobody knows better.
    pub presumed: Usd,
    /// Set aside today for what is under way.
    pub open: Usd,
    /// What tasks that wait to be claimed may yet set aside.
    pub planned: Usd,
    /// What the ledger says that the tasks and calls of the day have cost, whenever they did.
    pub ledger_cost: Usd,
    /// What the records of calls and results say that the same have cost.
    pub recorded_cost: Usd,
}

impl SpendCheck {
    /// Whether the ledger and the records say the same, and the ledger's totals what its entries do.
    #[must_use]
    pub fn is_in_order(&self) -> bool {
        self.ledger_cost == self.recorded_cost && self.counted == self.used.today
    }
}

impl Store {
    /// Where these agents' money of the day of `now` is; every one of them has an entry. Reads all that the day touched:
    /// for operators and tests, not for hot paths.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn spend_check(&self, agents: &[AgentId], now: DateTime<Utc>) -> Result<HashMap<AgentId, SpendCheck>> {
        // One picture of it all: what is written meanwhile must not look like a difference.
        let tx = self.snapshot().await?;
        let ids: Vec<Uuid> = agents.iter().map(|id| id.as_uuid()).collect();
        let mut checks: HashMap<Uuid, SpendCheck> = HashMap::with_capacity(ids.len());
        let mut ahead = HashSet::new();
        for (id, committed) in committed(&tx, self.tenant, &ids, now).await? {
            checks.entry(id).or_default().used = committed.used;
            if SpendWindows::at(committed.at) > SpendWindows::at(now) {
                ahead.insert(id);
            }
        }
        for (id, state, counted) in self.by_state(&tx, &ids, now).await? {
            let check = checks.entry(id).or_default();
            match state.parse() {
                Ok(EntryState::Open) => check.open = Usd::from_micros(counted),
                Ok(EntryState::Presumed) => check.presumed = Usd::from_micros(counted),
                Ok(EntryState::Settled) => check.settled = Usd::from_micros(counted),
                _ => {}
            }
        }
        for (id, check) in &mut checks {
            let added_up = [check.open, check.presumed, check.settled].into_iter().sum();
            check.counted = if ahead.contains(id) { check.used.today } else { added_up };
        }
        for (id, micros) in money::planned_caps(&tx, self.tenant, &ids).await? {
            checks.entry(id).or_default().planned = Usd::from_micros(micros);
        }
        let since = SpendWindows::midnight(now);
        for (id, micros) in self.ledger_cost(&tx, &ids, since).await? {
            checks.entry(id).or_default().ledger_cost = Usd::from_micros(micros);
        }
        for (id, micros) in self.recorded_cost(&tx, &ids, since).await? {
            let recorded = &mut checks.entry(id).or_default().recorded_cost;
            *recorded = recorded.saturating_add(Usd::from_micros(micros));
        }
        tx.commit().await?;
        Ok(checks.into_iter().map(|(id, check)| (AgentId::from_uuid(id), check)).collect())
    }

    async fn by_state(
        &self,
        db: &impl ConnectionTrait,
        agents: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<Vec<(Uuid, String, i64)>> {
        let select = Entity::find()
            .select_only()
            .columns([Column::AgentId, Column::State])
            .expr(dialect::sum(Expr::col(Column::CountedMicros)))
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::AgentId.is_in(agents.iter().copied()))
            .filter(Column::ReservedAt.gte(SpendWindows::midnight(now)))
            .group_by(Column::AgentId)
            .group_by(Column::State);
        Ok(select.into_tuple().all(db).await?)
    }

    /// Tasks that set money aside or called a tool since then: all their costs are compared, whenever they arose, for an
    /// attempt may begin before midnight and call after it.
    fn touched_since(&self, since: DateTime<Utc>) -> SelectStatement {
        let mut entered = Query::select()
            .column(Column::TaskId)
            .from(Entity)
            .and_where(batch::of_tenant::<Entity>(self.tenant))
            .and_where(Expr::col(Column::ReservedAt).gte(since))
            .and_where(Expr::col(Column::TaskId).is_not_null())
            .take();
        let called = Query::select()
            .column(tool_calls::Column::TaskId)
            .from(tool_calls::Entity)
            .and_where(batch::of_tenant::<tool_calls::Entity>(self.tenant))
            .and_where(Expr::col(tool_calls::Column::CalledAt).gte(since))
            .and_where(Expr::col(tool_calls::Column::TaskId).is_not_null())
            .take();
        entered.union(UnionType::Distinct, called).take()
    }

    async fn ledger_cost(
        &self,
        db: &impl ConnectionTrait,
        agents: &[Uuid],
        since: DateTime<Utc>,
    ) -> Result<Vec<(Uuid, i64)>> {
        let alone = Condition::all().add(Column::TaskId.is_null()).add(Column::ReservedAt.gte(since));
        let select = Entity::find()
            .select_only()
            .column(Column::AgentId)
            .expr(dialect::sum(Expr::col(Column::CostMicros)))
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::AgentId.is_in(agents.iter().copied()))
            .filter(Condition::any().add(Column::TaskId.in_subquery(self.touched_since(since))).add(alone))
            .group_by(Column::AgentId);
        Ok(select.into_tuple().all(db).await?)
    }

    /// What calls cost, and what results cost beyond their calls.
    async fn recorded_cost(
        &self,
        db: &impl ConnectionTrait,
        agents: &[Uuid],
        since: DateTime<Utc>,
    ) -> Result<Vec<(Uuid, i64)>> {
        use tool_calls::Column as C;
        let call = |column: C| Expr::col((tool_calls::Entity, column));
        let task = |column: tasks::Column| Expr::col((tasks::Entity, column));
        // A call names its agent, or its task does.
        let agent = Func::coalesce([call(C::AgentId), task(tasks::Column::AgentId)]);
        let alone = call(C::TaskId).is_null().and(call(C::CalledAt).gte(since));
        let called = Query::select()
            .expr(agent.clone())
            .expr_as(dialect::sum(call(C::CostMicros)), "micros")
            .from(tool_calls::Entity)
            .left_join(tasks::Entity, task(tasks::Column::Id).equals((tool_calls::Entity, C::TaskId)))
            .and_where(batch::of_tenant::<tool_calls::Entity>(self.tenant))
            .and_where(Expr::expr(agent.clone()).is_in(agents.iter().copied()))
            .and_where(call(C::TaskId).in_subquery(self.touched_since(since)).or(alone))
            .add_group_by([agent.into()])
            .take();
        let beyond = Query::select()
            .column(artifacts::Column::AgentId)
            .expr_as(dialect::sum(Expr::col(artifacts::Column::BeyondToolsMicros)), "micros")
            .from(artifacts::Entity)
            .and_where(batch::of_tenant::<artifacts::Entity>(self.tenant))
            .and_where(artifacts::Column::AgentId.is_in(agents.iter().copied()))
            .and_where(Expr::col(artifacts::Column::TaskId).in_subquery(self.touched_since(since)))
            .group_by_col(artifacts::Column::AgentId)
            .take();
        let mut costs = Vec::new();
        for select in [called, beyond] {
            for row in db.query_all(&select).await? {
                costs.push((row.try_get_by_index(0)?, row.try_get_by_index(1)?));
            }
        }
        Ok(costs)
    }
}
