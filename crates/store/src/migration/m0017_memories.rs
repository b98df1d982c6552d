//! What agents remember. Needs no extension: an index over vectors is made where pgvector is, by `memory/pgvector.rs`.

use sea_orm_migration::prelude::{ColumnDef, DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, double, text, text_null, timestamp_with_time_zone, uuid, uuid_null};
use sea_orm_migration::sea_orm::DbBackend;

use super::{create, drop, index, references, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut embedding = ColumnDef::new("embedding");
        match manager.get_database_backend() {
            DbBackend::Sqlite => embedding.blob().not_null(),
            _ => embedding.custom("real[]").not_null(),
        };
        let memories = table(
            "agent_memories",
            [
                uuid("agent_id"),
                big_integer("seq"),
                text("kind"),
                text("content"),
                text("source"),
                text("origin"),
                text_null("trace_id"),
                uuid_null("artifact_id"),
                double("importance"),
                text("model"),
                big_integer("dims"),
                timestamp_with_time_zone("created_at"),
                embedding,
            ],
        );
        let indices = [
            index("agent_memories_seq", "agent_memories", &["agent_id", "tenant_id", "seq"]).unique().take(),
            index("agent_memories_time", "agent_memories", &["agent_id", "tenant_id", "created_at", "id"]),
        ];
        // Every memory has a head, so this one key holds all memories to agents that exist.
        let mut heads = Table::create()
            .table("memory_heads")
            .col(uuid("tenant_id"))
            .col(uuid("agent_id"))
            .col(big_integer("seq"))
            .col(big_integer("live"))
            .col(big_integer("forgotten"))
            .col(big_integer("state_version"))
            .primary_key(Index::create().col("tenant_id").col("agent_id"))
            .take();
        references(&mut heads, "memory_heads_agent", "agent_id", "agents");
        create(manager, heads, []).await?;
        create(manager, memories, indices).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["agent_memories", "memory_heads"]).await
    }
}
