//! `hitl_queue_items`: questions put before people.

use sea_orm::entity::prelude::*;

use chimera_domain::{ArtifactId, HitlTicket, StateVersion, TaskId, TenantId, TicketId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, text_opt, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "hitl_queue_items")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) task_id: Uuid,
    pub(crate) artifact_id: Uuid,
    pub(crate) artifact_hash: String,
    pub(crate) question: String,
    pub(crate) confidence: f64,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) sensitive_topics: Json,
    pub(crate) reasoning_trace: String,
    pub(crate) assigned_to: Option<String>,
    pub(crate) sla_expires_at: DateTimeUtc,
    pub(crate) resolution: Option<String>,
    pub(crate) resolved_by: Option<String>,
    pub(crate) resolution_note: Option<String>,
    pub(crate) resolved_at: Option<DateTimeUtc>,
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = HitlTicket;

    fn write(ticket: &HitlTicket, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Ticket, ticket.id.as_uuid(), tenant, ticket.tenant_id)?;
        Ok(Model {
            id: ticket.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: ticket.trace_id.to_string(),
            task_id: ticket.task_id.as_uuid(),
            artifact_id: ticket.artifact_id.as_uuid(),
            artifact_hash: text(&ticket.artifact_hash),
            question: ticket.question.to_string(),
            confidence: ticket.confidence.get(),
            sensitive_topics: writer.document("sensitive_topics", &ticket.sensitive_topics)?,
            reasoning_trace: text(&ticket.reasoning_trace),
            assigned_to: text_opt(ticket.assigned_to.as_ref()),
            sla_expires_at: time(ticket.sla_expires_at),
            resolution: ticket.resolution.map(|r| r.to_string()),
            resolved_by: text_opt(ticket.resolved_by.as_ref()),
            resolution_note: text_opt(ticket.resolution_note.as_ref()),
            resolved_at: ticket.resolved_at.map(time),
            state_version: ticket.state_version.get(),
            created_at: time(ticket.created_at),
        })
    }

    fn read(row: Model) -> Result<HitlTicket> {
        let reader = Reader { entity: RowKind::Ticket, id: row.id };
        Ok(HitlTicket {
            id: TicketId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: reader.trace(&row.trace_id)?,
            task_id: TaskId::from_uuid(row.task_id),
            artifact_id: ArtifactId::from_uuid(row.artifact_id),
            artifact_hash: row.artifact_hash,
            question: reader.name("question", &row.question)?,
            confidence: reader.score("confidence", row.confidence)?,
            sensitive_topics: reader.document("sensitive_topics", row.sensitive_topics)?,
            reasoning_trace: row.reasoning_trace,
            assigned_to: row.assigned_to,
            sla_expires_at: row.sla_expires_at,
            resolution: row.resolution.map(|r| reader.name("resolution", &r)).transpose()?,
            resolved_by: row.resolved_by,
            resolution_note: row.resolution_note,
            resolved_at: row.resolved_at,
            state_version: StateVersion::new(row.state_version),
            created_at: row.created_at,
        })
    }
}
