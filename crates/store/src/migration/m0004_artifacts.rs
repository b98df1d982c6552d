//! What tasks made, and the tools they called for it.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::schema::{
    big_integer, double_null, json_binary, text, text_null, timestamp_with_time_zone, uuid, uuid_null,
};

use super::{create, drop, index, references, table, trace};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut artifacts = table(
            "artifacts",
            [
                trace(),
                uuid("task_id"),
                uuid("agent_id"),
                uuid("campaign_id"),
                text("channel"),
                text("content_type"),
                text("text"),
                json_binary("hashtags"),
                json_binary("media"),
                json_binary("disclosure"),
                text("character_reference_id"),
                double_null("llm_self_score"),
                json_binary("tool_log"),
                big_integer("inference_micros"),
                big_integer("media_generation_micros"),
                // What the costs exceed the tool log by; the calls themselves count in `tool_calls`.
                big_integer("beyond_tools_micros"),
                text("content_hash"),
                timestamp_with_time_zone("created_at"),
            ],
        );
        references(&mut artifacts, "artifacts_task", "task_id", "agent_tasks");
        create(
            manager,
            artifacts,
            [
                index("artifacts_trace", "artifacts", &["tenant_id", "trace_id"]),
                index("artifacts_task", "artifacts", &["task_id"]),
                index("artifacts_agent_time", "artifacts", &["tenant_id", "agent_id", "created_at"]),
            ],
        )
        .await?;
        let calls = table(
            "tool_calls",
            [
                trace(),
                uuid_null("task_id"),
                // Whom a call without a task counts to, such as scoring what no task came of.
                uuid_null("agent_id"),
                text("server"),
                text("tool"),
                text("status"),
                big_integer("latency_ms"),
                big_integer("cost_micros"),
                text("arguments_hash"),
                big_integer("attempts"),
                text_null("error"),
                timestamp_with_time_zone("called_at"),
            ],
        );
        create(
            manager,
            calls,
            [
                index("tool_calls_trace", "tool_calls", &["tenant_id", "trace_id"]),
                index("tool_calls_task", "tool_calls", &["task_id"]),
                index("tool_calls_time", "tool_calls", &["tenant_id", "called_at"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["tool_calls", "artifacts"]).await
    }
}
