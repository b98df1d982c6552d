//! `judge_calibrations`: what the judge's confidence means. One row a campaign, under its id, and everybody's under the
//! tenant's.

use sea_orm::entity::prelude::*;

use chimera_domain::{Calibration, CampaignId, StateVersion, TenantId};

use crate::{Result, RowKind, codec::Writer};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "judge_calibrations")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) campaign_id: Option<Uuid>,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) calibration: Option<Json>,
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) updated_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The first row of a campaign's map, or of everybody's.
pub(crate) fn row(
    tenant: TenantId,
    campaign: Option<CampaignId>,
    calibration: &Calibration,
    now: DateTimeUtc,
) -> Result<Model> {
    let id = campaign.map_or(tenant.as_uuid(), CampaignId::as_uuid);
    let writer = Writer::new(RowKind::Calibration, id, tenant, tenant)?;
    Ok(Model {
        id,
        tenant_id: tenant.as_uuid(),
        campaign_id: campaign.map(CampaignId::as_uuid),
        calibration: Some(writer.document("calibration", calibration)?),
        state_version: StateVersion::FIRST.get(),
        created_at: now,
        updated_at: now,
    })
}
