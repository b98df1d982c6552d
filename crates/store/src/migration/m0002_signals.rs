//! What was read, and how far.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait, Index, MigrationTrait, SchemaManager, Table,
};
use sea_orm_migration::schema::{
    big_integer, double, json_binary, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

use super::{create, drop, index, references, table, trace};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let cursors = Table::create()
            .table("resource_cursors")
            .col(uuid("tenant_id"))
            .col(text("resource_uri"))
            .col(text_null("content_hash"))
            .col(timestamp_with_time_zone_null("read_at"))
            .col(big_integer("failures"))
            .col(text_null("last_error"))
            .col(big_integer("state_version"))
            .primary_key(Index::create().col("tenant_id").col("resource_uri"))
            .take();
        create(manager, cursors, []).await?;
        let mut signals = table(
            "trend_signals",
            [
                trace(),
                uuid("campaign_id"),
                uuid("agent_id"),
                text("resource_uri"),
                text("event_key"),
                text("content_hash"),
                double("relevance"),
                text("why"),
                json_binary("taint"),
                text("outcome"),
                json_binary("item"),
                timestamp_with_time_zone("ingested_at"),
            ],
        );
        references(&mut signals, "trend_signals_campaign", "campaign_id", "campaigns");
        references(&mut signals, "trend_signals_agent", "agent_id", "agents");
        let event = ["tenant_id", "campaign_id", "event_key", "resource_uri"];
        let story = ["tenant_id", "campaign_id", "content_hash"];
        create(
            manager,
            signals,
            [
                index("trend_signals_event", "trend_signals", &event).unique().take(),
                // A campaign plans a story once, whichever planner sees it first.
                index("trend_signals_planned_story", "trend_signals", &story)
                    .unique()
                    .and_where(Expr::col("outcome").eq(Expr::cust("'PLANNED'")))
                    .take(),
                index("trend_signals_story", "trend_signals", &story),
                index("trend_signals_trace", "trend_signals", &["tenant_id", "trace_id"]),
                index(
                    "trend_signals_agent_time",
                    "trend_signals",
                    &["tenant_id", "agent_id", "outcome", "ingested_at"],
                ),
                index("trend_signals_time", "trend_signals", &["tenant_id", "ingested_at"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["trend_signals", "resource_cursors"]).await
    }
}
