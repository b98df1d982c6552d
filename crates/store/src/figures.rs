//! What metrics tell of the fleet: each answer is one statement over live rows, whatever has piled up behind them.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Condition, Expr, ExprTrait, Query},
};

use chimera_domain::{AlertKind, EntryState, SpendWindows, TaskState, Usd};

use crate::{
    Result, RowKind, Store, batch,
    codec::Reader,
    dialect,
    entity::{agents, alerts, spend_ledger, spend_totals, tasks},
};

/// The tasks in one state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// How many there are.
    pub count: u64,
    /// Since when the one that was written longest ago stands there.
    pub since: DateTime<Utc>,
}

/// The money of all agents together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FleetSpend {
    /// What counts toward the daily caps since midnight UTC: spent, presumed spent, and set aside.
    pub today: Usd,
    /// What is set aside for what is under way, whenever that began.
    pub reserved: Usd,
    /// The daily caps.
    pub caps: Usd,
    /// The part of its daily cap that the agent nearest to it has used; 1 is all of it. An agent that may spend nothing and
    /// did has used all of it.
    pub fullest: f64,
}

impl Store {
    /// Where tasks stand that are not at an end, and those that gave up (FAILED); states without tasks are absent.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn tasks_standing(&self) -> Result<HashMap<TaskState, Standing>> {
        use tasks::Column as C;
        let told = TaskState::ALL.iter().filter(|state| !state.is_terminal() || **state == TaskState::Failed);
        let select = tasks::Entity::find()
            .select_only()
            .column(C::State)
            .expr(Expr::cust("COUNT(*)"))
            .expr(Expr::col(C::UpdatedAt).min())
            .filter(batch::of_tenant::<tasks::Entity>(self.tenant))
            .filter(C::State.is_in(told.map(|state| state.as_str())))
            .group_by(C::State);
        let reader = Reader { entity: RowKind::Task, id: self.tenant.as_uuid() };
        let rows: Vec<(String, i64, DateTime<Utc>)> = select.into_tuple().all(&self.db).await?;
        let standing = rows.into_iter().map(|(name, count, since)| {
            Ok((reader.name("state", &name)?, Standing { count: count.unsigned_abs(), since }))
        });
        standing.collect()
    }

    /// How many alerts of each kind nobody has acknowledged; kinds without alerts are absent.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn alerts_standing(&self) -> Result<BTreeMap<AlertKind, u64>> {
        use alerts::Column as C;
        let select = alerts::Entity::find()
            .select_only()
            .column(C::Kind)
            .expr(Expr::cust("COUNT(*)"))
            .filter(batch::of_tenant::<alerts::Entity>(self.tenant))
            .filter(C::AcknowledgedBy.is_null())
            .group_by(C::Kind);
        let reader = Reader { entity: RowKind::Alert, id: self.tenant.as_uuid() };
        let rows: Vec<(String, i64)> = select.into_tuple().all(&self.db).await?;
        rows.into_iter().map(|(name, count)| Ok((reader.name("kind", &name)?, count.unsigned_abs()))).collect()
    }

    /// The money of all agents together, on the day of `now`. Two statements: what an agent has used is read from its
    /// totals, what is set aside from one that holds nothing else.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn fleet_spend(&self, now: DateTime<Utc>) -> Result<FleetSpend> {
        use spend_ledger::{Column as L, Entity as Ledger};
        use spend_totals::{Column as T, Entity as Totals};
        let agent = |column: agents::Column| Expr::col((agents::Entity, column));
        let total = |column: T| Expr::col((Totals, column));
        let of_agent = Condition::all()
            .add(total(T::TenantId).eq(agent(agents::Column::TenantId)))
            .add(total(T::AgentId).eq(agent(agents::Column::Id)))
            .add(total(T::Hour).gte(SpendWindows::midnight(now)));
        let by_agent = Query::select()
            .column((agents::Entity, agents::Column::MaxDailySpendMicros))
            .expr(dialect::sum(total(T::CountedMicros)))
            .from(agents::Entity)
            .left_join(Totals, of_agent)
            .and_where(batch::of_tenant::<agents::Entity>(self.tenant))
            .add_group_by([agent(agents::Column::Id), agent(agents::Column::MaxDailySpendMicros)])
            .take();
        let mut spend = FleetSpend::default();
        for row in self.db.query_all(&by_agent).await? {
            let (cap, used): (i64, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            spend.caps = spend.caps.saturating_add(Usd::from_micros(cap));
            spend.today = spend.today.saturating_add(Usd::from_micros(used));
            spend.fullest = spend.fullest.max(part(used, cap));
        }
        let open: Option<i64> = Ledger::find()
            .select_only()
            .expr(dialect::sum(Expr::col(L::CountedMicros)))
            .filter(batch::of_tenant::<Ledger>(self.tenant))
            .filter(Expr::col(L::State).eq(dialect::literal(EntryState::Open.as_str())))
            .into_tuple()
            .one(&self.db)
            .await?;
        spend.reserved = Usd::from_micros(open.unwrap_or_default());
        Ok(spend)
    }
}

/// The part of a cap that is used.
#[expect(clippy::cast_precision_loss, reason = "a part needs no more than fifteen digits")]
fn part(used: i64, cap: i64) -> f64 {
    match (used, cap) {
        (..=0, _) => 0.0,
        (_, ..=0) => 1.0,
        (used, cap) => used as f64 / cap as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cap_of_nothing_is_used_up_by_anything() {
        assert_eq!((part(0, 0), part(1, 0), part(5, 10), part(30, 10)), (0.0, 1.0, 0.5, 3.0));
    }
}
