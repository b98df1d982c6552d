//! What the webhook was told of alerts.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, Index, MigrationTrait, Query, SchemaManager, Table,
};
use sea_orm_migration::schema::{big_integer, text_null, timestamp_with_time_zone_null};

use super::index;

const ALERTS: &str = "alerts";
const UNTOLD: &str = "alerts_untold";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let none_yet = |name| {
            let mut count = big_integer(name);
            count.default(0);
            count
        };
        let columns = [
            none_yet("told"),
            none_yet("tell_tries"),
            timestamp_with_time_zone_null("tell_after"),
            text_null("tell_error"),
        ];
        // SQLite adds one column at a time.
        for column in columns {
            manager.alter_table(Table::alter().table(ALERTS).add_column(column).take()).await?;
        }
        // What is known already is no news.
        let known = Query::update().table(ALERTS).value("told", 2_i64).take();
        manager.execute(known).await?;
        let untold = index(UNTOLD, ALERTS, &["tenant_id", "created_at", "id"])
            .and_where(Expr::cust("\"told\" < \"state_version\""))
            .take();
        manager.create_index(untold).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table(ALERTS).name(UNTOLD).to_owned()).await?;
        for column in ["tell_error", "tell_after", "tell_tries", "told"] {
            manager.alter_table(Table::alter().table(ALERTS).drop_column(column).take()).await?;
        }
        Ok(())
    }
}
