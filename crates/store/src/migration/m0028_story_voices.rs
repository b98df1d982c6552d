//! Indices by which it is found who was planned to tell a story, whatever the campaign; and a word for what is refused
//! because enough of the fleet tell it.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait as _, Index, MigrationTrait, Query, SchemaManager,
};

use super::index;

const SIGNALS: &str = "trend_signals";
const INDICES: [(&str, &str); 2] =
    [("trend_signals_story_planned", "story_id"), ("trend_signals_wording_planned", "content_hash")];

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, column) in INDICES {
            let planned = Expr::cust("\"outcome\" = 'PLANNED'");
            manager.create_index(index(name, SIGNALS, &[column, "tenant_id"]).and_where(planned).take()).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Programs before this one don't know the word.
        let mut refused = Query::update();
        refused.table(SIGNALS).value("outcome", "STALE").and_where(Expr::col("outcome").eq("REFUSED"));
        manager.execute(refused).await?;
        for (name, _) in INDICES {
            manager.drop_index(Index::drop().table(SIGNALS).name(name).to_owned()).await?;
        }
        Ok(())
    }
}
