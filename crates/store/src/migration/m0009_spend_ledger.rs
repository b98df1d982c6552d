//! The spend ledger: what was set aside, and what came of it.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait, Index, MigrationTrait, SchemaManager, Table,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, text, text_null, timestamp_with_time_zone, uuid, uuid_null,
};

use super::{create, drop, index};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut ledger = Table::create();
        ledger.table("spend_ledger").col(uuid("tenant_id")).col(text("reservation"));
        for column in [
            uuid("agent_id"),
            uuid_null("campaign_id"),
            uuid_null("task_id"),
            big_integer_null("task_version"),
            text_null("trace_id"),
            text("purpose"),
            big_integer("reserved_micros"),
            big_integer("cost_micros"),
            // What counts toward the caps, by the state: so that a sum needs no other column.
            big_integer("counted_micros"),
            text("state"),
            timestamp_with_time_zone("reserved_at"),
            timestamp_with_time_zone("changed_at"),
            big_integer("state_version"),
        ] {
            ledger.col(column);
        }
        // The name is the key: reserving twice reserves once.
        ledger.primary_key(Index::create().col("tenant_id").col("reservation"));
        create(
            manager,
            ledger.take(),
            [
                // "This agent since midnight" is answered from the index alone.
                index(
                    "spend_ledger_agent_time",
                    "spend_ledger",
                    &["tenant_id", "agent_id", "reserved_at", "counted_micros"],
                ),
                index("spend_ledger_open", "spend_ledger", &["tenant_id", "reserved_at"])
                    .and_where(Expr::col("state").eq("OPEN"))
                    .take(),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["spend_ledger"]).await
    }
}
