//! `publications`: the publish ledger.

use sea_orm::entity::prelude::*;

use chimera_domain::{ArtifactId, Publication, PublicationId, StateVersion, TaskId, TenantId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, text_opt, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "publications")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) task_id: Uuid,
    pub(crate) artifact_id: Uuid,
    pub(crate) channel: String,
    pub(crate) idempotency_key: String,
    pub(crate) state: String,
    pub(crate) attempts: i64,
    pub(crate) external_id: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) last_error: Option<String>,
    /// Not to be tried before this moment on the database's clock, in Unix milliseconds.
    pub(crate) not_before_ms: Option<i64>,
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) updated_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = Publication;

    fn write(publication: &Publication, tenant: TenantId) -> Result<Model> {
        Writer::new(RowKind::Publication, publication.id.as_uuid(), tenant, publication.tenant_id)?;
        Ok(Model {
            id: publication.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: publication.trace_id.to_string(),
            task_id: publication.task_id.as_uuid(),
            artifact_id: publication.artifact_id.as_uuid(),
            channel: publication.channel.to_string(),
            idempotency_key: text(&publication.idempotency_key),
            state: publication.state.to_string(),
            attempts: publication.attempts.into(),
            external_id: text_opt(publication.external_id.as_ref()),
            url: text_opt(publication.url.as_ref()),
            last_error: text_opt(publication.last_error.as_ref()),
            not_before_ms: None,
            state_version: publication.state_version.get(),
            created_at: time(publication.created_at),
            updated_at: time(publication.updated_at),
        })
    }

    fn read(row: Model) -> Result<Publication> {
        let reader = Reader { entity: RowKind::Publication, id: row.id };
        Ok(Publication {
            id: PublicationId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: reader.trace(&row.trace_id)?,
            task_id: TaskId::from_uuid(row.task_id),
            artifact_id: ArtifactId::from_uuid(row.artifact_id),
            channel: reader.name("channel", &row.channel)?,
            idempotency_key: row.idempotency_key,
            state: reader.name("state", &row.state)?,
            attempts: reader.count("attempts", row.attempts)?,
            external_id: row.external_id,
            url: row.url,
            last_error: row.last_error,
            state_version: StateVersion::new(row.state_version),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}
