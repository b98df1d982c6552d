//! An index by which it is found what went out lately on a channel.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager};

use super::index;

const PUBLICATIONS: &str = "publications";
const INDEX: &str = "publications_channel_time";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(index(INDEX, PUBLICATIONS, &["channel", "updated_at", "tenant_id"])).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table(PUBLICATIONS).name(INDEX).to_owned()).await
    }
}
