//! Indices by which old rows are found that nobody needs any more, and what keeps their deletion from reading other tables
//! whole.

use sea_orm_migration::prelude::{
    ConditionalStatement, DbErr, DeriveMigrationName, Expr, Index, MigrationTrait, SchemaManager,
};

use super::index;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Whoever deletes a signal has the database look for tasks that point to it.
        manager.create_index(index("agent_tasks_signal", "agent_tasks", &["signal_id"])).await?;
        let mut free = index("tool_calls_free_time", "tool_calls", &["called_at", "id"]);
        manager.create_index(free.and_where(Expr::cust("\"cost_micros\" = 0")).take()).await?;
        let mut closed = index("alerts_closed_time", "alerts", &["created_at", "id"]);
        manager.create_index(closed.and_where(Expr::cust("\"acknowledged_by\" IS NOT NULL")).take()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name) in [
            ("alerts", "alerts_closed_time"),
            ("tool_calls", "tool_calls_free_time"),
            ("agent_tasks", "agent_tasks_signal"),
        ] {
            manager.drop_index(Index::drop().table(table).name(name).to_owned()).await?;
        }
        Ok(())
    }
}
