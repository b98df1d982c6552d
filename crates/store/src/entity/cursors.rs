//! `resource_cursors`: how far each resource was read.

use sea_orm::entity::prelude::*;

use chimera_domain::{TenantId, policy::FeedRhythm};
use chrono::TimeDelta;

use crate::{
    ResourceCursor, Result, RowKind,
    codec::{Mapped, Reader, text, text_opt, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "resource_cursors")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) tenant_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) resource_uri: String,
    pub(crate) content_hash: Option<String>,
    pub(crate) read_at: Option<DateTimeUtc>,
    pub(crate) failures: i64,
    pub(crate) last_error: Option<String>,
    pub(crate) changed_at: Option<DateTimeUtc>,
    pub(crate) gap_ms: Option<i64>,
    pub(crate) state_version: i64,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = ResourceCursor;

    fn write(cursor: &ResourceCursor, tenant: TenantId) -> Result<Model> {
        Ok(Model {
            tenant_id: tenant.as_uuid(),
            resource_uri: text(&cursor.resource_uri),
            content_hash: text_opt(cursor.content_hash.as_ref()),
            read_at: cursor.read_at.map(time),
            failures: cursor.failures.into(),
            last_error: text_opt(cursor.last_error.as_ref()),
            changed_at: cursor.rhythm.changed_at.map(time),
            gap_ms: cursor.rhythm.gap.map(|gap| gap.num_milliseconds()),
            state_version: 1,
        })
    }

    fn read(row: Model) -> Result<ResourceCursor> {
        let reader = Reader { entity: RowKind::Cursor, id: row.tenant_id };
        Ok(ResourceCursor {
            resource_uri: row.resource_uri,
            content_hash: row.content_hash,
            read_at: row.read_at,
            rhythm: FeedRhythm { changed_at: row.changed_at, gap: row.gap_ms.and_then(TimeDelta::try_milliseconds) },
            failures: reader.count("failures", row.failures)?,
            last_error: row.last_error,
        })
    }
}
