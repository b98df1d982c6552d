//! `agent_tasks`: the nodes of the DAG. Their edges are in `task_dependencies`.

use sea_orm::entity::prelude::*;

use chimera_domain::{
    AgentId, AgentTask, ArtifactId, CampaignId, PersonaLock, SignalId, StateVersion, TaskId, TaskState, TaskType,
    TenantId, TicketId, Usd,
};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, text_opt, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_tasks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) agent_id: Uuid,
    pub(crate) campaign_id: Uuid,
    pub(crate) campaign_version: i64,
    pub(crate) signal_id: Uuid,
    pub(crate) task_type: String,
    pub(crate) channel: String,
    pub(crate) priority: String,
    pub(crate) character_reference_id: String,
    pub(crate) soul_hash: String,
    pub(crate) budget_cap_micros: i64,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) payload: Json,
    pub(crate) state: String,
    pub(crate) state_version: i64,
    pub(crate) attempts: i64,
    pub(crate) failures: i64,
    pub(crate) lease_owner: Option<String>,
    pub(crate) lease_expires_ms: Option<i64>,
    pub(crate) last_error: Option<String>,
    pub(crate) cancel_reason: Option<String>,
    pub(crate) result_artifact: Option<Uuid>,
    pub(crate) hitl_ticket_id: Option<Uuid>,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) updated_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// What the task does.
    pub(crate) fn kind(&self) -> Result<TaskType> {
        Reader { entity: RowKind::Task, id: self.id }.name("task_type", &self.task_type)
    }

    /// Where the task stands.
    pub(crate) fn standing(&self) -> Result<TaskState> {
        Reader { entity: RowKind::Task, id: self.id }.name("state", &self.state)
    }

    /// The version of the row.
    pub(crate) const fn version(&self) -> StateVersion {
        StateVersion::new(self.state_version)
    }
}

impl Mapped for Entity {
    type Domain = AgentTask;

    fn write(task: &AgentTask, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Task, task.id.as_uuid(), tenant, task.tenant_id)?;
        Ok(Model {
            id: task.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: task.trace_id.to_string(),
            agent_id: task.agent_id.as_uuid(),
            campaign_id: task.campaign_id.as_uuid(),
            campaign_version: task.campaign_version.get(),
            signal_id: task.signal_id.as_uuid(),
            task_type: task.task_type.to_string(),
            channel: task.channel.to_string(),
            priority: task.priority.to_string(),
            character_reference_id: text(&task.persona_lock.character_reference_id),
            soul_hash: text(&task.persona_lock.soul_hash),
            budget_cap_micros: task.budget_cap_usd.micros(),
            payload: writer.document("payload", &task.payload)?,
            state: task.state.to_string(),
            state_version: task.state_version.get(),
            attempts: task.attempts.into(),
            failures: task.failures.into(),
            lease_owner: text_opt(task.lease_owner.as_ref()),
            lease_expires_ms: None,
            last_error: text_opt(task.last_error.as_ref()),
            cancel_reason: task.cancel_reason.map(|reason| reason.to_string()),
            result_artifact: task.result_artifact.map(ArtifactId::as_uuid),
            hitl_ticket_id: task.hitl_ticket_id.map(TicketId::as_uuid),
            created_at: time(task.created_at),
            updated_at: time(task.updated_at),
        })
    }

    /// The task without its dependencies, which the caller adds.
    fn read(row: Model) -> Result<AgentTask> {
        let reader = Reader { entity: RowKind::Task, id: row.id };
        Ok(AgentTask {
            id: TaskId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: reader.trace(&row.trace_id)?,
            agent_id: AgentId::from_uuid(row.agent_id),
            campaign_id: CampaignId::from_uuid(row.campaign_id),
            campaign_version: StateVersion::new(row.campaign_version),
            signal_id: SignalId::from_uuid(row.signal_id),
            task_type: reader.name("task_type", &row.task_type)?,
            channel: reader.name("channel", &row.channel)?,
            priority: reader.name("priority", &row.priority)?,
            depends_on: Vec::new(),
            persona_lock: PersonaLock { character_reference_id: row.character_reference_id, soul_hash: row.soul_hash },
            budget_cap_usd: Usd::from_micros(row.budget_cap_micros),
            payload: reader.document("payload", row.payload)?,
            state: reader.name("state", &row.state)?,
            state_version: StateVersion::new(row.state_version),
            attempts: reader.count("attempts", row.attempts)?,
            failures: reader.count("failures", row.failures)?,
            lease_owner: row.lease_owner,
            last_error: row.last_error,
            cancel_reason: row.cancel_reason.map(|name| reader.name("cancel_reason", &name)).transpose()?,
            result_artifact: row.result_artifact.map(ArtifactId::from_uuid),
            hitl_ticket_id: row.hitl_ticket_id.map(TicketId::from_uuid),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
