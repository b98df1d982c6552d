//! `alerts`: what an operator should know.

use sea_orm::entity::prelude::*;

use chimera_domain::{Alert, AlertId, TenantId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, text_opt, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alerts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: Option<String>,
    pub(crate) kind: String,
    pub(crate) severity: String,
    pub(crate) subject: String,
    pub(crate) reason_code: String,
    pub(crate) message: String,
    pub(crate) acknowledged_by: Option<String>,
    /// 1 when it was raised, 2 when it was closed: as many as has happened to it.
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
    /// How much of that the webhook was told, or was given up telling.
    pub(crate) told: i64,
    /// Tries to tell the next.
    pub(crate) tell_tries: i64,
    /// The next try not before.
    pub(crate) tell_after: Option<DateTimeUtc>,
    /// Why the last try failed.
    pub(crate) tell_error: Option<String>,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = Alert;

    fn write(alert: &Alert, tenant: TenantId) -> Result<Model> {
        Writer::new(RowKind::Alert, alert.id.as_uuid(), tenant, alert.tenant_id)?;
        Ok(Model {
            id: alert.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: alert.trace_id.map(|t| t.to_string()),
            kind: alert.kind.to_string(),
            severity: alert.severity.to_string(),
            subject: text(&alert.subject),
            reason_code: text(&alert.reason_code),
            message: text(&alert.message),
            acknowledged_by: text_opt(alert.acknowledged_by.as_ref()),
            state_version: 1,
            created_at: time(alert.created_at),
            told: 0,
            tell_tries: 0,
            tell_after: None,
            tell_error: None,
        })
    }

    fn read(row: Model) -> Result<Alert> {
        let reader = Reader { entity: RowKind::Alert, id: row.id };
        Ok(Alert {
            id: AlertId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: row.trace_id.map(|t| reader.trace(&t)).transpose()?,
            kind: reader.name("kind", &row.kind)?,
            severity: reader.name("severity", &row.severity)?,
            subject: row.subject,
            reason_code: row.reason_code,
            message: row.message,
            acknowledged_by: row.acknowledged_by,
            created_at: row.created_at,
        })
    }
}
