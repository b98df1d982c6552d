//! Totals of the ledger by agent and hour, so that a claim need not add up the day.
//!
//! Triggers keep them: whoever writes the ledger, by whatever way, has them right in the same transaction. PostgreSQL has a
//! row for each of a few *lanes*, chosen by the connection, so that two transactions rarely wait for each other's row; the
//! total is their sum. SQLite has one writer and one lane.

use std::collections::HashMap;

use chrono::{DateTime, Duration, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, DbErr, EntityTrait, QueryFilter, QuerySelect, Select,
    sea_query::{CaseStatement, Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{SpendUse, SpendWindows, TenantId, Usd};

use super::Committed;
use crate::{
    Result, Store, batch,
    dialect::{self, LISTED_MAX},
    entity::spend_totals::{Column, Entity},
};

/// Rows that one hour of one agent has at the most, on PostgreSQL.
const LANES: u32 = 64;
/// Totals of hours before that are of no use to anybody: windows are days and hours.
const KEPT: Duration = Duration::days(3);

const COLUMNS: &str = "(tenant_id, agent_id, hour, lane, counted_micros, latest)";
const KEY: &str = "(agent_id, hour, lane, tenant_id)";

/// The statements that make the triggers.
fn triggers(backend: DbBackend) -> Vec<String> {
    if backend == DbBackend::Sqlite {
        let add = |row: &str, sign: &str| {
            format!(
                "INSERT INTO spend_totals {COLUMNS} VALUES ({row}.tenant_id, {row}.agent_id, \
                 substr({row}.reserved_at, 1, 13) || ':00:00+00:00', 0, {sign}{row}.counted_micros, {row}.reserved_at) \
                 ON CONFLICT {KEY} DO UPDATE SET counted_micros = counted_micros + excluded.counted_micros, \
                 latest = max(latest, excluded.latest);"
            )
        };
        let (more, less) = (add("NEW", ""), add("OLD", "-"));
        return vec![
            format!("CREATE TRIGGER spend_totals_insert AFTER INSERT ON spend_ledger BEGIN {more} END"),
            format!(
                "CREATE TRIGGER spend_totals_update AFTER UPDATE OF counted_micros, reserved_at, agent_id, tenant_id \
                 ON spend_ledger BEGIN {less} {more} END"
            ),
            format!("CREATE TRIGGER spend_totals_delete AFTER DELETE ON spend_ledger BEGIN {less} END"),
        ];
    }
    let of = |rows: &str, sign: &str| {
        format!("SELECT tenant_id, agent_id, reserved_at, {sign}counted_micros AS counted_micros FROM {rows}")
    };
    // In the order of agents, so that two transactions rarely wait for each other in a circle.
    let add = |rows: &str, having: &str| {
        format!(
            "INSERT INTO spend_totals {COLUMNS} \
             SELECT tenant_id, agent_id, date_trunc('hour', reserved_at, 'UTC') AS hour, pg_backend_pid() % {LANES}, \
             sum(counted_micros), max(reserved_at) FROM ({rows}) AS changes \
             GROUP BY tenant_id, agent_id, hour {having} ORDER BY agent_id, hour \
             ON CONFLICT {KEY} DO UPDATE \
             SET counted_micros = spend_totals.counted_micros + excluded.counted_micros, \
             latest = greatest(spend_totals.latest, excluded.latest);"
        )
    };
    let (new, old) = (of("new_rows", ""), of("old_rows", "-"));
    let changed = "HAVING sum(counted_micros) <> 0";
    let function = format!(
        "CREATE OR REPLACE FUNCTION chimera_spend_totals() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF TG_OP = 'INSERT' THEN {} ELSIF TG_OP = 'UPDATE' THEN {} ELSE {} END IF; RETURN NULL; END $$",
        add(&new, ""),
        add(&format!("{new} UNION ALL {old}"), changed),
        add(&old, changed),
    );
    let trigger = |event: &str, tables: &str| {
        format!(
            "CREATE TRIGGER spend_totals_{} AFTER {event} ON spend_ledger REFERENCING {tables} \
             FOR EACH STATEMENT EXECUTE FUNCTION chimera_spend_totals()",
            event.to_lowercase()
        )
    };
    vec![
        function,
        trigger("INSERT", "NEW TABLE AS new_rows"),
        trigger("UPDATE", "NEW TABLE AS new_rows OLD TABLE AS old_rows"),
        trigger("DELETE", "OLD TABLE AS old_rows"),
    ]
}

/// Makes the triggers, and the totals of what is in the ledger already.
pub(crate) async fn install(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let backend = db.get_database_backend();
    let hour = match backend {
        DbBackend::Sqlite => "substr(reserved_at, 1, 13) || ':00:00+00:00'",
        _ => "date_trunc('hour', reserved_at, 'UTC')",
    };
    let fill = format!(
        "INSERT INTO spend_totals {COLUMNS} SELECT tenant_id, agent_id, {hour}, 0, sum(counted_micros), max(reserved_at) \
         FROM spend_ledger GROUP BY tenant_id, agent_id, {hour}"
    );
    // In this order: from here on nobody else writes the ledger until this is committed, so the filling sees it all.
    for statement in triggers(backend) {
        db.execute_unprepared(&statement).await?;
    }
    db.execute_unprepared(&fill).await?;
    Ok(())
}

/// Takes the triggers away.
pub(crate) async fn remove(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    let sqlite = db.get_database_backend() == DbBackend::Sqlite;
    for event in ["insert", "update", "delete"] {
        let table = if sqlite { "" } else { " ON spend_ledger" };
        db.execute_unprepared(&format!("DROP TRIGGER IF EXISTS spend_totals_{event}{table}")).await?;
    }
    if !sqlite {
        db.execute_unprepared("DROP FUNCTION IF EXISTS chimera_spend_totals()").await?;
    }
    Ok(())
}

/// By agent: what its entries of the day and of the hour of `now` count, and when money was set aside last.
pub(crate) fn of_day(tenant: TenantId, agents: &[Uuid], now: DateTime<Utc>) -> Select<Entity> {
    let this_hour: Expr = CaseStatement::new()
        .case(Expr::col(Column::Hour).gte(SpendWindows::hour_began(now)), Expr::col(Column::CountedMicros))
        .finally(0_i64)
        .into();
    Entity::find()
        .select_only()
        .column(Column::AgentId)
        .expr(dialect::sum(Expr::col(Column::CountedMicros)))
        .expr(dialect::sum(this_hour))
        .expr(Expr::col(Column::Latest).max())
        .filter(batch::of_tenant::<Entity>(tenant))
        .filter(Column::AgentId.is_in(batch::padded(agents.iter().copied())))
        .filter(Column::Hour.gte(SpendWindows::midnight(now)))
        .group_by(Column::AgentId)
}

/// What these agents' entries of the day and hour of `now` count; every one of them has an entry.
pub(super) async fn sums(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Committed>> {
    let nothing = Committed { used: SpendUse::default(), at: now };
    let mut found: HashMap<Uuid, Committed> = agents.iter().map(|id| (*id, nothing)).collect();
    for chunk in agents.chunks(LISTED_MAX) {
        let rows: Vec<(Uuid, i64, i64, Option<DateTime<Utc>>)> =
            of_day(tenant, chunk, now).into_tuple().all(db).await?;
        for (id, today, this_hour, latest) in rows {
            let used = SpendUse { today: Usd::from_micros(today), this_hour: Usd::from_micros(this_hour) };
            found.insert(id, Committed { used, at: latest.map_or(now, |latest| Ord::max(latest, now)) });
        }
    }
    Ok(found)
}

impl Store {
    /// Forgets totals that no window of `now` reaches, and none of the database's clock: one that is ahead of it must not
    /// take away what counts today. Returns how many rows.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn spend_totals_forget(&self, now: DateTime<Utc>) -> Result<u64> {
        let now = Ord::min(self.database_now(&self.db).await?, now);
        let _turn = self.turn().await;
        let old = Entity::delete_many()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::Hour.lt(SpendWindows::midnight(now - KEPT)));
        Ok(old.exec(&self.db).await?.rows_affected)
    }
}
