//! `spend_ledger`: what was set aside, and what came of it. One row for each reservation, named by it.

use sea_orm::entity::prelude::*;

use chimera_domain::{AgentId, CampaignId, LedgerEntry, ReservationId, StateVersion, TaskId, TenantId, Usd};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "spend_ledger")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) reservation: String,
    pub(crate) agent_id: Uuid,
    pub(crate) campaign_id: Option<Uuid>,
    pub(crate) task_id: Option<Uuid>,
    pub(crate) task_version: Option<i64>,
    pub(crate) trace_id: Option<String>,
    pub(crate) purpose: String,
    pub(crate) reserved_micros: i64,
    pub(crate) cost_micros: i64,
    pub(crate) counted_micros: i64,
    pub(crate) state: String,
    pub(crate) reserved_at: DateTimeUtc,
    pub(crate) changed_at: DateTimeUtc,
    pub(crate) state_version: i64,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = LedgerEntry;

    fn write(entry: &LedgerEntry, tenant: TenantId) -> Result<Model> {
        Ok(Model {
            tenant_id: tenant.as_uuid(),
            reservation: text(entry.reservation.as_str()),
            agent_id: entry.agent_id.as_uuid(),
            campaign_id: entry.campaign_id.map(CampaignId::as_uuid),
            task_id: entry.task_id.map(TaskId::as_uuid),
            task_version: entry.task_version.map(StateVersion::get),
            trace_id: entry.trace_id.map(|trace| trace.to_string()),
            purpose: text(&entry.purpose),
            reserved_micros: entry.reserved.micros(),
            cost_micros: entry.cost.micros(),
            counted_micros: entry.counted.micros(),
            state: entry.state.to_string(),
            reserved_at: time(entry.reserved_at),
            changed_at: time(entry.changed_at),
            state_version: entry.state_version.get(),
        })
    }

    fn read(row: Model) -> Result<LedgerEntry> {
        let reader = Reader { entity: RowKind::LedgerEntry, id: row.task_id.unwrap_or(row.agent_id) };
        Ok(LedgerEntry {
            reservation: ReservationId::new(row.reservation),
            agent_id: AgentId::from_uuid(row.agent_id),
            campaign_id: row.campaign_id.map(CampaignId::from_uuid),
            task_id: row.task_id.map(TaskId::from_uuid),
            task_version: row.task_version.map(StateVersion::new),
            trace_id: row.trace_id.map(|text| reader.trace(&text)).transpose()?,
            purpose: row.purpose,
            reserved: Usd::from_micros(row.reserved_micros),
            cost: Usd::from_micros(row.cost_micros),
            counted: Usd::from_micros(row.counted_micros),
            state: reader.name("state", &row.state)?,
            reserved_at: row.reserved_at,
            changed_at: row.changed_at,
            state_version: StateVersion::new(row.state_version),
        })
    }
}
