//! Failures counted apart from claims, and rests of posts that outlast a process.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, Index, MigrationTrait, SchemaManager, Table,
};
use sea_orm_migration::schema::{big_integer, big_integer_null};

use super::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut failures = big_integer("failures");
        // Nobody knows which of the claims so far failed. A task that has failed before gets a few tries more.
        failures.default(0);
        manager.alter_table(Table::alter().table("agent_tasks").add_column(failures).take()).await?;
        let not_before = big_integer_null("not_before_ms");
        manager.alter_table(Table::alter().table("publications").add_column(not_before).take()).await?;
        let mut resting = index("publications_resting", "publications", &["not_before_ms", "task_id", "tenant_id"]);
        manager.create_index(resting.and_where(Expr::cust("\"not_before_ms\" IS NOT NULL")).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table("publications").name("publications_resting").to_owned()).await?;
        manager.alter_table(Table::alter().table("publications").drop_column("not_before_ms").take()).await?;
        manager.alter_table(Table::alter().table("agent_tasks").drop_column("failures").take()).await
    }
}
