//! What judges and people decide.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::schema::{
    big_integer, double, json_binary, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
    uuid_null,
};

use super::{create, drop, index, references, table, trace};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut decisions = table(
            "judge_decisions",
            [
                trace(),
                uuid("task_id"),
                uuid_null("artifact_id"),
                text("verdict"),
                double("confidence"),
                json_binary("breakdown"),
                double("persona_score"),
                json_binary("safety_flags"),
                json_binary("sensitive_topics"),
                text("reasoning_trace"),
                text("decided_by"),
                text("next_action"),
                big_integer("state_version_seen"),
                timestamp_with_time_zone("logged_at"),
            ],
        );
        references(&mut decisions, "judge_decisions_task", "task_id", "agent_tasks");
        create(
            manager,
            decisions,
            [
                index("judge_decisions_trace", "judge_decisions", &["tenant_id", "trace_id"]),
                index("judge_decisions_task_time", "judge_decisions", &["task_id", "logged_at"]),
            ],
        )
        .await?;
        let mut tickets = table(
            "hitl_queue_items",
            [
                trace(),
                uuid("task_id"),
                uuid("artifact_id"),
                text("artifact_hash"),
                text("question"),
                double("confidence"),
                json_binary("sensitive_topics"),
                text("reasoning_trace"),
                text_null("assigned_to"),
                timestamp_with_time_zone("sla_expires_at"),
                text_null("resolution"),
                text_null("resolved_by"),
                text_null("resolution_note"),
                timestamp_with_time_zone_null("resolved_at"),
                big_integer("state_version"),
                timestamp_with_time_zone("created_at"),
            ],
        );
        references(&mut tickets, "hitl_queue_items_task", "task_id", "agent_tasks");
        references(&mut tickets, "hitl_queue_items_artifact", "artifact_id", "artifacts");
        create(
            manager,
            tickets,
            [
                index("hitl_queue_items_open", "hitl_queue_items", &["tenant_id", "resolution", "sla_expires_at"]),
                index("hitl_queue_items_task_time", "hitl_queue_items", &["task_id", "created_at"]),
                index("hitl_queue_items_trace", "hitl_queue_items", &["tenant_id", "trace_id"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["hitl_queue_items", "judge_decisions"]).await
    }
}
