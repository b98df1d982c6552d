//! Campaigns whose plans wait for their operator.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::boolean;

const CAMPAIGNS: &str = "campaigns";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut plan_review = boolean("plan_review");
        plan_review.default(false);
        manager.alter_table(Table::alter().table(CAMPAIGNS).add_column(plan_review).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(CAMPAIGNS).drop_column("plan_review").take()).await
    }
}
