//! What a task rests on, and why it was cancelled.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, text_null};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut brief = big_integer("brief_version");
        // Nobody knows when a brief was edited before; nothing planned so far is void.
        brief.default(1);
        manager.alter_table(Table::alter().table("campaigns").add_column(brief).take()).await?;
        manager.alter_table(Table::alter().table("agent_tasks").add_column(text_null("cancel_reason")).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("agent_tasks").drop_column("cancel_reason").take()).await?;
        manager.alter_table(Table::alter().table("campaigns").drop_column("brief_version").take()).await
    }
}
