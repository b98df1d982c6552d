//! What an artifact answers, where it is a reply.

use sea_orm_migration::prelude::{
    DbErr, DeriveMigrationName, Expr, ExprTrait as _, MigrationTrait, Query, SchemaManager, Table,
};
use sea_orm_migration::schema::text_null;

const ARTIFACTS: &str = "artifacts";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table(ARTIFACTS).add_column(text_null("in_reply_to")).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Programs before this one don't know the word.
        let mut answered = Query::update();
        answered.table("trend_signals").value("outcome", "DUPLICATE").and_where(Expr::col("outcome").eq("ANSWERED"));
        manager.execute(answered).await?;
        manager.alter_table(Table::alter().table(ARTIFACTS).drop_column("in_reply_to").take()).await
    }
}
