//! Tasks and the edges between them.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, big_integer_null, json_binary, text, text_null, uuid, uuid_null};

use super::{create, drop, index, references, table, trace, versioned};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut tasks = table(
            "agent_tasks",
            [
                trace(),
                uuid("agent_id"),
                uuid("campaign_id"),
                big_integer("campaign_version"),
                uuid("signal_id"),
                text("task_type"),
                text("channel"),
                text("priority"),
                text("character_reference_id"),
                text("soul_hash"),
                big_integer("budget_cap_micros"),
                json_binary("payload"),
                text("state"),
                big_integer("attempts"),
                text_null("lease_owner"),
                big_integer_null("lease_expires_ms"),
                text_null("last_error"),
                uuid_null("result_artifact"),
                uuid_null("hitl_ticket_id"),
            ]
            .into_iter()
            .chain(versioned()),
        );
        references(&mut tasks, "agent_tasks_agent", "agent_id", "agents");
        references(&mut tasks, "agent_tasks_campaign", "campaign_id", "campaigns");
        references(&mut tasks, "agent_tasks_signal", "signal_id", "trend_signals");
        create(
            manager,
            tasks,
            [
                index("agent_tasks_state", "agent_tasks", &["tenant_id", "state", "updated_at"]),
                index("agent_tasks_lease", "agent_tasks", &["tenant_id", "state", "lease_expires_ms"]),
                index("agent_tasks_trace", "agent_tasks", &["tenant_id", "trace_id"]),
                index("agent_tasks_campaign_state", "agent_tasks", &["tenant_id", "campaign_id", "state"]),
                index("agent_tasks_agent_state", "agent_tasks", &["tenant_id", "agent_id", "state"]),
                index("agent_tasks_type_time", "agent_tasks", &["tenant_id", "task_type", "created_at"]),
            ],
        )
        .await?;
        let mut edges = Table::create()
            .table("task_dependencies")
            .col(uuid("tenant_id"))
            .col(uuid("task_id"))
            .col(uuid("depends_on_id"))
            .col(big_integer("position"))
            .primary_key(Index::create().col("task_id").col("depends_on_id"))
            .take();
        references(&mut edges, "task_dependencies_task", "task_id", "agent_tasks");
        references(&mut edges, "task_dependencies_depends_on", "depends_on_id", "agent_tasks");
        create(manager, edges, [index("task_dependencies_reverse", "task_dependencies", &["depends_on_id"])]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["task_dependencies", "agent_tasks"]).await
    }
}
