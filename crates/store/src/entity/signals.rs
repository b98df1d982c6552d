//! `trend_signals`: what campaigns saw. Only the outcome of what was held back changes.

use sea_orm::entity::prelude::*;

use chimera_domain::{AgentId, CampaignId, SignalId, TenantId, TrendSignal};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "trend_signals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) campaign_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) resource_uri: String,
    pub(crate) event_key: String,
    pub(crate) content_hash: String,
    pub(crate) story_id: Option<Uuid>,
    pub(crate) relevance: f64,
    pub(crate) why: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) taint: Json,
    pub(crate) outcome: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) item: Json,
    pub(crate) ingested_at: DateTimeUtc,
    pub(crate) decided_at: DateTimeUtc,
    pub(crate) note: Option<String>,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = TrendSignal;

    fn write(signal: &TrendSignal, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Signal, signal.id.as_uuid(), tenant, signal.tenant_id)?;
        Ok(Model {
            id: signal.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: signal.trace_id.to_string(),
            campaign_id: signal.campaign_id.as_uuid(),
            agent_id: signal.agent_id.as_uuid(),
            resource_uri: text(&signal.resource_uri),
            event_key: text(&signal.event_key),
            content_hash: text(&signal.content_hash),
            story_id: Some(signal.story_id.as_uuid()),
            relevance: signal.relevance.get(),
            why: text(&signal.why),
            taint: writer.document("taint", &signal.taint)?,
            outcome: signal.outcome.to_string(),
            item: writer.document("item", &signal.item)?,
            ingested_at: time(signal.ingested_at),
            decided_at: time(signal.decided_at),
            note: signal.note.as_deref().map(text),
        })
    }

    fn read(row: Model) -> Result<TrendSignal> {
        let reader = Reader { entity: RowKind::Signal, id: row.id };
        Ok(TrendSignal {
            id: SignalId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: reader.trace(&row.trace_id)?,
            campaign_id: CampaignId::from_uuid(row.campaign_id),
            agent_id: AgentId::from_uuid(row.agent_id),
            resource_uri: row.resource_uri,
            event_key: row.event_key,
            content_hash: row.content_hash,
            // Every row has one since its migration; SQLite can't be told so.
            story_id: SignalId::from_uuid(row.story_id.unwrap_or(row.id)),
            relevance: reader.score("relevance", row.relevance)?,
            why: row.why,
            taint: reader.document("taint", row.taint)?,
            outcome: reader.name("outcome", &row.outcome)?,
            item: reader.document("item", row.item)?,
            ingested_at: row.ingested_at,
            decided_at: row.decided_at,
            note: row.note,
        })
    }
}
