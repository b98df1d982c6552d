//! Setting money aside for tasks just claimed, in the transaction of the claim.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, LockType, Order, Query, SelectStatement},
};
use uuid::Uuid;

use chimera_domain::{
    AgentId, CampaignId, EntryState, LedgerEntry, ReservationId, SpendCap, SpendCaps, SpendUse, SpendWindows,
    StateVersion, TaskId, TaskType, TenantId, Usd,
};

use super::{Committed, committed};
use crate::{
    Result, Store, batch,
    dialect::{self, Purpose},
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
    /// The cap that what is spent leaves no room under; any cap, if it would leave room.
    pub(crate) cap: SpendCap,
    /// What that cap leaves.
    pub(crate) left: Usd,
    /// Whether there would be room if all came back that is set aside for others.
    pub(crate) may_come_back: bool,
}

/// Whose money, and how much of it at the most.
#[derive(Debug)]
struct Purse {
    slug: String,
    caps: SpendCaps,
}

/// The purses of some agents. Nobody else sets their money aside until the transaction ends, so that two claims never share
/// the last dollar.
#[derive(Debug)]
pub(crate) struct Purses(HashMap<Uuid, Purse>);

impl Purses {
    /// Waits for the purses of the agents that `payers` names.
    pub(crate) async fn lock(db: &impl ConnectionTrait, store: &Store, payers: SelectStatement) -> Result<Self> {
        use agents::Column as C;
        let columns = [C::Id, C::PersonaSlug, C::MaxDailySpendMicros, C::MaxHourlySpendMicros];
        let of_payers = Query::select()
            .columns(columns)
            .from(agents::Entity)
            .and_where(batch::of_tenant::<agents::Entity>(store.tenant))
            .and_where(store.backend.is_one_of(Expr::col(C::Id), payers))
            .order_by(C::Id, Order::Asc)
            // A cap that is lowered while this waits must not be read as it was.
            .lock(LockType::Share)
            .take();
        let mut purses = HashMap::new();
        for row in db.query_all(&store.backend.one_at_a_time(of_payers, columns, Purpose::Money)).await? {
            let (id, slug): (Uuid, String) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
            let (daily, hourly): (i64, Option<i64>) = (row.try_get_by_index(2)?, row.try_get_by_index(3)?);
            let caps = SpendCaps { daily: Usd::from_micros(daily), hourly: hourly.map(Usd::from_micros) };
            purses.insert(id, Purse { slug, caps });
        }
        Ok(Self(purses))
    }
}

/// Sets money aside for these tasks, in the order given, as far as their agents' caps leave room. Returns the entries made,
/// and what is refused.
pub(crate) async fn reserve<'a>(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    Purses(purses): &Purses,
    wishes: Vec<Wish<'a>>,
    now: DateTime<Utc>,
) -> Result<(Vec<LedgerEntry>, Vec<Refusal<'a>>)> {
    if wishes.is_empty() {
        return Ok((vec![], vec![]));
    }
    let mut ids: Vec<Uuid> = wishes.iter().map(|wish| wish.row.agent_id).collect();
    ids.sort_unstable();
    ids.dedup();
    // A statement of its own, after the locks: it sees what the last holder wrote.
    let mut committed = committed(db, tenant, &ids, now).await?;
    let (mut entries, mut refused) = (Vec::new(), Vec::new());
    for Wish { row, task_type } in wishes {
        let amount = Usd::from_micros(row.budget_cap_micros);
        let Some((purse, account)) = purses.get(&row.agent_id).zip(committed.get_mut(&row.agent_id)) else { continue };
        match purse.caps.refusal(account.used, amount) {
            Some((cap, left)) => {
                refused.push(Refusal { row, agent: purse.slug.clone(), cap, left, may_come_back: false });
            }
            None => {
                account.used = account.used.and(amount);
                entries.push(open(row, task_type, amount, account.at)?);
            }
        }
    }
    batch::insert::<spend_ledger::Entity>(db, tenant, &entries).await?;
    if !refused.is_empty() {
        let open = open_now(db, tenant, &ids, &committed).await?;
        for refusal in &mut refused {
            let id = &refusal.row.agent_id;
            let Some((purse, account)) = purses.get(id).zip(committed.get(id)) else { continue };
            let spent = account.used.without(open.get(id).copied().unwrap_or_default());
            let amount = Usd::from_micros(refusal.row.budget_cap_micros);
            match purse.caps.refusal(spent, amount) {
                Some((cap, left)) => (refusal.cap, refusal.left) = (cap, left),
                None => refusal.may_come_back = true,
            }
        }
    }
    Ok((entries, refused))
}

/// What of these agents' day and hour is set aside, and neither spent nor presumed to be.
async fn open_now(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
    committed: &HashMap<Uuid, Committed>,
) -> Result<HashMap<Uuid, SpendUse>> {
    use spend_ledger::Column as C;
    let mut open: HashMap<Uuid, SpendUse> = HashMap::with_capacity(agents.len());
    for chunk in agents.chunks(dialect::BINDS_MAX - 8) {
        let rows: Vec<(Uuid, DateTime<Utc>, i64)> = spend_ledger::Entity::find()
            .select_only()
            .columns([C::AgentId, C::ReservedAt, C::CountedMicros])
            .filter(batch::of_tenant::<spend_ledger::Entity>(tenant))
            .filter(Expr::col(C::State).eq(dialect::literal(EntryState::Open.as_str())))
            .filter(C::AgentId.is_in(chunk.iter().copied()))
            .into_tuple()
            .all(db)
            .await?;
        for (id, at, micros) in rows {
            let Some(account) = committed.get(&id) else { continue };
            let (sum, counted) = (open.entry(id).or_default(), Usd::from_micros(micros));
            if at >= SpendWindows::midnight(account.at) {
                sum.today = sum.today.saturating_add(counted);
            }
            if at >= SpendWindows::hour_began(account.at) {
                sum.this_hour = sum.this_hour.saturating_add(counted);
            }
        }
    }
    Ok(open)
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
