//! `agent_memories`: what agents remember. The embedding is no field of the row here: it is read where it is needed, and
//! its column's type differs between databases (see `vector.rs`).

use sea_orm::entity::prelude::*;

use chimera_domain::{AgentId, ArtifactId, EmbeddingModel, Memory, MemoryId, Provenance, TenantId, TraceId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "agent_memories")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) agent_id: Uuid,
    /// Its place among the agent's memories, given when it is inserted: later ones have higher ones.
    pub(crate) seq: i64,
    pub(crate) kind: String,
    pub(crate) content: String,
    pub(crate) source: String,
    pub(crate) origin: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) artifact_id: Option<Uuid>,
    pub(crate) importance: f64,
    pub(crate) model: String,
    pub(crate) dims: i64,
    pub(crate) created_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The column that is no field.
pub(crate) const EMBEDDING: &str = "embedding";

impl Mapped for Entity {
    type Domain = Memory;

    fn write(memory: &Memory, tenant: TenantId) -> Result<Model> {
        Writer::new(RowKind::Memory, memory.id.as_uuid(), tenant, memory.tenant_id)?;
        Ok(Model {
            id: memory.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            agent_id: memory.agent_id.as_uuid(),
            seq: 0,
            kind: memory.kind.to_string(),
            content: text(&memory.content),
            source: memory.provenance.source.to_string(),
            origin: text(&memory.provenance.origin),
            trace_id: memory.provenance.trace_id.map(|trace: TraceId| trace.to_string()),
            artifact_id: memory.provenance.artifact_id.map(ArtifactId::as_uuid),
            importance: memory.importance.get(),
            model: text(&memory.model.name),
            dims: memory.model.dims.into(),
            created_at: time(memory.created_at),
        })
    }

    fn read(row: Model) -> Result<Memory> {
        let reader = Reader { entity: RowKind::Memory, id: row.id };
        let dims = u16::try_from(row.dims).map_err(|_| reader.corrupt("dims", crate::BadValue::Count(row.dims)))?;
        Ok(Memory {
            id: MemoryId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            agent_id: AgentId::from_uuid(row.agent_id),
            kind: reader.name("kind", &row.kind)?,
            content: row.content,
            provenance: Provenance {
                source: reader.name("source", &row.source)?,
                origin: row.origin,
                trace_id: row.trace_id.map(|text| reader.trace(&text)).transpose()?,
                artifact_id: row.artifact_id.map(ArtifactId::from_uuid),
            },
            importance: reader.score("importance", row.importance)?,
            model: EmbeddingModel { name: row.model, dims },
            created_at: row.created_at,
        })
    }
}
