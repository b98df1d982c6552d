//! When a signal's outcome came about, and why: what was held back is planned later than it was read.

use sea_orm_migration::prelude::{
    ColumnDef, ConditionalStatement, DbErr, DeriveMigrationName, Expr, ExprTrait as _, Index, MigrationTrait, Query,
    SchemaManager, Table,
};

use super::index;

const SIGNALS: &str = "trend_signals";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

/// An index over signals with one outcome.
async fn create(
    manager: &SchemaManager<'_>,
    name: &'static str,
    columns: &[&'static str],
    only: &'static str,
) -> Result<(), DbErr> {
    manager.create_index(index(name, SIGNALS, columns).and_where(Expr::cust(only)).take()).await
}

async fn drop(manager: &SchemaManager<'_>, name: &'static str) -> Result<(), DbErr> {
    manager.drop_index(Index::drop().table(SIGNALS).name(name).to_owned()).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Some time is needed for the rows that are there, until the next statement says which.
        let mut decided = ColumnDef::new("decided_at");
        decided.timestamp_with_time_zone().not_null().default("1970-01-01 00:00:00+00:00");
        manager.alter_table(Table::alter().table(SIGNALS).add_column(decided).to_owned()).await?;
        let note = ColumnDef::new("note").text().to_owned();
        manager.alter_table(Table::alter().table(SIGNALS).add_column(note).to_owned()).await?;
        let known = Query::update().table(SIGNALS).value("decided_at", Expr::col("ingested_at")).to_owned();
        manager.execute(known).await?;
        drop(manager, "trend_signals_agent_time").await?;
        let planned = "\"outcome\" = 'PLANNED'";
        create(manager, "trend_signals_agent_time", &["agent_id", "tenant_id", "decided_at"], planned).await?;
        let held = "\"outcome\" = 'DEFERRED'";
        create(manager, "trend_signals_held", &["campaign_id", "tenant_id", "ingested_at"], held).await?;
        create(manager, "trend_signals_held_time", &["ingested_at", "id"], held).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Programs before this one don't know the word.
        let mut stale = Query::update();
        stale.table(SIGNALS).value("outcome", "DEFERRED").and_where(Expr::col("outcome").eq("STALE"));
        manager.execute(stale).await?;
        drop(manager, "trend_signals_held_time").await?;
        drop(manager, "trend_signals_held").await?;
        drop(manager, "trend_signals_agent_time").await?;
        let planned = "\"outcome\" = 'PLANNED'";
        create(manager, "trend_signals_agent_time", &["agent_id", "tenant_id", "ingested_at"], planned).await?;
        for column in ["note", "decided_at"] {
            manager.alter_table(Table::alter().table(SIGNALS).drop_column(column).to_owned()).await?;
        }
        Ok(())
    }
}
