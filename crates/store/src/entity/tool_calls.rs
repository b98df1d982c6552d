//! `tool_calls`: every recorded MCP tool call. Append only.

use sea_orm::entity::prelude::*;

use chimera_domain::{AgentId, TaskId, TenantId, ToolCall, ToolCallId, Usd};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, text, text_opt, time, wide},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "tool_calls")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) task_id: Option<Uuid>,
    pub(crate) agent_id: Option<Uuid>,
    pub(crate) server: String,
    pub(crate) tool: String,
    pub(crate) status: String,
    pub(crate) latency_ms: i64,
    pub(crate) cost_micros: i64,
    pub(crate) arguments_hash: String,
    pub(crate) attempts: i64,
    pub(crate) error: Option<String>,
    pub(crate) called_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = ToolCall;

    fn write(call: &ToolCall, tenant: TenantId) -> Result<Model> {
        Ok(Model {
            id: call.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: call.trace_id.to_string(),
            task_id: call.task_id.map(TaskId::as_uuid),
            agent_id: call.agent_id.map(AgentId::as_uuid),
            server: text(&call.server),
            tool: text(&call.tool),
            status: call.status.to_string(),
            latency_ms: wide(call.latency_ms),
            cost_micros: call.cost_usd.micros(),
            arguments_hash: text(&call.arguments_hash),
            attempts: call.attempts.into(),
            error: text_opt(call.error.as_ref()),
            called_at: time(call.called_at),
        })
    }

    fn read(row: Model) -> Result<ToolCall> {
        let reader = Reader { entity: RowKind::ToolCall, id: row.id };
        Ok(ToolCall {
            id: ToolCallId::from_uuid(row.id),
            trace_id: reader.trace(&row.trace_id)?,
            task_id: row.task_id.map(TaskId::from_uuid),
            agent_id: row.agent_id.map(AgentId::from_uuid),
            server: row.server,
            tool: row.tool,
            status: reader.name("status", &row.status)?,
            latency_ms: row.latency_ms.unsigned_abs(),
            cost_usd: Usd::from_micros(row.cost_micros),
            arguments_hash: row.arguments_hash,
            attempts: reader.count("attempts", row.attempts)?,
            error: row.error,
            called_at: row.called_at,
        })
    }
}
