//! `credentials`: links, sessions and tokens, by the hashes of their secrets.

use sea_orm::entity::prelude::*;

use chimera_domain::{Credential, CredentialId, StateVersion, TenantId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) kind: String,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) secret_hash: String,
    pub(crate) expires_at: DateTimeUtc,
    pub(crate) ended_at: Option<DateTimeUtc>,
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
}

/// None are declared: nothing depends on a credential.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = Credential;

    fn write(credential: &Credential, tenant: TenantId) -> Result<Model> {
        Writer::new(RowKind::Credential, credential.id.as_uuid(), tenant, credential.tenant_id)?;
        Ok(Model {
            id: credential.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            kind: credential.kind.to_string(),
            role: credential.role.to_string(),
            name: text(&credential.name),
            secret_hash: text(&credential.secret_hash),
            expires_at: time(credential.expires_at),
            ended_at: credential.ended_at.map(time),
            state_version: credential.state_version.get(),
            created_at: time(credential.created_at),
        })
    }

    fn read(row: Model) -> Result<Credential> {
        let reader = Reader { entity: RowKind::Credential, id: row.id };
        Ok(Credential {
            id: CredentialId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            kind: reader.name("kind", &row.kind)?,
            role: reader.name("role", &row.role)?,
            name: row.name,
            secret_hash: row.secret_hash,
            expires_at: row.expires_at,
            ended_at: row.ended_at,
            state_version: StateVersion::new(row.state_version),
            created_at: row.created_at,
        })
    }
}
