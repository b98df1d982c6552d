//! Agents and campaigns.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::schema::{big_integer, big_integer_null, double, json_binary, text};

use super::{create, drop, index, table, versioned};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let agents = table(
            "agents",
            [
                text("persona_slug"),
                text("display_name"),
                json_binary("soul"),
                text("soul_hash"),
                big_integer("soul_version"),
                big_integer("max_daily_spend_micros"),
                big_integer_null("max_hourly_spend_micros"),
                big_integer("max_tasks_per_hour"),
                text("presence"),
            ]
            .into_iter()
            .chain(versioned()),
        );
        create(manager, agents, [index("agents_slug", "agents", &["tenant_id", "persona_slug"]).unique().take()])
            .await?;
        let campaigns = table(
            "campaigns",
            [
                text("slug"),
                text("goal"),
                json_binary("agents"),
                json_binary("resources"),
                json_binary("channels"),
                double("relevance_threshold"),
                big_integer("post_budget_micros"),
                big_integer("video_seconds"),
                text("status"),
            ]
            .into_iter()
            .chain(versioned()),
        );
        create(manager, campaigns, [index("campaigns_slug", "campaigns", &["tenant_id", "slug"]).unique().take()]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["campaigns", "agents"]).await
    }
}
