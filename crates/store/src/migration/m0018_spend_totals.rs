//! Totals of the spend ledger by agent and hour, kept by triggers.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, integer, timestamp_with_time_zone, uuid};

use super::{create, drop, index};
use crate::spend::totals;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table("spend_totals");
        for column in [
            uuid("agent_id"),
            timestamp_with_time_zone("hour"),
            integer("lane"),
            uuid("tenant_id"),
            big_integer("counted_micros"),
            timestamp_with_time_zone("latest"),
        ] {
            table.col(column);
        }
        table.primary_key(Index::create().col("agent_id").col("hour").col("lane").col("tenant_id"));
        create(manager, table.take(), [index("spend_totals_hour", "spend_totals", &["hour"])]).await?;
        totals::install(manager.get_connection()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        totals::remove(manager.get_connection()).await?;
        drop(manager, &["spend_totals"]).await
    }
}
