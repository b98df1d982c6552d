//! Which story a signal tells: the same one comes from many feeds, in nearly the same words. And trends: what is told of
//! more often than it uses to be. And the rhythm of resources: a silence out of it is told.

use sea_orm_migration::prelude::{
    ColumnDef, ConditionalStatement, DbErr, DeriveMigrationName, Expr, Index, MigrationTrait, Query, SchemaManager,
    Table,
};

use sea_orm_migration::schema::{
    big_integer, double, json_binary, text, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use super::{create, drop, index, table};

const SIGNALS: &str = "trend_signals";
const TRENDS: &str = "trends";
const CURSORS: &str = "resource_cursors";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let changed = ColumnDef::new("changed_at").timestamp_with_time_zone().to_owned();
        manager.alter_table(Table::alter().table(CURSORS).add_column(changed).to_owned()).await?;
        let gap = ColumnDef::new("gap_ms").big_integer().to_owned();
        manager.alter_table(Table::alter().table(CURSORS).add_column(gap).to_owned()).await?;
        let story = ColumnDef::new("story_id").uuid().to_owned();
        manager.alter_table(Table::alter().table(SIGNALS).add_column(story).to_owned()).await?;
        manager.execute(Query::update().table(SIGNALS).value("story_id", Expr::col("id")).to_owned()).await?;
        let columns = ["campaign_id", "story_id", "tenant_id"];
        manager.create_index(index("trend_signals_told", SIGNALS, &columns)).await?;
        // As with one wording of it: a campaign plans a story once, whichever planner sees it first.
        let mut once = index("trend_signals_told_once", SIGNALS, &columns);
        manager.create_index(once.unique().and_where(Expr::cust("\"outcome\" = 'PLANNED'")).take()).await?;
        let trends = table(
            TRENDS,
            [
                text("label"),
                text("state"),
                big_integer("items"),
                big_integer("sources"),
                double("expected"),
                double("z"),
                double("z_peak"),
                json_binary("members"),
                timestamp_with_time_zone("began_at"),
                timestamp_with_time_zone_null("ended_at"),
                big_integer("state_version"),
            ],
        );
        create(manager, trends, [index("trends_time", TRENDS, &["tenant_id", "state", "began_at", "id"])]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &[TRENDS]).await?;
        for name in ["trend_signals_told_once", "trend_signals_told"] {
            manager.drop_index(Index::drop().table(SIGNALS).name(name).to_owned()).await?;
        }
        manager.alter_table(Table::alter().table(SIGNALS).drop_column("story_id").to_owned()).await?;
        for column in ["gap_ms", "changed_at"] {
            manager.alter_table(Table::alter().table(CURSORS).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
