//! `judge_decisions`: what judges and people decided. Append only.

use sea_orm::entity::prelude::*;

use chimera_domain::{ArtifactId, DecisionId, JudgeDecision, Score, StateVersion, TaskId, TenantId};

use crate::{
    Result, RowKind,
    codec::{Mapped, Reader, Writer, text, text_opt, time},
};

/// One row.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "judge_decisions")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: Uuid,
    pub(crate) tenant_id: Uuid,
    pub(crate) trace_id: String,
    pub(crate) task_id: Uuid,
    pub(crate) artifact_id: Option<Uuid>,
    pub(crate) verdict: String,
    pub(crate) confidence: f64,
    pub(crate) raw_confidence: Option<f64>,
    pub(crate) opinion_of: Option<String>,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) breakdown: Json,
    pub(crate) persona_score: f64,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) safety_flags: Json,
    #[sea_orm(column_type = "JsonBinary")]
    pub(crate) sensitive_topics: Json,
    pub(crate) reasoning_trace: String,
    pub(crate) decided_by: String,
    pub(crate) next_action: String,
    pub(crate) state_version_seen: i64,
    pub(crate) logged_at: DateTimeUtc,
}

/// None are declared: loads go through batches of ids.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub(crate) enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Mapped for Entity {
    type Domain = JudgeDecision;

    fn write(decision: &JudgeDecision, tenant: TenantId) -> Result<Model> {
        let writer = Writer::new(RowKind::Decision, decision.id.as_uuid(), tenant, decision.tenant_id)?;
        Ok(Model {
            id: decision.id.as_uuid(),
            tenant_id: tenant.as_uuid(),
            trace_id: decision.trace_id.to_string(),
            task_id: decision.task_id.as_uuid(),
            artifact_id: decision.artifact_id.map(ArtifactId::as_uuid),
            verdict: decision.verdict.to_string(),
            confidence: decision.confidence.get(),
            raw_confidence: decision.raw_confidence.map(Score::get),
            opinion_of: text_opt(decision.opinion_of.as_ref()),
            breakdown: writer.document("breakdown", &decision.breakdown)?,
            persona_score: decision.persona_score.get(),
            safety_flags: writer.document("safety_flags", &decision.safety_flags)?,
            sensitive_topics: writer.document("sensitive_topics", &decision.sensitive_topics)?,
            reasoning_trace: text(&decision.reasoning_trace),
            decided_by: text(&decision.decided_by),
            next_action: decision.next_action.to_string(),
            state_version_seen: decision.state_version_seen.get(),
            logged_at: time(decision.logged_at),
        })
    }

    fn read(row: Model) -> Result<JudgeDecision> {
        let reader = Reader { entity: RowKind::Decision, id: row.id };
        Ok(JudgeDecision {
            id: DecisionId::from_uuid(row.id),
            tenant_id: TenantId::from_uuid(row.tenant_id),
            trace_id: reader.trace(&row.trace_id)?,
            task_id: TaskId::from_uuid(row.task_id),
            artifact_id: row.artifact_id.map(ArtifactId::from_uuid),
            verdict: reader.name("verdict", &row.verdict)?,
            confidence: reader.score("confidence", row.confidence)?,
            raw_confidence: row.raw_confidence.map(|raw| reader.score("raw_confidence", raw)).transpose()?,
            opinion_of: row.opinion_of,
            breakdown: reader.document("breakdown", row.breakdown)?,
            persona_score: reader.score("persona_score", row.persona_score)?,
            safety_flags: reader.document("safety_flags", row.safety_flags)?,
            sensitive_topics: reader.document("sensitive_topics", row.sensitive_topics)?,
            reasoning_trace: row.reasoning_trace,
            decided_by: row.decided_by,
            next_action: reader.name("next_action", &row.next_action)?,
            state_version_seen: StateVersion::new(row.state_version_seen),
            logged_at: row.logged_at,
        })
    }
}
