//! An index by which it is found what went out lately. It has all that is asked, and begins with the time: where all
//! posts go to one channel, SQLite would rather read the table whole than begin with that.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, Index, MigrationTrait, SchemaManager};

use super::index;

const PUBLICATIONS: &str = "publications";
const INDEX: &str = "publications_time";

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = ["updated_at", "tenant_id", "channel", "state", "task_id"];
        manager.create_index(index(INDEX, PUBLICATIONS, &columns)).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().table(PUBLICATIONS).name(INDEX).to_owned()).await
    }
}
