//! Costs of calls that no attempt at a task made: questions to the mind, a platform's fees.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use uuid::Uuid;

use chimera_domain::{
    AgentId, CampaignId, EntryState, LedgerEntry, ReservationId, StateVersion, TaskId, TenantId, ToolCall, Usd,
};

use crate::{
    Result, batch,
    entity::{spend_ledger, tasks},
};

/// Writes an entry for each of these calls that cost something; they are on record since this very transaction, and no
/// attempt counts them. One that names neither an agent nor a task counts to nobody.
pub(crate) async fn loose(
    db: &impl ConnectionTrait,
    tenant: TenantId,
    calls: &[&ToolCall],
) -> Result<Vec<LedgerEntry>> {
    let paid: Vec<&ToolCall> = calls.iter().copied().filter(|call| call.cost_usd > Usd::ZERO).collect();
    let of_tasks = paid.iter().filter_map(|call| call.task_id).map(TaskId::as_uuid);
    let owners: HashMap<Uuid, tasks::Model> = if paid.is_empty() {
        HashMap::new()
    } else {
        let rows = batch::find::<tasks::Entity>(db, tenant, tasks::Column::Id, of_tasks).await?;
        rows.into_iter().map(|row| (row.id, row)).collect()
    };
    let entries: Vec<LedgerEntry> = paid
        .into_iter()
        .filter_map(|call| {
            let owner = call.task_id.and_then(|id| owners.get(&id.as_uuid()));
            let agent_id = call.agent_id.or_else(|| owner.map(|row| AgentId::from_uuid(row.agent_id)))?;
            Some(entry(call, agent_id, owner.map(|row| CampaignId::from_uuid(row.campaign_id))))
        })
        .collect();
    batch::insert::<spend_ledger::Entity>(db, tenant, &entries).await?;
    Ok(entries)
}

fn entry(call: &ToolCall, agent_id: AgentId, campaign_id: Option<CampaignId>) -> LedgerEntry {
    LedgerEntry {
        reservation: ReservationId::of_call(call.id),
        agent_id,
        campaign_id,
        task_id: call.task_id,
        task_version: None,
        trace_id: Some(call.trace_id),
        purpose: call.tool.clone(),
        reserved: Usd::ZERO,
        cost: call.cost_usd,
        counted: call.cost_usd,
        state: EntryState::Settled,
        reserved_at: call.called_at,
        changed_at: call.called_at,
        state_version: StateVersion::FIRST,
    }
}
