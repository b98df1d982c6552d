//! `artifacts`: what tasks made. Append only.

use sea_orm::entity::prelude::*;

use chimera_domain::{AgentId, Artifact, ArtifactId, CampaignId, Costs, Score, TaskId, TenantId, Usd};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "artifacts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) task_id: Uuid,
    pub(crate) agent_id: Uuid,
    pub(crate) campaign_id: Uuid,
    pub(crate) channel: String,
    pub(crate) content_type: String,
    pub(crate) text: String,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) hashtags: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) media: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) disclosure: Json,
    pub(crate) in_reply_to: Option<String>,
    pub(crate) character_reference_id: String,
    pub(crate) llm_self_score: Option<f64>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) tool_log: Json,
    pub(crate) inference_micros: i64,
    pub(crate) media_generation_micros: i64,
    pub(crate) beyond_tools_micros: i64,
    pub(crate) content_hash: String,
    pub(crate) created_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What an artifact's costs exceed its tool log by: paid to the mind directly, so recorded nowhere else.
pub(crate) fn beyond_tools(artifact: &Artifact) -> Usd {
    let called: Usd = artifact.tool_log.iter().map(|call| call.cost_usd).sum();
    artifact.costs.total().saturating_sub(called).max(Usd::ZERO)
}

impl Mapped for Entity {
    type Domain = Artifact;

    fn write(artifact: &Artifact, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Artifact, artifact.id.as_uuid(), tenant, artifact.tenant_id)?;
        Ok(Model {
            id: artifact.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: artifact.trace_id.to_string(),
            task_id: artifact.task_id.as_uuid(),
            agent_id: artifact.agent_id.as_uuid(),
            campaign_id: artifact.campaign_id.as_uuid(),
            channel: artifact.channel.to_string(),
            content_type: text(&artifact.content_type),
            text: text(&artifact.text),
            hashtags: writer.document("hashtags", &artifact.hashtags)?,
            media: writer.document("media", &artifact.media)?,
            disclosure: writer.document("disclosure", &artifact.disclosure)?,
            in_reply_to: artifact.in_reply_to.as_deref().map(text),
            character_reference_id: text(&artifact.character_reference_id),
            llm_self_score: artifact.llm_self_score.map(Score::get),
            tool_log: writer.document("tool_log", &artifact.tool_log)?,
            inference_micros: artifact.costs.inference_usd.micros(),
            media_generation_micros: artifact.costs.media_generation_usd.micros(),
            beyond_tools_micros: beyond_tools(artifact).micros(),
            content_hash: text(&artifact.content_hash),
            created_at: time(artifact.created_at),
        })
    }

    fn read(row: Model) -> Result<Artifact> {
        let reader = Reader { entity: RowKind::Artifact, id: row.id };
        Ok(Artifact {
            id: ArtifactId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: reader.trace(&row.trace_id)?,
            task_id: TaskId::from_uuid(row.task_id),
            agent_id: AgentId::from_uuid(row.agent_id),
            campaign_id: CampaignId::from_uuid(row.campaign_id),
            channel: reader.name("channel", &row.channel)?,
            content_type: row.content_type,
            text: row.text,
            hashtags: reader.document("hashtags", row.hashtags)?,
            media: reader.document("media", row.media)?,
            disclosure: reader.document("disclosure", row.disclosure)?,
            in_reply_to: row.in_reply_to,
            character_reference_id: row.character_reference_id,
            llm_self_score: row.llm_self_score.map(|score| reader.score("llm_self_score", score)).transpose()?,
            tool_log: reader.document("tool_log", row.tool_log)?,
            costs: Costs {
                inference_usd: Usd::from_micros(row.inference_micros),
                media_generation_usd: Usd::from_micros(row.media_generation_micros),
            },
            content_hash: row.content_hash,
            created_at: row.created_at,
        })
    }
}
