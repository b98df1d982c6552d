//! What the judge's confidence means, and of which opinions.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait as _, Index, MigrationTrait, SchemaManager, Table,
};
use sea_orm_migration::schema::{double_null, json_binary_null, text_null, uuid_null};

use super::{create, drop, index, table, versioned};

const DECISIONS: &str = "judge_decisions";
const TICKETS: &str = "hitl_queue_items";
const CALIBRATIONS: &str = "judge_calibrations";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [double_null("raw_confidence"), text_null("opinion_of")] {
            manager.alter_table(Table::alter().table(DECISIONS).add_column(column).take()).await?;
        }
        let columns = [uuid_null("campaign_id"), json_binary_null("calibration")];
        let by_tenant = index("judge_calibrations_tenant", CALIBRATIONS, &["tenant_id", "id"]);
        create(manager, table(CALIBRATIONS, columns.into_iter().chain(versioned())), [by_tenant]).await?;
        // People's newest answers are what is learned from.
        let answered = index("hitl_queue_answered", TICKETS, &["tenant_id", "resolved_at", "id"])
            .and_where(Expr::col("resolved_at").is_not_null())
            .take();
        manager.create_index(answered).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table(TICKETS).name("hitl_queue_answered").to_owned()).await?;
        drop(manager, &[CALIBRATIONS]).await?;
        for column in ["opinion_of", "raw_confidence"] {
            manager.alter_table(Table::alter().table(DECISIONS).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
