//! What an operator should know.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait, MigrationTrait, SchemaManager,
};
use sea_orm_migration::schema::{big_integer, text, text_null, timestamp_with_time_zone};

use super::{create, drop, index, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let alerts = table(
            "alerts",
            [
                text_null("trace_id"),
                text("kind"),
                text("severity"),
                text("subject"),
                text("reason_code"),
                text("message"),
                text_null("acknowledged_by"),
                big_integer("state_version"),
                timestamp_with_time_zone("created_at"),
            ],
        );
        create(
            manager,
            alerts,
            [
                // The same subject and reason alert once until acknowledged.
                index("alerts_open", "alerts", &["tenant_id", "kind", "subject", "reason_code"])
                    .unique()
                    .and_where(Expr::col("acknowledged_by").is_null())
                    .take(),
                index("alerts_time", "alerts", &["tenant_id", "created_at"]),
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["alerts"]).await
    }
}
