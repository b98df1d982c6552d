//! What one process at a time does.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager, Table};
use sea_orm_migration::schema::{big_integer, text, uuid};

use super::{create, drop};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let duties = Table::create()
            .table("duties")
            .col(uuid("tenant_id"))
            .col(text("name"))
            .col(text("owner"))
            .col(big_integer("lease_expires_ms"))
            .col(big_integer("state_version"))
            .primary_key(Index::create().col("tenant_id").col("name"))
            .take();
        create(manager, duties, []).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["duties"]).await
    }
}
