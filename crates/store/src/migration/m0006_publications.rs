//! The publish ledger.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::schema::{big_integer, text, text_null, uuid};

use super::{create, drop, index, references, table, trace, versioned};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut publications = table(
            "publications",
            [
                trace(),
                uuid("task_id"),
                uuid("artifact_id"),
                text("channel"),
                text("idempotency_key"),
                text("state"),
                big_integer("attempts"),
                text_null("external_id"),
                text_null("url"),
                text_null("last_error"),
            ]
            .into_iter()
            .chain(versioned()),
        );
        references(&mut publications, "publications_task", "task_id", "agent_tasks");
        references(&mut publications, "publications_artifact", "artifact_id", "artifacts");
        create(
            manager,
            publications,
            [
                index("publications_key", "publications", &["tenant_id", "idempotency_key"]).unique().take(),
                index("publications_task_time", "publications", &["task_id", "created_at"]),
                index("publications_trace", "publications", &["tenant_id", "trace_id"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["publications"]).await
    }
}
