//! `audit_log`: who did what to which row, each entry chained to the one before. Append only.

use sea_orm::entity::prelude::*;

use chimera_domain::{AuditEntry, TenantId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Writer, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) seq: i64,
    pub(crate) at: DateTimeUtc,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) subject_kind: String,
    pub(crate) subject_id: Uuid,
    pub(crate) version_before: Option<i64>,
    pub(crate) version_after: Option<i64>,
    pub(crate) trace_id: Option<String>,
    pub(crate) details: String,
    pub(crate) subject_digest: Option<String>,
    pub(crate) prev_hash: String,
    pub(crate) hash: String,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = AuditEntry;

    /// What is written is what was hashed: nothing is evened out here.
    fn write(entry: &AuditEntry, tenant: TenantId) -> Result<Model> {
        Writer::new(RowKind::AuditEntry, entry.subject_id, tenant, entry.tenant_id)?;
        Ok(Model {
            tenant_id: tenant.as_uuid(),
            seq: entry.seq,
            at: time(entry.at),
            actor: entry.actor.clone(),
            action: entry.action.clone(),
            subject_kind: entry.subject_kind.clone(),
            subject_id: entry.subject_id,
            version_before: entry.version_before,
            version_after: entry.version_after,
            trace_id: entry.trace_id.clone(),
            details: entry.details.clone(),
            subject_digest: entry.subject_digest.clone(),
            prev_hash: entry.prev_hash.clone(),
            hash: entry.hash.clone(),
        })
    }

    fn read(row: Model) -> Result<AuditEntry> {
        Ok(AuditEntry {
            tenant_id: TenantId::from_uuid(row.tenant_id),
            seq: row.seq,
            at: row.at,
            actor: row.actor,
            action: row.action,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            version_before: row.version_before,
            version_after: row.version_after,
            trace_id: row.trace_id,
            details: row.details,
            subject_digest: row.subject_digest,
            prev_hash: row.prev_hash,
            hash: row.hash,
        })
    }
}
