//! What people say of scores, and the maps that are fitted to it.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{json_binary_null, text, text_null, uuid};

use super::{create, drop, index, references, table, versioned};

const CAMPAIGNS: &str = "campaigns";
const MARKS: &str = "signal_marks";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let map = json_binary_null("calibration");
        manager.alter_table(Table::alter().table(CAMPAIGNS).add_column(map).take()).await?;
        let columns = [uuid("campaign_id"), text("mark"), text_null("note"), text("marked_by")];
        let mut marks = table(MARKS, columns.into_iter().chain(versioned()));
        references(&mut marks, "signal_marks_signal", "id", "trend_signals");
        let latest = index("signal_marks_campaign", MARKS, &["campaign_id", "tenant_id", "updated_at", "id"]);
        create(manager, marks, [latest]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &[MARKS]).await?;
        manager.alter_table(Table::alter().table(CAMPAIGNS).drop_column("calibration").take()).await
    }
}
