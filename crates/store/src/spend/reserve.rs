//! Setting money aside for tasks just claimed, in the transaction of the claim.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::LockType};
use uuid::Uuid;

use chimera_domain::{
    AgentId, CampaignId, EntryState, LedgerEntry, ReservationId, SpendCap, SpendCaps, StateVersion, TaskId, TaskType,
    TenantId, Usd,
};

use super::committed;
use crate::{
    Result, batch, dialect,
    entity::{agents, spend_ledger, tasks},
};

/// A claimed task that may cost something.
#[derive(Debug, Clone)]
pub(crate) struct Wish<'a> {
    /// The task, EXECUTING.
    pub(crate) row: &'a tasks::Model,
    /// Its type.
    pub(crate) task_type: TaskType,
}

/// A task for which its agent's caps leave no room.
#[derive(Debug)]
pub(crate) struct Refusal<'a> {
    /// The task.
    pub(crate) row: &'a tasks::Model,
    /// Its agent's slug.
    pub(crate) agent: String,
    /// The cap.
    pub(crate) cap: SpendCap,
    /// What the cap leaves.
    pub(crate) left: Usd,
}

/// Whose money, and how much of it at the most.
struct Purse {
    slug: String,
    caps: SpendCaps,
}

/// Sets money aside for these tasks, in the order given, as far as their agents' caps leave room. The agents stay locked
/// until the transaction ends, so that two claims never share the last dollar. Returns the entries made, and what is
/// refused.
pub(crate) async fn reserve<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    wishes: Vec<Wish<'a>>,
    now: DateTime<Utc>,
) -> Result<(Vec<LedgerEntry>, Vec<Refusal<'a>>)> {
    if wishes.is_empty() {
        return Ok((vec![], vec![]));
    }
    let mut ids: Vec<Uuid> = wishes.iter().map(|wish| wish.row.agent_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let purses = lock_purses(db, tenant, &ids).await?;
    // A statement of its own, after the locks: it sees what the last holder wrote.
    let mut committed = committed(db, tenant, &ids, now).await?;
    let (mut entries, mut refused) = (Vec::new(), Vec::new());
    for Wish { row, task_type } in wishes {
        let amount = Usd::from_micros(row.budget_cap_micros);
        let Some((purse, account)) = purses.get(&row.agent_id).zip(committed.get_mut(&row.agent_id)) else { continue };
        match purse.caps.refusal(account.used, amount) {
            Some((cap, left)) => refused.push(Refusal { row, agent: purse.slug.clone(), cap, left }),
            None => {
                account.used = account.used.and(amount);
                entries.push(open(row, task_type, amount, account.at)?);
            }
        }
    }
    batch::insert::<spend_ledger::Entity>(db, tenant, &entries).await?;
    Ok((entries, refused))
}

async fn lock_purses(db: &impl ConnectionTrait, tenant: TenantId, ids: &[Uuid]) -> Result<HashMap<Uuid, Purse>> {
    use agents::Column as C;
    let mut purses = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(dialect::BINDS_MAX - 1) {
        let rows: Vec<(Uuid, String, i64, Option<i64>)> = agents::Entity::find()
            .select_only()
            .columns([C::Id, C::PersonaSlug, C::MaxDailySpendMicros, C::MaxHourlySpendMicros])
            .filter(batch::of_tenant::<agents::Entity>(tenant))
            .filter(C::Id.is_in(chunk.iter().copied()))
            .order_by_asc(C::Id)
            .lock(LockType::NoKeyUpdate)
            .into_tuple()
            .all(db)
            .await?;
        purses.extend(rows.into_iter().map(|(id, slug, daily, hourly)| {
            let caps = SpendCaps { daily: Usd::from_micros(daily), hourly: hourly.map(Usd::from_micros) };
            (id, Purse { slug, caps })
        }));
    }
    Ok(purses)
}

fn open(row: &tasks::Model, task_type: TaskType, amount: Usd, at: DateTime<Utc>) -> Result<LedgerEntry> {
    let (task_id, version) = (TaskId::from_uuid(row.id), row.version());
    Ok(LedgerEntry {
        reservation: ReservationId::of_attempt(task_id, version),
        agent_id: AgentId::from_uuid(row.agent_id),
        campaign_id: Some(CampaignId::from_uuid(row.campaign_id)),
        task_id: Some(task_id),
        task_version: Some(version),
        trace_id: row.trace_id.parse().ok(),
        purpose: task_type.to_string(),
        reserved: amount,
        cost: Usd::ZERO,
        counted: amount,
        state: EntryState::Open,
        reserved_at: at,
        changed_at: at,
        state_version: StateVersion::FIRST,
    })
}
