//! Who may use the console.

use sea_orm_migration::prelude::{DbErr, DeriveMigrationName, MigrationTrait, SchemaManager};
use sea_orm_migration::schema::{big_integer, text, timestamp_with_time_zone, timestamp_with_time_zone_null};

use super::{create, drop, index, table};

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let credentials = table(
            "credentials",
            [
                text("kind"),
                text("role"),
                text("name"),
                text("secret_hash"),
                timestamp_with_time_zone("expires_at"),
                timestamp_with_time_zone_null("ended_at"),
                big_integer("state_version"),
                timestamp_with_time_zone("created_at"),
            ],
        );
        let indices = [
            index("credentials_secret", "credentials", &["secret_hash"]).unique().take(),
            index("credentials_kind_expiry", "credentials", &["tenant_id", "kind", "expires_at"]),
        ];
        create(manager, credentials, indices).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop(manager, &["credentials"]).await
    }
}
