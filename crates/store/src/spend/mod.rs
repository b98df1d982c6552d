//! The spend ledger: what agents have set aside and spent. It is the authority; counters elsewhere follow it.
//!
//! An attempt at a task that may cost something has an entry from its claim on ([`reserve`]); handing in settles or
//! releases it ([`close`]). What a call cost that no attempt made (a question to the mind, a platform's fee) is an entry
//! of its own, settled at once. What counts is added up by hours ([`totals`]); [`Store::spend_check`] holds that against the
//! entries. A call is counted when its row is first written, so that nothing counts twice.

mod check;
mod close;
mod loose;
mod news;
mod reserve;
pub(crate) mod totals;

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

use chimera_domain::{AgentId, EntryState, LedgerEntry, SpendUse, SpendWindows, TenantId};

pub use check::SpendCheck;
pub(crate) use close::{Closing, close};
pub(crate) use loose::loose;
pub use news::SpendObserver;
pub(crate) use news::{Entries, Spending};
pub(crate) use reserve::{Purses, Refusal, Wish, reserve};

use crate::{
    Result, Store, batch, dialect,
    entity::spend_ledger::{Column, Entity},
};

impl Store {
    /// The ledger's entries of these agents since a moment, and older ones that are open; those in one state, or all;
    /// newest first.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn spend_entries(
        &self,
        agents: &[AgentId],
        since: DateTime<Utc>,
        state: Option<EntryState>,
        limit: Option<u64>,
    ) -> Result<Vec<LedgerEntry>> {
        // Apart, for each has an index of its own, and what is newer comes first anyway.
        let mut newest_first = Entity::find()
            .filter(batch::of_tenant::<Entity>(self.tenant))
            .filter(Column::AgentId.is_in(agents.iter().map(|id| id.as_uuid())))
            .order_by_desc(Column::ReservedAt)
            .order_by_desc(Column::Reservation);
        if let Some(state) = state {
            newest_first = newest_first.filter(Column::State.eq(state.as_str()));
        }
        let recent = newest_first.clone().filter(Column::ReservedAt.gte(since)).limit(limit);
        let mut rows = recent.all(&self.db).await?;
        let rest = limit.map(|limit| limit.saturating_sub(u64::try_from(rows.len()).unwrap_or(u64::MAX)));
        if rest != Some(0) && state.is_none_or(|state| state == EntryState::Open) {
            let open = Expr::col(Column::State).eq(dialect::literal(EntryState::Open.as_str()));
            rows.extend(
                newest_first.filter(Column::ReservedAt.lt(since)).filter(open).limit(rest).all(&self.db).await?,
            );
        }
        batch::read_all::<Entity>(rows)
    }

    /// What these agents have spent and reserved in the day and hour of `now`; every one of them has an entry.
    ///
    /// # Errors
    /// [`crate::StoreError`] when the database fails.
    pub async fn spend_use(&self, agents: &[AgentId], now: DateTime<Utc>) -> Result<HashMap<AgentId, SpendUse>> {
        let ids: Vec<Uuid> = agents.iter().map(|id| id.as_uuid()).collect();
        let found = committed(&self.db, self.tenant, &ids, now).await?;
        Ok(found.into_iter().map(|(id, committed)| (AgentId::from_uuid(id), committed.used)).collect())
    }
}

/// What an agent has spent and reserved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Committed {
    pub(crate) used: SpendUse,
    /// Now; or the time of the agent's latest entry, when that is later: windows never turn back.
    pub(crate) at: DateTime<Utc>,
}

/// What these agents have spent and reserved in the day and hour of `now`, or of their latest entry if that lies in a
/// later one; every one of them has an entry.
pub(crate) async fn committed(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    agents: &[Uuid],
    now: DateTime<Utc>,
) -> Result<HashMap<Uuid, Committed>> {
    let mut found = totals::sums(db, tenant, agents, now).await?;
    // Some process's clock is ahead of this one's, over the end of a window. That is rare.
    let windows = SpendWindows::at(now);
    let ahead: Vec<(Uuid, DateTime<Utc>)> =
        found.iter().filter(|(_, c)| SpendWindows::at(c.at) > windows).map(|(id, c)| (*id, c.at)).collect();
    for (id, at) in ahead {
        found.extend(totals::sums(db, tenant, &[id], at).await?);
    }
    Ok(found)
}
