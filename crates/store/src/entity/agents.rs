//! `agents`: personas.

use sea_orm::entity::prelude::*;

use chimera_domain::{Agent, AgentId, GovernorLimits, StateVersion, TenantId, Usd};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agents")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) persona_slug: String,
    pub(crate) display_name: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) soul: Json,
    pub(crate) soul_hash: String,
    pub(crate) soul_version: i64,
    pub(crate) max_daily_spend_micros: i64,
    pub(crate) max_tasks_per_hour: i64,
    pub(crate) max_hourly_spend_micros: Option<i64>,
    pub(crate) max_tasks_per_day: Option<i64>,
    pub(crate) presence: String,
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) updated_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = Agent;

    fn write(agent: &Agent, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Agent, agent.id.as_uuid(), tenant, agent.tenant_id)?;
        Ok(Model {
            id: agent.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            persona_slug: text(&agent.persona_slug),
            display_name: text(&agent.display_name),
            soul: writer.document("soul", &agent.soul)?,
            soul_hash: text(&agent.soul_hash),
            soul_version: agent.soul_version.into(),
            max_daily_spend_micros: agent.governor_limits.max_daily_spend.micros(),
            max_tasks_per_hour: agent.governor_limits.max_tasks_per_hour.into(),
            max_hourly_spend_micros: agent.governor_limits.max_hourly_spend.map(Usd::micros),
            max_tasks_per_day: agent.governor_limits.max_tasks_per_day.map(i64::from),
            presence: agent.presence.to_string(),
            state_version: agent.state_version.get(),
            created_at: time(agent.created_at),
            updated_at: time(agent.updated_at),
        })
    }

    fn read(row: Model) -> Result<Agent> {
        let reader = Reader { entity: RowKind::Agent, id: row.id };
        Ok(Agent {
            id: AgentId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            persona_slug: row.persona_slug,
            display_name: row.display_name,
            soul: reader.document("soul", row.soul)?,
            soul_hash: row.soul_hash,
            soul_version: reader.count("soul_version", row.soul_version)?,
            governor_limits: GovernorLimits {
                max_daily_spend: Usd::from_micros(row.max_daily_spend_micros),
                max_hourly_spend: row.max_hourly_spend_micros.map(Usd::from_micros),
                max_tasks_per_hour: reader.count("max_tasks_per_hour", row.max_tasks_per_hour)?,
                max_tasks_per_day: row
                    .max_tasks_per_day
                    .map(|cap| reader.count("max_tasks_per_day", cap))
                    .transpose()?,
            },
            presence: reader.name("presence", &row.presence)?,
            state_version: StateVersion::new(row.state_version),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
