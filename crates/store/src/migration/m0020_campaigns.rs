//! Campaigns by operators: what they may do and when, their words, and who says what they are.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait as _, Index, MigrationTrait, SchemaManager, Table,
};
use sea_orm_migration::schema::{big_integer_null, json_binary, text, text_null};

use super::index;

const CAMPAIGNS: &str = "campaigns";
const LEDGER: &str = "spend_ledger";
const SIGNALS: &str = "trend_signals";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut terms = json_binary("terms");
        terms.default("{}");
        // Until now only files and seeds made campaigns, and a start brought them back to what the files say.
        let mut origin = text("origin");
        origin.default("CONFIGURATION");
        for column in [
            terms,
            big_integer_null("daily_task_cap"),
            big_integer_null("daily_budget_micros"),
            text_null("quiet_hours"),
            origin,
        ] {
            manager.alter_table(Table::alter().table(CAMPAIGNS).add_column(column).take()).await?;
        }
        let per_day = big_integer_null("max_tasks_per_day");
        manager.alter_table(Table::alter().table("agents").add_column(per_day).take()).await?;
        // What a campaign plans in a day is counted.
        let planned = index("trend_signals_campaign_planned", SIGNALS, &["campaign_id", "tenant_id", "decided_at"])
            .and_where(Expr::cust("\"outcome\" = 'PLANNED'"))
            .take();
        manager.create_index(planned).await?;
        // What a campaign spends in a day is answered from the index alone.
        let spent = &["campaign_id", "tenant_id", "reserved_at", "counted_micros"];
        manager.create_index(index("spend_ledger_campaign_time", LEDGER, spent)).await?;
        let quiet = index("campaigns_quiet", CAMPAIGNS, &["tenant_id"])
            .and_where(Expr::col("quiet_hours").is_not_null())
            .take();
        manager.create_index(quiet).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table(CAMPAIGNS).name("campaigns_quiet").to_owned()).await?;
        manager.drop_index(Index::drop().table(LEDGER).name("spend_ledger_campaign_time").to_owned()).await?;
        manager.drop_index(Index::drop().table(SIGNALS).name("trend_signals_campaign_planned").to_owned()).await?;
        manager.alter_table(Table::alter().table("agents").drop_column("max_tasks_per_day").take()).await?;
        for column in ["origin", "quiet_hours", "daily_budget_micros", "daily_task_cap", "terms"] {
            manager.alter_table(Table::alter().table(CAMPAIGNS).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
