//! `trends`: subjects that are, or were, told of much more often than they use to be.

use sea_orm::entity::prelude::*;

use chimera_domain::{StateVersion, TenantId, Trend, TrendId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trends")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) label: String,
    pub(crate) state: String,
    pub(crate) items: i64,
    pub(crate) sources: i64,
    pub(crate) expected: f64,
    pub(crate) z: f64,
    pub(crate) z_peak: f64,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) members: Json,
    pub(crate) began_at: DateTimeUtc,
    pub(crate) ended_at: Option<DateTimeUtc>,
    pub(crate) state_version: i64,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = Trend;

    fn write(trend: &Trend, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Trend, trend.id.as_uuid(), tenant, trend.tenant_id)?;
        Ok(Model {
            id: trend.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            label: text(&trend.label),
            state: trend.state.to_string(),
            items: trend.items.into(),
            sources: trend.sources.into(),
            expected: trend.expected,
            z: trend.z,
            z_peak: trend.z_peak,
            members: writer.document("members", &trend.members)?,
            began_at: time(trend.began_at),
            ended_at: trend.ended_at.map(time),
            state_version: trend.state_version.get(),
        })
    }

    fn read(row: Model) -> Result<Trend> {
        let reader = Reader { entity: RowKind::Trend, id: row.id };
        Ok(Trend {
            id: TrendId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            label: row.label,
            state: reader.name("state", &row.state)?,
            items: reader.count("items", row.items)?,
            sources: reader.count("sources", row.sources)?,
            expected: row.expected,
            z: row.z,
            z_peak: row.z_peak,
            members: reader.document("members", row.members)?,
            began_at: row.began_at,
            ended_at: row.ended_at,
            state_version: StateVersion::new(row.state_version),
        })
    }
}
