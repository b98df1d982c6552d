//! `campaigns`: goals with their agents, resources, channels and limits.

use sea_orm::entity::prelude::*;

use chimera_domain::{Calibration, Campaign, CampaignId, CampaignLimits, QuietHours, StateVersion, TenantId, Usd};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "campaigns")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) slug: String,
    pub(crate) goal: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) agents: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) resources: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) channels: Json,
    pub(crate) relevance_threshold: f64,
    pub(crate) post_budget_micros: i64,
    pub(crate) video_seconds: i64,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) terms: Json,
    pub(crate) daily_task_cap: Option<i64>,
    pub(crate) daily_budget_micros: Option<i64>,
    pub(crate) quiet_hours: Option<String>,
    pub(crate) plan_review: bool,
    pub(crate) origin: String,
    #[sea_orm(column_type = "JsonBinary", nullable)]
    pub(crate) calibration: Option<Json>,
    pub(crate) status: String,
    pub(crate) brief_version: i64,
    pub(crate) state_version: i64,
    pub(crate) created_at: DateTimeUtc,
    pub(crate) updated_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// When it is quiet, if ever.
    ///
    /// # Errors
    /// [`crate::StoreError::Corrupt`] when the column can't be read.
    pub(crate) fn quiet_hours(&self) -> Result<Option<QuietHours>> {
        self.quiet_hours.as_deref().map(|hours| self.reader().quiet_hours(hours)).transpose()
    }

    const fn reader(&self) -> Reader {
        Reader { entity: RowKind::Campaign, id: self.id }
    }
}

impl Mapped for Entity {
    type Domain = Campaign;

    fn write(campaign: &Campaign, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Campaign, campaign.id.as_uuid(), tenant, campaign.tenant_id)?;
        Ok(Model {
            id: campaign.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            slug: text(&campaign.slug),
            goal: text(&campaign.goal),
            agents: writer.document("agents", &campaign.agents)?,
            resources: writer.document("resources", &campaign.resources)?,
            channels: writer.document("channels", &campaign.channels)?,
            relevance_threshold: campaign.relevance_threshold.get(),
            post_budget_micros: campaign.post_budget_usd.micros(),
            video_seconds: campaign.video_seconds.into(),
            terms: writer.document("terms", &campaign.terms)?,
            daily_task_cap: campaign.limits.daily_task_cap.map(i64::from),
            daily_budget_micros: campaign.limits.daily_budget_usd.map(Usd::micros),
            quiet_hours: campaign.limits.quiet_hours.map(|hours| hours.to_string()),
            plan_review: campaign.limits.plan_review,
            origin: campaign.origin.to_string(),
            calibration: calibration(campaign.id, campaign.calibration.as_ref())?,
            status: campaign.status.to_string(),
            brief_version: campaign.brief_version.get(),
            state_version: campaign.state_version.get(),
            created_at: time(campaign.created_at),
            updated_at: time(campaign.updated_at),
        })
    }

    fn read(row: Model) -> Result<Campaign> {
        let reader = row.reader();
        let limits = CampaignLimits {
            daily_task_cap: row.daily_task_cap.map(|cap| reader.count("daily_task_cap", cap)).transpose()?,
            daily_budget_usd: row.daily_budget_micros.map(Usd::from_micros),
            quiet_hours: row.quiet_hours()?,
            plan_review: row.plan_review,
        };
        Ok(Campaign {
            id: CampaignId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            slug: row.slug,
            goal: row.goal,
            agents: reader.document("agents", row.agents)?,
            resources: reader.document("resources", row.resources)?,
            channels: reader.document("channels", row.channels)?,
            relevance_threshold: reader.score("relevance_threshold", row.relevance_threshold)?,
            post_budget_usd: Usd::from_micros(row.post_budget_micros),
            video_seconds: reader.count("video_seconds", row.video_seconds)?,
            terms: reader.document("terms", row.terms)?,
            limits,
            origin: reader.name("origin", &row.origin)?,
            calibration: row.calibration.map(|map| reader.document("calibration", map)).transpose()?,
            status: reader.name("status", &row.status)?,
            brief_version: StateVersion::new(row.brief_version),
            state_version: StateVersion::new(row.state_version),
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// A calibration as the column holds it.
pub(crate) fn calibration(id: CampaignId, of: Option<&Calibration>) -> Result<Option<Json>> {
    let tenant = TenantId::DEFAULT;
    let writer = Writer::new(RowKind::Campaign, id.as_uuid(), tenant, tenant)?;
    of.map(|calibration| writer.document("calibration", calibration)).transpose()
}
